"""Facts about a workspace: its size, its training, its search, its indexes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from embedsearch._errors import WorkspaceError
from embedsearch.search.drift import Drift, vocabulary_drift
from embedsearch.search.latent_space import full_text
from embedsearch.vectors.encoders import missing_encoders
from embedsearch.workspace.indexing import index_info
from embedsearch.workspace.layout import FORMAT_VERSION
from embedsearch.workspace.lexical_sync import open_checked
from embedsearch.workspace.preferences import load_preferences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from embedsearch.index.vector_index import VectorIndex
    from embedsearch.search.model import SearchModel
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.generation import Generation
    from embedsearch.workspace.layout import Layout
    from embedsearch.workspace.session import Session

MOST_READ = 2_000
"""Of more documents, every second, third and so on is read: that is exact to about a tenth of a
point, and takes less than a second."""


@dataclass(frozen=True, slots=True)
class Info:
    """Facts about a workspace.

    Attributes:
        path: The folder.
        format: The version of its format.
        documents: How many there are.
        change: The number of the last change of the documents.
        tokenizer: How text is cut into tokens, in a line.
        size_bytes: Bytes on the disk.
        generation: The number of the current generation; None before the first training.
        created: When that was published, in UTC.
        trained_documents: Documents that the word vectors were trained on.
        behind: Changes of documents that the stored document index has not seen; queries do
            see them, `index` stores them.
        vocabulary: Words that have a vector.
        tokens: Tokens that were trained on.
        vector_size: Dimensions of a vector.
        trainer: The name of the trainer.
        parameters: The settings of the training.
        report: The report of the training.
        language: Whose stop words and stems words are looked up by.
        encoders: Encoders that were plugged in.
        missing_encoders: Those of them that cannot be loaded here.
        lexical: How far the lexical index has come, in words.
        drift: How far the words of documents added since the training have moved from it, as in
            `embedsearch.search.drift.Drift`; None if that is not known.
        advice: Whether to train again, in a line.
        word_index: The index of the words: `spec`, `parameters`, measured `recall`, and the
            `bytes` that it takes in memory; None before the first training.
        vectors: The user's own vectors: their `count`, `dimension` and `metric`, and the same of
            their index; None if there are none.
        tuning: What `tune` found, if search goes by it: `queries`, their nDCG@10 `before` and
            `after` by cross-validation, and the `weights`; None for the usual weights.
        judgements: How many judgements there are.
    """

    path: str
    documents: int
    change: int
    tokenizer: str
    size_bytes: int
    format: int = FORMAT_VERSION
    generation: int | None = None
    created: str | None = None
    trained_documents: int = 0
    behind: int = 0
    vocabulary: int = 0
    tokens: int = 0
    vector_size: int = 0
    trainer: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    language: str | None = None
    encoders: list[str] = field(default_factory=list)
    missing_encoders: list[str] = field(default_factory=list)
    lexical: str | None = None
    drift: dict[str, Any] | None = None
    advice: str | None = None
    word_index: dict[str, Any] | None = None
    vectors: dict[str, Any] | None = None
    tuning: dict[str, Any] | None = None
    judgements: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def workspace_info(session: Session) -> Info:
    """Return the facts about a workspace; see `Workspace.info`."""
    generation, store, state = session.generation, session.store, session.state
    facts: dict[str, Any] = {}
    if generation is not None:
        facts = _generation_facts(generation)
        facts |= _search_facts(generation, session.layout, store)
        if (drift := drift_since(store, generation)) is not None:
            facts |= {"drift": asdict(drift), "advice": drift.advice}
    if (stored := session.stored_vectors) is not None:
        own = {"dimension": stored.dimension, "metric": stored.metric.value}
        count = len(session.vectors())
        facts["vectors"] = {"count": count, **own, **index_info(stored.index_facts)}
    preferences = load_preferences(session.layout)
    if preferences.tuning is not None:
        facts["tuning"] = preferences.tuning.to_json()
    tokenizer = state.tokenizer if generation is None else generation.tokenizer
    return Info(
        path=str(session.path),
        documents=len(store),
        change=store.change,
        tokenizer=tokenizer.describe(),
        size_bytes=session.layout.total_bytes,
        behind=store.count_since(0 if generation is None else generation.change),
        judgements=len(preferences.judgements),
        **facts,
    )


def index_reports(session: Session) -> dict[str, dict[str, Any]]:
    """Describe the index of the words and that of the user's own vectors."""
    reports = {}
    if (generation := session.generation) is not None:
        reports["words"] = _index_report(generation.words.index, generation.index_facts)
    if (stored := session.stored_vectors) is not None:
        reports["vectors"] = _index_report(stored.index, stored.index_facts)
    return reports


def _generation_facts(generation: Generation) -> dict[str, Any]:
    """Return the fields of `Info` that a generation knows."""
    training = generation.training
    return {
        "generation": generation.number,
        "created": generation.manifest.get("created"),
        "trained_documents": training["documents"],
        "vocabulary": training["vocabulary"],
        "tokens": training["tokens"],
        "vector_size": training["parameters"]["vector_size"],
        "trainer": training["trainer"],
        "parameters": training["parameters"],
        "report": training,
        "word_index": index_info(generation.index_facts),
    }


def _search_facts(generation: Generation, layout: Layout, store: DocumentStore) -> dict[str, Any]:
    """Return the fields of `Info` on search."""
    model = generation.search_model
    asked = generation.search_settings.encoders
    absent = missing_encoders(model.space.external)
    return {
        "language": model.analyzer.language,
        "encoders": list(asked),
        "missing_encoders": [name for name in asked if name in absent],
        "lexical": _lexical_state(layout, store, model),
    }


def _lexical_state(layout: Layout, store: DocumentStore, model: SearchModel) -> str:
    """Describe how far the lexical index has come; nothing is changed."""
    try:
        index = open_checked(layout)
    except WorkspaceError as error:
        return f"cannot be read: {error}" if layout.lexical.exists() else "not there yet"
    change, same = index.change, index.analyzer.to_json() == model.analyzer.to_json()
    index.close()
    if not same or change > store.change:
        return "of another state of the workspace; the next search builds it again"
    behind = store.count_since(change)
    return f"{behind:,} changes behind; the next search catches up" if behind else "up to date"


def _index_report(index: VectorIndex, facts: Mapping[str, Any]) -> dict[str, Any]:
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
    measured = [] if choice is None else [*choice["reasons"], *choice["notes"]]
    if measured:
        return measured
    asked = facts.get("settings", {}).get("spec", "auto")
    if asked != "auto":
        return [f"{asked} was asked for"]
    return [f"{len(index):,} × {index.dimension}: exact search costs little"]


def drift_since(
    store: DocumentStore, generation: Generation, most_read: int = MOST_READ
) -> Drift | None:
    """Compare the documents changed since the training with its vocabulary; None if unknown."""
    expected = generation.manifest.get("expected_share")
    if expected is None:
        return None
    numbers = store.numbers_since(generation.trained_change)
    step = -(-len(numbers) // most_read) or 1
    least = int(generation.training["parameters"].get("min_count") or 1)
    known = generation.vectors.key_to_index
    tokens = _tokens(store, generation, numbers[::step])
    return vocabulary_drift(tokens, known, float(expected), min_count=least)


def _tokens(
    store: DocumentStore, generation: Generation, numbers: list[int]
) -> Iterator[list[str]]:
    # Texts may be large: a hundred are in memory at a time.
    for start in range(0, len(numbers), 100):
        found = store.by_number(numbers[start : start + 100])
        for document in found.values():
            yield generation.processor.process(full_text(document))
