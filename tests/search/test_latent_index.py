from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedsearch.index.candidate_index import CandidateIndex
from embedsearch.search.latent_index import LatentIndex
from embedsearch.search.passages import products
from embedsearch.search.segments import DocumentRows, Segmented

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, IntVector


@pytest.fixture(scope="module")
def stored() -> FloatMatrix:
    return np.random.default_rng(0).standard_normal((400, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def proposer(stored: FloatMatrix) -> CandidateIndex:
    # So few clusters that all are looked into; bytes blur who is just within.
    return CandidateIndex.build(stored)


def best(X: FloatMatrix, query: np.ndarray, rows: IntVector, topn: int) -> list[int]:
    scores = X[rows].astype(np.float64) @ query
    return rows[np.argsort(-scores)[:topn]].tolist()


def test_products_are_inner_products(stored: FloatMatrix) -> None:
    query = stored[3]
    np.testing.assert_allclose(products(stored, query), stored @ query, rtol=1e-5, atol=1e-5)


def changed(
    base: FloatMatrix, came: FloatMatrix, gone: IntVector, proposer: CandidateIndex
) -> LatentIndex:
    """Index documents of which some are gone, and others came; numbers are rows."""
    rows = DocumentRows.of(np.arange(len(base))).without(gone)
    rows = rows.appended(len(base) + np.arange(len(came)), np.ones(len(came), np.int64))
    return LatentIndex(rows, Segmented(base).appended(came), proposer)


@pytest.mark.parametrize("allowed", [None, np.arange(0, 400, 7)])
def test_near_are_those_that_are_nearest(stored: FloatMatrix, allowed: IntVector | None) -> None:
    index = LatentIndex.of(np.arange(400), stored)
    for query in stored[:10]:
        expected = best(stored, query, np.arange(400) if allowed is None else allowed, 20)
        assert index.nearest(query, 20, allowed)[1].tolist() == expected
        assert index.near(query, 20, allowed).tolist() == expected


def test_those_proposed_are_near_without_being_compared(
    stored: FloatMatrix, proposer: CandidateIndex
) -> None:
    index = LatentIndex.of(np.arange(400), stored, proposer)
    for query in stored[:10]:
        near = index.near(query, 20).tolist()
        assert len(near) == 20
        assert set(best(stored, query, np.arange(400), 10)) <= set(near)
        assert sorted(index.nearest(query, 20)[1].tolist()) == sorted(near)


def test_near_are_found_after_documents_have_come_and_gone(
    stored: FloatMatrix, proposer: CandidateIndex
) -> None:
    came = np.random.default_rng(1).standard_normal((50, 12)).astype(np.float32)
    X = np.concatenate((stored, came))
    index = changed(stored, came, np.arange(1, 400, 2), proposer)
    alive = np.concatenate((np.arange(0, 400, 2), np.arange(400, 450)))
    for query in (*came[:5], *stored[:5]):
        near = index.near(query, 20).tolist()
        assert len(near) == 20
        assert set(best(X, query, alive, 10)) <= set(near) <= set(alive.tolist())


@pytest.fixture
def clustered(monkeypatch: pytest.MonkeyPatch) -> FloatMatrix:
    """Many documents of 25 topics, and a limit so low that clusters propose."""
    monkeypatch.setattr("embedsearch.search.latent_index.SCANNED", 100)
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((25, 16))
    X = centres[np.arange(3_000) % 25] + 0.5 * rng.standard_normal((3_000, 16))
    return np.asarray(X / np.linalg.norm(X, axis=1, keepdims=True), np.float32)


def test_proposals_miss_few_of_the_nearest_with_and_without_a_filter(
    clustered: FloatMatrix,
) -> None:
    index = LatentIndex.of(np.arange(3_000), clustered, CandidateIndex.build(clustered))
    everything = np.arange(3_000)
    for allowed in (None, everything[::3], everything[everything % 25 < 3]):
        found, sought = 0, 0
        for query in clustered[::100]:
            expected = best(clustered, query, everything if allowed is None else allowed, 10)
            # Search takes ten of two hundred that are near.
            near = index.near(query, 200, allowed).tolist()
            assert len(near) == len(set(near)) == 200
            found, sought = found + len(set(expected) & set(near)), sought + 10
        assert found / sought > 0.97


def test_a_filter_on_other_topics_than_the_query_still_gives_all_that_is_asked(
    clustered: FloatMatrix,
) -> None:
    index = LatentIndex.of(np.arange(3_000), clustered, CandidateIndex.build(clustered))
    query = clustered[0]
    allowed = np.flatnonzero(clustered @ query < 0)
    scores, rows = index.nearest(query, 50, allowed)
    assert len(rows) == 50
    assert np.isin(rows, allowed).all()
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    assert len(index.nearest(query, 5_000, allowed)[1]) == len(allowed)


def test_what_is_near_is_found_though_all_that_was_proposed_is_gone(
    clustered: FloatMatrix,
) -> None:
    proposer, query = CandidateIndex.build(clustered), clustered[0]
    gone = np.argsort(-(clustered @ query))[:600]
    later = np.random.default_rng(3).standard_normal((300, 16)).astype(np.float32) / 9
    X = np.concatenate((clustered, later))
    index = changed(clustered, later, gone, proposer)
    alive = np.setdiff1d(np.arange(len(X)), gone)
    expected = best(X, query, alive, 10)
    assert index.nearest(query, 200)[1][:10].tolist() == expected
    allowed = alive[::2]
    expected = best(X, query, allowed, 10)
    assert index.nearest(query, 200, allowed)[1][:10].tolist() == expected


def test_equal_scores_are_ordered_by_number() -> None:
    X = np.ones((50, 7), np.float32)
    numbers = np.random.default_rng(0).permutation(1_000)[:50]
    index = LatentIndex.of(numbers, X)
    _, rows = index.nearest(np.full(7, 0.3, np.float32), 20)
    assert numbers[rows].tolist() == sorted(numbers.tolist())[:20]
    _, rows = index.nearest(np.full(7, 0.3, np.float32), 5, np.arange(10, 30))
    assert numbers[rows].tolist() == sorted(numbers[10:30].tolist())[:5]


def test_rows_are_found_by_number(stored: FloatMatrix) -> None:
    numbers = np.array([40, 7, 900, 12])
    index = LatentIndex.of(numbers, stored[:4])
    assert index.rows_of(np.array([12, 41, 40, 1_000, -3])).tolist() == [3, -1, 0, -1, -1]
    assert LatentIndex.of(numbers[:0], stored[:0]).rows_of(numbers).tolist() == [-1] * 4


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_collections_give_what_there_is(stored: FloatMatrix, n: int) -> None:
    index = LatentIndex.of(np.arange(n), stored[:n])
    scores, rows = index.nearest(stored[0], 10)
    assert (len(scores), sorted(rows.tolist())) == (n, list(range(n)))
    assert len(index.nearest(stored[0], 10, np.zeros(0, np.int64))[1]) == 0
