"""Ids of vectors, where FAISS has the vectors, and which of them a search may find."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsearch._checks import as_integer
from embedsearch._errors import ParameterError
from embedsearch.index.faiss_tools import load_faiss
from embedsearch.vectors.arrays import places_of

if TYPE_CHECKING:
    from embedsearch._types import IntVector

Rows = range | ArrayLike

_NO_IDS = np.empty(0, np.int64)
_LARGEST = 2**62
_RECENT = 1024


class IdMap:
    """Which id the vector at each position has, and which of them are deleted.

    Positions count vectors in the order in which FAISS got them; none is ever removed there. `ids`
    are None if they are the positions: 0, 1, 2 ...
    """

    def __init__(
        self,
        total: int,
        ids: IntVector | None = None,
        deleted: NDArray[np.bool_] | None = None,
        next_id: int | None = None,
    ) -> None:
        self.total = total
        self.explicit = ids
        self.alive = None if deleted is None or not deleted.any() else ~deleted
        self.count = total if self.alive is None else int(self.alive.sum())
        largest = total - 1 if ids is None else int(ids.max(initial=-1))
        self.next_id = max(largest + 1, next_id or 0)
        # So many ids that came last are sorted at each look-up; then they join the sorted ones.
        self.recent = _RECENT
        # Ids in order, their positions, and how many positions both cover.
        self._sorted: tuple[IntVector, IntVector, int] = (_NO_IDS, _NO_IDS, 0)

    @classmethod
    def of(cls, total: int, ids: IntVector | None) -> IdMap:
        """Return the map of new vectors; ids that are 0, 1, 2 ... take no memory."""
        if ids is not None:
            ids = as_distinct_ids(ids, total)
            if np.array_equal(ids, np.arange(total)):
                ids = None
        return cls(total, ids)

    @property
    def nbytes(self) -> int:
        """The memory of ids, their order and deletions."""
        arrays = [self.explicit, self.alive, *self._sorted[:2]]
        return sum(array.nbytes for array in arrays if array is not None)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a file must hold: `ids`, and `deleted` as bits, unless they are trivial."""
        arrays: dict[str, NDArray[Any]] = {}
        if self.explicit is not None:
            arrays["ids"] = self.explicit
        if self.alive is not None:
            arrays["deleted"] = np.packbits(~self.alive, bitorder="little")
        return arrays

    @property
    def ids(self) -> IntVector:
        """The ids of what is not deleted, in the order of their positions."""
        every = np.arange(self.total) if self.explicit is None else self.explicit
        return every.copy() if self.alive is None else every[self.alive]

    def ids_at(self, positions: IntVector) -> IntVector:
        """Return the ids at positions, an array of any shape."""
        return positions if self.explicit is None else self.explicit[positions]

    def positions(self, ids: IntVector) -> IntVector:
        """Return the positions of ids `(m,)`; -1 for those that are not there or are deleted."""
        if self.explicit is None:
            there = (ids >= 0) & (ids < self.total)
            found = np.where(there, ids, -1)
        else:
            found = self._looked_up(self.explicit, ids)
        if self.alive is not None:
            found = np.where((found >= 0) & self.alive[found], found, -1)
        return found

    def position(self, id: object) -> int | None:
        """Return the position of one id; None if it is not there, is deleted or is no id."""
        number = as_integer(id)
        if number is None or not 0 <= number < _LARGEST:
            return None
        found = int(self.positions(np.array([number]))[0])
        return None if found < 0 else found

    def claim(self, ids: ArrayLike | None, count: int) -> IntVector:
        """Return `count` ids that may be added: those asked for, or the next ones."""
        if ids is None:
            return np.arange(self.next_id, self.next_id + count)
        claimed = as_distinct_ids(ids, count)
        there = self.positions(claimed) >= 0
        if there.any():
            raise ParameterError("ids", "new ones; use update to replace", int(claimed[there][0]))
        return claimed

    def extend(self, ids: IntVector) -> None:
        """Add positions with these ids behind the others."""
        old = self.total
        self.total += len(ids)
        if self.explicit is not None or not np.array_equal(ids, np.arange(old, self.total)):
            before = np.arange(old) if self.explicit is None else self.explicit
            self.explicit = np.concatenate([before, ids])
        if self.alive is not None:
            self.alive = np.concatenate([self.alive, np.ones(len(ids), bool)])
        self.count += len(ids)
        self.next_id = max(self.next_id, int(ids.max(initial=-1)) + 1)

    def delete(self, positions: IntVector) -> None:
        """Mark positions as deleted that are not yet."""
        if not len(positions):
            return
        # A new array: searches that are under way keep the old one.
        alive = np.ones(self.total, bool) if self.alive is None else self.alive.copy()
        alive[positions] = False
        self.alive = alive
        self.count -= len(positions)

    def delete_beyond(self, total: int) -> None:
        """Cover what FAISS has beyond the last position, from an addition that failed."""
        surplus = total - self.total
        if surplus > 0:
            self.extend(np.arange(self.next_id, self.next_id + surplus))
            self.delete(np.arange(total - surplus, total))

    def compacted(self) -> IdMap:
        """Return the map without what is deleted, at new positions."""
        ids = self.ids
        plain = np.array_equal(ids, np.arange(len(ids)))
        return IdMap(len(ids), None if plain else ids, next_id=self.next_id)

    def _looked_up(self, explicit: IntVector, ids: IntVector) -> IntVector:
        known, places, covered = self._sorted
        # Sorted again only once an eighth is new, so that adding ids one by one stays cheap.
        if self.total - covered > self.recent + covered // 8:
            known, places = _sorted_from(explicit, 0, self.alive)
            covered = self.total
            self._sorted = known, places, covered
        found = _find(known, places, ids)
        if covered < self.total:
            recent = _find(*_sorted_from(explicit, covered, self.alive), ids)
            found = np.where(recent >= 0, recent, found)
        return found


