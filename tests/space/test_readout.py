"""Vectors are read back as the words that they were made of."""

import numpy as np
import pytest

from embedsearch.search.words import WordQueries
from embedsearch.space.readout import BackProjection, NearestWords, WeightedWord
from embedsearch.vectors.rounded import RoundedRows
from embedsearch.vectors.word_vectors import WordVectors

TERMS = ["wing", "flow", "moon", "star", "cow"]


def orthonormal(n: int, d: int, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).standard_normal((n, d))
    return np.linalg.qr(X)[0].astype(np.float32)


def spell(rows: np.ndarray) -> list[str]:
    return [TERMS[row] for row in rows.tolist()]


def test_all_dimensions_give_the_weights_themselves() -> None:
    weights = np.array([[3, 1, 0, 0, -1], [0, 0, 2, 5, 0]], np.float32)
    P = orthonormal(5, 5)
    read = BackProjection(P, spell)
    np.testing.assert_allclose(read.weights(weights @ P), weights, atol=1e-5)
    assert [[each.word for each in one] for one in read.words(weights @ P, 2)] == [
        ["wing", "flow"],
        ["star", "moon"],
    ]


def test_fewer_dimensions_give_the_shortest_weights_with_the_same_vector() -> None:
    P = orthonormal(5, 2)
    vector = np.array([[0.3, -1.2]], np.float32)
    found = BackProjection(P, spell).weights(vector)[0]
    # The least-squares solution of w P = x, by an independent way.
    expected = np.linalg.lstsq(P.T.astype(float), vector[0].astype(float), rcond=None)[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_projections_kept_as_bytes_are_read_too() -> None:
    P = orthonormal(30_000, 3)
    exact = BackProjection(P, spell).weights(P[:2])
    rounded = BackProjection(RoundedRows.of(P), spell).weights(P[:2])
    np.testing.assert_allclose(exact, rounded, atol=0.01 * np.abs(exact).max())


def test_words_below_zero_are_not_said() -> None:
    read = BackProjection(np.eye(5, dtype=np.float32), spell)
    vector = np.array([[0.5, -2, 0, 0, 0.7]], np.float32)
    assert read.words(vector) == [
        [WeightedWord("cow", pytest.approx(0.7)), WeightedWord("wing", pytest.approx(0.5))]
    ]


def test_nearest_words_are_those_sure_to_be_near() -> None:
    X = np.array([[1, 0], [0.9, 0.3], [0.9, 0.2], [0, 1]], np.float32)
    words = WordQueries(
        WordVectors(X, ["wing", "flow", "rare", "cow"], np.array([900, 800, 1, 700]))
    )
    found = NearestWords(words).words(np.array([[2, 0], [0, 0]], np.float32), 3)
    assert [each.word for each in found[0]] == ["wing", "flow", "rare"]
    assert found[0][0].weight == pytest.approx(1)
    assert found[1] == []
