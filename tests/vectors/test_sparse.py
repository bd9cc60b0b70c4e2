"""Counts of terms and their weights, held against the standard library and scikit-learn."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize

from embedsearch.vectors.sparse import (
    TermStatistics,
    count_matrix,
    log_counts,
    scaled_columns,
    unit_sparse,
)

SIZE = 30


@pytest.fixture(scope="module")
def documents() -> list[list[int]]:
    rng = np.random.default_rng(0)
    drawn = [(rng.zipf(1.5, size) % SIZE).tolist() for size in rng.integers(1, 40, 60)]
    return [*drawn, []]


@pytest.fixture(scope="module")
def counts(documents: list[list[int]]) -> Any:
    return matrix_of(documents)


def matrix_of(documents: list[list[int]], size: int = SIZE) -> Any:
    terms = np.array([term for document in documents for term in document], np.int32)
    return count_matrix(terms, np.cumsum([0, *map(len, documents)]), size)


def plain_bm25(documents: list[list[int]], row: int, term: int) -> float:
    """The formula, word for word, for one document and one term."""
    n, length = len(documents), len(documents[row])
    df = sum(term in document for document in documents)
    idf = math.log(1 + (n - df + 0.5) / (df + 0.5))
    mean = sum(map(len, documents)) / n
    f = documents[row].count(term)
    return idf * f * (1.2 + 1) / (f + 1.2 * (1 - 0.75 + 0.75 * length / mean))


def test_counts_are_those_of_a_counter(documents: list[list[int]], counts: Any) -> None:
    assert counts.dtype == np.float32
    for row, document in enumerate(documents):
        found = {int(t): int(counts[row, t]) for t in counts[row].indices}
        assert found == Counter(document)


def test_counting_leaves_the_terms_as_they_were() -> None:
    terms, bounds = np.array([2, 0, 2, 1], np.int32), np.array([0, 3, 4])
    count_matrix(terms, bounds, 3)
    assert (terms.tolist(), bounds.tolist()) == ([2, 0, 2, 1], [0, 3, 4])


def test_bm25_is_the_formula(documents: list[list[int]], counts: Any) -> None:
    weights = TermStatistics.of(counts).bm25(counts).toarray()
    expected = [
        [plain_bm25(documents, row, term) for term in range(SIZE)] for row in range(len(documents))
    ]
    np.testing.assert_allclose(weights, expected, rtol=2e-6)


def test_long_indices_give_the_same(counts: Any) -> None:
    long = counts.copy()
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype(np.int64)
    for found, expected in zip(everything(long), everything(counts), strict=True):
        np.testing.assert_array_equal(found.toarray(), expected.toarray())


def everything(counts: Any) -> list[Any]:
    statistics = TermStatistics.of(counts)
    weights = statistics.bm25(counts)
    return [
        weights,
        log_counts(counts),
        scaled_columns(counts, statistics.idf),
        unit_sparse(weights),
    ]


def test_damped_counts_are_those_of_scikit_learn(counts: Any) -> None:
    theirs = TfidfTransformer(norm=None, use_idf=False, sublinear_tf=True).fit_transform(counts)
    np.testing.assert_allclose(log_counts(counts).toarray(), theirs.toarray(), rtol=1e-6)


def test_weighted_counts_are_those_of_scikit_learn_with_our_idf(counts: Any) -> None:
    idf = TermStatistics.of(counts).idf
    theirs = TfidfTransformer(norm="l2", sublinear_tf=True).fit(counts)
    theirs.idf_ = idf.astype(np.float64)
    ours = unit_sparse(scaled_columns(log_counts(counts), idf))
    np.testing.assert_allclose(ours.toarray(), theirs.transform(counts).toarray(), rtol=1e-5)


def test_rows_have_length_one_and_empty_rows_stay_empty(counts: Any) -> None:
    found = unit_sparse(counts)
    np.testing.assert_allclose(found.toarray(), normalize(counts.toarray()), rtol=1e-6)
    assert found[len(found.indptr) - 2].nnz == 0


def test_no_documents_and_no_terms_have_statistics() -> None:
    nothing = matrix_of([], 4)
    assert TermStatistics.of(nothing).bm25(nothing).shape == (0, 4)
    empty = matrix_of([[], []], 0)
    assert TermStatistics.of(empty).bm25(empty).shape == (2, 0)


def test_statistics_come_back(counts: Any) -> None:
    statistics = TermStatistics.of(counts)
    back = TermStatistics.from_tensors(statistics.to_tensors())
    np.testing.assert_array_equal(back.idf, statistics.idf)
    assert back.mean_length == statistics.mean_length


def test_guessed_statistics_are_about_those_of_random_documents() -> None:
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 41)
    drawn = rng.choice(40, (3_000, 100), p=shares / shares.sum())
    found = TermStatistics.of(matrix_of(drawn.tolist(), 40))
    guessed = TermStatistics.guessed(np.bincount(drawn.ravel(), minlength=40))
    np.testing.assert_allclose(guessed.idf, found.idf, atol=0.05)
    assert guessed.mean_length == found.mean_length


def test_a_matrix_of_scipy_is_taken_too() -> None:
    counts = csr_matrix(np.array([[2, 0], [1, 1]], np.float32))
    assert TermStatistics.of(counts).mean_length == 2
