"""Sparse features against planted ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import embedsearch as es
from embedsearch.space.sparse_features import SparseFeatures
from embedsearch.vectors.arrays import unit_rows
from tests.space.checks import estimator_checks


@pytest.mark.parametrize(
    ("estimator", "check"), list(estimator_checks(SparseFeatures(4, 2, epochs=2)))
)
def test_scikit_learn_accepts_it(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def planted(n: int = 4_000, d: int = 16, k: int = 24, seed: int = 0) -> tuple[Any, Any]:
    """Return points (n, d), each the sum of two of more directions (k, d) than dimensions."""
    draw = np.random.default_rng(seed)
    directions = unit_rows(draw.standard_normal((k, d)))
    codes = np.zeros((n, k))
    for row in codes:
        row[draw.choice(k, 2, replace=False)] = draw.uniform(0.5, 1.5, 2)
    return (codes @ directions).astype(np.float32), directions


def test_it_finds_more_directions_than_there_are_dimensions() -> None:
    X, directions = planted()
    features = SparseFeatures(24, 2, epochs=60).fit(X)
    found = (unit_rows(directions) @ features.components_.T).max(axis=1)
    assert np.median(found) > 0.95
    chance = SparseFeatures(24, 2, epochs=60).fit(np.random.default_rng(1).permuted(X, axis=0))
    assert np.median((directions @ chance.components_.T).max(axis=1)) < 0.85
    rest = X - features.inverse_transform(features.transform(X))
    assert (rest**2).sum() < 0.2 * ((X - X.mean(axis=0)) ** 2).sum()


def test_a_code_has_few_features_none_below_zero() -> None:
    X, _ = planted(500)
    features = SparseFeatures(30, 3, epochs=3).fit(X)
    Z = features.transform(X)
    assert Z.shape == (500, 30)
    assert (Z >= 0).all()
    assert np.count_nonzero(Z, axis=1).max() == 3
    np.testing.assert_allclose(np.linalg.norm(features.components_, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(features.usage_, (Z > 0).mean(axis=0))
    assert (np.diff(features.usage_) <= 0).all()


def test_features_that_no_point_has_start_again() -> None:
    # Most points are at one place: most features begin there and are of no use.
    X, _ = planted(1_000)
    X = np.concatenate((np.ones((2_000, 16), np.float32), X))
    assert np.mean(SparseFeatures(32, 2, epochs=20).fit(X).usage_ == 0) < 0.2


def test_it_is_the_same_with_the_same_seed_and_after_it_was_saved() -> None:
    X, _ = planted(300)
    features = SparseFeatures(20, 4, epochs=2).fit(X)
    again = SparseFeatures(20, 4, epochs=2).fit(X)
    np.testing.assert_array_equal(again.components_, features.components_)
    saved = SparseFeatures.restore(*features.state())
    np.testing.assert_array_equal(saved.transform(X), features.transform(X))


@pytest.mark.parametrize("X", [np.ones((5, 3)), np.zeros((4, 2)), np.ones((1, 6)), np.eye(2)])
def test_little_to_learn_from_gives_finite_codes(X: np.ndarray) -> None:
    features = SparseFeatures(8, 2, epochs=2).fit(X)
    assert np.isfinite(features.transform(X)).all()
    assert np.isfinite(features.inverse_transform(features.transform(X))).all()


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda X: SparseFeatures(0).fit(X), es.ParameterError, "n_features"),
        (lambda X: SparseFeatures(n_active="x").fit(X), es.ParameterError, "n_active"),
        (lambda X: SparseFeatures(epochs=1.5).fit(X), es.ParameterError, "epochs"),
        (lambda X: SparseFeatures().fit(X * np.nan), es.VectorError, "NaN"),
        (lambda X: SparseFeatures(4).fit(X).inverse_transform(X), es.VectorError, "dimensions"),
    ],
)
def test_what_cannot_be_used_is_named(ask: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        ask(planted(20)[0])
