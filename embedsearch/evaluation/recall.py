"""How many of the nearest an index finds, compared with exact search, and how fast it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embedsearch._checks import NATURAL, Instance, as_count, check
from embedsearch._errors import ParameterError, VectorError
from embedsearch._progress import listener_of
from embedsearch.evaluation.base import Report
from embedsearch.index.vector_index import VectorIndex
from embedsearch.vectors.arrays import as_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector


def nearest(
    index: VectorIndex, Q: FloatMatrix, own: IntVector | None, k: int
) -> tuple[FloatMatrix, IntVector]:
    """Search an index, leaving out of each answer the row that the query is itself.

    `own` has the row of the index that each query is; None if they are not rows of it.
    """
    if own is None:
        return index.search(Q, k)
    scores, rows = index.search(Q, k + 1)
    # Own rows go last; where one was not found, the row too many is dropped.
    order = np.argsort(rows == own[:, np.newaxis], axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)


_PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class IndexReport(Report):
    """Recall and speed of an index.

    Attributes:
        index: The `repr` of the index.
        recall: The mean share of the k nearest that it finds, by k.
        latency_ms: Milliseconds of one query alone, by percentile.
        queries_per_second: Of all queries in one batch, by wall time.
        queries: How many there were.
        topn: How many neighbours a timed query asked for.
        notes: What was left out or assumed, a line each.
    """

    kind: ClassVar[str] = "index"
    index: str
    recall: dict[int, float]
    latency_ms: dict[int, float]
    queries_per_second: float
    queries: int
    topn: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "index": self.index,
            **{f"recall@{k}": value for k, value in self.recall.items()},
            "latency_ms": {f"p{at}": value for at, value in self.latency_ms.items()},
            "queries_per_second": self.queries_per_second,
            "queries": self.queries,
            "topn": self.topn,
            "notes": list(self.notes),
        }

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                **{f"recall@{k}": value for k, value in self.recall.items()},
                **{f"p{at} ms": value for at, value in self.latency_ms.items()},
                "queries/s": self.queries_per_second,
            }
        ]


def index_recall(
    index: VectorIndex,
    X: ArrayLike,
    Q: ArrayLike | None = None,
    *,
    ks: Sequence[int] = (1, 10, 100),
    topn: int = 10,
    queries: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> IndexReport:
    """Compare an index with exact search over the same vectors, and time it.

    A row that was found counts if its exact score is no lower than that of the k-th nearest, so
    that of rows that tie at the border any will do. Each k is a search of its own, as a user
    would ask. Single queries are timed one after the other, after one that warms up.

    Args:
        index: The index; its metric is that of the exact search.
        X: The vectors that it holds, `(n, d)`, in its order.
        Q: Queries `(nq, d)`, such as vectors that were held back. None takes rows of `X`, which
            then do not count as their own neighbours.
        ks: For which k to measure recall@k. Those beyond the number of vectors are left out.
        topn: How many neighbours a timed query asks for.
        queries: At most so many queries, drawn without repetition.
        seed: Of the draw.
        progress: A listener.

    Raises:
        ParameterError: A setting out of range.
        VectorError: `X` or `Q` does not fit the index, or has NaN or infinity.
    """
    check("index", index, Instance(VectorIndex, "a VectorIndex"))
    check("seed", seed, NATURAL)
    if not isinstance(ks, Iterable):
        raise ParameterError("ks", "a list of numbers of neighbours", ks)
    X = as_matrix(X, "X", index.dimension)
    if len(X) != len(index):
        raise VectorError(f"X has {len(X):,} rows, the index {len(index):,}; give the same vectors")
    asked, own = _queries(X, Q, as_count("queries", queries), seed)
    limit = len(X) - (own is not None)
    used = [k for k in ks if as_count("ks", k) <= limit]
    if not used:
        raise ParameterError("ks", f"numbers of neighbours, at least one up to {limit}", ks)
    topn = as_count("topn", topn)
    exact = VectorIndex.build(X, index.metric, "flat")
    with listener_of(progress).task("index", len(used) + 1, "searches") as task:
        recall = {}
        for k in used:
            recall[k] = _recall(index, exact, asked, own, k)
            task.advance(1)
        latency, speed = _timed(index, asked, topn)
    notes = _notes(len(asked), own is not None, [k for k in ks if k > limit])
    return IndexReport(repr(index), recall, latency, speed, len(asked), topn, notes)


def _queries(
    X: FloatMatrix, Q: ArrayLike | None, most: int, seed: int
) -> tuple[FloatMatrix, IntVector | None]:
    """Return the queries, and which rows of `X` they are if they are such."""
    pool = X if Q is None else as_matrix(Q, "Q", X.shape[1])
    if not len(pool):
        raise VectorError("there are no vectors to ask for; give some in Q")
    rows = np.arange(len(pool))
    if len(pool) > most:
        # In order, as the vectors may be mapped from the disk.
        rows = np.sort(np.random.default_rng(seed).choice(len(pool), most, replace=False))
    return pool[rows], rows if Q is None else None


def _recall(
    index: VectorIndex, exact: VectorIndex, Q: FloatMatrix, own: IntVector | None, k: int
) -> float:
    """Return the mean share of the k nearest that the index finds.

    A row that was found counts if its exact score is no lower than that of the k-th nearest.
    """
    scores, wanted = nearest(exact, Q, own, k)
    found = nearest(index, Q, own, k)[1]
    right = 0
    for i in range(len(Q)):
        known = np.isin(found[i], wanted[i])
        others = found[i, ~known & (found[i] >= 0)]
        right += int(known.sum())
        # Only rows that are not the wanted ones need their scores, to see whether they tie.
        if len(others):
            rescored, _ = exact.search(Q[i : i + 1], len(others), allowed=others)
            right += int((rescored >= scores[i, -1]).sum())
    return right / wanted.size


def _timed(index: VectorIndex, Q: FloatMatrix, topn: int) -> tuple[dict[int, float], float]:
    """Return percentiles of the milliseconds of single queries, and queries a second of all."""
    # The first loads what all others find in memory.
    index.search(Q[:1], topn)
    seconds = [_seconds(index, q, topn) for q in Q[:, np.newaxis]]
    latency = np.percentile(seconds, _PERCENTILES) * 1000
    batch = _seconds(index, Q, topn)
    return dict(zip(_PERCENTILES, latency.tolist(), strict=True)), len(Q) / batch


def _seconds(index: VectorIndex, Q: FloatMatrix, topn: int) -> float:
    start = perf_counter()
    index.search(Q, topn)
    return perf_counter() - start


def _notes(queries: int, of_index: bool, left_out: Sequence[int]) -> tuple[str, ...]:
    whose = "of the index's own vectors, none its own neighbour" if of_index else "that were given"
    notes = [f"{queries:,} queries {whose}"]
    if left_out:
        names = ", ".join(f"recall@{k}" for k in left_out)
        notes.append(f"left out {names}: there are fewer vectors")
    return tuple(notes)
