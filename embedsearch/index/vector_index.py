"""The vector index: ids, checks, threads, changes and files, over an engine that finds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import COUNT, PATH, Interval, Optional, as_bytes, as_count, check
from embedsearch._errors import ParameterError, VectorError
from embedsearch._progress import listener_of
from embedsearch._types import FloatMatrix, FloatVector, IntVector, Metric
from embedsearch.index.engine import as_metric, weighted_query
from embedsearch.index.faiss_tools import (
    innermost,
    load_faiss,
    nbytes_of,
    scans_residuals,
    scans_residuals_soundly,
)
from embedsearch.index.ids import IdMap, RowFilter, as_distinct_ids, as_ids
from embedsearch.index.storage import (
    IndexFile,
    IndexParts,
    MappedFile,
    damaged,
    read_faiss,
    read_ids,
    read_index_file,
    read_preprocessing,
    write_index,
)
from embedsearch.index.threads import omp_threads, run_in_threads
from embedsearch.vectors.arrays import as_measured_matrix

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from embedsearch._progress import Progress
    from embedsearch.index.engine import Engine
    from embedsearch.index.ids import Rows
    from embedsearch.index.tuning import TuningReport

_NOTHING = (np.empty(0, np.float32), np.empty(0, np.int64))
_LARGEST = float(np.finfo(np.float32).max)


class VectorIndex:
    """Finds the nearest of n vectors, each named by an id; made by `build` or `load`.

    Scores are higher where a vector is nearer: the cosine, from -1 to 1; the inner product; or
    minus the Euclidean distance. Equal scores are ordered by id. Under the cosine a vector of zeros
    scores 0 with everything.

    Ids are whole numbers of 0 or more: by default the rows of what was indexed, and after that the
    next numbers, none of which is ever used twice. Searches may run in several threads at once, but
    not while another thread changes the index.
    """

    def __init__(
        self, parts: IndexParts, ids: IdMap | None = None, file: MappedFile | None = None
    ) -> None:
        self._engine: Engine = parts.engine
        self._preprocessing = parts.preprocessing
        self._recall, self._report = parts.recall, parts.report
        self._ids = ids or IdMap(int(parts.engine.index.ntotal))
        self._file = file
        self._dimension = int(parts.engine.index.d)
        self._all = RowFilter(None, self._ids)

    @classmethod
    def build(
        cls,
        X: ArrayLike | str | Path,
        metric: Metric | str = Metric.COSINE,
        spec: str = "auto",
        recall: float = 0.95,
        memory: int | str | None = None,
        ids: ArrayLike | None = None,
        queries: ArrayLike | None = None,
        threads: int | None = None,
        seed: int = 0,
        progress: Progress | None = None,
        for_: str = "single",
    ) -> VectorIndex:
        """Index vectors.

        Args:
            X: `(n, d)`; n may be 0. An array of any real type and layout, which is converted to
                float32 and copied block by block; or a file, `.npy` or `.safetensors`
                (`"file.safetensors:name"` if it has several tensors).
            metric: "cosine", "ip" (inner product) or "euclidean".
            spec: "auto" finds out on the vectors themselves what costs least at `recall`; it
                is exact up to a million numbers (n · d), and where nothing else costs half as
                much. "flat" is exact; "hnsw", "ivf", "int8", "fp16", "pq", "ivfpq" and "rabitq"
                are kinds whose details follow from n and d. Anything else is a string for FAISS's
                `index_factory`. If there is too little data to train what was asked for, a
                smaller one is taken, and `choice.notes` says so.
            recall: The share of the 10 nearest that "auto" promises to find, above 0, at most 1.
            memory: The most that "auto" may let the index keep in memory: bytes, or "500MB".
            ids: `(n,)`, whole numbers, each once; None numbers the rows from 0.
            queries: `(nq, d)`, what will be asked, for "auto" to measure with; None takes rows
                of `X`.
            threads: How many may work at once; None for all cores that are free.
            seed: Of what is drawn at random. The same vectors, seed and threads give the same
                index: "auto" computes what queries cost and times nothing.
            progress: Is called as vectors are added.
            for_: What "auto" makes fast: queries asked one at a time ("single") or many at once
                ("batch").

        Raises:
            VectorError: `X` has the wrong shape, NaN or infinity.
            ParameterError: A setting that does not exist, or that FAISS refuses.
        """
        from embedsearch.index.autotune import BuildOptions, build_parts
        from embedsearch.index.sources import as_source

        options = BuildOptions(
            metric=as_metric(metric),
            spec=spec,
            recall=recall,
            memory=None if memory is None else as_bytes("memory", memory),
            threads=threads,
            seed=seed,
            progress=listener_of(progress),
            for_=for_,
            queries=queries,
        )
        source = as_source(X)
        id_map = IdMap.of(source.shape[0], None if ids is None else as_ids(ids))
        return cls(build_parts(source, options), id_map)

    @classmethod
    def from_blocks(
        cls,
        blocks: Iterable[ArrayLike],
        dimension: int,
        metric: Metric | str = Metric.COSINE,
        spec: str = "auto",
        recall: float = 0.95,
        memory: int | str | None = None,
        ids: Iterable[ArrayLike] | None = None,
        folder: str | Path | None = None,
        threads: int | None = None,
        seed: int = 0,
        progress: Progress | None = None,
        for_: str = "single",
    ) -> VectorIndex:
        """Index more vectors than fit into memory, given block by block.

        Args:
            blocks: Arrays `(m, dimension)`, gone through once.
            dimension: d.
            metric: See `build`.
            spec: "auto" builds in memory what fits there, and else lists of whole vectors on the
                disk. "ivf" and factory strings of plain lists ("IVF4096,SQ8", "IVF4096,PQ32")
                are put on the disk; any other is built in memory.
            recall: See `build`.
            memory: The most that "auto" may keep in memory; None for half of what there is.
            ids: An array `(m,)` for each block; None numbers the rows from 0.
            folder: Where the index is while it is built, and after; None for a temporary
                folder, which goes when the index does.
            threads: See `build`.
            seed: See `build`.
            progress: Is called as vectors are added.
            for_: See `build`.

        Raises:
            VectorError: A block has the wrong shape, NaN or infinity.
            ParameterError: See `build`.
            StorageError: The disk is full.
        """
        from embedsearch.index.autotune import BuildOptions
        from embedsearch.index.ondisk import IndexFolder, write_from_blocks

        options = BuildOptions(
            metric=as_metric(metric),
            spec=spec,
            recall=recall,
            memory=None if memory is None else as_bytes("memory", memory),
            threads=threads,
            seed=seed,
            progress=listener_of(progress),
            for_=for_,
        )
        if not isinstance(blocks, Iterable):
            raise ParameterError("blocks", "arrays (m, dimension)", blocks)
        if ids is not None and not isinstance(ids, Iterable):
            raise ParameterError("ids", "an array (m,) for each block, or None", ids)
        dimension = as_count("dimension", dimension)
        check("folder", folder, Optional(PATH))
        place = IndexFolder(folder)
        try:
            write_from_blocks(place, blocks, dimension, ids, options)
            index = cls.load(place.index)
        except BaseException:
            place.discard()
            raise
        place.keep_for(index)
        return index

    @classmethod
    def load(
        cls,
        path: str | Path,
        mapped: bool = True,
        verify: bool = False,
        expected: str | None = None,
    ) -> VectorIndex:
        """Open an index that `save` wrote.

        Files of up to 64 MB are compared completely with the hash in them; of larger ones the ends
        and 255 places between.

        Args:
            path: The file.
            mapped: Leave the vectors in the file and read pages as they are used, which
                processes share; otherwise read them into memory now.
            verify: Compare larger files completely, too.
            expected: What `save` returned; any other index is refused.

        Raises:
            VectorError: The file is damaged, is not an index of embedsearch, or not the one
                that was expected.
            OSError: The file cannot be opened.
        """
        check("path", path, PATH)
        file = read_index_file(path, verify)
        if expected is not None and file.digest != expected:
            raise VectorError(f"{path}: not the index that was expected, by its hash")
        try:
            preprocessing = read_preprocessing(file)
            index = read_faiss(file.path, mapped, preprocessing)
            engine = _engine_of(file, index, preprocessing.metric)
            report, recall = _report_of(file), file.description["recall"]
            parts = IndexParts(engine, preprocessing, recall, report)
            return cls(parts, read_ids(file, index), MappedFile(file) if mapped else None)
        except (KeyError, TypeError, AttributeError) as error:
            raise damaged(path, "its description is incomplete") from error

    def __len__(self) -> int:
        return self._ids.count

    def __contains__(self, id: object) -> bool:
        """Return whether there is a vector of this id."""
        return self._ids.position(id) is not None

    @property
    def dimension(self) -> int:
        """The number of dimensions, d."""
        return self._dimension

    @property
    def metric(self) -> Metric:
        """How nearness is measured."""
        return self._preprocessing.metric

    @property
    def ids(self) -> IntVector:
        """The ids, `(n,)`, in the order in which their vectors were added."""
        return self._ids.ids

    @property
    def spec(self) -> str:
        """FAISS's factory string of the index, or "flat"."""
        return self._engine.spec

    @property
    def parameters(self) -> dict[str, float]:
        """What searches use: `{"nprobe": 12}`, `{"efSearch": 80}`, or nothing."""
        return dict(self._engine.parameters)

    @property
    def recall(self) -> float | None:
        """The share of the 10 nearest that are found, measured when it was built; None if not."""
        return self._recall

    @property
    def choice(self) -> TuningReport | None:
        """What "auto" saw, or what was changed for want of data; None for neither."""
        return self._report

    @property
    def nbytes(self) -> int:
        """The memory of the index if nothing of it is mapped, in bytes."""
        return nbytes_of(self._engine.index) + self._ids.nbytes

    def __repr__(self) -> str:
        settings = "".join(f", {name} {value:g}" for name, value in self.parameters.items())
        size = f"{len(self):,} × {self.dimension}"
        return f"{type(self).__name__}({size}, {self.metric.value}, {self.spec}{settings})"

    def search(
        self,
        Q: ArrayLike,
        topn: int = 10,
        allowed: Rows | None = None,
        threads: int | None = None,
    ) -> tuple[FloatMatrix, IntVector]:
        """Find the vectors nearest to each query.

        Args:
            Q: Queries `(nq, d)`, or one query `(d,)`.
            topn: How many to find, 1 or more.
            allowed: Look only among these: a `range` of ids, ids, or booleans `(n,)` in the order
                of `ids`. None looks among all.
            threads: How many may work at once; None for all cores that are free.

        Returns:
            Scores `(nq, k)` float32, best first, and ids `(nq, k)` int64; k is `topn`, or the
            number of vectors looked among if that is less.

        Raises:
            VectorError: `Q` has the wrong dimension, NaN or infinity.
            ParameterError: `topn`, `allowed` or `threads` out of range.
        """
        if allowed is None and self._all.count:
            query = self._preprocessing.single_query(Q, self._dimension)
            if query is not None:
                if threads is not None:
                    as_count("threads", threads)
                k = min(as_count("topn", topn), self._all.count)
                return self._engine.nearest_to_one(query, k, self._all)
        Q, norms = as_measured_matrix(Q, "Q", self._dimension)
        among = self._all if allowed is None else RowFilter(allowed, self._ids)
        k = min(as_count("topn", topn), among.count)
        check("threads", threads, Optional(COUNT))
        scores, ids = np.empty((len(Q), k), np.float32), np.empty((len(Q), k), np.int64)
        if not scores.size:
            return scores, ids
        zeros = None if norms.all() or self.metric is Metric.EUCLIDEAN else norms == 0
        Q, norms = self._preprocessing.apply(Q, norms, "Q")

        def answer(part: slice) -> None:
            scores[part], ids[part] = self._engine.nearest(Q[part], norms[part], k, among)

        run_in_threads(answer, len(Q), self._engine.queries_per_thread, threads)
        if zeros is not None:
            # Everything scores 0, and an engine need not find the lowest ids.
            scores[zeros], ids[zeros] = 0, self._ids.ids_at(among.first(k))
        return scores, ids

    def search_combined(
        self,
        V: ArrayLike,
        weights: ArrayLike | None = None,
        topn: int = 10,
        allowed: Rows | None = None,
        threads: int | None = None,
    ) -> tuple[FloatVector, IntVector]:
        """Find the vectors nearest to the weighted mean of several, as one query.

        Under the cosine each is scaled to length 1 first, so that none counts for its length.

        Args:
            V: `(m, d)`, at least one.
            weights: `(m,)` finite numbers, negative for what answers shall be unlike; None weighs
                all alike. For the Euclidean distance their sum must not be 0.
            topn: See `search`.
            allowed: See `search`.
            threads: See `search`.

        Returns:
            Scores `(k,)` and ids `(k,)`, best first.
        """
        query = weighted_query(V, weights, self.metric, self.dimension)
        scores, ids = self.search(query, topn, allowed, threads)
        return scores[0], ids[0]

    def range_search(
        self,
        Q: ArrayLike,
        score: float,
        allowed: Rows | None = None,
        threads: int | None = None,
    ) -> tuple[IntVector, FloatVector, IntVector]:
        """Find all vectors that score at least `score`.

        `Q`, `allowed` and `threads` are those of `search`. A kind of index that cannot do this
        raises `VectorError`.

        Returns:
            Bounds `(nq + 1,)`: the answers to query i are at `bounds[i]:bounds[i + 1]` of the
            scores and of the ids, best first.
        """
        Q, norms = as_measured_matrix(Q, "Q", self.dimension)
        check("score", score, Interval())
        # A score that was found, a float32, must reach itself.
        least: np.float32 = np.float32(min(max(float(score), -_LARGEST), _LARGEST))
        check("threads", threads, Optional(COUNT))
        among = self._all if allowed is None else RowFilter(allowed, self._ids)
        found: list[tuple[FloatVector, IntVector]] = [_NOTHING] * len(Q)
        if among.count and len(Q):
            Q, norms = self._preprocessing.apply(Q, norms, "Q")

            def answer(part: slice) -> None:
                found[part] = self._engine.within(Q[part], norms[part], least, among)

            run_in_threads(answer, len(Q), self._engine.queries_per_thread, threads)
        bounds = np.cumsum([0, *(len(scores) for scores, _ in found)])
        every = [_NOTHING, *found]
        scores, ids = (np.concatenate([pair[side] for pair in every]) for side in (0, 1))
        return bounds, scores, ids

    def vector(self, id: int) -> FloatVector:
        """Return a vector as the index holds it, `(d,)`: under the cosine at length 1.

        An id that is not there is a `ParameterError`, a kind of index that cannot return vectors a
        `VectorError`.
        """
        position = self._ids.position(id)
        if position is None:
            raise ParameterError("id", "an id that the index has", id)
        stored = self._engine.vectors(np.array([position]))
        vector: FloatVector = self._preprocessing.undo(stored)[0].copy()
        return vector

    def add(self, X: ArrayLike, ids: ArrayLike | None = None) -> IntVector:
        """Add vectors `(m, d)`, or one `(d,)`; nothing is trained again.

        Args:
            X: The vectors.
            ids: `(m,)`, none of which the index has, each once; None takes the next numbers.

        Returns:
            The ids, `(m,)`.

        Raises:
            VectorError: `X` has the wrong dimension, NaN or infinity.
            ParameterError: Ids that cannot be added.
        """
        X, norms = as_measured_matrix(X, "X", self.dimension)
        claimed = self._ids.claim(ids, len(X))
        self._append(self._preprocessing.apply(X, norms, "X")[0], claimed)
        return claimed

    def delete(self, ids: ArrayLike) -> int:
        """Delete the vectors of one id or several, and return how many were there.

        `compact` frees their memory. Ids that are no whole numbers are a `ParameterError`.
        """
        positions = self._ids.positions(np.unique(as_ids(ids)))
        positions = positions[positions >= 0]
        self._ids.delete(positions)
        self._all = RowFilter(None, self._ids)
        return len(positions)

    def update(self, ids: ArrayLike, X: ArrayLike) -> None:
        """Replace the vectors of ids `(m,)`, all of which the index has, by `X` `(m, d)`.

        Raises:
            VectorError: `X` has the wrong dimension, NaN or infinity.
            ParameterError: An id that the index does not have, or that is given twice.
        """
        X, norms = as_measured_matrix(X, "X", self.dimension)
        replaced = as_distinct_ids(ids, len(X))
        positions = self._ids.positions(replaced)
        if (positions < 0).any():
            absent = int(replaced[positions < 0][0])
            raise ParameterError("ids", "ids that the index has; use add for others", absent)
        # Added first: if that fails, the old vectors are still there.
        self._append(self._preprocessing.apply(X, norms, "X")[0], replaced)
        self._ids.delete(positions)
        self._all = RowFilter(None, self._ids)

    def compact(self) -> None:
        """Give back the memory of deleted vectors; ids stay as they are.

        A kind of index that cannot return vectors raises `VectorError`.
        """
        if self._ids.alive is None:
            return
        self._read_into_memory()
        with omp_threads(None):
            self._engine = self._engine.without_deleted(self._ids.alive)
        self._ids = self._ids.compacted()
        self._all = RowFilter(None, self._ids)

    def save(self, path: str | Path) -> str:
        """Write the index to one file, which replaces what was there once it is complete.

        Returned is a hash of all of it, for `load(path, expected=...)`.
        """
        parts = IndexParts(self._engine, self._preprocessing, self._recall, self._report)
        write_faiss = None if self._file is None else self._file.copy
        check("path", path, PATH)
        return write_index(path, parts, self._ids, write_faiss)

    def _append(self, X: FloatMatrix, ids: IntVector) -> None:
        self._read_into_memory()
        try:
            with omp_threads(None):
                self._engine.add(X)
            self._ids.extend(ids)
        finally:
            # An interruption may leave some of them in FAISS.
            self._ids.delete_beyond(int(self._engine.index.ntotal))
            self._all = RowFilter(None, self._ids)

    def _read_into_memory(self) -> None:
        """Release the file: what is mapped cannot be changed."""
        if self._file is not None:
            index = self._file.in_memory(self._preprocessing)
            self._engine, self._file = self._engine.with_index(index), None


def _engine_of(file: IndexFile, index: Any, metric: Metric) -> Engine:
    # Imported here: exact search does not wait for what the other kinds need.
    kind = file.description["kind"]
    if kind == "flat":
        from embedsearch.index.exact import ExactEngine

        if not isinstance(index, load_faiss().IndexFlat):
            raise damaged(file.path, "not an exact index")
        return ExactEngine(index, metric)
    if kind == "approximate":
        from embedsearch.index.faiss_engine import FaissEngine

        spec, parameters = file.description["spec"], file.description["parameters"]
        if scans_residuals(innermost(index)) and not scans_residuals_soundly():
            raise VectorError(f"{file.path}: {spec} needs FAISS 1.13 or newer")
        return FaissEngine(index, metric, spec, parameters)
    raise VectorError(f"{file.path}: an index of the kind {kind!r}; update embedsearch to open it")


def _report_of(file: IndexFile) -> TuningReport | None:
    written = file.description["choice"]
    if written is None:
        return None
    from embedsearch.index.tuning import TuningReport

    return TuningReport.from_json(written)
