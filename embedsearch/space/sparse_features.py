"""Sparse features: a vector as a sum of a few of many directions, each of which means one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from embedsearch._checks import COUNT, check
from embedsearch._processes import one_blas_thread
from embedsearch.space.base import SpaceTransformer
from embedsearch.vectors.arrays import as_matrix, unit_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from embedsearch._types import FloatMatrix

_BATCH = 256
# Of Adam (Kingma and Ba 2015).
_RATE, _MEAN, _SQUARE, _TINY = 3e-3, 0.9, 0.999, 1e-8


class SparseFeatures(SpaceTransformer):
    """A vector as a sum of a few of many directions: a top-k sparse autoencoder.

    The codes are the `n_active` greatest projections on the features, the others are 0; the
    features are learned so that the codes give the vectors back (Makhzani and Frey 2013,
    "k-Sparse Autoencoders"). With more features than dimensions, each may stand for one thing.

    Args:
        n_features: How many.
        n_active: How many a point has at most.
        epochs: How often the points are gone through.
        random_state: The seed.

    Attributes:
        components_: (k, d) the features, of unit length; the most used first.
        encoder_: (d, k) what finds codes.
        bias_: (k,) of the codes.
        mean_: (d,) of the points.
        usage_: (k,) the share of the points that have it.
    """

    def __init__(
        self,
        n_features: int = 512,
        n_active: int = 8,
        epochs: int = 10,
        random_state: Any = 0,
    ) -> None:
        self.n_features, self.n_active, self.epochs = n_features, n_active, epochs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Learn the features of points (n, d).

        Raises:
            ParameterError: A parameter is out of range.
        """
        check("n_features", self.n_features, COUNT)
        check("n_active", self.n_active, COUNT)
        check("epochs", self.epochs, COUNT)
        points = self._points(X, reset=True)
        draw = check_random_state(self.random_state)
        self.mean_ = points.mean(axis=0)
        centred = points - self.mean_
        # Lengths about 1, so that one learning rate fits all.
        scale = float(np.sqrt((centred**2).sum(axis=1).mean())) or 1.0
        centred /= scale
        start = centred[draw.randint(len(points), size=self.n_features)]
        start = start + 0.1 * draw.standard_normal(start.shape)
        D = unit_rows(start)
        parameters = [D, D.T.copy(), np.zeros(self.n_features, np.float32)]
        with one_blas_thread(), self._progress.task("features", self.epochs, "epochs") as task:
            adam = _Adam(parameters)
            for epoch in range(self.epochs):
                used = np.zeros(self.n_features, np.int64)
                order = draw.permutation(len(points))
                rate = _RATE * (1 - epoch / self.epochs)
                for first in range(0, len(order), _BATCH):
                    batch = centred[order[first : first + _BATCH]]
                    used += self._step(batch, parameters, adam, rate)
                if epoch < self.epochs - 1:
                    self._revive(centred, parameters, adam, used == 0, draw)
                task.advance(1)
        D, E, b = parameters
        self.encoder_, self.bias_ = E, b * np.float32(scale)
        self.components_, self.usage_ = D, np.zeros(self.n_features)
        self.usage_ = (self.transform(points) > 0).mean(axis=0)
        order = np.argsort(-self.usage_, kind="stable")
        self.components_, self.usage_ = D[order], self.usage_[order]
        self.encoder_, self.bias_ = E[:, order], self.bias_[order]
        return self

    def _codes(self, A: FloatMatrix) -> FloatMatrix:
        """Keep the greatest of activations (n, k), those above 0."""
        if self.n_active < A.shape[1]:
            least = np.partition(A, -self.n_active, axis=1)[:, -self.n_active, np.newaxis]
            A = np.where(least > A, 0, A)
        return np.maximum(A, 0)

    def _step(
        self, batch: FloatMatrix, parameters: list[Any], adam: _Adam, rate: float
    ) -> NDArray[np.int64]:
        D, E, b = parameters
        Z = self._codes(batch @ E + b)
        error = Z @ D - batch
        error *= 2 / len(batch)
        back = np.where(Z > 0, error @ D.T, 0)
        adam.update((Z.T @ error, batch.T @ back, back.sum(axis=0)), rate)
        D /= np.maximum(np.linalg.norm(D, axis=1, keepdims=True), _TINY)
        used: NDArray[np.int64] = np.count_nonzero(Z, axis=0)
        return used

    def _revive(
        self,
        centred: FloatMatrix,
        parameters: list[Any],
        adam: _Adam,
        dead: NDArray[np.bool_],
        draw: Any,
    ) -> None:
        """Let features that no point has start again at what the others leave of some points."""
        if not dead.any():
            return
        D, E, b = parameters
        some = centred[draw.randint(len(centred), size=8 * int(dead.sum()))]
        rest = some - self._codes(some @ E + b) @ D
        worst = np.argsort(-(rest**2).sum(axis=1), kind="stable")[: int(dead.sum())]
        D[dead] = unit_rows(rest[worst])
        E[:, dead], b[dead] = D[dead].T, 0
        adam.forget(dead)

    def transform(self, X: ArrayLike) -> FloatMatrix:
        """Return the codes (n, k) of points (n, d): at most `n_active` of each are above 0."""
        check_is_fitted(self)
        return self._codes((self._points(X) - self.mean_) @ self.encoder_ + self.bias_)

    def inverse_transform(self, Z: ArrayLike) -> FloatMatrix:
        """Return the points (n, d) that codes (n, k) stand for."""
        check_is_fitted(self)
        codes = as_matrix(Z, "Z", len(self.components_))
        points: FloatMatrix = codes @ self.components_ + self.mean_
        return points


class _Adam:
    """Moves parameters, in place, against their gradients (Kingma and Ba 2015)."""

    def __init__(self, parameters: list[Any]) -> None:
        self.parameters, self.steps = parameters, 0
        self.means = [np.zeros_like(each) for each in parameters]
        self.squares = [np.zeros_like(each) for each in parameters]

    def update(self, gradients: Any, rate: float) -> None:
        self.steps += 1
        rate *= np.sqrt(1 - _SQUARE**self.steps) / (1 - _MEAN**self.steps)
        for values, mean, square, gradient in zip(
            self.parameters, self.means, self.squares, gradients, strict=True
        ):
            mean += (1 - _MEAN) * (gradient - mean)
            square += (1 - _SQUARE) * (gradient**2 - square)
            values -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(_TINY))

    def forget(self, features: NDArray[np.bool_]) -> None:
        """Forget what was learned of some features."""
        for D, E, b in (self.means, self.squares):
            D[features], E[:, features], b[features] = 0, 0, 0
