"""The gradients of the network are those of its function, and Adam is that of the paper."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from embedsearch._progress import SilentProgress
from embedsearch.space.network import Adam, Network, batches, split_networks, zero_weights

SIZES = (5, 7, 6, 3)


def network(sizes: tuple[int, ...] = SIZES, seed: int = 0) -> Network:
    draw = np.random.default_rng(seed)
    return Network(sizes, draw.standard_normal(Network.size(sizes)) / 2)


def points(n: int = 8, d: int = 5) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((n, d))


def finite_differences(loss: Callable[[], float], at: np.ndarray) -> np.ndarray:
    """Return the derivatives of a loss by each number of an array, which it reads."""
    found, step = np.empty(at.size), 1e-6
    flat = at.reshape(-1)
    for place, value in enumerate(flat.copy()):
        flat[place] = value + step
        above = loss()
        flat[place] = value - step
        found[place] = (above - loss()) / (2 * step)
        flat[place] = value
    return found.reshape(at.shape)


def test_it_is_layers_with_rectifiers_and_a_linear_way_past_them() -> None:
    net, X = network(), points()
    (A, a), (B, b), (C, c) = net.layers
    hidden = np.maximum(np.maximum(X @ A + a, 0) @ B + b, 0)
    np.testing.assert_allclose(net(X), hidden @ C + c + X @ net.past)
    assert net.past.shape == (5, 3)
    assert Network.size(SIZES) == 5 * 7 + 7 + 7 * 6 + 6 + 6 * 3 + 3 + 5 * 3


@pytest.mark.parametrize("sizes", [(5, 3), (5, 4, 3), SIZES])
def test_gradients_are_finite_differences(sizes: tuple[int, ...]) -> None:
    net, X = network(sizes), points()
    aim = np.random.default_rng(2).standard_normal((8, 3))

    def loss() -> float:
        return float(np.square(net(X) - aim).sum() / 2)

    gradient = np.full_like(net.weights, np.nan)
    values = net.forward(X)
    deltas = net.backward(values, values[-1] - aim, gradient)
    np.testing.assert_allclose(gradient, finite_differences(loss, net.weights), atol=1e-6)
    np.testing.assert_allclose(net.input_slope(deltas), finite_differences(loss, X), atol=1e-6)


@pytest.mark.parametrize("sizes", [(5, 1), (5, 4, 1), (5, 7, 6, 1)])
def test_the_gradient_of_a_penalty_on_slopes_is_finite_differences(sizes: tuple[int, ...]) -> None:
    net, X = network(sizes), points()
    ones = np.ones((len(X), 1))

    def slopes() -> np.ndarray:
        return net.input_slope(net.deltas(net.forward(X), ones))

    def penalty() -> float:
        return float(np.square(np.linalg.norm(slopes(), axis=1) - 1).sum())

    slope = slopes()
    length = np.linalg.norm(slope, axis=1, keepdims=True)
    values, gradient = net.forward(X), np.zeros_like(net.weights)
    along = 2 * (1 - 1 / length) * slope
    net.add_slope_gradient(values, net.deltas(values, ones), along, gradient)
    np.testing.assert_allclose(gradient, finite_differences(penalty, net.weights), atol=1e-6)


def test_several_networks_lie_in_one_vector() -> None:
    weights = zero_weights((2, 3), (3, 4, 1))
    first, second = split_networks(weights, (2, 3), (3, 4, 1))
    first.past[:] = 1
    second.layers[0][0][:] = 2
    assert weights.sum() == 2 * 3 + 2 * 3 * 4
    assert (first.weights.size, second.weights.size) == (2 * 3 + 3 + 2 * 3, 12 + 4 + 4 + 1 + 3)


def test_drawn_without_the_last_layer_it_is_linear_and_else_keeps_the_variance() -> None:
    net = Network((200, 300, 1000), zero_weights((200, 300, 1000)))
    net.draw(np.random.default_rng(0), last=False)
    X = np.random.default_rng(1).standard_normal((50, 200)).astype(np.float32)
    assert not net(X).any()
    net.draw(np.random.default_rng(0))
    assert np.square(net(X)).mean() == pytest.approx(2, rel=0.15)


def test_adam_steps_as_in_the_paper() -> None:
    weights, draw = np.array([1.0, -2.0]), np.random.default_rng(0)
    optimizer, expected = Adam(weights, 0.9, 0.99), weights.copy()
    mean, square = np.zeros(2), np.zeros(2)
    for t in range(1, 6):
        g = draw.standard_normal(2)
        mean, square = 0.9 * mean + 0.1 * g, 0.99 * square + 0.01 * g**2
        expected -= 0.1 * (mean / (1 - 0.9**t)) / (np.sqrt(square / (1 - 0.99**t)) + 1e-8)
        optimizer.step(g, 0.1)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


def test_batches_take_every_row_once_an_epoch_and_the_rate_rises_and_falls() -> None:
    found = list(batches(10, 4, 30, np.random.default_rng(0), SilentProgress(), "training"))
    assert len(found) == 90
    for start in range(0, 90, 3):
        rows = np.concatenate([rows for rows, _ in found[start : start + 3]])
        assert sorted(rows.tolist()) == list(range(10))
    rates = [rate for _, rate in found]
    assert rates[0] < rates[1] > 0.99
    assert all(a > b for a, b in pairwise(rates[2:]))
    assert rates[-1] < 0.01


@pytest.mark.extras
def test_gradients_are_those_of_torch() -> None:
    import torch

    net, X = network((5, 7, 6, 1)), points()
    (A, a), (B, b), (C, c) = [
        tuple(torch.tensor(each.copy(), requires_grad=True) for each in layer)
        for layer in net.layers
    ]
    S = torch.tensor(net.past.copy(), requires_grad=True)
    x = torch.tensor(X, requires_grad=True)
    y = torch.relu(torch.relu(x @ A + a) @ B + b) @ C + c + x @ S
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    loss = y.sum() + ((slope.norm(dim=1) - 1) ** 2).sum()
    loss.backward()
    expected = torch.cat(
        [each.grad.reshape(-1) for each in (A, a, B, b, C, c, S) if each.grad is not None]
    )

    gradient, ones = np.zeros_like(net.weights), np.ones((len(X), 1))
    values = net.forward(X)
    deltas = net.backward(values, ones, gradient)
    own = net.input_slope(deltas)
    np.testing.assert_allclose(own, slope.detach().numpy())
    length = np.linalg.norm(own, axis=1, keepdims=True)
    net.add_slope_gradient(values, deltas, 2 * (1 - 1 / length) * own, gradient)
    np.testing.assert_allclose(gradient, expected.numpy())
