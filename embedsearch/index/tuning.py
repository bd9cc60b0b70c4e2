"""The parameters of least cost at which an index reaches a recall, and what was measured.

Recall is measured and cost is computed, so the same is chosen whatever else the machine does.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from math import inf, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch._types import FloatMatrix, FloatVector, IntVector, Metric
from embedsearch.index.cost import TOPN, expected_cost
from embedsearch.index.faiss_tools import innermost, load_faiss, search_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from embedsearch.index.sources import Vectors

FEWEST_QUERIES = 50
# Scores that differ by less than float32 can tell count as equal.
_SAME = 4 * float(np.finfo(np.float32).eps)
# How many standard errors a recall must be above its target.
_Z = 1.0
_WIDEST = 8192
_FACTORS = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One setting of an index."""

    parameters: dict[str, float]  # `nprobe`, `efSearch`, `k_factor`; nothing if it is exact
    recall: float  # the mean share of the 10 nearest that were found
    microseconds: float  # the expected cost of a query with one thread; see `expected_cost`

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> OperatingPoint:
        """Undo `TuningReport.to_json`."""
        parameters = {str(key): _number(number) for key, number in value["parameters"].items()}
        measured = ("recall", "microseconds")
        return cls(parameters, *(float(_number(value[name])) for name in measured))


@dataclass(frozen=True, slots=True)
class OperatingCurve:
    """Recall against the cost of a query, of one kind of index."""

    spec: str  # FAISS's factory string
    count: int  # how many vectors it held when this was measured
    points: tuple[OperatingPoint, ...]  # in the order of their recall
    chosen: OperatingPoint | None = None  # the one that reaches the target, if any does

    @property
    def best(self) -> OperatingPoint:
        """The point that reaches the target, or else the one that comes nearest to it."""
        return self.chosen or max(self.points, key=lambda point: point.recall)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> OperatingCurve:
        """Undo `TuningReport.to_json`."""
        chosen = value["chosen"]
        return cls(
            str(value["spec"]),
            int(value["count"]),
            tuple(OperatingPoint.from_json(point) for point in value["points"]),
            None if chosen is None else OperatingPoint.from_json(chosen),
        )


