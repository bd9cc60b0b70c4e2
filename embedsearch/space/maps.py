"""Maps: points of many dimensions on 2 or 3, and how much of a map is true."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from embedsearch._checks import COUNT, Choice, Interval, Optional, check
from embedsearch._errors import MissingExtraError, VectorError
from embedsearch.index.neighbor_graph import neighbor_graph
from embedsearch.index.vector_index import VectorIndex
from embedsearch.space.base import SpaceTransformer
from embedsearch.space.options import LINEAR_MAPS, MAP_METHODS, MAP_METRICS
from embedsearch.vectors.arrays import as_matrix, unit_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from embedsearch._types import FloatMatrix, FloatVector

# Up to so many points t-SNE is chosen, beyond them LocalMAP, which takes half the time.
_TSNE_UP_TO = 200_000
# Fewer points are placed by PCA: LocalMAP looks for pairs that do not exist, and never ends.
_LEAST = 50
# Up to so many points, neighbours are found by comparing all.
_COMPARED = 30_000
# A new point is placed by so many neighbours, in so many steps; more of either gain nothing.
_PLACED_BY, _STEPS = 15, 5
# Neighbours by which a map is judged, points that are sampled, and a block of them.
_JUDGED, _SAMPLE, _BLOCK = 15, 500, 100
# t-SNE: iterations with early exaggeration, and after them.
_EARLY, _LATE, _EVERY = 250, 500, 50


class Faithfulness(NamedTuple):
    """How much of a map is true.

    Attributes:
        trustworthiness: 1 if all that are near on the map are near in the space, about 0.5 for a
            map at random (Venna and Kaski 2001).
        neighbors_kept: The share of the 15 nearest in the space that are among the 15 nearest on
            the map.
        points: (n,) float32, the share of each point.
    """

    trustworthiness: float
    neighbors_kept: float
    points: FloatVector


class SpaceMap(SpaceTransformer):
    """Places points of many dimensions on a map of 2 or 3.

    All methods start from the principal components; t-SNE, LocalMAP and UMAP from the neighbours
    that our index finds. The same seed gives the same map, but for "localmap", whose library
    draws at random in several threads.

    Args:
        method: "tsne" (van der Maaten and Hinton 2008, by openTSNE, with the same weight for all
            neighbours), the most faithful; "localmap" (Wang et al. 2025, by pacmap), the fast
            one; "umap" (McInnes et al. 2018, the extra `umap`); or a linear map, at once: "pca",
            "svd" (PCA without taking off the mean), "factor-analysis", "ica". "auto" is t-SNE
            up to 200,000 points, LocalMAP beyond. Fewer than 50 points are placed by PCA.
        n_components: Dimensions of the map; 3 at most, but for linear ones.
        n_neighbors: Neighbours of each point that a map keeps together; None is 15, and
            10 or more for LocalMAP.
        metric: "cosine" scales points to length 1 first; "euclidean" takes them as they are.
        random_state: A seed, for the same map on every run; None draws one from numpy.

    Attributes:
        embedding_: (n, n_components) float32, the map.
        method_: The method that was used.
        X_: (n, d) float32, the points, by which new ones are placed; not of linear maps.
        mean_, projection_, loadings_: (d,), (d, n_components), (n_components, d) of linear maps:
            the map is `(X - mean_) @ projection_`, and back `Z @ loadings_ + mean_`.
        trustworthiness_, neighbors_kept_, faithfulness_: As in `Faithfulness`, after `measure`.
    """

    def __init__(
        self,
        method: str = "auto",
        *,
        n_components: int = 2,
        n_neighbors: int | None = None,
        metric: str = "cosine",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.method = method
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Make the map of points (n, d); `y` is not used.

        If there are fewer dimensions or points than components, the others are zeros.

        Raises:
            VectorError: The array has a wrong shape, NaN or infinity.
            ParameterError: A parameter is out of range.
            MissingExtraError: UMAP is not installed.
        """
        check("method", self.method, Choice(MAP_METHODS))
        linear = self.method in LINEAR_MAPS
        check("n_components", self.n_components, COUNT if linear else Interval(1, 3, whole=True))
        check("n_neighbors", self.n_neighbors, Optional(Interval(2, whole=True)))
        check("metric", self.metric, Choice(MAP_METRICS))
        points = self._scaled(self._points(X, reset=True))
        n, state = len(points), self.random_state
        if state is not None and not isinstance(state, np.random.RandomState):
            check("random_state", state, Interval(0, 2**32 - 1, whole=True))
        seed = int(state if isinstance(state, int) else check_random_state(state).randint(2**31))
        method = self.method
        if method == "auto":
            method = "tsne" if n <= _TSNE_UP_TO else "localmap"
        if method not in LINEAR_MAPS and n < _LEAST:
            self._progress.note(f"{n} points are too few for {method}: placed by pca")
            method = "pca"
        if (points == points[0]).all():
            self._progress.note("all points are the same: so are their places")
            method = "pca"
        self.method_ = method
        self._near: NDArray[np.int32] | None = None
        if method in LINEAR_MAPS:
            self._fit_linear(points, method, seed)
            self.embedding_ = self._project(points)
            return self
        self.X_ = points
        principal = SpaceMap("pca", n_components=self.n_components, metric="euclidean")
        start = principal.fit_transform(points)
        self.embedding_ = _METHODS[method](self, points, start, seed).astype(np.float32)
        return self

    def fit_transform(self, X: ArrayLike, y: object = None) -> FloatMatrix:
        """Call `fit`, and return the map."""
        embedding: FloatMatrix = self.fit(X, y).embedding_
        return embedding

    def transform(self, X: ArrayLike) -> FloatMatrix:
        """Place points (n, d) on the map, without moving the others: (n, n_components).

        A linear map projects them. On the others a point comes to the densest place among its
        15 nearest neighbours, as t-SNE's attraction has it; a point of the map comes to its own.

        Raises:
            NotFittedError: `fit` was not called.
            VectorError: The array has a wrong shape, NaN or infinity.
        """
        check_is_fitted(self)
        points = self._scaled(self._points(X))
        if self.method_ in LINEAR_MAPS:
            return self._project(points)
        index = VectorIndex.build(self.X_, metric=self.metric, spec="flat", threads=1)
        _, rows = index.search(points, topn=_PLACED_BY, threads=1)
        placed = _densest(self.embedding_[rows])
        own = (self.X_[rows[:, 0]] == points).all(axis=1)
        placed[own] = self.embedding_[rows[own, 0]]
        return placed

    def inverse_transform(self, Z: ArrayLike) -> FloatMatrix:
        """Return points (n, d) that would lie at places (n, n_components) of the map.

        A linear map is turned back. On the others it is the mean of the 15 points nearest to the
        place, the nearer the heavier.

        Raises:
            NotFittedError: `fit` was not called.
            VectorError: The array has a wrong shape, NaN or infinity.
        """
        check_is_fitted(self)
        places = as_matrix(Z, "Z", self.embedding_.shape[1])
        if self.method_ in LINEAR_MAPS:
            back: FloatMatrix = places @ self.loadings_ + self.mean_
            return back
        from scipy.spatial import cKDTree

        distances, rows = cKDTree(self.embedding_).query(places, k=_PLACED_BY)
        weights = 1 / (1e-6 + distances**2)
        weights /= weights.sum(axis=1, keepdims=True)
        mean: FloatMatrix = np.einsum("nk,nkd->nd", weights, self.X_[rows]).astype(np.float32)
        return mean

    def measure(self, X: ArrayLike) -> Self:
        """Find out how faithful the map of the points (n, d) is that it was fitted to.

        Sets `trustworthiness_`, `neighbors_kept_` and `faithfulness_`. Their neighbours are
        searched once more unless `fit` has just done so.

        Raises:
            NotFittedError: `fit` was not called.
            VectorError: These are not as many points as are on the map.
        """
        check_is_fitted(self)
        points = self._scaled(self._points(X))
        if len(points) != len(self.embedding_):
            message = f"the map is of {len(self.embedding_):,} points, got {len(points):,}"
            raise VectorError(message)
        near = self._near
        if near is None or near.shape[1] < _JUDGED:
            near = self._neighbors(points, _JUDGED)
        found = faithfulness(points, self.embedding_, near)
        self.trustworthiness_, self.neighbors_kept_, self.faithfulness_ = found
        return self

    @property
    def _n_features_out(self) -> int:
        return int(self.embedding_.shape[1])

    def _scaled(self, points: FloatMatrix) -> FloatMatrix:
        return unit_rows(points) if self.metric == "cosine" else points

    def _neighbors(self, points: FloatMatrix, k: int) -> NDArray[np.int32]:
        """Return the k nearest others of each point."""
        euclidean, k = self.metric == "euclidean", min(k, len(points) - 1)
        self._near = neighbor_graph(points, k, compared=_COMPARED, euclidean=euclidean)[0]
        return self._near

    def _project(self, points: FloatMatrix) -> FloatMatrix:
        Z: FloatMatrix = (points - self.mean_) @ self.projection_
        return Z

    def _fit_linear(self, points: FloatMatrix, method: str, seed: int) -> None:
        d, c = points.shape[1], self.n_components
        self.mean_ = points.mean(axis=0) if method != "svd" else np.zeros(d, np.float32)
        self.projection_ = np.zeros((d, c), np.float32)
        self.loadings_ = np.zeros((c, d), np.float32)
        # No more components than the points span: the others stay zeros.
        spanned = int(np.linalg.matrix_rank((points - self.mean_).T @ (points - self.mean_)))
        m = min(c, spanned)
        if m:
            with np.errstate(divide="ignore"), warnings.catch_warnings():
                # Of directions without spread, which are not taken, and of slow convergence.
                warnings.simplefilter("ignore")
                projection, loadings = _LINEAR[method](points, m, seed)
            self.projection_[:, :m], self.loadings_[:m] = projection, loadings


