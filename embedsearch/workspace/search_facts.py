"""What there is to know about how the documents of a workspace are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedsearch._errors import WorkspaceError
from embedsearch.vectors.encoders import missing_encoders
from embedsearch.workspace.following import open_checked

if TYPE_CHECKING:
    from embedsearch.search.model import SearchModel
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.generation import Generation
    from embedsearch.workspace.layout import Layout

BM25 = "bm25"
_DECIMALS = 4


def search_facts(generation: Generation, layout: Layout, store: DocumentStore) -> dict[str, Any]:
    """Return the fields of `Info` on search."""
    model = generation.search_model
    fusion, asked = model.fusion, generation.search_settings.encoders
    absent = missing_encoders(model.space.external)
    learned = {name: round(weight, _DECIMALS) for name, weight in fusion.weights.items()}
    return {
        "language": model.analyzer.language,
        "encoders": list(asked),
        "missing_encoders": [name for name in asked if name in absent],
        "weights": {BM25: 1.0, **learned},
        "feedback": fusion.feedback,
        "evidence": dict(fusion.evidence),
        "lexical": _lexical_state(layout, store, model),
    }


def _lexical_state(layout: Layout, store: DocumentStore, model: SearchModel) -> str:
    """Say in a few words how far the lexical index has come; nothing is changed."""
    try:
        index = open_checked(layout)
    except WorkspaceError as error:
        return f"cannot be read: {error}" if layout.lexical.exists() else "not there yet"
    change, same = index.change, index.analyzer.to_json() == model.analyzer.to_json()
    index.close()
    if not same or change > store.change:
        return "of another state of the workspace; the next search makes it anew"
    behind = store.count_since(change)
    return f"{behind:,} changes behind; the next search catches up" if behind else "up to date"
