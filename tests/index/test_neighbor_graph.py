"""The nearest of each vector, against all products."""

from __future__ import annotations

import numpy as np
import pytest

from embedsearch._types import FloatMatrix
from embedsearch.index.neighbor_graph import neighbor_graph
from embedsearch.vectors.arrays import unit_rows


@pytest.fixture(scope="module")
def vectors() -> FloatMatrix:
    random = np.random.default_rng(0)
    centres = random.standard_normal((30, 16))
    noise = random.standard_normal((900, 16))
    return unit_rows((centres[random.integers(0, 30, 900)] + 0.5 * noise).astype(np.float32))


def test_all_are_compared_where_they_are_few(vectors: FloatMatrix) -> None:
    rows, products = neighbor_graph(vectors, 7)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    assert rows.shape == products.shape == (900, 7)
    np.testing.assert_allclose(products, -np.sort(-scores, axis=1)[:, :7], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(scores, rows, axis=1), products, atol=1e-5)


def test_most_are_found_in_clusters(vectors: FloatMatrix) -> None:
    exact, _ = neighbor_graph(vectors, 7)
    rows, products = neighbor_graph(vectors, 7, compared=100)
    assert not (rows == np.arange(900)[:, np.newaxis])[products > 0].any()
    found = [len(set(a) & set(b)) for a, b in zip(rows.tolist(), exact.tolist(), strict=True)]
    assert np.mean(found) > 0.85 * 7
    again, _ = neighbor_graph(vectors, 7, compared=100)
    np.testing.assert_array_equal(again, rows)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_where_there_are_fewer_a_vector_is_its_own_with_nothing(
    vectors: FloatMatrix, n: int
) -> None:
    rows, products = neighbor_graph(vectors[:n], 7)
    assert rows.shape == products.shape == (n, 7)
    others = max(n - 1, 0)
    for row, (near, scores) in enumerate(zip(rows.tolist(), products.tolist(), strict=True)):
        assert sorted(near[:others]) == [other for other in range(n) if other != row]
        assert near[others:] == [row] * (7 - others)
        assert not any(scores[others:])


def test_vectors_that_are_all_the_same_are_each_others(vectors: FloatMatrix) -> None:
    rows, products = neighbor_graph(np.repeat(vectors[:1], 50, axis=0), 7)
    assert not (rows == np.arange(50)[:, np.newaxis]).any()
    np.testing.assert_allclose(products, 1, atol=1e-5)
