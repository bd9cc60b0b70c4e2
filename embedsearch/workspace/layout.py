"""Where everything is in a workspace. The format is specified in docs/format.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedsearch._errors import WorkspaceError

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch.workspace.locks import OpenFolder

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
"""In each published folder: what it was made of, and size and hash of every other file."""
WORDS = ("vocabulary.tsv", "phrases.tsv", "words.safetensors", "training.safetensors")
IRREPLACEABLE = {*WORDS, "vectors.safetensors"}
"""Files that nothing else follows from; manifests have checksums of their blocks."""


@dataclass(frozen=True, slots=True)
class GenerationLayout:
    """The files of one generation: a trained model and all that follows from it."""

    root: Path

    @property
    def manifest(self) -> Path:
        """Settings, the change number reached, and size and hash of every other file."""
        return self.root / MANIFEST

    @property
    def vocabulary(self) -> Path:
        """A word and its count a line; the line is the row."""
        return self.root / "vocabulary.tsv"

    @property
    def phrases(self) -> Path:
        """Words that are joined to phrases."""
        return self.root / "phrases.tsv"

    @property
    def of_the_model(self) -> tuple[Path, ...]:
        """The files that follow from a training alone, not from documents added later."""
        words = (self.vocabulary, self.phrases, self.words, self.word_index)
        return (*words, self.training, self.encoder, self.search, self.terms)

    @property
    def of_the_documents(self) -> tuple[Path, ...]:
        """The files that follow from the documents that were indexed; the last may be absent."""
        return self.documents, self.document_index

    @property
    def words(self) -> Path:
        """Word vectors, and those of n-grams where they were trained."""
        return self.root / "words.safetensors"

    @property
    def training(self) -> Path:
        """The other side of the network, to go on training."""
        return self.root / "training.safetensors"

    @property
    def encoder(self) -> Path:
        """What the encoder of documents has learned."""
        return self.root / "encoder.safetensors"

    @property
    def search(self) -> Path:
        """What the encoders of search have learned."""
        return self.root / "search.safetensors"

    @property
    def terms(self) -> Path:
        """The terms that they know, one a line."""
        return self.root / "terms.txt"

    @property
    def documents(self) -> Path:
        """Document vectors, and the numbers of their documents."""
        return self.root / "documents.safetensors"

    @property
    def word_index(self) -> Path:
        """The FAISS index of the word vectors."""
        return self.root / "words.faiss"

    @property
    def document_index(self) -> Path:
        """FAISS clusters of the document vectors, where there are many."""
        return self.root / "documents.faiss"


@dataclass(frozen=True, slots=True)
class VectorsLayout:
    """The files of one state of the user's own vectors."""

    root: Path

    @property
    def manifest(self) -> Path:
        """Metric, counts, the change number reached, and size and hash of the other files."""
        return self.root / MANIFEST

    @property
    def tensors(self) -> Path:
        """The vectors, and the numbers of their documents."""
        return self.root / "vectors.safetensors"

    @property
    def index(self) -> Path:
        """Their FAISS index."""
        return self.root / "vectors.faiss"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one workspace.

    Attributes:
        root: Its folder.
        opened: That folder as it was opened, so that no other that takes its place is written
            to; None where nothing is open yet.
    """

    root: Path
    opened: OpenFolder | None = field(default=None, compare=False, repr=False)

    @property
    def in_place(self) -> bool:
        """Whether the folder at the path is the one that was opened."""
        return self.opened is None or self.opened.is_at(self.root)

    def check_in_place(self) -> None:
        """Raise unless the folder at the path is the one that was opened.

        Raises:
            WorkspaceError: It was moved, removed or replaced, or let go of.
        """
        if self.opened is not None and self.opened.closed:
            raise WorkspaceError(self.root, "was closed; open the workspace again")
        if not self.in_place:
            reason = (
                "the folder was moved, removed or replaced since it was opened; nothing was "
                "changed; open the workspace where it is now"
            )
            raise WorkspaceError(self.root, reason)

    @property
    def state(self) -> Path:
        """Format version, settings and the current generation; replaced as a whole."""
        return self.root / "workspace.json"

    @property
    def record(self) -> Path:
        """Every document: the truth that all else is derived from."""
        return self.root / "documents.sqlite"

    @property
    def lexical(self) -> Path:
        """The lexical index: follows the record, and can be made anew from it."""
        return self.root / "lexical"

    @property
    def lock(self) -> Path:
        """Held by the one process that writes."""
        return self.root / "lock"

    @property
    def generations(self) -> Path:
        """The folder of generations."""
        return self.root / "generations"

    @property
    def vectors(self) -> Path:
        """The folder of states of the user's own vectors."""
        return self.root / "vectors"

    @property
    def checkpoint(self) -> Path:
        """Where an interrupted training goes on."""
        return self.root / "checkpoint.safetensors"

    @property
    def reports(self) -> Path:
        """What evaluations found, a file each."""
        return self.root / "reports"

    @property
    def temporary(self) -> Path:
        """Work under way; whatever the holder of the lock finds here is left from a crash."""
        return self.root / "tmp"

    def generation(self, number: int) -> GenerationLayout:
        """Return the paths of a generation."""
        return GenerationLayout(self.generations / f"{number:04d}")

    def vectors_of(self, number: int) -> VectorsLayout:
        """Return the paths of a state of the user's own vectors."""
        return VectorsLayout(self.vectors / f"{number:04d}")
