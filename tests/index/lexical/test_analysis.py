"""Text into terms."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from embedsearch._errors import ParameterError
from embedsearch.index.lexical import LexicalAnalyzer
from embedsearch.index.lexical.analysis import GAP
from embedsearch.text.settings import TokenizerSettings


def test_words_are_stemmed_and_stop_words_set_apart() -> None:
    analyzer = LexicalAnalyzer.for_language("english")
    assert analyzer.words("The layers of the Boundary") == ["layer", "boundari"]
    words, stops = analyzer.fields("The layers of it")
    assert words.split(" ") == ["\x00", "layer", "\x00", "\x00"]
    assert stops.split(" ") == ["the", "\x00", "of", "it"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("state-of-the-art", ["state", "art"]),
        ("snake_case", ["snake", "case"]),
        ("rock'n'roll O'Brien", ["rock", "roll", "brien"]),
        ("don't", []),
        ("3.14 U.S.A C++", ["3.14", "u.s.a", "c++"]),
        ("naïve cafés", ["naiv", "cafe"]),
        ("東京大学", ["東京", "京大", "大学"]),
    ],
)
def test_joined_words_are_parted_and_accents_taken_off(text: str, terms: list[str]) -> None:
    assert LexicalAnalyzer.for_language("english").words(text) == terms


def test_french_elisions_are_parted() -> None:
    analyzer = LexicalAnalyzer.for_language("french")
    assert analyzer.words("l'arbre d'Hélène") == analyzer.words("arbres Hélène") != []


def test_every_field_has_a_token_for_each_place() -> None:
    analyzer = LexicalAnalyzer.for_language("english")
    text = "The well-known don't-care l'avion of 3.14 über-cats - is _ 'it' 東京大学 x\u00ady"
    words, stops = analyzer.fields(text)
    assert len(words.split()) == len(stops.split()) == len(analyzer.terms(text))
    assert [term.text for term in analyzer.terms(text) if not term.stop] == [
        word for word, stop in zip(words.split(), stops.split()) if stop == "\x00"
    ]


def test_what_was_recorded_gives_the_same_terms() -> None:
    settings = TokenizerSettings(digits="drop", stop_words=("flow",))
    analyzer = LexicalAnalyzer.for_language("german", settings)
    again = LexicalAnalyzer.from_json(analyzer.to_json())
    text = "Die Häuser flow 123 und der Fluß"
    assert again.fields(text) == analyzer.fields(text)
    assert again.words(text) == ["die", "haus", "und", "der", "fluss"]
    assert again.language == "german"


def test_a_language_without_stems_has_its_stop_words() -> None:
    analyzer = LexicalAnalyzer.for_language("bulgarian")
    assert analyzer.settings.stop_words
    assert analyzer.settings.stem is None


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(ParameterError, match="klingon"):
        LexicalAnalyzer.for_language("klingon")


@pytest.mark.parametrize("letter", ["x", "ż"])
def test_a_term_is_cut_off_at_what_tantivy_takes(letter: str) -> None:
    analyzer, word = LexicalAnalyzer(TokenizerSettings()), letter * 70_000
    (term,) = analyzer.terms(word)
    assert len(term.text.encode()) <= 65_530 < len(term.spelling.encode())
    assert analyzer.fields(word).words == term.text
    assert set(term.text) == {analyzer.terms(letter)[0].text}


def test_terms_are_counted_with_their_first_spelling() -> None:
    analyzer = LexicalAnalyzer.for_language("english")
    text = "Boundary-layers and the layer's flows; l'avion, a Flow in flowing layers. x_layer"
    counted = analyzer.term_counts(text)
    assert {term: n for term, (n, _) in counted.items()} == Counter(analyzer.words(text))
    assert counted["layer"] == (4, "layers")
    assert counted["flow"] == (3, "flows")
    assert analyzer.term_counts("") == {}


def test_words_are_the_terms_that_are_scored(english: LexicalAnalyzer) -> None:
    for text in (
        "The well-known layers' flow",
        "l'avion d'été",
        "the of",
        "",
        "北京大学的",
        "a_b__c -",
    ):
        terms = [t.text for t in english.terms(text) if not t.stop and t.text != "\x00"]
        assert english.words(text) == terms


def test_tokens_are_words_as_they_are_spelled() -> None:
    analyzer = LexicalAnalyzer.for_language("english")
    text = "The boundary-layer of wings, isn't it?"
    tokens = analyzer.tokens(text)
    assert tokens == ["the", "boundary-layer", "of", "wings", "isn't", "it"]
    assert [term for token in tokens for term in analyzer.terms_of(token)] == analyzer.terms(text)
    left = [token for token in tokens if not analyzer.is_stop_word(token)]
    assert left == ["boundary-layer", "wings"]


def test_what_the_settings_drop_is_a_stop_word() -> None:
    analyzer = LexicalAnalyzer(TokenizerSettings(digits="drop"))
    assert analyzer.is_stop_word("1999")
    assert not analyzer.is_stop_word("the")


TEXT = """The cats, (and dogs) sat! C# and C++; U.S.A. 3.14 and l\u2019avion isn't it?
boundary-layer Z\u00fcrich \u0130stanbul H\u2082O \ufb01sh 天空是蓝色的。为什么 “quoted” and/or -x-
a.b,c =5 #tag 天为为为的么么么 ภาษาาษาไทย"""
BETWEEN_BLANKS = TEXT.split()


@given(st.lists(st.sampled_from(BETWEEN_BLANKS), max_size=12), st.sampled_from([" ", "  ", "\n"]))
@pytest.mark.parametrize("language", ["english", "none"])
def test_terms_found_part_by_part_are_those_of_the_whole(
    language: str, pieces: list[str], blank: str
) -> None:
    analyzer, text = LexicalAnalyzer.for_language(language), blank.join(pieces)
    terms = [(term.text, term.stop) for term in analyzer.terms(text) if term.text != GAP]
    assert [t for part in analyzer.plain_parts(text) for t in analyzer.terms_of_part(part)] == terms
    plain = map(analyzer.plain_part, analyzer.parts(text))
    assert [term for part in plain for term in analyzer.terms_of_part(part)] == terms
    located = [
        (term.text, start, stop, term.stop)
        for term, start, stop in analyzer.located_terms(text)
        if term.text != GAP
    ]
    assert list(analyzer.located(text)) == located
    some = set(analyzer.parts(text)[::2])
    places = {
        place
        for part in re.finditer(r"\S+", text)
        if part[0] in some
        for place in range(*part.span())
    }
    assert list(analyzer.located(text, some)) == [one for one in located if one[1] in places]


def test_a_tokenizer_that_looks_over_blanks_is_given_the_whole_text() -> None:
    analyzer = LexicalAnalyzer(TokenizerSettings(tokenizer="regexp", pattern=r"(?<=a )\d+"))
    (part,) = analyzer.plain_parts("a 12 b 34")
    assert part == analyzer.plain_part("a 12 b 34") == "a 12 b 34"
    assert analyzer.terms_of_part(part) == [("12", False)]
