"""Vectors from anywhere, block by block: arrays, files, streams, and views of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from embedsearch._errors import ParameterError, SourceNotFoundError, StorageError, VectorError
from embedsearch._types import Metric
from embedsearch.index.engine import Preprocessing, check_lengths
from embedsearch.vectors.arrays import as_real, first_bad_row, row_norms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO

    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import FloatMatrix, IntVector

_BLOCK_BYTES = 16 << 20
_FLOAT_BYTES = 4


class Block(NamedTuple):
    """Consecutive vectors of a source."""

    start: int
    X: FloatMatrix  # `(m, d)` float32, C-contiguous, all finite
    norms: NDArray[np.float64]  # the length of each, `(m,)` float64


class Vectors(Protocol):
    """Vectors that may be taken by rows or gone through, as often as needed."""

    @property
    def shape(self) -> tuple[int, int]:
        """`(n, d)`."""

    def take(self, rows: IntVector) -> FloatMatrix:
        """Return some of them, `(m, d)` float32, in the order of `rows`."""

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        """Go through all, at most `size` at once; None takes about 16 MB."""


class ArraySource:
    """An array, or a file that is mapped; nothing but single blocks is converted or copied.

    NaN and infinity are refused by `take` and `blocks`.
    """

    def __init__(self, array: ArrayLike, name: str = "X") -> None:
        self._array = _as_array(array, name)
        self.name = name

    @property
    def shape(self) -> tuple[int, int]:
        return self._array.shape[0], self._array.shape[1]

    def take(self, rows: IntVector) -> FloatMatrix:
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
        n, d = self.shape
        size = size or rows_per_block(d)
        for start in range(0, n, size):
            yield _checked_block(self._array[start : start + size], start, d, self.name)


class DiskSource:
    """Float32 vectors one after another in a file, read with plain reads.

    So they never count as memory, as the pages of a map do.
    """

    def __init__(self, path: Path, shape: tuple[int, int], name: str = "X") -> None:
        self._path, self.shape, self.name = path, shape, name

    @classmethod
    def write(cls, path: Path, blocks: Iterable[Block], dimension: int) -> DiskSource:
        """Write blocks to a file."""
        count = 0
        try:
            with path.open("wb") as file:
                for block in blocks:
                    block.X.tofile(file)
                    count += len(block.X)
        except OSError as error:
            raise StorageError(path, f"the vectors cannot be written ({error})") from error
        return cls(path, (count, dimension))

    def take(self, rows: IntVector) -> FloatMatrix:
        found = np.empty((len(rows), self.shape[1]), np.float32)
        with self._path.open("rb", buffering=0) as file:
            for place in np.argsort(rows, kind="stable").tolist():
                file.seek(int(rows[place]) * found.strides[0])
                self._fill(file, found[place])
        return found

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        n, d = self.shape
        size = size or rows_per_block(d)
        with self._path.open("rb", buffering=0) as file:
            for start in range(0, n, size):
                X = np.empty((min(size, n - start), d), np.float32)
                self._fill(file, X)
                yield _checked_block(X, start, d, self.name)

    def _fill(self, file: FileIO, X: NDArray[np.float32]) -> None:
        left = memoryview(X.view(np.uint8).reshape(-1).data)
        # One read may return less than was asked for.
        while left:
            count = file.readinto(left)
            if not count:
                raise StorageError(self._path, "the vectors end too early; the file was changed")
            left = left[count:]


class NormalizedSource:
    """Vectors of a source as FAISS gets them."""

    def __init__(self, source: ArraySource | DiskSource, preprocessing: Preprocessing) -> None:
        self.source, self.preprocessing = source, preprocessing

    @classmethod
    def fit(cls, source: ArraySource | DiskSource, metric: Metric) -> NormalizedSource:
        """Find the centre of the vectors, if they need one."""
        if metric is not Metric.EUCLIDEAN or not source.shape[0]:
            return cls(source, Preprocessing(metric))
        n, d = source.shape
        total, squares = np.zeros(d), 0.0
        for start, X, norms in source.blocks():
            check_lengths(norms, source.name, start)
            total += X.sum(axis=0, dtype=np.float64)
            squares += float(norms @ norms)
        mean = total / n
        offset = float(mean @ mean)
        # Nearer to the origin than four times their spread, float32 would win two bits at most.
        useful = offset > 16 * (squares / n - offset)
        return cls(source, Preprocessing(metric, mean.astype(np.float32) if useful else None))

    @property
    def shape(self) -> tuple[int, int]:
        return self.source.shape

    def take(self, rows: IntVector) -> FloatMatrix:
        found = np.empty((len(rows), self.shape[1]), np.float32)
        size = rows_per_block(self.shape[1])
        for start in range(0, len(rows), size):
            part = self.source.take(rows[start : start + size])
            ready, _ = self.preprocessing.apply(part, row_norms(part), self.source.name)
            found[start : start + size] = ready
        return found

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        for start, X, norms in self.source.blocks(size):
            yield Block(start, *self.preprocessing.apply(X, norms, self.source.name, start))


class HeldOutView:
    """Vectors without some that are held out; the others are numbered from 0."""

    def __init__(self, vectors: Vectors, held_out: IntVector) -> None:
        self._vectors, self._held_out = vectors, held_out
        self.rows: IntVector = np.delete(np.arange(vectors.shape[0]), held_out)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self._vectors.shape[1]

    def take(self, rows: IntVector) -> FloatMatrix:
        return self._vectors.take(self.rows[rows])

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        for start, X, norms in self._vectors.blocks(size):
            first, last = np.searchsorted(self._held_out, (start, start + len(X)))
            here = self._held_out[first:last] - start
            yield Block(start - int(first), np.delete(X, here, axis=0), np.delete(norms, here))


def as_source(X: ArrayLike | str | Path | ArraySource, dimension: int | None = None) -> ArraySource:
    """Return what the user gave as a source.

    A file is `.npy` or `.safetensors`; of several tensors in it one is named:
    `"file.safetensors:name"`.
    """
    if isinstance(X, ArraySource):
        source = X
    elif isinstance(X, str | Path):
        source = ArraySource(_map_file(str(X)), str(X))
    else:
        source = ArraySource(X)
    _check_dimension(source.shape[1], dimension, source.name)
    return source


def stream_blocks(
    arrays: Iterable[ArrayLike], dimension: int, name: str = "X", size: int | None = None
) -> Iterator[Block]:
    """Check arrays `(m, dimension)` that come one by one; longer ones than `size` are cut."""
    size = size or rows_per_block(dimension)
    start = 0
    for given in arrays:
        array = _as_array(given, name)
        for at in range(0, len(array), size):
            yield _checked_block(array[at : at + size], start + at, dimension, name)
        start += len(array)


def rows_per_block(dimension: int) -> int:
    """Return how many vectors make a block of about 16 MB."""
    return max(1, _BLOCK_BYTES // (_FLOAT_BYTES * dimension))


def _checked_block(array: NDArray[Any], start: int, dimension: int, name: str) -> Block:
    """Convert vectors to float32 and refuse those that are not finite then."""
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
    # A plain array: the memmap type makes every slice slower.
    array = as_real(X, name)
    if array.ndim == 1 and array.size:
        array = array[np.newaxis]
    if array.ndim != 2 or array.shape[1] == 0:
        raise VectorError(f"{name} must have the shape (n, d) or (d,), got {array.shape}")
    return array


def _map_file(place: str) -> NDArray[Any]:
    file, _, tensor = place.rpartition(":")
    named = file.endswith(".safetensors")
    place = file if named else place
    path = Path(place)
    if not path.exists():
        raise SourceNotFoundError(place, "there is no such file")
    if path.suffix == ".npy":
        from embedsearch.vectors.formats.npy import map_array

        return map_array(path)
    if path.suffix == ".safetensors":
        return _tensor(path, tensor if named else None)
    raise ParameterError("X", "an array, a .npy file or a .safetensors file", place)


def _tensor(path: Path, name: str | None) -> NDArray[Any]:
    from embedsearch.vectors.tensors import open_tensors

    tensors = open_tensors(path)
    matrices = [key for key, array in tensors.items() if array.ndim == 2]
    if name is None and len(matrices) == 1:
        name = matrices[0]
    if name not in matrices:
        known = ", ".join(matrices) or "none"
        raise ParameterError("X", f"{path}:NAME, a matrix of the file ({known})", name)
    return tensors[name]
