"""Clusters of points: spherical k-means with a start that seeds agree on, a tree, and density."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from embedsearch._checks import COUNT, Optional, check
from embedsearch._errors import InputError, ParameterError
from embedsearch.index.faiss_tools import load_faiss
from embedsearch.index.threads import omp_threads
from embedsearch.space.base import SpaceEstimator, SpaceTransformer
from embedsearch.vectors.arrays import unit_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from embedsearch._types import FloatMatrix, FloatVector, IntVector

# Leaves of a tree. Of 20 clusters of newsgroups, seeds agree by an adjusted Rand index of .90 with
# 400, by .93 with 800, and by .74 after ten random starts.
_LEAVES = 800
_LEAF_ITERATIONS, _ITERATIONS = 10, 50
_POINTS_PER_LEAF = 50
# Numbers of clusters that are tried if none is given.
_TRIED = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50)
# Few points are halved more often: what chance does to them varies more.
_HALVINGS, _HALVINGS_OF_FEW, _FEW = 3, 12, 1_000
# Points that a number of clusters is chosen by, at most.
_SAMPLED = 6_000
# Of planted clusters it is 1 at their number, of points without any 0 at all numbers.
# Interquartile ranges below the lower quartile.
_FENCE = 1.5
_LEAST_AGREEMENT, _TINY = 0.1, 1e-9


def seed_of(random_state: Any) -> int:
    """Return a seed for FAISS and NumPy's generators from a `random_state`."""
    if isinstance(random_state, int) and not isinstance(random_state, bool):
        return random_state
    return int(check_random_state(random_state).randint(2**31 - 1))


class SphericalKMeans(ClusterMixin, SpaceTransformer):  # type: ignore[misc]
    """Clusters of vectors by their direction, nearly the same for every seed.

    Spherical k-means (Dhillon and Modha 2001, "Concept Decompositions for Large Sparse Text Data
    Using Clustering") by FAISS, started at a cut of `WardTree`. A vector of zeros is equally near
    to all clusters, and is counted to the first.

    Args:
        n_clusters: How many, k; None chooses the number that halves of the points agree on best,
            see `stability`.
        random_state: A seed, for the same clusters to the bit; None draws one from numpy.

    Attributes:
        cluster_centers_: (k, d) float32 of length 1.
        labels_: (n) the cluster of each point.
        concentration_: How closely points lie around their centers: κ of a mixture of von
            Mises-Fisher distributions with one κ (Banerjee et al. 2005).
        sizes_: (k) how many points each has; the largest cluster comes first.
        n_features_in_: d.
    """

    def __init__(self, n_clusters: int | None = 8, *, random_state: Any = None) -> None:
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Find the clusters of X (n, d); `y` is not used.

        Raises:
            ParameterError: `n_clusters` is no whole number of 1 or more.
            VectorError: X is not (n, d), or holds NaN or infinity.
            InputError: There are fewer points than clusters.
        """
        check("n_clusters", self.n_clusters, Optional(COUNT))
        units = unit_rows(self._points(X, reset=True))
        seed = seed_of(self.random_state)
        k = self.n_clusters
        if k is None:
            k = steadiest(stability(units, random_state=seed))
        _check_enough(units, k)
        tree = WardTree(random_state=seed).fit(units)
        centers = _spherical(units, _centers(tree.sums_of(k)), seed)
        labels = np.argmax(units @ centers.T, axis=1)
        order = np.argsort(-np.bincount(labels, minlength=k), kind="stable")
        self.cluster_centers_ = np.ascontiguousarray(centers[order])
        self.labels_ = np.argsort(order)[labels]
        self.sizes_ = np.bincount(self.labels_, minlength=k)
        self.concentration_ = concentration(units, self.cluster_centers_, self.labels_)
        return self

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def predict(self, X: ArrayLike) -> IntVector:
        """Return the nearest cluster of each of some vectors (n, d): (n)."""
        labels: IntVector = np.argmax(self.transform(X), axis=1)
        return labels

    def transform(self, X: ArrayLike) -> FloatMatrix:
        """Return the cosines of vectors (n, d) with the centers: (n, k)."""
        check_is_fitted(self)
        units = unit_rows(self._points(X))
        cosines: FloatMatrix = units @ self.cluster_centers_.T
        return cosines

    def memberships(self, X: ArrayLike) -> FloatMatrix:
        """Return how likely vectors (n, d) are of each cluster: (n, k), rows that add up to 1."""
        return posterior(self.transform(X), self.concentration_, self.sizes_)


class WardTree(ClusterMixin, SpaceEstimator):  # type: ignore[misc]
    """A tree of clusters that can be cut anywhere.

    Ward's method (1963, "Hierarchical Grouping to Optimize an Objective Function") by chains of
    nearest neighbours (Murtagh 1983). Of more than 800 points the leaves are that many small
    clusters of them, found by k-means.

    Args:
        n_clusters: Where the tree is cut for `labels_` and `predict`.
        random_state: A seed for the small clusters; None draws one from numpy.

    Attributes:
        children_: (m - 1, 2) the two nodes that each step joins; nodes below m are leaves.
        heights_: (m - 1) how much each step adds to the sum of squares; it never falls.
        leaf_sums_: (m, d) the sum of the points of each leaf.
        leaf_sizes_: (m) how many these are.
        leaves_: (n) the leaf of each point.
        labels_: (n) the cluster of each point.
    """

    def __init__(self, n_clusters: int = 8, *, random_state: Any = None) -> None:
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Grow the tree of X (n, d), at any lengths; `y` is not used.

        Raises:
            ParameterError: `n_clusters` is no whole number of 1 or more.
            VectorError: X is not (n, d), or holds NaN or infinity.
        """
        check("n_clusters", self.n_clusters, COUNT)
        points = self._points(X, reset=True)
        self.leaves_ = _leaves(points, seed_of(self.random_state))
        m = int(self.leaves_.max()) + 1
        self.leaf_sums_ = summed(points, self.leaves_, m)
        self.leaf_sizes_ = np.bincount(self.leaves_, minlength=m)
        self.children_, self.heights_ = ward(self.leaf_sums_, self.leaf_sizes_)
        self.labels_ = self.cut(min(self.n_clusters, m))
        return self

    def predict(self, X: ArrayLike) -> IntVector:
        """Return the cluster of the leaf nearest to each of some vectors (n, d): (n)."""
        check_is_fitted(self)
        points = self._points(X)
        means = (self.leaf_sums_ / self.leaf_sizes_[:, np.newaxis]).astype(np.float32)
        distances = (means**2).sum(axis=1) - 2 * points @ means.T
        k = min(self.n_clusters, len(means))
        own: IntVector = self.leaf_labels(k)[np.argmin(distances, axis=1)]
        return own

    def cut(self, k: int) -> IntVector:
        """Return the cluster of each point if the tree is cut into k: (n), 0 to k - 1.

        Raises:
            ParameterError: k is not 1 to the number of leaves.
        """
        own: IntVector = self.leaf_labels(k)[self.leaves_]
        return own

    def leaf_labels(self, k: int) -> IntVector:
        """Return the cluster of each leaf if the tree is cut into k: (m)."""
        check_is_fitted(self)
        check("k", k, COUNT)
        m = len(self.leaf_sizes_)
        if k > m:
            raise ParameterError("k", f"at most {m:,}, as the tree has so many leaves", k)
        root = np.arange(2 * m - 1)
        # From the last join down: each node has the label of what it was joined into.
        for step in range(m - k - 1, -1, -1):
            root[self.children_[step]] = root[m + step]
        labels: IntVector = np.unique(root[:m], return_inverse=True)[1].reshape(-1)
        return labels

    def sums_of(self, k: int) -> NDArray[np.float64]:
        """Return the sums of the points of k clusters: (k, d); fewer leaves are all of them."""
        k = min(k, len(self.leaf_sizes_))
        return summed(self.leaf_sums_, self.leaf_labels(k), k)


