"""Arrays of vectors: checked before anything is computed from them, and scaled to length 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import FloatMatrix, FloatVector, IntVector

# Rows that are widened to float64 at once: they stay in the processor's caches.
_ROWS = 1 << 9


def as_matrix(X: ArrayLike, name: str = "X", dimension: int | None = None) -> FloatMatrix:
    """Return a checked matrix as `as_measured_matrix` does, without the lengths."""
    return as_measured_matrix(X, name, dimension)[0]


def as_measured_matrix(
    X: ArrayLike, name: str = "X", dimension: int | None = None
) -> tuple[FloatMatrix, NDArray[np.float64]]:
    """Return numbers as a checked matrix and its row lengths; a matrix that fits is not copied.

    Takes vectors `(n, d)`, or one `(d,)`, of any real type and layout; returns C-contiguous
    float32 `(n, d)` and `(n,)`. NaN, infinity and what float32 cannot hold are a `VectorError`.
    """
    array = as_real(X, name)
    if array.ndim == 1:
        array = array[np.newaxis]
    if array.ndim != 2 or array.shape[1] == 0:
        raise VectorError(f"{name} must have the shape (n, d) or (d,), got {array.shape}")
    if dimension is not None and array.shape[1] != dimension:
        raise VectorError(f"{name} must have {dimension} dimensions, got {array.shape[1]}")
    matrix = _as_float32(array)
    norms = row_norms(matrix)
    bad = first_bad_row(norms)
    if bad is not None:
        raise VectorError(
            f"row {bad} of {name} holds NaN, infinity or a value beyond float32; "
            "remove or replace it"
        )
    return matrix, norms


def first_bad_row(norms: NDArray[np.float64]) -> int | None:
    """Return the first row that holds NaN or infinity, from `row_norms`; None if all are finite."""
    # The sum of squares of float32 values cannot overflow float64.
    finite = np.isfinite(norms)
    return None if finite.all() else int(finite.argmin())


def check_finite(name: str, values: NDArray[Any]) -> None:
    """Raise `VectorError` if a file has NaN or infinity under a name."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise VectorError(f"damaged: {name} has NaN or infinity")


def row_norms(X: FloatMatrix) -> NDArray[np.float64]:
    """Return the Euclidean length of each row of `X` `(n, d)`, without overflow: `(n,)`.

    Of one vector `(d,)`, it is a number. To the last bit, the square is that of `numpy.dot`.
    """
    rows = X[np.newaxis] if X.ndim == 1 else X
    norms = np.empty(len(rows))
    for block in row_blocks(len(rows), _ROWS):
        wide = rows[block].astype(np.float64, order="C")
        squares = np.matmul(wide[:, np.newaxis], wide[:, :, np.newaxis])
        norms[block] = squares[:, 0, 0]
    return np.sqrt(norms, out=norms).reshape(X.shape[:-1])


def row_blocks(rows: int, size: int = 4_096) -> Iterator[slice]:
    """Yield slices of so many rows, at most, that follow each other."""
    return (slice(start, start + size) for start in range(0, rows, size))


def unit_rows(
    X: ArrayLike, norms: NDArray[np.float64] | None = None, least: float = 0.0
) -> FloatMatrix:
    """Scale each row of `X` `(n, d)`, or one vector `(d,)`, to length 1.

    Rows not longer than `least` become zeros: what is left of a vector after a subtraction may be
    nothing but rounding errors. By default only zeros stay zeros.
    """
    X = np.asarray(X, np.float32)
    norms = row_norms(X) if norms is None else norms
    short = norms <= least
    has_short = short.any()
    if has_short:
        norms = np.where(short, 1.0, norms)
    unit: FloatMatrix = np.empty(X.shape, np.float32)
    # Divides in double precision, a buffer at a time: no float64 copy of a large matrix.
    np.divide(X, norms[..., np.newaxis], out=unit, casting="same_kind")
    if has_short:
        unit[short] = 0
    return unit


def places_of(ordered: NDArray[Any], wanted: NDArray[Any]) -> tuple[IntVector, NDArray[np.bool_]]:
    """Return the place of each number in `ordered`, which ascends, and whether it is there."""
    if not len(ordered):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    places = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return places, ordered[places] == wanted


def distinct(values: IntVector) -> IntVector:
    """Return integers `(n,)` ascending, each once."""
    # The first call of np.unique imports numpy.ma, which costs a process more than a question.
    ordered: IntVector = np.sort(values)
    return ordered[np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))]


def narrowed(numbers: NDArray[Any], most: int = 0) -> NDArray[Any]:
    """Return whole numbers of 0 or more in the smallest type that holds them, and `most`."""
    return numbers.astype(np.min_scalar_type(max(int(numbers.max(initial=0)), most)))


def best_first(scores: FloatVector, numbers: IntVector, topn: int) -> IntVector:
    """Return the places of the `topn` highest scores; equal ones are ordered by their numbers."""
    if topn >= len(scores):
        return np.lexsort((numbers, -scores))
    # A partition takes linear time; only what can be among the best is sorted.
    limit = np.partition(scores, -topn)[-topn]
    places = np.flatnonzero(scores >= limit)
    return places[np.lexsort((numbers[places], -scores[places]))][:topn]


def as_real(X: ArrayLike, name: str) -> NDArray[Any]:
    """Return an array of real numbers of any shape; a memory map becomes a plain view of itself."""
    try:
        array = np.asarray(X)
    except (TypeError, ValueError) as error:
        raise VectorError(f"{name} must be an array of numbers: {error}") from error
    if array.dtype.kind not in "fiub":
        raise VectorError(f"{name} must hold real numbers, got dtype {array.dtype}")
    return array


def _as_float32(array: NDArray[Any]) -> FloatMatrix:
    if array.dtype == np.float32:
        return np.ascontiguousarray(array)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)
