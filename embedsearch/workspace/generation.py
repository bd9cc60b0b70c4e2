"""A generation: a trained model and all that follows from it, published as one folder."""

from __future__ import annotations

import errno
import os
import shlex
import weakref
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from embedsearch._errors import EmbedSearchError, InputError, WorkspaceDamagedError, WorkspaceError
from embedsearch._io import REPAIR, read_json
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.stream import Vocabulary
from embedsearch.vectors.tensors import open_tensors
from embedsearch.vectors.word_vectors import WordVectors
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.locks import hold, is_held_by_others, is_same_file
from embedsearch.workspace.schemas import GENERATION, check
from embedsearch.workspace.trust import check_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from embedsearch._schemas import Schema
    from embedsearch._types import FloatMatrix
    from embedsearch.index.candidate_index import CandidateIndex
    from embedsearch.index.lexical import LexicalAnalyzer
    from embedsearch.index.settings import IndexSettings
    from embedsearch.index.vector_index import VectorIndex
    from embedsearch.search.document_index import DocumentVectors
    from embedsearch.search.latent_space import TextEncoder
    from embedsearch.search.model import SearchModel
    from embedsearch.search.options import SearchSettings
    from embedsearch.text.phrases import PhraseTable
    from embedsearch.text.tokenizers import TextProcessor
    from embedsearch.vectors.encoders import CheckedEncoder
    from embedsearch.vectors.subwords import Subwords
    from embedsearch.workspace.keyed_vectors import KeyedVectors
    from embedsearch.workspace.layout import GenerationLayout

IMPORTED = "import"
"""The name of a trainer, for word vectors that were trained elsewhere."""

# What reading a damaged file may raise, in our code or in the libraries.
_WRONG_CONTENT = (
    InputError,
    LookupError,
    ArithmeticError,
    ValueError,
    TypeError,
    AttributeError,
    OSError,
)
# These say nothing of the file: there is nothing to repair.
_NOT_ITS_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM)


class ArtifactFolder:
    """A published folder with a manifest, held: the writer removes it only after it is closed.

    `FileNotFoundError` if it is not there (any more).
    """

    def __init__(self, layout: Layout, number: int, manifest: Path, schema: Schema) -> None:
        self.number, self.workspace = number, layout.root
        self._manifest_path = manifest
        # Held before it is read, as a writer may remove it in between. What was taken from here may
        # outlive the interest of the workspace in this folder.
        self._descriptor = hold(manifest)
        self._let_go = weakref.finalize(self, os.close, self._descriptor)
        self.manifest = read_json(manifest, layout.root)
        check(self.manifest, schema, manifest, layout.root)
        self._check_sizes()

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self._manifest_path.parent

    def held_by_others(self) -> bool:
        """Whether others have opened the folder, too; on Windows, yes."""
        return is_held_by_others(self._manifest_path, self._descriptor)

    def close(self) -> None:
        """Let go of the folder; safe to call twice."""
        self._let_go()

    @property
    def change(self) -> int:
        """The change number of the documents that its vectors have reached."""
        return int(self._entry("change"))

    def _entry(self, name: str) -> Any:
        if name not in self.manifest:
            raise WorkspaceDamagedError(self.workspace, f"{self._manifest_path} has no {name!r}")
        return self.manifest[name]

    def _check_sizes(self) -> None:
        for name, facts in self.manifest["files"].items():
            path, expected = self.folder / name, facts["size"]
            size = path.stat().st_size if path.exists() else None
            if size != expected:
                found = "is missing" if size is None else f"has {size:,} bytes"
                reason = f"{path} {found}, {expected:,} were written"
                raise WorkspaceDamagedError(self.workspace, reason)

    def _opened_index(self, part: str, path: Path, digest: str | None) -> VectorIndex:
        """Map an index; one of another folder, or damaged, or that ends a process, is refused."""
        from embedsearch.index.vector_index import VectorIndex

        with self._intact(path):
            check_vectors(Layout(self.workspace), part, path)
            return VectorIndex.load(path, expected=digest)

    @contextmanager
    def _intact(self, path: Path) -> Iterator[None]:
        """Raise `WorkspaceDamagedError` for whatever is wrong with a file that we once wrote."""
        if not is_same_file(self._manifest_path, self._descriptor):
            reason = (
                f"{self.folder} was moved, removed or replaced since it was opened; "
                "open the workspace again"
            )
            raise WorkspaceError(self.workspace, reason)
        try:
            yield
        except WorkspaceDamagedError:
            raise
        except _WRONG_CONTENT as error:
            if isinstance(error, OSError) and error.errno in _NOT_ITS_FAULT:
                reason = f"{path} cannot be read: {error.strerror}"
                raise WorkspaceError(self.workspace, reason) from error
            raise WorkspaceDamagedError(self.workspace, _damage(path, error)) from error


