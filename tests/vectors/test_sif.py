"""Smooth inverse frequency, against the formula written out in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedsearch.vectors.sif import SifEncoder, zipf_counts
from embedsearch.vectors.tensors import open_tensors, save_tensors

V, D = 40, 6
rng = np.random.default_rng(4)
X = (rng.standard_normal((V, D)) + 0.7).astype(np.float32)
COUNTS = rng.integers(1, 900, V)
TEXTS = [rng.integers(-1, V, rng.integers(1, 12)).tolist() for _ in range(60)]


def block(texts: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows = np.array([row for text in texts for row in text], np.int64)
    return rows, np.cumsum([0, *map(len, texts)])


def means(texts: list[list[int]], a: float) -> NDArray[np.float64]:
    found = np.zeros((len(texts), D))
    for place, text in enumerate(texts):
        known = [row for row in text if row >= 0]
        for row in known:
            found[place] += a / (a + COUNTS[row] / COUNTS.sum()) * X[row] / len(known)
    return found


def units(rows: NDArray[Any]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-9)


def by_hand(texts: list[list[int]], a: float, n: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Documents, and the directions that are taken out of them."""
    plain = means(texts, a)
    directions = np.zeros((0, D))
    if n and len(texts) >= 10:
        first = plain.mean(axis=0) / np.linalg.norm(plain.mean(axis=0))
        left = plain - np.outer(plain @ first, first)
        directions = np.vstack([first, np.linalg.svd(left)[2][: n - 1]])
    return units(plain - plain @ directions.T @ directions), directions


@pytest.mark.parametrize("n_components", [0, 1, 3])
@pytest.mark.parametrize("a", [1e-3, 0.1])
def test_texts_are_weighted_means_without_what_all_have_in_common(
    a: float, n_components: int
) -> None:
    encoder = SifEncoder(X, COUNTS, a, n_components)
    found = encoder.fit_transform([block(TEXTS[:25]), block(TEXTS[25:])])
    expected, directions = by_hand(TEXTS, a, n_components)
    assert (found.shape, found.dtype) == ((60, D), np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert len(encoder.components_) == n_components
    # Directions have no sign.
    same = np.abs(encoder.components_ @ directions.T)
    np.testing.assert_allclose(same, np.eye(n_components), atol=1e-3)
    np.testing.assert_allclose(
        encoder.weights_, a / (a + COUNTS / COUNTS.sum()), rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize(("texts", "learned"), [(9, 0), (10, 1)])
def test_from_few_texts_no_direction_is_learned(texts: int, learned: int) -> None:
    encoder = SifEncoder(X, COUNTS)
    found = encoder.fit_transform([block(TEXTS[:texts])])
    assert len(encoder.components_) == learned
    np.testing.assert_allclose(found, by_hand(TEXTS[:texts], 1e-3, 1)[0], atol=1e-4)


def test_new_texts_lose_the_directions_of_those_learned_from() -> None:
    encoder = SifEncoder(X, COUNTS, 0.01, 2)
    encoder.fit_transform([block(TEXTS[:40])])
    before = encoder.components_.copy()
    directions = by_hand(TEXTS[:40], 0.01, 2)[1]
    plain = means(TEXTS[40:], 0.01)
    expected = units(plain - plain @ directions.T @ directions)
    found = encoder.transform([block(TEXTS[40:])])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(encoder.components_, before)
    for text, vector in zip(TEXTS[40:], found, strict=True):
        alone = encoder.encode(np.array(text))
        np.testing.assert_allclose(alone, vector, atol=1e-6)
        known = [row for row in text if row >= 0]
        same = encoder.encode_vectors(X[known], encoder.weights_[known])
        np.testing.assert_array_equal(same, alone)


def test_texts_without_a_known_word_are_zeros() -> None:
    encoder = SifEncoder(X, COUNTS)
    encoder.fit_transform([block(TEXTS)])
    found = encoder.transform([block([[], [-1, -1], [3]])])
    np.testing.assert_array_equal(found[:2], np.zeros((2, D)))
    assert np.linalg.norm(found[2]) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(encoder.encode(np.array([], np.int64)), np.zeros(D))
    np.testing.assert_array_equal(encoder.encode(np.array([-1])), np.zeros(D))
    assert encoder.transform([]).shape == (0, D)
    alike = SifEncoder(np.zeros((3, 2), np.float32), np.ones(3, np.int64))
    assert not alike.fit_transform([block([[0, 1]] * 12)]).any()
    assert len(alike.components_) == 0


def test_an_encoder_comes_back_from_its_file(tmp_path: Path) -> None:
    encoder = SifEncoder(X, COUNTS, 0.02, 2)
    expected = encoder.fit_transform([block(TEXTS)])
    save_tensors(tmp_path / "e.safetensors", encoder.to_tensors(), {})
    again = SifEncoder.from_tensors(X, open_tensors(tmp_path / "e.safetensors"))
    np.testing.assert_allclose(again.transform([block(TEXTS)]), expected, atol=1e-6)
    assert again.n_components == 2


def test_counts_that_are_not_known_fall_as_by_zipf_and_mandelbrot() -> None:
    counts = zipf_counts(1_000)
    assert (counts.dtype, len(counts), counts.min() > 0) == (np.int64, 1_000, True)
    ranks = np.arange(1, 1_001)
    np.testing.assert_allclose(counts / counts[0], 3.7 / (ranks + 2.7), rtol=1e-5)
    assert len(zipf_counts(0)) == 0
