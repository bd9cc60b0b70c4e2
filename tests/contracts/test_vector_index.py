"""What every vector index must do; a new kind of index is added to INDEXES and must pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedsearch._errors import ParameterError, VectorError
from embedsearch.index.base import VectorIndex
from embedsearch.index.flat import FlatIndex

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Build = Callable[..., VectorIndex]
INDEXES: dict[str, Build] = {"flat": FlatIndex.build}
METRICS = ("cosine", "ip", "euclidean")


@pytest.fixture(params=INDEXES)
def build(request: pytest.FixtureRequest) -> Build:
    return INDEXES[request.param]


@pytest.fixture(params=METRICS)
def metric(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def vectors(n: int, d: int = 12, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def brute_force(X: NDArray[np.float32], Q: NDArray[np.float32], metric: str) -> NDArray[np.float64]:
    A, B = Q.astype(np.float64), X.astype(np.float64)
    if metric == "euclidean":
        return -np.linalg.norm(A[:, np.newaxis] - B[np.newaxis], axis=2)
    if metric == "cosine":
        A /= np.linalg.norm(A, axis=1, keepdims=True)
        B /= np.linalg.norm(B, axis=1, keepdims=True)
    return A @ B.T


@pytest.mark.parametrize("nq", [1, 7, 64])
def test_scores_and_rows_are_those_of_numpy(build: Build, metric: str, nq: int) -> None:
    X, Q = vectors(500), vectors(nq, seed=1)
    scores, rows = build(X, metric).search(Q, topn=15)
    wanted = brute_force(X, Q, metric)
    best = np.argsort(-wanted, axis=1, kind="stable")[:, :15]
    np.testing.assert_array_equal(rows, best)
    np.testing.assert_allclose(scores, np.take_along_axis(wanted, best, 1), rtol=1e-5, atol=1e-6)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)


def test_scores_never_increase(build: Build, metric: str) -> None:
    scores, _ = build(vectors(300), metric).search(vectors(40, seed=2), topn=50)
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_vector_finds_itself_first(build: Build, metric: str) -> None:
    X = vectors(200)
    scores, rows = build(X, metric).search(X, topn=1)
    np.testing.assert_array_equal(rows[:, 0], np.arange(200))
    np.testing.assert_allclose(scores[:, 0], 1 if metric == "cosine" else 0, atol=1e-6)


def test_scaling_a_query_changes_nothing_under_the_cosine(build: Build) -> None:
    index, Q = build(vectors(200)), vectors(9, seed=3)
    scores, rows = index.search(Q)
    for factor in (1e-30, 0.25, 1e30):
        scaled, same = index.search(Q * np.float32(factor))
        np.testing.assert_array_equal(same, rows)
        np.testing.assert_allclose(scaled, scores, atol=1e-6)


def test_a_batch_answers_as_its_queries_do_alone(build: Build, metric: str) -> None:
    index, Q = build(vectors(400), metric), vectors(70, seed=4)
    scores, rows = index.search(Q)
    for i in range(len(Q)):
        one_score, one_row = index.search(Q[i])
        np.testing.assert_array_equal(one_row[0], rows[i])
        np.testing.assert_allclose(one_score[0], scores[i], rtol=1e-5, atol=1e-6)


def test_asking_for_more_than_there_are_gives_all(build: Build, metric: str) -> None:
    scores, rows = build(vectors(6), metric).search(vectors(3, seed=5), topn=100)
    assert scores.shape == (3, 6)
    np.testing.assert_array_equal(np.sort(rows), np.tile(np.arange(6), (3, 1)))


def test_zero_vectors_score_zero_under_the_cosine(build: Build) -> None:
    X = vectors(30)
    X[[4, 9]] = 0
    index = build(X)
    scores, rows = index.search(vectors(2, seed=6), topn=30)
    for row in (4, 9):
        assert (scores[rows == row] == 0).all()
    scores, rows = index.search(np.zeros(12), topn=5)
    assert (rows[0].tolist(), scores[0].tolist()) == ([0, 1, 2, 3, 4], [0] * 5)


@pytest.mark.parametrize("mapped", [True, False])
def test_a_saved_index_answers_alike(
    build: Build, metric: str, mapped: bool, tmp_path: Path
) -> None:
    index, Q = build(vectors(100) + 50, metric), vectors(25, seed=7) + 50
    index.save(tmp_path / "i.faiss")
    loaded = VectorIndex.load(tmp_path / "i.faiss", mapped=mapped)
    assert (len(loaded), loaded.dimension, loaded.metric) == (100, 12, index.metric)
    for one, other in zip(index.search(Q), loaded.search(Q), strict=True):
        np.testing.assert_array_equal(one, other)


def test_equal_scores_are_ordered_by_row_to_the_end_of_the_list(build: Build, metric: str) -> None:
    X = np.tile(vectors(1), (300, 1))
    for nq in (1, 40):
        _, rows = build(X, metric).search(np.tile(X[0], (nq, 1)), topn=10)
        np.testing.assert_array_equal(rows, np.tile(np.arange(10), (nq, 1)))


@pytest.mark.parametrize(
    "allowed", [range(20, 60), np.arange(100) % 3 == 0, [7, 3, 99, 3], range(98, 500), []]
)
def test_only_allowed_rows_are_found(build: Build, metric: str, allowed: object) -> None:
    X, Q = vectors(100), vectors(30, seed=8)
    among = np.arange(100)[allowed] if np.asarray(allowed).dtype == bool else np.array(allowed)
    among = np.unique(among[among < 100]).astype(int)
    scores, rows = build(X, metric).search(Q, topn=12, allowed=allowed)
    wanted = brute_force(X[among], Q, metric)
    best = np.argsort(-wanted, axis=1, kind="stable")[:, :12]
    np.testing.assert_array_equal(rows, among[best] if len(among) else rows)
    assert scores.shape == (30, min(12, len(among)))


def test_other_layouts_and_types_are_converted(build: Build, metric: str) -> None:
    X, Q = vectors(80), vectors(5, seed=9)
    scores, rows = build(X, metric).search(Q)
    wide = np.asfortranarray(np.hstack([X, X]).astype(np.float64))[:, :12]
    for query in (Q.astype(np.float64), np.asfortranarray(Q), Q.tolist()):
        other_scores, other_rows = build(wide, metric).search(query)
        np.testing.assert_array_equal(other_rows, rows)
        np.testing.assert_allclose(other_scores, scores, atol=1e-6)


def test_an_empty_index_finds_nothing(build: Build, metric: str, tmp_path: Path) -> None:
    index = build(np.empty((0, 4)), metric)
    index.save(tmp_path / "empty.faiss")
    for one in (index, VectorIndex.load(tmp_path / "empty.faiss")):
        scores, rows = one.search(np.ones((3, 4)))
        assert (len(one), scores.shape, rows.shape) == (0, (3, 0), (3, 0))


def test_no_queries_give_no_rows(build: Build, metric: str) -> None:
    scores, rows = build(vectors(5), metric).search(np.empty((0, 12)))
    assert scores.shape == rows.shape == (0, 5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_not_finite_are_refused(build: Build, metric: str, bad: float) -> None:
    X = vectors(5).astype(np.float64)
    X[3, 2] = bad
    with pytest.raises(VectorError, match="row 3 of X"):
        build(X, metric)
    with pytest.raises(VectorError, match="row 3 of Q"):
        build(vectors(5), metric).search(X)


def test_a_wrong_dimension_is_refused(build: Build, metric: str) -> None:
    index = build(vectors(5), metric)
    with pytest.raises(VectorError, match="12 dimensions, got 3"):
        index.search([1, 2, 3])
    with pytest.raises(VectorError, match="shape"):
        index.search(np.zeros((2, 2, 12)))
    with pytest.raises(VectorError, match="real numbers"):
        index.search(["a"] * 12)


@pytest.mark.parametrize("topn", [0, -1, 2.5, None, True])
def test_a_count_that_is_none_is_refused(build: Build, topn: object) -> None:
    with pytest.raises(ParameterError, match="topn"):
        build(vectors(5)).search(np.ones(12), topn=topn)


@pytest.mark.parametrize("allowed", [[5], [-1], [0.5], [True, False], "ab"])
def test_rows_that_are_not_there_are_refused(build: Build, allowed: object) -> None:
    with pytest.raises(ParameterError, match="allowed"):
        build(vectors(5)).search(np.ones(12), allowed=allowed)


def test_an_unknown_metric_is_refused(build: Build) -> None:
    with pytest.raises(ParameterError, match="cosine, ip, euclidean"):
        build(vectors(5), "manhattan")


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "i.faiss"
    for content in (b"", b"not an index at all", bytes(200)):
        path.write_bytes(content)
        with pytest.raises(VectorError, match="damaged"):
            VectorIndex.load(path)
    with pytest.raises(FileNotFoundError):
        VectorIndex.load(tmp_path / "absent.faiss")
