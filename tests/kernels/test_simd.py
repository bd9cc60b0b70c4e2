"""Matrices are aligned, padded with zeros, and start from the seed."""

from __future__ import annotations

import numpy as np
import pytest

from embedsearch.kernels._simd import PAD, aligned, compacted, fresh_vectors


@pytest.mark.parametrize("width", [1, 16, 100, 300])
def test_rows_start_on_cache_lines_and_end_in_zeros(width: int) -> None:
    x = fresh_vectors(7, width, seed=3)
    assert x.shape == (7, -(-width // PAD) * PAD)
    assert x.strides[0] % 64 == 0
    assert x.ctypes.data % 64 == 0
    assert not x[:, width:].any()
    assert not aligned(7, width).any()


def test_fresh_vectors_are_uniform_and_follow_the_seed() -> None:
    x = fresh_vectors(5000, 20, seed=1)[:, :20]
    assert np.abs(x).max() <= 1 / 20
    assert x.std() == pytest.approx(1 / 20 / np.sqrt(3), rel=0.01)
    np.testing.assert_array_equal(x[:10], fresh_vectors(10, 20, seed=1)[:, :20])
    assert (x[:10] != fresh_vectors(10, 20, seed=2)[:, :20]).any()


def test_a_large_matrix_begins_as_a_small_one() -> None:
    # Both sides of where the random numbers are fetched again.
    x = fresh_vectors(1 << 16, 100, seed=1)
    np.testing.assert_array_equal(x[:50_000], fresh_vectors(50_000, 100, seed=1))


@pytest.mark.parametrize(("rows", "width"), [(0, 5), (7, 1), (7, 16), (30_000, 100)])
def test_a_matrix_without_its_padding_has_the_same_rows(rows: int, width: int) -> None:
    x = fresh_vectors(rows, width, seed=3)
    wanted, base = x[:, :width].copy(), x.ctypes.data
    got = compacted(x, width)
    np.testing.assert_array_equal(got, wanted)
    assert got.flags.c_contiguous
    assert got.ctypes.data == base
