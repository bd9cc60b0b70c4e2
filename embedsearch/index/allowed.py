"""The rows that a search may look among."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsearch._errors import ParameterError
from embedsearch.index._faiss import load_faiss

if TYPE_CHECKING:
    from embedsearch._types import IntVector

Rows = range | ArrayLike


class Allowed:
    """A checked set of rows, in the forms that FAISS and NumPy want.

    Attributes:
        count: How many rows there are.
    """

    def __init__(self, rows: Rows | None, total: int) -> None:
        self._total = total
        self._rows: range | NDArray[np.bool_] = _span_or_mask(rows, total)
        if isinstance(self._rows, range):
            self.count = len(self._rows)
        else:
            self.count = int(self._rows.sum())

    def first(self, k: int) -> IntVector:
        """List the `k` lowest of the rows."""
        if isinstance(self._rows, range):
            return np.array(self._rows[:k], dtype=np.int64)
        return np.flatnonzero(self._rows)[:k]

    def parameters(self) -> Any:
        """Make FAISS's search parameters; None where every row is allowed."""
        if self.count == self._total:
            return None
        faiss = load_faiss()
        if isinstance(self._rows, range):
            selector = faiss.IDSelectorRange(self._rows.start, self._rows.stop)
        else:
            selector = faiss.IDSelectorBitmap(np.packbits(self._rows, bitorder="little"))
        return faiss.SearchParameters(sel=selector)


def _span_or_mask(rows: Rows | None, total: int) -> range | NDArray[np.bool_]:
    if rows is None:
        return range(total)
    if isinstance(rows, range) and rows.step == 1:
        return range(total)[max(rows.start, 0) : max(rows.stop, 0)]
    array = np.asarray(rows)
    if array.dtype == bool and array.shape == (total,):
        return array
    mask = np.zeros(total, dtype=bool)
    mask[_checked_numbers(array, total)] = True
    return mask


def _checked_numbers(array: NDArray[Any], total: int) -> IntVector:
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        got = f"{array.dtype} of shape {array.shape}"
        raise ParameterError("allowed", f"a range, {total} booleans or row numbers", got)
    lowest, highest = int(array.min()), int(array.max())
    if lowest < 0 or highest >= total:
        outside = lowest if lowest < 0 else highest
        raise ParameterError("allowed", f"rows from 0 to {total - 1}", outside)
    return array.astype(np.int64)
