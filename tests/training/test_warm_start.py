"""A warm start keeps what is known, adds what is new, and says what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

from embedsearch import CorpusTooSmallError, ParameterError
from embedsearch._progress import SilentProgress
from embedsearch.training.base import TrainedModel
from embedsearch.training.warm_start import extend_vocabulary, start_from
from embedsearch.vectors.word_vectors import WordVectors

OLD = WordVectors(np.eye(3, 4, dtype=np.float32), ["a", "b", "c"], np.array([9, 5, 1]))


def test_new_words_are_added_if_they_are_frequent_enough_and_old_ones_stay() -> None:
    types, counts = ["new", "b", "rare", "often"], np.array([3, 5, 1, 20])
    vocabulary, rows = extend_vocabulary(OLD, types, counts, min_count=2)
    assert vocabulary.words == ["often", "b", "a", "new", "c"]
    assert vocabulary.counts.tolist() == [20, 10, 9, 3, 1]
    assert rows.tolist() == [3, 1, -1, 0]


def test_vectors_without_counts_are_counted_from_the_new_text_alone() -> None:
    vectors = WordVectors(OLD.vectors, OLD.index_to_key)
    vocabulary, _ = extend_vocabulary(vectors, ["c"], np.array([4]), min_count=2)
    assert dict(zip(vocabulary.words, vocabulary.counts.tolist())) == {"c": 4, "a": 0, "b": 0}


def test_text_without_a_known_or_frequent_word_is_too_small() -> None:
    with pytest.raises(CorpusTooSmallError, match="no known word"):
        extend_vocabulary(OLD, ["new"], np.array([1]), min_count=2)


def test_rows_of_known_words_are_copied_to_both_sides() -> None:
    context = np.full((3, 4), 2.0, np.float32)
    x, y = np.full((2, 4), 7.0, np.float32), np.zeros((2, 4), np.float32)
    progress = SilentProgress()
    start_from(TrainedModel(OLD, context), ["new", "b"], x, y, progress)
    np.testing.assert_array_equal(x, [[7, 7, 7, 7], OLD.vectors[1]])
    np.testing.assert_array_equal(y, [[0, 0, 0, 0], context[1]])
    assert progress.notes == ["continuing from 1 word, 1 new"]


@pytest.mark.parametrize("size", [3, 5])
def test_vectors_of_another_size_are_refused(size: int) -> None:
    x = np.zeros((1, size), np.float32)
    with pytest.raises(ParameterError, match="vector_size must be 4, as in the model"):
        start_from(TrainedModel(OLD), ["a"], x, x.copy(), SilentProgress())
