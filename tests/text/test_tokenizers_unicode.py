"""The default tokenizer: what a word is, in many scripts, and that nothing gets lost."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, strategies as st

from embedsearch.text.tokenizers import UnicodeTokenizer
from embedsearch.text.tokenizers.folding import fold

tokenize = UnicodeTokenizer().tokenize
SPACED = st.characters(categories=["L", "M", "N", "P", "S", "Z"], max_codepoint=0x0DFF)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("don't stop", ["don't", "stop"]),
        ("don\u2019t mother-in-law\u2019s", ["don't", "mother-in-law's"]),
        (
            "O'Neill 'quoted' dogs' -dash- well--known",
            ["O'Neill", "quoted", "dogs", "dash", "well", "known"],
        ),
        ("rock 'n' roll", ["rock", "n", "roll"]),
        ("new_york __init__ _so_ ___", ["new_york", "init", "so"]),
        ("I a", ["I", "a"]),
        ("col·lega", ["col·lega"]),
    ],
)
def test_inner_signs_keep_a_word_together_and_outer_ones_do_not(
    text: str, tokens: list[str]
) -> None:
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("3.14, 1,000. 10:30!", ["3.14", "1,000", "10:30"]),
        ("v1.2.3 on 2020-01-02", ["v1.2.3", "on", "2020-01-02"]),
        ("-5 5% $5", ["5", "5", "5"]),
        ("١٢٫٥ ٣٤", ["12.5", "34"]),
        ("the end.Next one", ["the", "end", "Next", "one"]),
        ("chapter 3. Then", ["chapter", "3", "Then"]),
    ],
)
def test_numbers_keep_their_inner_signs(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("the U.S.A. e.g. this", ["the", "U.S.A", "e.g", "this"]),
        ("J.R.R. Tolkien, J.Smith", ["J.R.R", "Tolkien", "J", "Smith"]),
        ("C++ C# (F#) C++11 .NET", ["C++", "C#", "F#", "C++", "11", "NET"]),
        ("a+b C#m x++y #tag", ["a", "b", "C", "m", "x", "y", "tag"]),
        ("jane@example.com", ["jane", "example", "com"]),
        ("https://example.com/a-b?c=1", ["https", "example", "com", "a-b", "c", "1"]),
    ],
)
def test_abbreviations_languages_and_addresses(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Straßen über Häuser", ["Straßen", "über", "Häuser"]),
        ("l'été, où ?", ["l'été", "où"]),
        ("Zażółć gęślą jaźń.", ["Zażółć", "gęślą", "jaźń"]),
        ("हिन्दी में लिखा हुआ।", ["हिन्दी", "में", "लिखा", "हुआ"]),
        ("مرحبا، كِتَابٌ", ["مرحبا", "كِتَابٌ"]),
        ("می\u200cخواهم", ["میخواهم"]),
        ("צה״ל", ["צה״ל"]),
        ("м\u02bcята м\u2019ята", ["м'ята", "м'ята"]),
        ("한국어 텍스트", ["한국어", "텍스트"]),
        ("\U00011103\U00011127 \U00011141", ["\U00011103\U00011127"]),
    ],
)
def test_words_of_other_scripts_keep_their_marks(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


def test_emoji_are_tokens_and_joined_ones_give_their_parts() -> None:
    text = "ok \u2764\ufe0f \U0001f44d\U0001f3fd \U0001f469\u200d\U0001f4bb \U0001f1eb\U0001f1f7!"
    assert tokenize(text) == [
        "ok",
        "\u2764",
        "\U0001f44d",
        "\U0001f469",
        "\U0001f4bb",
        "\U0001f1eb\U0001f1f7",
    ]


def test_a_long_word_is_kept_whole() -> None:
    assert tokenize(f"so {'ab' * 50_000} é") == ["so", "ab" * 50_000, "é"]


def test_an_empty_text_has_no_tokens() -> None:
    assert tokenize("") == tokenize(" \n…—") == []


def test_ascii_text_is_cut_the_same_beside_other_characters() -> None:
    text = "Don't (C++) 3.14 U.S. a_b mother-in-law's; x.y 10:30pm __a__"
    for beside in ("é", "\u0915\u093f", "\U0001f44d", "\U00011103\U00011127"):
        assert tokenize(f"{text} {beside}") == [*tokenize(text), beside]


@given(st.text())
def test_tokens_are_found_in_the_text_in_order(text: str) -> None:
    folded, start = fold(text), 0
    for token in tokenize(text):
        start = folded.index(token, start)


@given(st.text())
def test_tokens_are_not_empty_and_have_no_white_space(text: str) -> None:
    assert all(token and not re.search(r"\s", token) for token in tokenize(text))


@given(st.text())
def test_every_letter_and_digit_is_in_some_token(text: str) -> None:
    assert set(filter(str.isalnum, fold(text))) <= set("".join(tokenize(text)))


@given(st.text(SPACED))
def test_where_words_are_spaced_every_letter_comes_out_once(text: str) -> None:
    letters = [character for character in fold(text) if character.isalnum()]
    assert [c for c in "".join(tokenize(text)) if c.isalnum()] == letters


@given(st.text())
def test_the_composition_of_characters_makes_no_difference(text: str) -> None:
    assert tokenize(unicodedata.normalize("NFD", text)) == tokenize(text)
