"""The token stream on disk holds every token of every document, in order."""

from __future__ import annotations

from collections import Counter
from itertools import chain, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedsearch import CorpusTooSmallError, VectorError
from embedsearch.text.stream import Vocabulary, select
from embedsearch.text.stream_writer import write_stream

corpora = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=9), max_size=12)


@settings(max_examples=60)
@given(corpora, st.integers(1, 20))
def test_blocks_give_back_every_document(corpus: list[list[str]], size: int) -> None:
    with TemporaryDirectory() as folder:
        stream = write_stream(Path(folder), ((10 + i, d) for i, d in enumerate(corpus)))
        read = []
        for places, tokens, bounds in stream.blocks(size):
            assert places.stop - places.start == len(bounds) - 1
            read += [tokens[a:b] for a, b in pairwise(bounds)]
        assert [[stream.types[t] for t in d] for d in read] == corpus
        assert [[stream.types[t] for t in stream.document(i)] for i in range(len(corpus))] == corpus
        assert stream.numbers.tolist() == [10 + i for i in range(len(corpus))]
        assert dict(zip(stream.types, stream.counts)) == Counter(chain.from_iterable(corpus))


def test_a_stream_longer_than_its_buffer_is_whole(tmp_path: Path) -> None:
    documents = [["a"] * 700_000, ["b", "a"] * 400_000]
    stream = write_stream(tmp_path, enumerate(documents))
    assert stream.total == 1_500_000
    assert stream.counts.tolist() == [1_100_000, 400_000]
    assert int((stream.tokens == 1).sum()) == 400_000


def test_the_vocabulary_is_sorted_by_count_then_by_appearance() -> None:
    vocabulary, rows = select(["x", "y", "z", "w"], np.array([2, 5, 2, 1]), min_count=2)
    assert list(vocabulary.words) == ["y", "x", "z"]
    assert vocabulary.counts.tolist() == [5, 2, 2]
    assert rows.tolist() == [1, 0, 2, -1]


def test_at_most_the_asked_number_of_words_is_kept() -> None:
    vocabulary, rows = select(["x", "y", "z"], np.array([2, 5, 3]), 1, max_final_vocab=2)
    assert list(vocabulary.words) == ["y", "z"]
    assert rows.tolist() == [-1, 0, 1]


@pytest.mark.parametrize(
    ("tokens", "counts", "reason"),
    [
        ([], [], "the corpus has no words"),
        (["only"], [9], "one distinct word, 'only'"),
        (["a", "b"], [3, 2], "min_count=5 leaves no word of 2; the most frequent occurs 3 times"),
        (["a", "b"], [7, 2], "min_count=5 leaves a single word of 2"),
    ],
)
def test_too_little_text_is_explained(tokens: list[str], counts: list[int], reason: str) -> None:
    with pytest.raises(CorpusTooSmallError, match=reason):
        select(tokens, np.array(counts, dtype=np.int64), 5)


def test_a_vocabulary_file_is_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.tsv"
    Vocabulary(["naïve", "'s", "\u2028x"], np.array([3, 2, 1])).save(path)
    assert path.read_bytes() == "naïve\t3\n's\t2\n\u2028x\t1\n".encode()
    loaded = Vocabulary.load(path)
    assert list(loaded.words) == ["naïve", "'s", "\u2028x"]
    assert loaded.counts.tolist() == [3, 2, 1]


@pytest.mark.parametrize("line", ["word", "word\t", "\t3", "word\t-3", "word\tx"])
def test_a_damaged_vocabulary_names_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "vocabulary.tsv"
    path.write_text(f"good\t4\n{line}\n", encoding="utf-8")
    with pytest.raises(VectorError, match="line 2"):
        Vocabulary.load(path)