def _damage(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path} is missing; {REPAIR}"
    what = str(error) if isinstance(error, EmbedSearchError) else repr(error)
    return f"{path} is damaged: {what.removeprefix('damaged: ')}; {REPAIR}"


class Generation(ArtifactFolder):
    """One generation, mapped; nothing in it is run.

    What only the search of documents needs is imported where it is opened: a question about words
    is answered without it.
    """

    def __init__(self, layout: Layout, number: int) -> None:
        self.files: GenerationLayout = layout.generation(number)
        super().__init__(layout, number, self.files.manifest, GENERATION)

    @property
    def trained_change(self) -> int:
        """The change number at which the word vectors were trained."""
        return int(self._entry("trained_change"))

    @property
    def fitted_documents(self) -> int:
        """How many documents search was fitted to."""
        return int(self._entry("fitted_documents"))

    @property
    def training(self) -> dict[str, Any]:
        """The report of the training."""
        return dict(self._entry("training"))

    @property
    def imported(self) -> bool:
        """Whether its word vectors were trained elsewhere."""
        return bool(self.training["trainer"] == IMPORTED)

    @property
    def index_facts(self) -> dict[str, Any]:
        """What `save_index` said of the index of the words."""
        return dict(self._entry("word_index"))

    @cached_property
    def tokenizer(self) -> TokenizerSettings:
        """How its corpus was cut into tokens, and queries are."""
        with self._intact(self.files.manifest):
            return TokenizerSettings.from_json(self._entry("tokenizer"))

    @cached_property
    def processor(self) -> TextProcessor:
        """Cuts queries as the corpus was cut."""
        from embedsearch.text.tokenizers import TextProcessor

        return TextProcessor(self.tokenizer, self.phrases)

    @cached_property
    def phrases(self) -> PhraseTable:
        """The phrases that its corpus was joined by; may be empty."""
        from embedsearch.text.phrases import PhraseTable

        with self._intact(self.files.phrases):
            return PhraseTable.load(self.files.phrases)

    @cached_property
    def vectors(self) -> WordVectors:
        """The word vectors, mapped."""
        with self._intact(self.files.vocabulary):
            vocabulary = Vocabulary.load(self.files.vocabulary)
        with self._intact(self.files.words):
            tensors = open_tensors(self.files.words)
            words = list(vocabulary.words)
            subwords = self._subwords(tensors)
            counts = vocabulary.counts if vocabulary.total else None
            return WordVectors(tensors["vectors"], words, counts, subwords, check=False)

    @contextmanager
    def training_tensors(self) -> Iterator[Mapping[str, NDArray[Any]]]:
        """Yield what a training goes on from, beside the word vectors, mapped."""
        with self._intact(self.files.training):
            yield open_tensors(self.files.training)

    @cached_property
    def words(self) -> KeyedVectors:
        """Word queries."""
        from embedsearch.workspace.keyed_vectors import KeyedVectors

        return KeyedVectors.of(self.vectors, _Normalizer(self), self._word_index, self._stop_words)

    def _stop_words(self) -> list[str]:
        # Read as it is written: what cuts texts for search need not be imported for it.
        with self._intact(self.files.manifest):
            return list(self._entry("search")["analyzer"]["tokenizer"]["stop_words"])

    @cached_property
    def encoder(self) -> TextEncoder:
        """Encodes queries, and documents added later, in the space of the words."""
        from embedsearch.search.latent_space import TextEncoder
        from embedsearch.vectors.sif import SifEncoder

        with self._intact(self.files.encoder):
            tensors = open_tensors(self.files.encoder)
            sif = SifEncoder.from_tensors(self.vectors.vectors, tensors)
        return TextEncoder(self.processor, self.vectors, sif)

    @cached_property
    def search_settings(self) -> SearchSettings:
        """How its documents are found."""
        from embedsearch.search.options import SearchSettings

        return SearchSettings.from_json(self._entry("search")["settings"])

    @property
    def words_alone(self) -> bool:
        """Whether nothing was fitted to documents."""
        # As it is written: queries for words need not import what it is made of.
        return not self._entry("search")["settings"].get("search", True)

    @cached_property
    def index_settings(self) -> IndexSettings:
        """What kind of index its words were to have."""
        from embedsearch.index.settings import IndexSettings

        with self._intact(self.files.manifest):
            return IndexSettings.from_facts(self.index_facts)

    @cached_property
    def analyzer(self) -> LexicalAnalyzer:
        """What cuts texts for search, without the encoders of the `search_model`."""
        from embedsearch.index.lexical import LexicalAnalyzer

        with self._intact(self.files.manifest):
            return LexicalAnalyzer.from_json(self._entry("search")["analyzer"])

    @cached_property
    def word_analyzer(self) -> LexicalAnalyzer:
        """The same for counting words: by the words of scripts without spaces that were found."""
        from embedsearch.index.lexical import LexicalAnalyzer
        from embedsearch.text.phrases import PhraseTable

        plain, lexicon = self.analyzer, self.phrases.lexicon
        if not lexicon:
            return plain
        return LexicalAnalyzer(plain.settings, plain.language, PhraseTable((), lexicon))

    @cached_property
    def search_model(self) -> SearchModel:
        """Encodes queries, and documents added later, in the space of search."""
        from embedsearch.search.latent_space import Terms
        from embedsearch.search.model import restore_model

        with self._intact(self.files.search):
            terms = Terms(self.files.terms.read_bytes().decode("utf-8").split("\n")[:-1])
            tensors = open_tensors(self.files.search)
            load = partial(load_or_placeholder, workspace=self.workspace)
            return restore_model(self._entry("search"), tensors, terms, load)

    @cached_property
    def document_vectors(self) -> DocumentVectors:
        """The document vectors at its change number, mapped."""
        from embedsearch.search.document_expansion import ExpandedDocuments
        from embedsearch.search.document_index import DocumentVectors, check_bounds
        from embedsearch.vectors.arrays import check_finite
        from embedsearch.vectors.rounded import RoundedRows

        with self._intact(self.files.documents):
            found = open_tensors(self.files.documents)
            numbers, bounds, shrink = found["numbers"], found["owners"], found.get("shrink")
            if shrink is not None:
                check_finite("shrink", shrink)
            vectors = RoundedRows.from_tensors(found, "vectors")
            latent = RoundedRows.from_tensors(found, "latent", self.search_model.space.ranks)
            check_bounds(bounds, len(numbers), len(latent))
            expanded = ExpandedDocuments.from_tensors(
                found, len(numbers), len(self.search_model.space.terms)
            )
            return DocumentVectors.of(
                numbers, vectors, latent, self.change, bounds, shrink, expanded
            )

    def candidates(self) -> CandidateIndex | None:
        """Return the clusters of the stored document vectors; None if these are few."""
        from embedsearch.index.candidate_index import CandidateIndex

        if not self.files.document_index.exists():
            return None
        with self._intact(self.files.document_index):
            check_vectors(Layout(self.workspace), "documents", self.files.document_index)
            return CandidateIndex.load(self.files.document_index)

    def _word_index(self) -> VectorIndex:
        return self._opened_index("words", self.files.word_index, self.index_facts.get("digest"))

    def _subwords(self, tensors: Mapping[str, NDArray[Any]]) -> Subwords | None:
        if "ngram_vectors" not in tensors:
            return None
        from embedsearch.vectors.subwords import Subwords

        parameters = self.training["parameters"]
        min_n, max_n, bucket = (int(parameters[name]) for name in ("min_n", "max_n", "bucket"))
        return Subwords(min_n, max_n, bucket, tensors["ngram_ids"], tensors["ngram_vectors"])


