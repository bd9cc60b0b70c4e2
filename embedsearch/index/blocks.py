"""Vectors from anywhere, block by block: arrays, memory maps, files and streams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._errors import ParameterError, SourceNotFoundError, VectorError
from embedsearch.vectors.arrays import first_bad_row, row_norms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import FloatMatrix, IntVector

_BLOCK_BYTES = 16 << 20


class Block(NamedTuple):
    """Consecutive vectors of a source.

    Attributes:
        start: The row of the first.
        X: `(m, d)` float32, C-contiguous, all finite.
        norms: The length of each, `(m,)` float64.
    """

    start: int
    X: FloatMatrix
    norms: NDArray[np.float64]


class ArraySource:
    """Vectors of which any may be taken: an array, or a file that is mapped.

    Nothing but single blocks is ever converted or copied.

    Args:
        array: `(n, d)`, of any real type and memory layout.
        name: What error messages call it.

    Raises:
        VectorError: Another shape, or not real numbers.
    """

    def __init__(self, array: NDArray[Any], name: str = "X") -> None:
        # A plain array: the memmap type makes every slice slower.
        self._array: NDArray[Any] = _as_array(array, name).view(np.ndarray)
        self.name = name

    @property
    def shape(self) -> tuple[int, int]:
        """`(n, d)`."""
        return self._array.shape[0], self._array.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers as they are stored."""
        return self._array.dtype

    def take(self, rows: IntVector) -> FloatMatrix:
        """Give some of the vectors, `(m, d)` float32, in the order of `rows` `(m,)`.

        Raises:
            VectorError: One of them holds NaN or infinity.
        """
        # Ascending, so that a file is read from its front to its end.
        order = np.argsort(rows, kind="stable")
        found = np.empty((len(rows), self.shape[1]), np.float32)
        with np.errstate(over="ignore"):
            found[order] = self._array[rows[order]]
        bad = first_bad_row(row_norms(found))
        if bad is not None:
            raise _not_finite(self.name, int(rows[bad]))
        return found

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        """Go through all vectors.

        Args:
            size: At most so many at once; None takes about 16 MB.

        Raises:
            VectorError: A vector holds NaN or infinity; the message names its row.
        """
        n, d = self.shape
        size = size or rows_per_block(d)
        for start in range(0, n, size):
            yield checked_block(self._array[start : start + size], start, d, self.name)


class StreamSource:
    """Vectors that come block by block, once.

    Args:
        blocks: Arrays `(m, dimension)`.
        dimension: d.
        name: What error messages call them.
    """

    def __init__(self, blocks: Iterable[ArrayLike], dimension: int, name: str = "X") -> None:
        self._blocks, self.dimension, self.name = blocks, dimension, name

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        """See `ArraySource.blocks`; a block that is larger is cut, a smaller one stays so.

        Raises:
            VectorError: A block has another dimension, NaN or infinity.
        """
        size = size or rows_per_block(self.dimension)
        start = 0
        for given in self._blocks:
            array = _as_array(given, self.name)
            for at in range(0, len(array), size):
                yield checked_block(array[at : at + size], start + at, self.dimension, self.name)
            start += len(array)


def as_source(
    X: ArrayLike | str | Path | ArraySource, name: str = "X", dimension: int | None = None
) -> ArraySource:
    """Make a source of what the user gave.

    Args:
        X: An array `(n, d)`; or a file, `.npy` or `.safetensors`. Of several tensors in a file
            one is named: `"file.safetensors:name"`.
        name: What error messages call it.
        dimension: The d it must have, where that is known.

    Raises:
        VectorError: Another shape or dimension, not real numbers, or a damaged file.
        ParameterError: A file of another kind, or a tensor that is not there.
        SourceNotFoundError: No such file.
        OSError: The file cannot be opened.
    """
    if isinstance(X, ArraySource):
        source = X
    elif isinstance(X, str | Path):
        source = ArraySource(_map_file(str(X)), str(X))
    else:
        source = ArraySource(_as_array(X, name), name)
    _check_dimension(source.shape[1], dimension, source.name)
    return source


def rows_per_block(dimension: int) -> int:
    """Say how many vectors make a block of about 16 MB."""
    return max(1, _BLOCK_BYTES // (4 * dimension))


def checked_block(array: NDArray[Any], start: int, dimension: int, name: str) -> Block:
    """Convert vectors `(m, d)` to float32 and look for numbers that are not finite.

    Args:
        array: The vectors.
        start: The row of the first, for the message.
        dimension: The d they must have.
        name: What error messages call them.

    Raises:
        VectorError: Another dimension, NaN, infinity, or a value that float32 cannot hold.
    """
    _check_dimension(array.shape[1], dimension, name)
    with np.errstate(over="ignore"):
        X: FloatMatrix = np.ascontiguousarray(array, dtype=np.float32)
    norms = row_norms(X)
    bad = first_bad_row(norms)
    if bad is not None:
        raise _not_finite(name, start + bad)
    return Block(start, X, norms)


def _check_dimension(got: int, wanted: int | None, name: str) -> None:
    if wanted is not None and got != wanted:
        raise VectorError(f"{name} must have {wanted} dimensions, got {got}")


def _not_finite(name: str, row: int) -> VectorError:
    return VectorError(
        f"row {row} of {name} holds NaN, infinity or a value beyond float32; remove or replace it"
    )


def _as_array(X: ArrayLike, name: str) -> NDArray[Any]:
    try:
        array = np.asanyarray(X)
    except (TypeError, ValueError) as error:
        raise VectorError(f"{name} must be an array of numbers: {error}") from error
    if array.dtype.kind not in "fiub":
        raise VectorError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim == 1 and array.size:
        array = array[np.newaxis]
    if array.ndim != 2 or array.shape[1] == 0:
        raise VectorError(f"{name} must have the shape (n, d) or (d,), got {array.shape}")
    return array


def _map_file(place: str) -> NDArray[Any]:
    file, _, tensor = place.rpartition(":")
    if file.endswith(".safetensors"):
        return _tensor(Path(file), tensor)
    path = Path(place)
    if not path.exists():
        raise SourceNotFoundError(place, "there is no such file")
    if path.suffix == ".npy":
        from embedsearch.vectors.formats.npy import map_array

        return map_array(path)
    if path.suffix == ".safetensors":
        return _tensor(path, None)
    raise ParameterError("X", "an array, a .npy file or a .safetensors file", place)


def _tensor(path: Path, name: str | None) -> NDArray[Any]:
    from embedsearch.vectors.tensors import open_tensors

    if not path.exists():
        raise SourceNotFoundError(path, "there is no such file")
    tensors = open_tensors(path)
    matrices = [key for key, array in tensors.items() if array.ndim == 2]
    if name is None and len(matrices) == 1:
        name = matrices[0]
    if name not in matrices:
        known = ", ".join(matrices) or "none"
        raise ParameterError("X", f"{path}:NAME, a matrix of the file ({known})", name)
    return tensors[name]
