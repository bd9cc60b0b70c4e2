"""Linear encoders, held against scikit-learn and sums written out; their decomposition, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import aslinearoperator
from sklearn.decomposition import TruncatedSVD

from embedsearch._types import FloatMatrix
from embedsearch.vectors.arrays import unit_rows
from embedsearch.vectors.lsa import (
    LSA,
    WORDS,
    LinearEncoder,
    fit_lsa,
    fit_words,
    gram,
    truncated_svd,
)
from embedsearch.vectors.sparse import TermStatistics, unit_sparse

N, SIZE, D = 120, 60, 12


@pytest.fixture(scope="module")
def counts() -> Any:
    """Documents of four topics, with an empty one at the end."""
    rng = np.random.default_rng(0)
    rows = []
    for n in range(N):
        topic = rng.integers(0, 15, 12) + 15 * (n % 4)
        rows.append(np.bincount(np.concatenate((topic, rng.integers(0, SIZE, 4))), minlength=SIZE))
    return csr_matrix(np.array([*rows, np.zeros(SIZE)], np.float32))


@pytest.fixture(scope="module")
def statistics(counts: Any) -> TermStatistics:
    return TermStatistics.of(counts)


@pytest.fixture(scope="module")
def term_vectors() -> FloatMatrix:
    return np.random.default_rng(1).standard_normal((SIZE, D)).astype(np.float32)


def test_lsa_is_that_of_scikit_learn(counts: Any, statistics: TermStatistics) -> None:
    encoder = fit_lsa(counts, statistics, (4,))[0]
    weights = unit_sparse(statistics.bm25(counts))
    theirs = TruncatedSVD(4, algorithm="arpack", random_state=0).fit_transform(weights)
    theirs = unit_rows(theirs.astype(np.float32))
    ours = encoder.documents(counts, statistics)
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=0.01)


def test_documents_of_one_topic_are_near_each_other(
    counts: Any, statistics: TermStatistics
) -> None:
    X = fit_lsa(counts, statistics, (4,))[0].documents(counts, statistics)[:N]
    cosines, same = X @ X.T, np.equal.outer(np.arange(N) % 4, np.arange(N) % 4)
    assert cosines[same].mean() > 0.8
    assert abs(cosines[~same].mean()) < 0.4


def test_lower_ranks_are_the_first_columns(counts: Any, statistics: TermStatistics) -> None:
    low, high = fit_lsa(counts, statistics, (3, 9))
    assert (low.name, high.name, low.dimension, high.dimension) == ("lsa-3", "lsa-9", 3, 9)
    np.testing.assert_array_equal(low.projection, high.projection[:, :3])


def test_ranks_that_are_too_high_are_left_out_but_for_the_lowest(
    counts: Any, statistics: TermStatistics
) -> None:
    assert [e.name for e in fit_lsa(counts, statistics, (50, 100))] == ["lsa-50"]
    one = fit_lsa(counts[:1], statistics, (50, 100))
    assert [(e.name, e.dimension) for e in one] == [("lsa-50", 1)]


def test_a_document_is_the_weighted_sum_of_its_term_vectors(
    counts: Any, statistics: TermStatistics, term_vectors: FloatMatrix
) -> None:
    encoder = fit_words(counts, statistics, term_vectors)
    # As they are saved: 255 steps for each term, at length 1.
    steps = np.abs(term_vectors).max(axis=1, keepdims=True) / 127
    units = np.rint(term_vectors / steps)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    dense = counts.toarray()
    tf = np.where(dense > 0, 1 + np.log(np.maximum(dense, 1)), 0)
    plain = unit_rows((tf * statistics.idf) @ units)
    direction = np.linalg.svd(plain, full_matrices=False)[2][0]
    expected = unit_rows(plain - np.outer(plain @ direction, direction))
    np.testing.assert_allclose(encoder.documents(counts, statistics), expected, atol=1e-5)
    np.testing.assert_allclose(np.abs(encoder.removed @ direction), [1], atol=1e-5)


def test_a_query_is_the_weighted_sum_too(
    counts: Any, statistics: TermStatistics, term_vectors: FloatMatrix
) -> None:
    encoder = LinearEncoder(WORDS, term_vectors, WORDS)
    weights = csr_matrix(([2.0, 0.5], ([0, 0], [3, 7])), shape=(2, SIZE), dtype=np.float32)
    found = encoder.queries(weights, statistics)
    expected = 2 * statistics.idf[3] * term_vectors[3] + 0.5 * statistics.idf[7] * term_vectors[7]
    np.testing.assert_allclose(found[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert not found[1].any()


def test_documents_for_lsa_weigh_by_bm25(
    counts: Any, statistics: TermStatistics, term_vectors: FloatMatrix
) -> None:
    expected = unit_rows(statistics.bm25(counts).toarray() @ term_vectors)
    found = LinearEncoder("lsa-12", term_vectors, LSA).documents(counts, statistics)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_one_document_is_encoded_as_among_many(
    counts: Any, statistics: TermStatistics, term_vectors: FloatMatrix
) -> None:
    encoder = fit_words(counts, statistics, term_vectors)
    together = encoder.documents(counts, statistics)
    for row in (0, 57, N):
        alone = encoder.documents(counts[row], statistics)
        np.testing.assert_allclose(alone[0], together[row], atol=1e-5)
    assert encoder.documents(counts[:0], statistics).shape == (0, D)


def test_an_empty_document_is_zeros(counts: Any, statistics: TermStatistics) -> None:
    for encoder in fit_lsa(counts, statistics, (4, 8)):
        assert not encoder.documents(counts, statistics)[N].any()


def test_a_term_without_a_vector_gets_that_of_the_documents_that_hold_it(
    counts: Any, statistics: TermStatistics
) -> None:
    topics = np.repeat(np.eye(4, D, dtype=np.float32), 15, axis=0)
    missing = topics.copy()
    missing[[0, 20]] = 0
    found = fit_words(counts, statistics, missing).projection
    nearest = (found[[0, 20]] @ topics.T).argmax(axis=1)
    assert (nearest // 15).tolist() == [0, 1]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_few_documents_keep_what_they_have_in_common(
    counts: Any, statistics: TermStatistics, term_vectors: FloatMatrix
) -> None:
    for n in (1, 2, 9):
        encoder = fit_words(counts[:n], statistics, term_vectors)
        assert encoder.documents(counts[:n], statistics).any(axis=1).all()
        assert len(encoder.removed) == 0


def test_documents_that_are_all_the_same_are_not_told_apart_by_rounding(
    term_vectors: FloatMatrix,
) -> None:
    same = csr_matrix(np.tile([1.0, 2, 0, 3] + [0] * (SIZE - 4), (40, 1)), dtype=np.float32)
    statistics = TermStatistics.of(same)
    encoder = fit_words(same, statistics, term_vectors)
    assert len(encoder.removed) == 1
    assert not encoder.documents(same, statistics).any()


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
