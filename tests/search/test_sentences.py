"""Text cut into sentences, and into runs of them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, strategies as st

from embedsearch.search.sentences import LENGTH, SHORT, in_lower_case, promising, runs, sentences


def test_sentences_end_where_a_new_one_begins() -> None:
    text = 'It is 3.5 m long, e.g. here. "Is it?" Yes!\n\nA new\nline. Über uns.'
    assert list(sentences(text)) == [
        "It is 3.5 m long, e.g. here.",
        '"Is it?"',
        "Yes!",
        "A new line.",
        "Über uns.",
    ]


def test_a_point_between_blanks_ends_a_sentence_in_lower_case() -> None:
    text = "the wing of a plane . the wing of a plane . it lifts ."
    assert list(sentences(text)) == ["the wing of a plane .", "it lifts ."]


def test_chinese_sentences_need_no_blank() -> None:
    assert list(sentences("天空是蓝色的。为什么？")) == ["天空是蓝色的。", "为什么？"]


@given(st.text(alphabet="ab .\n", max_size=2_000))
def test_no_word_is_lost_but_for_repeated_sentences(text: str) -> None:
    pieces = list(sentences(text))
    assert all(0 < len(piece) <= LENGTH * 3 // 2 for piece in pieces)
    assert all(piece == " ".join(piece.split()) for piece in pieces)
    assert set("".join(pieces).replace(" ", "")) == set("".join(text.split()))


def test_what_has_no_blanks_is_cut_all_the_same() -> None:
    pieces = list(sentences("x" * 1_000))
    assert "".join(pieces) == "x" * 1_000
    assert max(map(len, pieces)) <= LENGTH * 3 // 2


@given(st.lists(st.integers(1, 300), max_size=30))
def test_runs_are_the_longest_that_fit(lengths: list[int]) -> None:
    pieces = ["x" * length for length in lengths]

    def fits(start: int, stop: int) -> bool:
        return stop - start == 1 or len(" ".join(pieces[start:stop])) <= LENGTH

    n = len(pieces)
    fitting = [(i, j) for i in range(n) for j in range(i + 1, n + 1) if fits(i, j)]

    def within(run: tuple[int, int]) -> bool:
        return any(one != run and one[0] <= run[0] and run[1] <= one[1] for one in fitting)

    assert runs(pieces) == [run for run in fitting if not within(run)]


def long_text(size: int, planted: dict[int, str]) -> str:
    """Sentences of made-up words, some of which are others."""
    choose = random.Random(1)  # noqa: S311 - words, not secrets
    parts = []
    for number in range(size):
        words = " ".join(choose.choices(["lorem", "ipsum", "dolor", "sit", "amet"], k=12))
        parts.append(planted.get(number, f"So {words}."))
    return " ".join(parts)


def test_of_a_short_text_all_is_looked_at() -> None:
    text = long_text(20, {})
    assert len(text) < SHORT
    assert promising(text, {"lorem": 1.0}) == [list(sentences(text))]


@pytest.mark.parametrize("place", [0, 1, 1_700, 2_998, 2_999])
def test_a_long_text_is_looked_at_where_most_words_meet(place: int) -> None:
    planted = {100: "A Volcano.", 500: "Lava flows.", place: "A volcano spits lava.", 900: "Lava."}
    parts = promising(long_text(3_000, planted), {"volcano": 2.0, "lava": 1.0, "lorem": 0.1})
    assert any("A volcano spits lava." in part for part in parts)
    assert sum(len(piece) for part in parts for piece in part) < 10_000


def test_a_long_text_is_looked_at_here_and_there_where_nothing_is_found() -> None:
    text = long_text(3_000, {0: "First of all.", 2_999: "At last."})
    parts = promising(text, {"volcano": 1.0})
    assert parts[0][0] == "First of all."
    assert len(parts) == 3
    assert promising("x" * 1_000_000, {"volcano": 1.0})[0][0] == "x" * LENGTH


def test_windows_hold_whole_sentences() -> None:
    text = long_text(3_000, {1_500: "A volcano spits lava."})
    whole = set(sentences(text))
    for part in promising(text, {"volcano": 1.0}):
        assert set(part) <= whole


@given(st.text(max_size=50))
def test_lower_case_keeps_the_length(text: str) -> None:
    assert len(in_lower_case(text)) == len(text)
    assert in_lower_case("İSTANBUL") == "istanbul"
