"""What looks alike is spelled alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedsearch.text.tokenizers.folding import fold, strip_accents


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("don\u2019t \u02bcn\u2018", "don't 'n'"),
        ("co\u00adoperate", "cooperate"),
        ("mother\u2011in\u2010law", "mother-in-law"),
        ("ﬁrst ofﬁce", "first office"),
        ("ＡＢＣ１ ｶﾞ", "ABC1 ガ"),
        ("cafe\u0301", "café"),
        ("a\u200bb", "a\u200bb"),
        ("\ufeffstart", "start"),
    ],
)
def test_folding_leaves_one_spelling(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_ascii_is_left_alone(text: str) -> None:
    assert fold(text) == strip_accents(text) == text


@pytest.mark.parametrize(
    ("word", "stripped"),
    [
        ("café Ångström", "cafe Angstrom"),
        ("Żółć", "Zołc"),
        ("ёлка", "елка"),
        ("كِتَابٌ", "كتاب"),
        ("हिन्दी", "हिन्दी"),
        ("น้ำ", "น้ำ"),
        ("ガ", "ガ"),
    ],
)
def test_accents_go_and_marks_that_make_another_letter_stay(word: str, stripped: str) -> None:
    assert strip_accents(word) == stripped


@given(st.text())
def test_stripping_twice_changes_nothing_more(text: str) -> None:
    assert strip_accents(strip_accents(text)) == strip_accents(text)
