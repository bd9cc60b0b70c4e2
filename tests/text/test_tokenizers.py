"""Every tokenizer cuts as it says: ours by Unicode, NLTK's as NLTK does, plug-ins by their name."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st
from nltk import tokenize as nltk_tokenize

from embedsearch._errors import ParameterError
from embedsearch.text.folding import fold
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import TokenizerSettings, plugin_names
from embedsearch.text.tokenizers import (
    PIECE,
    UnicodeTokenizer,
    make_tokenizer,
    pieces,
    regexp_tokenizer,
)

if TYPE_CHECKING:
    from pathlib import Path


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
        start = folded.find(token, start)
        assert start >= 0


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


tokenize = UnicodeTokenizer().tokenize
IDEOGRAPHS = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1)
THAI = st.text(st.characters(min_codepoint=0x0E01, max_codepoint=0x0E3A), min_size=1)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("中文句子。", ["中文", "文句", "句子"]),
        ("日本語のテキスト", ["日本", "本語", "語の", "テキスト"]),
        ("ラーメンを", ["ラーメン", "を"]),
        ("らーめん", ["らー", "ーめ", "めん"]),
        ("中 100円 Tシャツ Python入門", ["中", "100", "円", "Tシャツ", "Python", "入門"]),
        ("\U00020000\U00020001\U00020002", ["\U00020000\U00020001", "\U00020001\U00020002"]),
    ],
)
def test_chinese_and_japanese_are_paired(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("ภาษาไทย", ["ภาษา", "ษาไท", "ไทย"]),
        ("น้ำ", ["น้ำ"]),
        ("ພາສາລາວ", ["ພາສາ", "ສາລາ", "ລາວ"]),
        ("မြန်မာ", ["မြန်မာ"]),
        ("ភាសាខ្មែរ", ["ភាសា", "សាខ្មែ", "ខ្មែរ"]),
        ("ភាសា\u200bខ្មែរ", ["ភាសា", "ខ្មែរ"]),
        ("ไทย中文", ["ไทย", "中文"]),
    ],
)
def test_thai_lao_burmese_and_khmer_are_paired_by_syllable(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@given(IDEOGRAPHS)
def test_a_run_of_n_ideographs_has_n_minus_one_pairs(text: str) -> None:
    tokens = tokenize(text)
    assert tokens == [text[i : i + 2] for i in range(max(1, len(text) - 1))]


@given(THAI)
def test_no_thai_token_is_the_whole_of_a_long_text(text: str) -> None:
    letters = [character for character in text if character.isalnum()]
    for token in tokenize(text):
        assert sum(map(str.isalnum, token)) <= min(len(letters), 2 * (2 + letters_after(text)))


def letters_after(text: str) -> int:
    """Return how many vowel letters that follow a consonant the text has."""
    return sum(text.count(vowel) for vowel in "\u0e30\u0e32\u0e33")


def test_a_phrase_shares_tokens_with_a_text_that_has_it() -> None:
    text = set(tokenize("ฉันชอบเรียนภาษาไทยทุกวัน"))
    assert set(tokenize("ภาษาไทย")) <= text


SENTENCE = "I can't go to the U.S. Army; it's 3.14 (#fun) @me :-) \"now\"."
RIVALS = {
    "treebank": nltk_tokenize.TreebankWordTokenizer(),
    "tweet": nltk_tokenize.TweetTokenizer(),
    "toktok": nltk_tokenize.ToktokTokenizer(),
}


@pytest.mark.parametrize("name", sorted(RIVALS))
def test_a_sentence_is_cut_as_nltk_cuts_it(name: str) -> None:
    ours = make_tokenizer(TokenizerSettings(tokenizer=name))
    assert ours.tokenize(SENTENCE) == RIVALS[name].tokenize(SENTENCE)


@pytest.mark.parametrize("name", ["treebank", "toktok"])
def test_the_full_stop_of_every_sentence_is_parted_from_its_word(name: str) -> None:
    ours = make_tokenizer(TokenizerSettings(tokenizer=name))
    assert ours.tokenize("One dog. Two cats!\nThree in the U.S. Army") == (
        ["One", "dog", ".", "Two", "cats", "!", "Three", "in", "the", "U.S.", "Army"]
    )


def test_a_pattern_gives_its_matches() -> None:
    ours = make_tokenizer(TokenizerSettings(tokenizer="regexp", pattern=r"[A-Z]\w+|\d+"))
    assert ours.tokenize("Anna met Bob 12 times") == ["Anna", "Bob", "12"]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[a-", "unterminated"),
        ("(a)b", "without capturing groups"),
        (r"\w*", "matches no empty text"),
        ("", "matches no empty text"),
        (None, "given with"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(pattern: str | None, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        TokenizerSettings(tokenizer="regexp", pattern=pattern)


def test_a_pattern_without_its_tokenizer_is_an_error() -> None:
    with pytest.raises(ParameterError, match="pattern"):
        TokenizerSettings(pattern=r"\w+")


def test_a_pattern_that_only_nltk_refuses_is_our_error() -> None:
    with pytest.raises(ParameterError, match="pattern"):
        regexp_tokenizer("[a-")


@settings(deadline=None)
@given(st.lists(st.text("ab \n", min_size=1, max_size=5), min_size=1, max_size=4))
def test_pieces_are_the_text_and_break_no_word(parts: list[str]) -> None:
    text = " ".join(part * 30_000 for part in parts)
    cut = list(pieces(text))
    assert "".join(cut).split() == text.split()
    assert [word for piece in cut for word in piece.split()] == text.split()
    assert all(len(piece) <= PIECE or not re.search(r"\s", piece.strip()) for piece in cut)


def test_a_text_of_many_pieces_loses_no_token() -> None:
    text = "alpha beta. " * 30_000
    ours = make_tokenizer(TokenizerSettings(tokenizer="regexp", pattern=r"\w+"))
    assert len(ours.tokenize(text)) == 60_000


ENTRY_POINTS = """
[embedsearch.tokenizers]
commas = comma_tokenizer:CommaTokenizer
gone = comma_tokenizer:Gone
number = comma_tokenizer:Number
"""
MODULE = """
class CommaTokenizer:
    def tokenize(self, text):
        return text.split(",")

Number = int
"""


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "comma_tokenizer-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: comma-tokenizer\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "comma_tokenizer.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("_installed")
def test_an_installed_tokenizer_is_used_by_its_name() -> None:
    processor = TextProcessor(TokenizerSettings(tokenizer="commas"))
    assert "commas" in plugin_names()
    assert processor.process("New York,Rome,, ,Caf\u00e9") == ["new_york", "rome", "café"]


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(("name", "reason"), [("gone", "loaded"), ("number", "tokenize")])
def test_a_broken_plug_in_says_what_is_wrong(name: str, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        TextProcessor(TokenizerSettings(tokenizer=name)).process("a")


@pytest.mark.usefixtures("_installed")
def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ParameterError, match=r"unicode.*toktok.*commas.*got 'os:system'"):
        TokenizerSettings(tokenizer="os:system")
