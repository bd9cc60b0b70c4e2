"""What is left of damaged vectors: rows that are what was written, and rows that an index has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import EmbedSearchError
from embedsearch._types import FloatMatrix, Metric
from embedsearch.index.vector_index import VectorIndex
from embedsearch.vectors.tensors import data_start, open_tensors, restore_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._types import IntVector
    from embedsearch.workspace.healing import Healed

    Shapes = Mapping[str, tuple[str, tuple[int, ...]]]

# Kinds of index that keep vectors as they are, or at length 1.
_EXACT = re.compile(r"flat|HNSW\d+(,Flat)?|IVF\d+(_HNSW\d+)?,Flat", re.IGNORECASE)
# What rounding to float32 may have changed of a number, of the largest of its vector.
_ROUNDING = 1e-5
_MANY = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Tensors:
    """The arrays of a damaged file.

    Attributes:
        arrays: By name; damaged bytes are in them.
        sound: For each, which of its rows are what was written.
        compared: Whether there was anything to compare them with.
    """

    arrays: dict[str, NDArray[Any]]
    sound: dict[str, NDArray[np.bool_]]
    compared: bool


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Vectors as far as they are known.

    Attributes:
        vectors: `(n, d)`.
        known: Which of them are what was written, or follow from an index, `(n,)`.
        rounded: Which of them are so but for rounding, or for their length, `(n,)`.
    """

    vectors: FloatMatrix
    known: NDArray[np.bool_]
    rounded: NDArray[np.bool_]


def recovered_tensors(file: Healed | None, candidates: Iterable[Shapes] = ()) -> Tensors | None:
    """Open a damaged file.

    Args:
        file: What is left of it.
        candidates: What may have been in it, for a header that cannot be read.

    Returns:
        None where not even the header is known.
    """
    if file is None:
        return None
    arrays = _opened(file.path)
    if arrays is None or not file.sound(0, data_start(file.path), 1)[0]:
        if not any(restore_header(file.path, shapes) for shapes in candidates):
            return None
        arrays = _opened(file.path)
    if arrays is None:
        return None
    sound, begin = {}, data_start(file.path)
    for name, array in arrays.items():
        count = len(array) if array.ndim else 0
        sound[name] = file.sound(begin, array.nbytes // max(count, 1), count)
        begin += array.nbytes
    return Tensors(arrays, sound, file.compared)


def _opened(path: Path) -> dict[str, NDArray[Any]] | None:
    try:
        return open_tensors(path)
    except (EmbedSearchError, OSError, ValueError):
        return None


def sound_index(path: Path, expected: str | None) -> VectorIndex | None:
    """Open an index if all of it is what was written.

    Args:
        path: The file.
        expected: The digest that the manifest has; None where it is not known.
    """
    try:
        return VectorIndex.load(path, mapped=False, verify=True, expected=expected)
    except (EmbedSearchError, OSError, ValueError):
        return None


def is_exact(index: VectorIndex | None) -> bool:
    """Tell whether an index has the vectors themselves, and no codes of them."""
    return index is not None and _EXACT.fullmatch(index.spec) is not None


def rows_back(
    X: FloatMatrix, sound: NDArray[np.bool_], index: VectorIndex | None, ids: IntVector
) -> Rows:
    """Take rows that are damaged from an index that has them, too.

    Args:
        X: `(n, d)`, with damaged rows.
        sound: Which rows are what was written, `(n,)`.
        index: A sound index of them, or None.
        ids: The id of each row in it, `(n,)`; -1 where it is not known.
    """
    known, rounded = sound.copy(), np.zeros(len(X), np.bool_)
    if sound.all() or index is None or not is_exact(index) or index.dimension != X.shape[1]:
        return Rows(X, known, rounded)
    vectors, usual = np.array(X, np.float32), _usual_length(X, sound)
    for row in np.flatnonzero(~sound):
        id = int(ids[row])
        if id not in index:
            continue
        vectors[row], rounded[row] = _row_back(X[row], index.vector(id), index.metric, usual)
        known[row] = True
    return Rows(vectors, known, rounded)


def _row_back(
    row: NDArray[np.float32], held: NDArray[np.float32], metric: Metric, usual: float
) -> tuple[NDArray[np.float32], bool]:
    """Return a row as an index has it, and whether that is so but for rounding."""
    if metric is Metric.INNER_PRODUCT or not held.any():
        return held, False
    length = 1.0
    if metric is Metric.COSINE:
        length = _length(row, held) or usual
        if abs(length - 1) < _ROUNDING:
            length = 1.0
    expected = (held * np.float32(length)).astype(np.float32)
    with np.errstate(all="ignore"):
        near = np.abs(row - expected) <= _ROUNDING * np.abs(expected).max()
    # What differs by no more than rounding is more likely what was written than the index is.
    return np.where(near, row, expected).astype(np.float32), not near.all()


def _length(row: NDArray[np.float32], unit: NDArray[np.float32]) -> float | None:
    """Return the length of a row, by those of its numbers that are not damaged."""
    large = np.abs(unit) > 0.01 * np.abs(unit).max()
    with np.errstate(all="ignore"):
        ratios = row[large].astype(np.float64) / unit[large]
        ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
        if not len(ratios):
            return None
        middle = float(np.median(ratios))
        agreeing = np.abs(ratios - middle) <= _ROUNDING * middle * 10
    return middle if agreeing.sum() > large.sum() / 2 else None


def _usual_length(X: FloatMatrix, sound: NDArray[np.bool_]) -> float:
    rows = np.flatnonzero(sound)[:_MANY]
    if not len(rows):
        return 1.0
    return float(np.median(np.linalg.norm(X[rows].astype(np.float64), axis=1))) or 1.0


def agreeing(X: FloatMatrix, index: VectorIndex, ids: IntVector) -> NDArray[np.bool_]:
    """Say which rows are those of an index, but for rounding and, by the cosine, their length."""
    found = np.zeros(len(X), np.bool_)
    for row, id in enumerate(ids.tolist()):
        if id in index:
            back, rounded = _row_back(X[row], index.vector(id), index.metric, 1.0)
            found[row] = not rounded and np.array_equal(back, X[row])
    return found
