"""A generator that learns against a critic which tells its vectors from real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import COUNT, Interval, check_fields
from embedsearch._processes import one_blas_thread
from embedsearch.space.generation import Generator, generator_of
from embedsearch.space.network import Adam, Network, batches, zero_weights
from embedsearch.vectors.lsa import gram

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from embedsearch._types import FloatMatrix
    from embedsearch.space.network import Floats

_CONSTRAINTS = {
    "n_components": COUNT,
    "hidden": COUNT,
    "epochs": COUNT,
    "batch_size": COUNT,
    "critic_steps": COUNT,
    "learning_rate": Interval(0, open_least=True),
    "penalty": Interval(0),
}


class WassersteinGAN(Generator):
    """Learns to make vectors that a critic cannot tell from real ones.

    The critic gives points numbers, as far apart for real and for made-up ones as slopes of 1
    allow: the difference is the Wasserstein distance, which the generator makes smaller
    (Arjovsky et al. 2017; Gulrajani et al. 2017, whose penalty keeps the slopes at 1). It starts
    as the one normal distribution of the points on their first principal components.

    For vectors of text it is the weakest way to make up new ones, and the slowest; see
    `VariationalAutoencoder` and `NeighborMixture`.

    Args:
        n_components: Random numbers that a vector is made of, k.
        hidden: Units of the hidden layer of the generator, and of both of the critic.
        epochs: Passes over the points, of the critic.
        batch_size: Points of a step.
        critic_steps: Steps of the critic to each of the generator.
        learning_rate: The highest, of both; it falls by a cosine.
        penalty: What a slope other than 1 costs.
        random_state: A seed, for the same vectors on every run; None draws one.

    Attributes:
        mean_: (d,) of the points.
        scale_: By what they are divided: the root of their mean variance.
        weights_: Of the generator, in one vector.
        length_: That of all points, and of samples; 0 if they differ.
        distance_curve_: The critic's estimate of the distance, at the end of each epoch.
    """

    def __init__(
        self,
        n_components: int = 16,
        *,
        hidden: int = 128,
        epochs: int = 30,
        batch_size: int = 64,
        critic_steps: int = 3,
        learning_rate: float = 1e-2,
        penalty: float = 3.0,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.critic_steps = critic_steps
        self.learning_rate = learning_rate
        self.penalty = penalty
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Learn from points (n, d); `y` is not used.

        Raises:
            ParameterError: A parameter is out of range.
            VectorError: X is not of the shape (n, d), or holds NaN or infinity.
        """
        check_fields(self, _CONSTRAINTS)
        points = self._points(X, reset=True)
        with one_blas_thread():
            self._train(points, generator_of(self.random_state))
        self._keep_length(points)
        return self

    def _draw(self, n: int, rng: np.random.Generator) -> FloatMatrix:
        with one_blas_thread():
            maker = Network(
                (self.n_components, self.hidden, self.hidden, len(self.mean_)), self.weights_
            )
            made = maker(self._noise(n, rng))
        vectors: FloatMatrix = made * np.float32(self.scale_) + self.mean_
        return vectors

    def _train(self, X: FloatMatrix, rng: np.random.Generator) -> None:
        d = X.shape[1]
        self.mean_ = X.mean(axis=0, dtype=np.float64).astype(np.float32)
        covariance = gram(X, self.mean_) / len(X)
        self.scale_ = float(np.trace(covariance) / d) ** 0.5 or 1.0
        sizes = self.n_components, self.hidden, self.hidden, d
        self.weights_ = zero_weights(sizes)
        maker = Network(sizes, self.weights_)
        maker.draw(rng, last=False)
        k = min(self.n_components, d)
        values, U = np.linalg.eigh(covariance / self.scale_**2)
        maker.past[:k] = (U * np.sqrt(np.maximum(values, 0))).T[::-1][:k]
        sizes = d, self.hidden, self.hidden, 1
        critic = Network(sizes, zero_weights(sizes))
        critic.draw(rng)
        # Without a long memory, as both chase each other (Gulrajani et al. 2017).
        optimizers = Adam(self.weights_, 0.0, 0.9), Adam(critic.weights, 0.0, 0.9)
        gradients = np.zeros_like(self.weights_), np.zeros_like(critic.weights)
        per_epoch, distances = -(-len(X) // self.batch_size), list[float]()
        steps = batches(
            len(X), self.batch_size, self.epochs, rng, self._progress, "training the generator"
        )
        for step, (rows, factor) in enumerate(steps, 1):
            real = (X[rows] - self.mean_) * np.float32(1 / self.scale_)
            fake = maker(self._noise(len(rows), rng))
            rate = np.float32(self.learning_rate * factor)
            distances.append(self._judge(critic, real, fake, gradients[1], rng))
            optimizers[1].step(gradients[1], rate)
            if step % self.critic_steps == 0:
                self._make(maker, critic, gradients, rng)
                optimizers[0].step(gradients[0], rate)
        self.distance_curve_ = distances[per_epoch - 1 :: per_epoch]

    def _judge(
        self,
        critic: Network,
        real: FloatMatrix,
        fake: FloatMatrix,
        gradient: Floats,
        rng: np.random.Generator,
    ) -> float:
        """Write the gradient of the critic's loss, and return how far it holds both apart."""
        n = len(real)
        both = critic.forward(np.concatenate((real, fake)))
        sign = np.repeat(np.array([-1 / n, 1 / n], np.float32), n)[:, np.newaxis]
        critic.backward(both, sign, gradient)
        share = rng.random((n, 1), np.float32)
        between = critic.forward(share * real + (1 - share) * fake)
        deltas = critic.deltas(between, np.ones((n, 1), np.float32))
        slope = critic.input_slope(deltas)
        length = np.linalg.norm(slope, axis=1, keepdims=True)
        # The derivative of (length - 1)², where there is a slope.
        along = slope * (1 - 1 / np.maximum(length, _SHORTEST))
        along *= np.float32(2 * self.penalty / n)
        critic.add_slope_gradient(between, deltas, along, gradient)
        return -float(np.vdot(sign, both[-1]))

    def _make(
        self,
        maker: Network,
        critic: Network,
        gradients: tuple[Floats, Floats],
        rng: np.random.Generator,
    ) -> None:
        """Write the gradient of the generator: towards what the critic takes for real."""
        made = maker.forward(self._noise(self.batch_size, rng))
        judged = critic.forward(made[-1])
        down = np.full((self.batch_size, 1), -1 / self.batch_size, np.float32)
        maker.backward(made, critic.input_slope(critic.deltas(judged, down)), gradients[0])

    def _noise(self, n: int, rng: np.random.Generator) -> FloatMatrix:
        return rng.standard_normal((n, self.n_components), np.float32)


# A slope that is not longer has no direction.
_SHORTEST = 1e-6
