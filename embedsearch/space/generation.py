"""Vectors that are made up: simple generators, and how good what a generator makes is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from embedsearch._checks import COUNT, Interval, as_count, check
from embedsearch._errors import ParameterError, VectorError
from embedsearch._processes import one_blas_thread
from embedsearch.index.neighbor_graph import neighbor_graph
from embedsearch.space.base import SpaceEstimator
from embedsearch.vectors.arrays import as_matrix, row_norms, unit_rows
from embedsearch.vectors.lsa import gram

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from embedsearch._types import FloatMatrix

# Lengths that differ by less, as a part, are one.
_SAME_LENGTH = 1e-3
# Rows whose distances from all others are in memory.
_BLOCK = 1_024


class Generator(SpaceEstimator, ABC):
    """What makes up vectors like those it was fitted to.

    Attributes:
        length_: That of all points, and of samples; 0 if they differ.
    """

    def sample(self, n_samples: int = 1, random_state: Any = None) -> FloatMatrix:
        """Return made-up vectors (n_samples, d).

        Args:
            n_samples: How many.
            random_state: A seed or a generator of numpy; None takes the estimator's own.

        Raises:
            ParameterError: A parameter is not allowed.
        """
        check_is_fitted(self)
        n = as_count("n_samples", n_samples)
        rng = generator_of(self.random_state if random_state is None else random_state)
        drawn = self._draw(n, rng)
        return unit_rows(drawn) * np.float32(self.length_) if self.length_ else drawn

    @abstractmethod
    def _draw(self, n: int, rng: np.random.Generator) -> FloatMatrix:
        """Return n made-up vectors, whatever their length."""

    def _keep_length(self, X: FloatMatrix) -> None:
        lengths = row_norms(X)
        alike = np.ptp(lengths) <= _SAME_LENGTH * lengths.max()
        self.length_ = float(lengths.mean()) if alike else 0.0


def generator_of(random_state: Any) -> np.random.Generator:
    """Return numpy's new generator, seeded by what scikit-learn takes for `random_state`."""
    try:
        return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
    except ValueError as error:
        raise ParameterError(
            "random_state", "a seed, a RandomState or None", random_state
        ) from error


class GaussianGenerator(Generator):
    """Draws from the one normal distribution that has the points' mean and covariance.

    Args:
        random_state: A seed, for the same samples on every run.

    Attributes:
        mean_: (d,)
        factor_: (d, d) of the covariance: `factor_ @ factor_.T`.
        length_: That of all points, and of samples; 0 if they differ.
    """

    def __init__(self, random_state: Any = 0) -> None:
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Take mean and covariance of points (n, d); `y` is not used.

        Raises:
            VectorError: X is not of the shape (n, d), or holds NaN or infinity.
        """
        points = self._points(X, reset=True)
        self.mean_ = points.mean(axis=0, dtype=np.float64).astype(np.float32)
        values, U = np.linalg.eigh(gram(points, self.mean_) / len(points))
        self.factor_ = (U * np.sqrt(np.maximum(values, 0))).astype(np.float32)
        self._keep_length(points)
        return self

    def _draw(self, n: int, rng: np.random.Generator) -> FloatMatrix:
        drawn = rng.standard_normal((n, len(self.mean_)), np.float32)
        made: FloatMatrix = drawn @ self.factor_.T + self.mean_
        return made


class NeighborMixture(Generator):
    """Mixes a point with its neighbours, in shares drawn at random.

    As Chawla et al. 2002, "SMOTE", do with two points. What it makes lies between points that
    there are, so that it is never far from them, nor far from what is known.

    Args:
        n_neighbors: With how many of its nearest neighbours, by the cosine, a point is mixed.
        random_state: A seed, for the same samples on every run.

    Attributes:
        points_: (n, d) as they were given: what is made is made of them.
        neighbors_: (n, k) the rows of the neighbours of each.
        length_: That of all points, and of samples; 0 if they differ.
    """

    def __init__(self, n_neighbors: int = 5, random_state: Any = 0) -> None:
        self.n_neighbors = n_neighbors
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Find the neighbours of points (n, d); of fewer points all are. `y` is not used.

        Raises:
            ParameterError: `n_neighbors` is no whole number of 1 or more.
            VectorError: X is not of the shape (n, d), or holds NaN or infinity.
        """
        check("n_neighbors", self.n_neighbors, COUNT)
        self.points_ = self._points(X, reset=True)
        k = min(self.n_neighbors, len(self.points_) - 1)
        self.neighbors_ = neighbor_graph(unit_rows(self.points_), k)[0]
        self._keep_length(self.points_)
        return self

    def _draw(self, n: int, rng: np.random.Generator) -> FloatMatrix:
        rows = rng.integers(len(self.points_), size=n)
        mixed = np.column_stack((rows, self.neighbors_[rows]))
        shares = rng.dirichlet(np.ones(mixed.shape[1]), n).astype(np.float32)
        made: FloatMatrix = np.einsum("nk,nkd->nd", shares, self.points_[mixed])
        return made


