"""Document vectors in two segments: those stored, mapped from a file, and a tail that grows.

What changes in the record adds rows to the tail and marks rows as dead; the mapped base is never
copied. Each state is immutable: threads go on with theirs while another follows the record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.search.passages import passages_of, products

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector, IntVector

_SPARE = 1_000
"""So many dead rows may stay in a tail, beyond as many as live ones."""


@dataclass(slots=True)
class _Buffer:
    array: NDArray[Any]
    used: int


class Growing:
    """Rows that others are appended to, into a buffer with room to spare.

    Args:
        rows: The first ones; copied only when others are appended.
    """

    def __init__(self, rows: NDArray[Any], buffer: _Buffer | None = None) -> None:
        self.rows = rows
        self._buffer = _Buffer(rows, len(rows)) if buffer is None else buffer

    def appended(self, rows: NDArray[Any]) -> Growing:
        """Return these rows and others; amortised, it costs what the others do."""
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
    """A matrix of a base and a tail.

    Args:
        base: `(n, d)`, mapped or in memory.
        tail: `(t, d)`, the rows after those of the base.
    """

    def __init__(self, base: FloatMatrix, tail: Growing | None = None) -> None:
        self.base = base
        self._tail = Growing(base[:0]) if tail is None else tail

    def __len__(self) -> int:
        return len(self.base) + len(self.tail)

    @property
    def tail(self) -> FloatMatrix:
        """The rows after those of the base."""
        return self._tail.rows

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), self.base.shape[1]

    def take(self, rows: IntVector) -> FloatMatrix:
        """Return copies of some rows."""
        start = len(self.base)
        if not start:
            return np.take(self.tail, rows, axis=0)
        found = np.take(self.base, rows, axis=0, mode="clip")
        late = np.flatnonzero(rows >= start)
        if len(late):
            found[late] = self.tail[rows[late] - start]
        return found

    def products(self, query: FloatVector) -> FloatVector:
        """Return the inner products of all rows with a query `(d,)`."""
        found = products(self.base, query)
        return np.concatenate((found, products(self.tail, query))) if len(self.tail) else found

    def appended(self, rows: FloatMatrix) -> Segmented:
        """Return the matrix with rows after its tail."""
        return Segmented(self.base, self._tail.appended(rows))

    def with_tail(self, rows: IntVector) -> Segmented:
        """Return the base with a tail of some rows of this one."""
        return Segmented(self.base, Growing(self.take(rows)))


class _Lookup:
    """Finds rows by numbers; what that needs is made when it is first asked.

    Args:
        numbers: `(r,)` each once.
        rows: `(r,)` their rows.
    """

    def __init__(self, numbers: IntVector, rows: IntVector) -> None:
        self._numbers, self._rows = numbers, rows

    @cached_property
    def _sorted(self) -> tuple[IntVector, IntVector]:
        numbers = np.asarray(self._numbers)
        if (numbers[1:] > numbers[:-1]).all():
            return numbers, self._rows
        order = np.argsort(numbers, kind="stable")
        return numbers[order], self._rows[order]

    def find(self, wanted: IntVector) -> IntVector:
        """Return the row of each number, -1 for those that are not here."""
        numbers, rows = self._sorted
        if not len(numbers):
            return np.full(len(wanted), -1)
        places = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
        return np.where(numbers[places] == wanted, rows[places], -1)


@dataclass(frozen=True, eq=False)
class DocumentRows:
    """Which row each document has, and which passages; use `of`.

    Attributes:
        stored: How many rows the base has.
        live: `(r,)` False for rows of documents that have changed or are gone; None where all
            rows hold.
    """

    _numbers: Growing
    _bounds: Growing
    _base: _Lookup
    stored: int
    live: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, numbers: IntVector, bounds: IntVector | None = None) -> DocumentRows:
        """Make the rows of a base.

        Args:
            numbers: `(n,)` the record's numbers of the documents, row by row.
            bounds: `(n + 1,)` where the passages of each begin and end; None where each has one.
        """
        bounds = np.arange(len(numbers) + 1) if bounds is None else bounds
        base = _Lookup(numbers, np.arange(len(numbers)))
        return cls(Growing(numbers), Growing(bounds), base, len(numbers))

    def __len__(self) -> int:
        return self.size if self.live is None else len(self.alive)

    @property
    def size(self) -> int:
        """How many rows there are, dead ones among them."""
        return len(self.numbers)

    @property
    def numbers(self) -> IntVector:
        """(r,) the number of the document of each row, dead ones among them."""
        return self._numbers.rows

    @property
    def bounds(self) -> IntVector:
        """(r + 1,) where the passages of each row begin and end."""
        return self._bounds.rows

    @property
    def single(self) -> bool:
        """Whether each row has one passage: its own."""
        return int(self.bounds[-1]) == self.size

    @cached_property
    def alive(self) -> IntVector:
        """The rows of all documents, ascending."""
        return np.arange(self.size) if self.live is None else np.flatnonzero(self.live)

    @property
    def in_order(self) -> IntVector:
        """The rows of all documents, in the order of their numbers."""
        rows: IntVector = self.alive[np.argsort(self.numbers[self.alive], kind="stable")]
        return rows

    def find(self, numbers: IntVector) -> IntVector:
        """Return the row of each document, -1 for those that are not here."""
        rows = self._base.find(numbers)
        if self.live is None and self.size == self.stored:
            return rows
        if self.live is not None and len(self.live):
            rows = np.where(self.live[rows], rows, -1)
        later = self._later.find(numbers)
        return np.where(later < 0, rows, later)

    def passages(self, rows: IntVector) -> tuple[IntVector, IntVector]:
        """Return the passages of some rows, and `(k + 1,)` where those of each begin and end."""
        if self.single:
            return rows, np.arange(len(rows) + 1)
        return passages_of(rows, self.bounds)

    def owners(self, passages: IntVector) -> IntVector:
        """Return the rows that passages are of, ascending, each once."""
        if self.single:
            return np.sort(passages)
        return np.unique(np.searchsorted(self.bounds, passages, side="right") - 1)

    def appended(self, numbers: IntVector, counts: IntVector) -> DocumentRows:
        """Return them with rows of documents that have come, and how many passages each has."""
        live = self.live
        if live is not None:
            live = np.concatenate((live, np.ones(len(numbers), bool)))
        bounds = self._bounds.appended(self.bounds[-1] + np.cumsum(counts))
        return replace(self, _numbers=self._numbers.appended(numbers), _bounds=bounds, live=live)

    def without(self, numbers: IntVector) -> DocumentRows:
        """Return them with the rows of documents that have changed or are gone marked as dead."""
        rows = self.find(numbers)
        rows = rows[rows >= 0]
        if not len(rows):
            return self
        live = np.ones(self.size, bool) if self.live is None else self.live.copy()
        live[rows] = False
        return replace(self, live=live)

    @property
    def wasted(self) -> bool:
        """Whether most of the tail is of dead rows."""
        if self.live is None:
            return False
        return self.size - self.stored > 2 * len(self.later) + _SPARE

    def compacted(self) -> DocumentRows:
        """Return them without dead rows in the tail."""
        tail = self.later
        counts = self.bounds[tail + 1] - self.bounds[tail]
        base = replace(
            self,
            _numbers=Growing(self.numbers[: self.stored]),
            _bounds=Growing(self.bounds[: self.stored + 1]),
            live=None if self.live is None else self.live[: self.stored],
        )
        return base.appended(self.numbers[tail], counts)

    @property
    def later(self) -> IntVector:
        """The rows of documents in the tail, ascending."""
        if self.live is None:
            return np.arange(self.stored, self.size)
        return self.stored + np.flatnonzero(self.live[self.stored :])

    @cached_property
    def _later(self) -> _Lookup:
        rows = self.later
        return _Lookup(self.numbers[rows], rows)
