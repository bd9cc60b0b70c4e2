"""The share of words without a vector, and what is concluded from it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from embedsearch._errors import ParameterError
from embedsearch.search.drift import Drift, expected_share, vocabulary_drift

Documents = list[list[str]]


def drawn(seed: int, documents: int, words: str = "word", types: int = 20_000) -> Documents:
    """Documents of 80 words by Zipf's law."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, types + 1)
    ids = rng.choice(types, (documents, 80), p=weights / weights.sum())
    return [[f"{words}{id}" for id in row] for row in ids.tolist()]


@pytest.fixture(scope="module")
def counts() -> Counter[str]:
    return Counter(word for document in drawn(0, 1000) for word in document)


@pytest.fixture(scope="module")
def known(counts: Counter[str]) -> set[str]:
    return {word for word, count in counts.items() if count >= 5}


@pytest.fixture(scope="module")
def expected(counts: Counter[str]) -> float:
    return expected_share(list(counts.values()), 5)


def mixed(topic_words: int, documents: int = 300) -> Documents:
    """Documents like those of the training, with the last words of each from a new topic."""
    old, new = drawn(7, documents), drawn(8, documents, "topic", types=500)
    return [a[: 80 - topic_words] + b[:topic_words] for a, b in zip(old, new, strict=True)]


def test_the_expected_share_is_that_of_new_text_of_the_same_kind(
    known: set[str], expected: float
) -> None:
    later = vocabulary_drift(drawn(1, 2000), known, expected)
    assert later.share == pytest.approx(expected, abs=0.005)
    assert later.share > 0.1
    assert later.advice.startswith("no need to train again")


def test_a_new_topic_calls_for_training(known: set[str], expected: float) -> None:
    found = vocabulary_drift(mixed(16), known, expected)
    assert found.share == pytest.approx(0.2 + 0.8 * expected, abs=0.01)
    assert found.advice.startswith("train again:")
    assert {word for word, _ in found.frequent_unknown[:5]} == {f"topic{n}" for n in range(5)}
    assert found.learnable >= 150


def test_a_little_of_a_new_topic_is_worth_a_thought(known: set[str], expected: float) -> None:
    found = vocabulary_drift(mixed(3), known, expected)
    assert found.advice.startswith("training again may be worth it:")
    assert f"{found.share:.1%}" in found.advice
    assert f"{expected:.1%} was to be expected" in found.advice


def test_one_odd_document_among_many_is_no_drift() -> None:
    documents = [["known"] * 50] * 60 + [["odd"] * 500]
    found = vocabulary_drift(documents, {"known"})
    assert found.share == 500 / 3500
    assert found.advice.startswith("no need to train again")


def test_few_documents_tell_nothing() -> None:
    assert vocabulary_drift([["new"] * 9] * 29, set()).advice.startswith("too few documents (29,")
    assert vocabulary_drift([["new"] * 9] * 30, set()).advice.startswith("train again")


def test_documents_without_words_tell_nothing() -> None:
    assert vocabulary_drift([[]] * 40, {"a"}).advice.startswith("too few documents (40, with 0")


def test_nothing_added_is_said_so() -> None:
    said = "no documents were added since the training"
    assert vocabulary_drift([], {"a"}, 0.1) == Drift(0, 0, 0, 0.0, None, 0.1, 0, (), said)


def test_new_words_that_are_all_rare_are_not_promised() -> None:
    documents = [[f"new{number}", "old"] for number in range(40)]
    found = vocabulary_drift(documents, {"old"})
    assert found.learnable == 0
    assert found.advice.endswith("but no new word is frequent enough yet to be learned")


def test_words_are_counted_and_ties_go_by_spelling() -> None:
    found = vocabulary_drift([["b", "a", "x"], iter("aby"), []], frozenset("xy"), min_count=2)
    assert (found.documents, found.tokens, found.unknown_tokens) == (3, 6, 4)
    assert found.frequent_unknown == (("a", 2), ("b", 2))
    assert found.learnable == 2


def test_the_error_is_that_of_a_ratio_of_documents() -> None:
    rng = np.random.default_rng(3)
    n = rng.integers(1, 60, 50)
    u = rng.binomial(n, 0.2)
    documents = [["new"] * b + ["old"] * (a - b) for a, b in zip(n.tolist(), u.tolist())]
    found = vocabulary_drift(documents, {"old"})
    chosen = rng.integers(0, 50, (20_000, 50))
    bootstrapped = (u[chosen].sum(axis=1) / n[chosen].sum(axis=1)).std()
    assert found.error == pytest.approx(bootstrapped, rel=0.05)


def test_good_turing_shares_follow_the_counts() -> None:
    assert expected_share([5, 3, 1, 1], 2) == 0.2
    assert expected_share([5, 3, 1, 1], 3) == 0.5
    assert expected_share([], 5) == 0.0


def test_the_rarest_words_are_forgotten_when_there_are_too_many() -> None:
    documents = [["often", "often", f"once{number}"] for number in range(100)]
    found = vocabulary_drift(documents, set(), most_unknown=10)
    assert found.frequent_unknown[0] == ("often", 200)
    assert len(found.frequent_unknown) <= 10
    assert found.unknown_tokens == 300


@pytest.mark.parametrize(
    ("name", "value"), [("expected", -0.1), ("expected", 1.5), ("min_count", 0)]
)
def test_a_setting_out_of_range_is_named(name: str, value: float) -> None:
    with pytest.raises(ParameterError, match=name):
        vocabulary_drift([], set(), **{name: value})  # type: ignore[arg-type]
