"""Matrices in files that say where they lie, read stretch by stretch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import SourceFormatError
from embedsearch.text.stream import release
from embedsearch.vectors.formats.opening import LONGEST_VECTOR
from embedsearch.vectors.formats.rows import RowChecker, row_slices, without_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import Block, LoadOptions, Rest


def check_matrix(path: Path, matrix: NDArray[Any], words: int) -> None:
    """Make sure that an array can be the vectors of so many words.

    Raises:
        SourceFormatError: It is not a matrix of real numbers, has no rows or columns, or another
            number of rows.
    """
    if matrix.dtype.kind not in "fiu" or matrix.ndim != 2:
        found = f"an array of {matrix.dtype} and shape {matrix.shape}"
        raise SourceFormatError(path, f"the vectors must be a matrix of real numbers, got {found}")
    if not 0 < matrix.shape[1] <= LONGEST_VECTOR:
        raise SourceFormatError(path, f"the vectors have {matrix.shape[1]:,} dimensions")
    if len(matrix) != words:
        reason = f"{words:,} words do not fit {len(matrix):,} vectors"
        raise SourceFormatError(path, f"{reason}; one of the two is cut short, or not its own")
    if not words:
        raise SourceFormatError(path, "holds no words")


def stored_blocks(
    path: Path,
    words: list[bytes],
    matrix: NDArray[Any],
    options: LoadOptions,
    rest: Rest,
) -> Iterator[Block]:
    """Yield the rows of a matrix that is mapped from a file.

    Args:
        path: The file, for messages.
        words: The words, in UTF-8.
        matrix: `(len(words), d)`, of any real type.
        options: See `LoadOptions`.
        rest: What goes with the rows; in the end it is cut to the rows that were yielded.

    Raises:
        SourceFormatError: See `RowChecker.block`.
    """
    checker = RowChecker(path, options)
    rows = min(len(matrix), options.limit or len(matrix))
    for part in row_slices(rows, matrix.shape[1]):
        yield checker.block(words[part], as_float32(matrix[part]), part.start + 1)
        _let_go(matrix)
    dropped = [number - 1 for number in checker.skipped]
    if rest.counts is not None:
        rest.counts = without_rows(rest.counts[:rows], dropped)
    if rest.inputs is not None:
        rest.inputs = without_rows(rest.inputs[:rows], dropped)
    checker.finish(rest)


def as_float32(part: NDArray[Any]) -> FloatMatrix:
    """Copy some rows; numbers that float32 does not have become infinity."""
    with np.errstate(over="ignore"):
        return part.astype(np.float32, order="C")


def _let_go(array: Any) -> None:
    while array is not None:
        if isinstance(array, np.memmap):
            release(array)
            return
        array = getattr(array, "base", None)
