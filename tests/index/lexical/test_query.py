"""The query language: what is found for what is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st

from embedsearch._errors import ParameterError, QueryError
from embedsearch.index.lexical import LexicalAnalyzer, LexicalIndex
from embedsearch.index.lexical.query import parse_query

if TYPE_CHECKING:
    from collections.abc import Callable

    Build = Callable[..., LexicalIndex]

TEXTS: dict[int, str | tuple[str, str]] = {
    1: "The boundary layer of a flat plate",
    2: "A layer at the boundary",
    3: ("On plates", "The state of the art in supersonic flow"),
    4: "Don't panic: l'avion, state-of-the-art and a 5\" tube",
    5: "To be or not to be, that is the question",
    6: "Not to worry; it has to be so",
    7: ("Café society", "東京大学で学ぶ"),
}


@pytest.fixture(scope="module")
def index(build: Build) -> LexicalIndex:
    return build(TEXTS)


def found(index: LexicalIndex, query: str) -> set[int]:
    return set(index.snapshot.search(query, topn=100)[1].tolist())


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("boundary", {1, 2}),
        ("BOUNDARIES plates", {1, 2, 3}),
        ('"boundary layer"', {1, 2}),
        ('+"boundary layer"', {1}),
        ("+\u201cboundary layer\u201d", {1}),
        ('+"layer boundary"', set()),
        ('+"layer at the boundary"', {2}),
        ('"layer boundary" art', {1, 2, 3, 4}),
        ('+"flat plates"', {1}),
        ("+plate boundary", {1, 3}),
        ('+"boundary layer" supersonic', {1}),
        ("layer -flat", {2}),
        ('layer -"boundary layer"', {2}),
        ("plate layer -boundary +on", {3}),
        ("-plates +the layer", {2}),
        ("state-of-the-art", {3, 4}),
        ('"state of the art"', {3, 4}),
        ('+"state of art"', set()),
        ("art -state-of-the-art", set()),
        ("avion", {4}),
        ("panic", {4}),
        ("cafe", {7}),
        ("CAFÉ", {7}),
        ("東京", {7}),
        ("京東", set()),
        ('"京大学"', {7}),
        ("+大学 boundary", {7}),
        ("unheard", set()),
        ("+unheard boundary", set()),
        ("boundary -unheard", {1, 2}),
        ('5" tube', {4}),
        ('"boundary', {1, 2}),
        ('boundary layer"', {1, 2}),
        ('"boundary layer" "flat', {1, 2}),
        ("- boundary", {1, 2}),
        ("--boundary", {1, 2}),
        ("+ boundary", {1, 2}),
        ('"" boundary', {1, 2}),
        ('-"" boundary', {1, 2}),
        ("-... boundary", {1, 2}),
    ],
)
def test_a_query_finds(index: LexicalIndex, query: str, numbers: set[int]) -> None:
    assert found(index, query) == numbers


def test_words_alone_are_looked_for_where_a_query_has_only_stop_words(index: LexicalIndex) -> None:
    assert found(index, "not to be") == {5, 6}
    assert found(index, '"to be or not to be"') == {5}
    assert found(index, '"not to be"') == {5}
    assert found(index, "not to be boundary") == {1, 2}
    assert found(index, "to be -question") == {6}


def test_a_phrase_does_not_run_on_from_the_title_into_the_text(build: Build) -> None:
    index = build({1: ("flat", "plate"), 2: ("flat plate", "x")})
    assert found(index, '+"flat plate"') == {2}


def test_without_a_language_every_word_counts_as_it_is(build: Build) -> None:
    index = build(TEXTS, LexicalAnalyzer.for_language("none"))
    assert found(index, "the plates") == {1, 2, 3, 4, 5}
    assert found(index, '+"layer of a flat"') == {1}
    assert found(index, "don't") == {4}


@pytest.mark.parametrize("query", ["", "  \n", "?!", '""', "-", '+ - "'])
def test_a_query_without_words_is_refused(index: LexicalIndex, query: str) -> None:
    with pytest.raises(QueryError, match="at least one word"):
        index.snapshot.search(query)


@pytest.mark.parametrize("query", ["-cat", '-"a cat" -dog', "-the"])
def test_a_query_that_only_excludes_is_refused(index: LexicalIndex, query: str) -> None:
    with pytest.raises(QueryError, match="only excludes"):
        index.snapshot.search(query)


def test_documents_with_a_phrase_come_first_and_those_with_its_words_follow(build: Build) -> None:
    long = "a flat plate under heat " + "and wings in air " * 40
    index = build({1: "plate heat flat heat " * 9, 2: long, 3: "flat", 4: "heat"})
    assert index.snapshot.search('"flat plate"')[1].tolist() == [2, 1, 3]
    assert index.snapshot.search("flat plate")[1].tolist()[0] == 1


def test_the_words_of_a_phrase_go_on_counting(english: LexicalAnalyzer) -> None:
    query = parse_query('heat "flat plates" plate', english)
    assert query.words == {"heat": 1, "flat": 1, "plate": 2}
    assert query.spellings == {"heat": "heat", "flat": "flat", "plate": "plates"}
    assert list(query.phrases.values()) == [1]
    alone = parse_query('+"flat plate"', english)
    assert (alone.words, list(alone.phrases.values())) == ({"flat": 1, "plate": 1}, [4])
    assert (alone.stops, parse_query('"to be" x', english).words) == ({}, {"x": 1})
    for text, weight in {
        'the "flat plate"': 4,
        '"flat plate" +heat': 1,
        '"flat plate" flat': 4,
    }.items():
        assert list(parse_query(text, english).phrases.values()) == [weight]


def test_a_word_typed_twice_weighs_twice(english: LexicalAnalyzer) -> None:
    query = parse_query("flow Flows heat", english)
    assert query.words == {"flow": 2, "heat": 1}
    assert query.spellings == {"flow": "flow", "heat": "heat"}


def test_a_very_long_query_keeps_its_heaviest_words(build: Build) -> None:
    texts = {i: f"common word{i}" for i in range(600)}
    index = build(texts)
    text = " ".join(["common", *(f"word{i}" for i in range(300)), "word7 word7"] * 40)
    assert len(text) > 80_000
    query = index.snapshot.parse(text)
    assert (len(query.words), query.dropped) == (256, 45)
    assert "common" not in query.words
    assert index.snapshot.search(query, topn=1)[1].tolist() == [7]
    assert index.snapshot.search("x" * 100_000)[1].tolist() == []
    assert index.snapshot.search("many " * 20_000 + "common", topn=600)[1].size == 600


def test_of_too_many_phrases_the_later_ones_are_words_alone(index: LexicalIndex) -> None:
    pasted = " ".join(f'"word{i} text{i}"' for i in range(40)) + ' "layer boundary"'
    query = index.snapshot.parse(pasted)
    assert (len(query.phrases), query.dropped) == (32, 0)
    assert query.words == {
        **{f"{kind}{i}": 1 for i in range(40) for kind in ("word", "text")},
        "layer": 1,
        "boundari": 1,
    }
    assert found(index, pasted) == {1, 2}


def test_a_phrase_of_very_many_words_becomes_words(index: LexicalIndex) -> None:
    """A phrase takes memory for each of its words."""
    words = [f"word{i}" for i in range(300)]
    pasted = '"' + " ".join(["layer", "boundary", *words]) + '" "layer boundary"'
    query = index.snapshot.parse(pasted)
    assert [len(phrase.terms) for phrase in query.phrases] == [2]
    assert (len(query.words), query.dropped) == (256, 46)
    assert found(index, pasted) == {1, 2}
    for sign, name in (("+", "required"), ("-", "excluded")):
        with pytest.raises(QueryError, match=f"that is {name} has at most 256 words, .* has 300"):
            index.snapshot.search(f'cat {sign}"{" ".join(words)}"')


def test_too_many_exclusions_are_refused(index: LexicalIndex) -> None:
    with pytest.raises(QueryError, match="at most 32 excluded, this one has 40"):
        index.snapshot.search("cat " + " ".join(f"-word{i}" for i in range(40)))


@pytest.mark.parametrize("topn", [0, -1, 2.5, True])
def test_a_count_that_is_none_is_refused(index: LexicalIndex, topn: object) -> None:
    with pytest.raises(ParameterError, match="topn"):
        index.snapshot.search("cat", topn=topn)


@settings(max_examples=150)
@given(st.text() | st.text(alphabet="+-\"ab' \u201c*:()[]{}^~\\/\x00\x1f\ud800", max_size=40))
def test_any_text_is_a_query_or_a_clear_error(index: LexicalIndex, text: str) -> None:
    try:
        scores, numbers = index.snapshot.search(text)
    except QueryError:
        return
    assert len(scores) == len(numbers) <= 10


def test_a_word_longer_than_tantivy_takes_is_found(build: Build) -> None:
    long = "x" * 70_000
    texts = build({1: f"a {long} b", 2: f"a {long[:60_000]} b", 3: "a b"})
    assert found(texts, long) == {1}
    assert found(texts, f'+"{long} b"') == {1}
    assert found(texts, long[:60_000]) == {2}
