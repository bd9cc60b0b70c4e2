"""Query words and what stands for them: a row, a vector, or a clear refusal."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._errors import QueryError, UnknownWordError
from embedsearch.search.suggest import Speller
from embedsearch.vectors.arrays import as_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.vectors.word_vectors import WordVectors


class Found(NamedTuple):
    """What stands for a query word: its row, or -1 where its vector was inferred."""

    word: str
    row: int
    vector: FloatVector


class WordLookup:
    """Words to vectors; a query word is looked up as it is, then treated like the corpus.

    Args:
        vectors: The vocabulary.
        normalize: Treats a word like the corpus was; None where nothing is left of it.
    """

    def __init__(self, vectors: WordVectors, normalize: Callable[[str], str | None]) -> None:
        self._words = vectors
        self._normalize = normalize

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        return iter(self._words.index_to_key)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._row(word) >= 0

    def __getitem__(self, words: str | Sequence[str]) -> NDArray[np.float32]:
        """Get the vector of a word `(d,)`, or of a list of words `(n, d)`."""
        if isinstance(words, str) or not isinstance(words, Iterable):
            return self.get_vector(words)
        return np.array([self.get_vector(word) for word in words]).reshape(-1, self.vector_size)

    @property
    def vectors(self) -> FloatMatrix:
        """All word vectors, `(V, d)` float32, read-only."""
        return self._words.vectors

    @property
    def vector_size(self) -> int:
        """The number of dimensions, d."""
        return self._words.vector_size

    @property
    def index_to_key(self) -> list[str]:
        """The word of each row."""
        return self._words.index_to_key

    @property
    def key_to_index(self) -> dict[str, int]:
        """The row of each word."""
        return self._words.key_to_index

    def get_count(self, word: str) -> int | None:
        """Tell how often the corpus has a word; None where counts are not known.

        Raises:
            UnknownWordError: Not in the vocabulary.
        """
        row = self._row(word)
        if row < 0:
            raise self._unknown(word)
        return None if self._words.counts is None else int(self._words.counts[row])

    def get_vector(self, word: str, norm: bool = False) -> FloatVector:
        """Get the vector of a word, `(d,)`, read-only.

        Args:
            word: The word; where a subword model was trained, it may be one never seen.
            norm: Scale it to length 1; a vector of zeros stays as it is.

        Raises:
            UnknownWordError: Not in the vocabulary, and nothing to infer a vector from.
        """
        vector = self.find(word).vector
        if norm:
            vector = unit(vector)
        vector.flags.writeable = False
        return vector

    def get_mean_vector(
        self,
        keys: Sequence[str | ArrayLike],
        weights: Sequence[float] | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> FloatVector:
        """Get the weighted mean of words and vectors, as gensim's method of this name.

        Args:
            keys: Words, or vectors `(d,)`, which are taken at the length that they have.
            weights: One for each; 1 by default. The sum is divided by that of their sizes.
            pre_normalize: Scale the words' vectors to length 1 before.
            post_normalize: Scale the mean to length 1 after.
            ignore_missing: Leave unknown words out, rather than raise.

        Raises:
            QueryError: No keys, or another number of weights.
            UnknownWordError: An unknown word, unless ignored.
            VectorError: A vector of the wrong dimension, or with NaN or infinity.
        """
        weights = [1.0] * len(keys) if weights is None else list(weights)
        if not len(keys) or len(keys) != len(weights):
            raise QueryError(f"a mean needs keys, and as many weights: {len(keys)}, {len(weights)}")
        total, size = np.zeros(self.vector_size), 0.0
        for key, weight in zip(keys, weights, strict=True):
            try:
                vector = self._as_vector(key, pre_normalize)
            except UnknownWordError:
                if not ignore_missing:
                    raise
                continue
            total += weight * vector
            size += abs(weight)
        mean: FloatVector = (total / size if size else total).astype(np.float32)
        return unit(mean) if post_normalize else mean

    def find(self, word: str) -> Found:
        """Look a word up.

        Raises:
            UnknownWordError: Not in the vocabulary, and nothing to infer a vector from.
            QueryError: Not a string, or an empty one.
        """
        row = self._row(word)
        if row >= 0:
            return Found(word, row, self._words.vectors[row])
        if not word.strip():
            raise QueryError("a query word is empty")
        if self._words.subwords is not None:
            vector = self._words.subwords.infer(self._normalize(word) or word)
            if vector is not None:
                return Found(word, -1, vector)
        raise self._unknown(word)

    def find_all(self, words: Iterable[str]) -> list[Found]:
        """Look several words up; a lone string counts as one word."""
        return [self.find(word) for word in ([words] if isinstance(words, str) else words)]

    def _row(self, word: str) -> int:
        if not isinstance(word, str):
            raise QueryError(f"a word must be a string, got {word!r}")
        rows = self._words.key_to_index
        row = rows.get(word)
        if row is None:
            treated = self._normalize(word)
            row = rows.get(treated) if treated is not None else None
        return -1 if row is None else row

    def _as_vector(self, key: str | ArrayLike, normalize: bool) -> FloatVector:
        if isinstance(key, str):
            return self.get_vector(key, norm=normalize)
        return self._given_vector(key)

    def _given_vector(self, vector: ArrayLike) -> FloatVector:
        matrix = as_matrix(vector, "the vector", self.vector_size)
        if len(matrix) != 1:
            raise QueryError(f"expected one vector, got {len(matrix)}")
        one: FloatVector = matrix[0]
        return one

    def _unknown(self, word: str) -> UnknownWordError:
        return UnknownWordError(word, self._split(word) or self._speller.suggest(word))

    def _split(self, word: str) -> list[str]:
        # "king-man+woman" without its spaces is one word; say how it was probably meant.
        for sign in "-+":
            parts = word.split(sign)
            if len(parts) > 1 and all(part and self._row(part) >= 0 for part in parts):
                return [f" {sign} ".join(parts)]
        return []

    @cached_property
    def _speller(self) -> Speller:
        return Speller(self._words.index_to_key, self._words.counts)


def unit(vector: FloatVector) -> FloatVector:
    """Scale a vector `(d,)` to length 1; zeros stay as they are."""
    # Summed in float64, where squares of float32 neither overflow nor vanish.
    length = float(np.sqrt(np.square(vector, dtype=np.float64).sum()))
    if not length:
        return vector
    scaled: FloatVector = vector / np.float32(length)
    return scaled
