"""Numbers for distinct tokens, and how often each occurs, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import IntVector

MOST_TYPES = 2_000_000
_KEPT = 0.75


class Numbering(dict[str, int]):
    """Gives each new token a number, and forgets the rarest where there are too many.

    As in word2vec.c (`ReduceVocab`), all tokens go that were seen no more often than a
    threshold; here it is the lowest that leaves three quarters of the limit. A number that has
    become free is given out again; until when it stood for something else is told by `born`.

    Args:
        limit: Distinct tokens that are remembered.

    Attributes:
        counts: Occurrences by number; only the first `size` are in use.
        size: Numbers given out so far.
        threshold: The highest count of a token that was forgotten; 0 where none was.
        born: (size,) the place in the stream at which a number got its present meaning, or
            None as long as nothing was forgotten.
    """

    def __init__(self, limit: int = MOST_TYPES) -> None:
        super().__init__()
        self.limit, self.threshold, self.size = limit, 0, 0
        self.counts: IntVector = np.zeros(1 << 12, np.int64)
        self.born: IntVector | None = None
        self._free: list[int] = []

    def __missing__(self, token: str) -> int:
        if self._free:
            number = self._free.pop()
        else:
            number, self.size = self.size, self.size + 1
        self[token] = number
        return number

    def make_room(self) -> None:
        """Lengthen `counts` so that it has a place for every number, and for `nothing`."""
        if self.size >= len(self.counts):
            longer = np.zeros(2 * self.size + 1, np.int64)
            longer[: len(self.counts)] = self.counts
            self.counts = longer

    def count(self, ids: NDArray[np.int32]) -> None:
        """Count occurrences."""
        self.make_room()
        found = np.bincount(ids)
        self.counts[: len(found)] += found

    def forget(self, place: int) -> bool:
        """Where there are more tokens than the limit, forget the rarest.

        Args:
            place: Tokens in the stream so far.

        Returns:
            Whether any was forgotten; numbers that were looked up before are then no more valid.
        """
        if len(self) <= self.limit:
            return False
        self.make_room()
        counts = self.counts[np.fromiter(self.values(), np.int64, len(self))]
        dropped = len(self) - int(_KEPT * self.limit)
        self._drop(int(np.partition(counts, dropped - 1)[dropped - 1]), place)
        return True

    def _drop(self, threshold: int, place: int) -> None:
        self.threshold = max(self.threshold, threshold)
        rare = [token for token, number in self.items() if self.counts[number] <= threshold]
        numbers = [self.pop(token) for token in rare]
        born = np.zeros(self.size, np.int64)
        if self.born is not None:
            born[: len(self.born)] = self.born
        born[numbers] = place
        self.born = born
        self.counts[numbers] = 0
        self._free += numbers

    @property
    def nothing(self) -> int:
        """The number for tokens that were forgotten."""
        return self.size

    def types(self) -> list[str]:
        """Return the tokens by number; an empty string where one was forgotten."""
        types = [""] * (self.size + (self.born is not None))
        for token, number in self.items():
            types[number] = token
        return types
