"""Where everything is in a workspace. The format is specified in docs/format.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedsearch._errors import WorkspaceError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Protocol

    from embedsearch.workspace.locks import OpenFolder

    class _Rooted(Protocol):
        @property
        def root(self) -> Path: ...


FORMAT_VERSION = 2
MANIFEST = "manifest.json"
WORDS = ("vocabulary.tsv", "phrases.tsv", "words.safetensors", "training.safetensors")
IRREPLACEABLE = {*WORDS, "vectors.safetensors"}
"""Files that follow from nothing else; manifests have checksums of their blocks."""


class _Child:
    """An attribute that is a path below the root of a layout."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, layout: _Rooted, kind: type | None = None) -> Path:
        return layout.root / self._name


@dataclass(frozen=True, slots=True)
class GenerationLayout:
    """The files of one generation: a trained model and all that follows from it."""

    root: Path

    # Settings, the change number reached, and size and hash of every other file.
    manifest = _Child(MANIFEST)
    # A word and its count a line; the line is the row. Then the phrases that words are joined to.
    vocabulary, phrases = _Child("vocabulary.tsv"), _Child("phrases.tsv")
    # Word vectors, and those of n-grams if they were trained; their FAISS index.
    words, word_index = _Child("words.safetensors"), _Child("words.faiss")
    # The other side of the network, to go on training.
    training = _Child("training.safetensors")
    # What encodes documents in the space of words.
    encoder = _Child("encoder.safetensors")
    # What encodes documents for search, and the terms that it knows, one a line.
    search, terms = _Child("search.safetensors"), _Child("terms.txt")
    # Document vectors with the numbers of their documents; their clusters, if they are many.
    documents, document_index = _Child("documents.safetensors"), _Child("documents.faiss")

    @property
    def of_the_model(self) -> tuple[Path, ...]:
        """The files that follow from a training alone, not from documents added later."""
        words = (self.vocabulary, self.phrases, self.words, self.word_index)
        return (*words, self.training, self.encoder, self.search, self.terms)

    @property
    def of_the_documents(self) -> tuple[Path, ...]:
        """The files that follow from the documents that were indexed; the last may be absent."""
        return self.documents, self.document_index


@dataclass(frozen=True, slots=True)
class VectorsLayout:
    """The files of one state of the user's own vectors."""

    root: Path

    # Metric, counts, the change number reached, and size and hash of the other files.
    manifest = _Child(MANIFEST)
    # The vectors with the numbers of their documents; their FAISS index.
    tensors, index = _Child("vectors.safetensors"), _Child("vectors.faiss")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one workspace."""

    root: Path
    # The folder as it was opened, so that no other that takes its place is written to.
    opened: OpenFolder | None = field(default=None, compare=False, repr=False)

    # Format version, settings and the current generation; replaced as a whole.
    state = _Child("workspace.json")
    # Every document, in SQLite: the truth that all else is derived from.
    documents = _Child("documents.sqlite")
    # The lexical index: follows the documents, and can be built again from them.
    lexical = _Child("lexical")
    # Held by the one process that writes.
    lock = _Child("lock")
    # The folders of generations, and of states of the user's own vectors.
    generations, vectors = _Child("generations"), _Child("vectors")
    # Where an interrupted training continues.
    checkpoint = _Child("checkpoint.safetensors")
    # What evaluations found, a file each.
    reports = _Child("reports")
    # Work under way; what a new holder of the lock finds here is left from a crash.
    temporary = _Child("tmp")

    @property
    def replaced(self) -> Path:
        """Where `restore` keeps a workspace until the new one has its place."""
        return self.root.parent / f".{self.root.name}.replaced"

    @property
    def in_place(self) -> bool:
        """Whether the folder at the path is the one that was opened."""
        return self.opened is None or self.opened.is_at(self.root)

    def check_in_place(self) -> None:
        """Raise `WorkspaceError` unless the folder at the path is the one that was opened."""
        if self.opened is not None and self.opened.closed:
            raise WorkspaceError(self.root, "was closed; open the workspace again")
        if not self.in_place:
            reason = (
                "the folder was moved, removed or replaced since it was opened; nothing was "
                "changed; open the workspace where it is now"
            )
            raise WorkspaceError(self.root, reason)

    def generation(self, number: int) -> GenerationLayout:
        """Return the paths of a generation."""
        return GenerationLayout(self.generations / f"{number:04d}")

    def vectors_of(self, number: int) -> VectorsLayout:
        """Return the paths of a state of the user's own vectors."""
        return VectorsLayout(self.vectors / f"{number:04d}")
