"""Maps, against scikit-learn, and against structures that were planted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA, FactorAnalysis, FastICA, TruncatedSVD
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from embedsearch._errors import EmbedSearchError, ParameterError, VectorError
from embedsearch._progress import SilentProgress
from embedsearch.space.maps import SpaceMap
from embedsearch.space.options import LINEAR_MAPS, NEIGHBOR_MAPS
from tests.space.checks import estimator_checks


@pytest.fixture(scope="module")
def clusters() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    centres, labels = random.normal(size=(5, 12)), random.integers(0, 5, 400)
    X = centres[labels] + 0.2 * random.normal(size=(400, 12))
    return X.astype(np.float32), labels


# UMAP is an extra, and compiles for as long as all other tests here take.
_NEIGHBOR_MAPS = [
    pytest.param(method, marks=pytest.mark.extras if method == "umap" else ())
    for method in NEIGHBOR_MAPS
]


@pytest.mark.parametrize(
    ("estimator", "check"), list(estimator_checks(SpaceMap(), SpaceMap("pca")))
)
def test_scikit_learn_finds_nothing_wrong(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.mark.parametrize(
    ("method", "theirs"),
    [
        ("pca", PCA(2, svd_solver="full")),
        ("svd", TruncatedSVD(2, algorithm="arpack")),
        ("factor-analysis", FactorAnalysis(2, svd_method="lapack")),
        ("ica", FastICA(2, random_state=0)),
    ],
)
def test_linear_maps_are_scikit_learn_s(clusters: Any, method: str, theirs: Any) -> None:
    X, _ = clusters
    ours = SpaceMap(method, metric="euclidean").fit(X)
    Z = theirs.fit_transform(X)
    # A sign is anybody's choice, and the order of independent components too.
    agreement = np.abs(np.corrcoef(ours.embedding_.T, Z.T)[:2, 2:])
    assert np.allclose(agreement.max(axis=1), 1, atol=1e-3)
    spread = Z.std(axis=0).sum()
    assert np.isclose(ours.embedding_.std(axis=0).sum(), spread, rtol=0.01)
    assert np.allclose(ours.transform(X), ours.embedding_, atol=1e-5)
    if method == "pca":
        back = theirs.inverse_transform(Z)
        assert np.allclose(ours.inverse_transform(ours.embedding_), back, atol=1e-4)


@pytest.mark.parametrize("n_components", [2, 3])
@pytest.mark.parametrize("method", _NEIGHBOR_MAPS)
def test_clusters_stay_together_and_new_points_join_theirs(
    clusters: Any, method: str, n_components: int
) -> None:
    X, labels = clusters
    made = SpaceMap(method, n_components=n_components).fit(X[:350])
    assert made.embedding_.shape == (350, n_components)
    assert made.method_ == method
    before = made.embedding_.copy()
    facts, tensors = made.state()
    again = SpaceMap.restore(json.loads(json.dumps(facts)), tensors)
    placed = again.transform(X[350:])
    vote = KNeighborsClassifier(5).fit(made.embedding_, labels[:350])
    assert vote.score(placed, labels[350:]) > 0.95
    np.testing.assert_array_equal(placed, made.transform(X[350:]))
    np.testing.assert_array_equal(made.embedding_, before)
    # Points of the map come to their own places, and their vectors come back from there.
    np.testing.assert_array_equal(made.transform(X[:20]), before[:20])
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    assert np.allclose(made.inverse_transform(before[:20]), units[:20], atol=0.02)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_faithfulness_is_as_scikit_learn_has_it(clusters: Any, method: str, metric: str) -> None:
    X, _ = clusters
    made = SpaceMap(method, metric=metric).fit(X).measure(X)
    Z, k = made.embedding_, 15
    assert made.trustworthiness_ == pytest.approx(
        trustworthiness(X, Z, n_neighbors=k, metric=metric), abs=1e-4
    )
    near = NearestNeighbors(n_neighbors=k, metric=metric).fit(X).kneighbors(return_distance=False)
    shown = NearestNeighbors(n_neighbors=k).fit(Z).kneighbors(return_distance=False)
    kept = [len({*a} & {*b}) / k for a, b in zip(near.tolist(), shown.tolist(), strict=True)]
    np.testing.assert_allclose(made.faithfulness_, kept, atol=1e-6)
    assert made.neighbors_kept_ == pytest.approx(np.mean(kept))


def test_a_ring_is_unrolled_by_tsne_and_lies_flat_by_pca() -> None:
    angles = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    ring = np.zeros((300, 8), np.float32)
    ring[:, 2], ring[:, 5] = np.cos(angles), np.sin(angles)
    flat = SpaceMap("pca", metric="euclidean").fit_transform(ring)
    assert np.allclose(np.linalg.norm(flat, axis=1), 1, atol=1e-3)
    Z = SpaceMap("tsne", metric="euclidean").fit_transform(ring)
    steps = np.linalg.norm(Z - np.roll(Z, 1, axis=0), axis=1)
    assert (steps > 5 * np.median(steps)).sum() <= 2


@pytest.mark.parametrize("method", ["auto", *LINEAR_MAPS, *_NEIGHBOR_MAPS])
@pytest.mark.parametrize(
    "X",
    [
        pytest.param(np.ones((1, 4)), id="one"),
        pytest.param(np.eye(2), id="two"),
        pytest.param(np.ones((8, 3)), id="eight-identical"),
        pytest.param(np.ones((80, 3)), id="identical"),
        pytest.param(np.zeros((60, 3)), id="zeros"),
        pytest.param(np.arange(1.0, 9)[:, np.newaxis], id="one-dimension"),
        pytest.param(np.repeat(np.eye(3), 30, axis=0), id="three-places"),
    ],
)
def test_few_or_equal_points_have_a_place_each(method: str, X: Any) -> None:
    heard = SilentProgress()
    made = SpaceMap(method).reported_to(heard).fit(X).measure(X)
    assert made.embedding_.shape == made.transform(X).shape == (len(X), 2)
    assert np.isfinite(made.embedding_).all()
    assert made.inverse_transform(made.embedding_).shape == X.shape
    assert 0 <= made.neighbors_kept_ <= 1
    if made.method_ != method and method != "auto":
        assert "pca" in str(heard.notes) or "the same" in str(heard.notes)


def test_a_zero_vector_is_a_point_like_others(clusters: Any) -> None:
    X = np.concatenate([clusters[0], np.zeros((1, 12), np.float32)])
    assert np.isfinite(SpaceMap("tsne").fit_transform(X)).all()


@pytest.mark.parametrize(
    "parameters",
    [
        {"method": "mds"},
        {"method": ["tsne"]},
        {"n_components": 4},
        {"n_components": 0, "method": "pca"},
        {"n_components": "2"},
        {"n_neighbors": 1},
        {"metric": "manhattan"},
        {"random_state": -1},
    ],
)
def test_what_is_not_allowed_is_an_error(clusters: Any, parameters: dict[str, Any]) -> None:
    with pytest.raises(EmbedSearchError) as caught:
        SpaceMap(**parameters).fit(clusters[0])
    assert isinstance(caught.value, ParameterError)


def test_other_points_than_those_of_the_map_are_an_error(clusters: Any) -> None:
    made = SpaceMap("pca").fit(clusters[0])
    with pytest.raises(VectorError, match="400 points, got 10"):
        made.measure(clusters[0][:10])
    with pytest.raises(VectorError, match="12 features"):
        made.transform(np.ones((2, 3)))
    with pytest.raises(VectorError, match="2 dimensions"):
        made.inverse_transform(np.ones((2, 3)))