class _Normalizer:
    """Treats a word like the corpus of a generation, and is copied without its folder.

    Most words are found as they are: what cuts text is made when the first is not.
    """

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    def __call__(self, word: str) -> str | None:
        return self._generation.processor.lookup(word)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self._generation.processor, "lookup")


def word_tensors(vectors: WordVectors) -> dict[str, FloatMatrix | NDArray[np.int64]]:
    """Return what `words.safetensors` holds."""
    tensors: dict[str, FloatMatrix | NDArray[np.int64]] = {"vectors": vectors.vectors}
    if vectors.subwords is not None:
        tensors["ngram_ids"] = vectors.subwords.ids
        tensors["ngram_vectors"] = vectors.subwords.vectors
    return tensors


def load_or_placeholder(spec: str, vector_size: int, workspace: Path) -> CheckedEncoder:
    """Load an encoder; if that fails, return one that raises the reason when it is asked.

    Questions about words and by words alone are answered without it.
    """
    from embedsearch.vectors.encoders import CheckedEncoder, PlaceholderEncoder, load_encoder

    try:
        return load_encoder(spec, vector_size)
    except EmbedSearchError as error:
        without = f"embedsearch index -w {shlex.quote(str(workspace))} --encoder none"
        reason = (
            f"its documents are found with the encoder {spec!r}, which cannot be loaded here: "
            f"{error}. Questions about words and mode 'lexical' go without it; to go without "
            f"it for good: {without}"
        )
        missing = WorkspaceError(workspace, reason)
        missing.__cause__ = error
        return CheckedEncoder(PlaceholderEncoder(vector_size, missing), spec)
