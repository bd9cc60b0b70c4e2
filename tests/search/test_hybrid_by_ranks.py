"""Fusion of ranks, against lists that are put in order one by one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedsearch._types import Document
from embedsearch.index.lexical import LexicalIndex
from embedsearch.search.document_index import LatentIndex
from embedsearch.search.explain import Explainer
from embedsearch.search.hybrid import Depth, HybridSearch, RankedLists, Ranking, fused
from embedsearch.search.options import SearchOptions

QUERIES = ("the engine of a vehicle", "light barn xyzzy", '"near a" star', "was the")

NEAR = (1e-6, 3e-5)
Lists = list[dict[int, float]]


def rank(search: HybridSearch, text: str, topn: int = 10, allowed: Any = None) -> Ranking:
    assert search.lexical is not None
    return search.rank(search.lexical.parse(text), text, SearchOptions(topn, "rrf"), allowed)


def written_out(search: Any, text: str, numbers: Any) -> Lists:
    """Score documents in each list, passage by passage in double precision."""
    query, model, latent = search.lexical.parse(text), search.model, search.latent
    vector = model.space.queries(model.space.terms.matrix([query.meant]), [text])[0]
    bm25 = search.lexical.scores_of(query, numbers).tolist()
    lists: Lists = [dict(zip(numbers.tolist(), bm25, strict=True))]
    for block in model.space.blocks:
        cosines: NDArray[np.float64] = latent.X.base[:, block.columns].astype(float) @ vector[
            block.columns
        ].astype(float)
        ends = latent.rows.bounds
        best = [max(cosines[ends[r] : ends[r + 1]]) for r in latent.rows.find(numbers)]
        lists.append(dict(zip(numbers.tolist(), best, strict=True)))
    return [{n: score for n, score in scored.items() if score > 1e-6} for scored in lists]


def by_formula(lists: Lists, alike: float) -> dict[int, float]:
    """Add up `1 / (60 + rank)`; documents that are equal share the better rank."""
    sums = dict[int, float]()
    for scored in lists:
        for number, score in scored.items():
            limit = score + alike * max(score, 1.0)
            place = 1 + sum(other > limit for other in scored.values())
            sums[number] = sums.get(number, 0.0) + 1 / (60 + place)
    return sums


def check(numbers: Any, scores: Any, lists: Lists) -> None:
    """Hold scores against the formula, which rounding may bring to either side of a tie."""
    least, most = by_formula(lists, 1.7e-6), by_formula(lists, 2.3e-6)
    for number, score in zip(numbers.tolist(), scores.tolist(), strict=True):
        low, high = least.get(number, 0.0), most.get(number, 0.0)
        assert low - 1e-8 <= score <= high + 1e-8
    assert sum(least[n] == most[n] for n in least) >= 0.3 * len(least)


def check_scores(search: Any, text: str, allowed: Any = None) -> None:
    numbers = np.sort(search.latent.numbers) if allowed is None else allowed
    found = rank(search, text, len(search.latent), allowed)
    assert sorted(found.numbers.tolist()) == numbers.tolist()
    check(found.numbers, found.scores, written_out(search, text, numbers))
    order = np.lexsort((found.numbers, -found.scores))
    assert order.tolist() == list(range(len(order)))


@pytest.mark.parametrize("text", QUERIES)
def test_scores_are_those_of_the_formula(plain: Any, text: str) -> None:
    check_scores(plain.search, text)


@pytest.mark.parametrize("text", ["galaxy of stars", "paris", '"the mayor of" rome king king'])
def test_scores_are_those_of_the_formula_among_more_documents(planted: Any, text: str) -> None:
    check_scores(planted.search, text)


@pytest.mark.parametrize("text", QUERIES)
def test_a_long_document_has_its_best_passage_in_each_list(long_collection: Any, text: str) -> None:
    check_scores(long_collection.search, text)


def test_lists_may_take_different_passages_of_one_document(long_collection: Any) -> None:
    search, text = long_collection.search, QUERIES[0]
    vector = rank(search, text).encoded
    X, differ = search.latent.X.base, 0
    for start, stop in pairwise(search.latent.rows.bounds):
        blocks = [block.columns for block in search.model.space.blocks]
        best = {int((X[start:stop, b] @ vector[b]).argmax()) for b in blocks}
        differ += len(best) > 1
    assert differ


@pytest.mark.parametrize("allowed", [np.arange(10, 70, 7), np.array([11]), np.zeros(0, np.int64)])
def test_ranks_are_among_what_a_filter_allows(plain: Any, allowed: Any) -> None:
    check_scores(plain.search, QUERIES[0], allowed)


def test_ranks_are_among_what_the_query_admits(plain: Any) -> None:
    search = plain.search
    for text in ("+car engine road", "engine -truck"):
        found = rank(search, text, 100)
        query = search.lexical.parse(text)
        everyone = np.arange(10, 72)
        admitted = everyone[search.lexical.admits(query, everyone)]
        assert sorted(found.numbers.tolist()) == admitted.tolist()
        check(found.numbers, found.scores, written_out(search, text, admitted))


def test_without_a_lexical_index_the_encoders_are_the_lists(plain: Any) -> None:
    query = plain.search.lexical.parse(QUERIES[0])
    search = HybridSearch(None, plain.search.latent, plain.search.model)
    found = search.rank(query, QUERIES[0], SearchOptions(100, "rrf"))
    _, *lists = written_out(plain.search, QUERIES[0], found.numbers)
    check(found.numbers, found.scores, lists)


def test_feedback_and_learned_weights_count_for_nothing(plain: Any, collection: Any) -> None:
    one, other = rank(plain.search, QUERIES[0], 50), rank(collection.search, QUERIES[0], 50)
    assert one.numbers.tolist() == other.numbers.tolist()
    assert len(other.feedback) == 0
    fusion = replace(plain.search.model.fusion, weights={"words": 9.0})
    model = replace(plain.search.model, fusion=fusion)
    search = HybridSearch(plain.search.lexical, plain.search.latent, model)
    assert rank(search, QUERIES[0], 50).scores.tolist() == one.scores.tolist()


def test_equal_documents_have_equal_scores_and_come_by_number(planted: Any) -> None:
    documents = [(n, planted.documents[1 + n % 8]) for n in range(1, 49)]
    with LexicalIndex.temporary(planted.lexical.analyzer) as lexical:
        lexical.apply(documents, change=1)
        rows = np.random.default_rng(0).permutation(48)
        numbers = np.arange(1, 49)[rows]
        X = planted.X[numbers % 8]
        search = HybridSearch(lexical.snapshot, LatentIndex.of(numbers, X), planted.model)
        found = rank(search, documents[0][1].text.split(".")[0], 48)
    scores = dict(zip(found.numbers.tolist(), found.scores.tolist(), strict=True))
    for number in range(1, 49):
        assert scores[number] == scores[1 + (number - 1) % 8]
    assert found.numbers.tolist() == sorted(scores, key=lambda number: (-scores[number], number))
    assert len(set(scores.values())) > 1


def test_ranks_are_those_of_competitions() -> None:
    from scipy.stats import rankdata

    scores = np.random.default_rng(1).integers(0, 9, (3, 40)).astype(np.float32)
    lists = RankedLists(("a", "b", "c"), np.arange(40), scores, np.zeros(0, np.float32))
    expected = np.array([rankdata(-own, method="min") for own in scores]) * (scores > 0)
    assert lists.ranks(scores).tolist() == expected.tolist()
    newcomers = np.array([[9, 4, 0]] * 3, np.float32)
    counted = [[1, 1 + int((own > 4).sum()), 0] for own in scores]
    assert lists.ranks(newcomers).tolist() == counted


def test_differences_by_rounding_alone_are_none() -> None:
    scores = np.array([[3.0, 3.0 * (1 + 1e-6), 2.0, 3.01]], np.float32)
    lists = RankedLists(("a",), np.arange(4), scores, np.zeros(0, np.float32))
    assert lists.ranks(scores).tolist() == [[2, 2, 4, 1]]


def test_the_same_ranks_in_other_lists_have_the_same_sum() -> None:
    ranks = np.array(list(permutations((1, 5, 77, 312, 999)))).T
    assert len(set(fused(ranks).tolist())) == 1
    expected = 1 / 61 + 1 / 65 + 1 / 137 + 1 / 372 + 1 / 1059
    assert fused(ranks)[0] == pytest.approx(expected, rel=1e-6)
    assert fused(np.zeros((3, 2), np.int64)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("text", QUERIES)
def test_each_list_is_a_part_with_its_rank(long_collection: Any, text: str) -> None:
    search = long_collection.search
    found = rank(search, text, 20)
    query, documents = (
        search.lexical.parse(text),
        [long_collection.by_number(n) for n in found.numbers],
    )
    lists = [list(scored.items()) for scored in written_out(search, text, search.latent.numbers)]
    names = ["BM25", *(block.name for block in search.model.space.blocks)]
    told = Explainer(search, query, found, {}).explain(found.numbers, documents, found.scores)
    for number, score, explanation in zip(
        found.numbers.tolist(), found.scores.tolist(), told, strict=True
    ):
        assert explanation.score == score
        assert sum(part.contribution for part in explanation.parts) == pytest.approx(score, 1e-7)
        assert abs(explanation.rest) < 1e-8
        ranks = {part.encoder: part.rank for part in explanation.parts}
        for name, scored in zip(names, lists, strict=True):
            own = dict(scored).get(number)
            places = [own is not None and 1 + sum(s > own + x for _, s in scored) for x in NEAR]
            assert places[1] <= ranks.get(name, 0) <= places[0]
        for part in explanation.parts:
            assert part.contribution == 1 / (60 + part.rank)
            assert part.pair == (f"rank {part.rank} by {part.encoder}", "", "")


def test_a_document_that_is_no_candidate_is_explained_as_if_it_were(plain: Any) -> None:
    whole, text = plain.search, "engine road"
    search = HybridSearch(whole.lexical, whole.latent, whole.model, depth=Depth(5, 5))
    found, query = rank(search, text, 1), search.lexical.parse(text)
    assert found.lists is not None
    candidates, everyone = found.lists.numbers, np.arange(10, 72)
    assert len(candidates) < 11
    explainer = Explainer(search, query, found, {})
    scores = explainer.scores(everyone)
    told = explainer.explain(everyone, plain.documents, scores)
    for number, score, explanation in zip(everyone.tolist(), scores.tolist(), told, strict=True):
        lists = written_out(search, text, np.union1d(candidates, [number]))
        check(np.array([number]), np.array([score]), lists)
        assert sum(part.contribution for part in explanation.parts) == pytest.approx(score, 1e-7)


def test_what_is_in_no_list_or_ruled_out_has_a_score_of_0(plain: Any) -> None:
    search, numbers = plain.search, np.array([10, 70])
    documents = [plain.by_number(number) for number in numbers.tolist()]
    assert "car" in documents[0].text
    for text, zeros in (("engine -car", [True, True]), ("engine", [False, True])):
        query = search.lexical.parse(text)
        explainer = Explainer(search, query, rank(search, text, 1), {})
        scores = explainer.scores(numbers)
        assert (scores == 0).tolist() == zeros
        told = explainer.explain(numbers, documents, scores)
        assert [not explanation.parts for explanation in told] == zeros


def test_nothing_to_search_is_nothing_found(planted: Any) -> None:
    with LexicalIndex.temporary(planted.lexical.analyzer) as lexical:
        lexical.apply([(1, Document("a", "one"))], change=1)
        empty = LatentIndex.of(np.zeros(0, np.int64), planted.X[:0])
        search = HybridSearch(lexical.snapshot, empty, planted.model)
        found = rank(search, "galaxy of stars")
    assert (len(found.numbers), len(found.scores)) == (0, 0)
