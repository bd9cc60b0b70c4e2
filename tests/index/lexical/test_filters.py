"""Searches among some of the documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedsearch._errors import ParameterError
from embedsearch.index.lexical.numbers import as_numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedsearch.index.lexical import LexicalIndex

    Build = Callable[..., LexicalIndex]

COUNT = 3000


@pytest.fixture(scope="module")
def index(build: Build) -> LexicalIndex:
    rng = np.random.default_rng(3)
    texts = {}
    for number in range(COUNT):
        # The best documents for `rare` have the lowest numbers.
        rare = "rare " * (20 - number // 50)
        texts[number] = rare + " ".join(rng.choice(["alpha", "beta", "gamma", "delta"], 9))
    return build(texts)


ALLOWED = {
    "none": [],
    "one": [2999],
    "few": [2900, 17, 17, 5, 123456],
    "a range": range(1500, 2600),
    "a range with steps": range(0, 10**6, 7),
    "most": np.arange(COUNT) % 10 != 0,
    "the worst": np.arange(990, COUNT),
    "a short mask": [True, False, True],
    "unsigned": np.arange(20, 700, dtype=np.uint32),
}


@pytest.mark.parametrize("name", ALLOWED)
@pytest.mark.parametrize("topn", [1, 10, 400, 5000])
@pytest.mark.parametrize("query", ["rare", "rare alpha", "+rare alpha -beta"])
def test_the_best_of_those_allowed_are_found(
    index: LexicalIndex, name: str, topn: int, query: str
) -> None:
    everything, numbers = index.search(query, topn=COUNT)
    kept = np.isin(numbers, as_numbers("allowed", ALLOWED[name]))
    scores, found = index.search(query, topn, ALLOWED[name])
    np.testing.assert_allclose(scores, everything[kept][:topn], rtol=1e-6)
    assert set(found.tolist()) <= set(numbers[kept].tolist())
    assert len(set(found.tolist())) == len(found)


def test_equal_scores_are_ordered_by_number(build: Build) -> None:
    index = build(dict.fromkeys((5, 90, 3, 41, 7), "same words"))
    assert index.search("words")[1].tolist() == [3, 5, 7, 41, 90]
    assert index.search("words", 10, [90, 3, 41])[1].tolist() == [3, 41, 90]


@pytest.mark.parametrize("bad", ["ab", [0.5], [[1, 2]], [None]])
def test_what_are_no_numbers_is_refused(index: LexicalIndex, bad: object) -> None:
    with pytest.raises(ParameterError, match="allowed"):
        index.search("alpha", 10, bad)
    with pytest.raises(ParameterError, match="numbers"):
        index.scores_of("alpha", bad)


def test_documents_found_elsewhere_are_held_against_what_is_required(build: Build) -> None:
    index = build({1: "a red car", 2: "a blue car", 3: "a red bus", 4: "the car is red not blue"})
    numbers = [4, 3, 2, 1, 77]
    assert index.admits("car red", numbers).tolist() == [True] * 5
    assert index.admits("+red car -blue", numbers).tolist() == [False, True, False, True, False]
    assert index.admits("bus -blue", numbers).tolist() == [False, True, False, True, False]
    assert index.admits('+"red car"', []).tolist() == []


def test_a_batch_answers_as_its_queries_do_alone(index: LexicalIndex) -> None:
    queries = ["rare", "alpha beta", index.parse("delta -gamma")]
    answers = index.search_batch(queries, 7, range(100, 900))
    for query, (scores, numbers) in zip(queries, answers, strict=True):
        alone = index.search(query, 7, range(100, 900))
        np.testing.assert_array_equal(scores, alone[0])
        np.testing.assert_array_equal(numbers, alone[1])