def faithfulness(
    X: FloatMatrix, Z: FloatMatrix, near: NDArray[np.int32] | None = None
) -> Faithfulness:
    """Compare the neighbours on a map `Z` (n, c) with those in the space.

    `near` (n, 15 or more) are the nearest of each of the points `X` (n, d); None finds them for
    points of length 1. The trustworthiness is that of 500 points, compared with all others.
    """
    from scipy.spatial import cKDTree

    if near is None:
        near = neighbor_graph(X, _JUDGED, compared=_COMPARED)[0]

    n = len(Z)
    k = min(_JUDGED, (n - 1) // 2)
    if k < 1:
        return Faithfulness(1.0, 1.0, np.ones(n, np.float32))
    _, rows = cKDTree(Z).query(Z, k=k + 1)
    # Where several points are at one place, a point need not be among its own nearest.
    others = rows != np.arange(n)[:, np.newaxis]
    others[others.all(axis=1), -1] = False
    shown = rows[others].reshape(n, k)
    shares = np.zeros(n, np.float32)
    for column in range(k):
        shares += (shown == near[:, column, np.newaxis]).any(axis=1)
    shares /= k
    sample = np.random.default_rng(0).permutation(n)[:_SAMPLE]
    lost = 0.0
    squares = np.einsum("nd,nd->n", X, X)
    for start in range(0, len(sample), _BLOCK):
        some = sample[start : start + _BLOCK]
        distances = squares - 2 * (X[some] @ X.T)
        distances[np.arange(len(some)), some] = np.inf
        for row, nearest in zip(distances, shown[some], strict=True):
            rank = np.searchsorted(np.sort(row), row[nearest]) + 1
            lost += np.maximum(rank - k, 0).sum()
    worst = k * (2 * n - 3 * k - 1) / 2
    return Faithfulness(1 - lost / (len(sample) * worst), float(shares.mean()), shares)


def _densest(places: NDArray[np.float32]) -> FloatMatrix:
    """Return the densest place among those of the neighbours of each point: (n, k, c) to (n, c).

    It begins at the neighbour that is nearest to the others, and goes uphill by mean shift under
    t-SNE's kernel, Student's t with one degree of freedom.
    """
    apart = np.zeros(places.shape[:2], np.float32)
    for j in range(places.shape[1]):
        apart += np.log1p(((places - places[:, j, np.newaxis]) ** 2).sum(axis=2))
    at: FloatMatrix = places[np.arange(len(places)), apart.argmin(axis=1)]
    for _ in range(_STEPS):
        weights = 1 / (1 + ((places - at[:, np.newaxis]) ** 2).sum(axis=2))
        at = np.einsum("nk,nkc->nc", weights, places) / weights.sum(axis=1, keepdims=True)
    return at


def _pca(X: FloatMatrix, m: int, seed: int) -> tuple[FloatMatrix, FloatMatrix]:  # noqa: ARG001
    from sklearn.decomposition import PCA

    components = PCA(m, svd_solver="covariance_eigh").fit(X).components_
    return components.T, components


def _svd(X: FloatMatrix, m: int, seed: int) -> tuple[FloatMatrix, FloatMatrix]:
    from sklearn.decomposition import TruncatedSVD

    components = TruncatedSVD(m, random_state=seed).fit(X).components_
    return components.T, components


def _factor_analysis(X: FloatMatrix, m: int, seed: int) -> tuple[FloatMatrix, FloatMatrix]:
    from sklearn.decomposition import FactorAnalysis

    fitted = FactorAnalysis(m, random_state=seed).fit(X)
    loadings = fitted.components_
    weighted = loadings / fitted.noise_variance_
    return weighted.T @ np.linalg.inv(np.eye(m) + weighted @ loadings.T), loadings


def _ica(X: FloatMatrix, m: int, seed: int) -> tuple[FloatMatrix, FloatMatrix]:
    from sklearn.decomposition import FastICA

    fitted = FastICA(m, whiten="unit-variance", random_state=seed).fit(X)
    return fitted.components_.T, fitted.mixing_.T


def _tsne(made: SpaceMap, X: FloatMatrix, start: FloatMatrix, seed: int) -> NDArray[Any]:
    import openTSNE
    from openTSNE.affinity import Uniform
    from openTSNE.initialization import rescale
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    near = made._neighbors(X, made.n_neighbors or 15)  # noqa: SLF001
    index = PrecomputedNeighbors(near, np.ones(near.shape, np.float32))
    affinities = Uniform(knn_index=index, symmetrize="mean")
    with made._progress.task("t-SNE", _EARLY + _LATE, "rounds") as task:  # noqa: SLF001
        tsne = openTSNE.TSNE(
            n_components=made.n_components,
            early_exaggeration_iter=_EARLY,
            n_iter=_LATE,
            # Interpolation on a grid has no third dimension.
            negative_gradient_method="bh" if made.n_components > 2 else "auto",
            callbacks=lambda *_: task.advance(_EVERY),
            callbacks_every_iters=_EVERY,
            n_jobs=1,
            random_state=seed,
        )
        embedding = tsne.fit(affinities=affinities, initialization=rescale(start))
    return np.asarray(embedding)


def _localmap(made: SpaceMap, X: FloatMatrix, start: FloatMatrix, seed: int) -> NDArray[Any]:
    # It warns of a seed, of three dimensions, and of data that it need not reduce.
    logging.getLogger("pacmap.pacmap").setLevel(logging.ERROR)
    with made._progress.task("LocalMAP"):  # noqa: SLF001
        import pacmap

        n = len(X)
        k = made.n_neighbors or max(10, round(10 + 15 * (np.log10(n) - 4)))
        # It would divide them up among three kinds of pairs.
        k = min(k, int(n / 3.5) - 1)
        near = made._neighbors(X, k)  # noqa: SLF001
        pairs = np.stack([np.repeat(np.arange(n, dtype=np.int32), k), near.ravel()], axis=1)
        mapper = pacmap.LocalMAP(
            n_components=made.n_components,
            n_neighbors=k,
            pair_neighbors=pairs,
            apply_pca=False,
            random_state=seed % 2**31,
        )
        return np.asarray(mapper.fit_transform(X, init=start, save_pairs=False))


def _umap(made: SpaceMap, X: FloatMatrix, start: FloatMatrix, seed: int) -> NDArray[Any]:
    with warnings.catch_warnings(), made._progress.task("UMAP"):  # noqa: SLF001
        # Of one thread, and of a part for TensorFlow, which is not installed.
        warnings.simplefilter("ignore")
        try:
            import umap
        except ImportError as error:
            raise MissingExtraError("method='umap'", "umap") from error
        k = min(made.n_neighbors or 15, len(X) - 1)
        near = made._neighbors(X, k - 1)  # noqa: SLF001
        # Each point is its own nearest there.
        rows = np.concatenate([np.arange(len(X), dtype=np.int32)[:, np.newaxis], near], axis=1)
        distances = np.stack(
            [np.linalg.norm(X - X[column], axis=1) for column in rows.T], axis=1
        ).astype(np.float32)
        mapper = umap.UMAP(
            n_components=made.n_components,
            n_neighbors=k,
            metric="euclidean",
            precomputed_knn=(rows, distances, None),
            force_approximation_algorithm=True,
            init=start / max(float(np.abs(start).max()), 1e-12) * 10,
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(mapper.fit_transform(X))


_LINEAR = {"pca": _pca, "svd": _svd, "factor-analysis": _factor_analysis, "ica": _ica}
_METHODS = {"tsne": _tsne, "localmap": _localmap, "umap": _umap}
