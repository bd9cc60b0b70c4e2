"""Words of the vocabulary that are spelled like one that is not there."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedsearch._types import IntVector
    from embedsearch.vectors.word_vectors import WordVectors

_LONGEST = 48
# The number of bits set in each 16-bit number: numpy.bitwise_count needs NumPy 2.
_BITS = np.array([number.bit_count() for number in range(256)], dtype=np.uint8)
_BITS16 = (_BITS[:, np.newaxis] + _BITS[np.newaxis, :]).reshape(-1)


class Speller:
    """Suggests spellings by the Damerau-Levenshtein distance and by frequency.

    The distance counts letters inserted, left out, replaced, and neighbours swapped; case is
    ignored. Letter sets sieve the vocabulary first, all words at once, so that the distance
    itself is computed for few.

    Args:
        words: The vocabulary.
        counts: How often each was seen, `(V,)`; without, the vocabulary is taken to be ordered by
            falling frequency.
    """

    def __init__(self, words: Sequence[str], counts: IntVector | None = None) -> None:
        self._words = words
        self._counts = counts

    def suggest(self, word: str, topn: int = 5) -> list[str]:
        """List up to `topn` words within one to three letters of `word`, best first.

        One letter may differ in words of up to three letters, two in words of up to eight, and
        three in longer ones. Words longer than 48 letters get no suggestions.
        """
        target = word.lower()
        if not target or len(target) > _LONGEST or not self._words:
            return []
        reach = 1 if len(target) <= 3 else 2 if len(target) <= 8 else 3
        rows = self._sieve(target, reach)
        distances = self._distances(rows, target)
        near = distances <= reach
        rows, distances = rows[near], distances[near]
        # Frequency can outweigh a first letter that differs, but hardly ever a whole edit.
        same_start = self._first_letters[rows] == ord(target[0])
        cost = distances - 0.3 * same_start - 0.1 * self._log_frequency(rows)
        best = rows[np.lexsort((rows, cost))[:topn]]
        return [self._words[row] for row in best.tolist()]

    def _sieve(self, target: str, reach: int) -> IntVector:
        rows = np.flatnonzero(np.abs(self._lengths - len(target)) <= reach)
        mine = _letter_sets(_codes(target), np.zeros(1, dtype=np.int64))[0]
        theirs = self._sets[rows]
        # An edit adds at most one letter to either side of the difference.
        near = (_size(theirs & ~mine) <= reach) & (_size(mine & ~theirs) <= reach)
        found: IntVector = rows[near]
        return found

    def _distances(self, rows: IntVector, target: str) -> NDArray[np.int64]:
        distances = np.zeros(len(rows), dtype=np.int64)
        goal = _codes(target)
        lengths = self._lengths[rows]
        for length in np.unique(lengths).tolist():
            chosen = np.flatnonzero(lengths == length)
            starts = self._starts[rows[chosen]]
            letters = self._letters[starts[:, np.newaxis] + np.arange(length)]
            distances[chosen] = edit_distances(letters, goal)
        return distances

    def _log_frequency(self, rows: IntVector) -> NDArray[np.float64]:
        counts = self._counts[rows] if self._counts is not None else len(self._words) - rows
        logs: NDArray[np.float64] = np.log10(np.maximum(counts, 1))
        return logs

    @cached_property
    def _lowered(self) -> list[str]:
        # An empty word has no letters to add up; made this long, it is near to nothing.
        return [word.lower() or "\0" * (2 * _LONGEST) for word in self._words]

    @cached_property
    def _lengths(self) -> IntVector:
        return np.fromiter(map(len, self._lowered), dtype=np.int64, count=len(self._words))

    @cached_property
    def _starts(self) -> IntVector:
        starts: IntVector = np.cumsum(self._lengths) - self._lengths
        return starts

    @cached_property
    def _letters(self) -> NDArray[np.uint32]:
        return _codes("".join(self._lowered))

    @cached_property
    def _first_letters(self) -> NDArray[np.uint32]:
        return self._letters[self._starts]

    @cached_property
    def _sets(self) -> NDArray[np.uint64]:
        return _letter_sets(self._letters, self._starts)


def suggest(word: str, vectors: WordVectors, topn: int = 5) -> list[str]:
    """List up to `topn` words of a vocabulary that are spelled like `word`; see `Speller`."""
    return Speller(vectors.index_to_key, vectors.counts).suggest(word, topn)


def edit_distances(words: NDArray[np.uint32], target: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Compute the Damerau-Levenshtein distance (neighbours swapped once) of words of one length.

    Args:
        words: Code points `(m, length)`.
        target: Code points `(n,)`.

    Returns:
        `(m,)`.
    """
    m, length = words.shape
    before = row = np.tile(np.arange(len(target) + 1, dtype=np.int16), (m, 1))
    for i in range(1, length + 1):
        above_before, before, row = before, row, np.empty_like(row)
        row[:, 0] = i
        for j in range(1, len(target) + 1):
            replaced = before[:, j - 1] + (words[:, i - 1] != target[j - 1])
            best = np.minimum(replaced, np.minimum(before[:, j], row[:, j - 1]) + 1)
            if i > 1 and j > 1:
                swapped = (words[:, i - 1] == target[j - 2]) & (words[:, i - 2] == target[j - 1])
                best = np.where(swapped, np.minimum(best, above_before[:, j - 2] + 1), best)
            row[:, j] = best
    distances: NDArray[np.int64] = row[:, -1].astype(np.int64)
    return distances


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _letter_sets(letters: NDArray[np.uint32], starts: IntVector) -> NDArray[np.uint64]:
    bits = np.left_shift(np.uint64(1), (letters % 64).astype(np.uint64))
    sets: NDArray[np.uint64] = np.bitwise_or.reduceat(bits, starts)
    return sets


def _size(sets: NDArray[np.uint64]) -> NDArray[np.uint8]:
    halves = np.ascontiguousarray(sets).view(np.uint16).reshape(-1, 4)
    sizes: NDArray[np.uint8] = _BITS16[halves].sum(axis=1, dtype=np.uint8)
    return sizes
