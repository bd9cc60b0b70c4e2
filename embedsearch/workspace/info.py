"""What there is to know about a workspace."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from embedsearch.workspace.drifting import drift_since
from embedsearch.workspace.indexing import index_info
from embedsearch.workspace.layout import FORMAT_VERSION
from embedsearch.workspace.search_facts import search_facts

if TYPE_CHECKING:
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.generation import Generation
    from embedsearch.workspace.layout import Layout
    from embedsearch.workspace.stored_vectors import StoredVectors


@dataclass(frozen=True, slots=True)
class Info:
    """Facts about a workspace.

    Attributes:
        path: The folder.
        format: The version of its format.
        documents: Documents in the record.
        change: The number of the record's last change.
        tokenizer: How text is cut into tokens, in a line.
        size_bytes: Bytes on the disk.
        generation: The number of the current generation; None before the first training.
        created: When that was published, in UTC.
        trained_documents: Documents that the word vectors were trained on.
        behind: Changes of the record that the stored document index has not seen; queries do
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
        weights: What "auto" gives each search, in standard deviations of its scores: "bm25",
            then the encoders.
        feedback: How many documents of a first pass move the query towards them.
        evidence: How the weights were found, and what they are worth.
        lexical: How far the lexical index has come, in words.
        drift: How far the words of documents added since the training have moved from it, as in
            `embedsearch.search.drift.Drift`; None where that is not known.
        advice: Whether to train again, in a line.
        word_index: The index of the words: `spec`, `parameters`, measured `recall`, and the
            `bytes` that it takes in memory; None before the first training.
        vectors: The user's own vectors: their `count`, `dimension` and `metric`, and the same of
            their index; None where there are none.
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
    weights: dict[str, float] = field(default_factory=dict)
    feedback: int = 0
    evidence: dict[str, Any] = field(default_factory=dict)
    lexical: str | None = None
    drift: dict[str, Any] | None = None
    advice: str | None = None
    word_index: dict[str, Any] | None = None
    vectors: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def generation_facts(generation: Generation) -> dict[str, Any]:
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
        "word_index": index_info(generation.manifest.get("word_index", {})),
    }


def vector_facts(stored: StoredVectors, count: int) -> dict[str, Any]:
    """Return what is known of the user's own vectors, `count` of which are not deleted."""
    own = {"count": count, "dimension": stored.dimension, "metric": stored.metric.value}
    return {**own, **index_info(stored.index_facts)}


def facts_of_use(generation: Generation, layout: Layout, store: DocumentStore) -> dict[str, Any]:
    """Return the fields of `Info` on search and on drift."""
    facts = search_facts(generation, layout, store)
    drift = drift_since(store, generation)
    if drift is not None:
        facts |= {"drift": asdict(drift), "advice": drift.advice}
    return facts


def size_on_disk(layout: Layout) -> int:
    """Return the bytes of all files; those shared by two generations count once."""
    files = [path.lstat() for path in layout.root.rglob("*") if path.is_file()]
    return sum({(stat.st_dev, stat.st_ino): stat.st_size for stat in files}.values())
