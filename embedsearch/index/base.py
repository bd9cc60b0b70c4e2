"""What every vector index can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch._types import FloatMatrix, FloatVector, IntVector, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import ArrayLike

    from embedsearch._progress import Progress
    from embedsearch.index.allowed import Rows


class VectorIndex(ABC):
    """Finds the nearest of n vectors, each named by an id.

    Scores are higher where a vector is nearer: the cosine, from -1 to 1; the inner product; or
    minus the Euclidean distance. Equal scores are ordered by id. Under the cosine a vector of
    zeros scores 0 with everything.

    Ids are whole numbers of 0 or more: by default the rows of what was indexed, and after that
    the next numbers, none of which is ever used twice. Searches may run in several threads at
    once, but not while another thread changes the index.
    """

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
    ) -> VectorIndex:
        """Index vectors.

        Args:
            X: `(n, d)`; n may be 0. An array of any real type and layout, which is converted to
                float32 and copied block by block; or a file, `.npy` or `.safetensors`
                (`"file.safetensors:name"` where it has several tensors).
            metric: "cosine", "ip" (inner product) or "euclidean".
            spec: "auto" measures on the vectors themselves what is fastest at `recall`. "flat"
                is exact; "hnsw", "ivf", "int8", "fp16", "pq", "ivfpq" and "rabitq" are kinds
                whose details follow from n and d. Anything else is a string for FAISS's
                `index_factory`. Where there is too little data to train what was asked for, a
                smaller one is taken, and `choice.notes` says so.
            recall: The share of the 10 nearest that "auto" promises to find, above 0, at most 1.
            memory: The most that "auto" may let the index keep in memory: bytes, or "500MB".
            ids: `(n,)`, whole numbers, each once; None numbers the rows from 0.
            queries: `(nq, d)`, what will be asked, for "auto" to measure with; None takes rows
                of `X`.
            threads: How many may work at once; None for all cores that are free.
            seed: Of what is drawn at random. With one thread, the same seed gives the same index.
            progress: Hears of vectors added.

        Raises:
            VectorError: `X` has the wrong shape, NaN or infinity.
            ParameterError: A setting that does not exist, or that FAISS refuses.
        """
        from embedsearch.index.building import build_index

        return build_index(X, metric, spec, recall, memory, ids, queries, threads, seed, progress)

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
    ) -> VectorIndex:
        """Index more vectors than fit into memory, given block by block.

        Args:
            blocks: Arrays `(m, dimension)`, gone through once.
            dimension: d.
            metric: See `build`.
            spec: See `build`.
            recall: See `build`.
            memory: See `build`.
            ids: An array `(m,)` for each block; None numbers the rows from 0.
            folder: Where the index is kept while it is built, and after; None for a temporary
                folder, which goes when the index does.
            threads: See `build`.
            seed: See `build`.
            progress: Hears of vectors added.

        Raises:
            VectorError: A block has the wrong shape, NaN or infinity.
            ParameterError: See `build`.
            StorageError: The disk is full.
        """
        from embedsearch.index.ondisk import build_from_blocks

        return build_from_blocks(
            blocks,
            dimension,
            as_metric(metric),
            spec=spec,
            recall=recall,
            memory=memory,
            ids=ids,
            folder=folder,
            threads=threads,
            seed=seed,
            progress=progress,
        )

    @classmethod
    def load(
        cls,
        path: str | Path,
        mapped: bool = True,
        verify: bool = False,
        expected: str | None = None,
    ) -> VectorIndex:
        """Open an index that `save` wrote.

        Files of up to 64 MB are compared whole with the hash in them; of larger ones the ends
        and 256 places between.

        Args:
            path: The file.
            mapped: Leave the vectors in the file and read pages as they are used, which
                processes share; otherwise read them into memory now.
            verify: Compare larger files whole, too.
            expected: What `save` returned; any other index is refused.

        Raises:
            VectorError: The file is damaged, is not an index of embedsearch, or not the one
                that was expected.
            OSError: The file cannot be opened.
        """
        from embedsearch.index.opening import load_index

        return load_index(path, mapped, verify, expected)

    @abstractmethod
    def __len__(self) -> int:
        """Count the vectors."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The number of dimensions, d."""

    @property
    @abstractmethod
    def metric(self) -> Metric:
        """How nearness is measured."""

    @property
    @abstractmethod
    def ids(self) -> IntVector:
        """The ids, `(n,)`, in the order in which their vectors were added."""

    @property
    @abstractmethod
    def spec(self) -> str:
        """FAISS's factory string of the index, or "flat"."""

    @property
    def parameters(self) -> dict[str, float]:
        """What searches use: `{"nprobe": 12}`, `{"efSearch": 80}`, or nothing."""
        return {}

    @property
    def recall(self) -> float | None:
        """The measured share of the 10 nearest that are found; None where it is not known."""
        return None

    @property
    def choice(self) -> Any:
        """What "auto" saw, a `Choice`, or what was changed for want of data; None for neither."""
        return None

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """The memory that the index takes where nothing of it is mapped, in bytes."""

    @abstractmethod
    def __contains__(self, id: object) -> bool:
        """Tell whether there is a vector of this id."""

    @abstractmethod
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
            allowed: Look only among these: a `range` of ids, ids, or booleans `(n,)` in the
                order of `ids`. None looks among all.
            threads: How many may work at once; None for all cores that are free.

        Returns:
            Scores `(nq, k)` float32, best first, and ids `(nq, k)` int64; k is `topn`, or the
            number of vectors looked among if that is less.

        Raises:
            VectorError: `Q` has the wrong dimension, NaN or infinity.
            ParameterError: `topn`, `allowed` or `threads` out of range.
        """

    def search_combined(
        self,
        V: ArrayLike,
        weights: ArrayLike | None = None,
        topn: int = 10,
        allowed: Rows | None = None,
        threads: int | None = None,
    ) -> tuple[FloatVector, IntVector]:
        """Find the vectors nearest to the weighted mean of several, as one query.

        Under the cosine each is brought to length 1 first, so that none counts for its length.

        Args:
            V: `(m, d)`, at least one.
            weights: `(m,)`, negative for what answers shall be unlike; None weighs all alike.
            topn: See `search`.
            allowed: See `search`.
            threads: See `search`.

        Returns:
            Scores `(k,)` and ids `(k,)`, best first.

        Raises:
            VectorError: See `search`.
            ParameterError: `weights` that are not m finite numbers, or whose sum is 0 where a
                mean is needed: for the Euclidean distance.
        """
        from embedsearch.index.combining import combined

        query = combined(V, weights, self.metric, self.dimension)
        scores, rows = self.search(query, topn, allowed, threads)
        return scores[0], rows[0]

    @abstractmethod
    def range_search(
        self,
        Q: ArrayLike,
        score: float,
        allowed: Rows | None = None,
        threads: int | None = None,
    ) -> tuple[IntVector, FloatVector, IntVector]:
        """Find all vectors that score at least `score`.

        Args:
            Q: See `search`.
            score: The least score.
            allowed: See `search`.
            threads: See `search`.

        Returns:
            Bounds `(nq + 1,)`: the answers to query i are at `bounds[i]:bounds[i + 1]` of the
            scores and of the ids, best first.

        Raises:
            VectorError: See `search`; or an index that cannot do this.
            ParameterError: See `search`; or a score that is no finite number.
        """

    @abstractmethod
    def vector(self, id: int) -> FloatVector:
        """Give a vector as the index holds it, `(d,)`: under the cosine at length 1.

        Raises:
            ParameterError: No such id.
            VectorError: A kind of index that cannot give vectors back.
        """

    @abstractmethod
    def add(self, X: ArrayLike, ids: ArrayLike | None = None) -> IntVector:
        """Add vectors; nothing is trained anew.

        Args:
            X: `(m, d)`, or one vector `(d,)`.
            ids: `(m,)`, none of which the index has; None takes the next numbers.

        Returns:
            The ids, `(m,)`.

        Raises:
            VectorError: `X` has the wrong dimension, NaN or infinity.
            ParameterError: Ids that are there already, are given twice or are not m whole
                numbers of 0 or more.
        """

    @abstractmethod
    def delete(self, ids: ArrayLike) -> int:
        """Delete vectors; `compact` gives their memory back.

        Args:
            ids: One or several; those that the index does not have are passed over.

        Returns:
            How many were deleted.

        Raises:
            ParameterError: Not whole numbers.
        """

    @abstractmethod
    def update(self, ids: ArrayLike, X: ArrayLike) -> None:
        """Replace vectors.

        Args:
            ids: `(m,)`, all of which the index has.
            X: `(m, d)`.

        Raises:
            VectorError: `X` has the wrong dimension, NaN or infinity.
            ParameterError: An id that the index does not have, or that is given twice.
        """

    @abstractmethod
    def compact(self) -> None:
        """Give back the memory of deleted vectors; ids stay as they are.

        Raises:
            VectorError: A kind of index that cannot give vectors back.
        """

    @abstractmethod
    def save(self, path: str | Path) -> str | None:
        """Write the index to one file, which replaces what was there once it is whole.

        Returns:
            A hash of all of it, for `load(path, expected=...)`.

        Raises:
            StorageError: The file cannot be written.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} × {self.dimension}, {self.metric.value})"


def as_metric(metric: Metric | str) -> Metric:
    """Turn a metric's name into the metric.

    Raises:
        ParameterError: No such metric.
    """
    try:
        return Metric(metric)
    except ValueError as error:
        names = ", ".join(known.value for known in Metric)
        raise ParameterError("metric", f"one of {names}", metric) from error


def as_count(name: str, value: int) -> int:
    """Check a setting that counts things.

    Raises:
        ParameterError: Not a whole number of 1 or more.
    """
    try:
        count = value.__index__()
    except AttributeError as error:
        raise ParameterError(name, "a whole number, 1 or more", value) from error
    if count < 1 or isinstance(value, bool | np.bool_):
        raise ParameterError(name, "a whole number, 1 or more", value)
    return count
