"""Questions to a workspace, with their answers as records."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from embedsearch._errors import QueryError
from embedsearch.cli.output import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from embedsearch._types import Hit, Hits, Neighbors
    from embedsearch.workspace import Progress, Workspace


_DECIMALS = 6
_SHOWN_PAIRS = 6
_COLUMNS = ("id", "score", "title", "snippet", "metadata", "source", "highlights")
_NO_SOURCES: Mapping[str, str] = MappingProxyType({})
_HIDDEN = frozenset({"metadata", "source", "highlights"})


def documents_found(
    found: Hits, sources: Mapping[str, str] = _NO_SOURCES, *, explained: bool = False
) -> Answer:
    """Return hits as an answer; `sources` are files, streams or corpora by id, where known.

    JSON has all that is known of each; a table marks the highlights on a terminal, and of an
    explanation has the strongest pairs of words.
    """
    return Answer(
        [_record(hit, sources.get(hit.id)) for hit in found],
        (*_COLUMNS, "explanation") if explained else _COLUMNS,
        hidden=_HIDDEN,
        notes=tuple(_notes(found)),
        texts={"explanation": _strongest},
        marks={"snippet": "highlights"},
    )


def _record(hit: Hit, source: str | None) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": hit.id,
        "score": _rounded(hit.score),
        "title": hit.title,
        "snippet": hit.snippet,
        "metadata": dict(hit.metadata),
        "source": source,
        "highlights": [
            {**mark._asdict(), "score": _rounded(mark.score)} for mark in hit.highlights
        ],
    }
    if hit.explanation is not None:
        record["explanation"] = hit.explanation.to_json()
    return record


def _strongest(explanation: Mapping[str, Any]) -> str:
    from embedsearch._types import Explanation, Part

    parts = tuple(Part(**part) for part in explanation["parts"])
    if any(part.rank for part in parts):
        return ", ".join(f"{part.pair[0]} {part.contribution:.4f}" for part in parts)
    rebuilt = Explanation(explanation["score"], parts)
    pairs = rebuilt.strongest(len(parts))
    words = [pair for pair in pairs if not pair.through][:_SHOWN_PAIRS]
    first = sum(pair.contribution for pair in pairs if pair.through)
    others = rebuilt.score - first - sum(pair.contribution for pair in words)
    moved = [f"first hits {first:.2f}"] if first else []
    return ", ".join([*map(str, words), *moved, f"others {others:.2f}"])


def _notes(found: Hits) -> list[str]:
    notes = []
    if found.unknown:
        notes.append(f"words not in the vocabulary: {', '.join(found.unknown)}")
    if found.expanded:
        added = (f"{word} (near {typed} {near:.2f})" for typed, word, near, _ in found.expanded)
        notes.append(f"looked for, too: {', '.join(added)}")
    return notes


def neighbors(
    ws: Workspace,
    word: str,
    topn: int = 10,
    metric: str = "cosine",
    restrict_vocab: int | None = None,
    exact: bool = False,
) -> Answer:
    """Return the words nearest to a word; see `Words.most_similar`."""
    found = ws.words.most_similar(word, None, topn, restrict_vocab, metric, exact)
    return _words_found(found)


def analogy(
    ws: Workspace,
    expression: str,
    topn: int = 10,
    method: str = "3cosadd",
    exact: bool = False,
) -> Answer:
    """Return the words nearest to an expression such as `king - man + woman`."""
    return _words_found(ws.words.analogy(expression, topn, method, exact))


def similarity(ws: Workspace, a: str, b: str) -> Answer:
    """Return the cosine of the angle between two words."""
    return Answer.one({"a": a, "b": b, "score": _rounded(ws.words.similarity(a, b))})


def odd_one_out(ws: Workspace, words: Iterable[str]) -> Answer:
    """Return the word that fits the others least."""
    given = list(words)
    return Answer.one({"word": ws.words.doesnt_match(given), "words": given})


def closer(ws: Workspace, a: str, b: str) -> Answer:
    """Return the words that are closer to `a` than `b` is, most frequent first."""
    return Answer([{"word": word} for word in ws.words.closer_than(a, b)], ("word",))


def rank(ws: Workspace, a: str, b: str) -> Answer:
    """Return the place of `b` among the words nearest to `a`, counted from 1."""
    return Answer.one({"a": a, "b": b, "rank": int(ws.words.rank(a, b))})


def search(ws: Workspace, text: str, *options: Any, **named: Any) -> Answer:
    """Return the documents that answer a text; the options are those of `Workspace.search`."""
    found = ws.search(text, *options, **named)
    return documents_found(found, _sources(ws, found), explained=bool(named.get("explain")))


def related(
    ws: Workspace,
    ids: Sequence[str],
    topn: int = 10,
    less: Sequence[str] = (),
    texts: Sequence[str] = (),
    where: str | None = None,
) -> Answer:
    """Return the documents that are like others: by their text, or else by vectors of your own."""
    from embedsearch._types import Document

    if ws.goes_by_vectors:
        if texts:
            raise QueryError("texts cannot be compared with vectors; give ids")
        near = ws.vectors.most_similar(ids, less, topn, where)
        return documents_found(near, _sources(ws, near))
    like: list[str | Document] = [*ids, *(Document("", text) for text in texts)]
    found = ws.documents.most_similar(like, less, topn, where)
    return documents_found(found, _sources(ws, found))


def _sources(ws: Workspace, found: Hits) -> dict[str, str]:
    """Look up where documents are from, as far as that is known."""
    sources: dict[str, str] = {}
    for hit in found:
        # One may have been deleted since it was found.
        origin = ws.documents.source(hit.id) if hit.id in ws.documents else None
        if origin is not None:
            sources[hit.id] = origin.source
    return sources


def duplicates(ws: Workspace, threshold: float, groups: bool, progress: Progress) -> Answer:
    """Return pairs or groups of documents that are nearly the same."""
    if groups:
        found = ws.documents.duplicate_groups(threshold, progress)
        return Answer(
            [{"documents": len(ids), "ids": list(ids)} for ids in found], ("documents", "ids")
        )
    pairs = ws.documents.duplicates(threshold, progress)
    records = [{"a": pair.a, "b": pair.b, "score": _rounded(pair.score)} for pair in pairs]
    return Answer(records, ("a", "b", "score"))


def split_words(line: str) -> list[str]:
    """Cut a line into words: at tabs where it has any, else at blanks."""
    parts = line.split("\t") if "\t" in line else line.split()
    return [part.strip() for part in parts]


def pair(line: str) -> tuple[str, str]:
    """Cut a line into two words."""
    words = split_words(line)
    if len(words) != 2:
        raise QueryError(f"two words are needed, apart by a blank or a tab; got {line!r}")
    return words[0], words[1]


def _words_found(found: Neighbors) -> Answer:
    records = [{"word": word, "score": _rounded(score)} for word, score in found]
    note = f"not in the vocabulary, inferred from parts of words: {', '.join(found.inferred)}"
    return Answer(records, ("word", "score"), notes=(note,) if found.inferred else ())


def _rounded(score: float) -> float:
    return round(float(score), _DECIMALS)
