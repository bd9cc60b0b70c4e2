"""How well searches find the documents that answer queries, as trec_eval computes it.

The measures have the names of the field: with `r_i` the grade of the document at rank `i` (0 if
it is not relevant), `R` the number of relevant documents and `[...]` 1 or 0,

- `ndcg@k`: the sum of `r_i / log2(i + 1)` over the first `k`, divided by the same of the best
  possible order (Järvelin and Kekäläinen 2002);
- `map`: the sum of precision at each rank with a relevant document, divided by `R`;
- `mrr`: 1 divided by the rank of the first relevant document;
- `recall@k` and `precision@k`: the relevant documents among the first `k`, divided by `R`, or
  by `k`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from embedsearch._checks import NATURAL, STRING, Instance, Optional, as_count, check
from embedsearch._errors import InputError, ParameterError
from embedsearch._progress import listener_of
from embedsearch.evaluation.base import CONFIDENCE, Report, number, quoted_ids
from embedsearch.evaluation.collections import Collection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._progress import Progress, Task
    from embedsearch.evaluation.collections import Ranking, Run


METRICS = ("ndcg@10", "map", "mrr", "recall@10", "recall@100", "precision@10")
"""What is measured by default."""

_ALIASES = {"p": "precision", "r": "recall", "ap": "map", "rr": "mrr"}
_CUT_ALWAYS = ("recall", "precision")
_NAME = re.compile(r"(ndcg|map|ap|mrr|rr|recall|r|precision|p)(?:@([1-9][0-9]{0,5}))?")


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure."""

    kind: str  # "ndcg", "map", "mrr", "recall" or "precision"
    cutoff: int | None = None  # how many documents of a ranking count; None is all of them

    def __str__(self) -> str:
        """Return its name, such as `ndcg@10`."""
        return self.kind if self.cutoff is None else f"{self.kind}@{self.cutoff}"

    def of(self, ranked: NDArray[np.int64], judged: NDArray[np.int64]) -> float:
        """Measure one ranking, from 0 to 1; 0 if no document is relevant.

        `ranked` are the grades of its documents in order, `judged` those of all judged documents;
        none is below 0.
        """
        ranked = ranked[: self.cutoff]
        ranks = np.flatnonzero(ranked) + 1
        if not len(ranks):
            return 0.0
        if self.kind == "ndcg":
            best = np.sort(judged)[::-1][: self.cutoff]
            return _discounted_gain(ranked) / _discounted_gain(best)
        if self.kind == "map":
            precisions = np.arange(1, len(ranks) + 1) / ranks
            return float(precisions.sum() / np.count_nonzero(judged))
        if self.kind == "mrr":
            return float(1 / ranks[0])
        total = self.cutoff if self.kind == "precision" else np.count_nonzero(judged)
        return len(ranks) / int(total or 1)


def _discounted_gain(grades: NDArray[np.int64]) -> float:
    return float((grades / np.log2(np.arange(2, len(grades) + 2))).sum())


def parse_metrics(names: Sequence[str]) -> tuple[Measure, ...]:
    """Turn names into measures, each once.

    Args:
        names: `ndcg`, `map` or `mrr`, each with `@k` or without; `recall@k` or `precision@k`.
            `ap`, `rr`, `r@k` and `p@k` are understood too, and capitals.

    Raises:
        ParameterError: There is no such measure, or none was named.
    """
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, Iterable) or not (names := list(names)):
        raise ParameterError("metrics", "one measure or more", names)
    return tuple(dict.fromkeys(_parse(name) for name in names))


def _parse(name: str) -> Measure:
    match = _NAME.fullmatch(str(name).strip().lower())
    kind = _ALIASES.get(match[1], match[1]) if match else None
    if match is None or kind is None or (kind in _CUT_ALWAYS and not match[2]):
        allowed = (
            "ndcg, map or mrr (with @k or without), recall@k or precision@k, k below 1,000,000"
        )
        raise ParameterError("metrics", allowed, name)
    return Measure(kind, int(match[2]) if match[2] else None)


