"""Relevance, against its formula for single words, and what must hold in every mode."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from embedsearch.index.lexical.analysis import TEXT
from embedsearch.index.lexical.query import LexicalQuery
from embedsearch.search.hybrid import Ranking
from embedsearch.search.latent_space import Block
from embedsearch.search.options import SearchOptions
from embedsearch.search.relevance import relevances

MODES = ("auto", "lexical", "latent")


def answered(collection: Any, text: str, mode: str) -> tuple[Any, Any]:
    """Return a ranking of all documents, and their relevance."""
    search = collection.search
    query, columns = search.lexical.parse(text), search.model.space.terms.columns
    ranking = search.rank(query, text, SearchOptions(62, mode))
    frequencies = {term: search.lexical.frequency(TEXT, term) for term in query.words}
    blocks = search.model.space.blocks
    return ranking, relevances(ranking, query, blocks, frequencies, 62, columns)


def test_the_relevance_of_one_word_goes_by_the_share_of_the_best_score(plain: Any) -> None:
    ranking, found = answered(plain, "telescope", "lexical")
    having = sum("telescope" in text for text in plain.texts_of(range(10, 72)))
    share = ranking.scores / (2.2 * math.log(63 / (having + 0.5)))
    assert found == pytest.approx(1 / (1 + 0.6**3 / (4 * share**3)), rel=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", ["star", "vehicle barn", "moons dawn light orbit"])
def test_relevance_rises_with_the_score(collection: Any, mode: str, text: str) -> None:
    ranking, found = answered(collection, text, mode)
    assert len(found) == len(ranking.scores) > 3
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) <= 0).all()
    assert found[0] > 0.5


@pytest.mark.parametrize("mode", MODES)
def test_words_that_no_document_has_make_the_answer_doubtful(plain: Any, mode: str) -> None:
    best = [answered(plain, f"telescope{more}", mode)[1][0] for more in ("", " qux", " qux quux")]
    assert best[0] > 3 * best[1] > 9 * best[2] > 0
    assert best[1] > 0.1 * best[0]


def test_a_word_that_stands_for_an_unknown_one_counts_for_its_cosine(plain: Any) -> None:
    ranking, whole = answered(plain, "telescope", "lexical")
    query, frequencies = plain.search.lexical.parse("telescope"), {}
    for term in query.words:
        frequencies[term] = plain.search.lexical.frequency(TEXT, term)
    cosines = dict.fromkeys(query.words, 0.8)
    found = relevances(ranking, query, [], frequencies, 62, cosines=cosines)
    odds = whole / (1 - whole) * 0.8**4.5
    assert found == pytest.approx(odds / (1 + odds), rel=1e-4)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("words", [1, 3, 4, 8, 20])
def test_the_share_that_is_needed_falls_with_the_number_of_words(words: int, mode: str) -> None:
    # Of words of the same rarity, all of which are known, the best score is known.
    query = LexicalQuery({f"word{n}": 1.0 for n in range(words)})
    share = np.float32([1, 0.7, 0.4, 0.2, 0.0])
    idf = math.log(1001 / 10.5)
    parts = {"lexical": (1.0, 0.0), "auto": (0.4, 0.6), "latent": (0.0, 0.0)}[mode]
    vector = np.float32([0, 0] if mode == "lexical" else [3, 4])
    best = sum(parts) * 2.2 * idf * words + float(np.linalg.norm(vector))
    ranking = Ranking(np.arange(5), share * np.float32(best), *parts, vector)
    frequencies = dict.fromkeys(query.words, 10)
    found = relevances(ranking, query, [Block("lsa", slice(0, 2))], frequencies, 1000)
    odds = max(words, 4) * (share / 0.6) ** 3
    assert found == pytest.approx(odds / (1 + odds), rel=1e-4)
