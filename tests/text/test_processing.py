"""Text and query words become the same tokens, under every setting."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, strategies as st
from nltk.stem.snowball import SnowballStemmer

from embedsearch._errors import ParameterError, SourceFormatError, SourceNotFoundError
from embedsearch._progress import SilentProgress
from embedsearch.text.corpora import get_corpus
from embedsearch.text.processing import TextProcessor, resolve_stop_words
from embedsearch.text.settings import ACCENTS, DIGITS, TokenizerSettings

if TYPE_CHECKING:
    from pathlib import Path


SETTINGS = st.builds(
    TokenizerSettings,
    lowercase=st.booleans(),
    accents=st.sampled_from(ACCENTS),
    digits=st.sampled_from(DIGITS),
    stop_words=st.sampled_from([(), ("the", "été")]),
    stem=st.sampled_from([None, "english", "french"]),
)
TRICKY = st.sampled_from(
    ["İ", "ΟΔΟΣ", "Σ'", "J\u030c", "É", "The", "2", "中文", "\u2019s", ".", " "]
)
TEXT = st.lists(st.text() | TRICKY).map("".join)


def normalize(word: str, **settings: object) -> str | None:
    return TextProcessor(TokenizerSettings(**settings)).normalize(word)  # type: ignore[arg-type]


@given(TEXT, SETTINGS)
def test_a_text_is_its_tokens_normalised(text: str, settings: TokenizerSettings) -> None:
    processor = TextProcessor(settings)
    normalized = [processor.normalize(token) for token in processor.tokenize(text)]
    assert processor.process(text) == [token for token in normalized if token is not None]


# Only the lower case of J with a caron is one character; a high digit behind either is a number.
@example("J\u030c\u00b9", TokenizerSettings())
@example("J\u030c\u00b9", TokenizerSettings(lowercase=False, accents="strip"))
# What is behind the mark of a footnote may come to be behind the word.
@example("word\u00b9\u0301\u00b2", TokenizerSettings())
# The lower case of the first has a dot, too.
@example("\u0130\u0307", TokenizerSettings())
# A dot comes to stand behind an i.
@example("\ufb01\u0345\u0307", TokenizerSettings())
@example("word\u0131j\u00b2\u0307", TokenizerSettings())
@given(TEXT, SETTINGS.filter(lambda settings: settings.stem is None))
def test_normalising_twice_changes_nothing_more(text: str, settings: TokenizerSettings) -> None:
    processor = TextProcessor(settings)
    once = processor.normalize(text)
    assert once is None or processor.normalize(once) == once


@given(TEXT, SETTINGS)
def test_no_token_is_empty_or_has_white_space(text: str, settings: TokenizerSettings) -> None:
    tokens = TextProcessor(settings).process(text)
    assert all(token and token.split() == [token] for token in tokens)


def test_case_is_folded_unless_it_is_kept() -> None:
    assert normalize("O\u2019Neill") == "o'neill"
    assert normalize("O\u2019Neill", lowercase=False) == "O'Neill"


def test_white_space_inside_a_query_word_joins_it_as_a_phrase() -> None:
    assert normalize("  New \n York ") == "new_york"
    assert normalize("  ") is None


def test_accents_are_stripped_where_asked() -> None:
    assert normalize("Café", accents="strip") == "cafe"
    assert normalize("Café") == "café"


@pytest.mark.parametrize("number", ["2026", "3.14", "1,000"])
def test_numbers_are_kept_zeroed_or_dropped(number: str) -> None:
    assert normalize(number) == number
    assert normalize(number, digits="drop") is None
    zeroed = normalize(number, digits="zero")
    assert zeroed is not None
    assert set(zeroed) <= set("0.,")


def test_words_with_digits_are_not_numbers() -> None:
    assert normalize("mp3", digits="drop") == "mp3"
    assert normalize("mp3", digits="zero") == "mp0"


def test_stop_words_are_compared_before_stemming_and_without_case() -> None:
    processor = TextProcessor(TokenizerSettings(stop_words=("being",), stem="english"))
    assert processor.process("Being beings be") == ["be", "be"]
    assert normalize("The", lowercase=False, stop_words=("the",)) is None


def test_stop_words_are_compared_without_accents_where_these_are_stripped() -> None:
    settings = {"stop_words": resolve_stop_words(["été"])}
    assert normalize("ete", accents="strip", **settings) is None
    assert normalize("été", accents="strip", **settings) is None
    assert normalize("ete", **settings) == "ete"


def test_stems_are_snowballs_as_nltk_has_them() -> None:
    plain = TextProcessor(TokenizerSettings())
    documents = get_corpus("gensim-lee").documents(SilentProgress())
    words = {word for document in documents for word in plain.process(document.text)}
    stems, rival = TextProcessor(TokenizerSettings(stem="english")), SnowballStemmer("english")
    differing = {word for word in words if stems.normalize(word) != rival.stem(word)}
    assert len(words) > 8_000
    assert len(differing) <= 0.004 * len(words)


def test_an_unknown_stem_lists_the_languages() -> None:
    with pytest.raises(ParameterError, match=r"stem must be one of .*english.*got 'klingon'"):
        TextProcessor(TokenizerSettings(stem="klingon"))


def test_more_types_than_are_remembered_change_nothing() -> None:
    processor = TextProcessor(TokenizerSettings(stem="english"), cached_types=3)
    assert processor.process("cats dogs birds bees cats") == ["cat", "dog", "bird", "bee", "cat"]


def test_settings_describe_themselves_in_a_line() -> None:
    assert TokenizerSettings().describe() == "unicode words, lower case"
    settings = TokenizerSettings(
        tokenizer="regexp",
        pattern="[a-z]+",
        lowercase=False,
        accents="strip",
        digits="zero",
        stop_words=("a", "the"),
        stem="english",
    )
    assert settings.describe() == (
        "pattern [a-z]+, case kept, accents stripped, digits as 0, 2 stop words, english stems"
    )
    assert TokenizerSettings.from_json(settings.to_json()) == settings


def test_a_query_word_is_normalised_without_importing_anything_heavy() -> None:
    script = (
        "import sys\n"
        "from embedsearch.text.processing import TextProcessor\n"
        "from embedsearch.text.settings import TokenizerSettings\n"
        "for settings in (TokenizerSettings(), TokenizerSettings(tokenizer='tweet')):\n"
        "    assert TextProcessor(settings).normalize('Caf\\u00e9s') == 'caf\\u00e9s'\n"
        "heavy = {'nltk', 'gensim', 'stop_words', 'Stemmer', 'regex', 'sklearn', 'numba'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_language_is_known_by_name_and_by_code() -> None:
    words = resolve_stop_words("English")
    assert words == resolve_stop_words("en")
    assert {"the", "and", "don't"} <= set(words)
    assert {"der", "und"} <= set(resolve_stop_words("german"))


def test_words_are_folded_sorted_and_unique() -> None:
    assert resolve_stop_words(["The", "a", " don\u2019t ", "the", ""]) == ("a", "don't", "the")
    assert resolve_stop_words(None) == ()


def test_a_file_has_a_word_on_each_line(tmp_path: Path) -> None:
    path = tmp_path / "stop.txt"
    path.write_text("\ufeffThe\n\nund\r\n", encoding="utf-8")
    assert resolve_stop_words(f"@{path}") == ("the", "und")


def test_an_unknown_language_lists_the_known_ones() -> None:
    with pytest.raises(ParameterError, match=r"@FILE.*english.*got 'klingon'"):
        resolve_stop_words("klingon")


def test_a_missing_or_a_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match=r"gone\.txt"):
        resolve_stop_words(f"@{tmp_path / 'gone.txt'}")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(SourceFormatError, match="UTF-8"):
        resolve_stop_words(f"@{tmp_path / 'binary.txt'}")
