"""Coherence against gensim and counting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gensim.corpora import Dictionary
from gensim.models import CoherenceModel
from scipy.sparse import csr_matrix

from embedsearch.space.coherence import c_v, diversity, npmi, window_counts


@pytest.fixture(scope="module")
def documents() -> list[list[int]]:
    """40 documents of 0 to 60 terms, frequent ones low."""
    rng = np.random.default_rng(0)
    return [np.minimum(rng.geometric(0.1, rng.integers(0, 60)), 30).tolist() for _ in range(40)]


def flat(documents: list[list[int]]) -> tuple[Any, Any]:
    bounds = np.cumsum([0, *map(len, documents)])
    return np.array([term for one in documents for term in one]), bounds


def counted(documents: list[list[int]], size: int = 40) -> Any:
    return csr_matrix(np.array([np.bincount(one, minlength=size) for one in documents], float))


TOPICS = [np.array([1, 2, 3, 5]), np.array([4, 9, 2]), np.array([7, 8])]


@pytest.mark.parametrize("window", [1, 3, 10, 110])
def test_windows_are_counted_as_one_by_one(documents: list[list[int]], window: int) -> None:
    words, ids_bounds = np.array([2, 3, 5, 20]), flat(documents)
    expected, total = np.zeros((4, 4)), 0
    for one in documents:
        for start in range(max(len(one) - window, 0) + 1):
            held = np.isin(words, one[start : start + window]).astype(float)
            expected += np.outer(held, held)
            total += 1
    found, windows = window_counts(words, *ids_bounds, window)
    np.testing.assert_array_equal(found, expected)
    assert windows == total


@pytest.mark.parametrize("window", [5, 20])
def test_c_v_is_that_of_gensim(window: int) -> None:
    # gensim loses a word from its window if it is there twice and one leaves, so none is.
    draw = np.random.default_rng(0)
    kept = [draw.permutation(30)[: draw.integers(20, 30)].tolist() for _ in range(50)]
    texts = [[str(term) for term in one] for one in kept]
    model = CoherenceModel(
        topics=[[str(term) for term in each] for each in TOPICS],
        texts=texts,
        dictionary=Dictionary(texts),
        coherence="c_v",
        window_size=window,
        processes=1,
    )
    expected = model.get_coherence_per_topic()
    np.testing.assert_allclose(c_v(TOPICS, *flat(kept), window), expected, rtol=1e-6)


def test_npmi_is_that_of_pairs_of_documents(documents: list[list[int]]) -> None:
    sets = [set(one) for one in documents]

    def share(*words: int) -> float:
        return sum({*words} <= one for one in sets) / len(sets)

    for topic, value in zip(TOPICS, npmi(TOPICS, counted(documents)), strict=True):
        expected = [
            np.log(share(a, b) / (share(a) * share(b))) / -np.log(share(a, b))
            for i, a in enumerate(topic.tolist())
            for b in topic.tolist()[i + 1 :]
        ]
        assert value == pytest.approx(np.mean(expected), abs=1e-9)


def test_a_word_that_never_occurs_is_no_nan(documents: list[list[int]]) -> None:
    topics = [np.array([1, 2, 39]), np.array([38, 39]), np.array([5]), np.array([], np.int64)]
    for values in (npmi(topics, counted(documents)), c_v(topics, *flat(documents))):
        assert np.isfinite(values).all()
    assert npmi(topics, counted(documents)).tolist()[1:] == [0, 0, 0]


def test_diversity_is_the_share_of_different_words() -> None:
    assert diversity(TOPICS) == 8 / 9
    assert diversity([]) == 1
