"""A corpus for the kernels has the rows of known words, and where documents end."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from embedsearch.text.stream_writer import write_stream
from embedsearch.text.vocabulary import select
from embedsearch.training.corpus import Corpus, EncodedCorpus, encode


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
