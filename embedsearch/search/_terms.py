"""The forms in which words and vectors may be asked for, made into one."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsearch._errors import ParameterError

Item = str | NDArray[Any]
WeightedTerm = tuple[Item, float]
Query = Item | WeightedTerm | Sequence[Item | WeightedTerm] | None


def as_terms(query: Query, weight: float) -> list[WeightedTerm]:
    """List the words and vectors of a query with their weights.

    Args:
        query: A word, a vector `(d,)`, a pair `(word or vector, weight)`, a list of these or a
            matrix of vectors; None gives an empty list.
        weight: Of those that come without one.

    Raises:
        ParameterError: A weight is not a finite number.
    """
    if query is None:
        return []
    if (
        isinstance(query, str)
        or _is_pair(query)
        or (isinstance(query, np.ndarray) and query.ndim == 1)
    ):
        return [_as_term(query, weight)]
    return [_as_term(item, weight) for item in query]


def _as_term(item: Any, weight: float) -> WeightedTerm:
    if not _is_pair(item):
        return item, weight
    key, own = item
    if not np.isfinite(own):
        raise ParameterError("a term's weight", "a finite number", own)
    return key, float(own)


def _is_pair(item: object) -> bool:
    return (
        isinstance(item, tuple)
        and len(item) == 2
        and isinstance(item[0], (str, np.ndarray))
        and isinstance(item[1], Real)
    )
