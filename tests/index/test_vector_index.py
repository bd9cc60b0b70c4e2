"""What the index does on top of every engine: checks, weights, conversions, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedsearch._errors import ParameterError, VectorError
from embedsearch.index.vector_index import VectorIndex

Floats = NDArray[np.float32]
N, D = 400, 24
X = np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)
Q = np.random.default_rng(1).standard_normal((20, D)).astype(np.float32)


@pytest.fixture(params=["flat", "hnsw"])
def spec(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["cosine", "ip", "euclidean"])
def metric(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def index(spec: str, metric: str) -> VectorIndex:
    return VectorIndex.build(X, metric, spec, threads=1)


def test_the_repr_has_size_metric_spec_and_parameters() -> None:
    exact = VectorIndex.build(np.eye(1200, 3))
    assert repr(exact) == "VectorIndex(1,200 × 3, cosine, flat)"
    lists = VectorIndex.build(np.eye(100, 3), "euclidean", "ivf")
    assert repr(lists) == "VectorIndex(100 × 3, euclidean, IVF2,Flat, nprobe 2)"


@pytest.mark.parametrize("spec", ["auto", "flat", "ivf"])
@pytest.mark.parametrize(
    ("queries", "reason"),
    [
        (X[:5, :3], "queries must have 24 dimensions, got 3"),
        (np.full((5, D), np.nan), "row 0 of queries holds NaN"),
        ("queries", "queries must hold real numbers"),
    ],
)
def test_queries_to_measure_with_are_checked_for_every_kind(
    spec: str, queries: Any, reason: str
) -> None:
    with pytest.raises(VectorError, match=reason):
        VectorIndex.build(X, spec=spec, queries=queries)


def test_scaling_a_query_changes_nothing_under_the_cosine(spec: str) -> None:
    index = VectorIndex.build(X, "cosine", spec, threads=1)
    scores, ids = index.search(Q)
    for factor in (2.0**-90, 0.25, 2.0**90):
        scaled, same = index.search(Q * np.float32(factor))
        np.testing.assert_array_equal(same, ids)
        np.testing.assert_allclose(scaled, scores, atol=1e-6)


def test_several_vectors_with_weights_are_one_query(index: VectorIndex, metric: str) -> None:
    V, weights = X[[3, 50, 90]], np.array([2.0, 1.0, 0.5])
    units = V / np.linalg.norm(V, axis=1, keepdims=True) if metric == "cosine" else V
    query = weights @ units / (3.5 if metric == "euclidean" else 1)
    scores, ids = index.search_combined(V, weights, 8)
    wanted = index.search(query, 8)
    np.testing.assert_allclose(scores, wanted[0][0], rtol=1e-4, atol=1e-4)
    assert len(np.intersect1d(ids, wanted[1][0])) >= 7


def test_weights_that_cannot_be_are_refused() -> None:
    index = VectorIndex.build(X, "euclidean", "flat")
    for weights in ([1], [1, np.nan], "ab", [[1, 2]], [1, -1]):
        with pytest.raises(ParameterError, match="weights"):
            index.search_combined(X[:2], weights)
    with pytest.raises(VectorError, match="at least one"):
        index.search_combined(np.empty((0, D)))
    unlike = VectorIndex.build(X, "cosine", "flat").search_combined(X[:2], [1, -1], 5)
    assert unlike[1].shape == (5,)


def test_other_layouts_and_types_are_converted(spec: str, metric: str) -> None:
    wide = np.asfortranarray(np.hstack([X, X]).astype(np.float64))[:300, :D]
    index = VectorIndex.build(wide, metric, spec, threads=1)
    scores, ids = VectorIndex.build(X[:300].copy(), metric, spec, threads=1).search(Q[:5])
    for query in (Q[:5].astype(np.float64), np.asfortranarray(Q[:5]), Q[:5].tolist()):
        other_scores, other_ids = index.search(query)
        np.testing.assert_array_equal(other_ids, ids)
        np.testing.assert_allclose(other_scores, scores, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_not_finite_are_refused(
    index: VectorIndex, spec: str, metric: str, bad: float
) -> None:
    broken = X[:60].astype(np.float64)
    broken[37, 2] = bad
    with pytest.raises(VectorError, match="row 37 of X"):
        VectorIndex.build(broken, metric, spec)
    for ask in (index.search, lambda V: index.range_search(V, 0.5)):
        with pytest.raises(VectorError, match="row 37 of Q"):
            ask(broken)


def test_wrong_questions_are_refused(index: VectorIndex) -> None:
    zeros = np.zeros(index.dimension)
    with pytest.raises(VectorError, match="24 dimensions, got 3"):
        index.search([1, 2, 3])
    with pytest.raises(VectorError, match="shape"):
        index.search(np.zeros((2, 2, 24)))
    with pytest.raises(VectorError, match="real numbers"):
        index.search(["a"] * 24)
    for topn in (0, -1, 2.5, None, True):
        for query in (zeros, X[0]):
            with pytest.raises(ParameterError, match="topn"):
                index.search(query, topn=topn)
    for allowed in ([N], [-1], [0.5], [True, False], "ab"):
        with pytest.raises(ParameterError, match="allowed"):
            index.search(zeros, allowed=allowed)
    for threads in (0, -2, 1.5, True, "2"):
        with pytest.raises(ParameterError, match="threads"):
            index.search(zeros, threads=threads)
    for score in (np.nan, np.inf, "a", None):
        with pytest.raises(ParameterError, match="score"):
            index.range_search(zeros, score)
    assert index.search(np.empty((0, 24)))[0].shape == (0, 10)


def test_what_is_no_id_is_not_in_the_index(index: VectorIndex) -> None:
    assert 0 in index
    assert np.int64(N - 1) in index
    for other in (-1, N, 2**62, 2**80, 1.0, True, "a", None):
        assert other not in index
        with pytest.raises(ParameterError, match="id must be an id that the index has"):
            index.vector(other)


def test_changes_that_cannot_be_are_refused(index: VectorIndex) -> None:
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: index.add(X[:2], [7, 2000]), "new ones"),
        (lambda: index.add(X[:2], [2000, 2000]), "2000 twice"),
        (lambda: index.add(X[:2], [2000]), "ids must be 2, one for each vector"),
        (lambda: index.add(X[:2], [1, 2, 3]), "ids must be 2, one for each vector"),
        (lambda: index.add(X[:1], [-5]), "whole numbers from 0"),
        (lambda: index.add(X[:1], [2**62]), "whole numbers from 0"),
        (lambda: index.add(X[:1], [0.5]), "whole numbers"),
        (lambda: index.update([5000], X[:1]), "use add"),
        (lambda: index.update([5, 5], X[:2]), "5 twice"),
        (lambda: index.delete(["a"]), "whole numbers"),
        (lambda: index.delete([[1]]), "whole numbers"),
    ]
    for change, reason in refused:
        with pytest.raises(ParameterError, match=reason):
            change()
    for change in (lambda: index.add(X[:, 1:]), lambda: index.update([1], [np.nan] * 24)):
        with pytest.raises(VectorError):
            change()
    assert index.ids.tolist() == list(range(N))


def test_a_saved_index_may_replace_the_file_that_it_is_mapped_from(
    index: VectorIndex, tmp_path: Path
) -> None:
    index.save(tmp_path / "i.faiss")
    mapped = VectorIndex.load(tmp_path / "i.faiss")
    mapped.delete([3])
    mapped.save(tmp_path / "i.faiss")
    mapped.add(Q[:1])
    wanted = mapped.search(Q)[1]
    mapped.save(tmp_path / "i.faiss")
    np.testing.assert_array_equal(VectorIndex.load(tmp_path / "i.faiss").search(Q)[1], wanted)


class InterruptedEngine:
    """An engine that is interrupted after half of what it should add."""

    def __init__(self, engine: object) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def add(self, X: Floats) -> None:
        self._engine.add(X[: len(X) // 2])
        raise KeyboardInterrupt


def test_an_interrupted_addition_leaves_nothing(index: VectorIndex) -> None:
    wanted = index.search(Q)
    engine = index._engine
    index._engine = InterruptedEngine(engine)
    with pytest.raises(KeyboardInterrupt):
        index.add(10 * Q)
    index._engine = engine
    assert (len(index), index.ids.tolist()) == (N, list(range(N)))
    ids = index.search(Q)[1]
    assert np.mean(ids == wanted[1]) > 0.97
    assert ids.max() < N
    assert index.add(Q[:1]).tolist() == [N + 10]


def test_the_seed_decides_what_is_drawn_at_random(tmp_path: Path) -> None:
    digests = [
        VectorIndex.build(X, "ip", "ivf", threads=1, seed=seed).save(tmp_path / "i.faiss")
        for seed in (1, 1, 2)
    ]
    assert digests[0] == digests[1]
    assert digests[1] != digests[2]
