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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import as_bytes
from embedsearch._errors import ParameterError, StorageError
from embedsearch._messages import shown_bytes
from embedsearch._progress import SilentProgress
from embedsearch.index._faiss import load_faiss
from embedsearch.index._files import write_index_file
from embedsearch.index._opened import read_faiss, unwrap
from embedsearch.index._space import Space
from embedsearch.index.approximate import ApproximateIndex
from embedsearch.index.automatic import as_recall
from embedsearch.index.blocks import ArraySource, StreamSource, as_source
from embedsearch.index.building import build_index
from embedsearch.index.candidates import lists_spec
from embedsearch.index.choice import Choice, Curve
from embedsearch.index.described import described
from embedsearch.index.heldout import HeldOut
from embedsearch.index.identified import Identified, as_distinct_ids
from embedsearch.index.making import made, train
from embedsearch.index.ondisk_lists import ListsOnDisk
from embedsearch.index.opening import load_index
from embedsearch.index.preparation import Prepared, Without
from embedsearch.index.specs import Plan, planned
from embedsearch.index.spool import spooled
from embedsearch.index.threads import building, omp_threads
from embedsearch.index.tuning import Tuner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector, Metric
    from embedsearch.index.base import VectorIndex

_INDEX, _LISTS, _SPOOL = "index.faiss", "lists.new", "vectors.new"
_ID_BYTES, _FLOAT_BYTES = 8, 4
_BLOCK_BYTES = 32 << 20
_QUERIES, _FEWEST_ON_DISK = 1_000, 1_000


