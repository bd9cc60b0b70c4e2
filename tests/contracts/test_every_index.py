"""What every kind of index must do; a new kind is added to KINDS and must pass."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedsearch.index.vector_index import VectorIndex

Floats = NDArray[np.float32]
Truth = Callable[..., NDArray[np.float64]]


def best(scores: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def recall(found: NDArray[np.int64], wanted: NDArray[np.int64]) -> float:
    return float(np.mean([np.isin(w, f).mean() for f, w in zip(found, wanted)]))


def test_enough_of_the_nearest_are_found(
    index: VectorIndex, kind: Any, metric: str, X: Floats, Q: Floats, truth: Truth
) -> None:
    scores, ids = index.search(Q)
    wanted = best(truth(X, Q, metric), 10)
    assert recall(ids, wanted) >= kind.floor
    assert (scores.dtype, ids.dtype, scores.shape) == (np.float32, np.int64, (len(Q), 10))


def test_scores_are_those_of_the_vectors_that_the_index_holds(
    index: VectorIndex, kind: Any, metric: str, Q: Floats, truth: Truth
) -> None:
    scores, ids = index.search(Q[:8], 5)
    held = np.stack([index.vector(id) for id in range(len(index))])
    if metric == "cosine" and kind.held != "roughly":
        np.testing.assert_allclose(np.linalg.norm(held, axis=1), 1, atol=0.1)
    # A query is brought to length 1 under the cosine; what is held may have a little less.
    queries = Q[:8] / np.linalg.norm(Q[:8], axis=1, keepdims=True) if metric == "cosine" else Q[:8]
    wanted = truth(held, queries, "ip" if metric == "cosine" else metric)
    if metric == "cosine":
        wanted = wanted.clip(-1, 1)
    if kind.scored:
        np.testing.assert_allclose(scores, np.take_along_axis(wanted, ids, 1), rtol=2e-3, atol=2e-3)
    else:
        assert np.isfinite(scores).all()


def test_scores_never_increase_and_no_id_comes_twice(index: VectorIndex, Q: Floats) -> None:
    for topn in (1, 7, 100):
        scores, ids = index.search(Q, topn)
        assert (np.diff(scores, axis=1) <= 0).all()
        assert all(len(set(row)) == topn for row in ids.tolist())


def test_a_vector_finds_itself(index: VectorIndex, kind: Any, metric: str, X: Floats) -> None:
    if metric == "ip":
        X = X / np.linalg.norm(X, axis=1, keepdims=True) * 8
        index = VectorIndex.build(X, metric, kind.spec, threads=1)
    _, ids = index.search(X, 10)
    own = np.arange(len(X))
    if kind.held == "roughly":
        assert (ids == own[:, np.newaxis]).any(axis=1).mean() > 0.8
        return
    # Lists and graphs may miss even that, seldom.
    assert (ids[:, 0] == own).mean() >= (1 if kind.spec in ("flat", "auto") else 0.97)


def test_a_batch_answers_as_its_queries_do_alone(index: VectorIndex, Q: Floats) -> None:
    scores, ids = index.search(Q)
    for i in range(len(Q)):
        one_score, one_id = index.search(Q[i])
        np.testing.assert_allclose(one_score[0], scores[i], rtol=1e-4, atol=1e-4)
        assert len(set(one_id[0]) & set(ids[i])) >= 9


def test_asking_for_more_than_there_are_gives_all(index: VectorIndex, Q: Floats) -> None:
    scores, ids = index.search(Q[:3], 5000)
    assert scores.shape == (3, len(index))
    np.testing.assert_array_equal(np.sort(ids), np.tile(np.arange(len(index)), (3, 1)))


def test_a_query_of_zeros_is_answered(index: VectorIndex, metric: str) -> None:
    scores, ids = index.search(np.zeros(index.dimension), 5)
    assert ids.shape == (1, 5)
    assert len(set(ids[0].tolist())) == 5
    assert np.isfinite(scores).all()
    if metric != "euclidean":
        np.testing.assert_allclose(scores, 0, atol=1e-6)


@pytest.mark.parametrize(
    "allowed",
    [range(100, 700), np.arange(1200) % 40 == 0, [7, 3, 99, 3, 1100, 12], range(1190, 9999), []],
    ids=["range", "mask", "ids", "end", "none"],
)
def test_only_what_is_allowed_is_found(
    index: VectorIndex, kind: Any, metric: str, X: Floats, Q: Floats, truth: Truth, allowed: Any
) -> None:
    among = np.arange(1200)[allowed] if np.asarray(allowed).dtype == bool else np.array(allowed)
    among = np.unique(among[among < 1200]).astype(int)
    scores, ids = index.search(Q, 12, allowed)
    assert scores.shape == ids.shape == (len(Q), min(12, len(among)))
    assert np.isin(ids, among).all()
    assert all(len(set(row)) == len(row) for row in ids.tolist())
    if len(among):
        wanted = among[best(truth(X[among], Q, metric), 12)]
        assert recall(ids, wanted) >= kind.floor - 0.05


def test_a_range_holds_all_above_a_score(index: VectorIndex, kind: Any, Q: Floats) -> None:
    scores, ids = index.search(Q, 300)
    least = float(np.median(scores[:, 40]))
    bounds, found, named = index.range_search(Q, least)
    # More is looked at for 300 than for the few in the range.
    share = 0.8 if kind.held == "roughly" else 0.95
    assert (bounds.shape, bounds[-1]) == ((len(Q) + 1,), len(found))
    assert (found.dtype, named.dtype) == (np.float32, np.int64)
    for i in range(len(Q)):
        part = slice(bounds[i], bounds[i + 1])
        assert (found[part] >= np.float32(least)).all()
        assert (np.diff(found[part]) <= 0).all()
        above = ids[i, scores[i] >= np.float32(least)]
        if len(above) < 300:
            assert len(np.intersect1d(named[part], above)) >= share * len(above)


def test_a_range_beyond_everything_is_empty(index: VectorIndex, Q: Floats) -> None:
    bounds, scores, ids = index.range_search(Q[:3], 1e9)
    assert (bounds.tolist(), len(scores), len(ids)) == ([0, 0, 0, 0], 0, 0)
    bounds, _, ids = index.range_search(Q[:2], -1e9, allowed=[5, 9])
    assert (bounds.tolist(), sorted(ids[:2].tolist())) == ([0, 2, 4], [5, 9])


@pytest.mark.parametrize("mapped", [True, False])
def test_a_saved_index_answers_alike(
    index: VectorIndex, kind: Any, metric: str, mapped: bool, Q: Floats, tmp_path: Path
) -> None:
    digest = index.save(tmp_path / "i.faiss")
    loaded = VectorIndex.load(tmp_path / "i.faiss", mapped, verify=True, expected=digest)
    for name in ("dimension", "metric", "spec", "parameters", "recall", "choice"):
        assert getattr(loaded, name) == getattr(index, name)
    assert (len(loaded), repr(loaded)) == (len(index), repr(index))
    for one, other in zip(index.search(Q), loaded.search(Q), strict=True):
        np.testing.assert_array_equal(one, other)


def test_threads_change_no_answer(index: VectorIndex, Q: Floats) -> None:
    wanted = index.search(Q, threads=1)
    for threads in (2, 5, None):
        for one, other in zip(wanted, index.search(Q, threads=threads), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    with ThreadPoolExecutor(6) as pool:
        for found in pool.map(lambda _: index.search(Q, threads=1), range(12)):
            np.testing.assert_array_equal(found[1], wanted[1])


@pytest.mark.parametrize("n", [0, 1, 2, 5, 20])
def test_few_vectors_are_all_found(
    kind: Any, metric: str, n: int, X: Floats, Q: Floats, capfd: pytest.CaptureFixture[str]
) -> None:
    index = VectorIndex.build(X[:n], metric, kind.spec)
    scores, ids = index.search(Q[:2], 30)
    assert (len(index), scores.shape) == (n, (2, n))
    np.testing.assert_array_equal(np.sort(ids), np.tile(np.arange(n), (2, 1)))
    bounds, _, _ = index.range_search(Q[:2], -1e9)
    assert bounds.tolist() == [0, n, 2 * n]
    assert capfd.readouterr() == ("", "")


def test_equal_vectors_come_in_the_order_of_their_ids(kind: Any, metric: str, X: Floats) -> None:
    index = VectorIndex.build(np.tile(X[:1], (60, 1)), metric, kind.spec)
    for nq in (1, 30):
        scores, ids = index.search(np.tile(X[0], (nq, 1)), 12)
        assert (np.diff(ids, axis=1) > 0).all()
        assert (scores == scores[0, 0]).all()


def test_zero_vectors_are_kept(kind: Any, metric: str, X: Floats, Q: Floats) -> None:
    X = X.copy()
    X[[4, 9]] = 0
    index = VectorIndex.build(X, metric, kind.spec, threads=1)
    scores, ids = index.search(Q[:2], len(X))
    assert np.isfinite(scores).all()
    if metric == "cosine" and kind.held != "roughly":
        np.testing.assert_allclose(scores[np.isin(ids, [4, 9])], 0, atol=0.02)
