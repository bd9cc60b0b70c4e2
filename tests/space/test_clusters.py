"""Clusters against SciPy and scikit-learn, and against planted ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score

from embedsearch._errors import InputError, ParameterError, VectorError
from embedsearch.space.clusters import (
    DensityClusters,
    SphericalKMeans,
    WardTree,
    fences,
    stability,
    steadiest,
    ward,
)
from tests.space.checks import estimator_checks


def planted(k: int, n: int = 600, seed: int = 0, spread: float = 0.3) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    X = rng.standard_normal((k, 12))[labels] + spread * rng.standard_normal((n, 12))
    return X.astype(np.float32), labels


@pytest.mark.parametrize(
    ("estimator", "check"),
    list(estimator_checks(SphericalKMeans(3), WardTree(3), DensityClusters(5))),
)
def test_scikit_learn_finds_nothing_wrong(estimator: Any, check: Any) -> None:
    check(estimator)


def test_planted_clusters_are_found_whatever_the_lengths() -> None:
    X, labels = planted(5)
    lengths = np.random.default_rng(1).uniform(0.1, 10, (len(X), 1)).astype(np.float32)
    model = SphericalKMeans(5, random_state=0).fit(X * lengths)
    assert adjusted_rand_score(labels, model.labels_) == 1
    assert (np.diff(model.sizes_) <= 0).all()
    np.testing.assert_array_equal(model.sizes_, np.bincount(model.labels_))
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_centers_are_the_directions_of_the_means() -> None:
    X, _ = planted(4, spread=1.0)
    model = SphericalKMeans(4, random_state=0).fit(X)
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    means = np.array([units[model.labels_ == label].mean(axis=0) for label in range(4)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(model.cluster_centers_, means, atol=1e-4)


def test_the_same_seed_gives_the_same_to_the_bit_and_another_nearly() -> None:
    X, _ = planted(12, n=3000, spread=1.0)
    first, again, other = (
        SphericalKMeans(12, random_state=seed).fit(X).cluster_centers_ for seed in (0, 0, 1)
    )
    assert first.tobytes() == again.tobytes()
    labels = [np.argmax(X @ centers.T, axis=1) for centers in (first, other)]
    assert adjusted_rand_score(*labels) > 0.9


def test_memberships_are_those_of_the_mixture() -> None:
    X, _ = planted(3, spread=1.5)
    model = SphericalKMeans(3, random_state=0).fit(X)
    found = model.memberships(X)
    cosines = model.transform(X).astype(np.float64)
    weights = np.exp(model.concentration_ * cosines) * model.sizes_
    np.testing.assert_allclose(found, weights / weights.sum(axis=1, keepdims=True), rtol=1e-3)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_zeros_belong_to_all_clusters_by_their_sizes() -> None:
    X, _ = planted(3)
    model = SphericalKMeans(3, random_state=0).fit(X)
    shares = model.memberships(np.zeros((1, 12)))[0]
    np.testing.assert_allclose(shares, model.sizes_ / len(X), rtol=1e-5)


@pytest.mark.parametrize("k", [1, 3, 16])
def test_the_number_of_planted_clusters_is_found(k: int) -> None:
    X, _ = planted(k, n=1000)
    values = stability(X, (2, 3, 5, 8, 16, 30), random_state=0)
    assert steadiest(values) == k


def test_of_few_points_there_is_one_cluster() -> None:
    assert stability(np.eye(5, dtype=np.float32)) == {}
    assert len(SphericalKMeans(None).fit(np.eye(5)).sizes_) == 1


def test_the_tree_is_that_of_scipy() -> None:
    X, _ = planted(6, n=150, spread=1.0)
    tree = WardTree(random_state=0).fit(X)
    expected = linkage(X.astype(np.float64), "ward")
    # SciPy's heights are √(2 · what is added to the sum of squares).
    np.testing.assert_allclose(np.sqrt(2 * tree.heights_), expected[:, 2], rtol=1e-4)
    for k in (1, 2, 6, 20, 150):
        there = fcluster(expected, k, "maxclust")
        assert adjusted_rand_score(there, tree.cut(k)) == 1
        assert len(np.unique(tree.cut(k))) == k


def test_a_large_tree_has_small_clusters_as_leaves() -> None:
    X, labels = planted(6, n=2500)
    tree = WardTree(6, random_state=0).fit(X)
    assert len(tree.leaf_sizes_) <= 800
    assert tree.leaf_sizes_.sum() == 2500
    np.testing.assert_allclose(tree.leaf_sums_.sum(axis=0), X.sum(axis=0), rtol=1e-3, atol=1e-2)
    assert adjusted_rand_score(labels, tree.labels_) == 1
    np.testing.assert_array_equal(tree.predict(X), tree.labels_)


def test_joined_clusters_weigh_as_many_points_as_they_have() -> None:
    X, _ = planted(4, n=60, spread=1.0)
    labels = WardTree(random_state=0).fit(X).cut(9)
    sums = np.array([X[labels == label].sum(axis=0) for label in range(9)], np.float64)
    _, heights = ward(sums, np.bincount(labels))
    above = WardTree(random_state=0).fit(X).heights_[-8:]
    np.testing.assert_allclose(heights, above, rtol=1e-4)


def test_density_clusters_are_those_of_scikit_learn_and_noise_has_a_nearest_one() -> None:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 0.1, (40, 2)), rng.normal(5, 0.1, (40, 2)), [[30.0, 40.0]]])
    model = DensityClusters(10).fit(X)
    np.testing.assert_array_equal(
        model.labels_, HDBSCAN(min_cluster_size=10, copy=True).fit(X).labels_
    )
    assert model.labels_[-1] == -1
    assert model.memberships_[-1] == 0
    assert model.nearest_[-1] == model.labels_[50]


def test_where_no_cluster_is_there_is_no_nearest_one() -> None:
    model = DensityClusters(10).fit(np.eye(4))
    assert (model.labels_ == -1).all()
    assert (model.nearest_ == -1).all()


def test_fences_are_tukey_s_of_the_differences_from_the_medians() -> None:
    values = np.array([0.1, 0.5, 0.6, 0.7, 0.8, 0.3, 0.4], np.float32)
    labels = np.array([0, 0, 0, 0, 0, 2, 2])
    differences = values - np.array([0.6] * 5 + [0.35] * 2)
    lower, upper = np.percentile(differences, [25, 75])
    below = lower - 1.5 * (upper - lower)
    np.testing.assert_allclose(fences(values, labels, 3), [0.6 + below, -1, 0.35 + below])


@pytest.mark.parametrize("n", [1, 3, 1000])
def test_identical_points_are_clustered_too(n: int) -> None:
    X = np.ones((n, 4))
    for model in (SphericalKMeans(1), WardTree(1)):
        assert model.fit(X).labels_.tolist() == [0] * n


def test_what_cannot_be_clustered_is_said() -> None:
    with pytest.raises(InputError, match="n_samples=2 points, fewer than clusters: 3"):
        SphericalKMeans(3).fit(np.eye(2))
    with pytest.raises(ParameterError, match="n_clusters"):
        SphericalKMeans(0).fit(np.eye(2))
    with pytest.raises(VectorError, match="NaN"):
        SphericalKMeans(1).fit([[np.nan, 1.0]])
    with pytest.raises(ParameterError, match="at most 2"):
        WardTree(1).fit(np.eye(2)).cut(3)
    with pytest.raises(ParameterError, match="2 or more"):
        DensityClusters(1).fit(np.eye(2))
