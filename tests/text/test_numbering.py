"""Distinct words are bounded: the rarest are forgotten, and their places are blank."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings, strategies as st

from embedsearch._progress import SilentProgress
from embedsearch.text import stream_writer
from embedsearch.text.numbering import Numbering
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.stream import write_texts
from embedsearch.text.vocabulary import select


def test_numbers_are_given_in_order_and_again_when_free() -> None:
    numbering = Numbering(limit=4)
    numbering.count(np.array([numbering[word] for word in "aabcdde"], np.int32))
    assert numbering.forget(7)
    assert set(numbering) == {"a", "d"}
    assert numbering.threshold == 1
    assert {numbering["f"], numbering["g"], numbering["h"]} == {1, 2, 4}


def test_words_as_frequent_as_one_that_must_go_go_too() -> None:
    numbering = Numbering(limit=2)
    numbering.count(np.array([numbering[word] for word in "aaabbbcc"], np.int32))
    assert numbering.forget(8)
    assert (numbering.threshold, set(numbering)) == (3, set())


WORDS = st.lists(st.integers(0, 30).map("w{}".format), max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, max_size=30), st.integers(1, 12), st.booleans())
def test_what_is_remembered_is_exact_and_the_rest_is_blank(
    corpus: list[list[str]], limit: int, chunked: bool
) -> None:
    block, stream_writer.BLOCK = stream_writer.BLOCK, 20
    processor = TextProcessor(TokenizerSettings(stop_words=() if chunked else ("zzz",)))
    try:
        with TemporaryDirectory() as folder:
            texts = [(i, " ".join(words)) for i, words in enumerate(corpus)]
            stream = write_texts(Path(folder), texts, processor, most_types=limit)
            read = [[stream.types[t] for t in stream.document(i)] for i in range(len(stream))]
    finally:
        stream_writer.BLOCK = block
    assert [len(words) for words in read] == [len(words) for words in corpus]
    for got, expected in zip(chain(*read), chain(*corpus)):
        assert got in ("", expected)
    counted = Counter(chain(*read))
    counted.pop("", None)
    remembered = {w: c for w, c in zip(stream.types, stream.counts.tolist()) if w and c}
    assert counted == remembered


def test_forgotten_words_get_no_vector_and_a_note_says_so(tmp_path: Path) -> None:
    rare = [[f"rare{i}-{j}" for j in range(1_000)] for i in range(100)]
    texts = [(i, f"often {' '.join(words)} again") for i, words in enumerate(rare)]
    progress = SilentProgress()
    stream = write_texts(
        tmp_path, texts, TextProcessor(TokenizerSettings()), progress, most_types=20_000
    )
    vocabulary, rows = select(stream.types, stream.counts, min_count=1)
    assert list(vocabulary.words[:2]) == ["often", "again"]
    assert vocabulary.counts[:2].tolist() == [100, 100]
    assert "" not in vocabulary.words
    assert len(vocabulary) < 60_000
    assert int((rows[stream.tokens] >= 0).sum()) == vocabulary.total < stream.total
    assert progress.notes == [
        "more than 20,000 distinct words: on the way, those with a count of up to 1 were forgotten"
    ]
