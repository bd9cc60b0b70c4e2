"""Arrays of vectors: what is taken as one, and what is refused; rows at length 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gensim.matutils import unitvec

from embedsearch._errors import VectorError
from embedsearch.vectors.arrays import (
    as_matrix,
    as_measured_matrix,
    best_first,
    distinct,
    places_of,
    row_norms,
    unit_rows,
)


def test_a_matrix_that_fits_is_not_copied() -> None:
    X = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert as_matrix(X) is X
    matrix, norms = as_measured_matrix(X.tolist())
    assert (matrix.dtype, matrix.tolist()) == (np.float32, X.tolist())
    np.testing.assert_allclose(norms, np.linalg.norm(X, axis=1))
    assert as_matrix([1, 2]).shape == (1, 2)


@pytest.mark.parametrize(
    ("X", "reason"),
    [
        ([["a"]], "Q must hold real numbers"),
        ([[1, 2], [3]], "Q must be an array of numbers"),
        ([[1j]], "Q must hold real numbers"),
        ([[[1]]], "Q must have the shape"),
        (np.empty((2, 0)), "Q must have the shape"),
        ([[1, 2, 3]], "Q must have 2 dimensions, got 3"),
        ([[1, 2], [np.nan, 1]], "row 1 of Q holds NaN"),
        ([[1, 2], [1e39, 1]], "row 1 of Q holds NaN, infinity or a value beyond float32"),
    ],
)
def test_other_arrays_are_refused(X: Any, reason: str) -> None:
    with pytest.raises(VectorError, match=reason):
        as_matrix(X, "Q", dimension=2)


@pytest.mark.parametrize("order", ["C", "F"])
def test_lengths_are_those_of_numpy_whatever_the_layout_and_the_size(order: Any) -> None:
    X = np.random.default_rng(1).standard_normal((1_300, 21)).astype(np.float32, order=order)
    X[7] *= 1e30
    norms = row_norms(X)
    wide = X.astype(np.float64, order="C")
    np.testing.assert_allclose(norms, np.linalg.norm(wide, axis=1), rtol=1e-14)
    # To the last bit: a query alone is measured by `dot`, and must be the same in a batch.
    np.testing.assert_array_equal(norms, [np.sqrt(row.dot(row)) for row in wide])
    assert row_norms(X[5]) == norms[5]
    assert row_norms(X[:0]).shape == (0,)


def test_unit_rows_are_those_of_gensim_and_zeros_stay() -> None:
    X = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
    X[3] = 0
    unit = unit_rows(X)
    for row, vector in enumerate(X):
        np.testing.assert_allclose(unit[row], unitvec(vector) if row != 3 else vector, rtol=1e-5)
    np.testing.assert_array_equal(unit, unit_rows(X, row_norms(X)))
    assert unit.dtype == np.float32
    np.testing.assert_array_equal(unit_rows(X[5]), unit[5])
    assert not unit_rows(X[3]).any()


def test_lengths_neither_overflow_nor_vanish() -> None:
    X = np.array([[3e30, 4e30], [3e-30, 4e-30]], np.float32)
    np.testing.assert_allclose(unit_rows(X), [[0.6, 0.8], [0.6, 0.8]], rtol=1e-6)


def test_rows_that_are_nothing_but_rounding_become_zeros() -> None:
    X = np.array([[3, 4], [0, 0], [1e-6, 0]], np.float32)
    np.testing.assert_allclose(unit_rows(X), [[0.6, 0.8], [0, 0], [1, 0]], atol=1e-6)
    np.testing.assert_array_equal(unit_rows(X, least=1e-4), unit_rows(np.where(X > 1e-5, X, 0)))


@pytest.mark.parametrize("ordered", [[], [4], [0, 3, 7, 12, 90]])
def test_numbers_are_looked_up_as_in_a_list(ordered: list[int]) -> None:
    wanted = [90, -1, 3, 4, 100, 3, 0]
    places, known = places_of(np.array(ordered, np.int64), np.array(wanted))
    assert known.tolist() == [number in ordered for number in wanted]
    found = [number for number in wanted if number in ordered]
    assert [ordered[place] for place in places[known]] == found


@pytest.mark.parametrize("topn", [1, 7, 39, 40, 41, 100])
def test_the_best_come_first_and_equal_ones_by_their_numbers(topn: int) -> None:
    rng = np.random.default_rng(0)
    # Few different scores, so that many are equal where the list is cut.
    scores, numbers = rng.integers(0, 5, 40).astype(np.float32), rng.permutation(40)
    expected = sorted(range(40), key=lambda i: (-scores[i], numbers[i]))[:topn]
    assert best_first(scores, numbers, topn).tolist() == expected


@pytest.mark.parametrize("values", [[], [3], [5, -1, 5, 5, 0, -1], [2, 2]])
def test_distinct_values_ascend_each_once(values: list[int]) -> None:
    found = distinct(np.array(values, np.int64))
    assert found.dtype == np.int64
    assert found.tolist() == sorted(set(values))