def _sorted_from(
    explicit: IntVector, start: int, alive: NDArray[np.bool_] | None
) -> tuple[IntVector, IntVector]:
    """Return the ids from a position on that are not deleted, ascending, and their positions."""
    places = np.arange(start, len(explicit))
    if alive is not None:
        places = places[alive[start:]]
    ids = explicit[places]
    if (ids[1:] > ids[:-1]).all():
        return ids, places
    order = np.argsort(ids, kind="stable")
    return ids[order], places[order]


def _find(ordered: IntVector, positions: IntVector, ids: IntVector) -> IntVector:
    """Return the positions of ids, -1 for those that are not among `ordered`, which ascend."""
    places, known = places_of(ordered, ids)
    found = np.full(len(ids), -1)
    found[known] = positions[places[known]]
    return found


def as_ids(ids: ArrayLike) -> IntVector:
    """Return whole numbers from 0 to 2^62 - 1 as an array of ids."""
    array: NDArray[Any] = np.atleast_1d(np.asarray(ids))
    if array.size == 0 and array.ndim == 1:
        return _NO_IDS
    if array.ndim != 1 or array.dtype.kind not in "iu":
        got = f"{array.dtype} of shape {array.shape}"
        raise ParameterError("ids", "whole numbers of 0 or more", got)
    for extreme in (int(array.min()), int(array.max())):
        if not 0 <= extreme < _LARGEST:
            raise ParameterError("ids", "whole numbers from 0 to 2^62 - 1", extreme)
    return array.astype(np.int64)


def as_distinct_ids(ids: ArrayLike, count: int) -> IntVector:
    """Return the ids of `count` vectors as an array."""
    array = as_ids(ids)
    if len(array) != count:
        raise ParameterError("ids", f"{count:,}, one for each vector", f"{len(array)} of them")
    ordered = np.sort(array)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        raise ParameterError("ids", "different numbers", f"{int(twice[0])} twice")
    return array


