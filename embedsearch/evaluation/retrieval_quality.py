"""How well searches find the documents that answer queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embedsearch._errors import InputError, ParameterError
from embedsearch._progress import SilentProgress
from embedsearch.evaluation.base import CONFIDENCE, Report, number, quoted_ids
from embedsearch.evaluation.metrics import METRICS, Measure, measure_run, parse_metrics
from embedsearch.evaluation.significance import bootstrap_interval, holm, permutation_p_values

if TYPE_CHECKING:
    from collections.abc import Container

    from numpy.typing import NDArray

    from embedsearch._progress import Progress, Task
    from embedsearch.evaluation.collections import Collection
    from embedsearch.evaluation.trec_runs import Ranking, Run


Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ModeResult:
    """How good one search is.

    Attributes:
        mode: Its name.
        means: The mean over queries by measure.
        intervals: The 95 % confidence interval of each mean; `(nan, nan)` for a single query.
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
            "comparisons": [
                {
                    "mode": one.mode,
                    "baseline": one.baseline,
                    "metrics": {name: found.to_json() for name, found in one.differences.items()},
                }
                for one in self.comparisons
            ],
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


def _plain(interval: Interval) -> list[float] | None:
    ends = [number(end) for end in interval]
    return None if None in ends else [float(end) for end in interval]


def _cell(mean: float, interval: Interval) -> str:
    half = number((interval[1] - interval[0]) / 2)
    return f"{mean:.3f}" if half is None else f"{mean:.3f} ± {half:.3f}"


Searcher = Callable[[Sequence[str], int], Sequence[Sequence[tuple[str, float]]]]
"""A search: texts of queries and `topn` to `(id, score)` of each one's documents, best first."""

# Queries that a search is asked at a time; its speed is the median over such batches.
BATCH = 32


@dataclass(frozen=True, slots=True)
class Answers:
    """What a search answered.

    `seconds` is the wall time a query: the median over batches, so that what is loaded for the
    first counts little; None for a run that was found elsewhere.
    """

    run: Run = field(repr=False)
    seconds: float | None = None
    notes: tuple[str, ...] = ()


def ask(
    mode: str, searcher: Searcher, queries: Mapping[str, str], topn: int, task: Task
) -> Answers:
    """Ask a search all queries; `mode` is what errors call it."""
    ids, texts = list(queries), list(queries.values())
    run: dict[str, Ranking] = {}
    seconds = []
    for start in range(0, len(ids), BATCH):
        batch = texts[start : start + BATCH]
        before = perf_counter()
        rankings = searcher(batch, topn)
        seconds.append((perf_counter() - before) / len(batch))
        if len(rankings) != len(batch):
            raise InputError(
                f"{mode} answered {len(rankings)} of {len(batch)} queries; "
                "a search has to return a list for each, an empty one where it finds nothing"
            )
        found = zip(ids[start : start + BATCH], rankings, strict=True)
        run |= {id: as_ranking(mode, id, ranking[:topn]) for id, ranking in found if len(ranking)}
        task.advance(len(batch))
    return Answers(run, float(np.median(seconds)))


def answers_of_run(mode: str, run: Run, queries: Mapping[str, str]) -> Answers:
    """Take the rankings of a collection's queries from a run."""
    known = {id: as_ranking(mode, id, run[id]) for id in queries if run.get(id)}
    if not known:
        examples = f"the collection has {next(iter(queries))!r}, the run {next(iter(run), None)!r}"
        raise InputError(
            f"the run {mode} answers no query of the collection ({examples}); "
            "give the run of this collection and split"
        )
    others = sum(id not in queries for id in run)
    notes = (f"{mode}: queries of the run without judgements left out: {others:,}",)
    return Answers(known, None, notes if others else ())


def as_ranking(mode: str, query: str, ranking: Ranking) -> Ranking:
    """Return a ranking as a list of pairs; refuse a document that comes twice."""
    found = [(document, float(score)) for document, score in ranking]
    if len({document for document, _ in found}) < len(found):
        ids = [document for document, _ in found]
        twice = next(id for rank, id in enumerate(ids) if id in ids[:rank])
        raise InputError(
            f"{mode} gives document {twice!r} twice for query {query!r}; "
            "a ranking has to have each document once, at its best place"
        )
    return found


