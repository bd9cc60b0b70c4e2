"""FAISS's part of a file: written so that FAISS alone can use it, and opened again."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

from embedsearch._errors import StorageError
from embedsearch._types import Metric
from embedsearch.index._faiss import load_faiss, reason
from embedsearch.index._files import damaged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embedsearch.index._space import Space


class MappedPart:
    """What of an open file is mapped: the file stays reachable, also when another replaces it.

    Args:
        path: The file.
        size: How many bytes at its start are FAISS's.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._size = size
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    def copy(self, path: Path) -> None:
        """Copy FAISS's bytes to a new file."""
        with self._opened() as source, path.open("wb") as target:
            left = self._size
            while left and (block := source.read(min(1 << 20, left))):
                target.write(block)
                left -= len(block)

    def in_memory(self) -> Any:
        """Read the index again, all of it into memory."""
        faiss = load_faiss()
        with self._opened() as file:
            return faiss.read_index(faiss.PyCallbackIOReader(file.read))

    def _opened(self) -> Any:
        file = os.fdopen(os.dup(self._descriptor), "rb")
        file.seek(0)
        return file


def faiss_writer(index: Any, space: Space) -> Callable[[Path], None]:
    """Give what writes a FAISS index with what must be done to vectors before they reach it."""

    def write(path: Path) -> None:
        faiss = load_faiss()
        transform = _transform(index.d, space)
        whole = index if transform is None else faiss.IndexPreTransform(transform, index)
        try:
            faiss.write_index(whole, str(path))
        except RuntimeError as error:
            raise StorageError(path, f"the index cannot be written ({reason(error)})") from error

    return write


def read_faiss(path: Path, mapped: bool) -> Any:
    """Let FAISS read a file that was found whole.

    Raises:
        VectorError: FAISS refuses it.
    """
    faiss = load_faiss()
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
    except (RuntimeError, MemoryError) as error:
        raise damaged(path, f"not a FAISS index ({reason(error)})") from error


def unwrap(index: Any, space: Space) -> Any:
    """Take off what `faiss_writer` put around an index."""
    faiss = load_faiss()
    if _transform(index.d, space) is None:
        return index
    inner = faiss.downcast_index(index.index)
    # The inner index lives in the outer one and would vanish with it.
    inner.referenced_objects = [index]
    return inner


def _transform(dimension: int, space: Space) -> Any:
    faiss = load_faiss()
    if space.metric is Metric.COSINE:
        return faiss.NormalizationTransform(dimension, 2.0)
    if space.center is None:
        return None
    centering = faiss.CenteringTransform(dimension)
    faiss.copy_array_to_vector(space.center, centering.mean)
    centering.is_trained = True
    return centering
