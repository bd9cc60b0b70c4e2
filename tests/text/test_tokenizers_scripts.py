"""Scripts without spaces come out as pairs that queries can meet again."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from embedsearch.text.tokenizers import UnicodeTokenizer

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
