"""What looks alike is spelled alike."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from embedsearch._errors import ParameterError
from embedsearch.text.folding import fold, fold_aligned, in_lower_case, strip_accents
from embedsearch.text.settings import FOLDING, TokenizerSettings
from embedsearch.text.tokenizers import TextProcessor


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


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ﻛﺘﺎﺏ ﻗﺪﻳﻢ ﷲ ﻻ", "كتاب قديم الله لا"),
        ("ﺍﻟﻜﺘﺎﺏﹰ ﱠ", "الكتابً َّ"),
        ("كتـــاب", "كتاب"),
        ("שּׁלום ﬠﬡ צ׳ק", "שּׁלום עא צ'ק"),
        ("10 \u00b5m \u03bcm", "10 \u03bcm \u03bcm"),
        ("Waſſer Meſſ", "Wasser Mess"),
        (
            "don´t don`t don′t Hawaiʻi donʹt don‛t don＇t donˈt",
            "don't " * 3 + "Hawai'i" + " don't" * 4,
        ),
        ("`code` ``like this'' a` `b", "`code` ``like this'' a` `b"),
        ("Kapitel Ⅳ, ⅻ", "Kapitel IV, xii"),
        ("H₂O xₙ CO₂ 1ᵉʳ xⁿ", "H2O xn CO2 1er xn"),
        ("m² cm³ R² Menschen¹ Menschen¹² 10² ² a.¹", "m2 cm3 R2 Menschen Menschen 10² ² a.¹"),
        ("İ i\u0307 j\u0307", "İ i j"),
        ("٢٠٢٤ ۲۰ २० ๒๐ ៥ ３ 𝟏", "2024 20 20 20 5 3 1"),
        ("٣٫١٤ ١٬٠٠٠", "3.14 1,000"),
        ("𝑥 𝐛𝐨𝐥𝐝 ℎ ℝ", "x bold h R"),
        ("⽅⻟ 5㎏ ㌔ 20℃", "方⻟ 5kg キロ 20°C"),
        ("ﬀﬁ ﬓ ĳ ŉ coŀlecció ǆ", "fffi մն ij 'n col·lecció dž"),
        ("\u212a \u212b \u2126", "K Å Ω"),
        ("ﾊﾞﾅﾅ ﾡ", "バナナ ᄀ"),
        ("re\u034fad \u061cab", "read ab"),
        ("straße Diyarbakır ΟΔΟΣ οδος", "straße Diyarbakır ΟΔΟΣ οδος"),
        ("می\u200cروم", "میروم"),
        ("1990\u20132000 5\u22123 ½ ① ™ № ª", "1990\u20132000 5\u22123 ½ ① ™ № ª"),
    ],
)
def test_what_looks_alike_finds_its_plain_form(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_words_are_folded_before_they_are_lowered() -> None:
    assert TextProcessor(TokenizerSettings()).process("ſo İs ﬁ") == ["so", "is", "fi"]


def test_the_dotted_capital_i_is_an_i_in_lower_case() -> None:
    processor = TextProcessor(TokenizerSettings())
    assert processor.process("İstanbul I\u0307stanbul istanbul") == ["istanbul"] * 3
    assert processor.normalize("İSTANBUL") == "istanbul"
    assert TextProcessor(TokenizerSettings(lowercase=False)).process("İstanbul") == ["İstanbul"]


def test_there_is_one_version() -> None:
    assert TokenizerSettings().to_json()["folding"] == FOLDING == 2
    for wrong in (0, 1, 3, True, "2", None):
        with pytest.raises(ParameterError, match="folding must be 2, the only version, got"):
            TokenizerSettings(folding=wrong)  # type: ignore[arg-type]


TRICKY = "aeijſİ\u0307\u0301²¹`´’ﻛـﹰ٣₂Ⅳµ𝑥ﬁ\u00ad\u200b ｶﾞ-'"
TEXT = st.text(st.sampled_from(TRICKY) | st.characters())


@settings(max_examples=500)
@given(TEXT)
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@settings(max_examples=500)
@given(TEXT)
def test_each_folded_character_knows_where_it_stands(text: str) -> None:
    folded, places = fold_aligned(text)
    assert folded == fold(text)
    assert len(places) == len(folded)
    assert places == sorted(places)
    assert all(0 <= start < stop <= len(text) for start, stop in places)


def test_a_word_is_found_where_it_stands_in_the_text() -> None:
    text = "die ﬁnſteren H₂O-Wäſſer\u00ad, كتـاب"
    folded, places = fold_aligned(text)
    for word, stands in [("finsteren", "ﬁnſteren"), ("H2O", "H₂O"), ("كتاب", "كتـاب")]:
        first = folded.index(word)
        start, stop = places[first][0], places[first + len(word) - 1][1]
        assert text[start:stop] == stands


@given(st.text(st.characters(max_codepoint=0x7F, exclude_characters="`")))
def test_ascii_is_left_alone(text: str) -> None:
    assert fold(text) is text
    assert strip_accents(text) == text


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


@given(st.text(max_size=50))
def test_lower_case_keeps_the_length(text: str) -> None:
    assert len(in_lower_case(text)) == len(text)
    assert in_lower_case("İSTANBUL") == "istanbul"
