"""How well searches find the documents that answer queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedsearch._errors import InputError, ParameterError
from embedsearch._progress import SilentProgress
from embedsearch.evaluation.collection_files import named
from embedsearch.evaluation.metrics import METRICS, Measure, measure_run, parse_metrics
from embedsearch.evaluation.retrieval_answers import Answers, Searcher, answers_of_run, ask
from embedsearch.evaluation.retrieval_report import (
    Comparison,
    Difference,
    Interval,
    ModeResult,
    RetrievalReport,
)
from embedsearch.evaluation.significance import bootstrap_interval, holm, randomisation_test

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch.evaluation.collection import Collection
    from embedsearch.evaluation.trec_run import Run


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
        progress: Hears of each query.

    Raises:
        ParameterError: No search, an unknown measure or baseline, or a `topn` below a cutoff.
        InputError: No judged document can be found, a search gives a document twice or does not
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
        raise ParameterError("baseline", f"one of {named(list(searchers))}", baseline)
    return next(iter(searchers)) if baseline is None else baseline


def _unknown_documents(collection: Collection, known: Container[str] | None) -> list[str]:
    if known is None:
        return []
    judged = list(dict.fromkeys(id for grades in collection.qrels.values() for id in grades))
    unknown = [id for id in judged if id not in known]
    if len(unknown) == len(judged):
        raise InputError(
            f"none of the {len(judged):,} judged documents is known here ({named(judged)}); "
            "build from the collection's own documents, and keep their ids (--id-column)"
        )
    what = f"of {len(judged):,} judged documents, these are not here and count as missed"
    return [f"{what}: {named(unknown)}"] if unknown else []


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
    p_values = {mode: randomisation_test(found, seed=seed) for mode, found in less.items()}
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
