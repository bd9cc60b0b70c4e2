"""Judgements of a person, and weights of search that suit them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._checks import BOOLEAN, STRING, Optional, check
from embedsearch._errors import ParameterError
from embedsearch._messages import counted
from embedsearch.search.tuning import FEWEST, choices, choose, cross_validated, is_gain
from embedsearch.text.records import replace_surrogates
from embedsearch.workspace.preferences import Judgement, Preferences, Tuning, load_preferences

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch.search.documents import DocumentSearch
    from embedsearch.search.tuning import Gains
    from embedsearch.workspace.session import Session


# Grades are 32-bit numbers where they are measured.
_MOST = 2**31


def judge(session: Session, query: str, id: str, relevant: bool | None) -> None:
    """Remember a judgement; see `Workspace.judge`."""
    check("query", query, STRING)
    check("relevant", relevant, Optional(BOOLEAN))
    if not (query := replace_surrogates(query.strip())):
        raise ParameterError("query", "a text that is not empty", query)
    if relevant is not None:
        session.store.number(id)
    before = load_preferences(session.layout)
    judged = {(each.query, each.id): each for each in before.judgements}
    judged.pop((query, id), None)
    if relevant is not None:
        judged[query, id] = Judgement(query, id, relevant)
    replace(before, judgements=tuple(judged.values())).save(session.layout)


def tune(
    session: Session,
    judgements: Mapping[str, Mapping[str, int]] | None,
    queries: str | Path | None,
    qrels: str | Path | None,
    progress: Progress,
) -> Tuning:
    """Choose weights by judged queries; see `Workspace.tune`."""
    before = load_preferences(session.layout)
    given = _judged(before, judgements, queries, qrels)
    ids = set(session.store.ids())
    missing = sum(id not in ids for grades in given.values() for id in grades)
    judged = _of_documents(ids, given)
    if len(judged) < FEWEST:
        allowed = f"{FEWEST} queries or more that have a relevant document here"
        if missing:
            allowed += f" ({counted(missing, 'judgement')} of documents that are not here)"
        raise ParameterError("judgements", allowed, len(judged))
    gains = measured(session.search(), judged, progress)
    found = cross_validated(gains)
    usual, best = float(gains[0].mean()), choose(gains)
    kept = best > 0 and is_gain(found)
    chosen = choices()[best if kept else 0]
    # The sum of means may be above 1 by rounding.
    after = min(usual + float(found.mean()), 1.0)
    tuning = Tuning(kept, len(judged), usual, after, asdict(chosen), missing)
    replace(before, tuning=tuning if kept else None).save(session.layout)
    session.close_search()
    return tuning


def untune(session: Session) -> None:
    """Let search go by the usual weights again; see `Workspace.untune`."""
    replace(load_preferences(session.layout), tuning=None).save(session.layout)
    session.close_search()


def _judged(
    preferences: Preferences,
    judgements: Mapping[str, Mapping[str, int]] | None,
    queries: str | Path | None,
    qrels: str | Path | None,
) -> Mapping[str, Mapping[str, int]]:
    """Return the grades of documents by the text of the query."""
    if (queries is None) != (qrels is None):
        raise ParameterError("qrels", "given together with queries", qrels)
    if queries is not None and qrels is not None:
        if judgements is not None:
            raise ParameterError("judgements", "None if there are files of them", "both")
        from embedsearch.evaluation import load_collection

        found = load_collection(None, queries=queries, qrels=qrels)
        by_text: dict[str, dict[str, int]] = {}
        for query, text in found.queries.items():
            by_text.setdefault(text, {}).update(found.qrels[query])
        return by_text
    if judgements is not None:
        return _checked(judgements)
    stored: dict[str, dict[str, int]] = {}
    for each in preferences.judgements:
        stored.setdefault(each.query, {})[each.id] = int(each.relevant)
    return stored


def _checked(judgements: object) -> Mapping[str, Mapping[str, int]]:
    """Return judgements as they are if they are a mapping of texts to grades by ids."""
    wanted = "a mapping of queries to mappings of ids to grades, such as {'wings': {'a1': 1}}"
    try:
        pairs = [(query, dict(grades)) for query, grades in judgements.items()]  # type: ignore[attr-defined]
    except (AttributeError, TypeError, ValueError) as error:
        raise ParameterError("judgements", wanted, judgements) from error
    for query, grades in pairs:
        ints = all(isinstance(g, int | np.integer) and abs(int(g)) < _MOST for g in grades.values())
        if not isinstance(query, str) or not ints or not all(isinstance(i, str) for i in grades):
            raise ParameterError("judgements", wanted, {query: grades})
    return dict(pairs)


def _of_documents(
    ids: set[str], judged: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    """Keep the judgements of documents that there are, and queries with a relevant one."""
    here = {
        query: {id: int(grade) for id, grade in grades.items() if id in ids}
        for query, grades in judged.items()
    }
    return {query: grades for query, grades in here.items() if any(g > 0 for g in grades.values())}


def measured(
    search: DocumentSearch, judged: Mapping[str, Mapping[str, int]], progress: Progress
) -> Gains:
    """Measure the nDCG@10 of each query by each choice of weights: (S, Q)."""
    from embedsearch.evaluation.retrieval_quality import measure_run, parse_metrics

    measures, rows = parse_metrics(["ndcg@10"]), []
    texts, fusions = list(judged), choices()
    with progress.task("trying weights", len(fusions) * len(texts), "queries") as task:
        for fusion in fusions:
            rank, run = search.ranker("auto", fusion=fusion), {}
            for text in texts:
                run[text] = rank([text], 10)[0]
                task.advance(1)
            rows.append(measure_run(run, judged, measures)[:, 0])
    return np.array(rows)
