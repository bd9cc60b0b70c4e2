"""The vectors of a source as FAISS gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.index.blocks import Block, rows_per_block
from embedsearch.vectors.arrays import row_norms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.index._space import Space
    from embedsearch.index.blocks import ArraySource


class Prepared:
    """Vectors of a source at length 1 for the cosine, less the centre if there is one.

    Args:
        source: The vectors.
        space: Their metric and centre.
    """

    def __init__(self, source: ArraySource, space: Space) -> None:
        self.source, self.space = source, space

    @property
    def shape(self) -> tuple[int, int]:
        """`(n, d)`."""
        return self.source.shape

    def take(self, rows: IntVector) -> FloatMatrix:
        """Give some of the vectors, `(m, d)`, in the order of `rows`."""
        found = np.empty((len(rows), self.shape[1]), np.float32)
        size = rows_per_block(self.shape[1])
        for start in range(0, len(rows), size):
            part = self.source.take(rows[start : start + size])
            ready, _ = self.space.prepare(part, row_norms(part), self.source.name)
            found[start : start + size] = ready
        return found

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        """Go through all vectors."""
        for start, X, norms in self.source.blocks(size):
            yield Block(start, *self.space.prepare(X, norms, self.source.name, start))


class Without:
    """Vectors with some left out; the others are numbered anew.

    Args:
        vectors: All of them.
        rows: Those to leave out, ascending, `(m,)`.
    """

    def __init__(self, vectors: Prepared, rows: IntVector) -> None:
        self._vectors, self._left_out = vectors, rows
        self.rows: IntVector = np.delete(np.arange(vectors.shape[0]), rows)

    @property
    def shape(self) -> tuple[int, int]:
        """`(n - m, d)`."""
        return len(self.rows), self._vectors.shape[1]

    def take(self, rows: IntVector) -> FloatMatrix:
        """Give some of the vectors, by their new numbers."""
        return self._vectors.take(self.rows[rows])

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        """Go through all vectors that are not left out."""
        for start, X, norms in self._vectors.blocks(size):
            first, last = np.searchsorted(self._left_out, (start, start + len(X)))
            here = self._left_out[first:last] - start
            yield Block(start - int(first), np.delete(X, here, axis=0), np.delete(norms, here))
