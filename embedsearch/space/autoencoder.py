"""Autoencoders: points as a few numbers, from which they are made again."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.utils.validation import check_is_fitted

from embedsearch._checks import COUNT, Interval, Optional, check, check_fields
from embedsearch._errors import VectorError
from embedsearch._processes import one_blas_thread
from embedsearch.space.base import SpaceTransformer
from embedsearch.space.generation import Generator, generator_of
from embedsearch.space.network import Adam, batches, split_networks, zero_weights
from embedsearch.vectors.arrays import as_matrix
from embedsearch.vectors.lsa import gram

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from embedsearch._checks import Constraint
    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.space.network import Floats, Network

POSITIVE = Interval(0, open_least=True)
_CONSTRAINTS: dict[str, Constraint] = {
    "n_components": COUNT,
    "hidden": COUNT,
    "epochs": COUNT,
    "batch_size": Optional(COUNT),
    "learning_rate": POSITIVE,
}
# Rows that are decoded at once.
_BLOCK = 8_192
# Batches of an epoch, and the sizes they have: few points are learned in more steps.
_BATCHES, _BATCH_SIZES = 128, (16, 256)
# A component with less of the variance than this is rounding error.
_LEAST = 1e-6
# The logarithm of the variance of a code is kept within this, so that no step overflows.
_LOG_VARIANCE = -12, 4
# That at the start: codes nearly as sure as those of a plain autoencoder.
_FIRST_LOG_VARIANCE = -2
# Codes that the mixture is fitted to.
_MOST_CODES = 20_000
# Normal distributions of the mixture, times the root of the number of points: with fewer, samples
# miss points, with more they crowd.
_MIXTURE = 0.2
# Codes to each of them at least, what is added to their variances, and the most rounds of fitting.
_POINTS_EACH, _RIDGE, _ROUNDS = 40, 1e-4, 30


class Autoencoder(SpaceTransformer):
    """Learns to make points again from a few numbers each, their codes.

    A network with one hidden layer encodes, another decodes, both with a linear way past the
    layer. It starts as principal components, which are the best that a linear map can do, and
    learns what they leave (Hinton and Salakhutdinov 2006, "Reducing the Dimensionality of Data
    with Neural Networks"; trained by Adam). What it makes again badly does not fit the rest.

    Args:
        n_components: Numbers of a code, k; at most as many as dimensions are used.
        hidden: Units of each hidden layer.
        noise: Learn to make points from points that were disturbed: the standard deviation of
            the noise, as a part of that of the points (Vincent et al. 2008, "denoising").
        epochs: Passes over the points.
        batch_size: Points of a step; None for 16 to 256, by how many there are.
        learning_rate: The highest; it rises at first, and falls by a cosine.
        random_state: A seed, for the same codes on every run; None draws one.

    Attributes:
        mean_: (d,) of the points.
        scale_: By what they are divided: the root of their mean variance.
        weights_: Of both networks, in one vector.
        n_components_: k.
        loss_curve_: The mean squared error of each epoch, as a part of the variance.
    """

    _outputs = 1  # of the encoder, for each number of a code

    def __init__(
        self,
        n_components: int = 16,
        *,
        hidden: int = 128,
        noise: float = 0.0,
        epochs: int = 20,
        batch_size: int | None = None,
        learning_rate: float = 0.01,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden = hidden
        self.noise = noise
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Learn from points (n, d); `y` is not used. One point, or identical ones, are learned.

        Raises:
            ParameterError: A parameter is out of range.
            VectorError: X is not of the shape (n, d), or holds NaN or infinity.
        """
        check_fields(self, _CONSTRAINTS)
        check("noise", self.noise, Interval(0))
        points = self._points(X, reset=True)
        with one_blas_thread():
            self._train(points, generator_of(self.random_state))
        return self

    def transform(self, X: ArrayLike) -> FloatMatrix:
        """Return the codes (n, k) of points (n, d)."""
        check_is_fitted(self)
        X = self._points(X)
        return self._by_blocks(self._codes, X, self.n_components_)

    def inverse_transform(self, Z: ArrayLike) -> FloatMatrix:
        """Return the points (n, d) that codes (n, k) stand for.

        Raises:
            VectorError: Z is not of the shape (n, k), or holds NaN or infinity.
        """
        check_is_fitted(self)
        codes = as_codes(Z, self.n_components_)
        return self._by_blocks(self._decoded, codes, len(self.mean_))

    def reconstruction_error(self, X: ArrayLike) -> FloatVector:
        """Return the squared distance of each point (n, d) to what is made of its code: (n,)."""
        check_is_fitted(self)
        points = self._points(X)
        rest = points - self.inverse_transform(self.transform(points))
        errors: FloatVector = np.einsum("nd,nd->n", rest, rest)
        return errors

    def score_samples(self, X: ArrayLike) -> FloatVector:
        """Return the reconstruction error with its sign turned, so that higher fits better."""
        return -self.reconstruction_error(X)

    def score(self, X: ArrayLike, y: object = None) -> float:  # noqa: ARG002
        """Return the share of the variance of points (n, d) that their codes keep: 1 is all."""
        check_is_fitted(self)
        points = self._points(X)
        total = float(np.square(points - points.mean(axis=0), dtype=np.float64).sum())
        error = float(self.reconstruction_error(points).sum(dtype=np.float64))
        return 1 - error / total if total else float(error == 0)

    def _train(self, X: FloatMatrix, rng: np.random.Generator) -> None:
        d = X.shape[1]
        self.mean_ = X.mean(axis=0, dtype=np.float64).astype(np.float32)
        covariance = gram(X, self.mean_) / len(X)
        variance = float(np.trace(covariance)) / d
        self.scale_ = variance**0.5 or 1.0
        self.n_components_ = min(self.n_components, d)
        self.weights_ = zero_weights(*self._sizes(d))
        nets = self._networks()
        self._start(nets, covariance / self.scale_**2, rng)
        gradient = np.zeros_like(self.weights_)
        slices = [each.weights for each in split_networks(gradient, *self._sizes(d))]
        optimizer, errors = Adam(self.weights_), list[float]()
        size = self.batch_size or int(np.clip(len(X) // _BATCHES, *_BATCH_SIZES))
        steps = batches(len(X), size, self.epochs, rng, self._progress, "training the autoencoder")
        for rows, factor in steps:
            batch = self._standardized(X[rows])
            errors.append(self._step(nets, slices, batch, rng) * len(rows))
            optimizer.step(gradient, np.float32(self.learning_rate * factor))
        total = np.reshape(errors, (self.epochs, -1)).sum(axis=1)
        self.loss_curve_ = (total / len(X) / d).tolist()

    def _start(self, nets: list[Network], covariance: Any, rng: np.random.Generator) -> None:
        """Start as principal components, with codes of variance 1."""
        encoder, decoder = nets
        for net in nets:
            net.draw(rng, last=False)
        k = self.n_components_
        values, U = np.linalg.eigh(covariance)
        values, U = values[::-1][:k], U[:, ::-1][:, :k]
        spread = np.sqrt(np.maximum(values, 0))
        known = spread > _LEAST
        encoder.past[:, :k] = np.where(known, U / np.where(known, spread, 1), 0)
        decoder.past[:] = (U * spread).T

    def _step(
        self, nets: list[Network], gradient: list[Floats], X: FloatMatrix, rng: np.random.Generator
    ) -> float:
        """Write the gradient of a batch, and return its mean squared error."""
        encoder, decoder = nets
        given = X
        if self.noise:
            given = X + np.float32(self.noise) * rng.standard_normal(X.shape, np.float32)
        below = encoder.forward(given)
        above = decoder.forward(below[-1])
        rest = above[-1] - X
        error = float(np.vdot(rest, rest)) / len(X)
        rest *= np.float32(1 / len(X))
        slope = decoder.input_slope(decoder.backward(above, rest, gradient[1]))
        encoder.backward(below, slope, gradient[0])
        return error

    def _sizes(self, d: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        k = self.n_components_
        return (d, self.hidden, k * self._outputs), (k, self.hidden, d)

    def _networks(self) -> list[Network]:
        return split_networks(self.weights_, *self._sizes(len(self.mean_)))

    def _standardized(self, X: FloatMatrix) -> FloatMatrix:
        standardized: FloatMatrix = (X - self.mean_) * np.float32(1 / self.scale_)
        return standardized

    def _codes(self, X: FloatMatrix) -> FloatMatrix:
        found = self._networks()[0](self._standardized(X))
        codes: FloatMatrix = found[:, : self.n_components_]
        return codes

    def _decoded(self, Z: FloatMatrix) -> FloatMatrix:
        points: FloatMatrix = self._networks()[1](Z) * np.float32(self.scale_) + self.mean_
        return points

    @staticmethod
    def _by_blocks(work: Any, X: FloatMatrix, width: int) -> FloatMatrix:
        found = np.empty((len(X), width), np.float32)
        with one_blas_thread():
            for start in range(0, len(X), _BLOCK):
                found[start : start + _BLOCK] = work(X[start : start + _BLOCK])
        return found

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)


class VariationalAutoencoder(Generator, Autoencoder):
    """An autoencoder whose codes lie so that others near them stand for points, too.

    Codes are drawn from a normal distribution around what the encoder says, and are kept near the
    standard normal by the Kullback-Leibler divergence, `beta` times (Kingma and Welling 2014,
    "Auto-Encoding Variational Bayes"; Higgins et al. 2017). With a small `beta` codes keep more,
    but do not fill the standard normal: samples are drawn from a mixture of normal distributions
    fitted to the codes (Ghosh et al. 2020, "From Variational to Deterministic Autoencoders").

    If all points have one length, samples have it, too.

    Args:
        n_components, hidden, epochs, batch_size, learning_rate, random_state: As of
            `Autoencoder`.
        beta: What the divergence counts, against squared errors in units of the mean variance.
        mixture: Normal distributions of the mixture; None for more the more points there are: 26
            for 17,000. Never more than one for 40 points.

    Attributes:
        mixture_weights_: (m,)
        mixture_means_: (m, k)
        mixture_factors_: (m, k, k) the Cholesky factors of the covariances.
        length_: That of all points, and of samples; 0 if they differ.
        mean_, scale_, weights_, n_components_, loss_curve_: As of `Autoencoder`.
    """

    _outputs = 2

    def __init__(
        self,
        n_components: int = 20,
        *,
        hidden: int = 128,
        beta: float = 0.1,
        mixture: int | None = None,
        epochs: int = 20,
        batch_size: int | None = None,
        learning_rate: float = 0.01,
        random_state: Any = 0,
    ) -> None:
        super().__init__(
            n_components,
            hidden=hidden,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            random_state=random_state,
        )
        self.beta = beta
        self.mixture = mixture

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn from points (n, d); `y` is not used. Raises as `Autoencoder.fit` does."""
        check("beta", self.beta, Interval(0))
        check("mixture", self.mixture, Optional(COUNT))
        return super().fit(X, y)

    def _train(self, X: FloatMatrix, rng: np.random.Generator) -> None:
        super()._train(X, rng)
        self._keep_length(X)
        rows = rng.permutation(len(X))[:_MOST_CODES]
        wanted = self.mixture or round(_MIXTURE * len(X) ** 0.5)
        self._fit_mixture(self._codes(X[rows]), wanted, int(rng.integers(2**31)))

    def _start(self, nets: list[Network], covariance: Any, rng: np.random.Generator) -> None:
        super()._start(nets, covariance, rng)
        nets[0].layers[-1][1][self.n_components_ :] = _FIRST_LOG_VARIANCE

    def _step(
        self, nets: list[Network], gradient: list[Floats], X: FloatMatrix, rng: np.random.Generator
    ) -> float:
        encoder, decoder = nets
        n, k = len(X), self.n_components_
        below = encoder.forward(X)
        means, logs = below[-1][:, :k], np.clip(below[-1][:, k:], *_LOG_VARIANCE)
        spread = np.exp(logs / 2)
        drawn = rng.standard_normal(means.shape, np.float32)
        above = decoder.forward(means + spread * drawn)
        rest = above[-1] - X
        error = float(np.vdot(rest, rest)) / n
        rest *= np.float32(1 / n)
        slope = decoder.input_slope(decoder.backward(above, rest, gradient[1]))
        # The divergence of a normal distribution from the standard one: (m² + s² - 1) / 2 - log s.
        weight = np.float32(self.beta / n)
        of_logs = (slope * drawn * spread + weight * (spread * spread - 1)) / 2
        encoder.backward(below, np.hstack((slope + weight * means, of_logs)), gradient[0])
        return error

    def _fit_mixture(self, codes: FloatMatrix, wanted: int, seed: int) -> None:
        n, k = codes.shape
        count = max(1, min(wanted, n // _POINTS_EACH))
        if n < 2:
            found = np.ones(1), codes.astype(np.float64), np.zeros((1, k, k))
        else:
            model = GaussianMixture(
                count,
                reg_covar=_RIDGE,
                max_iter=_ROUNDS,
                init_params="k-means++",
                random_state=seed,
            )
            with warnings.catch_warnings():
                # It need not be at the optimum, and points may be identical.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(codes.astype(np.float64))
            found = model.weights_, model.means_, np.linalg.cholesky(model.covariances_)
        self.mixture_weights_, self.mixture_means_, self.mixture_factors_ = found

    def _draw(self, n: int, rng: np.random.Generator) -> FloatMatrix:
        which = rng.choice(len(self.mixture_weights_), n, p=self.mixture_weights_)
        around = rng.standard_normal((n, self.n_components_))
        codes = self.mixture_means_[which]
        codes += np.einsum("nij,nj->ni", self.mixture_factors_[which], around)
        return self.inverse_transform(codes)


def as_codes(Z: ArrayLike, k: int) -> FloatMatrix:
    """Return codes as a checked matrix (n, k)."""
    codes = as_matrix(Z, "Z")
    if codes.shape[1] != k:
        raise VectorError(f"Z must have the {k} numbers of a code, got {codes.shape[1]}")
    return codes
