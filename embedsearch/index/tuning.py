"""The parameters of least work at which an index reaches a recall, and what was measured.

Parameters are chosen by recall alone, so they are the same whatever else the machine does; the
time is only recorded.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from math import inf, sqrt
from time import thread_time
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch._types import FloatMatrix, FloatVector, IntVector, Metric
from embedsearch.index.faiss_tools import innermost, load_faiss, search_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from embedsearch.index.sources import Vectors

# How many neighbours a recall is measured by.
TOPN = 10
FEWEST_QUERIES = 50
# Scores that differ by less than float32 can tell count as equal.
_SAME = 4 * float(np.finfo(np.float32).eps)
# The quantile of the normal distribution for 99 %, one-sided.
_Z = 2.33
_WIDEST = 8192
_FACTORS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128)
# Queries that are timed one by one, at the chosen parameters and at the others.
_ALONE, _FEW_ALONE = 200, 30


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One setting of an index, measured with one thread."""

    parameters: dict[str, float]  # `nprobe`, `efSearch`, `k_factor`; nothing if it is exact
    recall: float  # the mean share of the 10 nearest that were found
    # The geometric mean of queries asked one by one and of queries in a batch.
    queries_per_second: float
    cpu_seconds: float  # of a thousand queries, likewise

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> OperatingPoint:
        """Undo `TuningReport.to_json`."""
        parameters = {str(key): _number(number) for key, number in value["parameters"].items()}
        measured = ("recall", "queries_per_second", "cpu_seconds")
        return cls(parameters, *(float(_number(value[name])) for name in measured))


@dataclass(frozen=True, slots=True)
class OperatingCurve:
    """Recall against speed of one kind of index."""

    spec: str  # FAISS's factory string
    count: int  # how many vectors it held when this was measured
    points: tuple[OperatingPoint, ...]  # in the order of their recall
    chosen: OperatingPoint | None = None  # the one that reaches the target, if any does
    # What the chosen one is expected to reach, and the index to take, with all vectors.
    expected_queries_per_second: float | None = None
    nbytes: int | None = None

    @property
    def best(self) -> OperatingPoint:
        """The point that reaches the target, or else the one that comes nearest to it."""
        return self.chosen or max(self.points, key=lambda point: point.recall)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> OperatingCurve:
        """Undo `TuningReport.to_json`."""
        chosen, nbytes = value["chosen"], value["nbytes"]
        expected = value["expected_queries_per_second"]
        return cls(
            str(value["spec"]),
            int(value["count"]),
            tuple(OperatingPoint.from_json(point) for point in value["points"]),
            None if chosen is None else OperatingPoint.from_json(chosen),
            None if expected is None else float(expected),
            None if nbytes is None else int(nbytes),
        )


@dataclass(frozen=True, slots=True)
class TuningReport:
    """Why an index is what it is."""

    spec: str  # FAISS's factory string, or "flat"
    reasons: tuple[str, ...] = ()  # why this one, in sentences
    curve: OperatingCurve | None = None  # measured on the whole index; None for an exact one
    samples: tuple[OperatingCurve, ...] = ()  # measured on a sample of the vectors, by kind
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
                tuple(OperatingCurve.from_json(sample) for sample in value["samples"]),
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


@dataclass(frozen=True, slots=True)
class _Measured:
    """Recall of each query, the even ones to choose by and the odd ones to check."""

    shares: NDArray[np.float64]
    batch_seconds: float

    @property
    def recall(self) -> float:
        return float(self.shares.mean())

    @property
    def checked(self) -> float:
        return float(self.shares[1::2].mean())

    @property
    def surely(self) -> float:
        """The lower bound, at 99 %, of the mean over all queries like the even ones."""
        chosen = self.shares[::2]
        return float(chosen.mean() - _Z * chosen.std() / sqrt(len(chosen)))


