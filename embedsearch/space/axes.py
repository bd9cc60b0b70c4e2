"""Axes of a space: from poles or labels that a person names, and those that the points have."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from embedsearch._checks import BOOLEAN, COUNT, Interval, check
from embedsearch._errors import ParameterError, QueryError, VectorError
from embedsearch._processes import one_blas_thread
from embedsearch.space.base import SpaceTransformer
from embedsearch.vectors.arrays import unit_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from embedsearch._types import FloatMatrix, FloatVector

# Of a difference of unit vectors.
_LEAST = 1e-6
# How often poles are split, and how often as many points are drawn at random in their place.
_SPLITS, _DRAWS = 20, 200
_TOLERANCE, _MOST_ROUNDS = 1e-3, 200


class SemanticAxis(SpaceTransformer):
    """An axis between two poles: where each point is between bad and good, old and new.

    It leads from the mean of one pole to that of the other (An, Kwak and Ahn 2018, "SemAxis").
    Refined, it is then fitted again to the points that lie farthest out on it, by logistic
    regression without any label: words that a person thinks of are few, and the points at the
    ends use others for the same.

    Args:
        refine: Whether to fit it again to its own ends.
        share: So large a share of the points are the ends, each.
        random_state: Of the test of the poles.

    Attributes:
        axis_: (d,) of unit length.
        origin_: The position that becomes 0: halfway between the poles, or where the refined
            axis parts the ends.
        scale_: By what positions are divided: their standard deviation over the points.
        agreement_: The mean cosine of the axes from both halves of the poles, over random halves;
            NaN if a pole has one point.
        p_value_: How often as many points drawn at random, as poles, agree so well; 1 if untested.
    """

    def __init__(self, refine: bool = True, share: float = 0.2, random_state: Any = 0) -> None:
        self.refine, self.share, self.random_state = refine, share, random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find the axis from the points with the least y to those with the greatest.

        X is (n, d), y (n,) numbers, such as -1, 0 and 1: points between belong to no pole. The
        axis is refined on all points but the poles, or on all if the others are fewer than 10.

        Raises:
            ParameterError: A parameter is out of range, or all y are the same.
            QueryError: Both poles are at the same place.
        """
        check("refine", self.refine, BOOLEAN)
        check("share", self.share, Interval(0, 0.5, open_least=True))
        points = self._points(X, reset=True, ensure_min_samples=2, ensure_min_features=2)
        if y is None:
            # As scikit-learn's own say it.
            raise VectorError("requires y to be passed, but the target y is None")
        places = column_or_1d(y, dtype=np.float64)
        check_consistent_length(points, places)
        least, greatest = places == places.min(), places == places.max()
        if least.all():
            raise ParameterError("y", "least for one pole and greatest for the other", places[0])
        others = points[~(least | greatest)]
        return self._fit(points[least], points[greatest], others, others)

    def fit_poles(
        self,
        negative: ArrayLike,
        positive: ArrayLike,
        X: ArrayLike,
        pool: ArrayLike | None = None,
    ) -> Self:
        """Find the axis between poles (a, d) and (b, d), which need not be among the points.

        `pool` (m, d) are those that random poles are drawn from to test them, such as all words
        where the poles are words; by default the points.
        """
        points = self._points(X, reset=True)
        poles = self._points(negative), self._points(positive)
        return self._fit(*poles, points, points if pool is None else self._points(pool))

    def _fit(
        self,
        negative: FloatMatrix,
        positive: FloatMatrix,
        others: FloatMatrix,
        pool: FloatMatrix,
    ) -> Self:
        negative, positive = unit_rows(negative), unit_rows(positive)
        axis = positive.mean(axis=0) - negative.mean(axis=0)
        if not np.linalg.norm(axis) > _LEAST:
            raise QueryError(
                "both poles are at the same place: no axis leads from one to the other"
            )
        self.axis_ = unit_rows(axis)
        self.origin_ = float(self.axis_ @ (positive.mean(axis=0) + negative.mean(axis=0)) / 2)
        self.agreement_, self.p_value_ = self._tested(negative, positive, pool)
        points = others if len(others) >= _FEWEST else np.concatenate((negative, positive, others))
        if self.refine:
            self._refine(points)
        spread = float((points @ self.axis_).std())
        self.scale_ = spread if spread > _LEAST else 1.0
        return self

    def _refine(self, X: FloatMatrix) -> None:
        positions = X @ self.axis_
        count = int(self.share * len(X))
        if count < 2 or np.ptp(positions) < _LEAST:
            return
        order = np.argsort(positions, kind="stable")
        ends = np.concatenate((order[:count], order[-count:]))
        model = LogisticRegression(max_iter=1_000).fit(X[ends], np.repeat([0, 1], count))
        weights = model.coef_[0].astype(np.float32)
        length = float(np.linalg.norm(weights))
        self.axis_ = weights / np.float32(length)
        self.origin_ = -float(model.intercept_[0]) / length

    def _tested(
        self, negative: FloatMatrix, positive: FloatMatrix, pool: FloatMatrix
    ) -> tuple[float, float]:
        sizes = len(negative), len(positive)
        if min(sizes) < 2:
            return float("nan"), 1.0
        draw = check_random_state(self.random_state)
        found = _agreement(negative, positive, draw)
        pool = unit_rows(np.concatenate((negative, positive, pool)))
        as_good = 0
        for _ in range(_DRAWS):
            rows = draw.choice(len(pool), sum(sizes), replace=len(pool) < sum(sizes))
            as_good += _agreement(pool[rows[: sizes[0]]], pool[rows[sizes[0] :]], draw, 1) >= found
        return found, (as_good + 1) / (_DRAWS + 1)

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return where points (n, d) are on the axis: (n, 1), 0 between the ends, in deviations."""
        check_is_fitted(self)
        positions: FloatMatrix = self._points(X) @ self.axis_[:, np.newaxis]
        positions -= np.float32(self.origin_)
        positions /= np.float32(self.scale_)
        return positions

    def remove(self, X: ArrayLike) -> FloatMatrix:
        """Return points (n, d) without what they are on the axis: the rest of each vector."""
        check_is_fitted(self)
        points = self._points(X)
        rest: FloatMatrix = points - (points @ self.axis_)[:, np.newaxis] * self.axis_
        return rest

    @property
    def _n_features_out(self) -> int:
        return 1

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


# Fewer points than this say nothing about the ends.
_FEWEST = 10


def _agreement(
    negative: FloatMatrix, positive: FloatMatrix, draw: Any, splits: int = _SPLITS
) -> float:
    cosines = []
    for _ in range(splits):
        halves = []
        for pole in (negative, positive):
            order = draw.permutation(len(pole))
            half = (len(pole) + 1) // 2
            halves.append((pole[order[:half]].mean(axis=0), pole[order[half:]].mean(axis=0)))
        (n1, n2), (p1, p2) = halves
        cosines.append(float(unit_rows(p1 - n1) @ unit_rows(p2 - n2)))
    return float(np.mean(cosines))


class IndependentAxes(SpaceTransformer):
    """The axes that the points have by themselves: independent components that come back.

    Independent component analysis (Hyvärinen and Oja 2000; FastICA of scikit-learn) finds axes on
    which most points are near 0 and a few far out: those have one thing in common (Yamagishi et
    al. 2023, "Discovering Universal Geometry in Embeddings with ICA"). Another seed may find
    others, and a run may fail: an axis is kept if its greatest correlation with an axis of a
    further run is, in the median, `least` or more (after the ICASSO of Himberg and Hyvärinen 2003).

    Args:
        n_components: How many to look for; None for as many as there are dimensions.
        n_runs: How often, with other seeds; 1 keeps all.
        least: The least correlation, in the median over the further runs.
        random_state: The seed.

    Attributes:
        components_: (k, d): `(X - mean_) @ components_.T` are the positions, with deviation 1.
        mixing_: (k, d) the directions: what one deviation along each axis adds to a vector.
        mean_: (d,) of the points.
        skewness_: (k,) how far one end reaches beyond the other; the longer end is positive. The
            most skewed come first.
        stability_: (k,) that correlation.
        n_found_: How many there were before the unstable ones were left out.
    """

    def __init__(
        self,
        n_components: int | None = None,
        n_runs: int = 4,
        least: float = 0.8,
        random_state: Any = 0,
    ) -> None:
        self.n_components, self.n_runs, self.least = n_components, n_runs, least
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Find the axes of points (n, d).

        Raises:
            ParameterError: A parameter is out of range.
        """
        if self.n_components is not None:
            check("n_components", self.n_components, COUNT)
        check("n_runs", self.n_runs, COUNT)
        check("least", self.least, Interval(0, 1))
        points = self._points(X, reset=True, ensure_min_samples=2)
        # Directions in which all points are the same have no deviation to scale by.
        rank = int(np.linalg.matrix_rank(points - points.mean(axis=0)))
        count = rank if self.n_components is None else min(self.n_components, rank)
        if not count:
            return self._without_axes(points)
        draw = check_random_state(self.random_state)
        seeds = draw.randint(2**31 - 1, size=self.n_runs).tolist()
        task = self._progress.task("independent components", self.n_runs, "runs")
        with one_blas_thread(), task as steps:
            runs = []
            for seed in seeds:
                runs.append(_ica(points, count, seed))
                steps.advance(1)
        positions = [run.transform(points) for run in runs]
        first, run = positions[0], runs[0]
        found = [_best_correlations(first, other) for other in positions[1:]]
        stability = np.median(found, axis=0) if found else np.ones(first.shape[1])
        skewness = (_standardised(first) ** 3).mean(axis=0)
        kept = np.flatnonzero(stability >= self.least)
        kept = kept[np.argsort(-np.abs(skewness[kept]), kind="stable")]
        signs = np.where(skewness[kept] < 0, -1.0, 1.0).astype(np.float32)[:, np.newaxis]
        self.mean_ = run.mean_.astype(np.float32)
        self.components_ = run.components_[kept].astype(np.float32) * signs
        self.mixing_ = run.mixing_.T[kept].astype(np.float32) * signs
        self.skewness_ = np.abs(skewness[kept])
        self.stability_ = np.minimum(stability[kept], 1.0)
        self.n_found_ = int(first.shape[1])
        return self

    def _without_axes(self, points: FloatMatrix) -> Self:
        """Learn from points at one place that there is none."""
        none = np.zeros((0, points.shape[1]), np.float32)
        self.mean_, self.components_, self.mixing_ = points.mean(axis=0), none, none
        self.skewness_, self.stability_, self.n_found_ = np.zeros(0), np.zeros(0), 0
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return where points (n, d) are on each axis: (n, k), in standard deviations."""
        check_is_fitted(self)
        positions: FloatMatrix = (self._points(X) - self.mean_) @ self.components_.T
        return positions

    def inverse_transform(self, S: ArrayLike) -> FloatMatrix:
        """Return the vectors (n, d) of positions (n, k): what other axes add is lost."""
        check_is_fitted(self)
        vectors: FloatMatrix = np.asarray(S, np.float32) @ self.mixing_ + self.mean_
        return vectors

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)


def _ica(X: FloatMatrix, count: int, seed: int) -> FastICA:
    model = FastICA(
        count,
        random_state=seed,
        whiten="unit-variance",
        max_iter=_MOST_ROUNDS,
        tol=_TOLERANCE,
    )
    with warnings.catch_warnings():
        # Whether an axis can be relied on is seen by whether it comes back.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X)


def _best_correlations(S: FloatMatrix, other: FloatMatrix) -> NDArray[np.float64]:
    """Return the greatest correlation of each column with any of another run's: (k,)."""
    products = np.abs(_standardised(S).T @ _standardised(other)) / len(S)
    best: NDArray[np.float64] = products.max(axis=1)
    return best


def _standardised(S: NDArray[Any]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = S.astype(np.float64) - S.mean(axis=0)
    deviations = centred.std(axis=0)
    centred /= np.where(deviations > 0, deviations, 1)
    return centred


def coherence(X: FloatMatrix, positions: FloatVector, count: int = 10) -> float:
    """Return the mean cosine of the `count` points (n, d) that are farthest out on an axis (n,)."""
    far = unit_rows(X[np.argsort(-positions, kind="stable")[:count]])
    if len(far) < 2:
        return 1.0
    cosines = far @ far.T
    n = len(far)
    return float((cosines.sum() - np.trace(cosines)) / (n * (n - 1)))
