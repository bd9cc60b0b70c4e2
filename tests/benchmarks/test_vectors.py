from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.neighbors import NearestNeighbors

from benchmarks.vectors import Clustered, Truth, open_vectors, split


def test_the_same_vectors_come_first_however_many_are_drawn(tmp_path: Path) -> None:
    for count in (100, 70_000):
        Clustered(16, seed=3).write(tmp_path / f"{count}.npy", count)
    few, many = (np.load(tmp_path / f"{count}.npy") for count in (100, 70_000))
    assert np.array_equal(few, many[:100])
    assert not np.array_equal(many[:100], many[65_536:65_636])
    assert not np.array_equal(few, Clustered(16, seed=4).block(0, 100))


def test_neighbours_of_planted_vectors_are_much_nearer_than_others() -> None:
    X = Clustered(32).block(0, 20_000).astype(np.float64)
    near = NearestNeighbors(n_neighbors=11).fit(X).kneighbors(X[:200])[0][:, 1:]
    apart = np.linalg.norm(X[:200] - X[200:400], axis=1)
    # Neither alike, as in many dimensions without clusters, nor all the same.
    assert 1.3 < np.median(apart) / np.median(near) < 5


@pytest.mark.parametrize("euclidean", [False, True])
def test_the_truth_is_that_of_scikit_learn(euclidean: bool) -> None:
    rng = np.random.default_rng(0)
    X, Q = rng.normal(size=(9000, 8)).astype(np.float32), rng.normal(size=(5, 8))
    Q = Q.astype(np.float32)
    if not euclidean:
        X /= np.linalg.norm(X, axis=1, keepdims=True)
    metric = "euclidean" if euclidean else "cosine"
    nearest = NearestNeighbors(n_neighbors=12, metric=metric).fit(X).kneighbors(Q)[1]
    truth = Truth(X, Q, euclidean)
    assert truth.recall(nearest[:, :10]) == 1
    assert truth.recall(nearest[:, 2:]) == pytest.approx(0.8)
    missed = np.where(np.arange(10) < 7, nearest[:, :10], -1)
    assert truth.recall(missed) == pytest.approx(0.7)


def test_any_of_equal_vectors_is_right_but_none_twice() -> None:
    X = np.repeat(np.eye(4, dtype=np.float32), 20, axis=0)
    truth = Truth(X, X[:1], euclidean=False)
    assert truth.recall(np.arange(7, 17)[np.newaxis]) == 1
    with pytest.raises(ValueError, match="twice"):
        truth.recall(np.zeros((1, 10), np.int64))


def test_queries_are_held_out(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)
    vectors, queries = map(np.load, split(X, tmp_path, 50, unit=False))
    assert len(vectors) == 450
    assert {row.tobytes() for row in X} == {row.tobytes() for row in (*vectors, *queries)}
    units = np.load(split(X, tmp_path, 50, unit=True)[0])
    assert np.allclose(np.linalg.norm(units, axis=1), 1)


def test_vectors_are_read_from_either_format(tmp_path: Path) -> None:
    X = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.save(tmp_path / "x.npy", X)
    save_file({"vectors": X, "twice": 2 * X}, tmp_path / "x.safetensors")
    assert np.array_equal(open_vectors(str(tmp_path / "x.npy")), X)
    assert np.array_equal(open_vectors(str(tmp_path / "x.safetensors")), X)
    assert np.array_equal(open_vectors(str(tmp_path / "x.safetensors:twice")), 2 * X)
