"""FAISS's lists written straight to a file, so that no more than a block is in memory.

The file is the one that `faiss.write_index` would write. It ends with the lists: how long each
is, and then, list after list, the codes and the ids of its vectors. How long they will be is
known once all vectors have been assigned; from then on each vector has its place, and blocks are
written where they belong. Nothing is merged, and nothing is copied.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.index._faiss import load_faiss
from embedsearch.index._opened import faiss_writer

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Task
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.index.preparation import Prepared

_ID_BYTES = 8


class ListsOnDisk:
    """Writes a trained, empty `faiss.IndexIVF` to a file, filled from a source.

    Args:
        index: The index, in which a code must not depend on others of its list (as those of
            "4fs" do); it stays empty.
        path: The file.
        vectors: What to put into it.
        rows: How many vectors are in memory at once.
    """

    def __init__(self, index: Any, path: Path, vectors: Prepared, rows: int) -> None:
        self._index, self._path, self._vectors, self._rows = index, path, vectors, rows

    def write(self, task: Task) -> None:
        """Write the file.

        Raises:
            OSError: The disk is full.
        """
        assigned = self._assigned(task)
        sizes = np.bincount(assigned, minlength=self._index.nlist)
        head = self._head(sizes)
        descriptor = os.open(self._path, os.O_RDWR | os.O_TRUNC)
        try:
            os.pwrite(descriptor, head, 0)
            self._write_lists(descriptor, len(head), assigned, sizes, task)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _head(self, sizes: IntVector) -> bytes:
        """Give what stands before the lists: FAISS writes none, and their sizes are put in."""
        self._index.ntotal = int(sizes.sum())
        try:
            faiss_writer(self._index, self._vectors.space)(self._path)
        finally:
            self._index.ntotal = 0
        written = self._path.read_bytes()
        place, empty = np.array([len(sizes), self._index.code_size], "<u8").tobytes(), bytes(8)
        end = b"ilar" + place + b"sprs" + empty
        if not written.endswith(end):
            raise VectorError("this version of FAISS writes lists otherwise; use another spec")
        counted = np.array([len(sizes), *sizes], "<u8").tobytes()
        return written[: -len(end)] + b"ilar" + place + b"full" + counted

    def _assigned(self, task: Task) -> NDArray[np.int32]:
        """Find the list of each vector, `(n,)`: four bytes for each."""
        assigned = np.empty(self._vectors.shape[0], np.int32)
        for start, X, _ in self._vectors.blocks(self._rows):
            assigned[start : start + len(X)] = self._index.quantizer.assign(X, 1)[:, 0]
            task.advance(len(X) / 2)
        return assigned

    def _write_lists(
        self,
        descriptor: int,
        offset: int,
        assigned: NDArray[np.int32],
        sizes: IntVector,
        task: Task,
    ) -> None:
        width = int(self._index.code_size)
        starts = offset + np.concatenate([[0], np.cumsum(sizes * (width + _ID_BYTES))])
        ids_at = starts[:-1] + sizes * width
        filled = np.zeros(len(sizes), np.int64)
        # Where a disk is full, it is known now.
        _allocate(descriptor, int(starts[-1]))
        for start, X, _ in self._vectors.blocks(self._rows):
            lists = assigned[start : start + len(X)].astype(np.int64)
            order = np.argsort(lists, kind="stable")
            codes, ids = self._codes(X, lists)[order], order + start
            here, firsts, counts = np.unique(lists[order], return_index=True, return_counts=True)
            for number, first, count in zip(here, firsts, counts, strict=True):
                those, before = slice(first, first + count), filled[number]
                _pwrite(descriptor, codes[those], starts[number] + before * width)
                _pwrite(descriptor, ids[those], ids_at[number] + before * _ID_BYTES)
            filled[here] += counts
            task.advance(len(X) / 2)

    def _codes(self, X: FloatMatrix, lists: IntVector) -> NDArray[np.uint8]:
        faiss = load_faiss()
        codes = np.empty((len(X), int(self._index.code_size)), np.uint8)
        pointers = (faiss.swig_ptr(array) for array in (X, lists, codes))
        self._index.encode_vectors(len(X), *pointers)
        return codes


def _pwrite(descriptor: int, values: NDArray[Any], place: int) -> None:
    left = memoryview(values.view(np.uint8).reshape(-1).data)
    while left:
        done = os.pwrite(descriptor, left, int(place))
        left, place = left[done:], place + done


def _allocate(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)
