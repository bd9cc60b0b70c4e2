"""Vectors on the disk, read with plain reads, so that they never count as memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import ParameterError, StorageError
from embedsearch.index.blocks import ArraySource, Block, checked_block, rows_per_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import ArrayLike

    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.index.blocks import StreamSource

_FLOAT_BYTES = 4


class SpooledSource(ArraySource):
    """Float32 vectors one after another in a file without a header.

    Args:
        path: The file.
        shape: `(n, d)`.
        name: What error messages call the vectors.
    """

    def __init__(self, path: Path, shape: tuple[int, int], name: str) -> None:
        self._path, self._shape, self.name = path, shape, name

    @property
    def shape(self) -> tuple[int, int]:
        """`(n, d)`."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """float32."""
        return np.dtype(np.float32)

    def take(self, rows: IntVector) -> FloatMatrix:
        """See `ArraySource.take`."""
        found = np.empty((len(rows), self._shape[1]), np.float32)
        width = _FLOAT_BYTES * self._shape[1]
        with self._path.open("rb", buffering=0) as file:
            for place in np.argsort(rows, kind="stable").tolist():
                file.seek(int(rows[place]) * width)
                file.readinto(found[place].view(np.uint8).data)
        return found

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        """See `ArraySource.blocks`."""
        n, d = self._shape
        size = size or rows_per_block(d)
        with self._path.open("rb", buffering=0) as file:
            for start in range(0, n, size):
                X = np.fromfile(file, np.float32, min(size, n - start) * d).reshape(-1, d)
                yield checked_block(X, start, d, self.name)


def spooled(
    stream: StreamSource, path: Path, ids: Iterable[ArrayLike] | None
) -> tuple[SpooledSource, IntVector | None]:
    """Write a stream to a file, with what was checked on the way.

    Args:
        stream: The vectors.
        path: The file.
        ids: An array for each of the blocks that were given.

    Returns:
        The vectors, and their ids `(n,)` if there are some.

    Raises:
        VectorError: See `StreamSource.blocks`.
        StorageError: The disk is full.
    """
    count = 0
    try:
        with path.open("wb") as file:
            for block in stream.blocks():
                block.X.tofile(file)
                count += len(block.X)
    except OSError as error:
        raise StorageError(path, f"the vectors cannot be written ({error})") from error
    source = SpooledSource(path, (count, stream.dimension), stream.name)
    return source, None if ids is None else _joined(ids, count)


def _joined(ids: Iterable[ArrayLike], count: int) -> IntVector:
    parts = [np.asarray(part).reshape(-1) for part in ids]
    joined = np.concatenate([np.empty(0, np.int64), *parts])
    if len(joined) != count:
        raise ParameterError("ids", f"as many as vectors, {count:,}", len(joined))
    return joined