@dataclass(frozen=True, slots=True)
class TuningReport:
    """Why an index is what it is."""

    spec: str  # FAISS's factory string, or "flat"
    reasons: tuple[str, ...] = ()  # why this one, in sentences
    curve: OperatingCurve | None = None  # of the index; None for an exact one
    others: tuple[OperatingCurve, ...] = ()  # of the kinds that were built and not taken
    # What was changed for want of data, and what else the user should know.
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for a file and for `embedsearch index --explain --json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TuningReport:
        """Undo `to_json`; what it does not write is a `VectorError`."""
        try:
            curve = value["curve"]
            return cls(
                str(value["spec"]),
                tuple(map(str, value["reasons"])),
                None if curve is None else OperatingCurve.from_json(curve),
                tuple(OperatingCurve.from_json(other) for other in value["others"]),
                tuple(map(str, value["notes"])),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise VectorError(f"not a report of the choice of an index ({error!r})") from error


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"not a number: {value!r}")
    return value


class HeldOutQueries:
    """Queries with their exact neighbours.

    What an index finds counts if its exact score is no lower than that of the last of the exact
    neighbours: so one of many equal vectors is as good as another. Queries that have an equal
    vector among the others, as new ones seldom have, are left out if 50 or more remain.

    `own` is the row of `vectors` that each query is, which is then not its own neighbour.
    """

    def __init__(
        self, vectors: Vectors, Q: FloatMatrix, own: IntVector | None, metric: Metric
    ) -> None:
        self.Q = Q
        self._own, self._vectors = own, vectors
        self._euclidean = metric is Metric.EUCLIDEAN
        self.k = min(TOPN, vectors.shape[0] - (own is not None))
        distances, rows = _exact_neighbors(vectors, Q, self.wanted, self._euclidean)
        self._exact, self._rows = self._without_own(distances, rows)
        self._leave_out_copies()

    @property
    def wanted(self) -> int:
        """How many answers to ask an index for; the query itself may be among them."""
        return self.k + (self._own is not None)

    def recalls(self, rows: IntVector) -> NDArray[np.float64]:
        """Compute the share of the neighbours that an index found, for each query: `(nq,)`.

        `rows` are answers `(nq, wanted)`, best first, -1 for none.
        """
        found = self._without_own(rows, rows)[1]
        known = (found[:, :, np.newaxis] == self._rows[:, np.newaxis]).any(axis=2)
        queries, places = np.nonzero(~known & (found >= 0))
        known[queries, places] = self._as_near(queries, found[queries, places])
        shares: NDArray[np.float64] = known.sum(axis=1) / self.k
        return shares

    def _leave_out_copies(self) -> None:
        nearest = self._vectors.take(self._rows[:, 0])
        unlike = np.flatnonzero((nearest != self.Q).any(axis=1))
        if len(unlike) < FEWEST_QUERIES:
            return
        self.Q, self._exact, self._rows = self.Q[unlike], self._exact[unlike], self._rows[unlike]
        if self._own is not None:
            self._own = self._own[unlike]

    def _as_near(self, queries: IntVector, rows: IntVector) -> NDArray[np.bool_]:
        """Return which rows are as near as the last of the exact neighbours of their queries."""
        if not len(rows):
            return np.empty(0, bool)
        X, Q = self._vectors.take(rows).astype(np.float64), self.Q[queries].astype(np.float64)
        border = self._exact[queries, -1].astype(np.float64)
        slack = _SAME * (np.einsum("nd,nd->n", X, X) + np.einsum("nd,nd->n", Q, Q))
        near: NDArray[np.bool_]
        if self._euclidean:
            near = np.einsum("nd,nd->n", X - Q, X - Q) <= border + slack
        else:
            near = np.einsum("nd,nd->n", X, Q) >= border - slack
        return near

    def _without_own(self, values: NDArray[Any], rows: IntVector) -> tuple[NDArray[Any], IntVector]:
        if self._own is None:
            return values, rows
        # Own rows go last; if one was not found, the row too many is dropped.
        is_own = rows == self._own[:, np.newaxis]
        order = np.argsort(is_own, axis=1, kind="stable")[:, : self.k]
        return np.take_along_axis(values, order, 1), np.take_along_axis(rows, order, 1)


def _exact_neighbors(
    vectors: Vectors, Q: FloatMatrix, k: int, euclidean: bool
) -> tuple[FloatVector, IntVector]:
    """Compare queries with all vectors: FAISS's scores and rows `(nq, k)`, best first."""
    faiss = load_faiss()
    kind = faiss.METRIC_L2 if euclidean else faiss.METRIC_INNER_PRODUCT
    best = faiss.ResultHeap(len(Q), k, keep_max=not euclidean)
    for block in vectors.blocks():
        distances, rows = faiss.knn(Q, block.X, min(k, len(block.X)), metric=kind)
        best.add_result(distances, rows + block.start)
    best.finalize()
    return best.D, best.I


@dataclass(frozen=True, slots=True)
class Knobs:
    """What can be set when an index is searched."""

    main: str  # `nprobe` or `efSearch`; empty if it has neither
    least: int
    most: int
    refined: bool  # by a `k_factor`


def knobs_of(index: Any) -> Knobs:
    """Return which parameters a FAISS index has."""
    faiss = load_faiss()
    inner = innermost(index)
    refined = isinstance(faiss.downcast_index(index), faiss.IndexRefine)
    if isinstance(inner, faiss.IndexIVF):
        return Knobs("nprobe", 1, int(inner.nlist), refined)
    if isinstance(inner, faiss.IndexHNSW):
        most = max(TOPN, min(_WIDEST, int(index.ntotal)))
        return Knobs("efSearch", TOPN, most, refined)
    return Knobs("", 0, 0, refined)


class Tuner:
    """Measures one index with held-out queries, and knows what they cost in a batch or alone.

    What costs more than `most` nanoseconds and still finds too little is given up.
    """

    def __init__(
        self, index: Any, queries: HeldOutQueries, batch: bool = False, most: float = inf
    ) -> None:
        self._index, self._queries = index, queries
        self._batch, self._most = batch, most
        self._knobs = knobs_of(index)
        self._seen: dict[tuple[int, int], NDArray[np.float64]] = {}

    def choose(self, target: float) -> dict[str, float] | None:
        """Return the parameters of least cost that reach a recall; None if none do.

        The recall that was measured, less its standard error, reaches it.
        """
        if not self._knobs.refined:
            main = self._least(1, target)
            return None if main is None else self._named(main, 1)
        pairs: list[tuple[int, int]] = []
        for factor in self._enough_factors(target):
            main = self._least(factor, target)
            if main is not None:
                pairs.append((main, factor))
            costs = [self._cost(*pair) for pair in pairs]
            if len(costs) > 1 and costs[-1] > min(costs):
                break
        best = min(pairs, key=lambda pair: self._cost(*pair), default=None)
        return None if best is None else self._named(*best)

    def curve(self, spec: str, chosen: dict[str, float] | None) -> OperatingCurve:
        """Return all that was measured, with the cost of each."""
        points = [self._point(*key) for key in self._seen]
        points.sort(key=lambda point: (point.recall, point.microseconds))
        found = next((point for point in points if point.parameters == chosen), None)
        return OperatingCurve(spec, int(self._index.ntotal), tuple(points), found)

    def _point(self, main: int, factor: int) -> OperatingPoint:
        recall = float(self._shares(main, factor).mean())
        return OperatingPoint(self._named(main, factor), recall, self._cost(main, factor) / 1e3)

    def _cost(self, main: int, factor: int) -> float:
        return expected_cost(self._index, self._named(main, factor), self._batch)

    def _reaches(self, factor: int, target: float, main: int) -> bool:
        shares = self._shares(main, factor)
        surely = shares.mean() - _Z * shares.std() / sqrt(len(shares))
        return bool(surely >= target)

    def _enough_factors(self, target: float) -> tuple[int, ...]:
        """Leave out the factors at which nothing reaches the target, however wide it looks."""
        most = _FACTORS[-1]
        enough = 1 - (1 - target) / 4
        wide = self._doubled(most, lambda value: self._shares(value, most).mean() >= enough)
        wide = self._knobs.most if wide is None else wide
        least = (
            i for i, factor in enumerate(_FACTORS) if self._shares(wide, factor).mean() >= target
        )
        return _FACTORS[next(least, len(_FACTORS)) :]

    def _least(self, factor: int, target: float) -> int | None:
        """Return the least value of the main parameter, to one part in sixteen."""
        reached = partial(self._reaches, factor, target)
        high = self._doubled(factor, reached)
        if high is None or high == self._knobs.least:
            return high
        low = max(self._knobs.least, high // 2)
        while high - low > max(1, high // 16):
            middle = (low + high) // 2
            low, high = (low, middle) if reached(middle) else (middle, high)
        return high

    def _doubled(self, factor: int, reached: Callable[[int], bool]) -> int | None:
        value = self._knobs.least
        while not reached(value):
            if value >= self._knobs.most or self._cost(value, factor) > self._most:
                return None
            value = min(2 * value, self._knobs.most)
        return value

    def _named(self, main: int, factor: int) -> dict[str, float]:
        named: dict[str, float] = {self._knobs.main: main} if self._knobs.main else {}
        if self._knobs.refined:
            named["k_factor"] = factor
        return named

    def _asked(self, main: int, factor: int) -> dict[str, float]:
        """Name the parameters for one answer more, if a query finds itself."""
        named, k, wanted = self._named(main, factor), self._queries.k, self._queries.wanted
        if self._knobs.refined and wanted > k:
            # FAISS refines k_factor times as many as are wanted, rounded down.
            named["k_factor"] = (k * factor + wanted - k + 0.01) / wanted
        return named

    def _shares(self, main: int, factor: int) -> NDArray[np.float64]:
        """Return which share of its neighbours each query finds at some parameters."""
        key = main, factor
        if key not in self._seen:
            parameters = search_parameters(self._index, self._asked(*key))
            rows = self._index.search(self._queries.Q, self._queries.wanted, params=parameters)[1]
            self._seen[key] = self._queries.recalls(rows)
        return self._seen[key]
