"""The outcome of an evaluation of search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from embedsearch.evaluation.base import Report, number
from embedsearch.evaluation.significance import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedsearch.evaluation.trec_run import Run

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ModeResult:
    """How good one search is.

    Attributes:
        mode: Its name.
        means: The mean over queries by measure.
        intervals: The 95 % confidence interval of each mean; `(nan, nan)` where there is one
            query.
        per_query: The values of the measures by query.
        unanswered: Queries for which nothing was found; each scores 0.
        seconds: Wall time a query, or None for a run that was found elsewhere.
        run: What was found, to be written by `write_run`; about 130 bytes a document.
    """

    mode: str
    means: Mapping[str, float]
    intervals: Mapping[str, Interval]
    per_query: Mapping[str, Mapping[str, float]] = field(repr=False)
    unanswered: int
    seconds: float | None
    run: Run = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the means under their names, then the rest."""
        return {
            **self.means,
            "ci": {name: _plain(ends) for name, ends in self.intervals.items()},
            "unanswered": self.unanswered,
            "seconds_per_query": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of a search, less that of the baseline.

    Attributes:
        mean: The difference of the means.
        interval: Its 95 % confidence interval.
        p: The p-value of the paired randomisation test, two-sided.
        p_holm: The same, adjusted for the number of searches that are compared on this measure.
        better: Queries on which the search is better.
        worse: Queries on which the baseline is better.
    """

    mean: float
    interval: Interval
    p: float
    p_holm: float
    better: int
    worse: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "difference": self.mean,
            "ci": _plain(self.interval),
            "p": self.p,
            "p_holm": self.p_holm,
            "better": self.better,
            "worse": self.worse,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """A search against the baseline.

    Attributes:
        mode: The search.
        baseline: The search that it is compared with.
        differences: By measure.
    """

    mode: str
    baseline: str
    differences: Mapping[str, Difference]


@dataclass(frozen=True)
class RetrievalReport(Report):
    """How well one or several searches find the documents that answer queries.

    Attributes:
        modes: The searches in the order that they were given.
        comparisons: Each search but the baseline, against the baseline.
        queries: How many queries were asked.
        split: Which part of the collection they are.
        topn: How many documents each search was asked for.
        notes: What was left out or assumed, a line each.
    """

    kind: ClassVar[str] = "retrieval"
    modes: tuple[ModeResult, ...]
    comparisons: tuple[Comparison, ...]
    queries: int
    split: str
    topn: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the measures by mode; of a single mode at the top, too."""
        single = self.modes[0].to_json() if len(self.modes) == 1 else {}
        return {
            **single,
            "split": self.split,
            "queries": self.queries,
            "topn": self.topn,
            "confidence": CONFIDENCE,
            "modes": {result.mode: result.to_json() for result in self.modes},
            "comparisons": [_comparison_json(comparison) for comparison in self.comparisons],
            "notes": list(self.notes),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return a line for each mode: means, half their intervals, and p of the first measure.

        `p` is adjusted for the number of modes (`Difference.p_holm`).
        """
        first = next(iter(self.modes[0].means))
        p_values = {c.mode: c.differences[first].p_holm for c in self.comparisons}
        return [self._row(result, f"p ({first})", p_values) for result in self.modes]

    def _row(
        self, result: ModeResult, p_name: str, p_values: Mapping[str, float]
    ) -> dict[str, Any]:
        measures = {
            name: _cell(mean, result.intervals[name]) for name, mean in result.means.items()
        }
        p = {p_name: p_values.get(result.mode)} if self.comparisons else {}
        seconds = result.seconds
        time = {"ms/query": None if seconds is None else round(1000 * seconds, 2)}
        return {"mode": result.mode, **measures, **p, **time}


def _comparison_json(comparison: Comparison) -> dict[str, Any]:
    differences = {name: found.to_json() for name, found in comparison.differences.items()}
    return {"mode": comparison.mode, "baseline": comparison.baseline, "metrics": differences}


def _plain(interval: Interval) -> list[float] | None:
    ends = [number(end) for end in interval]
    return None if None in ends else [float(end) for end in interval]


def _cell(mean: float, interval: Interval) -> str:
    half = number((interval[1] - interval[0]) / 2)
    return f"{mean:.3f}" if half is None else f"{mean:.3f} ± {half:.3f}"
