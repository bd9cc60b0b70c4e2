"""The factors are those of numpy's exact decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embedsearch.training.ppmi.factorising import factorise
from embedsearch.training.ppmi.matrix import Sparse, times, transposed_times


def sparse(a: Any) -> Sparse:
    rows, columns = np.nonzero(a)
    starts = np.searchsorted(rows, np.arange(len(a) + 1)).astype(np.int64)
    return Sparse(starts, columns.astype(np.int32), a[rows, columns].astype(np.float32))


def matrix(n: int = 150, seed: int = 0) -> Any:
    """Sparse and positive, and of slowly falling singular values as PPMI matrices are."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n, n)) < 0.2, rng.random((n, n)) * 3, 0.0).astype(np.float32)


def test_products_are_those_of_the_dense_matrix() -> None:
    a = matrix()
    q = np.random.default_rng(1).standard_normal((len(a), 7)).astype(np.float32)
    out = np.full_like(q, np.nan)
    times(sparse(a), q, out)
    np.testing.assert_allclose(out, a @ q, rtol=1e-4, atol=1e-4)
    transposed_times(sparse(a), q, out)
    np.testing.assert_allclose(out, a.T @ q, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_factors_are_those_of_the_exact_decomposition(power: float) -> None:
    a, size = matrix(), 10
    u, s, vt = np.linalg.svd(a.astype(np.float64))
    words, contexts = factorise(sparse(a), size, power, seed=3, rounds=60)
    best = u[:, :size] * s[:size] @ vt[:size]
    np.testing.assert_allclose(words @ contexts.T, best, atol=2e-3)
    for got, expected in ((words, u * s**power), (contexts, vt.T * s ** (1 - power))):
        exact = expected[:, :size]
        np.testing.assert_allclose(got @ got.T, exact @ exact.T, atol=1e-2 * s[0] ** (2 * power))
        np.testing.assert_allclose(
            np.linalg.norm(got, axis=0), np.linalg.norm(exact, axis=0), rtol=1e-3
        )


def test_the_rounds_that_are_the_default_capture_the_spectrum() -> None:
    a, size = matrix(600), 50
    words, _ = factorise(sparse(a), size, 1.0, seed=0)
    s = np.linalg.svd(a, compute_uv=False)[:size]
    assert np.sum(words.astype(float) ** 2) >= 0.99 * np.sum(s.astype(float) ** 2)


@pytest.mark.parametrize("n", [1, 5, 40])
def test_more_dimensions_than_rank_are_zero(n: int) -> None:
    a = np.outer(np.arange(1, n + 1), np.arange(n, 0, -1)).astype(np.float32)
    words, contexts = factorise(sparse(a), 12, 0.5, seed=0)
    assert words.shape == contexts.shape == (n, 12)
    np.testing.assert_allclose(words @ contexts.T, a, rtol=1e-3)
    assert not words[:, 1:].any() or np.abs(words[:, 1:]).max() < 1e-2 * np.abs(words[:, 0]).max()


def test_an_empty_matrix_has_vectors_of_zeros() -> None:
    words, contexts = factorise(sparse(np.zeros((4, 4))), 3, 0.5, seed=0)
    assert not words.any()
    assert not contexts.any()


def test_the_seed_gives_the_same_bytes() -> None:
    first, again, other = (
        factorise(sparse(matrix()), 8, 0.5, seed, rounds=2) for seed in (5, 5, 6)
    )
    assert [part.tobytes() for part in first] == [part.tobytes() for part in again]
    assert first[0].tobytes() != other[0].tobytes()
