"""What every vector index can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError
from embedsearch._types import FloatMatrix, IntVector, Metric

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from embedsearch.index.allowed import Rows


class VectorIndex(ABC):
    """Finds the nearest of n vectors.

    Scores are higher where a vector is nearer: the cosine, from -1 to 1; the inner product; or
    minus the Euclidean distance. Equal scores are ordered by row. Under the cosine a vector of
    zeros scores 0 with everything.
    """

    @classmethod
    def build(cls, X: ArrayLike, metric: Metric | str = Metric.COSINE) -> VectorIndex:
        """Index vectors; a vector's row in `X` is how it is named in answers.

        Args:
            X: `(n, d)`; n may be 0. Converted to float32 and copied.
            metric: "cosine", "ip" (inner product) or "euclidean".

        Returns:
            An exact index.

        Raises:
            VectorError: `X` has the wrong shape, NaN or infinity.
            ParameterError: No such metric.
        """
        from embedsearch.index.flat import FlatIndex

        return FlatIndex.build(X, metric)

    @classmethod
    def load(cls, path: str | Path, mapped: bool = True) -> VectorIndex:
        """Open an index that `save` wrote.

        Args:
            path: The file.
            mapped: Leave the vectors in the file and read pages as they are used; otherwise
                read them into memory now.

        Raises:
            VectorError: The file is damaged or is not an index of embedsearch.
            OSError: The file cannot be opened.
        """
        from embedsearch.index.flat import FlatIndex

        return FlatIndex.load(path, mapped)

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

    @abstractmethod
    def search(
        self, Q: ArrayLike, topn: int = 10, allowed: Rows | None = None
    ) -> tuple[FloatMatrix, IntVector]:
        """Find the vectors nearest to each query.

        Args:
            Q: Queries `(nq, d)`, or one query `(d,)`.
            topn: How many to find, 1 or more.
            allowed: Look only among these rows: a `range`, a boolean mask `(n,)`, or row
                numbers. None looks among all.

        Returns:
            Scores `(nq, k)` float32, best first, and rows `(nq, k)` int64; k is `topn`, or the
            number of rows looked among if that is less.

        Raises:
            VectorError: `Q` has the wrong dimension, NaN or infinity.
            ParameterError: `topn` or `allowed` out of range.
        """

    @abstractmethod
    def save(self, path: str | Path) -> None:
        """Write the index to one file.

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
    if count < 1 or isinstance(value, bool):
        raise ParameterError(name, "a whole number, 1 or more", value)
    return count
