"""Autoencoders keep what linear codes cannot, and make points that are like those they saw."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

import embedsearch as es
from embedsearch.space.autoencoder import Autoencoder, VariationalAutoencoder
from tests.space.checks import estimator_checks

QUICK: dict[str, Any] = {"n_components": 2, "hidden": 8, "epochs": 3}


@pytest.mark.parametrize(
    ("estimator", "check"),
    list(estimator_checks(Autoencoder(**QUICK), VariationalAutoencoder(**QUICK, mixture=2))),
)
def test_scikit_learn_accepts_it(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def curved(n: int = 2_000, seed: int = 0) -> np.ndarray:
    """Return points on a curved surface in 12 dimensions: two numbers make each."""
    draw = np.random.default_rng(seed)
    u, v = draw.uniform(-2, 2, (2, n))
    surface = np.column_stack((u, v, u * v, np.sin(2 * u), np.cos(2 * v), u**2 - v**2))
    turned = np.linalg.qr(np.random.default_rng(9).standard_normal((12, 6)))[0]
    return (surface @ turned.T + 0.01 * draw.standard_normal((n, 12))).astype(np.float32)


def test_without_training_it_is_principal_components() -> None:
    X = curved()
    start = Autoencoder(3, epochs=1, learning_rate=1e-30).fit(X)
    pca = PCA(3).fit(X)
    again = pca.inverse_transform(pca.transform(X))
    np.testing.assert_allclose(start.inverse_transform(start.transform(X)), again, atol=1e-4)
    np.testing.assert_allclose(start.transform(X).std(axis=0), 1, rtol=1e-3)


def test_a_curved_surface_is_kept_by_two_numbers_as_no_plane_keeps_it() -> None:
    model, unseen = (
        Autoencoder(2, hidden=64, epochs=60, batch_size=64).fit(curved()),
        curved(500, 1),
    )
    pca = PCA(2).fit(curved())
    left = unseen - pca.inverse_transform(pca.transform(unseen))
    kept = 1 - np.square(left).sum() / np.square(unseen - unseen.mean(0)).sum()
    assert kept < 0.75
    assert model.score(unseen) > 0.95
    assert model.loss_curve_[-1] < model.loss_curve_[0] / 4
    error = np.square(unseen - model.inverse_transform(model.transform(unseen))).sum(axis=1)
    np.testing.assert_allclose(model.reconstruction_error(unseen), error, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(model.score_samples(unseen), -model.reconstruction_error(unseen))
    strangers = 2 * np.random.default_rng(0).standard_normal((100, 12))
    assert np.median(model.reconstruction_error(strangers)) > 20 * np.median(error)


def test_trained_on_disturbed_points_it_cleans_disturbed_ones() -> None:
    X, unseen = curved(), curved(500, 1)
    noisy = unseen + 0.5 * X.std() * np.random.default_rng(0).standard_normal(unseen.shape)
    options: dict[str, Any] = {"hidden": 64, "epochs": 40, "batch_size": 64}
    plain, denoising = (Autoencoder(6, noise=noise, **options).fit(X) for noise in (0.0, 0.5))
    left = [
        float(np.square(model.inverse_transform(model.transform(noisy)) - unseen).mean())
        for model in (plain, denoising)
    ]
    assert left[1] < 0.8 * left[0]
    assert left[1] < 0.6 * np.square(noisy - unseen).mean()


@pytest.mark.parametrize("model", [Autoencoder(4, epochs=2), VariationalAutoencoder(4, epochs=2)])
def test_what_it_learned_is_saved_and_the_same_seed_learns_the_same(model: Autoencoder) -> None:
    X = curved(300)
    facts, tensors = model.fit(X).state()
    again = type(model).restore(json.loads(json.dumps(facts)), tensors)
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    twice = type(model)(4, epochs=2).fit(X)
    np.testing.assert_array_equal(twice.transform(X), model.transform(X))
    if isinstance(model, VariationalAutoencoder) and isinstance(again, VariationalAutoencoder):
        np.testing.assert_array_equal(again.sample(5), model.sample(5))


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
@pytest.mark.parametrize("X", [np.ones((1, 3)), np.full((60, 3), 2.0), np.zeros((4, 3))])
def test_one_point_and_identical_points_are_made_again(kind: Any, X: np.ndarray) -> None:
    model = kind(16, epochs=2).fit(X)
    assert model.transform(X).shape == (len(X), 3)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, atol=1e-5)
    assert model.score(X) == 1
    if kind is VariationalAutoencoder:
        np.testing.assert_allclose(model.sample(4), X[[0] * 4], atol=0.05)


def test_samples_lie_on_the_ring_that_was_learned_and_all_around_it() -> None:
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 3_000)
    flat = np.column_stack((np.cos(angles), np.sin(angles)))
    plane = np.linalg.qr(np.random.default_rng(1).standard_normal((8, 2)))[0]
    model = VariationalAutoencoder(2, mixture=12, batch_size=64).fit(flat @ plane.T)
    samples = model.sample(2_000)
    back = samples @ plane
    np.testing.assert_allclose(np.linalg.norm(samples, axis=1), 1, atol=1e-5)
    assert np.median(np.linalg.norm(back, axis=1)) > 0.98
    around = np.histogram(np.arctan2(back[:, 1], back[:, 0]), 12, (-np.pi, np.pi))[0]
    assert around.min() > 2_000 / 12 / 2
    assert not np.array_equal(model.sample(3, random_state=1), model.sample(3, random_state=2))


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"n_components": 0}, "n_components"),
        ({"hidden": 1.5}, "hidden"),
        ({"noise": -1}, "noise"),
        ({"epochs": "many"}, "epochs"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"random_state": "x"}, "random_state"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(es.ParameterError, match=named):
        Autoencoder(**parameters).fit(curved(10))


def test_wrong_points_and_codes_are_refused() -> None:
    model = VariationalAutoencoder(2, epochs=1).fit(curved(50))
    with pytest.raises(es.VectorError, match="12"):
        model.transform(np.ones((2, 5)))
    with pytest.raises(es.VectorError, match="2 numbers of a code"):
        model.inverse_transform(np.ones((2, 5)))
    with pytest.raises(es.VectorError, match="NaN"):
        model.fit(np.full((5, 5), np.nan))
    with pytest.raises(es.ParameterError, match="n_samples"):
        model.sample(0)
    with pytest.raises(es.ParameterError, match="beta"):
        VariationalAutoencoder(beta=-1).fit(curved(50))
