"""Asking a search the queries of a collection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import InputError

if TYPE_CHECKING:
    from embedsearch._progress import Task
    from embedsearch.evaluation.trec_run import Ranking, Run

Searcher = Callable[[Sequence[str], int], Sequence[Sequence[tuple[str, float]]]]
"""A search: texts of queries and `topn` to `(id, score)` of each one's documents, best first."""

BATCH = 32
"""Queries that a search is asked at a time."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a search answered.

    Attributes:
        run: The ranking of each query that has one.
        seconds: Wall time a query: the median over batches, so that what is loaded for the
            first counts little. None for a run that was found elsewhere.
        notes: What was left out, a line each.
    """

    run: Run = field(repr=False)
    seconds: float | None = None
    notes: tuple[str, ...] = ()


def ask(
    mode: str, searcher: Searcher, queries: Mapping[str, str], topn: int, task: Task
) -> Answers:
    """Ask all queries.

    Args:
        mode: What errors call the search.
        searcher: The search.
        queries: The text of each query by its id.
        topn: How many documents are asked for; what comes beyond is cut off.
        task: Hears of each query.

    Raises:
        InputError: The search does not answer each query, or gives a document twice.
    """
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
        run |= {id: checked(mode, id, ranking[:topn]) for id, ranking in found if len(ranking)}
        task.advance(len(batch))
    return Answers(run, float(np.median(seconds)))


def answers_of_run(mode: str, run: Run, queries: Mapping[str, str]) -> Answers:
    """Take the rankings of a collection's queries out of a run.

    Raises:
        InputError: It has none of the queries, or gives a document twice.
    """
    known = {id: checked(mode, id, run[id]) for id in queries if run.get(id)}
    if not known:
        examples = f"the collection has {next(iter(queries))!r}, the run {next(iter(run), None)!r}"
        raise InputError(
            f"the run {mode} answers no query of the collection ({examples}); "
            "give the run of this collection and split"
        )
    others = sum(id not in queries for id in run)
    notes = (f"{mode}: queries of the run without judgements left out: {others:,}",)
    return Answers(known, None, notes if others else ())


def checked(mode: str, query: str, ranking: Ranking) -> Ranking:
    """Return the ranking as a list of pairs, each document once.

    Raises:
        InputError: A document stands twice, which trec_eval counts as two.
    """
    found = [(document, float(score)) for document, score in ranking]
    if len({document for document, _ in found}) < len(found):
        ids = [document for document, _ in found]
        twice = next(id for rank, id in enumerate(ids) if id in ids[:rank])
        raise InputError(
            f"{mode} gives document {twice!r} twice for query {query!r}; "
            "a ranking has to have each document once, at its best place"
        )
    return found
