"""Ids of vectors, and where in FAISS the vectors are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import IntVector

_NONE = np.empty(0, np.int64)
_LARGEST = 2**62
# So many ids that came last are sorted anew each time; more are merged with the others.
_RECENT = 1024


class Identified:
    """Which id the vector at each position has, and which of them are deleted.

    Positions count vectors in the order in which FAISS got them; none is ever removed there.

    Args:
        total: How many positions there are.
        ids: Of each position, `(total,)`; None where they are 0, 1, 2 ...
        deleted: `(total,)` booleans; None where none is.
        following: The next id that was never used; None for one more than the largest.
    """

    def __init__(
        self,
        total: int,
        ids: IntVector | None = None,
        deleted: NDArray[np.bool_] | None = None,
        following: int | None = None,
    ) -> None:
        self.total = total
        self.given = ids
        self.alive = None if deleted is None or not deleted.any() else ~deleted
        self.count = total if self.alive is None else int(self.alive.sum())
        largest = total - 1 if ids is None else int(ids.max(initial=-1))
        self.following = max(largest + 1, following or 0)
        self._merged: tuple[IntVector, IntVector, int] = (_NONE, _NONE, 0)

    @classmethod
    def of(cls, total: int, ids: IntVector | None) -> Identified:
        """Name new vectors; ids that are 0, 1, 2 ... are not kept.

        Raises:
            ParameterError: Another number of ids, or one of them twice.
        """
        if ids is not None:
            ids = as_distinct_ids(ids, total)
            if np.array_equal(ids, np.arange(total)):
                ids = None
        return cls(total, ids)

    @property
    def nbytes(self) -> int:
        """The memory that ids, their order and deletions take."""
        arrays = [self.given, self.alive, *self._merged[:2]]
        return sum(array.nbytes for array in arrays if array is not None)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Give the ids and what is deleted as arrays for a file; nothing where nothing is."""
        arrays: dict[str, NDArray[Any]] = {}
        if self.given is not None:
            arrays["ids"] = self.given
        if self.alive is not None:
            arrays["deleted"] = np.packbits(~self.alive, bitorder="little")
        return arrays

    @property
    def ids(self) -> IntVector:
        """The ids of what is not deleted, in the order of their positions."""
        every = np.arange(self.total) if self.given is None else self.given
        return every.copy() if self.alive is None else every[self.alive]

    @property
    def untouched(self) -> bool:
        """Whether ids are positions and nothing is deleted."""
        return self.given is None and self.alive is None

    def names(self, positions: IntVector) -> IntVector:
        """Give the ids at positions, an array of any shape."""
        return positions if self.given is None else self.given[positions]

    def positions(self, ids: IntVector) -> IntVector:
        """Find the positions of ids `(m,)`; -1 for those that are not there or are deleted."""
        if self.given is None:
            there = (ids >= 0) & (ids < self.total)
            found = np.where(there, ids, -1)
        else:
            found = self._looked_up(self.given, ids)
        if self.alive is not None:
            found = np.where((found >= 0) & self.alive[found], found, -1)
        return found

    def claim(self, ids: ArrayLike | None, count: int) -> IntVector:
        """Give `count` ids that may be added: those asked for, or the next ones.

        Raises:
            ParameterError: Ids that are there already, given twice, or not `count` numbers.
        """
        if ids is None:
            return np.arange(self.following, self.following + count)
        claimed = as_distinct_ids(ids, count)
        there = self.positions(claimed) >= 0
        if there.any():
            raise ParameterError("ids", "new ones; use update to replace", int(claimed[there][0]))
        return claimed

    def extend(self, ids: IntVector) -> None:
        """Note that vectors with these ids were added, in this order."""
        old = self.total
        self.total += len(ids)
        if self.given is not None or not np.array_equal(ids, np.arange(old, self.total)):
            before = np.arange(old) if self.given is None else self.given
            self.given = np.concatenate([before, ids])
        if self.alive is not None:
            self.alive = np.concatenate([self.alive, np.ones(len(ids), bool)])
        self.count += len(ids)
        self.following = max(self.following, int(ids.max(initial=-1)) + 1)

    def remove(self, positions: IntVector) -> None:
        """Note that the vectors at positions, none of them deleted, are deleted now."""
        if not len(positions):
            return
        # A new array: searches that are under way go on with the old one.
        alive = np.ones(self.total, bool) if self.alive is None else self.alive.copy()
        alive[positions] = False
        self.alive = alive
        self.count -= len(positions)

    def cover(self, total: int) -> None:
        """Note as deleted what FAISS has beyond the last position, from an addition that failed."""
        surplus = total - self.total
        if surplus > 0:
            self.extend(np.arange(self.following, self.following + surplus))
            self.remove(np.arange(total - surplus, total))

    def compacted(self) -> Identified:
        """Give the ids without what is deleted, at their new positions."""
        ids = self.ids
        plain = np.array_equal(ids, np.arange(len(ids)))
        return Identified(len(ids), None if plain else ids, following=self.following)

    def _looked_up(self, given: IntVector, ids: IntVector) -> IntVector:
        known, places, upto = self._merged
        if self.total - upto > _RECENT + upto // 8:
            known, places = _sorted(given, 0, self.alive)
            upto = self.total
            self._merged = known, places, upto
        found = _find(known, places, ids)
        if upto < self.total:
            recent = _find(*_sorted(given, upto, self.alive), ids)
            found = np.where(recent >= 0, recent, found)
        return found


def as_ids(ids: ArrayLike, name: str = "ids") -> IntVector:
    """Turn whole numbers into an array of ids.

    Raises:
        ParameterError: Something else, negative numbers, or numbers of 2^62 or more.
    """
    array: NDArray[Any] = np.atleast_1d(np.asarray(ids))
    if array.size == 0 and array.ndim == 1:
        return _NONE
    if array.ndim != 1 or array.dtype.kind not in "iu":
        got = f"{array.dtype} of shape {array.shape}"
        raise ParameterError(name, "whole numbers of 0 or more", got)
    for extreme in (int(array.min()), int(array.max())):
        if not 0 <= extreme < _LARGEST:
            raise ParameterError(name, "whole numbers from 0 to 2^62 - 1", extreme)
    return array.astype(np.int64)


def as_distinct_ids(ids: ArrayLike, count: int) -> IntVector:
    """Turn ids of `count` vectors into an array.

    Raises:
        ParameterError: Another number of them, no whole numbers, or one of them twice.
    """
    array = as_ids(ids)
    if len(array) != count:
        raise ParameterError("ids", f"{count}, one for each vector", f"{len(array)} of them")
    ordered = np.sort(array)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        raise ParameterError("ids", "different numbers", f"{int(twice[0])} twice")
    return array


def _sorted(
    given: IntVector, start: int, alive: NDArray[np.bool_] | None
) -> tuple[IntVector, IntVector]:
    """Give the ids from a position on that are not deleted, ascending, and their positions."""
    places = np.arange(start, len(given))
    if alive is not None:
        places = places[alive[start:]]
    ids = given[places]
    if (ids[1:] > ids[:-1]).all():
        return ids, places
    order = np.argsort(ids, kind="stable")
    return ids[order], places[order]


def _find(known: IntVector, places: IntVector, ids: IntVector) -> IntVector:
    """Look ids up among those `known`, ascending: their places, or -1."""
    if not len(known):
        return np.full(len(ids), -1)
    at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[at] == ids, places[at], -1)
