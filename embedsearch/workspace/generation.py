"""A published generation, opened for reading: everything in it is mapped, nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from embedsearch.index.candidate_index import CandidateIndex
from embedsearch.index.settings import IndexSettings
from embedsearch.search.document_index import DocumentVectors
from embedsearch.search.latent_space import TextEncoder
from embedsearch.search.model import SearchModel, restore_model
from embedsearch.search.options import SearchSettings
from embedsearch.search.passages import check_owners
from embedsearch.search.terms import Terms
from embedsearch.search.words import Words
from embedsearch.text.phrases import PhraseTable
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.vocabulary import Vocabulary
from embedsearch.training.base import TrainedModel
from embedsearch.vectors.sif import SifEncoder
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.tensors import open_tensors
from embedsearch.vectors.word_vectors import WordVectors
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.plugged import load_or_stand_in
from embedsearch.workspace.published import Published
from embedsearch.workspace.schemas import GENERATION
from embedsearch.workspace.trust import check_vectors

if TYPE_CHECKING:
    import numpy as np

    from embedsearch._types import FloatMatrix
    from embedsearch.index.vector_index import VectorIndex
    from embedsearch.workspace.layout import GenerationLayout

Tensors = Mapping[str, NDArray[Any]]


class Generation(Published):
    """One generation.

    Raises:
        FileNotFoundError: It is not there (any more).
        WorkspaceDamagedError: A file is missing, or has another size than the manifest says.
    """

    def __init__(self, layout: Layout, number: int) -> None:
        self.files: GenerationLayout = layout.generation(number)
        super().__init__(layout, number, self.files.manifest, GENERATION)

    @property
    def change(self) -> int:
        """The change number of the record that the document vectors have reached."""
        return int(self._entry("change"))

    @property
    def trained_change(self) -> int:
        """The change number at which the word vectors were trained."""
        return int(self._entry("trained_change"))

    @property
    def fitted_documents(self) -> int:
        """How many documents the encoder was fitted to."""
        return int(self.manifest.get("fitted_documents", self.training["documents"]))

    @property
    def training(self) -> dict[str, Any]:
        """The report of the training."""
        return dict(self._entry("training"))

    @cached_property
    def tokenizer(self) -> TokenizerSettings:
        """How its corpus was cut into tokens, and queries are."""
        with self._intact(self.files.manifest):
            return TokenizerSettings.from_json(self._entry("tokenizer"))

    @cached_property
    def processor(self) -> TextProcessor:
        """Cuts queries as the corpus was cut."""
        return TextProcessor(self.tokenizer, self.phrases)

    @cached_property
    def phrases(self) -> PhraseTable:
        """The phrases that its corpus was joined by; may be empty."""
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

    @property
    def model(self) -> TrainedModel:
        """The word vectors with what is needed to go on training them."""
        with self._intact(self.files.training):
            tensors = open_tensors(self.files.training)
            return TrainedModel(self.vectors, tensors.get("context"), tensors.get("inputs"))

    @cached_property
    def words(self) -> Words:
        """Word queries."""
        return Words(self.vectors, self._word_index, self.processor.normalize)

    @cached_property
    def encoder(self) -> TextEncoder:
        """Encodes queries, and documents added later."""
        with self._intact(self.files.encoder):
            tensors = open_tensors(self.files.encoder)
            sif = SifEncoder.from_tensors(self.vectors.vectors, tensors)
        return TextEncoder(self.processor, self.vectors, sif)

    @cached_property
    def search_settings(self) -> SearchSettings:
        """How its documents are found."""
        asked = self._entry("search")["settings"]
        return SearchSettings(encoders=tuple(asked["encoders"]), language=str(asked["language"]))

    @cached_property
    def index_settings(self) -> IndexSettings:
        """What kind of index its words were to have."""
        with self._intact(self.files.manifest):
            return IndexSettings.from_facts(self.manifest.get("word_index", {}))

    @cached_property
    def search_model(self) -> SearchModel:
        """Encodes queries, and documents added later, in the space of search."""
        with self._intact(self.files.search):
            terms = Terms(self.files.terms.read_bytes().decode("utf-8").split("\n")[:-1])
            tensors = open_tensors(self.files.search)
            load = partial(load_or_stand_in, workspace=self.workspace)
            return restore_model(self._entry("search"), tensors, terms, load)

    @cached_property
    def document_vectors(self) -> DocumentVectors:
        """The document vectors at its change number, mapped."""
        with self._intact(self.files.documents):
            found = open_tensors(self.files.documents)
            owners, latent = found.get("owners"), found["latent"]
            if owners is not None:
                check_owners(owners, len(found["numbers"]), len(latent))
            numbers, vectors = found["numbers"], found["vectors"]
            return DocumentVectors.of(numbers, vectors, latent, self.change, owners)

    def proposer(self) -> CandidateIndex | None:
        """The clusters of the stored document vectors; None where there are few."""
        if not self.files.document_index.exists():
            return None
        with self._intact(self.files.document_index):
            check_vectors(Layout(self.workspace), "documents", self.files.document_index)
            return CandidateIndex.load(self.files.document_index)

    def _word_index(self) -> VectorIndex:
        digest = self.manifest.get("word_index", {}).get("digest")
        return self._opened_index("words", self.files.word_index, digest)

    def _subwords(self, tensors: Tensors) -> Subwords | None:
        if "ngram_vectors" not in tensors:
            return None
        parameters = self.training["parameters"]
        min_n, max_n, bucket = (int(parameters[name]) for name in ("min_n", "max_n", "bucket"))
        return Subwords(min_n, max_n, bucket, tensors["ngram_ids"], tensors["ngram_vectors"])


def word_tensors(vectors: WordVectors) -> dict[str, FloatMatrix | NDArray[np.int64]]:
    """Return what `words.safetensors` holds."""
    tensors: dict[str, FloatMatrix | NDArray[np.int64]] = {"vectors": vectors.vectors}
    if vectors.subwords is not None:
        tensors["ngram_ids"] = vectors.subwords.ids
        tensors["ngram_vectors"] = vectors.subwords.vectors
    return tensors
