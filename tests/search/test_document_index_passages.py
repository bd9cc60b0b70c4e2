"""Long documents as passages, held against taking them one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from embedsearch._errors import VectorError
from embedsearch._types import FloatMatrix, IntVector
from embedsearch.index.candidate_index import CandidateIndex
from embedsearch.search.document_index import (
    DocumentRows,
    LatentIndex,
    PassageVectors,
    best_scores,
    check_bounds,
    shrinks,
)
from embedsearch.search.latent_space import Block, TermDocuments, all_pieces, pieces_of, split
from embedsearch.search.segments import Segmented

LENGTHS = [0, 3, 7, 8, 25, 1, 16]


@pytest.fixture
def documents() -> TermDocuments:
    bounds = np.cumsum([0, *LENGTHS])
    return TermDocuments(np.arange(bounds[-1], dtype=np.int32), bounds, int(bounds[-1]))


def test_passages_are_even_and_leave_nothing_out(documents: TermDocuments) -> None:
    passages, bounds = split(documents, 8)
    assert passages.ids.tolist() == documents.ids.tolist()
    assert bounds[-1] == len(passages)
    for row, length in enumerate(LENGTHS):
        own = np.diff(passages.bounds)[bounds[row] : bounds[row + 1]]
        assert own.sum() == length
        assert len(own) == max(1, -(-length // 8))
        assert own.max() <= 8
        assert own.max() - own.min() <= 1


def test_short_documents_are_left_as_they_are(documents: TermDocuments) -> None:
    passages, bounds = split(documents)
    assert passages is documents
    assert bounds.tolist() == list(range(len(LENGTHS) + 1))


def test_texts_are_cut_into_as_many_pieces_as_they_have_passages() -> None:
    text = "one two  three\nfour five six seven"
    assert pieces_of(text, 1) == [text]
    assert pieces_of(text, 3) == ["one two", "three four", "five six seven"]
    assert pieces_of("one", 2) == ["", "one"]
    assert all_pieces([text, "short"], np.array([0, 2, 3])) == [
        "one two three",
        "four five six seven",
        "short",
    ]


@pytest.mark.parametrize(
    "bounds", [[0, 1, 1, 3], [1, 2, 3, 4], [0, 2, 1, 3], [0, 1, 3], [0, 1, 2, 4], [[0, 1, 2, 3]]]
)
def test_passages_that_belong_to_nobody_are_damage(bounds: list[int]) -> None:
    check_bounds(np.array([0, 1, 2, 3]), 3, 3)
    with pytest.raises(VectorError, match="passages"):
        check_bounds(np.array(bounds), 3, 3)


@pytest.fixture(scope="module")
def bounds() -> IntVector:
    counts = np.random.default_rng(0).integers(1, 6, 300)
    return np.concatenate(([0], np.cumsum(counts)))


@pytest.fixture(scope="module")
def vectors(bounds: IntVector) -> FloatMatrix:
    return np.random.default_rng(1).standard_normal((bounds[-1], 12)).astype(np.float32)


def best_by_hand(vectors: FloatMatrix, bounds: IntVector, query: FloatMatrix) -> FloatMatrix:
    scores = vectors.astype(np.float64) @ query
    return np.array([scores[a:b].max() for a, b in pairwise(bounds.tolist())])


def test_a_document_has_the_score_of_its_best_passage(
    vectors: FloatMatrix, bounds: IntVector
) -> None:
    index, rows = LatentIndex.of(np.arange(300), vectors, bounds=bounds), np.array([7, 3, 250])
    for query in vectors[:5]:
        expected = best_by_hand(vectors, bounds, query)
        np.testing.assert_allclose(index.scores(query, rows), expected[rows], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(
            best_scores(vectors @ query, bounds), expected, rtol=1e-5, atol=1e-5
        )
        taken = index.take(rows)
        best = taken.at(taken.best(query))[0] @ query
        np.testing.assert_allclose(best, expected[rows], rtol=1e-5, atol=1e-5)
        found, nearest = index.nearest(query, 20)
        assert nearest.tolist() == np.argsort(-expected)[:20].tolist()
        np.testing.assert_allclose(found, expected[nearest], rtol=1e-5, atol=1e-5)


def test_the_scores_of_passages_are_multiplied_by_their_factors(
    vectors: FloatMatrix, bounds: IntVector
) -> None:
    lengths = np.random.default_rng(1).integers(0, 90, len(vectors))
    shrink, rows = shrinks(lengths, 40.0), np.array([7, 3, 250])
    np.testing.assert_allclose(shrink, lengths / (lengths + 4.0), rtol=1e-6)
    index = LatentIndex.of(np.arange(300), vectors, bounds=bounds, shrink=shrink)
    for query in vectors[:5]:
        expected = best_by_hand(vectors * shrink[:, np.newaxis], bounds, query)
        np.testing.assert_allclose(index.scores(query, rows), expected[rows], atol=1e-5)
        taken = index.take(rows)
        at, factors = taken.at(taken.best(query))
        np.testing.assert_allclose(at @ query, expected[rows], atol=1e-5)
        assert set(factors.tolist()) <= set(shrink.tolist())
        assert set(index.near(query, 20).tolist()) == set(np.argsort(-expected)[:20].tolist())
        plain = LatentIndex.of(np.arange(300), vectors, bounds=bounds)
        assert index.nearest(query, 20)[1].tolist() == plain.nearest(query, 20)[1].tolist()


def test_nearest_documents_are_found_among_those_allowed(
    vectors: FloatMatrix, bounds: IntVector
) -> None:
    index, allowed = LatentIndex.of(np.arange(300), vectors, bounds=bounds), np.arange(0, 300, 7)
    expected = best_by_hand(vectors, bounds, vectors[0])[allowed]
    _, nearest = index.nearest(vectors[0], 9, allowed)
    assert nearest.tolist() == allowed[np.argsort(-expected)[:9]].tolist()


@pytest.mark.parametrize("filtered", [False, True])
def test_proposed_passages_give_as_many_documents_as_are_asked(
    vectors: FloatMatrix, bounds: IntVector, filtered: bool
) -> None:
    # One document has all the passages that are nearest to the first query.
    vectors = vectors.copy()
    vectors[bounds[4] : bounds[5]] = vectors[0] * 3
    index = LatentIndex.of(np.arange(300), vectors, CandidateIndex.build(vectors), bounds, 50)
    allowed = np.arange(0, 300, 2) if filtered else None
    among = np.arange(300) if allowed is None else allowed
    for query in vectors[:40:8]:
        expected = among[np.argsort(-best_by_hand(vectors, bounds, query)[among])]
        for topn in (5, 100, 300):
            rows = index.near(query, topn, allowed)
            assert len(rows) == len(set(rows.tolist())) == min(topn, len(among))
        near = set(index.near(query, 40, allowed).tolist())
        assert len(near & set(expected[:10].tolist())) >= 9


def test_proposals_hold_after_documents_have_come_and_gone(
    vectors: FloatMatrix, bounds: IntVector
) -> None:
    came = np.random.default_rng(2).standard_normal((30, 12)).astype(np.float32)
    rows = DocumentRows.of(np.arange(300), bounds).without(np.arange(1, 300, 2))
    rows = rows.appended(np.arange(300, 310), np.full(10, 3))
    X = Segmented(vectors).appended(came)
    index = LatentIndex(rows, X, CandidateIndex.build(vectors))
    alive = np.concatenate((np.arange(0, 300, 2), np.arange(300, 310)))
    assert (rows.alive.tolist(), len(index)) == (alive.tolist(), 160)
    for query in (*came[:5], *vectors[:5]):
        scores = best_by_hand(np.concatenate((vectors, came)), rows.bounds, query)
        expected = alive[np.argsort(-scores[alive])[:10]]
        near = index.near(query, 30).tolist()
        assert len(near) == 30
        assert len(set(expected.tolist()) & set(near)) >= 9


def test_a_document_as_a_whole_is_the_mean_of_its_passages(
    vectors: FloatMatrix, bounds: IntVector
) -> None:
    blocks = [Block("a", slice(0, 5)), Block("b", slice(5, 12))]
    means = PassageVectors(vectors, bounds, np.ones(len(vectors), np.float32)).means(blocks)
    for row in (0, 17, 299):
        own = vectors[bounds[row] : bounds[row + 1]].mean(axis=0)
        for block in blocks:
            expected = own[block.columns] / np.linalg.norm(own[block.columns])
            np.testing.assert_allclose(means[row, block.columns], expected, atol=1e-6)