def measure_run(
    run: Run, qrels: Mapping[str, Mapping[str, int]], measures: Sequence[Measure]
) -> NDArray[np.float64]:
    """Measure each query of a run: `(queries, measures)`, in the order of `qrels`.

    The order of a ranking counts, not its scores. A query that is missing or has an empty ranking
    scores 0; one that is not judged is ignored. Grades below 0 count as 0.
    """
    values = np.zeros((len(qrels), len(measures)))
    for row, (query, judgements) in enumerate(qrels.items()):
        ranked = _grades([judgements.get(document, 0) for document, _ in run.get(query) or ()])
        judged = _grades(list(judgements.values()))
        values[row] = [measure.of(ranked, judged) for measure in measures]
    return values


def _grades(grades: list[int]) -> NDArray[np.int64]:
    return np.maximum(np.array(grades, np.int64), 0)


RESAMPLES = 10_000

# Values that are in memory at a time: 32 MB.
_BLOCK = 1 << 22
# Means that are equal may differ in their last digits, as their sums are in another order.
_DIGITS = 12


def bootstrap_interval(
    values: NDArray[np.float64],
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> NDArray[np.float64]:
    """Return a confidence interval for the mean over queries, by the percentile bootstrap.

    As many queries are drawn with replacement, and their mean is taken, many times; the
    interval lies between two percentiles of these means (Efron and Tibshirani 1993, chapter 13;
    for queries: Sakai 2006). Every measure of `values` `(n, m)` has the same draws.

    Returned are the lower and the upper ends, `(m, 2)`; NaN for fewer than two queries.
    """
    from scipy import stats

    n, m = values.shape
    if n < 2:
        return np.full((m, 2), np.nan)
    found = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=confidence,
        n_resamples=resamples,
        batch=max(1, _BLOCK // values.size),
        method="percentile",
        random_state=np.random.default_rng(seed),
    )
    ends: NDArray[np.float64] = np.stack(found.confidence_interval, axis=1)
    return ends


def permutation_p_values(
    differences: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = 1
) -> NDArray[np.float64]:
    """Test whether two searches differ in the mean, by Fisher's paired randomisation test.

    If they did not differ, each query could as well have its two values swapped. The p-value is
    twice the share of such swaps whose mean difference is at least as far on the same side of 0
    as the observed one (Smucker, Allan and Carterette 2007, who advise it for retrieval). If
    there are at most `resamples` ways to swap, all are tried and the p-value is exact; otherwise
    it is estimated from as many random ones and the observed one, so that it is never 0.

    `differences` are `(n, m)`; fewer than two queries have the p-value 1.
    """
    from scipy import stats

    if len(differences) < 2:
        return np.ones(differences.shape[1])

    def mean(drawn: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        means: NDArray[np.float64] = drawn.mean(axis=axis).round(_DIGITS)
        return means

    found = stats.permutation_test(
        (differences,),
        mean,
        # Of a single sample, SciPy turns the signs.
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _BLOCK // differences.size),
        random_state=np.random.default_rng(seed),
    )
    p_values: NDArray[np.float64] = found.pvalue
    return p_values


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for there being several, by Holm's method (1979).

    The smallest of `k` is multiplied by `k`, the next by `k - 1`, and so on; none falls below
    one before it, or rises above 1. Rejecting those below a level keeps the chance of any false
    rejection below that level.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(p) for p in adjusted]


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
        rest = asdict(self)
        return {"difference": rest.pop("mean"), "ci": _plain(rest.pop("interval")), **rest}


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

    def to_json(self) -> dict[str, Any]:
        metrics = {name: found.to_json() for name, found in self.differences.items()}
        return {"mode": self.mode, "baseline": self.baseline, "metrics": metrics}


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
            "comparisons": [one.to_json() for one in self.comparisons],
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


def _plain(interval: Interval) -> list[float | None] | None:
    ends = [number(end) for end in interval]
    return None if None in ends else ends


def _cell(mean: float, interval: Interval) -> str:
    half = number((interval[1] - interval[0]) / 2)
    return f"{mean:.3f}" if half is None else f"{mean:.3f} ± {half:.3f}"


Searcher = Callable[[Sequence[str], int], Sequence[Sequence[tuple[str, float]]]]
"""A search: texts of queries and `topn` to `(id, score)` of each one's documents, best first."""

# Queries that a search is asked at a time; its speed is the median over such batches, so that
# what is loaded for the first counts little.
BATCH = 32


class _Answers(NamedTuple):
    run: Run
    seconds: float | None  # a query; None for a run that was found elsewhere
    notes: tuple[str, ...] = ()


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
    if not isinstance(searchers, Mapping):
        raise ParameterError("searchers", "a mapping of names to searches", searchers)
    check("collection", collection, Instance(Collection, "a Collection (see load_collection)"))
    check("seed", seed, NATURAL)
    check("baseline", baseline, Optional(STRING))
    topn, measures = as_count("topn", topn), parse_metrics(metrics)
    if isinstance(known_ids, str | bytes) or not isinstance(known_ids, Container | None):
        raise ParameterError("known_ids", "ids, or None", known_ids)
    baseline = _check(searchers, collection, measures, topn, baseline)
    notes = [*collection.notes, *_unknown_documents(collection, known_ids)]
    answers = _all_answers(searchers, collection, topn, listener_of(progress))
    values = {
        mode: measure_run(found.run, collection.qrels, measures) for mode, found in answers.items()
    }
    names = [str(measure) for measure in measures]
    return RetrievalReport(
        modes=tuple(
            ModeResult(
                mode=mode,
                means=_by_name(names, values[mode].mean(axis=0)),
                intervals=_intervals(names, values[mode], seed),
                per_query={
                    query: _by_name(names, row)
                    for query, row in zip(collection.qrels, values[mode], strict=True)
                },
                unanswered=len(collection.queries) - len(found.run),
                seconds=found.seconds,
                run=found.run,
            )
            for mode, found in answers.items()
        ),
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
    """Check the arguments; return the name of the baseline."""
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
) -> dict[str, _Answers]:
    answers = {}
    for mode, searcher in searchers.items():
        if callable(searcher):
            with progress.task(f"searching ({mode})", len(collection.queries), "queries") as task:
                answers[mode] = _ask(mode, searcher, collection.queries, topn, task)
        else:
            answers[mode] = _of_run(mode, searcher, collection.queries)
    return answers


def _ask(
    mode: str, searcher: Searcher, queries: Mapping[str, str], topn: int, task: Task
) -> _Answers:
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
        run |= {id: _ranking(mode, id, ranking[:topn]) for id, ranking in found if len(ranking)}
        task.advance(len(batch))
    return _Answers(run, float(np.median(seconds)))


def _of_run(mode: str, run: Run, queries: Mapping[str, str]) -> _Answers:
    """Take the rankings of a collection's queries from a run."""
    known = {id: _ranking(mode, id, run[id]) for id in queries if run.get(id)}
    if not known:
        examples = f"the collection has {next(iter(queries))!r}, the run {next(iter(run), None)!r}"
        raise InputError(
            f"the run {mode} answers no query of the collection ({examples}); "
            "give the run of this collection and split"
        )
    others = sum(id not in queries for id in run)
    notes = (f"{mode}: queries of the run without judgements left out: {others:,}",)
    return _Answers(known, None, notes if others else ())


def _ranking(mode: str, query: str, ranking: Ranking) -> Ranking:
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


def _comparisons(
    values: Mapping[str, NDArray[np.float64]], baseline: str, names: Sequence[str], seed: int
) -> tuple[Comparison, ...]:
    less = {mode: values[mode] - values[baseline] for mode in values if mode != baseline}
    p_values = [permutation_p_values(found, seed=seed) for found in less.values()]
    # Of each measure by itself: how many searches are compared is what counts.
    adjusted = zip(*(holm(column) for column in zip(*p_values, strict=True)), strict=True)
    return tuple(
        Comparison(mode, baseline, _differences(names, less[mode], p, p_holm, seed))
        for mode, p, p_holm in zip(less, p_values, adjusted, strict=True)
    )


def _differences(
    names: Sequence[str],
    less: NDArray[np.float64],
    p_values: NDArray[np.float64],
    adjusted: Sequence[float],
    seed: int,
) -> dict[str, Difference]:
    ends = _intervals(names, less, seed)
    means, better, worse = less.mean(axis=0), (less > 0).sum(axis=0), (less < 0).sum(axis=0)
    columns = zip(*(c.tolist() for c in (means, p_values, better, worse)), adjusted, strict=True)
    return {
        name: Difference(mean, ends[name], p, p_holm, more, fewer)
        for name, (mean, p, more, fewer, p_holm) in zip(names, columns, strict=True)
    }


def _intervals(names: Sequence[str], values: NDArray[np.float64], seed: int) -> dict[str, Interval]:
    ends = bootstrap_interval(values, seed=seed).tolist()
    return {name: (low, high) for name, (low, high) in zip(names, ends, strict=True)}


def _by_name(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(names, values.tolist(), strict=True))
