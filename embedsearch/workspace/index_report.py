"""What kind of index the vectors of a workspace have, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedsearch.index.vector_index import VectorIndex
    from embedsearch.workspace.generation import Generation
    from embedsearch.workspace.stored_vectors import StoredVectors


def index_reports(
    generation: Generation | None, stored: StoredVectors | None
) -> dict[str, dict[str, Any]]:
    """Tell of each index by what it is of: "words", "vectors"; see `Workspace.indexes`."""
    reports = {}
    if generation is not None:
        facts = generation.manifest.get("word_index", {})
        reports["words"] = _report(generation.words.index, facts)
    if stored is not None:
        reports["vectors"] = _report(stored.index, stored.index_facts)
    return reports


def _report(index: VectorIndex, facts: Mapping[str, Any]) -> dict[str, Any]:
    choice = None if index.choice is None else index.choice.to_json()
    recall = facts.get("recall", index.recall)
    return {
        "settings": dict(facts.get("settings", {})),
        "spec": index.spec,
        "vectors": len(index),
        "dimension": index.dimension,
        "parameters": dict(index.parameters),
        "recall": recall,
        "bytes": index.nbytes,
        "reasons": _reasons(index, facts, choice),
        "choice": choice,
    }


def _reasons(
    index: VectorIndex, facts: Mapping[str, Any], choice: Mapping[str, Any] | None
) -> list[str]:
    told = [] if choice is None else [*choice["reasons"], *choice["notes"]]
    if told:
        return told
    asked = facts.get("settings", {}).get("spec", "auto")
    if asked != "auto":
        return [f"{asked} was asked for"]
    return [f"{len(index):,} × {index.dimension}: exact search costs little"]
