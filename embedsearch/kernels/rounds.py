"""Several workers, the same bytes every time: rounds against one state, merged in order.

In a round each worker trains a piece of its own on private copies of the rows that the piece
touches: some thousand rows, so this takes megabytes, not a second model. When all have finished,
their changes are added in the order of the workers, by threads that each own a part of the rows.
The result depends on the pieces and on the number of workers, not on who was faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.kernels._jit import jit
from embedsearch.kernels._simd import aligned, prefetch
from embedsearch.kernels.sampling import draw, draws, room
from embedsearch.kernels.word2vec import SubwordCbow, SubwordSkipGram, walk

if TYPE_CHECKING:
    from embedsearch.kernels._simd import Floats, Ids, Offsets
    from embedsearch.kernels.sampling import Piece, Text
    from embedsearch.kernels.word2vec import Model, Step

# How many rows ahead memory is fetched into the cache.
_AHEAD = 8


class RoundWorker:
    """A worker that trains on rows of its own; only `merge` changes those of the model."""

    def __init__(self, model: Model) -> None:
        self._model, self._x, self._y = model, _Copies(model.x), _Copies(model.y)
        self._words = _Numbering(len(model.y))

    def train(self, text: Text, piece: Piece, step: Step) -> int:
        """Train on a piece, whose changes wait for `merge`; return the number of terms.

        It is drawn at once, so that memory grows with its length.
        """
        start, stop, key = piece
        n_out = len(step.n_out)
        drawn = room(stop - start, step.window, n_out)
        # As the first block of `word2vec.train`: a piece of one block is trained alike.
        own = piece._replace(key=draws(int(key), 1, 1)[0])
        extent = draw(text, own, step.window, n_out, drawn)
        local = self._local(drawn.words[extent.begin : extent.end])
        self._y.borrow(drawn.targets[: extent.centres * n_out])
        _, terms = walk(local._replace(y=self._y.rows), drawn, extent, step)
        self._x.subtract()
        self._y.subtract()
        return terms

    def merge(self, part: int, parts: int) -> None:
        """Add the changes of the last piece to one part of the rows; threads may do others."""
        self._x.merge(part, parts)
        self._y.merge(part, parts)

    def _local(self, words: Ids) -> Model:
        """Copy the input rows of the words of a piece, and replace words by those copies."""
        if not isinstance(self._model, SubwordSkipGram | SubwordCbow):
            self._x.borrow(words)
            return self._model._replace(x=self._x.rows)
        first, rows = self._model.first, self._model.rows
        self._words.renumber(words)
        seen = self._words.seen
        local_first = np.zeros(len(seen) + 1, np.int64)
        np.cumsum(first[seen + 1] - first[seen], out=local_first[1:])
        local_rows = np.empty(local_first[-1], np.int32)
        _copy_lists(seen, first, rows, local_first, local_rows)
        self._x.borrow(local_rows)
        return self._model._replace(x=self._x.rows, first=local_first, rows=local_rows)


class _Numbering:
    """Small numbers for the rows that a piece touches, in order of first sight."""

    def __init__(self, rows: int) -> None:
        self._number = np.full(rows, -1, np.int32)
        self.seen: Ids = np.empty(0, np.int32)

    def renumber(self, places: Ids) -> None:
        """Replace rows by their numbers, in place; `seen` lists the rows by number."""
        self._number[self.seen] = -1
        self.seen = np.empty(min(len(self._number), len(places)), np.int32)
        self.seen = self.seen[: _renumber(places, self._number, self.seen)]


class _Copies:
    """Private copies of the rows of a matrix that a piece touches; afterwards, their changes."""

    def __init__(self, matrix: Floats) -> None:
        self._matrix, self._numbering = matrix, _Numbering(len(matrix))
        self.rows = aligned(0, matrix.shape[1])

    def borrow(self, places: Ids) -> None:
        """Copy the rows at these places, and replace the places by those of the copies."""
        self._numbering.renumber(places)
        seen = self._numbering.seen
        if len(seen) > len(self.rows):
            self.rows = aligned(len(seen) * 5 // 4, self._matrix.shape[1])
        _copy(self._matrix, seen, self.rows)

    def subtract(self) -> None:
        """Leave in the copies what has changed."""
        _subtract(self._matrix, self._numbering.seen, self.rows)

    def merge(self, part: int, parts: int) -> None:
        """Add what has changed to the rows of one part of the matrix."""
        _merge(self._matrix, self._numbering.seen, self.rows, part, parts)


@jit()
def _renumber(places: Ids, number: Ids, seen: Ids) -> int:
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
def _copy_lists(
    words: Ids, first: Offsets, rows: Ids, local_first: Offsets, local_rows: Ids
) -> None:
    for i in range(len(words)):
        for k in range(local_first[i + 1] - local_first[i]):
            local_rows[local_first[i] + k] = rows[first[words[i]] + k]


@jit()
def _copy(matrix: Floats, rows: Ids, local: Floats) -> None:
    for i in range(len(rows)):
        if i + _AHEAD < len(rows):
            prefetch(matrix, np.uint32(rows[i + _AHEAD]))
        for d in range(matrix.shape[1]):
            local[i, d] = matrix[rows[i], d]


@jit()
def _subtract(matrix: Floats, rows: Ids, local: Floats) -> None:
    for i in range(len(rows)):
        if i + _AHEAD < len(rows):
            prefetch(matrix, np.uint32(rows[i + _AHEAD]))
        for d in range(matrix.shape[1]):
            local[i, d] -= matrix[rows[i], d]


@jit()
def _merge(matrix: Floats, rows: Ids, local: Floats, part: int, parts: int) -> None:
    for i in range(len(rows)):
        near = i + _AHEAD
        if near < len(rows) and rows[near] % parts == part:
            prefetch(matrix, np.uint32(rows[near]))
        if rows[i] % parts == part:
            for d in range(matrix.shape[1]):
                matrix[rows[i], d] += local[i, d]
