"""How documents that were found are written."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from embedsearch.cli.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedsearch._types import Hit, Hits

_DECIMALS = 6
_SHOWN_PAIRS = 6
_COLUMNS = ("id", "score", "title", "snippet", "metadata", "source", "highlights")
_NO_SOURCES: Mapping[str, str] = MappingProxyType({})
_HIDDEN = frozenset({"metadata", "source", "highlights"})


def documents_found(
    found: Hits, sources: Mapping[str, str] = _NO_SOURCES, *, explained: bool = False
) -> Answer:
    """Give hits as an answer.

    JSON has all that is known of each; a table marks the highlights on a terminal, and of an
    explanation has the strongest pairs of words.

    Args:
        found: The hits.
        sources: The file, stream or corpus that each is from, by id, where it is known.
        explained: Whether they come with explanations.
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
        "score": round(float(hit.score), _DECIMALS),
        "title": hit.title,
        "snippet": hit.snippet,
        "metadata": dict(hit.metadata),
        "source": source,
        "highlights": [
            {**mark._asdict(), "score": round(mark.score, _DECIMALS)} for mark in hit.highlights
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
    told = Explanation(explanation["score"], parts)
    pairs = told.strongest(len(parts))
    words = [pair for pair in pairs if not pair.through][:_SHOWN_PAIRS]
    first = sum(pair.contribution for pair in pairs if pair.through)
    others = told.score - first - sum(pair.contribution for pair in words)
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
