"""The terms of a question about words: words and vectors with weights, and what stands for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedsearch._errors import ParameterError, QueryError
from embedsearch.search.evidence import query_variance
from embedsearch.vectors.arrays import row_norms, unit_rows

if TYPE_CHECKING:
    from embedsearch._types import FloatVector, IntVector

Item = str | NDArray[Any]
WeightedTerm = tuple[Item, float]
Query = Item | WeightedTerm | Sequence[Item | WeightedTerm] | None

_LARGEST_WEIGHT = 1e30


class Found(NamedTuple):
    """What stands for a query word: its row, or -1 if its vector was inferred."""

    word: str
    row: int
    vector: FloatVector


class WeightedSum(NamedTuple):
    """What a question adds up to, and the terms that it is made of."""

    vector: FloatVector
    found: list[Found]
    weights: list[float]

    @property
    def rows(self) -> list[int]:
        """The rows of the words that the vocabulary has."""
        return rows_of(self.found)

    @property
    def inferred(self) -> tuple[str, ...]:
        """The words whose vectors were inferred."""
        return inferred_of(self.found)

    def variance(self, counts: IntVector) -> float:
        """Return how uncertain it is; see `query_variance`."""
        # A vector that is given is no estimate; one that was inferred is of a word never seen.
        seen = [
            int(counts[one.row]) if one.row >= 0 else 1 if one.word else None for one in self.found
        ]
        return query_variance(seen, self.weights)


def as_terms(query: Query, weight: float) -> list[WeightedTerm]:
    """List the words and vectors of a query with their weights, `weight` by default."""
    if query is None:
        return []
    if (
        isinstance(query, str)
        or _is_pair(query)
        or (isinstance(query, np.ndarray) and query.ndim == 1)
    ):
        return [_as_term(query, weight)]
    return [_as_term(item, weight) for item in as_list("words and vectors", query)]


def as_list(name: str, values: Any, *, lone: bool = False) -> list[Any]:
    """Return a list of words or vectors; `lone` takes one word, too, else it is a `QueryError`."""
    if lone and isinstance(values, str):
        return [values]
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise QueryError(f"{name} must be a list, got {values!r}")
    return list(values)


def _as_term(item: Any, weight: float) -> WeightedTerm:
    if not _is_pair(item):
        return item, weight
    key, own = item
    # Sums are float32 in the end.
    if not abs(own) <= _LARGEST_WEIGHT:
        raise ParameterError("a term's weight", f"a number of at most {_LARGEST_WEIGHT:g}", own)
    return key, float(own)


def _is_pair(item: object) -> bool:
    return (
        isinstance(item, tuple)
        and len(item) == 2
        and isinstance(item[0], (str, np.ndarray))
        and isinstance(item[1], Real)
    )


def rows_of(found: list[Found]) -> list[int]:
    """Return the rows of those that the vocabulary has."""
    return [one.row for one in found if one.row >= 0]


def inferred_of(found: list[Found]) -> tuple[str, ...]:
    """Return the words whose vectors were inferred."""
    return tuple(one.word for one in found if one.row < 0 and one.word)


def expression_terms(expression: str | Sequence[str]) -> list[tuple[str, float]]:
    """Return the words of an analogy, an expression or three words, with their weights."""
    if isinstance(expression, str):
        from embedsearch.search.analogy import parse_expression

        return [(word, weight) for word, weight in parse_expression(expression)]
    expression = as_list("an analogy", expression)
    if len(expression) != 3:
        raise QueryError(f"an analogy is an expression or three words, got {len(expression)}")
    one, two, three = expression
    return [(two, 1.0), (one, -1.0), (three, 1.0)]


def cosine(one: FloatVector, two: FloatVector) -> float:
    """Return the cosine of two vectors."""
    return max(-1.0, min(1.0, float(unit(one) @ unit(two))))


def unit(vector: FloatVector) -> FloatVector:
    """Return a vector at length 1."""
    matrix = vector[np.newaxis]
    scaled: FloatVector = unit_rows(matrix, row_norms(matrix))[0]
    return scaled
