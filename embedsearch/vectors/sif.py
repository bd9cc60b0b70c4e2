"""Documents as weighted means of their word vectors, without what all of them share.

Source: Arora, Liang and Ma 2017, "A Simple but Tough-to-Beat Baseline for Sentence
Embeddings". A word weighs a / (a + p), p being its share of the corpus; from every mean the
directions that the documents have in common are removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._types import FloatMatrix, FloatVector, IntVector
from embedsearch.vectors.arrays import unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

RowBlock = tuple[IntVector, IntVector]
"""Rows of words, -1 for unknown ones, and the (m + 1,) bounds of m documents within them."""

# The direction that fewer documents have in common is what they are about.
_FEWEST_DOCUMENTS = 10
# Means that are not longer are zeros but for rounding.
_SHORTEST = 1e-9


class SifEncoder:
    """Turns rows of the vocabulary into unit vectors of documents."""

    def __init__(
        self, vectors: FloatMatrix, counts: IntVector, a: float = 1e-3, n_components: int = 1
    ) -> None:
        self.vectors, self.n_components = vectors, n_components
        share = counts / max(int(counts.sum()), 1)
        self.weights_: FloatVector = (a / (a + share)).astype(np.float32)
        # Orthonormal directions to remove, `n_components` or fewer; `fit_transform` learns them.
        self.components_: FloatMatrix = np.zeros((0, vectors.shape[1]), np.float32)

    def fit_transform(self, documents: Iterable[RowBlock]) -> FloatMatrix:
        """Learn the common directions from the documents, and encode them: (n, d), unit rows."""
        means = self._means(documents)
        self.components_ = _common_directions(means, self.n_components)
        return self._finish(means)

    def transform(self, documents: Iterable[RowBlock]) -> FloatMatrix:
        """Encode documents: (n, d), unit rows; one without a known word is a row of zeros."""
        return self._finish(self._means(documents))

    def encode(self, rows: IntVector) -> FloatVector:
        """Encode one text given as the rows of its words: (d,)."""
        known = rows[rows >= 0]
        return self.encode_vectors(self.vectors[known], self.weights_[known])

    def encode_vectors(self, vectors: FloatMatrix, weights: FloatVector) -> FloatVector:
        """Encode one text given as the (k, d) vectors of its words and their (k,) weights."""
        mean = weights @ vectors / max(len(weights), 1)
        document: FloatVector = self._finish(np.asarray(mean, np.float32).reshape(1, -1))[0]
        return document

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the learned state for a file; the word vectors have one of their own."""
        return {"weights": self.weights_, "components": self.components_}

    @classmethod
    def from_tensors(cls, vectors: FloatMatrix, tensors: Mapping[str, NDArray[Any]]) -> SifEncoder:
        """Restore an encoder from the word vectors and the learned state."""
        encoder = cls.__new__(cls)
        encoder.vectors = vectors
        encoder.weights_, encoder.components_ = tensors["weights"], tensors["components"]
        encoder.n_components = len(encoder.components_)
        return encoder

    def _means(self, documents: Iterable[RowBlock]) -> FloatMatrix:
        blocks = [self._block_means(rows, bounds) for rows, bounds in documents]
        empty = np.zeros((0, self.vectors.shape[1]), np.float32)
        return np.concatenate(blocks) if blocks else empty

    def _block_means(self, rows: IntVector, bounds: IntVector) -> FloatMatrix:
        from scipy.sparse import csr_matrix

        known = rows >= 0
        ends = np.concatenate(([0], np.cumsum(known)))[bounds]
        rows = rows[known]
        shape = (len(bounds) - 1, len(self.vectors))
        weighted = csr_matrix((self.weights_[rows], rows, ends), shape=shape)
        lengths = np.maximum(np.diff(ends), 1).astype(np.float32)
        means: FloatMatrix = (weighted @ self.vectors) / lengths[:, None]
        return means

    def _finish(self, means: FloatMatrix) -> FloatMatrix:
        means = means - (means @ self.components_.T) @ self.components_
        return unit_rows(means, least=_SHORTEST)


def zipf_counts(size: int) -> IntVector:
    """Estimate how often the words of a vocabulary occur from their ranks alone: (size,).

    The most frequent word comes first, as in the files of word2vec, GloVe and fastText.
    Mandelbrot's form of Zipf's law: the frequency of rank r is proportional to 1 / (r + 2.7).
    """
    counts: IntVector = np.ceil(1e9 / (np.arange(1, size + 1) + 2.7)).astype(np.int64)
    return counts


def _common_directions(means: FloatMatrix, n_components: int) -> FloatMatrix:
    """Return the direction of the mean, then the first singular vectors of what is left.

    Arora et al. take singular vectors alone. The first is nearly the mean where documents have
    much in common; where they fall into two topics that have nothing in common it is one of
    the topics, and removing it would remove the topic.
    """
    if len(means) < _FEWEST_DOCUMENTS or n_components == 0:
        return np.zeros((0, means.shape[1]), np.float32)
    common = means.mean(axis=0, dtype=np.float64)
    length = np.linalg.norm(common)
    if length < _SHORTEST:
        return np.zeros((0, means.shape[1]), np.float32)
    first = (common / length).astype(np.float32)
    left = means - np.outer(means @ first, first)
    _, directions = np.linalg.eigh((left.T @ left).astype(np.float64))
    others = directions[:, ::-1][:, : n_components - 1].T
    return np.ascontiguousarray(np.vstack((first, others)), dtype=np.float32)
