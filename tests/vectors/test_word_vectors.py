"""A vocabulary and its vectors: derived values, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from embedsearch._errors import VectorError
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.word_vectors import WordVectors

X = np.array([[3, 4], [0, 0], [1, 0]], dtype=np.float32)


def test_lengths_and_unit_vectors_follow_from_the_vectors() -> None:
    words = WordVectors(X, ["a", "b", "c"])
    assert words.norms.tolist() == [5, 0, 1]
    np.testing.assert_allclose(words.unit, [[0.6, 0.8], [0, 0], [1, 0]], rtol=1e-6)
    assert words.key_to_index == {"a": 0, "b": 1, "c": 2}
    assert ("b" in words, "d" in words, len(words), words.vector_size) == (True, False, 3, 2)
    assert repr(words) == "WordVectors(3 × 2)"


def test_lengths_neither_overflow_nor_vanish() -> None:
    words = WordVectors(np.array([[3e30, 4e30], [3e-30, 4e-30]], np.float32), ["big", "small"])
    np.testing.assert_allclose(words.unit, [[0.6, 0.8], [0.6, 0.8]], rtol=1e-6)


def test_vectors_cannot_be_changed_through_it() -> None:
    mine = X.copy()
    words = WordVectors(mine, ["a", "b", "c"])
    with pytest.raises(ValueError, match="read-only"):
        words.vectors[0, 0] = 1
    mine[0, 0] = 3  # The caller's own array stays writable.


def test_a_word_that_stands_twice_is_named() -> None:
    with pytest.raises(VectorError, match="'a' is repeated, at rows 0 and 2"):
        WordVectors(X, ["a", "b", "a"])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_first_word_with_a_bad_vector_is_named(bad: float) -> None:
    broken = X.copy()
    broken[1:, 1] = bad
    with pytest.raises(VectorError, match="'b'"):
        WordVectors(broken, ["a", "b", "c"])
    assert len(WordVectors(broken, ["a", "b", "c"], check=False)) == 3


def test_shapes_that_do_not_fit_are_refused() -> None:
    grams = Subwords(2, 3, 10, np.arange(1), np.zeros((1, 5), np.float32))
    with pytest.raises(VectorError, match="2 words do not fit 3 vectors"):
        WordVectors(X, ["a", "b"], check=False)
    with pytest.raises(VectorError, match="shape"):
        WordVectors(X[0], ["a", "b"])
    with pytest.raises(VectorError, match="counts"):
        WordVectors(X, ["a", "b", "c"], np.array([1, 2]))
    with pytest.raises(VectorError, match="n-gram vectors of 5"):
        WordVectors(X, ["a", "b", "c"], subwords=grams)
