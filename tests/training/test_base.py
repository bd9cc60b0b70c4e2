"""Corpora have the rows of known words; a warm start keeps what is known and adds what is new."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embedsearch import CorpusTooSmallError, ParameterError
from embedsearch._progress import SilentProgress
from embedsearch.text.stream import select
from embedsearch.text.stream_writer import write_stream
from embedsearch.training.base import (
    Corpus,
    EncodedCorpus,
    TrainedModel,
    encode,
    extend_vocabulary,
    start_from,
)
from embedsearch.vectors.word_vectors import WordVectors


def encoded(folder: Path, texts: list[str], min_count: int) -> tuple[EncodedCorpus, list[str]]:
    stream = write_stream(folder, ((i, text.split()) for i, text in enumerate(texts)))
    vocabulary, rows = select(stream.types, stream.counts, min_count)
    return encode(Corpus(stream, vocabulary, rows, folder)), list(vocabulary.words)


def test_rare_words_are_left_out_and_documents_keep_their_ends(tmp_path: Path) -> None:
    corpus, words = encoded(tmp_path, ["b a b", "rare", "", "a b x a"], 2)
    assert words == ["b", "a"]
    assert [words[i] for i in corpus.ids] == ["b", "a", "b", "a", "b", "a"]
    assert corpus.offsets.tolist() == [0, 3, 3, 3, 6]
    assert corpus.counts.tolist() == [3, 3]
    assert corpus.ids.dtype == np.int32


def test_a_stream_without_a_known_word_is_an_empty_corpus(tmp_path: Path) -> None:
    stream = write_stream(tmp_path, iter([(0, ["a", "b"])]))
    vocabulary, rows = select(stream.types, stream.counts, 1)
    corpus = encode(Corpus(stream, vocabulary, np.full_like(rows, -1), tmp_path))
    assert corpus.ids.size == 0
    assert corpus.offsets.tolist() == [0, 0]


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
