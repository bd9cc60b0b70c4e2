"""Texts as vectors: in the space of the words, and in that of the encoders of search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import QueryError, UnknownWordError
from embedsearch.search.passages import Block, products
from embedsearch.search.terms import Terms, sampled
from embedsearch.vectors.arrays import unit_rows
from embedsearch.vectors.lsa import fit_lsa, fit_words, gram
from embedsearch.vectors.sparse import TermStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from embedsearch._types import Document, FloatMatrix, FloatVector, IntVector
    from embedsearch.search.terms import TermDocuments, TermVectors
    from embedsearch.text.tokenizers import TextProcessor
    from embedsearch.vectors.encoders import CheckedEncoder
    from embedsearch.vectors.lsa import LinearEncoder
    from embedsearch.vectors.sif import SifEncoder
    from embedsearch.vectors.word_vectors import WordVectors

RANKS = (100, 300)
"""Dimensions of the two LSA encoders; 200 as well, or 500 for 300, gained nothing on nine beds."""

FEEDBACK_WEIGHT = 0.7
"""What the mean of the first hits weighs beside the query, which weighs 1 (Rocchio 1971)."""

_DOCUMENTS_AT_ONCE = 1_000
# A decomposition holds the counts of all documents that it is fitted to in memory.
_FITTED_ON = 20_000
# The products with a projection are dense: 12 MB for each encoder.
_ROWS_AT_ONCE = 10_000


def full_text(document: Document) -> str:
    """Return title and text together, as they are read by training and encoding."""
    return f"{document.title}\n{document.text}" if document.title else document.text


class TextEncoder:
    """Encodes texts in the space of the words, by smooth inverse frequency."""

    def __init__(self, processor: TextProcessor, vectors: WordVectors, encoder: SifEncoder) -> None:
        self.processor, self.vectors, self.encoder = processor, vectors, encoder

    def query(self, text: str) -> FloatVector:
        """Encode a query: (d,) of unit length.

        Raises:
            QueryError: It has no words.
            UnknownWordError: It has no known word, and no vector can be inferred for any.
        """
        tokens = self.processor.process(text)
        if not tokens:
            reason = "is empty" if not text.strip() else f"has no words to search for: {text!r}"
            raise QueryError(f"the query {reason}")
        vector = self._encode(tokens)
        if not vector.any():
            from embedsearch.search.words import suggest

            raise UnknownWordError(tokens[0], suggest(tokens[0], self.vectors))
        return vector

    def passages(self, texts: list[str]) -> FloatMatrix:
        """Encode texts as documents: (n, d), unit rows, zeros where no word is known."""
        index, rows, ends = self.vectors.key_to_index, list[int](), [0]
        for text in texts:
            rows.extend([index.get(token, -1) for token in self.processor.process(text)])
            ends.append(len(rows))
        return self.encoder.transform([(np.array(rows, np.int64), np.array(ends, np.int64))])

    def documents(self, documents: Iterable[Document]) -> Iterator[FloatMatrix]:
        """Encode documents in blocks."""
        texts = (full_text(document) for document in documents)
        while block := list(islice(texts, _DOCUMENTS_AT_ONCE)):
            yield self.passages(block)

    def _encode(self, tokens: list[str]) -> FloatVector:
        index, encoder = self.vectors.key_to_index, self.encoder
        known = [index[token] for token in tokens if token in index]
        unknown = dict.fromkeys(token for token in tokens if token not in index)
        vectors, weights = encoder.vectors[known], encoder.weights_[known]
        inferred = [v for v in map(self._infer, unknown) if v is not None]
        if inferred:
            # A word that the corpus does not have is as rare as can be: its weight is 1.
            vectors = np.concatenate((vectors, np.stack(inferred)))
            weights = np.concatenate((weights, np.ones(len(inferred), np.float32)))
        return encoder.encode_vectors(vectors, weights)

    def vector_of(self, word: str) -> FloatVector | None:
        """Return the (d,) vector of a word, inferred from its n-grams if need be, or None."""
        token = self.processor.normalize(word)
        if token is None:
            return None
        row = self.vectors.key_to_index.get(token)
        return self._infer(token) if row is None else self.vectors.vectors[row]

    def _infer(self, word: str) -> FloatVector | None:
        subwords = self.vectors.subwords
        return None if subwords is None else subwords.infer(word)


class LatentSpace:
    """Encodes documents and queries by all its encoders, their unit vectors side by side.

    Args:
        terms: The terms that the linear encoders know.
        statistics: How terms weigh.
        linear: Encoders that were fitted to the collection.
        external: Encoders that the user has plugged in.
    """

    def __init__(
        self,
        terms: Terms,
        statistics: TermStatistics,
        linear: Sequence[LinearEncoder],
        external: Sequence[CheckedEncoder] = (),
    ) -> None:
        self.terms, self.statistics = terms, statistics
        self.linear, self.external = tuple(linear), tuple(external)

    @cached_property
    def blocks(self) -> list[Block]:
        """The columns of each encoder."""
        sizes = [encoder.dimension for encoder in self.linear]
        sizes += [encoder.vector_size for encoder in self.external]
        names = [encoder.name for encoder in self.linear]
        names += [encoder.name for encoder in self.external]
        return list(map(Block, names, _side_by_side(sizes)))

    def documents(self, counts: Any, texts: Sequence[str] | None = None) -> FloatMatrix:
        """Encode documents.

        Args:
            counts: `(n, V)`, their terms.
            texts: The documents themselves; needed where encoders are plugged in.

        Returns:
            `(n, D)` float32: in each block rows of length 1, or zeros.
        """
        parts = [encoder.encode_documents(texts or ()) for encoder in self.external]
        linear = self.linear_documents(counts)
        return np.concatenate((linear, *parts), axis=1) if parts else linear

    def linear_documents(self, counts: Any, at_once: int = _ROWS_AT_ONCE) -> FloatMatrix:
        """Encode documents by the linear encoders alone, so many at once."""
        places = _side_by_side([encoder.dimension for encoder in self.linear])
        X = np.empty((counts.shape[0], places[-1].stop if places else 0), np.float32)
        for start in range(0, len(X), at_once):
            some = counts[start : start + at_once]
            for encoder, columns in zip(self.linear, places, strict=True):
                X[start : start + at_once, columns] = encoder.documents(some, self.statistics)
        return X

    def queries(self, weights: Any, texts: Sequence[str]) -> FloatMatrix:
        """Encode queries given as terms with weights `(nq, V)` and as texts; see `documents`."""
        parts = [encoder.encode_queries(texts) for encoder in self.external]
        return np.concatenate((self.linear_queries(weights), *parts), axis=1)

    def linear_queries(self, weights: Any) -> FloatMatrix:
        """Encode queries by the linear encoders alone."""
        parts = [encoder.queries(weights, self.statistics) for encoder in self.linear]
        return np.concatenate([np.zeros((weights.shape[0], 0), np.float32), *parts], axis=1)

    def restricted_to(self, terms: Iterable[str]) -> LatentSpace:
        """Return the space of these terms alone, those that it knows; without external encoders.

        What it encodes is the same; but what it reads and multiplies fits the texts at hand,
        while the whole may be a mapped file of 100,000 terms.
        """
        column_of = self.terms.columns
        known = [term for term in dict.fromkeys(terms) if term in column_of]
        columns: IntVector = np.fromiter(map(column_of.__getitem__, known), np.int64)
        statistics = TermStatistics(self.statistics.idf[columns], self.statistics.mean_length)
        # np.take would copy all of a projection that is a part of another, or mapped unaligned.
        linear = [replace(e, projection=e.projection[columns]) for e in self.linear]
        return LatentSpace(Terms(known), statistics, linear)


def fit_space(
    documents: TermDocuments,
    terms: Terms,
    statistics: TermStatistics,
    term_vectors: TermVectors,
    external: Sequence[CheckedEncoder] = (),
    most: int = _FITTED_ON,
) -> LatentSpace:
    """Fit the linear encoders to a collection.

    Args:
        documents: Of many, a sample of `most` is used; without any, there is only the encoder of
            words.
        terms: The V terms.
        statistics: Of all documents.
        term_vectors: The vectors of terms.
        external: Encoders that the user has plugged in.
        most: See `documents`.
    """
    some = sampled(documents, most)
    linear = fit_lsa(some.counts, statistics, RANKS) if some.counts.nnz else []
    vectors = term_vectors(some)
    if vectors.any():
        linear.append(fit_words(some.counts, statistics, vectors))
    return LatentSpace(terms, statistics, linear, external)


@dataclass(frozen=True, slots=True, eq=False)
class Spreads:
    """How far the scores of documents are apart, for any query, without scoring them all.

    Attributes:
        covariances: For each block `(d, d)`: that of the document vectors.
        first: `(V,)` the mean BM25 weight of each term over all documents.
        second: `(V,)` the mean of its square.
    """

    covariances: tuple[FloatMatrix, ...]
    first: FloatVector
    second: FloatVector

    @classmethod
    def of(cls, X: FloatMatrix, blocks: Sequence[Block], bm25: Any) -> Spreads:
        """Measure them.

        Args:
            X: `(p, D)`, the passages of all documents.
            blocks: The parts of the space.
            bm25: `(n, V)` sparse, the weights of terms in documents.
        """
        n = max(bm25.shape[0], 1)
        covariances = tuple(_covariance(X[:, block.columns]) for block in blocks)
        columns, size = bm25.indices, bm25.shape[1]
        first, second = (
            np.bincount(columns, weights, size) / n for weights in (bm25.data, bm25.data**2)
        )
        return cls(covariances, first.astype(np.float32), second.astype(np.float32))

    def lexical(self, columns: Any, weights: FloatVector) -> float:
        """Return the standard deviation of BM25 over all documents, as if terms were independent.

        `columns` and `weights` `(k,)` are those of the terms of the query.
        """
        variances = self.second[columns] - np.square(self.first[columns])
        return float(np.sqrt(max(float(np.square(weights) @ variances), 0.0)))

    def latent(self, query: FloatMatrix, block: int) -> float:
        """Return the standard deviation of the cosines with a query `(d,)` over all documents."""
        spread = products(self.covariances[block], query) @ query
        return float(np.sqrt(max(float(spread), 0.0)))


def rocchio(query: FloatVector, blocks: Sequence[Block], X: FloatMatrix) -> FloatVector:
    """Move a query `(D,)` towards documents `(k, D)`, block by block."""
    towards = query + FEEDBACK_WEIGHT * X.mean(axis=0)
    parts = [unit_rows(towards[block.columns].reshape(1, -1))[0] for block in blocks]
    return np.concatenate(parts) if parts else query


def _side_by_side(sizes: Sequence[int]) -> list[slice]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice(start, stop) for start, stop in pairwise(ends)]


def _covariance(X: FloatMatrix) -> FloatMatrix:
    if not len(X):
        return np.zeros((X.shape[1], X.shape[1]), np.float32)
    # Centred first: a difference of two large matrices would leave a spread of equal vectors.
    mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
    return np.asarray(gram(X, mean) / len(X), np.float32)
