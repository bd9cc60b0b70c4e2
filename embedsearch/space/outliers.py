"""Points that are unlike the others: scores, and p-values in place of a guessed share of outliers.

A score is higher for what is stranger. What scores are usual is learned from the fitted points,
each scored as if it were not among them, so that a new point has a conformal p-value (Vovk,
Gammerman and Shafer 2005, "Algorithmic Learning in a Random World"): of points like the fitted
ones, a share of at most about p has a p-value of p or less.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import false_discovery_control
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import KFold
from sklearn.neighbors import LocalOutlierFactor
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from embedsearch._checks import COUNT, Choice, Interval, check
from embedsearch._errors import ParameterError, VectorError
from embedsearch.index.vector_index import VectorIndex
from embedsearch.space.base import SpaceEstimator
from embedsearch.vectors.arrays import as_real, row_norms, unit_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from embedsearch._types import FloatMatrix

    FloatVector64 = NDArray[np.float64]

LEVEL = Interval(0, 1, open_least=True)
"""What a rate of false alarms or of false discoveries can be."""
# Scores that differ by less are equal: they come from single precision.
_TIE = 1e-6
# Percentiles of the lengths beyond which scores are not extrapolated.
_SHORT, _LONG = 10, 90
_FOLDS = 5


def false_discoveries(p_values: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Choose from a list of p-values so that a share of at most `alpha` is chosen wrongly.

    By Benjamini and Hochberg 1995, which holds for conformal p-values of new points (Bates et al.
    2023, "Testing for Outliers with Conformal p-values"): (n,) whether each is chosen.

    Raises:
        VectorError: They are no numbers from 0 to 1.
        ParameterError: `alpha` is not above 0, or above 1.
    """
    check("alpha", alpha, LEVEL)
    given = as_real(p_values, "p_values").astype(np.float64)
    if given.ndim != 1 or not ((given >= 0) & (given <= 1)).all():
        raise VectorError("p_values must be (n,) numbers from 0 to 1")
    chosen: NDArray[np.bool_] = (
        false_discovery_control(given) <= alpha if len(given) else np.zeros(0, bool)
    )
    return chosen


