"""Building indexes of more vectors than fit into memory.

The blocks are first written to a file, as their number and a sample of all of them must be known
before anything is trained. What then fits into memory is built there. Else the vectors, or their
codes, are put into lists on the disk, and the first file is deleted. The index is one file as any
other, and is mapped when it is opened.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError, StorageError, VectorError
from embedsearch._messages import shown_bytes
from embedsearch.index.autotune import BuildOptions, build_parts, lists_spec
from embedsearch.index.faiss_engine import FaissEngine
from embedsearch.index.faiss_tools import load_faiss
from embedsearch.index.ids import IdMap
from embedsearch.index.settings import Plan, make_index, plan_for, train_index
from embedsearch.index.sources import (
    ArraySource,
    DiskSource,
    HeldOutView,
    NormalizedSource,
    as_source,
    stream_blocks,
)
from embedsearch.index.storage import IndexParts, faiss_writer, read_faiss, write_index
from embedsearch.index.threads import omp_threads
from embedsearch.index.tuning import HeldOutQueries, Tuner, TuningReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from embedsearch._progress import Task
    from embedsearch._types import FloatMatrix, IntVector

_INDEX, _LISTS, _SPOOL = "index.faiss", "lists.new", "vectors.new"
_ID_BYTES, _FLOAT_BYTES = 8, 4
_BLOCK_BYTES = 32 << 20
# With fewer vectors there is too little to measure, and everything fits into memory.
_FEWEST_ON_DISK = 1_000
_QUERIES = 1_000


class IndexFolder:
    """The folder of an index while it is built, and what must be deleted in the end."""

    def __init__(self, folder: str | Path | None) -> None:
        self._temporary = folder is None
        try:
            if folder is None:
                self._path = Path(tempfile.mkdtemp(prefix="embedsearch-"))
            else:
                self._path = Path(folder)
                self._path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(str(folder), f"the folder cannot be made ({error})") from error
        self.index, self.lists = self._path / _INDEX, self._path / _LISTS
        self.spool = self._path / _SPOOL
        if self.index.exists():
            raise ParameterError("folder", f"one without {_INDEX}", str(folder))

    def discard(self) -> None:
        """Delete all that was written."""
        for path in (self.spool, self.lists, self.index):
            path.unlink(missing_ok=True)
        if self._temporary:
            shutil.rmtree(self._path, ignore_errors=True)

    def keep_for(self, index: object) -> None:
        """Delete what only building needed; a temporary folder goes when `index` does."""
        self.spool.unlink(missing_ok=True)
        if self._temporary:
            weakref.finalize(index, shutil.rmtree, self._path, ignore_errors=True)


def write_from_blocks(
    folder: IndexFolder,
    blocks: Iterable[ArrayLike] | ArraySource | str | Path,
    dimension: int,
    ids: Iterable[ArrayLike] | None,
    options: BuildOptions,
) -> None:
    """Write `folder.index`; see `VectorIndex.from_blocks`.

    Memory is bounded by a few blocks of 32 MB, what is trained on (64 vectors for each list), the
    centroids, the queries, and 4 bytes for each vector, 12 if ids are given. FAISS maps the
    lists; their pages are the system's, which takes them back when it needs them.
    """
    source, given = _source(folder.spool, blocks, dimension, ids)
    n, d = source.shape
    id_map = IdMap.of(n, given)
    few, limit = n < _FEWEST_ON_DISK, options.memory or _half_of_memory()
    fits, auto = n * (_FLOAT_BYTES * d + _ID_BYTES) <= limit, options.spec == "auto"
    plan = Plan(lists_spec(n, d)) if auto else plan_for(options.spec, n, d)
    if not few and not (auto and fits) and plan.spec != "flat":
        index = make_index(plan.spec, d, options.metric, options.seed)
        if _may_be_on_disk(index):
            reason = f"{plan.spec} was asked for, and is on the disk"
            if auto:
                more = f"the vectors would take more than {shown_bytes(limit)} of memory"
                reason = f"{more}: they are in lists on the disk"
            parts = _build_lists(source, plan, options, folder.lists, index, reason)
            # The file with the lists becomes the index.
            write_index(folder.index, parts, id_map, folder.lists.replace)
            return
    parts = build_parts(source, replace(options, memory=None if few else limit))
    write_index(folder.index, parts, id_map)


def _source(
    spool: Path,
    blocks: Iterable[ArrayLike] | ArraySource | str | Path,
    dimension: int,
    ids: Iterable[ArrayLike] | None,
) -> tuple[ArraySource | DiskSource, IntVector | None]:
    source: ArraySource | DiskSource
    is_matrix = isinstance(blocks, np.ndarray) and blocks.ndim == 2
    if is_matrix or isinstance(blocks, ArraySource | str | Path):
        matrix: Any = blocks
        source = as_source(matrix, dimension=dimension)
    else:
        source = DiskSource.write(spool, stream_blocks(blocks, dimension), dimension)
    parts = [np.asarray(part).reshape(-1) for part in ids or ()]
    return source, None if ids is None else np.concatenate(parts or [np.empty(0, np.int64)])


def _build_lists(
    source: ArraySource | DiskSource,
    plan: Plan,
    options: BuildOptions,
    lists: Path,
    index: Any,
    reason: str,
) -> IndexParts:
    """Write the lists of a FAISS index, which stays empty, and tune how many are looked into."""
    spec = plan.spec
    vectors = NormalizedSource.fit(source, options.metric)
    n, d = vectors.shape
    rng = np.random.default_rng([options.seed, 1])
    rows = np.sort(rng.choice(n, min(_QUERIES, n // 4), replace=False))
    with omp_threads(options.threads), options.progress.task("index", n, "vectors") as task:
        train_index(index, HeldOutView(vectors, rows), spec, options.seed)
        size = max(1, _BLOCK_BYTES // (_FLOAT_BYTES * d))
        try:
            ListsOnDisk(index, lists, vectors, size).write(task)
        except OSError as error:
            raise StorageError(lists, f"the lists cannot be written ({error})") from error
        queries = HeldOutQueries(vectors, vectors.take(rows), rows, options.metric)
    written = read_faiss(lists, True, vectors.preprocessing)
    with omp_threads(1):
        tuner = Tuner(written, queries, options.batch)
        curve = tuner.curve(spec, tuner.choose(options.recall))
    point, notes = curve.best, plan.notes
    parameters = point.parameters
    if curve.chosen is None:
        parameters = {"nprobe": index.nlist}
        missed = f"{spec} does not reach a recall of {options.recall:g}"
        notes = (*notes, f"{missed}: all lists are looked into")
    report = TuningReport(spec, (reason,), curve, notes=notes)
    engine = FaissEngine(written, options.metric, spec, parameters)
    return IndexParts(engine, vectors.preprocessing, point.recall, report)


def _may_be_on_disk(index: Any) -> bool:
    faiss = load_faiss()
    kinds = faiss.IndexIVFFlat, faiss.IndexIVFScalarQuantizer, faiss.IndexIVFPQ
    return isinstance(index, kinds) and not isinstance(index, faiss.IndexIVFPQR)


def _half_of_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return 4 << 30


class ListsOnDisk:
    """Writes FAISS's lists straight to a file, so that no more than a block is in memory.

    The file is the one that `faiss.write_index` would write. It ends with the lists: how long
    each is, and then, list after list, the codes and the ids of its vectors. How long they will
    be is known once all vectors have been assigned; from then on each vector has its place, and
    blocks are written where they belong. Nothing is merged, and nothing is copied.

    In a trained, empty `faiss.IndexIVF` a code must not depend on others of its list, as those of
    "4fs" do. `rows` vectors are in memory at once.
    """

    def __init__(self, index: Any, path: Path, vectors: NormalizedSource, rows: int) -> None:
        self._index, self._path, self._vectors, self._rows = index, path, vectors, rows
        self._width = int(index.code_size)

    def write(self, task: Task) -> None:
        """Write the file."""
        assigned = self._assigned(task)
        sizes = np.bincount(assigned, minlength=self._index.nlist)
        head = self._head(sizes)
        descriptor = os.open(self._path, os.O_RDWR | os.O_TRUNC)
        try:
            os.pwrite(descriptor, head, 0)
            starts = len(head) + np.concatenate([[0], np.cumsum(sizes * (self._width + _ID_BYTES))])
            # If the disk is full, it is known now.
            _allocate(descriptor, int(starts[-1]))
            self._write_lists(descriptor, starts[:-1], assigned, sizes, task)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _head(self, sizes: IntVector) -> bytes:
        """Return what stands before the lists: FAISS writes none, and their sizes are put in."""
        self._index.ntotal = int(sizes.sum())
        try:
            faiss_writer(self._index, self._vectors.preprocessing)(self._path)
        finally:
            self._index.ntotal = 0
        written = self._path.read_bytes()
        # FAISS's marks: inverted lists in an array; their sizes sparse (none are written), or full.
        place, empty = np.array([len(sizes), self._width], "<u8").tobytes(), bytes(8)
        end = b"ilar" + place + b"sprs" + empty
        if not written.endswith(end):
            raise VectorError("this version of FAISS writes lists otherwise; use another spec")
        counted = np.array([len(sizes), *sizes], "<u8").tobytes()
        return written[: -len(end)] + b"ilar" + place + b"full" + counted

    def _assigned(self, task: Task) -> NDArray[np.int32]:
        """Return the list of each vector, `(n,)`: four bytes for each."""
        assigned = np.empty(self._vectors.shape[0], np.int32)
        for start, X, _ in self._vectors.blocks(self._rows):
            assigned[start : start + len(X)] = self._index.quantizer.assign(X, 1)[:, 0]
            task.advance(len(X) / 2)
        return assigned

    def _write_lists(
        self,
        descriptor: int,
        starts: IntVector,
        assigned: NDArray[np.int32],
        sizes: IntVector,
        task: Task,
    ) -> None:
        width = self._width
        ids_at = starts + sizes * width
        filled = np.zeros(len(sizes), np.int64)
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
        codes = np.empty((len(X), self._width), np.uint8)
        pointers = (faiss.swig_ptr(array) for array in (X, lists, codes))
        self._index.encode_vectors(len(X), *pointers)
        return codes


def _pwrite(descriptor: int, values: NDArray[Any], place: int) -> None:
    left = memoryview(values.view(np.uint8).reshape(-1).data)
    # One write may take less than it was given.
    while left:
        done = os.pwrite(descriptor, left, int(place))
        left, place = left[done:], place + done


def _allocate(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)
