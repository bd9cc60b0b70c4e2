"""The exact index: sound where FAISS rounds, and a file that FAISS alone can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from embedsearch._errors import VectorError
from embedsearch.index.vector_index import VectorIndex

if TYPE_CHECKING:
    from collections.abc import Iterator
from pathlib import Path

Floats = NDArray[np.float32]
METRICS = ("cosine", "ip", "euclidean")


def flat(X: object, metric: str = "cosine") -> VectorIndex:
    return VectorIndex.build(X, metric, "flat")


def drawn(n: int, d: int = 12, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def brute_force(X: Floats, Q: Floats, metric: str) -> NDArray[np.float64]:
    A, B = Q.astype(np.float64), X.astype(np.float64)
    if metric == "euclidean":
        return -np.linalg.norm(A[:, np.newaxis] - B[np.newaxis], axis=2)
    if metric == "cosine":
        A /= np.linalg.norm(A, axis=1, keepdims=True)
        B /= np.linalg.norm(B, axis=1, keepdims=True)
    return A @ B.T


@pytest.fixture(params=["pairs", "matrices"], autouse=True)
def way_of_faiss(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let FAISS compare vectors pair by pair, or by products of matrices, which rounds more."""
    usual = faiss.cvar.distance_compute_blas_threshold
    faiss.cvar.distance_compute_blas_threshold = 1 if request.param == "matrices" else 10**9
    yield
    faiss.cvar.distance_compute_blas_threshold = usual


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("nq", [1, 7, 64])
def test_scores_and_rows_are_those_of_numpy(metric: str, nq: int) -> None:
    X, Q = drawn(500), drawn(nq, seed=1)
    scores, rows = flat(X, metric).search(Q, topn=15)
    wanted = brute_force(X, Q, metric)
    best = np.argsort(-wanted, axis=1, kind="stable")[:, :15]
    np.testing.assert_array_equal(rows, best)
    np.testing.assert_allclose(scores, np.take_along_axis(wanted, best, 1), rtol=1e-5, atol=1e-6)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    "allowed", [range(20, 60), np.arange(100) % 3 == 0, [7, 3, 99, 3], range(98, 500), []]
)
def test_only_allowed_rows_are_found(metric: str, allowed: object) -> None:
    X, Q = drawn(100), drawn(30, seed=8)
    among = np.arange(100)[allowed] if np.asarray(allowed).dtype == bool else np.array(allowed)
    among = np.unique(among[among < 100]).astype(int)
    scores, rows = flat(X, metric).search(Q, topn=12, allowed=allowed)
    wanted = brute_force(X[among], Q, metric)
    best = np.argsort(-wanted, axis=1, kind="stable")[:, :12]
    np.testing.assert_array_equal(rows, among[best] if len(among) else rows)
    assert scores.shape == (30, min(12, len(among)))


def test_zero_vectors_score_zero_under_the_cosine() -> None:
    X = drawn(30)
    X[[4, 9]] = 0
    index = flat(X)
    scores, rows = index.search(drawn(2, seed=6), topn=30)
    for row in (4, 9):
        assert (scores[rows == row] == 0).all()
    scores, rows = index.search(np.zeros(12), topn=5)
    assert (rows[0].tolist(), scores[0].tolist()) == ([0, 1, 2, 3, 4], [0] * 5)


@pytest.mark.parametrize("metric", METRICS)
def test_equal_scores_are_ordered_by_row_to_the_end_of_the_list(metric: str) -> None:
    X = np.tile(drawn(1), (300, 1))
    for nq in (1, 40):
        _, rows = flat(X, metric).search(np.tile(X[0], (nq, 1)), topn=10)
        np.testing.assert_array_equal(rows, np.tile(np.arange(10), (nq, 1)))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("mapped", [True, False])
