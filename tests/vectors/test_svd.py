"""The randomised decomposition, held against exact ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import aslinearoperator
from sklearn.decomposition import TruncatedSVD

from embedsearch.vectors.svd import gram, truncated_svd

RANK = 8


@pytest.fixture(scope="module")
def matrix() -> Any:
    """A sparse matrix whose first eight singular values stand out."""
    rng = np.random.default_rng(0)
    base = rng.standard_normal((200, RANK)) @ rng.standard_normal((RANK, 90))
    noise = rng.random((200, 90)) * (rng.random((200, 90)) < 0.2)
    return csr_matrix(np.where(rng.random((200, 90)) < 0.5, base, 0) + noise, dtype=np.float32)


def test_values_and_vectors_are_those_of_an_exact_decomposition(matrix: Any) -> None:
    values, V = truncated_svd(matrix, RANK)
    exact = TruncatedSVD(RANK, algorithm="arpack", random_state=0).fit(matrix.astype(np.float64))
    np.testing.assert_allclose(values, exact.singular_values_, rtol=1e-2)
    np.testing.assert_allclose(V.T @ V, np.eye(RANK), atol=1e-5)
    # The angles between the two spaces: their cosines are all nearly one.
    cosines = np.linalg.svd(V.T @ exact.components_.T)[1]
    assert cosines.min() > 0.98


def test_a_full_rank_gives_all_there_is(matrix: Any) -> None:
    values, V = truncated_svd(matrix, 1_000)
    np.testing.assert_allclose(values, np.linalg.svd(matrix.toarray(), compute_uv=False), rtol=1e-3)
    np.testing.assert_allclose(V @ V.T, np.eye(90), atol=1e-3)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_no_more_is_found_than_the_rank_of_the_matrix(rank: int) -> None:
    rng = np.random.default_rng(rank)
    dense = rng.random((3_000, rank)) @ rng.random((rank, 400))
    values, V = truncated_svd(csr_matrix(dense.astype(np.float32)), 300)
    assert V.shape == (400, rank)
    np.testing.assert_allclose(V.T @ V, np.eye(rank), atol=1e-3)
    exact = np.linalg.svd(dense, compute_uv=False)[:rank]
    np.testing.assert_allclose(values, exact, rtol=1e-3)


def test_right_vectors_span_the_rows_of_a_matrix_of_low_rank() -> None:
    rng = np.random.default_rng(5)
    dense = (rng.random((300, 5)) @ rng.random((5, 80))).astype(np.float32)
    _, V = truncated_svd(csr_matrix(dense), 5)
    np.testing.assert_allclose(dense @ V @ V.T, dense, atol=1e-4)


def test_any_operator_will_do(matrix: Any) -> None:
    values, _ = truncated_svd(aslinearoperator(matrix), RANK, seed=1)
    expected, _ = truncated_svd(matrix, RANK, seed=1)
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_more_iterations_come_nearer(matrix: Any) -> None:
    exact = np.linalg.svd(matrix.toarray(), compute_uv=False)[: 2 * RANK]
    few, many = (truncated_svd(matrix, 2 * RANK, oversampling=2, iterations=n)[0] for n in (0, 12))
    assert np.abs(many - exact).max() < np.abs(few - exact).max()


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (3, 4)])
def test_nothing_has_no_singular_vectors(shape: tuple[int, int]) -> None:
    values, V = truncated_svd(csr_matrix(shape, dtype=np.float32), 3)
    assert (values.shape, V.shape) == ((0,), (shape[1], 0))


def test_one_document_has_one_direction() -> None:
    values, V = truncated_svd(csr_matrix(np.array([[3, 4, 0]], np.float32)), 100)
    assert values.tolist() == pytest.approx([5])
    np.testing.assert_allclose(np.abs(V[:, 0]), [0.6, 0.8, 0], atol=1e-6)


def test_one_seed_gives_the_same_numbers(matrix: Any) -> None:
    first, again = (truncated_svd(matrix, RANK, seed=3)[1] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_long_indices_give_the_same_numbers(matrix: Any) -> None:
    long = matrix.copy()
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype(np.int64)
    found, expected = (truncated_svd(X, RANK)[1] for X in (long, matrix))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sums_of_products_are_exact() -> None:
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((9_000, 4)).astype(np.float32)
    np.testing.assert_allclose(gram(Y), Y.astype(np.float64).T @ Y.astype(np.float64), rtol=1e-12)
    mean = Y.mean(axis=0)
    np.testing.assert_allclose(gram(Y, mean) / len(Y), np.cov(Y.T, bias=True), atol=1e-6)
