"""Autoencoders and generators beside their rivals: `python -m benchmarks.space.nets WORKSPACE`.

The points are documents of a workspace by LSA with 100 dimensions, or the words of it. First, what
16 numbers keep of the variance of at most 50,000 points, in training and of points held out:
principal components, scikit-learn's MLPRegressor as an autoencoder (100-128-16-128-100, 20
epochs), ours. Then generators, fitted to at most 17,000 points: density, coverage, copying and
Fréchet distance against 3,000 held out; real points show what can be reached. All in CPU-seconds
with one thread.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from typing import TYPE_CHECKING, Any

os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

import embedsearch as es
from embedsearch.sklearn import (
    Autoencoder,
    GaussianGenerator,
    NeighborMixture,
    VariationalAutoencoder,
    WassersteinGAN,
    generation_quality,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

_CODES, _HIDDEN, _EPOCHS = 16, 128, 20
_MOST_CODED, _MOST_TRAINED, _MOST_HELD_OUT = 50_000, 17_000, 3_000


class Perceptron:
    """scikit-learn's network, which learns to say again what it is given."""

    def __init__(self) -> None:
        layers = (_HIDDEN, _CODES, _HIDDEN)
        self._model = MLPRegressor(hidden_layer_sizes=layers, max_iter=_EPOCHS, random_state=0)

    def fit(self, X: Matrix) -> None:
        """Train for 20 epochs, after which it has not converged."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model.fit(X, X)

    def again(self, X: Matrix) -> Matrix:
        """Return what it makes of points."""
        made: Matrix = self._model.predict(X)
        return made


class Coded:
    """What has codes, such as principal components."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def fit(self, X: Matrix) -> None:
        """Learn the codes."""
        self._model.fit(X)

    def again(self, X: Matrix) -> Matrix:
        """Return what it makes of points, by their codes."""
        made: Matrix = self._model.inverse_transform(self._model.transform(X))
        return made


def compare_codes(X: Matrix) -> None:
    """Print what codes keep."""
    held_out = min(len(X) // 10, _MOST_HELD_OUT)
    T, R = X[:-held_out], X[-held_out:]
    print(f"{len(T):,} points × {X.shape[1]}: variance kept by {_CODES} numbers")
    print(f"{'':28}{'CPU s':>7}{'trained':>9}{'unseen':>9}")
    rivals: dict[str, Any] = {
        "PCA": Coded(PCA(_CODES)),
        "scikit-learn MLPRegressor": Perceptron(),
        "Autoencoder": Coded(Autoencoder(_CODES, hidden=_HIDDEN, epochs=_EPOCHS)),
        "VariationalAutoencoder": Coded(
            VariationalAutoencoder(_CODES, hidden=_HIDDEN, epochs=_EPOCHS)
        ),
    }
    for name, rival in rivals.items():
        seconds = cpu(lambda rival=rival: rival.fit(T))
        kept = [1 - np.square(Y - rival.again(Y)).sum() / spread(Y) for Y in (T, R)]
        print(f"{name:28}{seconds:7.2f}{kept[0]:9.3f}{kept[1]:9.3f}", flush=True)


def compare_generators(X: Matrix) -> None:
    """Print how good generated vectors are."""
    held_out = min(len(X) // 5, _MOST_HELD_OUT)
    R, T = X[:held_out], X[held_out:][:_MOST_TRAINED]
    print(f"{len(T):,} points × {X.shape[1]}: {held_out:,} vectors against as many unseen ones")
    print(f"{'':28}{'CPU s':>7}{'density':>9}{'coverage':>9}{'copying':>9}{'Fréchet':>9}")
    show("points of the training part", 0.0, generation_quality(T[:held_out], R))
    for model in (
        GaussianGenerator(),
        NeighborMixture(),
        VariationalAutoencoder(),
        WassersteinGAN(),
    ):
        seconds = cpu(lambda model=model: model.fit(T))
        show(type(model).__name__, seconds, generation_quality(model.sample(held_out), R, T))


def show(name: str, seconds: float, quality: Any) -> None:
    """Print a line of figures."""
    print(f"{name:28}{seconds:7.2f}" + "".join(f"{each:9.3f}" for each in quality), flush=True)


def spread(X: Matrix) -> float:
    """Return the sum of squared distances from the mean."""
    return float(np.square(X - X.mean(axis=0)).sum())


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU-seconds of some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Compare on a workspace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace")
    parser.add_argument("--of", choices=["documents", "words"], default="documents")
    options = parser.parse_args()
    with es.open(options.workspace) as ws:
        X = ws.space.points(options.of).vectors
    X = X[np.random.default_rng(0).permutation(len(X))]
    compare_codes(X[:_MOST_CODED])
    compare_generators(X)


if __name__ == "__main__":
    main()