def test_a_saved_index_of_vectors_off_the_origin_answers_alike(
    metric: str, mapped: bool, tmp_path: Path
) -> None:
    index, Q = flat(drawn(100) + 50, metric), drawn(25, seed=7) + 50
    index.save(tmp_path / "i.faiss")
    loaded = VectorIndex.load(tmp_path / "i.faiss", mapped=mapped)
    for one, other in zip(index.search(Q), loaded.search(Q), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("metric", METRICS)
def test_an_empty_index_finds_nothing(metric: str, tmp_path: Path) -> None:
    index = flat(np.empty((0, 4)), metric)
    index.save(tmp_path / "empty.faiss")
    for one in (index, VectorIndex.load(tmp_path / "empty.faiss")):
        scores, rows = one.search(np.ones((3, 4)))
        assert (len(one), scores.shape, rows.shape) == (0, (3, 0), (3, 0))


@pytest.mark.parametrize("nq", [1, 64])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
def test_euclidean_distances_are_sound_far_from_the_origin(nq: int, offset: float) -> None:
    X = (np.random.default_rng(0).standard_normal((800, 16)) + offset).astype(np.float32)
    scores, rows = flat(X, "euclidean").search(X[:nq], topn=5)
    exact = X.astype(np.float64)
    wanted = -np.linalg.norm(exact[:nq, np.newaxis] - exact[np.newaxis], axis=2)
    best = np.argsort(-wanted, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(rows, best)
    np.testing.assert_allclose(scores, np.take_along_axis(wanted, best, 1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("nq", [1, 64])
def test_euclidean_distances_are_sound_in_clusters_far_apart(nq: int) -> None:
    rng = np.random.default_rng(1)
    side = np.where(np.arange(600) % 2, 1e4, -1e4)[:, np.newaxis]
    X = (side + rng.standard_normal((600, 8))).astype(np.float32)
    scores, rows = flat(X, "euclidean").search(X[:nq], topn=7)
    exact = X.astype(np.float64)
    wanted = -np.linalg.norm(exact[:nq, np.newaxis] - exact[np.newaxis], axis=2)
    best = np.argsort(-wanted, axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(rows, best)
    np.testing.assert_allclose(scores, np.take_along_axis(wanted, best, 1), rtol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_a_batch_and_a_query_alone_agree_to_the_last_bit(metric: str) -> None:
    rng = np.random.default_rng(2)
    # Few different values: many ties, and many scores a rounding apart.
    X = rng.integers(-1, 2, (700, 6)).astype(np.float32) * np.float32(0.1)
    index, Q = flat(X, metric), X[:50]
    scores, rows = index.search(Q, topn=30)
    for i in range(50):
        one_score, one_row = index.search(Q[i], topn=30)
        np.testing.assert_array_equal(one_row[0], rows[i])
        np.testing.assert_array_equal(one_score[0], scores[i])


@pytest.mark.parametrize("d", [3, 40])
def test_queries_of_about_length_one_are_scored_alone_as_in_a_batch(d: int) -> None:
    Q = drawn(400, d, seed=4)
    # Rounded, they are longer or shorter than 1 by up to half a step of float32, or by two steps.
    Q /= np.linalg.norm(Q, axis=1, keepdims=True)
    Q[::2] *= np.float32(1 + 2**-22)
    Q[1::8] *= 3
    index = flat(drawn(2000, d))
    scores, rows = index.search(Q)
    alone = [index.search(q, threads=1) for q in Q]
    np.testing.assert_array_equal(scores, np.concatenate([score for score, _ in alone]))
    np.testing.assert_array_equal(rows, np.concatenate([row for _, row in alone]))


def test_ties_cut_by_the_end_of_the_list_keep_the_lowest_rows() -> None:
    X = np.eye(4, dtype=np.float32)[np.arange(400) % 4]
    scores, rows = flat(X, "cosine").search(np.eye(4)[[1]], topn=120)
    assert rows[0, :100].tolist() == list(range(1, 400, 4))
    others = [row for row in range(400) if row % 4 != 1]
    assert rows[0, 100:].tolist() == others[:20]
    assert scores[0, 99:101].tolist() == [1, 0]


def test_a_long_list_is_complete_and_in_order() -> None:
    X = np.random.default_rng(3).standard_normal((30_000, 40)).astype(np.float32)
    scores, rows = flat(X, "ip").search(X[:2], topn=30_000)
    wanted = X[:2].astype(np.float64) @ X.T.astype(np.float64)
    np.testing.assert_array_equal(np.sort(rows[1]), np.arange(30_000))
    np.testing.assert_allclose(scores[1], np.sort(wanted[1])[::-1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_faiss_alone_finds_the_same_in_the_file(metric: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    X = (rng.standard_normal((200, 10)) + 20).astype(np.float32)
    Q = (rng.standard_normal((4, 10)) + 20).astype(np.float32)
    index = flat(X, metric)
    index.save(tmp_path / "i.faiss")
    found, rows = faiss.read_index(str(tmp_path / "i.faiss")).search(Q, 5)
    scores, wanted = index.search(Q, 5)
    np.testing.assert_array_equal(rows, wanted)
    raw = -np.sqrt(found) if metric == "euclidean" else found
    np.testing.assert_allclose(raw, scores, rtol=1e-4)


def test_a_file_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "i.faiss"
    flat(np.random.default_rng(5).standard_normal((50, 8))).save(path)
    whole = path.read_bytes()
    for size in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:size])
        for mapped in (True, False):
            with pytest.raises(VectorError):
                VectorIndex.load(path, mapped)


@pytest.mark.parametrize("mapped", [True, False])
def test_a_damaged_size_is_refused_before_memory_is_asked_for(mapped: bool, tmp_path: Path) -> None:
    path = tmp_path / "i.faiss"
    flat(np.eye(50, 8), "ip").save(path)
    content = bytearray(path.read_bytes())
    # The fourth byte of the count of numbers, the last field before them.
    content[-50 * 8 * 4 - 5] = 255
    path.write_bytes(content)
    with pytest.raises(VectorError, match="damaged"):
        VectorIndex.load(path, mapped)


def test_lengths_that_float32_cannot_square_are_refused_but_for_the_cosine() -> None:
    X = np.array([[1.0, 0], [1e25, 1e25]])
    for metric in ("ip", "euclidean"):
        with pytest.raises(VectorError, match="scale"):
            flat(X, metric)
    scores, rows = flat(X, "cosine").search([2e30, 2e30], topn=2)
    assert rows.tolist() == [[1, 0]]
    np.testing.assert_allclose(scores, [[1, np.sqrt(0.5)]], rtol=1e-6)


def test_what_was_given_is_copied() -> None:
    X = np.eye(3, dtype=np.float32)
    index = flat(X, "ip")
    X[:] = 7
    assert index.search([1, 0, 0], topn=1)[0].tolist() == [[1]]
