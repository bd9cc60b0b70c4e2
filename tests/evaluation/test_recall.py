"""Recall of an index: held against neighbours that numpy finds, and an index that errs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import ArrayLike

from embedsearch._errors import ParameterError, VectorError
from embedsearch._types import FloatMatrix, IntVector
from embedsearch.evaluation import index_recall
from embedsearch.index.ids import Rows
from embedsearch.index.vector_index import VectorIndex

N = 400


class EvenRows(VectorIndex):
    """An index that never finds odd rows: it is exact among the others."""

    def search(
        self,
        Q: ArrayLike,
        topn: int = 10,
        allowed: Rows | None = None,
        threads: int | None = None,
    ) -> tuple[FloatMatrix, IntVector]:
        return super().search(Q, topn, np.arange(0, len(self), 2))


class Reversed(VectorIndex):
    """An exact index that prefers the last of equal rows, not the first; of vectors reversed."""

    def search(
        self,
        Q: ArrayLike,
        topn: int = 10,
        allowed: Rows | None = None,
        threads: int | None = None,
    ) -> tuple[FloatMatrix, IntVector]:
        scores, rows = super().search(Q, topn)
        return scores, len(self) - 1 - rows


@pytest.fixture(name="X", scope="module")
def vectors() -> FloatMatrix:
    return np.random.default_rng(0).standard_normal((N, 8)).astype(np.float32)


@pytest.fixture(name="Q", scope="module")
def held_back() -> FloatMatrix:
    return np.random.default_rng(1).standard_normal((30, 8)).astype(np.float32)


def nearest(X: FloatMatrix, q: FloatMatrix, metric: str) -> np.ndarray:
    X, q = X.astype(np.float64), q.astype(np.float64)
    if metric == "euclidean":
        return np.argsort(np.linalg.norm(X - q, axis=1))
    lengths = np.linalg.norm(X, axis=1) if metric == "cosine" else 1
    return np.argsort(-(X @ q) / lengths)


@pytest.mark.parametrize("metric", ["cosine", "ip", "euclidean"])
def test_the_exact_index_finds_everything(X: FloatMatrix, Q: FloatMatrix, metric: str) -> None:
    index = VectorIndex.build(X, metric)
    for queries in (Q, None):
        assert index_recall(index, X, queries, queries=40).recall == {1: 1.0, 10: 1.0, 100: 1.0}


@pytest.mark.parametrize("metric", ["cosine", "ip", "euclidean"])
def test_recall_is_the_share_of_the_nearest_that_was_found(
    X: FloatMatrix, Q: FloatMatrix, metric: str
) -> None:
    report = index_recall(EvenRows.build(X, metric), X, Q, ks=(1, 5, 20))
    for k, recall in report.recall.items():
        shares = [(nearest(X, q, metric)[:k] % 2 == 0).mean() for q in Q]
        assert recall == pytest.approx(np.mean(shares))
        assert 0.2 < recall < 0.8


def test_rows_of_the_index_are_not_their_own_neighbours(X: FloatMatrix) -> None:
    report = index_recall(EvenRows.build(X, "cosine"), X, ks=(3,))
    shares = [(nearest(X, q, "cosine")[1:4] % 2 == 0).mean() for q in X]
    assert report.recall[3] == pytest.approx(np.mean(shares))
    assert report.queries == N
    assert "own" in report.notes[0]


@pytest.mark.parametrize("metric", ["cosine", "ip", "euclidean"])
def test_any_of_the_rows_that_tie_at_the_border_is_right(metric: str) -> None:
    # Of 27 vectors there are many copies, so that most borders lie between equal ones.
    X = np.random.default_rng(0).integers(-1, 2, (N, 3)).astype(np.float32)
    index = Reversed.build(X[::-1], metric)
    assert (index.search(X[:9], 5)[1] != VectorIndex.build(X, metric).search(X[:9], 5)[1]).any()
    assert index_recall(index, X, X[:40]).recall == {1: 1.0, 10: 1.0, 100: 1.0}
    assert index_recall(index, X, queries=40).recall == {1: 1.0, 10: 1.0, 100: 1.0}


def test_queries_are_drawn_by_their_seed(X: FloatMatrix) -> None:
    def drawn(seed: int) -> dict[int, float]:
        return index_recall(EvenRows.build(X, "cosine"), X, ks=(50,), queries=25, seed=seed).recall

    assert drawn(1) == drawn(1) != drawn(2)


def test_k_beyond_the_vectors_is_left_out_with_a_note(X: FloatMatrix, Q: FloatMatrix) -> None:
    index = VectorIndex.build(X[:11])
    assert list(index_recall(index, X[:11], ks=(1, 10, 11)).recall) == [1, 10]
    report = index_recall(index, X[:11], Q, ks=(11, 12, 100))
    assert list(report.recall) == [11]
    assert "recall@12, recall@100" in report.notes[1]


def test_the_report_is_json_and_html(X: FloatMatrix) -> None:
    report = index_recall(VectorIndex.build(X), X, queries=20, topn=3)
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert (plain["kind"], plain["recall@10"], plain["queries"]) == ("index", 1.0, 20)
    latency = plain["latency_ms"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"]
    assert plain["queries_per_second"] > 0
    assert "400 × 8, cosine" in plain["index"]
    assert list(report.rows()[0])[:4] == ["recall@1", "recall@10", "recall@100", "p50 ms"]
    assert "<td>1.0000</td>" in report._repr_html_()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"ks": (N,)}, "ks must be numbers of neighbours, at least one up to 399"),
        ({"ks": (0, 1)}, "ks must be a whole number"),
        ({"ks": ()}, "ks must be"),
        ({"topn": 0}, "topn must be a whole number"),
        ({"queries": 0}, "queries must be a whole number"),
    ],
)
def test_a_setting_out_of_range_is_named(
    X: FloatMatrix, options: dict[str, int], reason: str
) -> None:
    with pytest.raises(ParameterError, match=reason):
        index_recall(VectorIndex.build(X), X, **options)


def test_vectors_that_do_not_fit_the_index_are_refused(X: FloatMatrix, Q: FloatMatrix) -> None:
    index = VectorIndex.build(X)
    with pytest.raises(VectorError, match="X has 399 rows, the index 400"):
        index_recall(index, X[1:])
    with pytest.raises(VectorError, match="X must have 8 dimensions"):
        index_recall(index, X[:, 1:])
    with pytest.raises(VectorError, match="Q must have 8 dimensions"):
        index_recall(index, X, Q[:, 1:])
    with pytest.raises(VectorError, match="no vectors to ask for"):
        index_recall(index, X, Q[:0])
