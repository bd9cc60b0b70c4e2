"""Search by words and meaning, held against sums over all documents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedsearch._errors import ParameterError
from embedsearch._types import Document
from embedsearch.index.lexical import LexicalIndex, LexicalQuery
from embedsearch.search.document_index import LatentIndex
from embedsearch.search.hybrid import Depth, HybridSearch, Ranking
from embedsearch.search.model import Fusion
from embedsearch.search.options import SearchOptions
from embedsearch.text.corpora import PlantedCorpus

MODES = ("hybrid", "latent")
TEXTS = ("galaxy of stars", "the king of france", "paris", '"the mayor of" rome king king')


def rank(planted: Any, text: str, topn: int, mode: str, allowed: Any = None) -> Ranking:
    query = planted.lexical.parse(text)
    found: Ranking = planted.search.rank(query, text, SearchOptions(topn, mode), allowed)
    return found


def by_hand(planted: Any, text: str, mode: str) -> NDArray[np.float64]:
    """The score of every document, written out in full."""
    model, X = planted.model, planted.X.astype(np.float64)
    query = planted.lexical.parse(text)
    bm25 = planted.lexical.scores_of(query, planted.numbers).astype(np.float64)
    vector = model.space.linear_queries(planted.terms.matrix([query.words]))[0].astype(np.float64)
    bm25 = (bm25 + 1.5 * expanded_bm25(planted, query)) / deviation(planted, query)
    scores = total(planted, bm25, vector, mode)
    found = np.lexsort((planted.numbers, -scores))[:3]
    lengths = np.diff(planted.counted.bounds)
    first = X[found] * (lengths / (lengths + 0.1 * lengths.mean()))[found, np.newaxis]
    vector = vector + 0.7 * first.mean(axis=0)
    for block in model.space.blocks:
        vector[block.columns] /= np.linalg.norm(vector[block.columns])
    return total(planted, bm25, vector, mode)


def expanded_bm25(planted: Any, query: LexicalQuery) -> NDArray[np.float64]:
    """BM25 of documents with the words of their neighbours, written out in full."""
    counts = planted.counted.counts.toarray().astype(np.float64)
    lengths, cosines = counts.sum(axis=1), planted.X.astype(np.float64) @ planted.X.T
    np.fill_diagonal(cosines, -np.inf)
    frequencies = counts.copy()
    for row, own in enumerate(cosines):
        near = np.argsort(-own, kind="stable")[:20]
        weights = np.maximum(own[near], 0) ** 2
        shares = counts[near] / lengths[near, np.newaxis]
        frequencies[row] += lengths[row] * (weights @ shares) / weights.sum()
    norms = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
    scores = np.zeros(len(counts))
    known = {t: w for t, w in query.words.items() if t in planted.terms.columns}
    for term, weight in known.items():
        f = frequencies[:, planted.terms.columns[term]]
        df = (counts[:, planted.terms.columns[term]] > 0).sum()
        idf = np.log(1 + (len(counts) - df + 0.5) / (df + 0.5))
        scores += weight * idf * f * 2.2 / (f + norms)
    return scores


def deviation(planted: Any, query: LexicalQuery) -> float:
    """The deviation of a sum of independent words."""
    counts = planted.counted.counts.toarray().astype(np.float64)
    lengths = counts.sum(axis=1)
    norms = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
    idf = np.log(1 + (len(counts) - (df := (counts > 0).sum(axis=0)) + 0.5) / (df + 0.5))
    variances = (idf * counts * 2.2 / (counts + norms[:, np.newaxis])).var(axis=0)
    known = {t: w for t, w in query.words.items() if t in planted.terms.columns}
    if len(known) < len(query.words):
        return float(planted.lexical.scores_of(query, planted.numbers).std())
    return float(np.sqrt(sum(w**2 * variances[planted.terms.columns[t]] for t, w in known.items())))


def total(planted: Any, bm25: Any, vector: Any, mode: str) -> NDArray[np.float64]:
    scores, factors = np.zeros(len(bm25)), 0.0
    lengths = np.diff(planted.counted.bounds)
    shrink = lengths / (lengths + 0.1 * lengths.mean())
    for block in planted.model.space.blocks:
        cosines = planted.X[:, block.columns].astype(np.float64) @ vector[block.columns] * shrink
        if cosines.std() > 1e-6:
            scores += 0.7 * cosines / cosines.std()
            factors += 0.7 / cosines.std()
    return scores / factors if mode == "latent" else scores + bm25


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", TEXTS)
def test_scores_are_the_documented_sum_and_nothing_better_is_missed(
    planted: Any, text: str, mode: str
) -> None:
    expected = by_hand(planted, text, mode)
    found = rank(planted, text, len(expected), mode)
    assert sorted(found.numbers.tolist()) == planted.numbers.tolist()
    np.testing.assert_allclose(found.scores, expected[found.numbers - 1], rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(np.sort(expected)[::-1], found.scores, rtol=2e-3, atol=2e-3)


def added_up(planted: Any, query: LexicalQuery, found: Ranking) -> NDArray[np.float64]:
    """The scores of hits, from the factors of a ranking."""
    rows = found.numbers - 1
    scores = (planted.X[rows] @ found.latent) * planted.shrink[rows]
    scores += found.lexical * planted.lexical.scores_of(query, found.numbers)
    if found.expanded:
        scores += found.expanded * expanded_bm25(planted, query)[rows]
    return np.asarray(scores, np.float64)


@pytest.mark.parametrize("mode", MODES)
def test_parts_of_the_ranking_add_up_to_its_scores(planted: Any, mode: str) -> None:
    query = planted.lexical.parse(TEXTS[1])
    found = rank(planted, TEXTS[1], 20, mode)
    np.testing.assert_allclose(found.scores, added_up(planted, query, found), rtol=1e-3, atol=1e-3)


def test_words_alone_are_the_lexical_index(planted: Any) -> None:
    for text in TEXTS:
        found = rank(planted, text, 30, "lexical")
        scores, numbers = planted.lexical.search(text, 30)
        np.testing.assert_array_equal(found.numbers, numbers)
        np.testing.assert_array_equal(found.scores, scores)


@pytest.mark.parametrize("mode", MODES)
def test_queries_find_documents_of_their_topic(planted: Any, mode: str) -> None:
    for text, topic in PlantedCorpus().queries():
        found = rank(planted, text, 10, mode).numbers.tolist()
        topics = [planted.documents[n].metadata["topic"] for n in found]
        assert topics.count(topic) >= 7, (text, topic, topics)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("topn", [1, 7, 150, 1_000])
def test_as_many_are_found_as_are_asked_for_or_allowed(planted: Any, mode: str, topn: int) -> None:
    for allowed in (None, np.arange(2, 241, 3), np.array([5, 9]), np.zeros(0, np.int64)):
        found = rank(planted, TEXTS[0], topn, mode, allowed).numbers.tolist()
        there = 240 if allowed is None else len(allowed)
        assert len(found) == len(set(found)) == min(topn, there)
        assert allowed is None or set(found) <= set(allowed.tolist())


def test_a_filter_leaves_the_best_of_what_it_allows(planted: Any) -> None:
    fusion = replace(planted.model.fusion, feedback=0)
    planted = replace(planted, model=replace(planted.model, fusion=fusion))
    allowed = np.arange(1, 241, 2)
    everywhere = rank(planted, TEXTS[0], 240, "latent").numbers.tolist()
    expected = [n for n in everywhere if n % 2]
    assert rank(planted, TEXTS[0], 120, "latent", allowed).numbers.tolist() == expected


def words_of(planted: Any, number: int) -> set[str]:
    document = planted.documents[number]
    return set(planted.lexical.analyzer.words(f"{document.title}\n{document.text}"))


@pytest.mark.parametrize("mode", ["lexical", *MODES])
@pytest.mark.parametrize(
    ("text", "required", "excluded"),
    [
        ("+mayor galaxy", {"mayor"}, set()),
        ("galaxy stars -mayor", set(), {"mayor"}),
        ("+mayor +king galaxy", {"mayor", "king"}, set()),
        ("+king galaxy -queen", {"king"}, {"queen"}),
        ("galaxy -mayor -king", set(), {"mayor", "king"}),
        ("galaxy -unheard", set(), set()),
    ],
)
def test_what_is_required_and_excluded_holds_in_every_mode_and_nothing_is_missed(
    planted: Any, mode: str, text: str, required: set[str], excluded: set[str]
) -> None:
    held = {n: words_of(planted, n) for n in planted.documents}
    admitted = [n for n, words in held.items() if required <= words and not excluded & words]
    found = rank(planted, text, 240, mode).numbers.tolist()
    if mode == "lexical":
        assert set(found) <= set(admitted)
    else:
        assert sorted(found) == admitted
    for topn in (3, 10):
        assert len(rank(planted, text, topn, mode).numbers) == min(topn, len(found))


def test_what_is_required_and_not_there_finds_nothing(planted: Any) -> None:
    for mode in ("lexical", *MODES):
        assert len(rank(planted, "+unheard galaxy", 10, mode).numbers) == 0


def test_the_words_of_a_phrase_are_looked_for_in_meaning(planted: Any) -> None:
    quoted = rank(planted, '"galaxy stars"', 20, "latent")
    assert quoted.numbers.tolist() == rank(planted, "galaxy stars", 20, "latent").numbers.tolist()


def test_more_candidates_than_documents_by_words_are_scored_by_words_too(
    planted: Any,
) -> None:
    query, whole = planted.lexical.parse(TEXTS[1]), planted.search
    search = HybridSearch(
        whole.lexical, whole.latent, whole.model, depth=Depth(lexical=5), expanded=whole.expanded
    )
    found = search.rank(query, TEXTS[1], SearchOptions(8, "hybrid"))
    assert (planted.lexical.scores_of(query, planted.numbers) > 0).sum() > 8
    np.testing.assert_allclose(found.scores, added_up(planted, query, found), rtol=1e-3, atol=1e-3)
    columns = [planted.terms.columns[term] for term in query.words]
    told = planted.model.spreads.lexical(columns, np.array(list(query.words.values())))
    assert found.lexical == pytest.approx(1 / told, rel=1e-6)


def test_a_spread_that_the_formula_cannot_know_is_taken_from_what_was_found(planted: Any) -> None:
    scores = np.array([9.0, 4.0, 1.0], np.float32)
    everything = np.concatenate((scores, np.zeros(237)))
    query = LexicalQuery({"unheard": 1.0})
    assert planted.search.spread(query, scores) == pytest.approx(everything.std())
    half_known = LexicalQuery({"unheard": 1.0, planted.terms.terms[0]: 1e-3})
    assert planted.search.spread(half_known, scores) == pytest.approx(everything.std())


def test_equal_scores_are_ordered_by_number(planted: Any) -> None:
    """The rows of documents that were changed come last; their numbers need not."""
    rows = np.random.default_rng(0).permutation(240)
    X = np.tile(planted.X[:1], (240, 1))
    search = HybridSearch(None, LatentIndex.of(planted.numbers[rows], X), planted.model)
    query = planted.lexical.parse(TEXTS[0])
    found = search.rank(query, TEXTS[0], SearchOptions(50, "latent"))
    assert found.numbers.tolist() == list(range(1, 51))


def test_documents_that_are_all_alike_are_found_without_noise(planted: Any) -> None:
    one = planted.documents[1]
    with LexicalIndex.temporary(planted.lexical.analyzer) as lexical:
        lexical.apply(((n, one) for n in (1, 2, 3)), change=1)
        X = np.tile(planted.X[:1], (3, 1))
        spreads = type(planted.model.spreads).of(X, planted.model.space.blocks, no_terms(planted))
        model = replace(planted.model, spreads=spreads)
        search = HybridSearch(lexical.snapshot, LatentIndex.of(np.arange(1, 4), X), model)
        text = one.text.split(".")[0]
        for mode in ("lexical", *MODES):
            found = search.rank(lexical.snapshot.parse(text), text, SearchOptions(10, mode))
            assert found.numbers.tolist() == [1, 2, 3]
            assert found.scores.min() == found.scores.max() > 0
            assert found.scores.max() < 100


def no_terms(planted: Any) -> Any:
    return planted.counted.counts[:3] * 0


def test_words_that_no_encoder_knows_are_found_by_bm25_alone(planted: Any) -> None:
    with LexicalIndex.temporary(planted.lexical.analyzer) as lexical:
        lexical.apply([(n, Document("x", "zyzzyva")) for n in (4, 8)], change=1)
        search = HybridSearch(
            lexical.snapshot, LatentIndex.of(planted.numbers, planted.X), planted.model
        )
        query = lexical.snapshot.parse("zyzzyva")
        for mode in ("auto", "hybrid", "lexical"):
            found = search.rank(query, "zyzzyva", SearchOptions(10, mode)).numbers
            assert found.tolist()[:2] == [4, 8]
        assert len(search.rank(query, "", SearchOptions(10, "latent")).numbers) == 0


def test_without_a_lexical_index_meaning_is_all_there_is(planted: Any) -> None:
    search = HybridSearch(None, LatentIndex.of(planted.numbers, planted.X), planted.model)
    query = planted.lexical.parse(TEXTS[0])
    latent = rank(planted, TEXTS[0], 10, "latent").numbers.tolist()
    assert (
        len(set(search.rank(query, TEXTS[0], SearchOptions()).numbers.tolist()) & set(latent)) >= 8
    )
    with pytest.raises(ParameterError, match="mode must be latent"):
        search.rank(query, TEXTS[0], SearchOptions(mode="lexical"))


def test_weights_and_feedback_as_asked_take_the_place_of_the_models(planted: Any) -> None:
    query = planted.lexical.parse(TEXTS[0])
    for asked in (0, 1, 5):
        fusion = replace(planted.model.fusion, feedback=asked)
        model = replace(planted.model, fusion=Fusion())
        others = replace(planted, model=model).search
        expected = others.rank(query, TEXTS[0], SearchOptions(20), fusion=fusion)
        found = planted.search.rank(query, TEXTS[0], SearchOptions(20, feedback=asked))
        assert len(found.feedback) == asked
        assert found.numbers.tolist() == expected.numbers.tolist()
        np.testing.assert_array_equal(found.scores, expected.scores)
