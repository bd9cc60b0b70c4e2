"""Words that are spelled alike, against the definition of their distance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from embedsearch.search.suggestions import suggest
from embedsearch.vectors.word_vectors import WordVectors

VOCABULARY = ["the", "king", "queen", "woman", "Paris", "kind", "mother-in-law", "kong", "man"]


def suggested(
    words: list[str], word: str, counts: list[int] | None = None, topn: int = 5
) -> list[str]:
    X = np.ones((len(words), 2), np.float32)
    own = None if counts is None else np.array(counts)
    return suggest(word, WordVectors(X, words, own), topn)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("kign", "king"), ("queeen", "queen"), ("wman", "woman"), ("PARIZ", "Paris"), ("teh", "the")],
)
def test_slips_of_the_finger_are_mended(wrong: str, right: str) -> None:
    assert suggested(VOCABULARY, wrong)[0] == right


def test_of_equal_spellings_the_frequent_word_comes_first() -> None:
    names = ["bat", "cat", "hat", "rat"]
    assert suggested(names, "zat", [1, 5, 1000, 50]) == ["hat", "rat", "cat", "bat"]


def test_words_far_from_all_get_no_suggestions() -> None:
    for word in ("xylophone", "", "k" * 1_000_000, "\ud800", "x"):
        assert suggested(["king", "", "东京"], word) == []
    assert suggested([], "king") == []


def test_no_more_are_suggested_than_asked_for() -> None:
    vectors = WordVectors(np.ones((30, 2), np.float32), [f"word{i}" for i in range(30)])
    assert len(suggest("word", vectors)) == 5
    assert suggest("word", vectors, topn=2) == ["word0", "word1"]


def distance(one: str, other: str) -> int:
    """Restate the recurrence of optimal string alignment, letter by letter."""
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            ways = [
                table[i - 1, j] + 1,
                table[i, j - 1] + 1,
                table[i - 1, j - 1] + (one[i - 1] != other[j - 1]),
            ]
            if one[i - 2 : i] == other[j - 2 : j][::-1] and i > 1 and j > 1:
                ways.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(ways)
    return table[len(one), len(other)]


short = st.text("abc", min_size=1, max_size=10)


@given(st.lists(short, min_size=1, max_size=20, unique=True), short)
def test_near_words_are_those_of_the_definition(words: list[str], target: str) -> None:
    reach = 1 if len(target) <= 3 else 2 if len(target) <= 8 else 3
    near = {word for word in words if distance(word, target) <= reach}
    assert set(suggested(words, target, topn=100)) == near