class OutlierDetector(SpaceEstimator):
    """What the detectors share: scores less what follows from lengths, and p-values.

    Attributes:
        scores_: (n,) of the fitted points, each as if it were not among them.
        lengths_: (4,) of a fit with lengths: the least and the greatest logarithm of a length
            that is told apart, and the line of scores over it; none without lengths.
    """

    def fit(self, X: ArrayLike, y: object = None, lengths: ArrayLike | None = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Learn what is usual among points (n, d), of which there must be two or more.

        `lengths` (n,) are of what each point was made of, such as the number of terms of a
        document. A longer text has more in common with any other; with lengths, points are
        compared with what is usual at their length: the score is less its linear regression on
        ln(1 + length), held between the 10th and the 90th percentile.

        Raises:
            VectorError: A shape is wrong, or there is NaN or infinity.
            ParameterError: A parameter is out of range.
        """
        points = self._points(X, reset=True, ensure_min_samples=2)
        scores = self._learn(points)
        self.lengths_ = np.zeros(0)
        if lengths is not None:
            x = _logarithms(lengths, len(points))
            low, high = np.percentile(x, (_SHORT, _LONG))
            x = np.clip(x, low, high)
            slope = 0.0 if low == high else float(np.polyfit(x, scores, 1)[0])
            self.lengths_ = np.array([low, high, slope, scores.mean() - slope * x.mean()])
        self.scores_ = self._compared(scores, lengths)
        return self

    @abstractmethod
    def _learn(self, X: FloatMatrix) -> FloatVector64:
        """Learn from points (n, d), and return their scores as if each were not among them."""

    @abstractmethod
    def _score(self, X: FloatMatrix) -> FloatVector64:
        """Return the scores of points (m, d), not yet compared by length."""

    def score_samples(self, X: ArrayLike, lengths: ArrayLike | None = None) -> FloatVector64:
        """Return how strange points (m, d) are: (m,), higher is stranger (elsewhere often lower).

        `lengths` (m,) must be given if the fit had them, and only then.
        """
        check_is_fitted(self)
        return self._compared(self._score(self._points(X)), lengths)

    def p_values(self, X: ArrayLike, lengths: ArrayLike | None = None) -> FloatVector64:
        """Return the conformal p-values (m,) of new points (m, d).

        (1 + how many fitted points score as high) / (n + 1). The p-value of a fitted point is
        nothing but its rank: that some points are the strangest of a collection is certain.
        """
        return self.p_values_of(self.score_samples(X, lengths))

    def p_values_of(self, scores: FloatVector64) -> FloatVector64:
        """Return the p-values (m,) of points whose scores (m,) are known."""
        least = scores - _TIE * np.maximum(np.abs(scores), 1)
        n = len(self.scores_)
        p_values: FloatVector64 = (1 + n - np.searchsorted(np.sort(self.scores_), least)) / (n + 1)
        return p_values

    def predict(
        self, X: ArrayLike, alpha: float = 0.05, lengths: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Return -1 for each point (m, d) with a p-value of at most `alpha`, else 1.

        Of points like the fitted ones, so large a share is called an outlier wrongly. Of a list of
        which the share of wrong ones shall be so small, see `false_discoveries`.

        Raises:
            ParameterError: `alpha` is not above 0, or above 1.
        """
        check("alpha", alpha, LEVEL)
        return np.where(self.p_values(X, lengths) <= alpha, -1, 1)

    def _compared(self, scores: FloatVector64, lengths: ArrayLike | None) -> FloatVector64:
        if (lengths is None) != (not len(self.lengths_)):
            allowed = "given, as for the fit" if lengths is None else "left out, as for the fit"
            raise ParameterError("lengths", allowed, lengths)
        if lengths is None:
            return scores
        low, high, slope, start = self.lengths_
        return scores - start - slope * np.clip(_logarithms(lengths, len(scores)), low, high)


class NeighborOutliers(OutlierDetector):
    """Outliers by their nearest neighbours: how little they have in common with them.

    The score is minus the root of the mean similarity of the nearest, found by our index (after
    Ramaswamy, Rastogi and Shim 2000, who take distances). With the inner product, vectors should
    have their lengths: that of a document in latent semantic analysis, before it is scaled to 1, is
    how much of its words the space knows.

    A copy is no neighbour: a stranger is not hidden by being there twice, nor does a copy make
    anything an outlier.

    Args:
        n_neighbors: How many neighbours.
        metric: "cosine", "ip" (inner product) or "euclidean".
        random_state: Of the index, if there are so many points that it is not exact.

    Attributes:
        points_: (m, d) the points, each once.
        centre_: (d,) what is subtracted from points first: zeros but for Euclidean distances.
        seed_: That of the index.
    """

    def __init__(
        self, n_neighbors: int = 30, metric: str = "cosine", random_state: Any = 0
    ) -> None:
        self.n_neighbors, self.metric, self.random_state = n_neighbors, metric, random_state

    def _learn(self, X: FloatMatrix) -> FloatVector64:
        check("n_neighbors", self.n_neighbors, COUNT)
        check("metric", self.metric, Choice(("cosine", "ip", "euclidean")))
        self.centre_ = (
            X.mean(axis=0) if self.metric == "euclidean" else np.zeros(X.shape[1], np.float32)
        )
        self.seed_ = _seed(self.random_state)
        self.points_ = np.unique(self._placed(X), axis=0)
        self._index = self._indexed()
        return self._score(X)

    def _indexed(self) -> VectorIndex:
        metric = "euclidean" if self.metric == "euclidean" else "ip"
        return VectorIndex.build(
            self.points_, metric, seed=self.seed_, for_="batch", progress=self._progress
        )

    def _placed(self, X: FloatMatrix) -> FloatMatrix:
        if self.metric == "cosine":
            return unit_rows(X)
        placed: FloatMatrix = X - self.centre_
        return placed

    def _score(self, X: FloatMatrix) -> FloatVector64:
        if not hasattr(self, "_index"):
            self._index = self._indexed()
        X, k = self._placed(X), self.n_neighbors
        # As many again, of which some may be copies; the point itself, if fitted, is one.
        near, rows = self._index.search(X, 2 * k + 1)
        others = ~self._copies(X, near, rows)
        # Where all are copies, it is a dense place, not one text that is there many times.
        others |= ~others.any(axis=1, keepdims=True)
        others &= np.cumsum(others, axis=1) <= k
        means = np.where(others, near, 0).sum(axis=1, dtype=np.float64) / others.sum(axis=1)
        scores: FloatVector64 = -np.sign(means) * np.sqrt(np.abs(means))
        return scores

    def _copies(self, X: FloatMatrix, near: FloatMatrix, rows: NDArray[Any]) -> Any:
        """Return which neighbours (m, k) are at the place of the point itself, or nearly."""
        squares = np.square(row_norms(X))[:, np.newaxis]
        own = np.square(row_norms(self.points_))
        if self.metric == "euclidean":
            return np.square(near) <= _SAME * own.mean()
        distances = squares + own[rows] - 2 * near.astype(np.float64)
        return distances <= _COPY * squares

    def __getstate__(self) -> dict[str, Any]:
        # FAISS's index is made again from the points.
        return {k: v for k, v in super().__getstate__().items() if k != "_index"}


# Squares of distances, in parts of a square of a length: of vectors of texts that are nearly the
# same (a cosine of .99), and of equal vectors but for rounding.
_COPY, _SAME = 0.02, 1e-6


class LocalOutliers(OutlierDetector):
    """The local outlier factor (Breunig et al. 2000): less dense than where its neighbours are.

    By scikit-learn's `LocalOutlierFactor`.

    Args:
        n_neighbors: How many neighbours.

    Attributes:
        points_: (n, d) the points.
    """

    def __init__(self, n_neighbors: int = 20) -> None:
        self.n_neighbors = n_neighbors

    def _learn(self, X: FloatMatrix) -> FloatVector64:
        check("n_neighbors", self.n_neighbors, COUNT)
        self.points_ = X
        self._model = self._fitted()
        scores: FloatVector64 = -self._model.negative_outlier_factor_.astype(np.float64)
        return scores

    def _score(self, X: FloatMatrix) -> FloatVector64:
        if not hasattr(self, "_model"):
            self._model = self._fitted()
        scores: FloatVector64 = -self._model.score_samples(X).astype(np.float64)
        return scores

    def _fitted(self) -> LocalOutlierFactor:
        model = LocalOutlierFactor(min(self.n_neighbors, len(self.points_) - 1), novelty=True)
        with warnings.catch_warnings():
            # Of many equal points, which are as dense as can be.
            warnings.simplefilter("ignore", UserWarning)
            return model.fit(self.points_)


class _Modelled(OutlierDetector):
    """Outliers by a model of the points; theirs are the scores of models without them.

    Five models are fitted, each to four fifths of the points, for the scores of the others.
    """

    def _learn(self, X: FloatMatrix) -> FloatVector64:
        self.points_, self.seed_ = X, _seed(self.random_state)
        self._check_parameters()
        scores = np.empty(len(X))
        folds = KFold(min(_FOLDS, len(X)), shuffle=True, random_state=self.seed_)
        task = self._progress.task("outliers", folds.n_splits + 1, "models")
        with task as steps:
            for some, others in folds.split(X):
                scores[others] = self._scores_by(self._fitted(X[some]), X[others])
                steps.advance(1)
            self._model = self._fitted(X)
            steps.advance(1)
        return scores

    def _score(self, X: FloatMatrix) -> FloatVector64:
        if not hasattr(self, "_model"):
            self._model = self._fitted(self.points_)
        return self._scores_by(self._model, X)

    @abstractmethod
    def _check_parameters(self) -> None: ...

    @abstractmethod
    def _fitted(self, X: FloatMatrix) -> Any: ...

    @abstractmethod
    def _scores_by(self, model: Any, X: FloatMatrix) -> FloatVector64: ...


class ForestOutliers(_Modelled):
    """Outliers by an isolation forest (Liu, Ting and Zhou 2008): soon alone under random cuts.

    By scikit-learn's `IsolationForest`.

    Args:
        n_estimators: How many trees.
        random_state: The seed.

    Attributes:
        points_: (n, d) the points.
        seed_: That of the forest.
    """

    def __init__(self, n_estimators: int = 100, random_state: Any = 0) -> None:
        self.n_estimators, self.random_state = n_estimators, random_state

    def _check_parameters(self) -> None:
        check("n_estimators", self.n_estimators, COUNT)

    def _fitted(self, X: FloatMatrix) -> Any:
        return IsolationForest(n_estimators=self.n_estimators, random_state=self.seed_).fit(X)

    def _scores_by(self, model: Any, X: FloatMatrix) -> FloatVector64:
        scores: FloatVector64 = -model.score_samples(X).astype(np.float64)
        return scores


class ReconstructionOutliers(_Modelled):
    """Outliers by what is lost of a point that is compressed and made again.

    Args:
        model: What compresses: anything with `fit`, `transform` and `inverse_transform`, such as an
            autoencoder; a copy of it is fitted. None for principal components.
        n_components: Without a model, the share of the variance that the components have (below
            1), or how many there are.
        random_state: Of the folds, and of the model where it has one.

    Attributes:
        points_: (n, d) the points.
        seed_: That of the folds.
    """

    def __init__(self, model: Any = None, n_components: float = 0.5, random_state: Any = 0) -> None:
        self.model, self.n_components, self.random_state = model, n_components, random_state

    def _check_parameters(self) -> None:
        needed = ("fit", "transform", "inverse_transform", "get_params")
        if self.model is not None and not all(hasattr(self.model, name) for name in needed):
            raise ParameterError(
                "model", f"None or an estimator with {', '.join(needed)}", self.model
            )
        share = Interval(0, 1, open_least=True)
        whole = isinstance(self.n_components, int) and not isinstance(self.n_components, bool)
        check("n_components", self.n_components, COUNT if whole else share)

    def _fitted(self, X: FloatMatrix) -> Any:
        if self.model is not None:
            return clone(self.model).fit(X)
        most = min(X.shape)
        count = self.n_components
        if isinstance(count, int):
            count = min(count, most)
        elif count == 1 or not np.ptp(X, axis=0).any():
            count = most
        # Points at one place, or a single one, have no variance to take shares of.
        with np.errstate(divide="ignore", invalid="ignore"):
            return PCA(count, svd_solver="full").fit(X)

    def _scores_by(self, model: Any, X: FloatMatrix) -> FloatVector64:
        made = np.asarray(model.inverse_transform(model.transform(X)), np.float64)
        scores: FloatVector64 = np.sqrt(np.square(X - made).mean(axis=1))
        return scores


def _seed(random_state: Any) -> int:
    return int(check_random_state(random_state).randint(2**31 - 1))


def _logarithms(lengths: ArrayLike, n: int) -> FloatVector64:
    given = as_real(lengths, "lengths").astype(np.float64)
    if given.shape != (n,) or not (np.isfinite(given) & (given >= 0)).all():
        raise VectorError(f"lengths must be ({n},) numbers of 0 or more, one for each point")
    return np.log1p(given)
