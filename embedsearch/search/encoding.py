"""Texts as vectors: tokens looked up in the vocabulary, then encoded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import QueryError, UnknownWordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from embedsearch._types import Document, FloatMatrix, FloatVector, IntVector
    from embedsearch.text.processing import TextProcessor
    from embedsearch.vectors.sif import RowBlock, SifEncoder
    from embedsearch.vectors.word_vectors import WordVectors

_BLOCK = 1_000


def full_text(document: Document) -> str:
    """Return title and text together, as they are read by training and encoding."""
    return f"{document.title}\n{document.text}" if document.title else document.text


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """A query as a vector.

    Attributes:
        vector: (d,) of unit length.
        unknown: Its words that the vocabulary does not have.
    """

    vector: FloatVector
    unknown: tuple[str, ...]


class TextEncoder:
    """Encodes texts as the documents of the corpus were encoded."""

    def __init__(self, processor: TextProcessor, vectors: WordVectors, encoder: SifEncoder) -> None:
        self.processor, self.vectors, self.encoder = processor, vectors, encoder

    def query(self, text: str) -> EncodedQuery:
        """Encode a query.

        Raises:
            QueryError: It has no words.
            UnknownWordError: It has no known word, and no vector can be made of any.
        """
        tokens = self.processor.process(text)
        if not tokens:
            reason = "is empty" if not text.strip() else f"has no words to search for: {text!r}"
            raise QueryError(f"the query {reason}")
        vector, unknown = self._encode(tokens)
        if not vector.any():
            from embedsearch.search.suggest import suggest

            raise UnknownWordError(tokens[0], suggest(tokens[0], self.vectors))
        return EncodedQuery(vector, unknown)

    def passages(self, texts: list[str]) -> FloatMatrix:
        """Encode texts as documents: (n, d), unit rows, zeros where no word is known."""
        return self.encoder.transform([self._rows(texts)])

    def documents(self, documents: Iterable[Document]) -> Iterator[FloatMatrix]:
        """Encode documents in blocks."""
        texts = (full_text(document) for document in documents)
        while block := list(islice(texts, _BLOCK)):
            yield self.passages(block)

    def _encode(self, tokens: list[str]) -> tuple[FloatVector, tuple[str, ...]]:
        index, encoder = self.vectors.key_to_index, self.encoder
        known = [index[token] for token in tokens if token in index]
        unknown = tuple(dict.fromkeys(token for token in tokens if token not in index))
        vectors, weights = encoder.vectors[known], encoder.weights_[known]
        inferred = [v for v in map(self._infer, unknown) if v is not None]
        if inferred:
            # A word that the corpus does not have is as rare as can be: its weight is 1.
            vectors = np.concatenate((vectors, np.stack(inferred)))
            weights = np.concatenate((weights, np.ones(len(inferred), np.float32)))
        return encoder.encode_vectors(vectors, weights), unknown

    def vector_of(self, word: str) -> FloatVector | None:
        """Return the (d,) vector of a word, or one made of its parts; None where there is none."""
        token = self.processor.normalize(word)
        if token is None:
            return None
        row = self.vectors.key_to_index.get(token)
        return self._infer(token) if row is None else self.vectors.vectors[row]

    def _infer(self, word: str) -> FloatVector | None:
        subwords = self.vectors.subwords
        return None if subwords is None else subwords.infer(word)

    def _rows(self, texts: list[str]) -> RowBlock:
        index, rows, ends = self.vectors.key_to_index, list[int](), [0]
        for text in texts:
            rows.extend([index.get(token, -1) for token in self.processor.process(text)])
            ends.append(len(rows))
        found: IntVector = np.asarray(rows, np.int64)
        return found, np.asarray(ends, np.int64)
