"""Words in context, against regular expressions and by hand."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

import embedsearch as es
from embedsearch.index.lexical.analysis import LexicalAnalyzer
from embedsearch.search.concordance import ConcordanceLine, Phrase, concordance
from embedsearch.text.tokenizers import PIECE

ENGLISH = LexicalAnalyzer.for_language("english")
PLAIN = LexicalAnalyzer.for_language("none")


def found(word: str, text: str, *, exact: bool = False) -> list[str]:
    places = Phrase(word, ENGLISH, exact=exact).in_text(text)
    return [text[start:stop] for start, stop in places]


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("wing", "Wings, a wing; winged. Swing!", ["Wings", "wing", "winged"]),
        (
            "boundary layer",
            "Boundary-layer, boundary layers",
            ["Boundary-layer", "boundary layers"],
        ),
        ("layer", "the boundary-layer", ["layer"]),
        ("king of france", "Kings of France; king in France", ["Kings of France"]),
        ("the", "The end of the world", ["The", "the"]),
        ("cafe", "Ein Café, cafe\u0301s", ["Café", "cafe\u0301s"]),
        ("find", "we \ufb01nd it", ["\ufb01nd"]),
        ("don't", "I don\u2019t know", ["don\u2019t"]),
        ("大学", "Ａ大学，和", ["大学"]),
        ("大学", "北京大学和清华大学", ["大学", "大学"]),
        ("北京大学", "在北京大学。", ["北京大学"]),
        ("star", "😀 a star 🌟 stars", ["star", "stars"]),
        ("ha ha", "ha ha ha ha ha", ["ha ha", "ha ha"]),
        ("a b", "a a b", ["a b"]),
        ("nothing", "something", []),
    ],
)
def test_words_match_as_in_search(word: str, text: str, expected: list[str]) -> None:
    assert found(word, text) == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("wing", ["wing"]), ("Wings", ["Wings", "wings"]), ("winged", [])]
)
def test_exact_words_match_only_as_they_are_spelled(word: str, expected: list[str]) -> None:
    assert found(word, "Wings, a wing, wings", exact=True) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("boundary layer", ["boundary layer", "Boundary\n layer"]),
        ("boundary-layer,", ["boundary-layer", "Boundary\u2010layer"]),
        ("layer", ["layer"] * 5),
    ],
)
def test_exact_phrases_have_their_hyphens(word: str, expected: list[str]) -> None:
    text = "boundary layer, boundary-layer; boundary, layer. Boundary\n layer Boundary\u2010layer"
    assert found(word, text, exact=True) == expected


texts = st.lists(st.sampled_from(["ab", "abc", "b", "ab-c", "é", "\n", "  ", ".", "中文"])).map(
    " ".join
)


@given(text=texts, word=st.sampled_from(["ab", "b", "é", "ab b", "abc"]))
def test_exact_places_are_those_of_a_regular_expression(text: str, word: str) -> None:
    parts = r"\s+".join(map(re.escape, word.split()))
    # Hyphens separate words in search.
    separated = text.replace("-", " ")
    expected = [m.span() for m in re.finditer(rf"(?<!\w){parts}(?!\w)", separated)]
    assert list(Phrase(word, PLAIN, exact=True).in_text(text)) == expected


@pytest.mark.parametrize("filler", ["x", "é"])
def test_a_long_text_is_found_in_as_a_whole(filler: str) -> None:
    around = " ".join([filler * 9] * (PIECE // 10 - 1))
    text = f"{around} red fish {around} red  fish. {around}{around} the red fish"
    expected = [m.span() for m in re.finditer(r"red +fish", text)]
    for shift in (0, 4, 8):
        moved = [(start + shift, stop + shift) for start, stop in expected]
        assert list(Phrase("red fish", PLAIN).in_text("." * shift + text)) == moved


@given(text=texts, word=st.sampled_from(["ab", "b", "c", "ab b", "中文"]))
def test_places_among_tokens_are_those_in_the_text(text: str, word: str) -> None:
    phrase = Phrase(word, PLAIN)
    tokens = PLAIN.tokens(text)
    found = [" ".join(tokens[start:stop]) for start, stop in phrase.in_tokens(tokens)]
    expected = [text[start:stop] for start, stop in phrase.in_text(text)]
    # A token may be more than the word: `ab-c` for `c`.
    assert len(found) == len(expected)
    for token, part in zip(found, expected, strict=True):
        assert " ".join(part.replace(".", " ").split()) in token


@given(
    text=st.text("ab \n\t中é.", max_size=80),
    width=st.integers(1, 30),
)
def test_a_line_is_cut_out_of_its_text(text: str, width: int) -> None:
    document = es.Document("d", text)
    for line in concordance([document], Phrase("ab", PLAIN), width, None, "document"):
        assert text[line.offset :].startswith(line.match)
        assert max(len(line.left), len(line.right)) <= width
        flat = re.sub(r"\s+", " ", text)
        assert line.left + line.match + line.right in flat


DOCUMENTS = [
    es.Document("1", "the old cat sat. A new cat, big", title="Cat tales"),
    es.Document("2", "my zany cat and dog"),
]


def test_a_line_says_where_it_is() -> None:
    lines = concordance(DOCUMENTS, Phrase("cat", ENGLISH), 8, None, "document")
    assert lines == [
        ConcordanceLine("", "Cat", " tales", "1", "title", 0),
        ConcordanceLine("the old ", "cat", " sat. A ", "1", "text", 8),
        ConcordanceLine(". A new ", "cat", ", big", "1", "text", 23),
        ConcordanceLine("my zany ", "cat", " and dog", "2", "text", 8),
    ]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("document", ["Cat tales", "old cat", "new cat", "zany cat"]),
        ("left", ["Cat tales", "new cat", "old cat", "zany cat"]),
        ("right", ["zany cat", "new cat", "old cat", "Cat tales"]),
    ],
)
def test_lines_are_sorted_by_their_context(sort: str, order: list[str]) -> None:
    def lines(topn: int | None) -> list[ConcordanceLine]:
        return concordance(DOCUMENTS, Phrase("cat", ENGLISH), 8, topn, sort)

    every = lines(None)
    shown = [f"{line.left}{line.match}{line.right}" for line in every]
    assert [part in text for part, text in zip(order, shown, strict=True)] == [True] * 4
    assert lines(2) == every[:2]


@pytest.mark.parametrize(
    ("word", "message"), [("", "is empty"), ("  ", "is empty"), ("?!", "no words in it")]
)
def test_a_word_is_needed(word: str, message: str) -> None:
    with pytest.raises(es.QueryError, match=message):
        Phrase(word, ENGLISH)


def test_a_word_must_be_text() -> None:
    with pytest.raises(es.ParameterError, match="word must be a string, got 7"):
        Phrase(7, ENGLISH)  # type: ignore[arg-type]
