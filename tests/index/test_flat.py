"""The exact index: sound where FAISS rounds, and a file that FAISS alone can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import faiss
import numpy as np
import pytest

from embedsearch._errors import StorageError, VectorError
from embedsearch.index.base import VectorIndex
from embedsearch.index.flat import FlatIndex

if TYPE_CHECKING:
    from collections.abc import Iterator
from pathlib import Path


@pytest.fixture(params=["pairs", "matrices"], autouse=True)
def way_of_faiss(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let FAISS compare vectors pair by pair, or by products of matrices, which rounds more."""
    usual = faiss.cvar.distance_compute_blas_threshold
    faiss.cvar.distance_compute_blas_threshold = 1 if request.param == "matrices" else 10**9
    yield
    faiss.cvar.distance_compute_blas_threshold = usual


@pytest.mark.parametrize("nq", [1, 64])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
def test_euclidean_distances_are_sound_far_from_the_origin(nq: int, offset: float) -> None:
    X = (np.random.default_rng(0).standard_normal((800, 16)) + offset).astype(np.float32)
    scores, rows = FlatIndex.build(X, "euclidean").search(X[:nq], topn=5)
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
    scores, rows = FlatIndex.build(X, "euclidean").search(X[:nq], topn=7)
    exact = X.astype(np.float64)
    wanted = -np.linalg.norm(exact[:nq, np.newaxis] - exact[np.newaxis], axis=2)
    best = np.argsort(-wanted, axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(rows, best)
    np.testing.assert_allclose(scores, np.take_along_axis(wanted, best, 1), rtol=1e-5)


@pytest.mark.parametrize("metric", ["cosine", "ip", "euclidean"])
def test_a_batch_and_a_query_alone_agree_to_the_last_bit(metric: str) -> None:
    rng = np.random.default_rng(2)
    # Few different values: many ties, and many scores a rounding apart.
    X = rng.integers(-1, 2, (700, 6)).astype(np.float32) * np.float32(0.1)
    index, Q = FlatIndex.build(X, metric), X[:50]
    scores, rows = index.search(Q, topn=30)
    for i in range(50):
        one_score, one_row = index.search(Q[i], topn=30)
        np.testing.assert_array_equal(one_row[0], rows[i])
        np.testing.assert_array_equal(one_score[0], scores[i])


def test_ties_cut_by_the_end_of_the_list_keep_the_lowest_rows() -> None:
    X = np.eye(4, dtype=np.float32)[np.arange(400) % 4]
    scores, rows = FlatIndex.build(X, "cosine").search(np.eye(4)[[1]], topn=120)
    assert rows[0, :100].tolist() == list(range(1, 400, 4))
    others = [row for row in range(400) if row % 4 != 1]
    assert rows[0, 100:].tolist() == others[:20]
    assert scores[0, 99:101].tolist() == [1, 0]


def test_a_long_list_is_complete_and_in_order() -> None:
    X = np.random.default_rng(3).standard_normal((30_000, 40)).astype(np.float32)
    scores, rows = FlatIndex.build(X, "ip").search(X[:2], topn=30_000)
    wanted = X[:2].astype(np.float64) @ X.T.astype(np.float64)
    np.testing.assert_array_equal(np.sort(rows[1]), np.arange(30_000))
    np.testing.assert_allclose(scores[1], np.sort(wanted[1])[::-1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("metric", ["cosine", "ip", "euclidean"])
def test_faiss_alone_finds_the_same_in_the_file(metric: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    X = (rng.standard_normal((200, 10)) + 20).astype(np.float32)
    Q = (rng.standard_normal((4, 10)) + 20).astype(np.float32)
    index = FlatIndex.build(X, metric)
    index.save(tmp_path / "i.faiss")
    found, rows = faiss.read_index(str(tmp_path / "i.faiss")).search(Q, 5)
    scores, wanted = index.search(Q, 5)
    np.testing.assert_array_equal(rows, wanted)
    raw = -np.sqrt(found) if metric == "euclidean" else found
    np.testing.assert_allclose(raw, scores, rtol=1e-4)


def test_a_file_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "i.faiss"
    FlatIndex.build(np.random.default_rng(5).standard_normal((50, 8))).save(path)
    whole = path.read_bytes()
    for size in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:size])
        for mapped in (True, False):
            with pytest.raises(VectorError):
                VectorIndex.load(path, mapped)


@pytest.mark.parametrize("mapped", [True, False])
def test_a_damaged_size_is_refused_before_memory_is_asked_for(mapped: bool, tmp_path: Path) -> None:
    path = tmp_path / "i.faiss"
    FlatIndex.build(np.eye(50, 8), "ip").save(path)
    content = bytearray(path.read_bytes())
    # The fourth byte of the count of numbers, the last field before them.
    content[-50 * 8 * 4 - 5] = 255
    path.write_bytes(content)
    with pytest.raises(VectorError, match="damaged"):
        VectorIndex.load(path, mapped)


def test_another_kind_of_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hnsw.faiss"
    faiss.write_index(faiss.IndexHNSWFlat(4, 8), str(path))
    with pytest.raises(VectorError, match="embedsearch"):
        VectorIndex.load(path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="absent"):
        FlatIndex.build([[1.0]]).save(tmp_path / "absent" / "i.faiss")


def test_lengths_that_float32_cannot_square_are_refused_but_for_the_cosine() -> None:
    X = np.array([[1.0, 0], [1e25, 1e25]])
    for metric in ("ip", "euclidean"):
        with pytest.raises(VectorError, match="scale"):
            FlatIndex.build(X, metric)
    scores, rows = FlatIndex.build(X, "cosine").search([2e30, 2e30], topn=2)
    assert rows.tolist() == [[1, 0]]
    np.testing.assert_allclose(scores, [[1, np.sqrt(0.5)]], rtol=1e-6)


def test_what_was_given_is_copied() -> None:
    X = np.eye(3, dtype=np.float32)
    index = FlatIndex.build(X, "ip")
    X[:] = 7
    assert index.search([1, 0, 0], topn=1)[0].tolist() == [[1]]


def test_the_repr_tells_size_and_metric() -> None:
    assert repr(VectorIndex.build(np.eye(1200, 3))) == "FlatIndex(1,200 × 3, cosine)"
