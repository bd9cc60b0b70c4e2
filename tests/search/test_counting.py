"""Counts and keyness, against plain loops and the formulas as they were published."""

from __future__ import annotations

import math
import random
from collections import Counter
from fnmatch import fnmatchcase

import numpy as np
import pytest

from embedsearch.search.counting import (
    Keyword,
    Tally,
    WordCount,
    frequencies,
    keywords,
    log_odds,
    matcher,
)

CHOOSE = random.Random(0)  # noqa: S311 - words, not secrets
WORDS = [f"w{n}" for n in range(30)]
TEXTS = [
    CHOOSE.choices(WORDS, weights=range(30, 0, -1), k=CHOOSE.randint(1, 60)) for _ in range(40)
]


def tally(texts: list[list[str]]) -> Tally:
    counted = Tally()
    for text in texts:
        counted.add(text)
    return counted


def published(word: str, ours: Counter[str], theirs: Counter[str], weight: float) -> float:
    """Monroe, Colaresi and Quinn (2008), equations 16, 18 and 22, for one word."""
    both = ours + theirs
    prior = weight * both[word] / both.total()
    n_i, n_j = ours.total(), theirs.total()
    y_i, y_j = ours[word], theirs[word]
    delta = math.log((y_i + prior) / (n_i + weight - y_i - prior)) - math.log(
        (y_j + prior) / (n_j + weight - y_j - prior)
    )
    variance = 1 / (y_i + prior) + 1 / (y_j + prior)
    return delta / math.sqrt(variance)


def damped(texts: list[list[str]]) -> dict[str, float]:
    sums: dict[str, float] = dict.fromkeys(WORDS, 0.0)
    for text in texts:
        for word, count in Counter(text).items():
            sums[word] += 1 + math.log(count)
    return sums


def test_words_are_counted_as_by_hand() -> None:
    expected = {
        word: (sum(text.count(word) for text in TEXTS), sum(word in text for text in TEXTS))
        for word in WORDS
    }
    found = frequencies(tally(TEXTS), "count", lambda _: True)
    assert {each.word: (each.count, each.df) for each in found} == {
        word: counts for word, counts in expected.items() if counts[0]
    }


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("count", ["a", "b", "c"]),
        ("df", ["b", "a", "c"]),
        ("word", ["a", "b", "c"]),
    ],
)
def test_the_order_of_words(sort: str, expected: list[str]) -> None:
    found = frequencies(tally([["b"], ["a", "a", "a", "b"], ["c"]]), sort, lambda _: True)
    assert [each.word for each in found] == expected
    assert found[0] in (WordCount("a", 3, 1), WordCount("b", 2, 2))


@pytest.mark.parametrize("pattern", ["heat*", "?at", "*", "h[ea]t", "a.b", "[", "*a*"])
def test_patterns_are_those_of_file_names(pattern: str) -> None:
    fits = matcher(pattern)
    for word in ("heat", "heating", "hat", "het", "bat", "a.b", "axb", "[", "line\nbreak"):
        assert fits(word) == fnmatchcase(word, pattern)


def test_a_part_is_taken_away() -> None:
    rest, expected = tally(TEXTS).without(tally(TEXTS[:15])), tally(TEXTS[15:])
    assert (rest.counts, rest.df, rest.documents) == (expected.counts, expected.df, 25)
    for is_damped in (False, True):
        np.testing.assert_allclose(
            rest.masses(WORDS, damped=is_damped), expected.masses(WORDS, damped=is_damped)
        )
        assert rest.mass(damped=is_damped) == pytest.approx(expected.mass(damped=is_damped))


def test_a_single_document_is_scored_by_its_counts() -> None:
    ours, theirs = Counter(TEXTS[3]), sum(map(Counter, TEXTS[4:]), Counter())
    weight = math.sqrt(ours.total() * theirs.total())
    scores = {word: published(word, ours, theirs, weight) for word in ours}
    found = keywords(tally(TEXTS[3:4]), tally(TEXTS[4:]), lambda _: False)
    assert {each.word: each.score for each in found} == pytest.approx(
        {word: score for word, score in scores.items() if score > 0}
    )
    assert [each.score for each in found] == sorted((e.score for e in found), reverse=True)
    first = found[0]
    assert first[2:] == (
        ours[first.word],
        1,
        theirs[first.word],
        sum(first.word in text for text in TEXTS[4:]),
    )


def test_of_several_documents_none_decides() -> None:
    one, other = damped(TEXTS[:10]), damped(TEXTS[10:])
    n_i, n_j = sum(one.values()), sum(other.values())
    weight = math.sqrt(n_i * n_j)
    word = max(one, key=lambda w: one[w] / (other[w] + 1))
    prior = weight * (one[word] + other[word]) / (n_i + n_j)
    y_i, y_j = one[word] + prior, other[word] + prior
    delta = math.log(y_i / (n_i + weight - y_i)) - math.log(y_j / (n_j + weight - y_j))
    found = {k.word: k for k in keywords(tally(TEXTS[:10]), tally(TEXTS[10:]), lambda _: False)}
    assert found[word].score == pytest.approx(delta / math.sqrt(1 / y_i + 1 / y_j))
    # The counts shown are the plain ones.
    assert found[word].count == sum(text.count(word) for text in TEXTS[:10])


def test_a_burst_in_one_document_is_below_a_word_of_many() -> None:
    group = [["topic", "filler", "other"] for _ in range(20)] + [["burst"] * 500]
    rest = [["filler", "other", "else"] for _ in range(60)]
    found = [each.word for each in keywords(tally(group), tally(rest), lambda _: False)]
    assert found.index("topic") < found.index("burst")


def test_words_that_are_left_out_still_count_as_text() -> None:
    chosen, rest = tally([["the", "the", "cat"]]), tally([["the", "dog"], ["the", "cat", "dog"]])
    every = {k.word: k for k in keywords(chosen, rest, lambda _: False)}
    some = keywords(chosen, rest, lambda word: word == "the")
    assert some == [every["cat"]]
    assert isinstance(some[0], Keyword)


def test_nothing_is_characteristic_without_words() -> None:
    assert log_odds(np.zeros(2), np.ones(2), 0.0, 2.0).tolist() == [0, 0]
    assert keywords(tally([[]]), tally(TEXTS), lambda _: False) == []
