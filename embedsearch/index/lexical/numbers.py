"""Numbers of documents, as they are given to a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import IntVector

    Numbers = range | ArrayLike


def as_numbers(name: str, numbers: Numbers) -> IntVector:
    """Return document numbers as an array, in the order given.

    Args:
        name: What the numbers are called in an error.
        numbers: A `range`, whole numbers, or a boolean mask whose place i is document i.

    Raises:
        ParameterError: Something else.
    """
    if isinstance(numbers, range):
        return np.arange(numbers.start, numbers.stop, numbers.step, dtype=np.int64)
    array = np.asarray(numbers)
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.ndim == 1 and array.dtype == bool:
        return np.flatnonzero(array).astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        got = f"{array.dtype} of shape {array.shape}"
        raise ParameterError(name, "a range, a mask or document numbers", got)
    return array.astype(np.int64)


def ascending(numbers: IntVector) -> IntVector:
    """Return numbers in order, each once; what is in order already is not copied."""
    # `np.unique` takes ten milliseconds for 63,000 numbers, in order or not.
    return numbers if (np.diff(numbers) > 0).all() else np.unique(numbers)


def places_among(numbers: IntVector, wanted: IntVector) -> tuple[IntVector, NDArray[np.bool_]]:
    """Look numbers up.

    Args:
        numbers: `(n,)`.
        wanted: In ascending order, each once.

    Returns:
        The place of each number in `wanted`, `(n,)`, and whether it is there at all.
    """
    if not len(wanted):
        return np.zeros(len(numbers), dtype=np.int64), np.zeros(len(numbers), dtype=bool)
    places = np.minimum(np.searchsorted(wanted, numbers), len(wanted) - 1)
    return places, wanted[places] == numbers
