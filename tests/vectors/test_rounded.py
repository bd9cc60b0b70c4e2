"""Rows kept as bytes are nearly what they were."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from embedsearch.vectors.rounded import RoundedRows


@pytest.mark.parametrize(("kind", "most"), [(np.int8, 127), (np.int16, 32_767)])
def test_each_row_is_rounded_to_a_step_of_its_own_size(kind: Any, most: int) -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((50, 7)) * 10.0 ** rng.integers(-8, 3, (50, 1))).astype(np.float32)
    X[3] = 0
    rounded = RoundedRows.of(X, kind)
    steps = np.abs(X).max(axis=1, keepdims=True) / most
    assert (np.abs(rounded[:] - X) <= 0.51 * steps).all()
    assert not rounded[:][3].any()
    assert (rounded.steps.dtype, rounded[:].dtype) == (kind, np.float32)
    assert (rounded.shape, len(rounded)) == ((50, 7), 50)


def test_what_is_taken_is_what_all_rows_have() -> None:
    X = np.random.default_rng(1).standard_normal((9, 5)).astype(np.float32)
    rounded = RoundedRows.of(X)
    whole = np.asarray(rounded)
    np.testing.assert_array_equal(rounded[[4, 2]], whole[[4, 2]])
    np.testing.assert_array_equal(rounded.first_columns(3)[:], whole[:, :3])
    np.testing.assert_array_equal(rounded.first_rows(4), whole[:4])
    np.testing.assert_allclose(rounded @ X.T, whole @ X.T, rtol=1e-6)
    weights = csr_matrix(np.eye(9, dtype=np.float32)[:2] * 3)
    np.testing.assert_allclose(weights @ np.asarray(rounded), whole[:2] * 3, rtol=1e-6)


def test_rows_of_one_direction_share_their_numbers() -> None:
    X = np.random.default_rng(2).standard_normal((5, 4)).astype(np.float32)
    X = np.concatenate((X, 2 * X[[3, 1]], 0 * X[:1], X[:1] / 8))
    shared = RoundedRows.of(X).distinct()
    assert (len(shared.steps), len(shared), shared.shape) == (6, 9, (9, 4))
    np.testing.assert_array_equal(shared[:], RoundedRows.of(X)[:])
    np.testing.assert_array_equal(shared[[8, 6]], RoundedRows.of(X)[[8, 6]])
    np.testing.assert_array_equal(shared.first_columns(2)[:], RoundedRows.of(X)[:][:, :2])


def test_lower_ranks_are_first_columns_at_length_1() -> None:
    X = np.random.default_rng(3).standard_normal((9, 7)).astype(np.float32)
    X[2, :3] = 0
    parts = [X[:, :2], X[:, :3]]
    units = [part / np.maximum(np.linalg.norm(part, axis=1)[:, None], 1e-9) for part in parts]
    whole = np.concatenate((*units, X), axis=1)
    rounded = replace(RoundedRows.of(X, np.int16), ranks=(2, 3))
    assert rounded.shape == whole.shape == (9, 12)
    np.testing.assert_allclose(rounded[:], whole, atol=1e-3)
    np.testing.assert_array_equal(rounded[[4, 2]], rounded[:][[4, 2]])
    np.testing.assert_array_equal(rounded[4], rounded[:][4])
    np.testing.assert_array_equal(rounded.alike(whole)[:], rounded[:])


def test_no_rows_are_no_rows() -> None:
    for width in (0, 4):
        none = RoundedRows.of(np.zeros((0, width), np.float32))
        assert none[:].shape == none.distinct()[:].shape == (0, width)
