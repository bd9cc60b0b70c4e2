"""Every tokenizer cuts as it says: ours by Unicode, NLTK's as NLTK does, plug-ins by their name."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, strategies as st
from nltk import tokenize as nltk_tokenize
from nltk.stem.snowball import SnowballStemmer

from embedsearch._errors import (
    MissingExtraError,
    ParameterError,
    SourceFormatError,
    SourceNotFoundError,
)
from embedsearch._progress import SilentProgress
from embedsearch.text.corpora import get_corpus
from embedsearch.text.folding import fold
from embedsearch.text.settings import ACCENTS, DIGITS, TokenizerSettings, plugin_names
from embedsearch.text.stream_writer import write_texts
from embedsearch.text.tokenizers import (
    PIECE,
    NltkTokenizer,
    TextProcessor,
    UnicodeTokenizer,
    make_tokenizer,
    pieces,
    resolve_stop_words,
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
        NltkTokenizer("regexp", "[a-")


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
        "from embedsearch.text.tokenizers import TextProcessor\n"
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


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("french", "L'écran d\u2019un PC qu'il a", "l' écran d' un pc qu' il a"),
        ("french", "aujourd'hui quelqu'un d'aujourd'hui", "aujourd'hui quelqu'un d' aujourd'hui"),
        ("french", "jusqu'à l'avant-garde, qu'l'on", "jusqu' à l' avant-garde qu' l' on"),
        ("french", "don't o'clock John's rock'n'roll", "don't o'clock john's rock'n'roll"),
        ("italian", "dell'arte un'altra c'è po' di", "dell' arte un' altra c' è po di"),
        ("catalan", "l'home d'aquí n'hi s'ha", "l' home d' aquí n' hi s' ha"),
        ("occitan", "l'òme qu'es", "l' òme qu' es"),
        ("none", "l'écran d'un", "l'écran d'un"),
        ("auto", "l'écran d'un", "l'écran d'un"),
    ],
)
def test_elided_words_are_tokens_of_their_own(
    language: str, text: str, words: str, tmp_path: Path
) -> None:
    processor = TextProcessor(TokenizerSettings(elision=language))
    assert processor.process(text) == words.split()
    stream = write_texts(tmp_path, [(1, text)], processor)
    assert [stream.types[token] for token in stream.document(0)] == words.split()


def test_a_word_with_an_elided_one_before_it_is_looked_up_without() -> None:
    french = TextProcessor(TokenizerSettings(elision="french"))
    assert [french.lookup(w) for w in ("L\u2019Écran", "qu'il", "aujourd'hui")] == [
        "écran", "il", "aujourd'hui",
    ]  # fmt: skip
    assert TextProcessor(TokenizerSettings(elision="none")).lookup("L'Écran") == "l'écran"


def test_stop_words_are_left_out_as_they_are_elided() -> None:
    stop_words = resolve_stop_words("french")
    processor = TextProcessor(TokenizerSettings(elision="french", stop_words=stop_words))
    assert processor.process("l'écran qu'il regarde") == ["écran", "regarde"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("jieba", "我来到北京清华大学 in 2024", "我 来到 北京 清华大学 in 2024"),
        ("fugashi", "東京に住んでいるPython", "東京 に 住ん で いる python"),
        ("pythainlp", "ผมรักภาษาไทย ok", "ผม รัก ภาษาไทย ok"),
    ],
)
def test_a_dictionary_cuts_the_script_that_it_is_for(name: str, text: str, words: str) -> None:
    settings = TokenizerSettings(tokenizer=name)
    if find_spec(name) is None:
        with pytest.raises(MissingExtraError, match=rf"{name} needs .*embedsearch-engine\["):
            make_tokenizer(settings)
        return
    assert TextProcessor(settings).process(text) == words.split()
