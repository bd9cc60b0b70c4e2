"""Test collections: queries, and which documents answer them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import InputError, ParameterError
from embedsearch.evaluation.collection_files import (
    check_folder,
    find_corpus,
    find_qrels,
    find_queries,
    named,
    split_of,
)
from embedsearch.evaluation.collection_qrels import Qrels, read_qrels
from embedsearch.evaluation.collection_queries import read_queries

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Collection:
    """Queries with judgements.

    Attributes:
        queries: The text of each query by its id. Each has a judgement.
        qrels: For each of these queries, in the same order, the grade of each judged document:
            above 0 is relevant, more is better. A document that is not judged is not relevant.
        split: Which part of the collection this is, such as "test".
        corpus: The file of documents that the collection brings along, if it does.
        notes: What was left out or assumed, a line each.

    Raises:
        InputError: A query has no judgements, or judgements have no query.
    """

    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    split: str = "all"
    corpus: Path | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if odd := self.queries.keys() ^ self.qrels.keys():
            ids = named(sorted(odd))
            raise InputError(f"these have a query or judgements, but not both: {ids}")


def load_collection(
    path: str | Path | None = None,
    split: str | None = None,
    *,
    queries: str | Path | None = None,
    qrels: str | Path | None = None,
) -> Collection:
    """Read a test collection.

    A folder in BEIR's layout has `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`. The
    judgements may also be in TREC's layout and the queries lines of `id, tab, text`; see
    `read_qrels` and `read_queries`.

    Judged queries that have no text, and queries without judgements, are left out and noted.

    Args:
        path: The folder, or a file of judgements.
        split: Which judgements of the folder; None takes "test" if it is there, else the only
            ones.
        queries: The file of queries; None looks in the folder.
        qrels: The file of judgements; None looks in the folder.

    Raises:
        SourceNotFoundError: The folder or a file is missing.
        SourceFormatError: A file is malformed; names the line.
        ParameterError: The split is not there, must be chosen, or cannot be chosen.
        InputError: No query has a judgement.
    """
    if path is not None and Path(path).is_file():
        if qrels is not None:
            raise ParameterError("qrels", "left out where the path is a file of judgements", qrels)
        path, qrels = None, path
    folder = None if path is None else Path(path)
    if folder is not None:
        check_folder(folder)
    split, qrels_path = _qrels_of(folder, split, qrels)
    texts, text_notes = read_queries(_queries_of(folder, queries))
    grades, grade_notes = read_qrels(qrels_path)
    corpus = None if folder is None else find_corpus(folder)
    kept, notes = _joined(texts, grades)
    notes = [*text_notes, *grade_notes, *notes]
    chosen = {id: grades[id] for id in kept}
    return Collection(kept, chosen, split, corpus, tuple(notes))


def _qrels_of(folder: Path | None, split: str | None, qrels: str | Path | None) -> tuple[str, Path]:
    if qrels is not None:
        if split is not None:
            raise ParameterError("split", "left out where a file of judgements is given", split)
        return split_of(Path(qrels)), Path(qrels)
    if folder is None:
        raise ParameterError("path", "a folder or a file of judgements", None)
    return find_qrels(folder, split)


def _queries_of(folder: Path | None, queries: str | Path | None) -> Path:
    if queries is not None:
        return Path(queries)
    if folder is None:
        raise ParameterError("queries", "the file of queries, as there is no folder", None)
    return find_queries(folder)


def _joined(texts: dict[str, str], grades: Qrels) -> tuple[dict[str, str], list[str]]:
    """Return the queries that are judged, and notes of what does not fit together."""
    queries = {id: text for id, text in texts.items() if id in grades}
    unknown = [id for id in grades if id not in texts]
    if not queries:
        raise InputError(
            f"no query has a judgement: the queries are {named(list(texts))}, "
            f"the judgements are for {named(unknown)}; give files that belong together"
        )
    hopeless = [id for id in queries if max(grades[id].values()) <= 0]
    notes = []
    if unknown:
        notes.append(f"judged queries left out because they have no text: {named(unknown)}")
    if len(queries) < len(texts):
        count = len(texts) - len(queries)
        notes.append(f"queries left out because they have no judgement: {count:,}")
    if hopeless:
        what = "queries without a relevant document, which score 0 as in trec_eval"
        notes.append(f"{what}: {named(hopeless)}")
    return queries, notes
