"""Near-duplicates: every pair that comparing all pairs finds, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from embedsearch._errors import InputError, ParameterError
from embedsearch._progress import SilentProgress, Task
from embedsearch.search.duplicates import (
    Duplicate,
    connected_groups,
    duplicate_groups,
    near_duplicates,
)

WORDS = ["the", "town", "of", "a", "lies", "in", "north", "south", "west"]
numbers = st.integers(0, 10**9)
texts = st.lists(st.sampled_from("abc"), max_size=9).map(" ".join)
collections = st.dictionaries(numbers, texts, max_size=25).map(lambda found: list(found.items()))
thresholds = st.floats(0.01, 1) | st.sampled_from([0.2, 0.25, 1 / 3, 0.5, 2 / 3, 0.75, 0.8, 1.0])


def shingled(text: str, words: int = 3) -> set[tuple[str, ...]]:
    tokens = text.split()
    length = min(words, len(tokens))
    runs = (tuple(tokens[start : start + words]) for start in range(len(tokens) - length + 1))
    return set(runs) if tokens else set()


def brute_force(documents: list[tuple[int, str]], threshold: float) -> list[Duplicate]:
    sets = sorted((number, shingled(text, 3)) for number, text in documents)
    scored = [
        Duplicate(a, b, len(one & other) / len(one | other))
        for (a, one), (b, other) in combinations(sets, 2)
        if one | other
    ]
    found = [pair for pair in scored if pair.score >= threshold]
    return sorted(found, key=lambda pair: (-pair.score, pair.number_a, pair.number_b))


def towns(seed: int, count: int) -> list[tuple[int, str]]:
    """Texts of one template, of several lengths, some of which are equal."""
    rng = np.random.default_rng(seed)
    documents = []
    for number in rng.permutation(count).tolist():
        stem = [WORDS[place % 9] for place in range(int(rng.integers(12, 60)))]
        for place in rng.integers(0, len(stem), rng.integers(0, 4)):
            stem[place] = f"name{rng.integers(0, 40)}"
        documents.append((number, " ".join(stem)))
    return documents


# The first examples compile.
@given(collections, thresholds)
def test_pairs_are_those_of_comparing_all(
    documents: list[tuple[int, str]], threshold: float
) -> None:
    assert near_duplicates(documents, threshold) == brute_force(documents, threshold)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0]))
def test_pairs_among_texts_of_a_template_are_those_of_comparing_all(
    seed: int, threshold: float
) -> None:
    documents = towns(seed, 80)
    assert near_duplicates(documents, threshold) == brute_force(documents, threshold)


@given(collections, thresholds)
def test_groups_are_the_connected_components_of_all_pairs(
    documents: list[tuple[int, str]], threshold: float
) -> None:
    names = sorted(number for number, _ in documents)
    places = {number: place for place, number in enumerate(names)}
    pairs = [(places[a], places[b]) for a, b, _ in brute_force(documents, threshold)]
    ends = np.array(pairs, np.int32).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (ends[0], ends[1])), shape=(len(names),) * 2)
    labels = connected_components(graph)[1] if names else np.empty(0)
    parts = [tuple(np.array(names)[labels == label].tolist()) for label in np.unique(labels)]
    wanted = sorted((part for part in parts if len(part) > 1), key=lambda part: (-len(part), part))
    assert duplicate_groups(documents, threshold) == wanted


def test_a_template_with_thousands_of_texts_is_joined_in_several_blocks() -> None:
    documents = [(n, f"place{n % 4500} is a town in the north") for n in range(9000)]
    pairs = near_duplicates(documents, 0.9)
    assert [(a, b) for a, b, _ in pairs] == [(n, n + 4500) for n in range(4500)]
    assert duplicate_groups(documents, 0.5) == [tuple(range(9000))]


def test_the_order_of_documents_changes_nothing() -> None:
    documents = towns(1, 60)
    shuffled = sorted(documents, key=lambda document: document[1])
    assert near_duplicates(shuffled, 0.5) == near_duplicates(documents, 0.5)
    assert duplicate_groups(shuffled, 0.5) == duplicate_groups(documents, 0.5)


def test_one_word_in_thirty_may_differ_at_the_default() -> None:
    text = [f"w{place}" for place in range(29)]
    changed = [*text[:14], "other", *text[15:]]
    assert near_duplicates([(1, " ".join(text)), (2, " ".join(changed))]) == [(1, 2, 0.8)]
    shorter = [(1, " ".join(text[:-1])), (2, " ".join(changed[:-1]))]
    assert near_duplicates(shorter) == []


def test_texts_without_words_have_no_duplicates() -> None:
    assert near_duplicates([(1, ""), (2, ""), (3, " ... "), (4, "\n")], 0.01) == []
    assert near_duplicates([]) == []
    assert duplicate_groups([]) == duplicate_groups([(1, ""), (2, "")]) == []


def test_a_short_text_is_like_the_same_words_in_the_same_order_alone() -> None:
    short = enumerate(["Hello", "hello!", "hello world", "world, hello", "hello world now"])
    assert near_duplicates(short, 0.01) == [(0, 1, 1.0)]


def test_words_that_change_places_are_another_text() -> None:
    assert near_duplicates([(0, "a b c"), (1, "c b a"), (2, "b a c"), (3, "a c b")], 0.01) == []


def test_repeated_runs_count_once() -> None:
    assert near_duplicates([(0, "na na na"), (1, "na " * 1000)]) == [(0, 1, 1.0)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Москва — столица России", "МОСКВА столица россии!"),
        ("東京は日本の首都です", "東京は日本の首都です。"),
        ("Ünïcode wörds änd mòre", "ünïcode wörds ÄND mòre"),
    ],
)
def test_texts_of_any_script_are_compared_by_their_words(one: str, other: str) -> None:
    assert near_duplicates([(5, one), (9, other)]) == [(5, 9, 1.0)]


def test_too_many_pairs_are_refused_before_they_are_listed() -> None:
    copies = ((number, "one text again") for number in range(5000))
    with pytest.raises(InputError, match=r"more than 1,000 pairs.*groups"):
        near_duplicates(copies, most=1000)
    alike = [(number, f"{number} one two three four five six") for number in range(20)]
    assert len(near_duplicates(alike, 0.5, most=190)) == 190
    with pytest.raises(InputError, match="more than 189 pairs"):
        near_duplicates(alike, 0.5, most=189)
    assert duplicate_groups(alike, 0.5) == [tuple(range(20))]


@pytest.mark.parametrize(
    "threshold",
    [0, 1.01, float("nan")],
)
def test_a_threshold_out_of_range_is_named(threshold: float) -> None:
    with pytest.raises(ParameterError, match="threshold"):
        near_duplicates([], threshold)
    with pytest.raises(ParameterError, match="threshold"):
        duplicate_groups([], threshold)


def test_a_number_given_twice_is_named() -> None:
    with pytest.raises(ParameterError, match=r"documents .* got 7"):
        near_duplicates([(7, "a"), (3, "b"), (7, "c")])


def test_groups_of_pairs_are_found_by_union() -> None:
    links = np.array([(5, 6), (1, 2), (8, 8), (3, 2), (10, 11), (11, 12)])
    assert connected_groups(links) == [(1, 2, 3), (10, 11, 12), (5, 6)]


class _Listener(SilentProgress):
    def __init__(self) -> None:
        super().__init__()
        self.totals: dict[str, float | None] = {}
        self.done: dict[str, float] = {}

    @contextmanager
    def task(self, name: str, total: float | None = None, unit: str = "items") -> Iterator[Task]:
        self.name, self.totals[name], self.done[name] = name, total, 0.0
        yield self

    def advance(self, amount: float) -> None:
        self.done[self.name] += amount

    def describe(self, text: str) -> None:
        raise NotImplementedError


def test_progress_is_that_of_documents_read_and_compared() -> None:
    listener = _Listener()
    near_duplicates([(1, "a b c"), (2, "a b c d"), (3, "x"), (4, "b c d a b c")], 0.3, listener)
    assert listener.done["reading documents"] == 4
    # Pruning keeps a document without a partner if its fingerprint shares a slot with others;
    # fingerprints are made of Python's hashes, which differ from process to process.
    assert listener.done["comparing documents"] == listener.totals["comparing documents"]
    assert 3 <= listener.done["comparing documents"] <= 4
