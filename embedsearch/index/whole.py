"""A kind of index built with all vectors, and tuned on them."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch.index._faiss import load_faiss
from embedsearch.index.heldout import HeldOut
from embedsearch.index.making import made, train
from embedsearch.index.preparation import Prepared, Without
from embedsearch.index.threads import building, omp_threads
from embedsearch.index.tuning import Tuner

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.index.choice import Curve


class Queries(NamedTuple):
    """What is asked to measure: vectors that were given, or rows of the index.

    Attributes:
        given: `(nq, d)`, as FAISS gets them; None where rows are asked for.
        rows: Ascending, `(nq,)`.
        notes: What the user should know of them.
    """

    given: FloatMatrix | None
    rows: IntVector
    notes: tuple[str, ...] = ()


class Whole:
    """Builds kinds of index, one after the other, with the same vectors.

    Args:
        vectors: `(n, d)`, as FAISS gets them.
        queries: What is asked to measure.
        target: The recall to reach.
        seed: Of the training.
        threads: For building; queries are asked with one.
        progress: Hears of vectors added.
        slowest: See `Tuner`.
    """

    def __init__(
        self,
        vectors: Prepared,
        queries: Queries,
        target: float,
        seed: int,
        threads: int | None,
        progress: Progress,
        slowest: float = inf,
    ) -> None:
        self._vectors, self._queries, self._target = vectors, queries, target
        self._seed, self._threads, self._progress = seed, threads, progress
        self._metric, self._slowest = vectors.space.metric, slowest

    def build(self, spec: str) -> tuple[Any, Curve]:
        """Train, fill and tune an index; rows that are asked for take no part in the training.

        Returns:
            The FAISS index, and its curve; nothing is `chosen` there where it misses the target.
        """
        vectors, (given, rows, _) = self._vectors, self._queries
        index = made(spec, vectors.shape[1], self._metric, self._seed)
        with building(self._threads):
            rest = Without(vectors, rows)
            train(index, rest, spec, self._seed)
            if given is None and isinstance(index, load_faiss().IndexHNSW):
                return index, self._graph_tuned(index, spec, rest)
            self._add(index, vectors)
            Q = vectors.take(rows) if given is None else given
            own = rows if given is None else None
            return index, self._tuned(index, spec, HeldOut(vectors, Q, own, self._metric))

    def _graph_tuned(self, index: Any, spec: str, rest: Without) -> Curve:
        """Tune a graph before the queries are put into it.

        What is in a graph is found through its own links, far more easily than a new query: at
        a recall of 0.98 for rows of the graph, new queries had 0.94. (Lists know no difference.)
        """
        rows = self._queries.rows
        Q = self._vectors.take(rows)
        self._add(index, rest)
        curve = self._tuned(index, spec, HeldOut(rest, Q, None, self._metric))
        index.add(Q)
        index.permute_entries(np.argsort(np.concatenate([rest.rows, rows])))
        return curve

    def _add(self, index: Any, vectors: Prepared | Without) -> None:
        with self._progress.task("index", vectors.shape[0], "vectors") as task:
            for block in vectors.blocks():
                index.add(block.X)
                task.advance(len(block.X))

    def _tuned(self, index: Any, spec: str, held_out: HeldOut) -> Curve:
        tuner = Tuner(index, held_out, self._slowest)
        with omp_threads(1):
            return tuner.curve(spec, tuner.choose(self._target))