class GenerationQuality(NamedTuple):
    """How good generated vectors are.

    Attributes:
        density: How many of the real points' neighbourhoods a generated vector is in, by how many
            it is expected to be in; near 1. Above, samples crowd where real points are dense.
        coverage: The share of the real points whose neighbourhood a generated vector is in.
        copying: The median distance of generated vectors to the nearest training point, by that
            of the real points; near 1. Near 0, training points are copied. NaN without these.
        frechet: The Fréchet distance of two normal distributions. A warning example: mean and
            covariance are all that it sees, and one normal distribution is the best by it.
    """

    density: float
    coverage: float
    copying: float
    frechet: float


def generation_quality(
    generated: ArrayLike, real: ArrayLike, training: ArrayLike | None = None, k: int = 5
) -> GenerationQuality:
    """Compare generated vectors (m, d) with real ones (n, d) that no generator has seen.

    Density and coverage are those of Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics
    for Generative Models": a real point's neighbourhood reaches to its k-th nearest other real
    point. As many vectors as there are real points, some thousands, should be compared.

    Args:
        generated: What was made.
        real: Points held out.
        training: The points (t, d) that the generator was fitted to.
        k: The neighbour up to which a neighbourhood reaches; less than n.

    Raises:
        ParameterError: `k` is not below n.
        VectorError: The shapes differ, an array is empty, or holds NaN or infinity.
    """
    R = _given(real, "real")
    G = _given(generated, "generated", R.shape[1])
    check("k", k, Interval(1, len(R) - 1, whole=True))
    with one_blas_thread():
        radii = np.concatenate([np.partition(D, k, axis=1)[:, k] for D in _distances(R, R)])
        inside, covered = 0, 0
        for start, D in zip(range(0, len(R), _BLOCK), _distances(R, G), strict=True):
            within = radii[start : start + _BLOCK, np.newaxis] >= D
            inside += int(within.sum())
            covered += int(within.any(axis=1).sum())
        copying = float("nan")
        if training is not None:
            T = _given(training, "training", R.shape[1])
            near, far = (np.sqrt(np.median(_nearest(X, T))) for X in (G, R))
            copying = float(near / far) if far else float(near == far)
        distance = _frechet(R, G)
    return GenerationQuality(inside / (k * len(G)), covered / len(R), copying, distance)


def _given(X: ArrayLike, name: str, dimension: int | None = None) -> FloatMatrix:
    matrix = as_matrix(X, name, dimension)
    if not len(matrix):
        raise VectorError(f"{name} has no vectors")
    return matrix


def _distances(X: FloatMatrix, Y: FloatMatrix) -> Iterator[NDArray[np.float64]]:
    """Yield the squared distances of blocks of X from all of Y."""
    squares = row_norms(Y) ** 2
    for start in range(0, len(X), _BLOCK):
        block = X[start : start + _BLOCK]
        D = row_norms(block)[:, np.newaxis] ** 2 + squares - 2.0 * (block @ Y.T)
        yield np.maximum(D, 0, out=D)


def _nearest(X: FloatMatrix, Y: FloatMatrix) -> NDArray[np.float64]:
    return np.concatenate([D.min(axis=1) for D in _distances(X, Y)])


def _frechet(X: FloatMatrix, Y: FloatMatrix) -> float:
    means = [each.mean(axis=0, dtype=np.float64) for each in (X, Y)]
    A, B = (gram(each, mean) / len(each) for each, mean in zip((X, Y), means, strict=True))
    values, U = np.linalg.eigh(A)
    root = (U * np.sqrt(np.maximum(values, 0))) @ U.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ B @ root), 0)).sum()
    return float(np.sum((means[0] - means[1]) ** 2) + np.trace(A) + np.trace(B) - 2 * shared)
