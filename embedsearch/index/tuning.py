"""The least work at which an index finds what it shall.

Parameters are chosen by recall alone, so they are the same whatever else the machine does; the
time is only taken down.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf, sqrt
from time import thread_time
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.index._faiss import load_faiss
from embedsearch.index.choice import Curve, Point
from embedsearch.index.heldout import TOPN
from embedsearch.index.selecting import innermost, search_parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.index.heldout import HeldOut

# The quantile of the normal distribution for 99 %, one-sided.
_Z = 2.33
_WIDEST = 8192
_FACTORS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128)
_ALONE, _FEW_ALONE = 200, 30


@dataclass(frozen=True, slots=True)
class Knobs:
    """What can be set when an index is searched.

    Attributes:
        main: `nprobe` or `efSearch`; empty where there is neither.
        least: Its lowest value.
        most: Its highest.
        refined: Whether there is a `k_factor` too.
    """

    main: str
    least: int
    most: int
    refined: bool


def knobs_of(index: Any) -> Knobs:
    """Look which parameters a FAISS index has."""
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

    Args:
        index: A FAISS index, whose positions are the rows that `held_out` knows. It is searched
            with one thread.
        held_out: Two queries or more.
        slowest: Seconds a query, in a batch, at which what is still too little is given up.
    """

    def __init__(self, index: Any, held_out: HeldOut, slowest: float = inf) -> None:
        self._index, self._held_out = index, held_out
        self._slowest = slowest * len(held_out.Q)
        self._knobs = knobs_of(index)
        self._hopeless = False
        self._seen: dict[tuple[int, int], _Measured] = {}

    @property
    def batch_seconds(self) -> float:
        """The time of a query in a batch, at the fastest that was measured."""
        return min(seen.batch_seconds for seen in self._seen.values()) / len(self._held_out.Q)

    def choose(self, target: float) -> dict[str, float] | None:
        """Find the least parameters that reach a recall; None where none do.

        What is chosen has, on half of the queries, a recall of which the lower bound reaches the
        target; it is raised until the other half reaches the target too. Of pairs of parameters
        the one with the least to compute is taken.
        """
        for main, factor in self._by_effort(target):
            checked = self._raised_until_checked(main, factor, target)
            if checked is not None:
                return self._named(checked, factor)
        return None

    def point(self, parameters: dict[str, float]) -> Point:
        """Measure recall and speed at some parameters."""
        key = int(parameters.get(self._knobs.main, 0)), int(parameters.get("k_factor", 1))
        return self._point(key, self._timed(self._held_out.Q, key)[1], _ALONE)

    def curve(self, spec: str, chosen: dict[str, float] | None) -> Curve:
        """Give all that was measured, with the speed at each."""
        keys = sorted(self._seen, key=lambda key: (self._seen[key].recall, key))
        points = tuple(self._point(key, inf, _FEW_ALONE) for key in keys)
        found = next((point for point in points if point.parameters == chosen), None)
        return Curve(spec, int(self._index.ntotal), points, found)

    def _point(self, key: tuple[int, int], batch_seconds: float, queries: int) -> Point:
        measured, alone = self._at(*key), self._held_out.Q[:queries]
        batch = min(measured.batch_seconds, batch_seconds) / len(self._held_out.Q)
        seconds = max(1e-9, sqrt(batch * self._alone(alone, key) / len(alone)))
        recall = min(measured.recall, measured.checked)
        return Point(self._named(*key), recall, 1 / seconds, 1e3 * seconds)

    def _by_effort(self, target: float) -> list[tuple[int, int]]:
        """Pair each `k_factor` with the least main parameter that will do, the cheapest first."""
        if not self._knobs.refined:
            main = self._least(lambda value: self._at(value, 1).surely >= target)
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
        """Find the least value of the main parameter, to one part in sixteen."""
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
        """Name the parameters for one answer more, where a query finds itself."""
        named, k, wanted = self._named(main, factor), self._held_out.k, self._held_out.wanted
        if self._knobs.refined and wanted > k:
            # FAISS refines k_factor times as many as are wanted, rounded down.
            named["k_factor"] = (k * factor + wanted - k + 0.01) / wanted
        return named

    def _at(self, main: int, factor: int) -> _Measured:
        key = main, factor
        if key not in self._seen:
            rows, seconds = self._timed(self._held_out.Q, key)
            self._hopeless = seconds > self._slowest
            self._seen[key] = _Measured(self._held_out.recalls(rows), seconds)
        return self._seen[key]

    def _alone(self, Q: FloatMatrix, key: tuple[int, int]) -> float:
        return sum(self._timed(q, key)[1] for q in Q[:, np.newaxis])

    def _timed(self, Q: FloatMatrix, key: tuple[int, int]) -> tuple[IntVector, float]:
        parameters = search_parameters(self._index, self._asked(*key))
        start = thread_time()
        _, rows = self._index.search(Q, self._held_out.wanted, params=parameters)
        return rows, thread_time() - start