class DensityClusters(ClusterMixin, SpaceEstimator):  # type: ignore[misc]
    """Clusters where points lie close, by scikit-learn's HDBSCAN: for the coordinates of a map.

    Campello, Moulavi and Sander 2013. In a space of many dimensions it takes most points for
    noise (80 % of newsgroups by LSA-100), so use it on two or three. Every point has a nearest
    cluster, also those that are noise.

    Args:
        min_cluster_size: Points that a cluster has at least.
        min_samples: Neighbours that make a point dense; None is `min_cluster_size`.

    Attributes:
        labels_: (n) the cluster of each point, -1 for noise.
        nearest_: (n) the same, but for noise the cluster of the nearest point that has one; -1
            only if there is no cluster.
        memberships_: (n) how firmly a point is in its cluster, 0 for noise.
    """

    def __init__(self, min_cluster_size: int = 15, *, min_samples: int | None = None) -> None:
        self.min_cluster_size = min_cluster_size
        self.min_samples = min_samples

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Find the clusters of X (n, d); `y` is not used.

        Raises:
            ParameterError: `min_cluster_size` is below 2, or `min_samples` below 1.
            VectorError: X is not (n, d), or holds NaN or infinity.
        """
        from sklearn.cluster import HDBSCAN
        from sklearn.neighbors import NearestNeighbors

        check("min_cluster_size", self.min_cluster_size, COUNT)
        check("min_samples", self.min_samples, Optional(COUNT))
        if self.min_cluster_size < 2:
            raise ParameterError("min_cluster_size", "2 or more", self.min_cluster_size)
        points = self._points(X, reset=True).astype(np.float64)
        n = len(points)
        self.labels_, self.memberships_ = np.full(n, -1), np.zeros(n)
        if n >= max(self.min_cluster_size, self.min_samples or 1):
            found = HDBSCAN(
                min_cluster_size=self.min_cluster_size, min_samples=self.min_samples, copy=True
            ).fit(points)
            self.labels_, self.memberships_ = found.labels_.astype(int), found.probabilities_
        self.nearest_ = self.labels_.copy()
        noise = self.labels_ < 0
        if noise.any() and not noise.all():
            inside = np.flatnonzero(~noise)
            near = NearestNeighbors(n_neighbors=1).fit(points[inside])
            rows = near.kneighbors(points[noise], return_distance=False).ravel()
            self.nearest_[noise] = self.labels_[inside[rows]]
        return self


def stability(
    X: FloatMatrix, numbers: tuple[int, ...] = _TRIED, random_state: Any = None
) -> dict[int, float]:
    """Return how well clusterings of random halves of vectors (n, d) agree, by their number.

    Both halves' centers cluster all points, which are compared by the adjusted Rand index (Ben-Hur,
    Elisseeff and Guyon 2002, "A Stability Based Method for Discovering Structure in Clustered
    Data"): the mean of several halvings, A. Few clusters always agree well, so it is compared with
    A', what points of a normal distribution of the same covariance reach: (A - A') / √(1 - A'), the
    mean of the difference and of its share of what is possible. By the difference alone three
    planted clusters were taken for five, by the share alone 5,000 articles of an encyclopedia for
    two. Of more than 6,000 points a sample is taken.
    """
    rng = np.random.default_rng(seed_of(random_state))
    units = unit_rows(X)[rng.permutation(len(X))[:_SAMPLED]]
    # A half must have several points for each cluster.
    numbers = tuple(k for k in numbers if k <= len(units) // 10)
    if not numbers:
        return {}
    spread = np.linalg.eigh(np.cov(units.T, dtype=np.float64).reshape(units.shape[1], -1))
    factor = spread[1] * np.sqrt(np.maximum(spread[0], 0))
    plain = rng.standard_normal(units.shape) @ factor.T + units.mean(axis=0)
    found = _agreement(units, numbers, rng)
    by_chance = _agreement(unit_rows(plain), numbers, rng)
    return {
        k: float((a - b) / np.sqrt(max(1 - b, _TINY)))
        for k, a, b in zip(numbers, found, by_chance, strict=True)
    }


def steadiest(agreement: dict[int, float]) -> int:
    """Return the number of clusters on which halves agree best; 1 if they hardly do on any."""
    best = max(agreement, key=agreement.__getitem__, default=1)
    return best if agreement.get(best, 0) >= _LEAST_AGREEMENT else 1


def _agreement(
    units: FloatMatrix, numbers: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.float64]:
    from sklearn.metrics import adjusted_rand_score

    n = len(units)
    values = np.zeros((_HALVINGS if n > _FEW else _HALVINGS_OF_FEW, len(numbers)))
    for seed in range(len(values)):
        rows = rng.permutation(n)
        halves = [np.ascontiguousarray(units[part]) for part in (rows[: n // 2], rows[n // 2 :])]
        trees = [WardTree(random_state=seed).fit(half) for half in halves]
        for place, k in enumerate(numbers):
            first, second = (
                np.argmax(units @ _spherical(half, _centers(tree.sums_of(k)), seed).T, axis=1)
                for half, tree in zip(halves, trees, strict=True)
            )
            values[seed, place] = adjusted_rand_score(first, second)
    mean: NDArray[np.float64] = values.mean(axis=0)
    return mean


def summed(X: NDArray[Any], labels: IntVector, k: int) -> NDArray[np.float64]:
    """Return the sum of the rows of each label: (k, d)."""
    from scipy.sparse import csr_matrix

    n = len(labels)
    chosen = csr_matrix((np.ones(n), (labels, np.arange(n))), shape=(k, n))
    sums: NDArray[np.float64] = chosen @ X.astype(np.float64)
    return sums


def ward(
    sums: NDArray[np.float64], sizes: IntVector
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Join clusters, given the sums and numbers of their points, as `WardTree` has it."""
    m = len(sizes)
    totals, weights = sums.astype(np.float64), sizes.astype(np.float64)
    means = totals / weights[:, np.newaxis]
    squares = (means**2).sum(axis=1)
    alive = np.ones(m, bool)
    joined: list[tuple[int, int]] = []
    heights: list[float] = []
    chain: list[int] = []
    for _ in range(m - 1):
        while True:
            if not chain:
                chain.append(int(alive.argmax()))
            here = chain[-1]
            apart = np.maximum(squares + squares[here] - 2 * (means @ means[here]), 0)
            cost = apart * weights * weights[here] / (weights + weights[here])
            cost[~alive] = np.inf
            cost[here] = np.inf
            near = int(cost.argmin())
            # Of equally near ones, the one before, so that the chain ends.
            if len(chain) > 1 and cost[chain[-2]] <= cost[near]:
                near = chain[-2]
                break
            chain.append(near)
        del chain[-2:]
        joined.append((here, near))
        heights.append(float(cost[near]))
        totals[near] += totals[here]
        weights[near] += weights[here]
        means[near] = totals[near] / weights[near]
        squares[near] = means[near] @ means[near]
        alive[here] = False
    return _ordered(joined, heights)


def _ordered(
    joined: list[tuple[int, int]], heights: list[float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Put joins, found in the order of chains, into that of their heights."""
    order = np.argsort(heights, kind="stable")
    m = len(joined) + 1
    node, root = list(range(m)), list(range(m))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    children = np.zeros((m - 1, 2), np.int64)
    for step, place in enumerate(order.tolist()):
        a, b = map(find, joined[place])
        children[step] = sorted((node[a], node[b]))
        root[a], node[b] = b, m + step
    return children, np.maximum.accumulate(np.array(heights)[order]) if heights else np.zeros(0)


def posterior(cosines: FloatMatrix, concentration: float, sizes: IntVector) -> FloatMatrix:
    """Return the probability of each cluster: (n, k), given cosines with the centers (n, k)."""
    logs = concentration * cosines + np.log(np.maximum(sizes, 1e-9))
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    probabilities: FloatMatrix = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def own_cosines(units: FloatMatrix, centers: FloatMatrix, labels: IntVector) -> FloatVector:
    """Return the cosine of each point with the center of its cluster: (n)."""
    cosines: FloatVector = np.einsum("nd,nd->n", units, centers[labels])
    return cosines


def concentration(units: FloatMatrix, centers: FloatMatrix, labels: IntVector) -> float:
    """Return κ, nearly: r (d - r²) / (1 - r²), where r is the mean cosine with the own center."""
    d = units.shape[1]
    r = float(np.clip(own_cosines(units, centers, labels).mean(), 0, 0.999))
    return float(r * (d - r**2) / (1 - r**2))


def fences(cosines: FloatVector, labels: IntVector, k: int) -> NDArray[np.float64]:
    """Return the least cosine that fits each cluster: (k), -1 of an empty one.

    Tukey's lower fence of the differences from the median of the cluster, of all clusters together,
    as the quartiles of a few points are no measure.
    """
    medians = np.full(k, -1.0)
    for label in range(k):
        own = cosines[labels == label]
        medians[label] = np.median(own) if len(own) else -1.0
    lower, upper = np.quantile(cosines - medians[labels], (0.25, 0.75))
    filled = np.bincount(labels, minlength=k) > 0
    below = lower - _FENCE * (upper - lower)
    return np.where(filled, medians + below, -1.0)


def _leaves(X: FloatMatrix, seed: int) -> IntVector:
    """Return the leaf of each point: its own if there are few."""
    if len(X) <= _LEAVES:
        return np.arange(len(X))
    centers = _kmeans(X, _LEAVES, seed, _LEAF_ITERATIONS, spherical=False)
    with omp_threads(1):
        index = load_faiss().IndexFlatL2(X.shape[1])
        index.add(centers)
        found = index.search(np.ascontiguousarray(X), 1)[1].ravel()
    own: IntVector = np.unique(found, return_inverse=True)[1].reshape(-1)
    return own


def _spherical(units: FloatMatrix, start: FloatMatrix, seed: int) -> FloatMatrix:
    return _kmeans(units, len(start), seed, _ITERATIONS, spherical=True, start=start)


def _kmeans(
    X: FloatMatrix,
    k: int,
    seed: int,
    iterations: int,
    *,
    spherical: bool,
    start: FloatMatrix | None = None,
) -> FloatMatrix:
    """Return the centers of k-means by FAISS, with one thread: the same for the same seed."""
    faiss = load_faiss()
    most = len(X) if start is not None else _POINTS_PER_LEAF
    with omp_threads(1):
        # FAISS takes a seed of 31 bits and draws none for 0.
        means = faiss.Kmeans(
            X.shape[1],
            k,
            niter=iterations,
            seed=seed % (2**31 - 1) + 1,
            spherical=spherical,
            min_points_per_centroid=1,
            max_points_per_centroid=most,
        )
        means.train(np.ascontiguousarray(X), init_centroids=start)
    centers: FloatMatrix = means.centroids
    return centers


def _centers(sums: NDArray[np.float64]) -> FloatMatrix:
    return unit_rows(sums.astype(np.float32))


def _check_enough(units: FloatMatrix, k: int) -> None:
    if len(units) < k:
        raise InputError(f"there are n_samples={len(units)} points, fewer than clusters: {k}")
