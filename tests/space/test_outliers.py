"""Detectors of outliers, their p-values, and what is chosen from lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

import embedsearch as es
from embedsearch.space.outliers import (
    ForestOutliers,
    LocalOutliers,
    NeighborOutliers,
    ReconstructionOutliers,
    false_discoveries,
)
from embedsearch.vectors.arrays import unit_rows
from tests.space.checks import estimator_checks

ALL = (
    NeighborOutliers(),
    NeighborOutliers(metric="euclidean"),
    LocalOutliers(),
    ForestOutliers(10),
    ReconstructionOutliers(),
)


@pytest.mark.parametrize(("estimator", "check"), list(estimator_checks(*ALL)))
def test_scikit_learn_accepts_it(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def gaussian(n: int = 400, d: int = 6, seed: int = 0, strangers: int = 8) -> np.ndarray:
    """Return points around one place, and at the end some that are far from all others."""
    draw = np.random.default_rng(seed)
    X = draw.standard_normal((n, d)) + 5
    far = 5 + 9 * unit_rows(draw.standard_normal((strangers, d)))
    return np.concatenate((X, far)).astype(np.float32)


DETECTORS = (
    NeighborOutliers(metric="euclidean"),
    LocalOutliers(),
    ForestOutliers(50),
    ReconstructionOutliers(PCA(2)),
)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda each: type(each).__name__)
def test_strangers_are_strangest_and_clean_points_are_called_so_at_the_stated_rate(
    detector: Any,
) -> None:
    X = gaussian()
    detector = clone(detector).fit(X[:400])
    assert roc_auc_score([0] * 400 + [1] * 8, detector.score_samples(X)) > 0.95
    assert detector.p_values(X[400:]).max() < 0.05
    held = gaussian(2_000, seed=1, strangers=0)
    for alpha in (0.05, 0.1):
        assert np.mean(detector.predict(held, alpha) == -1) == pytest.approx(alpha, rel=0.5)


def test_the_score_is_the_mean_similarity_of_the_nearest_others() -> None:
    draw = np.random.default_rng(0)
    X = draw.random((60, 5)).astype(np.float32)
    found = NeighborOutliers(4, metric="ip").fit(X).score_samples(X)
    for row, score in enumerate(found):
        products = sorted(
            float(X[row] @ other)
            for at, other in enumerate(X)
            if at != row and np.sum((X[row] - other) ** 2) > 0.02 * np.sum(X[row] ** 2)
        )
        assert score == pytest.approx(-np.sqrt(np.mean(products[-4:])), abs=1e-5)
    euclidean = NeighborOutliers(4, metric="euclidean").fit(X)
    distances = np.sort(np.linalg.norm(X[:, None] - X[None], axis=2), axis=1)[:, 1:5]
    np.testing.assert_allclose(
        euclidean.score_samples(X), np.sqrt(distances.mean(axis=1)), atol=1e-4
    )


def test_p_values_are_shares_of_the_scores_of_the_fitted_points() -> None:
    X = gaussian(100, strangers=5)
    detector = LocalOutliers().fit(X[:100])
    lof = LocalOutlierFactor(20, novelty=True).fit(X[:100])
    usual, new = -lof.negative_outlier_factor_, -lof.score_samples(X[95:])
    np.testing.assert_allclose(detector.score_samples(X[95:]), new)
    expected = [(1 + np.sum(usual >= score - 1e-6)) / 101 for score in new]
    np.testing.assert_allclose(detector.p_values(X[95:]), expected)


def test_a_copy_neither_hides_a_stranger_nor_makes_one() -> None:
    X = gaussian(strangers=1)
    plain = NeighborOutliers(5, metric="euclidean").fit(X)
    # The stranger thirty times, and another point twice.
    copied = np.concatenate((X, np.repeat(X[-1:], 29, axis=0), X[:1]))
    detector = NeighborOutliers(5, metric="euclidean").fit(copied)
    scores = detector.score_samples(X)
    assert scores.argmax() == 400
    np.testing.assert_allclose(scores[[0, 400]], plain.score_samples(X)[[0, 400]], rtol=1e-4)
    directions = unit_rows(np.random.default_rng(0).standard_normal((50, 8)))
    nearly = unit_rows(directions[:1] + 0.02 * directions[1:2])
    alone, twice = (
        NeighborOutliers(3).fit(np.concatenate(parts)).score_samples(directions[:1])
        for parts in ((directions,), (directions, nearly))
    )
    np.testing.assert_allclose(twice, alone)


def test_points_are_compared_with_those_of_their_length() -> None:
    draw = np.random.default_rng(0)
    lengths = draw.integers(10, 1_000, 500)
    # The longer, the more in common; one is long and has as little as short ones.
    X = np.outer(np.log1p(lengths), np.ones(3)) + 0.3 * draw.standard_normal((500, 3))
    lengths[7], X[7] = 900, np.log1p(100)
    plain = NeighborOutliers(metric="ip").fit(X)
    aware = NeighborOutliers(metric="ip").fit(X, lengths=lengths)
    assert plain.p_values(X[7:8])[0] > 0.05
    assert aware.p_values(X[7:8], lengths[7:8])[0] < 0.01
    x = np.clip(np.log1p(lengths), *np.percentile(np.log1p(lengths), [10, 90]))
    scores = plain.score_samples(X)
    expected = scores - np.polyval(np.polyfit(x, scores, 1), x)
    np.testing.assert_allclose(aware.score_samples(X, lengths), expected, atol=1e-6)
    with pytest.raises(es.ParameterError, match="lengths must be given"):
        aware.score_samples(X)
    with pytest.raises(es.ParameterError, match="lengths must be left out"):
        plain.score_samples(X, lengths)


def test_of_a_list_few_are_called_outliers_wrongly() -> None:
    wrong = []
    for seed in range(0, 40, 2):
        detector = NeighborOutliers(metric="euclidean").fit(gaussian(500, seed=seed, strangers=0))
        new = gaussian(80, seed=seed + 1)
        chosen = false_discoveries(detector.p_values(new), 0.2)
        assert chosen[80:].all()
        wrong.append(chosen[:80].sum() / chosen.sum())
    assert np.mean(wrong) < 0.25
    # Benjamini and Hochberg 1995, by hand: 0.04 is above 0.05 * 3 / 4.
    np.testing.assert_array_equal(
        false_discoveries([0.01, 0.04, 0.5, 0.02], 0.05), [True, False, False, True]
    )
    assert false_discoveries([], 0.1).shape == (0,)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda each: type(each).__name__)
def test_a_detector_is_the_same_after_it_was_saved(detector: Any) -> None:
    X = gaussian(60)
    fitted = clone(detector).fit(X[:60])
    again = type(fitted).restore(*fitted.state())
    np.testing.assert_array_equal(again.p_values(X), fitted.p_values(X))


@pytest.mark.parametrize("detector", ALL, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("X", [np.ones((5, 3)), np.zeros((3, 2)), np.eye(2)])
def test_points_of_which_none_is_strange_have_large_p_values(detector: Any, X: Any) -> None:
    assert clone(detector).fit(X).p_values(X).tolist() == [1.0] * len(X)


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda X: NeighborOutliers().fit(X[:1]), es.VectorError, "minimum of 2"),
        (lambda X: NeighborOutliers().fit(X * np.nan), es.VectorError, "NaN"),
        (lambda X: NeighborOutliers(0).fit(X), es.ParameterError, "n_neighbors"),
        (lambda X: NeighborOutliers(metric="l1").fit(X), es.ParameterError, "metric must be one"),
        (lambda X: LocalOutliers("x").fit(X), es.ParameterError, "n_neighbors"),
        (lambda X: ForestOutliers(0).fit(X), es.ParameterError, "n_estimators"),
        (lambda X: ReconstructionOutliers("x").fit(X), es.ParameterError, "model must be None"),
        (lambda X: ReconstructionOutliers(None, 2.5).fit(X), es.ParameterError, "n_components"),
        (lambda X: LocalOutliers().fit(X).predict(X, 0), es.ParameterError, "alpha"),
        (lambda X: LocalOutliers().fit(X, lengths=[1]), es.VectorError, "one for each"),
        (lambda X: false_discoveries([2.0], 0.1), es.VectorError, "from 0 to 1"),
    ],
)
def test_what_cannot_be_compared_is_named(ask: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        ask(gaussian(20, strangers=0))