class RowFilter:
    """Vectors that are allowed and not deleted, in the forms that FAISS and NumPy want.

    `rows` is a range of ids, ids, booleans in the order of the ids, or None for all.
    """

    def __init__(self, rows: Rows | None, ids: IdMap) -> None:
        self._ids = ids
        self.total = ids.total
        self._set = _as_positions(rows, ids)
        one = isinstance(self._set, range)
        self.count = len(self._set) if one else int(np.count_nonzero(self._set))
        self.is_all = self.count == self.total
        self.ids_at = ids.ids_at

    @property
    def share(self) -> float:
        """The share of all positions that it lets through."""
        return self.count / max(1, self.total)

    def first(self, k: int) -> IntVector:
        """Return the positions of the `k` lowest ids."""
        if self._ids.explicit is None:
            return self.positions[:k]
        order = np.argsort(self._ids.ids_at(self.positions), kind="stable")
        return self.positions[order[:k]]

    @cached_property
    def positions(self) -> IntVector:
        """All positions, ascending."""
        if isinstance(self._set, range):
            return np.arange(self._set.start, self._set.stop)
        return np.flatnonzero(self._set)

    def contains(self, positions: IntVector) -> NDArray[np.bool_]:
        """Return for each of some positions, -1 among them, whether it is let through."""
        if isinstance(self._set, range):
            inside: NDArray[np.bool_] = positions >= self._set.start
            return inside & (positions < self._set.stop)
        chosen: NDArray[np.bool_] = self._set[positions]
        there: NDArray[np.bool_] = positions >= 0
        return np.logical_and(chosen, there)

    @cached_property
    def selector(self) -> Any:
        """FAISS's selector of the positions; None for everything."""
        if self.is_all:
            return None
        faiss = load_faiss()
        if isinstance(self._set, range):
            return faiss.IDSelectorRange(self._set.start, self._set.stop)
        return faiss.IDSelectorBitmap(np.packbits(self._set, bitorder="little"))


def _as_positions(rows: Rows | None, ids: IdMap) -> range | NDArray[np.bool_]:
    """Return allowed positions as one range, or as a mask `(total,)`."""
    if rows is None:
        return range(ids.total) if ids.alive is None else ids.alive
    if isinstance(rows, range) and rows.step == 1:
        return _between(max(rows.start, 0), max(rows.stop, 0), ids)
    array = np.asarray(rows)
    if array.dtype == bool and array.shape == (ids.count,):
        if ids.alive is None:
            return array
        spread: NDArray[np.bool_] = ids.alive.copy()
        spread[ids.alive] = array
        return spread
    mask = np.zeros(ids.total, dtype=bool)
    mask[_checked_positions(array, ids)] = True
    return mask


def _between(start: int, stop: int, ids: IdMap) -> range | NDArray[np.bool_]:
    if ids.explicit is None and ids.alive is None:
        return range(ids.total)[start:stop]
    mask: NDArray[np.bool_] = np.zeros(ids.total, dtype=bool)
    if ids.explicit is None:
        mask[start:stop] = True
    else:
        mask[:] = (ids.explicit >= start) & (ids.explicit < stop)
    if ids.alive is not None:
        mask &= ids.alive
    return mask


def _checked_positions(array: NDArray[Any], ids: IdMap) -> IntVector:
    if array.size == 0:
        return _NO_IDS
    if array.ndim != 1 or array.dtype.kind not in "iu":
        got = f"{array.dtype} of shape {array.shape}"
        raise ParameterError("allowed", f"a range, {ids.count} booleans or ids", got)
    positions = ids.positions(array.astype(np.int64))
    absent = positions < 0
    if absent.any():
        raise ParameterError("allowed", "ids that the index has", int(array[absent][0]))
    return positions