def build_from_blocks(
    blocks: Iterable[ArrayLike] | ArraySource | str | Path,
    dimension: int,
    metric: Metric,
    spec: str = "auto",
    recall: float = 0.95,
    memory: int | str | None = None,
    ids: Iterable[ArrayLike] | None = None,
    folder: str | Path | None = None,
    threads: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> VectorIndex:
    """Index vectors given block by block; see `VectorIndex.from_blocks`.

    Memory is bounded by a few blocks of 32 MB, what is trained on (64 vectors for each list), the
    centroids, the queries, and 4 bytes for each vector, 12 where ids are given. FAISS maps the
    lists; their pages are the system's, which takes them back when it needs them.

    Args:
        blocks: Arrays `(m, dimension)`; or a matrix or a file that is read in place.
        dimension: d.
        metric: How nearness is measured.
        spec: "auto" builds in memory what fits there, and else lists of whole vectors on the
            disk. "ivf" and factory strings of plain lists ("IVF4096,SQ8", "IVF4096,PQ32") are
            kept on the disk; any other is built in memory.
        recall: The share of the 10 nearest to find, for which `nprobe` is chosen.
        memory: The most that may be kept in memory; None for half of what the machine has.
        ids: An array for each block.
        folder: Where `index.faiss` is written, and for a time the vectors. None for a temporary
            folder.
        threads: For building.
        seed: Of what is drawn at random.
        progress: Hears of vectors written.

    Raises:
        VectorError: A block has the wrong shape, NaN or infinity.
        ParameterError: A setting out of range.
        StorageError: The disk is full, or the folder cannot be written to.
    """
    limit = _half_of_memory() if memory is None else as_bytes("memory", memory)
    place = _Place(folder)
    try:
        source, given = _source(blocks, dimension, ids, place)
        builder = _Builder(source, metric, spec, as_recall(recall), limit, given, place)
        index = builder.build(threads, seed, progress or SilentProgress())
    except BaseException:
        place.discard()
        raise
    place.keep_for(index)
    return index


class _Place:
    """The folder of an index while it is built, and what must be deleted in the end."""

    def __init__(self, folder: str | Path | None) -> None:
        self._temporary = folder is None
        try:
            if folder is None:
                self.path = Path(tempfile.mkdtemp(prefix="embedsearch-"))
            else:
                self.path = Path(folder)
                self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(str(folder), f"the folder cannot be made ({error})") from error
        self.index, self.lists = self.path / _INDEX, self.path / _LISTS
        self.spool = self.path / _SPOOL
        if self.index.exists():
            raise ParameterError("folder", f"one without {_INDEX}", str(folder))

    def discard(self) -> None:
        """Delete all that was written."""
        for path in (self.spool, self.lists, self.index):
            path.unlink(missing_ok=True)
        if self._temporary:
            shutil.rmtree(self.path, ignore_errors=True)

    def keep_for(self, index: VectorIndex) -> None:
        """Delete what was needed for building alone; a temporary folder goes with the index."""
        self.spool.unlink(missing_ok=True)
        if self._temporary:
            weakref.finalize(index, shutil.rmtree, self.path, ignore_errors=True)


def _source(
    blocks: Iterable[ArrayLike] | ArraySource | str | Path,
    dimension: int,
    ids: Iterable[ArrayLike] | None,
    place: _Place,
) -> tuple[ArraySource, IntVector | None]:
    matrix = isinstance(blocks, np.ndarray) and blocks.ndim == 2
    if matrix or isinstance(blocks, ArraySource | str | Path):
        whole: Any = blocks
        source = as_source(whole, dimension=dimension)
        given = None if ids is None else np.concatenate([np.asarray(part) for part in ids])
    else:
        source, given = spooled(StreamSource(blocks, dimension), place.spool, ids)
    return source, None if given is None else as_distinct_ids(given, source.shape[0])


class _Builder:
    def __init__(
        self,
        source: ArraySource,
        metric: Metric,
        spec: str,
        recall: float,
        memory: int,
        ids: IntVector | None,
        place: _Place,
    ) -> None:
        self._source, self._metric, self._recall = source, metric, recall
        self._memory, self._ids, self._place = memory, ids, place
        n, d = source.shape
        whole = n * (_FLOAT_BYTES * d + _ID_BYTES)
        self._few = n < _FEWEST_ON_DISK
        self._in_memory = spec == "auto" and (self._few or whole <= memory)
        self._auto = spec == "auto"
        plan = Plan(lists_spec(n, d)) if self._auto else planned(spec, n, d)
        self._spec, self._notes = plan.spec, plan.notes

    def build(self, threads: int | None, seed: int, progress: Progress) -> VectorIndex:
        """Build in memory what fits there or cannot be on the disk; else on the disk."""
        if not (self._few or self._in_memory or self._spec == "flat"):
            index = made(self._spec, self._source.shape[1], self._metric, seed)
            if _may_be_on_disk(index):
                return self._on_disk(index, threads, seed, progress)
        source: Any = self._source
        spec = "auto" if self._in_memory else self._spec
        memory = self._memory if self._in_memory and not self._few else None
        built = build_index(
            source,
            self._metric,
            spec,
            self._recall,
            memory,
            self._ids,
            None,
            threads,
            seed,
            progress,
        )
        built.save(self._place.index)
        return load_index(self._place.index, True, False, None)

    def _on_disk(
        self, index: Any, threads: int | None, seed: int, progress: Progress
    ) -> VectorIndex:
        vectors = Prepared(self._source, Space.fitting(self._source, self._metric))
        n, d = vectors.shape
        rows = np.random.default_rng([seed, 1]).choice(n, min(_QUERIES, n // 4), replace=False)
        rows.sort()
        with building(threads), progress.task("index", n, "vectors") as task:
            train(index, Without(vectors, rows), self._spec, seed)
            size = max(1, _BLOCK_BYTES // (_FLOAT_BYTES * d))
            try:
                ListsOnDisk(index, self._place.lists, vectors, size).write(task)
            except OSError as error:
                reason = f"the lists cannot be written ({error})"
                raise StorageError(self._place.lists, reason) from error
            held_out = HeldOut(vectors, vectors.take(rows), rows, self._metric)
        written = unwrap(read_faiss(self._place.lists, mapped=True), vectors.space)
        with omp_threads(1):
            tuner = Tuner(written, held_out)
            curve = tuner.curve(self._spec, tuner.choose(self._recall))
        return self._opened(written, vectors.space, curve)

    def _opened(self, index: Any, space: Space, curve: Curve) -> VectorIndex:
        """Complete the file, and open it."""
        chosen = curve.chosen
        parameters = {"nprobe": index.nlist} if chosen is None else chosen.parameters
        recall = max(point.recall for point in curve.points) if chosen is None else chosen.recall
        choice = Choice(self._spec, (self._reason(),), curve, notes=self._noted(chosen is None))
        wrapped = ApproximateIndex(
            index, space, self._spec, parameters, recall, choice, ids=self._ids
        )
        names = Identified.of(int(index.ntotal), self._ids)
        description = described(wrapped, space, names)
        write_index_file(self._place.index, self._moved, description, names.arrays())
        return load_index(self._place.index, True, False, None)

    def _moved(self, path: Path) -> None:
        self._place.lists.replace(path)

    def _reason(self) -> str:
        if not self._auto:
            return f"{self._spec} was asked for, and is kept on the disk"
        return (
            f"the vectors would take more than {shown_bytes(self._memory)} of memory: they are "
            "in lists on the disk"
        )

    def _noted(self, missed: bool) -> tuple[str, ...]:
        if not missed:
            return self._notes
        note = (
            f"{self._spec} does not reach a recall of {self._recall:g}: all lists are looked into"
        )
        return *self._notes, note


def _may_be_on_disk(index: Any) -> bool:
    faiss = load_faiss()
    kinds = faiss.IndexIVFFlat, faiss.IndexIVFScalarQuantizer, faiss.IndexIVFPQ
    return isinstance(index, kinds) and not isinstance(index, faiss.IndexIVFPQR)


def _half_of_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return 4 << 30
