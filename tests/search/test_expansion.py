"""Words that are added to a query, against cosines of all words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from embedsearch.search.evidence import AUTO_Z
from embedsearch.search.expansion import EACH, FACTOR, NEAR, Expander, instead, with_words
from embedsearch.search.latent_space import TextEncoder
from embedsearch.search.options import SearchOptions
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.vectors.sif import SifEncoder
from embedsearch.vectors.word_vectors import WordVectors


@pytest.fixture
def encoder() -> TextEncoder:
    """Words of a vocabulary that was imported: `automobile` is in no document."""
    words = ["vehicle", "automobile", "barn", "cow", "lorries"]
    rows = [[1.0, 0.2, 0], [1.0, 0.1, 0.1], [0, 1.0, 0], [0, 0.8, 0.6], [0.9, 0, 0.3]]
    vectors = WordVectors(np.array(rows, np.float32), words, np.array([9, 8, 7, 6, 5]))
    sif = SifEncoder(vectors.vectors, np.array([9, 8, 7, 6, 5]))
    return TextEncoder(TextProcessor(TokenizerSettings()), vectors, sif)


def test_words_that_are_frequent_are_left_as_they_are(plain: Any, encoder: TextEncoder) -> None:
    query = plain.search.lexical.parse("vehicle barn")
    assert Expander(plain.search.model, encoder, 62).expand(query) == []


def test_the_nearest_terms_of_a_rare_word_are_added(plain: Any, encoder: TextEncoder) -> None:
    model = plain.search.model
    query = replace(plain.search.lexical.parse("vehicle"), words={"vehicl": 2.0})
    added = Expander(model, encoder, 62, str, rare=1).expand(query)
    words = next(e for e in model.space.linear if e.name == "words")
    vectors = words.projection - (words.projection @ words.removed.T) @ words.removed
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    columns, terms = model.space.terms.columns, model.space.terms.terms
    cosines = vectors @ vectors[columns["vehicl"]]
    counts = np.exp(-model.space.statistics.idf) * 63 - 0.5
    # Ranked by what a cosine is worth at so many occurrences.
    spread = np.sqrt(1 / np.maximum(counts, 1) + 1 / counts[columns["vehicl"]])
    sure = np.arctanh(np.minimum(cosines, 1 - 1e-6)) - AUTO_Z * spread
    sure[(counts < 2.9) | (cosines < NEAR)] = -np.inf
    expected = [terms[i] for i in np.argsort(-sure) if terms[i] != "vehicl"][:EACH]
    assert [word.term for word in added] == expected
    for word in added:
        cosine = float(cosines[columns[word.term]])
        assert cosine >= NEAR
        assert word.expanded.score == pytest.approx(cosine, abs=1e-5)
        assert word.expanded.weight == pytest.approx(2 * FACTOR * cosine, abs=1e-5)
        assert word.expanded.query_word == "vehicle"


def test_a_word_that_no_document_has_is_looked_for_by_its_neighbours(
    plain: Any, encoder: TextEncoder
) -> None:
    query = plain.search.lexical.parse("automobile")
    added = Expander(plain.search.model, encoder, 62).expand(query)
    assert [(word.term, word.expanded.word) for word in added] == [
        ("vehicl", "vehicle"),
        ("lorri", "lorries"),
    ]
    ranking = plain.search.rank(with_words(query, added), "automobile", SearchOptions())
    best = plain.texts_of(ranking.numbers.tolist()[:3])
    assert all("vehicle" in text or "lorries" in text for text in best)


def test_the_words_looked_for_stand_in_place_of_those_that_no_document_has(
    plain: Any, encoder: TextEncoder
) -> None:
    query = plain.search.lexical.parse("automobile barn")
    added = Expander(plain.search.model, encoder, 62).expand(query)
    looked_for, cosines = instead(query, ("automobile",), added)
    assert looked_for.words == {"barn": 1.0} | {w.term: w.expanded.weight for w in added}
    assert cosines == {word.term: word.expanded.score for word in added}
    assert instead(query, (), added) == (query, {})


@pytest.mark.parametrize("spelled", ["engines", None])
def test_a_term_of_no_word_of_the_vocabulary_is_spelled_as_documents_have_it(
    plain: Any, spelled: str | None
) -> None:
    model = plain.search.model
    vectors = WordVectors(np.ones((1, 3), np.float32), ["barn"], np.array([5]))
    sif = SifEncoder(vectors.vectors, np.array([5]))
    encoder = TextEncoder(TextProcessor(TokenizerSettings()), vectors, sif)
    query = replace(plain.search.lexical.parse("vehicle"), words={"vehicl": 1.0})
    expander = Expander(model, encoder, 62, {"engin": spelled}.get, rare=1)
    assert [word.expanded.word for word in expander.expand(query)] == [spelled] * bool(spelled)


def test_why_nothing_was_added_is_said(plain: Any, encoder: TextEncoder) -> None:
    expander = Expander(plain.search.model, encoder, 62)
    parse = plain.search.lexical.parse
    reason = "each of its words is in more than 2 documents"
    assert expander.reason(parse("vehicle barn")) == reason
    assert expander.reason(parse("plugh vehicle")) == "no word is close enough to plugh"


def test_what_is_in_the_query_or_excluded_is_not_added(plain: Any, encoder: TextEncoder) -> None:
    query = plain.search.lexical.parse("automobile vehicle -lorries")
    assert Expander(plain.search.model, encoder, 62).expand(query) == []


def test_a_word_without_a_vector_adds_nothing(plain: Any, encoder: TextEncoder) -> None:
    query = plain.search.lexical.parse("plugh")
    added = Expander(plain.search.model, encoder, 62).expand(query)
    assert added == []
    assert with_words(query, added) == query


def test_added_words_keep_the_query_as_it_is(plain: Any, encoder: TextEncoder) -> None:
    query = plain.search.lexical.parse('+automobile "near a"')
    looked_for = with_words(query, Expander(plain.search.model, encoder, 62).expand(query))
    assert looked_for.words["automobil"] == 1
    assert (looked_for.required, looked_for.phrases) == (query.required, query.phrases)
    assert 0 < looked_for.words["lorri"] < FACTOR
    assert looked_for.spellings["lorri"] == "lorries"