class Tuner:
    """Measures one index with held-out queries.

    `slowest` is the time of a query, in a batch, at which what is still too little is given up.
    """

    def __init__(self, index: Any, queries: HeldOutQueries, slowest: float = inf) -> None:
        self._index, self._queries = index, queries
        self._slowest = slowest * len(queries.Q)
        self._knobs = knobs_of(index)
        self._hopeless = False
        self._seen: dict[tuple[int, int], _Measured] = {}

    @property
    def batch_seconds(self) -> float:
        """The time of a query in a batch, at the fastest that was measured."""
        return min(seen.batch_seconds for seen in self._seen.values()) / len(self._queries.Q)

    def choose(self, target: float) -> dict[str, float] | None:
        """Return the least parameters that reach a recall; None if none do.

        On half of the queries the lower bound of their recall reaches the target; they are raised
        until the other half reaches it too. Of pairs the one with the least to compute is taken.
        """
        for main, factor in self._by_effort(target):
            checked = self._raised_until_checked(main, factor, target)
            if checked is not None:
                return self._named(checked, factor)
        return None

    def point(self, parameters: dict[str, float]) -> OperatingPoint:
        """Measure recall and speed at some parameters."""
        key = int(parameters.get(self._knobs.main, 0)), int(parameters.get("k_factor", 1))
        return self._point(key, self._timed(self._queries.Q, key)[1], _ALONE)

    def curve(self, spec: str, chosen: dict[str, float] | None) -> OperatingCurve:
        """Return all that was measured, with the speed at each."""
        keys = sorted(self._seen, key=lambda key: (self._seen[key].recall, key))
        points = tuple(self._point(key, inf, _FEW_ALONE) for key in keys)
        found = next((point for point in points if point.parameters == chosen), None)
        return OperatingCurve(spec, int(self._index.ntotal), points, found)

    def _point(self, key: tuple[int, int], batch_seconds: float, queries: int) -> OperatingPoint:
        measured, alone = self._at(*key), self._queries.Q[:queries]
        batch = min(measured.batch_seconds, batch_seconds) / len(self._queries.Q)
        one_by_one = sum(self._timed(q, key)[1] for q in alone[:, np.newaxis]) / len(alone)
        seconds = max(1e-9, sqrt(batch * one_by_one))
        recall = min(measured.recall, measured.checked)
        return OperatingPoint(self._named(*key), recall, 1 / seconds, 1e3 * seconds)

    def _by_effort(self, target: float) -> list[tuple[int, int]]:
        """Pair each `k_factor` with the least main parameter that will do, the cheapest first."""
        if not self._knobs.refined:
            main = self._least(partial(self._reaches, 1, target))
            return [] if main is None else [(main, 1)]
        pairs: list[tuple[int, int]] = []
        for factor in self._enough_factors(target):
            main = self._least(partial(self._reaches, factor, target))
            if main is not None:
                pairs.append((main, factor))
            efforts = [self._effort(*pair) for pair in pairs]
            if len(efforts) > 1 and efforts[-1] > min(efforts):
                break
        return sorted(pairs, key=lambda pair: self._effort(*pair))

    def _reaches(self, factor: int, target: float, main: int) -> bool:
        return self._at(main, factor).surely >= target

    def _enough_factors(self, target: float) -> tuple[int, ...]:
        """Leave out the factors at which nothing reaches the target, however wide it looks."""
        most = _FACTORS[-1]
        enough = 1 - (1 - target) / 4
        wide = self._doubled(lambda value: self._at(value, most).recall >= enough)
        wide = self._knobs.most if wide is None else wide
        least = (i for i, factor in enumerate(_FACTORS) if self._at(wide, factor).recall >= target)
        return _FACTORS[next(least, len(_FACTORS)) :]

    def _effort(self, main: int, factor: int) -> float:
        """Weigh what is compared: codes in lists, tables for them, and vectors that are refined.

        The weights are bytes moved, those of codes divided by what a processor does at once and
        those of a vector with what a jump to it costs; they were fitted to measured times.
        """
        d, lists = int(self._index.d), max(1, self._knobs.most)
        in_list = int(self._index.ntotal) / lists
        return main * d * (32 + in_list / 16) + factor * TOPN * (4 * d + 256)

    def _raised_until_checked(self, main: int, factor: int, target: float) -> int | None:
        limit = min(self._knobs.most, 2 * main)
        while self._at(main, factor).checked < target:
            if main >= limit:
                return None
            main = min(main + max(1, main // 8), limit)
        return main

    def _least(self, reached: Callable[[int], bool]) -> int | None:
        """Return the least value of the main parameter, to one part in sixteen."""
        high = self._doubled(reached)
        if high is None or high == self._knobs.least:
            return high
        low = max(self._knobs.least, high // 2)
        while high - low > max(1, high // 16):
            middle = (low + high) // 2
            low, high = (low, middle) if reached(middle) else (middle, high)
        return high

    def _doubled(self, reached: Callable[[int], bool]) -> int | None:
        value = self._knobs.least
        while not reached(value):
            if value >= self._knobs.most or self._hopeless:
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

    def _at(self, main: int, factor: int) -> _Measured:
        key = main, factor
        if key not in self._seen:
            rows, seconds = self._timed(self._queries.Q, key)
            self._hopeless = seconds > self._slowest
            self._seen[key] = _Measured(self._queries.recalls(rows), seconds)
        return self._seen[key]

    def _timed(self, Q: FloatMatrix, key: tuple[int, int]) -> tuple[IntVector, float]:
        parameters = search_parameters(self._index, self._asked(*key))
        start = thread_time()
        _, rows = self._index.search(Q, self._queries.wanted, params=parameters)
        return rows, thread_time() - start
