"""Kinds of index tried out on a sample of the vectors."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from embedsearch.index.candidates import EXACT, Candidate, candidates
from embedsearch.index.heldout import HeldOut
from embedsearch.index.making import made, train
from embedsearch.index.threads import building, omp_threads
from embedsearch.index.tuning import Tuner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedsearch._progress import Task
    from embedsearch._types import FloatMatrix, Metric
    from embedsearch.index.blocks import ArraySource
    from embedsearch.index.choice import Curve, Point

_ROUNDS = 3
# Alone, a query is slow for exact search, which batches do not show.
_GENEROUS = 1.5


class Tried(NamedTuple):
    """A kind of index, at the size of all vectors, and what it did on the sample."""

    candidate: Candidate
    curve: Curve

    @property
    def worth(self) -> float:
        """The expected queries a second, less what a long building time takes off."""
        return (self.curve.expected_queries_per_second or 0.0) / self.candidate.handicap


class Trial:
    """A sample, and queries that are not in it.

    Args:
        sample: `(s, d)`, as FAISS gets them.
        Q: Queries, likewise.
        metric: How nearness is measured.
        total: How many vectors there are in all.
        target: The recall to reach.
        seed: Of the training.
        threads: For building; queries are asked with one.

    Attributes:
        times: How many times as many vectors there are as in the sample.
        exact_seconds: What exact search takes for a query in a batch, on the sample, or a little
            more; infinite before it was tried.
    """

    def __init__(
        self,
        sample: ArraySource,
        Q: FloatMatrix,
        metric: Metric,
        total: int,
        target: float,
        seed: int,
        threads: int | None,
    ) -> None:
        self._sample, self._metric = sample, metric
        self._target, self._seed, self._threads = target, seed, threads
        self.times = total / sample.shape[0]
        self.exact_seconds = inf
        with building(threads):
            self._held_out = HeldOut(sample, Q, None, metric)

    def run(self, kinds: Iterable[Candidate], task: Task) -> list[Tried]:
        """Build and tune each kind on the sample; the speeds are taken by turns at the end."""
        with_parameters = []
        curves = {}
        for kind in kinds:
            tuner = Tuner(self._built(kind), self._held_out, self._slowest(kind))
            with omp_threads(1):
                parameters = tuner.choose(self._target)
                curves[kind.name] = tuner.curve(self._small(kind).spec, parameters)
            if parameters is not None:
                with_parameters.append((kind, tuner, parameters))
            if kind.name == EXACT:
                self.exact_seconds = _GENEROUS * tuner.batch_seconds
            task.advance(1)
        best = self._fastest(with_parameters)
        return [
            Tried(kind, self._extrapolated(kind, curves[kind.name], best.get(kind.name)))
            for kind in kinds
        ]

    def _slowest(self, kind: Candidate) -> float:
        """Give the time of a query at which exact search is expected to be faster with all."""
        if kind.name == EXACT:
            return inf
        seconds: float = self.exact_seconds * self.times ** (1 - kind.growth)
        return seconds

    def _built(self, kind: Candidate) -> Any:
        with building(self._threads):
            spec = self._small(kind).spec
            index = made(spec, self._sample.shape[1], self._metric, self._seed)
            train(index, self._sample, spec, self._seed)
            for block in self._sample.blocks():
                index.add(block.X)
        return index

    def _small(self, kind: Candidate) -> Candidate:
        """Give the same kind for as many vectors as the sample has."""
        return next(small for small in candidates(*self._sample.shape) if small.name == kind.name)

    def _fastest(self, tuned: list[tuple[Candidate, Tuner, dict[str, float]]]) -> dict[str, Point]:
        best: dict[str, Point] = {}
        with omp_threads(1):
            for _ in range(_ROUNDS):
                for kind, tuner, parameters in tuned:
                    point = tuner.point(parameters)
                    best[kind.name] = max(point, best.get(kind.name, point), key=_speed)
        return best

    def _extrapolated(self, kind: Candidate, curve: Curve, point: Point | None) -> Curve:
        """Expect the time of a query to grow with the number of vectors to a power."""
        expected = None
        if point is not None:
            expected = point.queries_per_second / self.times**kind.growth
        return replace(
            curve, chosen=point, expected_queries_per_second=expected, nbytes=int(kind.nbytes)
        )


def _speed(point: Point) -> float:
    return point.queries_per_second
