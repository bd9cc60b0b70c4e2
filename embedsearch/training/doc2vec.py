"""gensim's Doc2Vec as an encoder that is fitted to the collection."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import CorpusTooSmallError, ParameterError, VectorError
from embedsearch.text.stream import write_stream
from embedsearch.text.vocabulary import select
from embedsearch.training.base import Corpus
from embedsearch.training.doc2vec_inference import Inference
from embedsearch.training.doc2vec_state import Doc2VecSettings, Doc2VecState, check_settings
from embedsearch.training.doc2vec_training import known_words, train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix

QUERY_PASSES = 5
"""How many times as many passes a query takes as the training took.

It has few words, each of which moves it once in a pass. Against the vectors of training, nDCG@10
is 0.29 with 1, 0.32 with 5 and 0.31 with 20 times as many on Cranfield; 0.30, 0.36, 0.35 on CISI.
"""
DOCUMENT_WORDS = 400
"""How many words are read of a document in all its passes.

The words are learned by now, so that as many passes as in training fit a document to its noise.
nDCG@10 with 20 passes, with 400 words and with the vectors of training: 0.28, 0.36, 0.32 on
Cranfield; 0.31, 0.36, 0.35 on CISI; 0.26, 0.28, 0.23 and 0.20, 0.20, 0.15 on their first 25 words.
"""


class Doc2VecEncoder:
    """Paragraph vectors: a text gets the vector that predicts its words best.

    It is an `embedsearch.vectors.base.Encoder`. Texts are encoded one after the other, queries
    by five times as many passes as training took, documents by as many as it takes to read 400
    words: at least two, and no more than a query. The same text always gets the same vector,
    in every process.

    Source: Le and Mikolov 2014, "Distributed Representations of Sentences and Documents";
    implementation by gensim.

    Args:
        state: What was learned of a collection.
        tokenize: Cuts texts as the collection was cut.
        document_vectors: `(n, d)` what training gave to the documents of the collection.

    Attributes:
        document_vectors: See there; `(0, d)` for an encoder that was restored.
    """

    def __init__(
        self,
        state: Doc2VecState,
        tokenize: Callable[[str], list[str]],
        document_vectors: FloatMatrix | None = None,
    ) -> None:
        self.state, self.tokenize = state, tokenize
        if document_vectors is None:
            document_vectors = np.zeros((0, state.settings.vector_size), np.float32)
        self.document_vectors = document_vectors

    @classmethod
    def fit(
        cls,
        token_lists: Iterable[list[str]],
        tokenize: Callable[[str], list[str]],
        *,
        vector_size: int = 100,
        epochs: int = 20,
        min_count: int = 2,
        dm: int = 0,
        workers: int = 1,
        seed: int = 1,
        progress: Progress | None = None,
    ) -> Doc2VecEncoder:
        """Learn from a collection.

        The seed with one worker gives the same on every run.

        Args:
            token_lists: The tokens of each of n documents; read once and kept on disk meanwhile.
            tokenize: Cuts texts that are encoded later in the same way.
            vector_size: Dimensions of a vector, d.
            epochs: Passes over the collection.
            min_count: Rarer words are not known.
            dm: 0 is PV-DBOW, 1 is PV-DM; on small collections the first is much the better alone.
            workers: Threads.
            seed: Of the random numbers.
            progress: A listener.

        Returns:
            An encoder whose `document_vectors` are `(n, d)`; zeros for a document without a
            known word.

        Raises:
            CorpusTooSmallError: Fewer than two words are frequent enough, or fewer than two
                documents hold any of them.
            ParameterError: A setting is out of its range, or a document is one text.
        """
        settings = Doc2VecSettings(vector_size=vector_size, epochs=epochs, dm=dm, seed=seed)
        check_settings(min_count=min_count, workers=workers)
        with tempfile.TemporaryDirectory(prefix="embedsearch-") as name:
            # Not kept here: Windows cannot remove files that are mapped.
            made = train(_corpus(Path(name), token_lists, min_count), settings, workers, progress)
        return cls(made[0], tokenize, made[1])

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Infer the vectors of texts: `(n, d)`, zeros where no word is known."""
        return self._infer(texts, DOCUMENT_WORDS)

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Infer the vectors of queries; see `encode_documents`."""
        return self._infer(texts, None)

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays for a file; `state.words` and the document vectors are kept apart."""
        state = self.state
        return {
            "counts": state.counts,
            "outputs": state.outputs,
            "inputs": state.inputs,
            "settings": state.settings.to_array(),
        }

    @classmethod
    def from_tensors(
        cls,
        words: Sequence[str],
        tensors: Mapping[str, NDArray[Any]],
        tokenize: Callable[[str], list[str]],
    ) -> Doc2VecEncoder:
        """Restore an encoder from its `state.words` and what `to_tensors` gave.

        Raises:
            VectorError: An array is missing, or does not fit the words.
            ParameterError: A setting is out of its range.
        """
        try:
            counts, outputs, inputs = (tensors[name] for name in ("counts", "outputs", "inputs"))
            settings = Doc2VecSettings.from_array(tensors["settings"])
        except KeyError as error:
            raise VectorError(f"Doc2Vec needs the array {error}, which is missing") from error
        return cls(Doc2VecState(words, counts, outputs, inputs, settings), tokenize)

    def _infer(self, texts: Sequence[str], words: int | None) -> FloatMatrix:
        inference, most = self._inference, QUERY_PASSES * self.state.settings.epochs
        vectors = np.zeros((len(texts), self.state.settings.vector_size), np.float32)
        for place, text in enumerate(texts):
            known = inference.known(self.tokenize(text))
            enough = most if words is None else max(2, round(words / max(len(known), 1)))
            vectors[place] = inference.vector(known, min(enough, most))
        return vectors

    @cached_property
    def _inference(self) -> Inference:
        return Inference(self.state)


def _corpus(folder: Path, token_lists: Iterable[list[str]], min_count: int) -> Corpus:
    stream = write_stream(folder, enumerate(map(_checked, token_lists)))
    vocabulary, rows = select(stream.types, stream.counts, min_count)
    corpus = Corpus(stream, vocabulary, rows, folder)
    found = int(np.count_nonzero(known_words(corpus)))
    if found < 2:
        raise CorpusTooSmallError(
            f"Doc2Vec tells documents apart and needs at least two with words that occur "
            f"min_count={min_count} times; {found} of {len(stream):,} has any"
        )
    return corpus


def _checked(tokens: object) -> list[str]:
    if not isinstance(tokens, list):
        raise ParameterError("every document", "a list of tokens", tokens)
    return tokens
