"""The vectors that a search may look among."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsearch._errors import ParameterError
from embedsearch.index._faiss import load_faiss

if TYPE_CHECKING:
    from embedsearch._types import IntVector
    from embedsearch.index.identified import Identified

Rows = range | ArrayLike


class Allowed:
    """A checked set of vectors that are not deleted, in the forms that FAISS and NumPy want.

    Args:
        rows: What the user allows: a range of ids, ids, booleans in the order of the ids, or
            None for all.
        names: Knows ids and positions.

    Attributes:
        count: How many vectors there are in the set.
        total: How many positions there are in FAISS.
        all: Whether the set is everything that FAISS has.

    Raises:
        ParameterError: Ids that are not there, or something else.
    """

    def __init__(self, rows: Rows | None, names: Identified) -> None:
        self._names = names
        self.total = names.total
        self._set = _span_or_mask(rows, names)
        self.count = _size(self._set)
        self.all = self.count == self.total

    def first(self, k: int) -> IntVector:
        """List the positions of the `k` lowest ids."""
        if self._names.given is None:
            return self.positions[:k]
        order = np.argsort(self._names.names(self.positions), kind="stable")
        return self.positions[order[:k]]

    @cached_property
    def positions(self) -> IntVector:
        """All positions, ascending."""
        if isinstance(self._set, range):
            return np.arange(self._set.start, self._set.stop)
        return np.flatnonzero(self._set)

    def holds(self, positions: IntVector) -> NDArray[np.bool_]:
        """Say for each of some positions, -1 among them, whether it is in the set."""
        if isinstance(self._set, range):
            inside: NDArray[np.bool_] = positions >= self._set.start
            return inside & (positions < self._set.stop)
        chosen: NDArray[np.bool_] = self._set[positions]
        there: NDArray[np.bool_] = positions >= 0
        return np.logical_and(chosen, there)

    @cached_property
    def selector(self) -> Any:
        """FAISS's selector for the set; None where it is everything."""
        if self.all:
            return None
        faiss = load_faiss()
        if isinstance(self._set, range):
            return faiss.IDSelectorRange(self._set.start, self._set.stop)
        return faiss.IDSelectorBitmap(np.packbits(self._set, bitorder="little"))


def _size(chosen: range | NDArray[np.bool_]) -> int:
    return len(chosen) if isinstance(chosen, range) else int(np.count_nonzero(chosen))


def _span_or_mask(rows: Rows | None, names: Identified) -> range | NDArray[np.bool_]:
    if rows is None:
        return range(names.total) if names.alive is None else names.alive
    if isinstance(rows, range) and rows.step == 1:
        return _between(max(rows.start, 0), max(rows.stop, 0), names)
    array = np.asarray(rows)
    if array.dtype == bool and array.shape == (names.count,):
        return array if names.alive is None else _spread_out(array, names.alive)
    mask = np.zeros(names.total, dtype=bool)
    mask[_checked_positions(array, names)] = True
    return mask


def _between(start: int, stop: int, names: Identified) -> range | NDArray[np.bool_]:
    if names.untouched:
        return range(names.total)[start:stop]
    mask: NDArray[np.bool_] = np.zeros(names.total, dtype=bool)
    if names.given is None:
        mask[start:stop] = True
    else:
        mask[:] = (names.given >= start) & (names.given < stop)
    if names.alive is not None:
        mask &= names.alive
    return mask


def _spread_out(array: NDArray[np.bool_], alive: NDArray[np.bool_]) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = alive.copy()
    mask[alive] = array
    return mask


def _checked_positions(array: NDArray[Any], names: Identified) -> IntVector:
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        got = f"{array.dtype} of shape {array.shape}"
        raise ParameterError("allowed", f"a range, {names.count} booleans or ids", got)
    positions = names.positions(array.astype(np.int64))
    absent = positions < 0
    if absent.any():
        raise ParameterError("allowed", "ids that the index has", int(array[absent][0]))
    return positions
