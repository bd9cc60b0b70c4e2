"""How like each other words are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import QueryError
from embedsearch.search.lookup import WordLookup, unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import FloatVector, IntVector


class WordComparisons(WordLookup):
    """Comparisons of words with words: names, meaning and numbers are gensim's."""

    def similarity(self, w1: str, w2: str) -> float:
        """Compute the cosine of two words; 0 where a vector is zero.

        Raises:
            UnknownWordError: A word is not in the vocabulary.
        """
        return _cosine(self.find(w1).vector, self.find(w2).vector)

    def distance(self, w1: str, w2: str) -> float:
        """Compute 1 less the cosine of two words.

        Raises:
            UnknownWordError: A word is not in the vocabulary.
        """
        return 1 - self.similarity(w1, w2)

    def n_similarity(self, ws1: Sequence[str], ws2: Sequence[str]) -> float:
        """Compute the cosine between the means of two lists of words.

        Raises:
            QueryError: A list is empty.
            UnknownWordError: A word is not in the vocabulary (gensim leaves it out).
        """
        means = [
            self.get_mean_vector(
                [words] if isinstance(words, str) else words,
                pre_normalize=False,
                ignore_missing=False,
            )
            for words in (ws1, ws2)
        ]
        return _cosine(*means)

    def distances(
        self, word_or_vector: str | ArrayLike, other_words: Sequence[str] = ()
    ) -> NDArray[np.float32]:
        """Compute 1 less the cosine of a word with others.

        Args:
            word_or_vector: A word, or a vector `(d,)`.
            other_words: The others; all of the vocabulary by default.

        Returns:
            A distance for each of the others, `(n,)`, or for each row of the vocabulary, `(V,)`.

        Raises:
            UnknownWordError: A word is not in the vocabulary.
            VectorError: A vector of the wrong dimension, or with NaN or infinity.
        """
        vector = unit(self._as_vector(word_or_vector, normalize=True))
        if not len(other_words):
            return 1 - self._cosines(vector)
        others = np.array([self.get_vector(word, norm=True) for word in other_words])
        distances: NDArray[np.float32] = 1 - others @ vector
        return distances

    def most_similar_to_given(self, key1: str, keys_list: Sequence[str]) -> str:
        """Choose the word of a list that is most similar to `key1`; the first, of equals.

        Raises:
            QueryError: The list is empty.
            UnknownWordError: A word is not in the vocabulary.
        """
        if not len(keys_list):
            raise QueryError("the list of words to choose from is empty")
        return keys_list[int(np.argmin(self.distances(key1, keys_list)))]

    def rank_by_centrality(
        self, words: Sequence[str], use_norm: bool = True
    ) -> list[tuple[float, str]]:
        """Order words by their cosine with the mean of them all, most central first.

        Args:
            words: The words.
            use_norm: Scale their vectors to length 1 before the mean is taken.

        Raises:
            QueryError: No words.
            UnknownWordError: A word is not in the vocabulary (gensim leaves it out).
        """
        if not len(words):
            raise QueryError("there are no words to compare")
        vectors = np.array([self.get_vector(word, norm=use_norm) for word in words])
        scores = (vectors @ unit(vectors.mean(axis=0))).tolist()
        return sorted(zip(scores, words, strict=True), reverse=True)

    def doesnt_match(self, words: Sequence[str]) -> str:
        """Find the word that fits the others least.

        Args:
            words: At least three; of two, each is as far from their mean as the other.

        Raises:
            QueryError: Fewer than three words.
            UnknownWordError: A word is not in the vocabulary. gensim leaves it out with a
                warning; but then the answer is to another question.
        """
        if isinstance(words, str) or len(words) < 3:
            raise QueryError(f"the odd one out needs a list of three words or more, got {words!r}")
        return self.rank_by_centrality(words)[-1][1]

    def closer_than(self, key1: str, key2: str) -> list[str]:
        """List the words nearer to `key1` by cosine than `key2` is, in the vocabulary's order.

        Raises:
            UnknownWordError: A word is not in the vocabulary.
        """
        return [self.index_to_key[row] for row in self._closer_rows(key1, key2).tolist()]

    def rank(self, key1: str, key2: str) -> int:
        """Tell which neighbour of `key1` the word `key2` is: 1 for the nearest.

        Raises:
            UnknownWordError: A word is not in the vocabulary.
        """
        return len(self._closer_rows(key1, key2)) + 1

    def _closer_rows(self, key1: str, key2: str) -> IntVector:
        one, two = self.find(key1), self.find(key2)
        cosines = self._cosines(unit(one.vector))
        limit = cosines[two.row] if two.row >= 0 else _cosine(one.vector, two.vector)
        rows: IntVector = np.flatnonzero(cosines > limit)
        others: IntVector = rows[rows != one.row]
        return others

    def _cosines(self, vector: FloatVector) -> FloatVector:
        """Compute the cosine of each word with a vector of length 1: `(V,)`."""
        norms = self._words.norms
        with np.errstate(invalid="ignore", divide="ignore"):
            cosines: FloatVector = (self.vectors @ vector) / norms
        cosines[norms == 0] = 0
        return cosines


def _cosine(one: FloatVector, two: FloatVector) -> float:
    return max(-1.0, min(1.0, float(unit(one) @ unit(two))))
