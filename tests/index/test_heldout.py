"""Queries with their exact answers."""

from __future__ import annotations

import numpy as np
import pytest

from embedsearch._types import Metric
from embedsearch.index._space import Space
from embedsearch.index.blocks import as_source
from embedsearch.index.heldout import HeldOut
from embedsearch.index.preparation import Prepared, Without

METRICS = [Metric.COSINE, Metric.INNER_PRODUCT, Metric.EUCLIDEAN]


def prepared(X: np.ndarray, metric: Metric) -> Prepared:
    source = as_source(X)
    return Prepared(source, Space.fitting(source, metric))


def ranked(Q: np.ndarray, X: np.ndarray, metric: Metric) -> np.ndarray:
    A, B = Q.astype(np.float64), X.astype(np.float64)
    if metric is Metric.EUCLIDEAN:
        return np.argsort(((A[:, None] - B) ** 2).sum(axis=2), axis=1, kind="stable")
    if metric is Metric.COSINE:
        B /= np.linalg.norm(B, axis=1, keepdims=True)
    return np.argsort(-A @ B.T, axis=1, kind="stable")


@pytest.mark.parametrize("metric", METRICS)
def test_exact_answers_have_a_recall_of_one(metric: Metric) -> None:
    rng = np.random.default_rng(0)
    X, Q = rng.standard_normal((500, 8)) + 3, rng.standard_normal((60, 8)) + 3
    vectors, queries = prepared(X, metric), prepared(Q, metric)
    queries.space = vectors.space
    held_out = HeldOut(vectors, queries.take(np.arange(60)), None, metric)
    best = ranked(Q, X, metric)
    assert held_out.recalls(best[:, :10]).tolist() == [1.0] * 60
    half = np.hstack([best[:, :5], best[:, 200:204], np.full((60, 1), -1)])
    assert held_out.recalls(half).tolist() == [0.5] * 60


@pytest.mark.parametrize("metric", METRICS)
def test_a_row_is_not_its_own_neighbour(metric: Metric) -> None:
    X = np.random.default_rng(1).standard_normal((400, 6))
    rows = np.arange(0, 400, 7)
    vectors = prepared(X, metric)
    held_out = HeldOut(vectors, vectors.take(rows), rows, metric)
    best = ranked(X[rows], X, metric)
    others = np.array([order[order != row] for order, row in zip(best, rows)])
    assert held_out.wanted == 11
    with_own = np.hstack([rows[:, None], others[:, :10]])
    without_own = others[:, :11]
    for answers in (with_own, without_own):
        assert (held_out.recalls(answers) == 1).all()


def test_one_of_many_equal_vectors_is_as_good_as_another() -> None:
    X = np.repeat(np.random.default_rng(2).standard_normal((5, 4)), 40, axis=0)
    Q = X[::40] + 0.01
    held_out = HeldOut(prepared(X, Metric.EUCLIDEAN), Q.astype(np.float32), None, Metric.EUCLIDEAN)
    last_ones = np.array([np.arange(40 * i + 30, 40 * i + 40) for i in range(5)])
    assert (held_out.recalls(last_ones) == 1).all()
    assert (held_out.recalls(np.roll(last_ones, 1, axis=0)) == 0).all()


def test_queries_with_a_copy_are_left_out_where_enough_remain() -> None:
    X = np.random.default_rng(3).standard_normal((300, 4))
    X[200:] = X[:100]
    rows = np.arange(0, 300, 2)
    vectors = prepared(X, Metric.EUCLIDEAN)
    held_out = HeldOut(vectors, vectors.take(rows), rows, Metric.EUCLIDEAN)
    np.testing.assert_array_equal(held_out.Q, vectors.take(np.arange(100, 200, 2)))
    few = rows[rows < 160]
    assert len(HeldOut(vectors, vectors.take(few), few, Metric.EUCLIDEAN).Q) == len(few)


def test_vectors_without_some_are_the_others() -> None:
    X = np.random.default_rng(4).standard_normal((50, 3)).astype(np.float32)
    left_out = np.array([0, 7, 8, 20, 49])
    rest = Without(prepared(X, Metric.INNER_PRODUCT), left_out)
    wanted = np.delete(X, left_out, axis=0)
    blocks = list(rest.blocks(9))
    np.testing.assert_array_equal(np.concatenate([block.X for block in blocks]), wanted)
    assert [block.start for block in blocks] == np.cumsum(
        [0, *(len(block.X) for block in blocks[:-1])]
    ).tolist()
    np.testing.assert_array_equal(rest.take(np.array([5, 44])), wanted[[5, 44]])
