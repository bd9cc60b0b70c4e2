"""What is particular to indexes that find most and not all."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest

from embedsearch._errors import VectorError
from embedsearch._types import Metric
from embedsearch.index.engine import Preprocessing
from embedsearch.index.faiss_engine import FaissEngine
from embedsearch.index.storage import IndexParts
from embedsearch.index.vector_index import VectorIndex

N, D = 2000, 16
X = np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)
Q = np.random.default_rng(1).standard_normal((30, D)).astype(np.float32)


def nearest(among: np.ndarray, k: int) -> np.ndarray:
    distances = np.linalg.norm(Q[:, np.newaxis] - X[among][np.newaxis], axis=2)
    return among[np.argsort(distances, axis=1)[:, :k]]


def recall(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.mean([np.isin(w, f).mean() for f, w in zip(found, wanted)]))


def over(index: faiss.Index, spec: str, parameters: dict[str, float]) -> VectorIndex:
    engine = FaissEngine(index, Metric.EUCLIDEAN, spec, parameters)
    return VectorIndex(IndexParts(engine, Preprocessing(Metric.EUCLIDEAN)))


def wrapped(spec: str, parameters: dict[str, float]) -> VectorIndex:
    index = faiss.index_factory(D, spec, faiss.METRIC_L2)
    index.train(X)
    index.add(X)
    return over(index, spec, parameters)


@pytest.mark.parametrize("spec", ["hnsw", "ivf", "IVF64,SQ8", "HNSW16,SQ8"])
@pytest.mark.parametrize("share", [0.7, 0.3, 0.1, 0.01])
def test_a_filter_costs_no_recall(spec: str, share: float) -> None:
    index = VectorIndex.build(X, "euclidean", spec, threads=1)
    among = np.flatnonzero(np.random.default_rng(2).random(N) < share)
    found = index.search(Q, 10, allowed=among)[1]
    assert recall(found, nearest(among, 10)) >= 0.93


def test_ten_are_searched_with_the_parameters_as_they_were_tuned() -> None:
    index = wrapped("HNSW8,Flat", {"efSearch": 10})
    parameters = faiss.SearchParametersHNSW(efSearch=10)
    wanted = index._engine.index.search(Q, 10, params=parameters)[1]
    np.testing.assert_array_equal(index.search(Q, 10)[1], wanted)
    np.testing.assert_array_equal(index.search(Q[0], 10)[1], wanted[:1])


def test_cosines_of_rounded_vectors_are_at_most_one_alone_and_in_a_batch() -> None:
    index = VectorIndex.build(np.concatenate([X, -X]), "cosine", "HNSW16,SQfp16", threads=1)
    scores, ids = index.search(X[:200], 10)
    alone = [index.search(x, 10) for x in X[:200]]
    np.testing.assert_array_equal(np.concatenate([score for score, _ in alone]), scores)
    np.testing.assert_array_equal(np.concatenate([id for _, id in alone]), ids)
    # In half precision a vector is as often longer than 1 as shorter.
    assert (scores[:, 0] == 1).mean() > 0.2
    assert scores.max() == 1


@pytest.mark.parametrize("spec", ["hnsw", "ivf", "IVF64,SQ8"])
def test_deletions_cost_no_recall(spec: str) -> None:
    index = VectorIndex.build(X, "euclidean", spec, threads=1)
    gone = np.flatnonzero(np.random.default_rng(3).random(N) < 0.6)
    index.delete(gone)
    rest = np.setdiff1d(np.arange(N), gone)
    assert recall(index.search(Q, 10)[1], nearest(rest, 10)) >= 0.93


def test_where_the_lists_hold_too_few_others_are_looked_into() -> None:
    index = wrapped("IVF64,Flat", {"nprobe": 1})
    assert all(len(set(row)) == 500 for row in index.search(Q, 500)[1].tolist())
    far = np.argsort(np.linalg.norm(X - Q[0], axis=1))[-12:]
    assert sorted(index.search(Q[0], 10, allowed=far)[1][0].tolist()) != []
    assert np.isin(index.search(Q[0], 12, allowed=far)[1], far).all()


def test_what_a_graph_cannot_reach_is_found() -> None:
    index = faiss.IndexHNSWFlat(D, 4)
    index.add(np.repeat(X[:20], 60, axis=0))
    graph = over(index, "HNSW4,Flat", {"efSearch": 4})
    ids = graph.search(X[:20], 200)[1]
    assert all(len(set(row)) == 200 for row in ids.tolist())
    assert graph.search(X[:3], 1200)[1].shape == (3, 1200)


def test_parameters_belong_to_the_index_and_not_to_faiss() -> None:
    index = wrapped("IVF64,Flat", {"nprobe": 64})
    inner = index._engine.index
    assert recall(index.search(Q)[1], nearest(np.arange(N), 10)) == 1
    assert inner.nprobe == 1
    assert index.parameters == {"nprobe": 64}
    index.parameters["nprobe"] = 1
    assert index.parameters == {"nprobe": 64}


def test_an_index_that_takes_no_selector_is_filtered_all_the_same() -> None:
    index = wrapped("PQ8x8np", {})
    assert not index._engine.takes_selector
    among = np.arange(0, N, 40)
    scores, ids = index.search(Q, 10, allowed=among)
    everything, order = index.search(Q, N)
    for i in range(len(Q)):
        inside = np.isin(order[i], among)
        np.testing.assert_array_equal(ids[i], order[i, inside][:10])
        np.testing.assert_allclose(scores[i], everything[i, inside][:10], rtol=1e-4)


def test_named_kinds_reach_their_recall_on_new_queries() -> None:
    for spec in ("hnsw", "ivf", "IVF64,PQ8x4fs,RFlat"):
        index = VectorIndex.build(X, "euclidean", spec, recall=0.97, threads=1)
        assert index.recall >= 0.97
        assert recall(index.search(Q)[1], nearest(np.arange(N), 10)) >= 0.95
        assert index.choice.curve.chosen.parameters == index.parameters


def test_a_recall_that_is_not_reached_is_said() -> None:
    index = VectorIndex.build(X, "euclidean", "pq", threads=1)
    assert index.recall is not None
    assert index.recall < 0.95
    assert "however it is searched" in index.choice.notes[-1]


def test_queries_to_measure_with_may_be_given() -> None:
    index = VectorIndex.build(X, "euclidean", "ivf", queries=X[:200] * 1.01, threads=1)
    assert index.recall >= 0.95
    with pytest.raises(VectorError, match="queries"):
        VectorIndex.build(X, "euclidean", "ivf", queries=X[:5, :3])


def test_a_kind_that_takes_no_additions_says_so(tmp_path: Path) -> None:
    index = wrapped("NSG16", {})
    assert index.search(Q, 5, allowed=np.arange(0, N, 3))[1].shape == (30, 5)
    with pytest.raises(VectorError, match="takes no more vectors"):
        index.add(Q)
    assert len(index) == N
    index.delete(np.arange(100))
    assert index.search(Q, 5)[1].min() >= 100
