"""Several workers, the same bytes every time: rounds against one state, merged in order.

In a round each worker trains a piece of its own on private copies of the rows that the piece
touches: some thousand rows, so this takes megabytes, not a second model. When all have finished,
their changes are added in the order of the workers, by threads that each own a part of the rows.
The result depends on the pieces and on the number of workers, not on who was faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.kernels import cbow, skipgram, subword
from embedsearch.kernels._jit import jit
from embedsearch.kernels._simd import prefetch
from embedsearch.kernels.matrices import aligned
from embedsearch.kernels.sampling import draws
from embedsearch.kernels.windows import draw, room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch.kernels.matrices import Floats, Ids, Keep, Offsets, Table

_NEAR = 8


class RoundWorker:
    """A worker that trains skip-gram on rows of its own.

    Args:
        x: Input matrix of the model, read while training and changed by `merge_rounds` alone.
        y: Output matrix, the same.
    """

    def __init__(self, x: Floats, y: Floats) -> None:
        self._inputs, self._outputs = _Copies(x), _Copies(y)

    def train(
        self,
        ids: Ids,
        offsets: Offsets,
        start: int,
        stop: int,
        keep: Keep,
        table: Table,
        window: int,
        alpha: float,
        key: int,
        n_out: tuple[int, ...],
    ) -> int:
        """Train on a piece; the changes wait for `merge_rounds`.

        The piece is drawn at once, so choose pieces of some thousand tokens: memory grows with
        them, and so does what the workers do not know of each other.

        Arguments are those of `skipgram.train`.

        Returns:
            Pairs that were trained.
        """
        drawn = room(stop - start, window, len(n_out))
        # As the first block of `skipgram.train`: a piece of one block is trained alike.
        own = draws(int(key), 1, 1)[0]
        n, begin, end = draw(ids, offsets, start, stop, keep, table, window, own, len(n_out), drawn)
        self._borrow_inputs(drawn.words[begin:end])
        self._outputs.borrow(drawn.targets[: n * len(n_out)])
        pairs = self._walk(drawn, n, begin, end, window, alpha, n_out)
        self._inputs.subtract()
        self._outputs.subtract()
        return pairs

    def merge(self, part: int, parts: int) -> None:
        """Add the changes of the last piece to the rows of one part of the model."""
        self._inputs.merge(part, parts)
        self._outputs.merge(part, parts)

    def _borrow_inputs(self, words: Ids) -> None:
        self._inputs.borrow(words)

    def _walk(
        self, drawn: Any, n: int, _begin: int, end: int, window: int, alpha: float, n_out: Any
    ) -> int:
        x, y = self._inputs.local, self._outputs.local
        return int(skipgram.walk(x, y, drawn, n, end, window, alpha, False, n_out)[1])


class CbowRoundWorker(RoundWorker):
    """A worker that trains CBOW on rows of its own.

    Args:
        x: See `RoundWorker`.
        y: See there.
        cbow_mean: See `cbow.train`.
    """

    def __init__(self, x: Floats, y: Floats, cbow_mean: bool) -> None:
        super().__init__(x, y)
        self._mean = cbow_mean

    def _walk(
        self, drawn: Any, n: int, _begin: int, end: int, window: int, alpha: float, n_out: Any
    ) -> int:
        x, y, mean = self._inputs.local, self._outputs.local, self._mean
        return int(cbow.walk(x, y, drawn, n, end, window, alpha, mean, False, n_out)[1])


class SubwordRoundWorker(RoundWorker):
    """A worker that trains skip-gram with n-grams on rows of its own.

    Args:
        x: See `subword.train`.
        y: See there.
        first: See there.
        rows: See there.
    """

    def __init__(self, x: Floats, y: Floats, first: Offsets, rows: Ids) -> None:
        super().__init__(x, y)
        self._first, self._rows, self._words = first, rows, _Names(len(first) - 1)

    def _borrow_inputs(self, words: Ids) -> None:
        self._words.rename(words)
        seen = self._words.seen
        self._local_first = np.zeros(len(seen) + 1, np.int64)
        np.cumsum(self._first[seen + 1] - self._first[seen], out=self._local_first[1:])
        self._local_rows = np.empty(self._local_first[-1], np.int32)
        _spell(seen, self._first, self._rows, self._local_first, self._local_rows)
        self._inputs.borrow(self._local_rows)

    def _walk(
        self, drawn: Any, n: int, begin: int, end: int, window: int, alpha: float, n_out: Any
    ) -> int:
        model = (self._inputs.local, self._outputs.local, self._local_first, self._local_rows)
        return int(subword.walk(*model, drawn, n, begin, end, window, alpha, False, n_out)[1])


def merge_rounds(workers: Sequence[RoundWorker], part: int, parts: int) -> None:
    """Add the changes of all workers, in their order, to the rows of one part.

    Parts share no row, so that different threads may do different parts at once.

    Args:
        workers: Those that trained in this round.
        part: From 0 to parts - 1; a round is done when all have been called.
        parts: Into how many parts the rows are divided.
    """
    for worker in workers:
        worker.merge(part, parts)


class _Names:
    """Small numbers for the rows that a piece touches, in order of first sight."""

    def __init__(self, rows: int) -> None:
        self._number = np.full(rows, -1, np.int32)
        self.seen: Ids = np.empty(0, np.int32)

    def rename(self, places: Ids) -> None:
        """Replace rows by their numbers, in place; `seen` lists the rows by number."""
        self._number[self.seen] = -1
        self.seen = np.empty(min(len(self._number), len(places)), np.int32)
        self.seen = self.seen[: _rename(places, self._number, self.seen)]


class _Copies:
    """Private copies of the rows of a matrix that a piece touches; afterwards, their changes."""

    def __init__(self, matrix: Floats) -> None:
        self._matrix, self._names = matrix, _Names(len(matrix))
        self.local = aligned(0, matrix.shape[1])

    def borrow(self, places: Ids) -> None:
        """Copy the rows at these places, and replace them by the rows of `local`."""
        self._names.rename(places)
        rows = self._names.seen
        if len(rows) > len(self.local):
            self.local = aligned(len(rows) * 5 // 4, self._matrix.shape[1])
        _copy(self._matrix, rows, self.local)

    def subtract(self) -> None:
        """Leave in `local` what has changed."""
        _subtract(self._matrix, self._names.seen, self.local)

    def merge(self, part: int, parts: int) -> None:
        """Add what has changed to the rows of one part of the matrix."""
        _merge(self._matrix, self._names.seen, self.local, part, parts)


@jit()
def _rename(places: Ids, number: Ids, seen: Ids) -> int:
    n = 0
    for i in range(len(places)):
        row = places[i]
        if number[row] < 0:
            number[row] = n
            seen[n] = row
            n += 1
        places[i] = number[row]
    return n


@jit()
def _spell(words: Ids, first: Offsets, rows: Ids, local_first: Offsets, local_rows: Ids) -> None:
    for i in range(len(words)):
        for k in range(local_first[i + 1] - local_first[i]):
            local_rows[local_first[i] + k] = rows[first[words[i]] + k]


@jit()
def _copy(matrix: Floats, rows: Ids, local: Floats) -> None:
    for i in range(len(rows)):
        if i + _NEAR < len(rows):
            prefetch(matrix, np.uint32(rows[i + _NEAR]))
        for d in range(matrix.shape[1]):
            local[i, d] = matrix[rows[i], d]


@jit()
def _subtract(matrix: Floats, rows: Ids, local: Floats) -> None:
    for i in range(len(rows)):
        if i + _NEAR < len(rows):
            prefetch(matrix, np.uint32(rows[i + _NEAR]))
        for d in range(matrix.shape[1]):
            local[i, d] -= matrix[rows[i], d]


@jit()
def _merge(matrix: Floats, rows: Ids, local: Floats, part: int, parts: int) -> None:
    for i in range(len(rows)):
        near = i + _NEAR
        if near < len(rows) and rows[near] % parts == part:
            prefetch(matrix, np.uint32(rows[near]))
        if rows[i] % parts == part:
            for d in range(matrix.shape[1]):
                matrix[rows[i], d] += local[i, d]
