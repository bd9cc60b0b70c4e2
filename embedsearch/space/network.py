"""A small dense network in numpy: layers, their gradients, and how it is trained."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedsearch._progress import Progress
    from embedsearch._types import FloatVector, IntVector

Floats: TypeAlias = NDArray[Any]
"""float32; float64 where gradients are compared with finite differences."""

# Of the steps: while the averages of Adam fill, the rate rises.
_WARM_UP = 0.02


class Network:
    """Dense layers with rectifiers between them, and a linear way past them all.

    `y = relu(... relu(x W1 + b1) ...) Wl + bl + x S`. The linear way may start as the principal
    components: the layers then learn what these leave. All weights are one vector: one array for
    an optimizer, and for a file.

    Attributes:
        sizes: Of the input, of each hidden layer, and of the output.
        weights: All of them; `layers` and `past` are views.
        layers: The weights (m, n) and the biases (n,) of each layer.
        past: (d, k) from the input to the output.
    """

    def __init__(self, sizes: Sequence[int], weights: Floats) -> None:
        self.sizes, self.weights = tuple(sizes), weights
        self.layers, self.past = self._views(weights)

    @staticmethod
    def size(sizes: Sequence[int]) -> int:
        """Return how many weights a network of these sizes has."""
        return sum((m + 1) * n for m, n in pairwise(sizes)) + sizes[0] * sizes[-1]

    def draw(self, rng: np.random.Generator, *, last: bool = True) -> None:
        """Start as He et al. 2015 do; without the last layer, the linear way is all at first."""
        for place, (W, _) in enumerate(self.layers):
            if last or place + 1 < len(self.layers):
                W[:] = rng.standard_normal(W.shape, np.float32) * np.sqrt(2 / len(W))

    def forward(self, X: Floats) -> list[Floats]:
        """Return the input, the values of each hidden layer, and the output, last."""
        values = [X]
        for W, b in self.layers:
            if len(values) > 1:
                np.maximum(values[-1], 0, out=values[-1])
            values.append(values[-1] @ W)
            values[-1] += b
        values[-1] += X @ self.past
        return values

    def __call__(self, X: Floats) -> Floats:
        """Return the output (n, k) for an input (n, d)."""
        return self.forward(X)[-1]

    def deltas(self, values: Sequence[Floats], slope: Floats) -> list[Floats]:
        """Return the derivatives by what goes into each layer's rectifier, given those by `y`."""
        found = [slope]
        for (W, _), hidden in zip(self.layers[:0:-1], values[-2:0:-1], strict=True):
            delta = found[-1] @ W.T
            delta *= hidden > 0
            found.append(delta)
        return found[::-1]

    def backward(self, values: Sequence[Floats], slope: Floats, gradient: Floats) -> list[Floats]:
        """Write the derivatives by all weights into `gradient`; return `deltas`."""
        layers, past = self._views(gradient)
        deltas = self.deltas(values, slope)
        for (W, b), below, delta in zip(layers, values, deltas, strict=False):
            np.matmul(below.T, delta, out=W)
            np.sum(delta, axis=0, out=b)
        np.matmul(values[0].T, slope, out=past)
        return deltas

    def input_slope(self, deltas: Sequence[Floats]) -> Floats:
        """Return the derivatives by the input (n, d)."""
        slope: Floats = deltas[0] @ self.layers[0][0].T
        slope += deltas[-1] @ self.past.T
        return slope

    def add_slope_gradient(
        self, values: Sequence[Floats], deltas: Sequence[Floats], along: Floats, gradient: Floats
    ) -> None:
        """Add the derivatives by all weights of `sum(along * input_slope)`, `along` held fixed.

        That sum is the derivative of the output in the direction of `along` (n, d). Rectifiers are
        linear almost everywhere: it goes forward through the layers as the input does.
        """
        layers, past = self._views(gradient)
        past += along.T @ deltas[-1]
        for place, ((W, _), delta) in enumerate(zip(layers, deltas, strict=True)):
            W += along.T @ delta
            if place + 1 < len(layers):
                along = (along @ self.layers[place][0]) * (values[place + 1] > 0)

    def _views(self, flat: Floats) -> tuple[list[tuple[Floats, Floats]], Floats]:
        layers, start = [], 0
        for m, n in pairwise(self.sizes):
            W = flat[start : start + m * n].reshape(m, n)
            start += m * n
            layers.append((W, flat[start : start + n]))
            start += n
        return layers, flat[start:].reshape(self.sizes[0], self.sizes[-1])


def zero_weights(*sizes: Sequence[int]) -> FloatVector:
    """Return the weights of several networks in one vector, so that one optimizer trains them."""
    return np.zeros(sum(map(Network.size, sizes)), np.float32)


def split_networks(weights: Floats, *sizes: Sequence[int]) -> list[Network]:
    """Return the networks whose weights lie in one vector, after one another."""
    ends = np.cumsum([Network.size(each) for each in sizes])
    return list(map(Network, sizes, np.split(weights, ends[:-1])))


class Adam:
    """Kingma and Ba 2015, "Adam", on one vector of weights, which it changes."""

    def __init__(self, weights: Floats, decay: float = 0.9, square_decay: float = 0.999) -> None:
        self.weights = weights
        self._decays = decay, square_decay
        self._mean, self._square = np.zeros_like(weights), np.zeros_like(weights)
        self._steps = 0

    def step(self, gradient: Floats, rate: float) -> None:
        """Go one step against a gradient."""
        self._steps += 1
        a, b = self._decays
        self._mean += (1 - a) * (gradient - self._mean)
        self._square += (1 - b) * (gradient * gradient - self._square)
        unbiased = rate * (1 - b**self._steps) ** 0.5 / (1 - a**self._steps)
        self.weights -= unbiased * self._mean / (np.sqrt(self._square) + 1e-8)


def batches(
    n: int, size: int, epochs: int, rng: np.random.Generator, progress: Progress, name: str
) -> Iterator[tuple[IntVector, float]]:
    """Yield the rows of each batch, and what the learning rate is times: up, then a cosine down."""
    steps, done = epochs * -(-n // size), 0
    with progress.task(name, total=epochs, unit="epochs") as task:
        for _ in range(epochs):
            order = rng.permutation(n)
            for start in range(0, n, size):
                part = done / steps
                rise = min(1.0, (part + 1 / steps) / _WARM_UP)
                yield order[start : start + size], rise * (1 + np.cos(np.pi * part)) / 2
                done += 1
            task.advance(1)