def retrieval(
    searchers: Mapping[str, Searcher | Run],
    collection: Collection,
    *,
    metrics: Sequence[str] = METRICS,
    topn: int = 1000,
    baseline: str | None = None,
    known_ids: Container[str] | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> RetrievalReport:
    """Evaluate searches on a test collection.

    A query for which a search finds nothing scores 0. Judged documents that cannot be found,
    because they are not in the workspace, count as missed, as they do for the field.

    Args:
        searchers: By name, a search, or a run that was found elsewhere (`read_run`).
        collection: The queries and judgements.
        metrics: What to measure; see `parse_metrics`. The first is the main one.
        topn: How many documents to ask for. `map` and `recall@k` need as many as they look at;
            1,000 is the custom of TREC.
        baseline: The search that the others are compared with; None takes the first.
        known_ids: The documents that can be found; None does not check.
        seed: Of the samples of the confidence intervals and tests.
        progress: A listener.

    Raises:
        ParameterError: No search, an unknown measure or baseline, or a `topn` below a cutoff.
        InputError: No judged document can be found, a search returns a document twice or does not
            answer each query, or a run answers none.
    """
    measures = parse_metrics(metrics)
    baseline = _check(searchers, collection, measures, topn, baseline)
    notes = [*collection.notes, *_unknown_documents(collection, known_ids)]
    answers = _all_answers(searchers, collection, topn, progress or SilentProgress())
    values = {
        mode: measure_run(found.run, collection.qrels, measures) for mode, found in answers.items()
    }
    names = [str(measure) for measure in measures]
    modes = [_mode_result(m, answers[m], values[m], collection, names, seed) for m in answers]
    return RetrievalReport(
        modes=tuple(modes),
        comparisons=_comparisons(values, baseline, names, seed),
        queries=len(collection.queries),
        split=collection.split,
        topn=topn,
        notes=(*notes, *(note for found in answers.values() for note in found.notes)),
    )


def _check(
    searchers: Mapping[str, Any],
    collection: Collection,
    measures: Sequence[Measure],
    topn: int,
    baseline: str | None,
) -> str:
    if not searchers:
        raise ParameterError("searchers", "one search or more", searchers)
    if not collection.queries:
        raise InputError("the collection has no queries; read one with load_collection")
    deepest = max(measures, key=lambda measure: measure.cutoff or 1)
    if topn < (deepest.cutoff or 1):
        raise ParameterError("topn", f"at least {deepest.cutoff or 1}, for {deepest}", topn)
    if baseline is not None and baseline not in searchers:
        raise ParameterError("baseline", f"one of {quoted_ids(searchers)}", baseline)
    return next(iter(searchers)) if baseline is None else baseline


def _unknown_documents(collection: Collection, known: Container[str] | None) -> list[str]:
    if known is None:
        return []
    judged = list(dict.fromkeys(id for grades in collection.qrels.values() for id in grades))
    unknown = [id for id in judged if id not in known]
    if len(unknown) == len(judged):
        raise InputError(
            f"none of the {len(judged):,} judged documents is known here ({quoted_ids(judged)}); "
            "build from the collection's own documents, and keep their ids (--id-column)"
        )
    what = f"of {len(judged):,} judged documents, these are not here and count as missed"
    return [f"{what}: {quoted_ids(unknown)}"] if unknown else []


def _all_answers(
    searchers: Mapping[str, Searcher | Run], collection: Collection, topn: int, progress: Progress
) -> dict[str, Answers]:
    answers = {}
    for mode, searcher in searchers.items():
        if callable(searcher):
            with progress.task(f"searching ({mode})", len(collection.queries), "queries") as task:
                answers[mode] = ask(mode, searcher, collection.queries, topn, task)
        else:
            answers[mode] = answers_of_run(mode, searcher, collection.queries)
    return answers


def _mode_result(
    mode: str,
    answers: Answers,
    values: NDArray[np.float64],
    collection: Collection,
    names: Sequence[str],
    seed: int,
) -> ModeResult:
    rows = zip(collection.qrels, values, strict=True)
    return ModeResult(
        mode=mode,
        means=_by_name(names, values.mean(axis=0)),
        intervals=_intervals(names, values, seed),
        per_query={query: _by_name(names, row) for query, row in rows},
        unanswered=len(collection.queries) - len(answers.run),
        seconds=answers.seconds,
        run=answers.run,
    )


def _comparisons(
    values: Mapping[str, NDArray[np.float64]], baseline: str, names: Sequence[str], seed: int
) -> tuple[Comparison, ...]:
    less = {mode: values[mode] - values[baseline] for mode in values if mode != baseline}
    p_values = {mode: permutation_p_values(found, seed=seed) for mode, found in less.items()}
    adjusted = [holm([p[column] for p in p_values.values()]) for column in range(len(names))]
    return tuple(
        Comparison(mode, baseline, _differences(found, names, p_values[mode], holms, seed))
        for (mode, found), holms in zip(less.items(), zip(*adjusted, strict=True), strict=True)
    )


def _differences(
    found: NDArray[np.float64],
    names: Sequence[str],
    p_values: NDArray[np.float64],
    adjusted: Sequence[float],
    seed: int,
) -> dict[str, Difference]:
    ends = _intervals(names, found, seed)
    return {
        name: Difference(
            mean=float(found[:, column].mean()),
            interval=ends[name],
            p=float(p_values[column]),
            p_holm=float(adjusted[column]),
            better=int((found[:, column] > 0).sum()),
            worse=int((found[:, column] < 0).sum()),
        )
        for column, name in enumerate(names)
    }


def _intervals(names: Sequence[str], values: NDArray[np.float64], seed: int) -> dict[str, Interval]:
    ends = bootstrap_interval(values, seed=seed)
    return {name: (float(a), float(b)) for name, (a, b) in zip(names, ends, strict=True)}


def _by_name(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}
