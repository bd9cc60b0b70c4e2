"""Arrays that grow: a base, mapped from a file, and a tail; each state is immutable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.search.latent_space import products
from embedsearch.vectors.arrays import row_blocks
from embedsearch.vectors.rounded import RoundedRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedsearch._types import FloatVector, IntVector


# Up to so many rounded rows are kept as float32 once all were compared; more are seldom compared,
# and then a block at a time.
_KEPT = 20_000


@dataclass(slots=True)
class _Buffer:
    array: NDArray[Any]
    used: int


class Growing:
    """An array that grows into a buffer with room to spare; each state is immutable.

    The first rows are copied only when others are appended.
    """

    def __init__(self, rows: NDArray[Any], buffer: _Buffer | None = None) -> None:
        self.rows = rows
        self._buffer = _Buffer(rows, len(rows)) if buffer is None else buffer

    def appended(self, rows: NDArray[Any]) -> Growing:
        """Return these rows and others after them; amortised, it costs what the others do."""
        start, stop, buffer = len(self.rows), len(self.rows) + len(rows), self._buffer
        # What another state has appended after the same rows must stay.
        if buffer.used != start or stop > len(buffer.array):
            larger = np.empty((stop + stop // 2, *self.rows.shape[1:]), self.rows.dtype)
            larger[:start] = self.rows
            buffer = _Buffer(larger, start)
        buffer.array[start:stop] = rows
        buffer.used = stop
        return Growing(buffer.array[:stop], buffer)


class Segmented:
    """A matrix of a base `(n, d)`, mapped or in memory, and a tail `(t, d)`."""

    def __init__(self, base: NDArray[Any] | RoundedRows, tail: Growing | None = None) -> None:
        self.base = base
        self._tail = Growing(base[:0]) if tail is None else tail

    def __len__(self) -> int:
        return len(self.base) + len(self.tail)

    @property
    def tail(self) -> NDArray[Any]:
        """The rows after those of the base."""
        return self._tail.rows

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), self.base.shape[1]

    def take(self, rows: IntVector) -> NDArray[Any]:
        """Return copies of some rows."""
        start = len(self.base)
        if not start:
            return np.take(self.tail, rows, axis=0)
        found: NDArray[Any]
        if isinstance(self.base, RoundedRows):
            found = self.base[np.minimum(rows, start - 1)]
        else:
            found = np.take(self.base, rows, axis=0, mode="clip")
        late = np.flatnonzero(rows >= start)
        if len(late):
            found[late] = self.tail[rows[late] - start]
        return found

    def products(self, query: FloatVector) -> FloatVector:
        """Return the inner products of all rows with a query `(d,)`."""
        found = np.concatenate([products(part, query) for part in self._parts()])
        return np.concatenate((found, products(self.tail, query))) if len(self.tail) else found

    def _parts(self) -> Iterator[NDArray[Any]]:
        """Yield the rows of the base to compute with; few that are rounded are kept as float32."""
        if not isinstance(self.base, RoundedRows):
            yield self.base
        elif len(self.base) <= _KEPT:
            yield self.base.first_rows(len(self.base))
        else:
            yield from (self.base[block] for block in row_blocks(len(self.base)))

    def base_columns(self, count: int) -> NDArray[Any]:
        """Return the first columns of the base."""
        if isinstance(self.base, RoundedRows):
            blocks = row_blocks(max(len(self.base), 1))
            return np.concatenate([self.base[block][:, :count] for block in blocks])
        return self.base[:, :count]

    def appended(self, rows: NDArray[Any]) -> Segmented:
        """Return the matrix with rows after its tail, rounded as those of the base are."""
        # Answers must not depend on whether they were stored meanwhile.
        return Segmented(self.base, self._tail.appended(self.alike(rows)[:]))

    def alike(self, rows: NDArray[Any]) -> NDArray[Any] | RoundedRows:
        """Return rows rounded as those of the base are."""
        return self.base.alike(rows) if isinstance(self.base, RoundedRows) else rows

    def with_tail(self, rows: IntVector) -> Segmented:
        """Return the base with a tail of some rows of this one."""
        return Segmented(self.base, Growing(self.take(rows)))
