"""Generators make vectors like those they were fitted to; the measures say how good they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.linalg import sqrtm

import embedsearch as es
from embedsearch.space.gan import WassersteinGAN
from embedsearch.space.generation import (
    GaussianGenerator,
    Generator,
    NeighborMixture,
    generation_quality,
)
from tests.space.checks import estimator_checks

QUICK = WassersteinGAN(2, hidden=8, epochs=2)


@pytest.mark.parametrize(
    ("estimator", "check"), list(estimator_checks(GaussianGenerator(), NeighborMixture(), QUICK))
)
def test_scikit_learn_accepts_it(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def normal(n: int, d: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def clusters(n: int, seed: int = 0) -> np.ndarray:
    """Return points in four tight clusters at the corners of a square in 6 dimensions."""
    draw = np.random.default_rng(seed)
    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    flat = corners[draw.integers(4, size=n)] + 0.1 * draw.standard_normal((n, 2))
    return (flat @ np.linalg.qr(normal(6, 2, 5))[0].T).astype(np.float32)


def test_density_and_coverage_are_those_of_the_paper() -> None:
    real, made, k = normal(60), normal(40, seed=1) * 0.8, 3
    between = np.linalg.norm(real[:, np.newaxis] - real, axis=2)
    radii = np.sort(between, axis=1)[:, k]
    inside = np.linalg.norm(real[:, np.newaxis] - made, axis=2) <= radii[:, np.newaxis]
    found = generation_quality(made, real, k=k)
    assert found.density == pytest.approx(inside.sum() / (k * 40))
    assert found.coverage == pytest.approx(inside.any(axis=1).mean())
    assert np.isnan(found.copying)


def test_the_frechet_distance_is_that_of_two_normal_distributions() -> None:
    real, made = normal(300), normal(200, seed=1) @ np.diag([1, 2, 0.5, 1]).astype(np.float32) + 1
    A, B = (np.cov(X.T, bias=True) for X in (real, made))
    means = np.square(real.mean(0) - made.mean(0)).sum()
    expected = means + np.trace(A + B - 2 * sqrtm(A @ B).real)
    assert generation_quality(made, real).frechet == pytest.approx(expected, rel=1e-4)


def test_real_points_are_good_and_copies_and_crowds_are_not() -> None:
    training, real = normal(2_000), normal(2_000, seed=1)
    good = generation_quality(normal(2_000, seed=2), real, training)
    assert good.density == pytest.approx(1, abs=0.1)
    assert good.coverage > 0.95
    assert good.copying == pytest.approx(1, abs=0.1)
    assert generation_quality(training, real, training).copying == pytest.approx(0, abs=0.02)
    crowd = generation_quality(0.3 * normal(2_000, seed=2), real, training)
    assert crowd.density > 1.1
    assert crowd.coverage < 0.5


def test_one_normal_distribution_misses_clusters_and_the_frechet_distance_does_not_see_it() -> None:
    training, real = clusters(1_000), clusters(500, seed=1)
    gaussian = GaussianGenerator().fit(training)
    samples = gaussian.sample(20_000)
    np.testing.assert_allclose(samples.mean(axis=0), training.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(np.cov(samples.T), np.cov(training.T), atol=0.03)
    plain = generation_quality(gaussian.sample(500), real, training)
    mixed = generation_quality(NeighborMixture().fit(training).sample(500), real, training)
    assert plain.coverage < 0.4 < 0.8 < mixed.coverage
    assert plain.frechet < 0.1


def test_neighbours_are_mixed_within_their_cluster() -> None:
    training = clusters(400)
    model = NeighborMixture(3).fit(training)
    samples = model.sample(200)
    nearest = np.linalg.norm(samples[:, np.newaxis] - training, axis=2).min(axis=1)
    assert nearest.max() < 0.3
    assert not (nearest == 0).any()
    assert model.neighbors_.shape == (400, 3)


def test_the_critic_teaches_the_generator_what_one_normal_distribution_is_not() -> None:
    training, real = clusters(2_000), clusters(500, seed=1)
    model = WassersteinGAN(2, hidden=64, epochs=60, batch_size=64, learning_rate=3e-3).fit(training)
    made = generation_quality(model.sample(500), real, training)
    plain = generation_quality(GaussianGenerator().fit(training).sample(500), real, training)
    assert made.coverage > plain.coverage + 0.15
    assert made.density > 2 * plain.density
    assert len(model.distance_curve_) == 60


@pytest.mark.parametrize("model", [GaussianGenerator(), NeighborMixture(2), QUICK])
def test_what_it_learned_is_saved_and_lengths_are_kept(model: Generator) -> None:
    X = normal(50)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    facts, tensors = model.fit(X).state()
    again = type(model).restore(json.loads(json.dumps(facts)), tensors)
    samples = model.sample(7)
    np.testing.assert_array_equal(again.sample(7), samples)
    np.testing.assert_allclose(np.linalg.norm(samples, axis=1), 1, atol=1e-5)
    assert not np.array_equal(model.sample(7, random_state=5), samples)
    assert np.ptp(np.linalg.norm(type(model)().fit(2 * normal(50)).sample(9), axis=1)) > 0.1


@pytest.mark.parametrize("model", [GaussianGenerator(), NeighborMixture(), QUICK])
@pytest.mark.parametrize("X", [np.ones((1, 3)), np.full((9, 3), 2.0), np.zeros((4, 3))])
def test_one_point_and_identical_points_are_made_again(model: Generator, X: np.ndarray) -> None:
    np.testing.assert_allclose(model.fit(X).sample(3), X[[0] * 3], atol=1e-5)


def test_wrong_input_is_named() -> None:
    X = normal(20)
    with pytest.raises(es.ParameterError, match="k must be"):
        generation_quality(X, X, k=20)
    with pytest.raises(es.VectorError, match="real has no vectors"):
        generation_quality(X, X[:0])
    with pytest.raises(es.VectorError, match="generated must have 4 dimensions"):
        generation_quality(X[:, :2], X)
    with pytest.raises(es.VectorError, match="training"):
        generation_quality(X, X, X * np.nan)
    with pytest.raises(es.ParameterError, match="n_neighbors"):
        NeighborMixture(0).fit(X)
    with pytest.raises(es.ParameterError, match="critic_steps"):
        WassersteinGAN(critic_steps=0).fit(X)
    with pytest.raises(es.ParameterError, match="random_state"):
        GaussianGenerator().fit(X).sample(2, random_state="x")
