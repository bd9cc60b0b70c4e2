"""Rows kept as bytes are nearly what they were."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from embedsearch.vectors.rounded import RoundedRows


def test_each_row_is_rounded_to_a_step_of_its_own_size() -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((50, 7)) * 10.0 ** rng.integers(-8, 3, (50, 1))).astype(np.float32)
    X[3] = 0
    rounded = RoundedRows.of(X)
    steps = np.abs(X).max(axis=1, keepdims=True) / 127
    assert (np.abs(rounded[:] - X) <= 0.501 * steps).all()
    assert not rounded[:][3].any()
    assert [str(each.dtype) for each in (rounded.bytes, rounded[:])] == ["int8", "float32"]
    assert (rounded.shape, len(rounded)) == ((50, 7), 50)


def test_what_is_taken_is_what_all_rows_have() -> None:
    X = np.random.default_rng(1).standard_normal((9, 5)).astype(np.float32)
    rounded = RoundedRows.of(X)
    whole = np.asarray(rounded)
    np.testing.assert_array_equal(rounded[[4, 2]], whole[[4, 2]])
    np.testing.assert_array_equal(rounded.first_columns(3)[:], whole[:, :3])
    np.testing.assert_allclose(rounded @ X.T, whole @ X.T, rtol=1e-6)
    weights = csr_matrix(np.eye(9, dtype=np.float32)[:2] * 3)
    np.testing.assert_allclose(weights @ np.asarray(rounded), whole[:2] * 3, rtol=1e-6)


def test_no_rows_are_no_rows() -> None:
    assert RoundedRows.of(np.zeros((0, 4), np.float32))[:].shape == (0, 4)
