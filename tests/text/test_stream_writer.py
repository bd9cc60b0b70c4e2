"""Texts become ids on disk, in bounded memory: as the processor cuts them, and in order."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from embedsearch._progress import SilentProgress
from embedsearch.text.corpora import get_corpus
from embedsearch.text.settings import ACCENTS, DIGITS, TokenizerSettings
from embedsearch.text.stream import TokenStream, select
from embedsearch.text.stream_writer import ChunkEncoder, TokenIds, split_text, write_texts
from embedsearch.text.tokenizers import EDGES, TextProcessor, cut_words

SETTINGS = st.builds(
    TokenizerSettings,
    lowercase=st.booleans(),
    accents=st.sampled_from(ACCENTS),
    digits=st.sampled_from(DIGITS),
    stop_words=st.sampled_from([(), ("the", "été")]),
    stem=st.sampled_from([None, "english"]),
)
# Everything that could look over the edge of a chunk: marks, what lower case and composition
# ask their neighbours, invisible characters, rare spaces, joiners, parts of numbers and signs.
PARTS = [
    *("a", "É", "J", "ΟΔΟΣ", "Σ", "İ", "ß", "ﬃ", "Ａ", "．", "👍🏽", "🇩🇪"),
    *("中文字", "ไทย", "ひら", "क्षि"),
    *("\u0301", "\u030c", "\u0338", "\u20e3", "\u0345", "\U00016af0", "\U0001d15e", "𐐀"),
    *("\u00ad", "\u200b", "\u200d", "\u2060", "\ufe0f", "\ufeff"),
    *("\xa0", "\u2028", "\u3000", "\x85"),
    *(chr(code) for code in range(33)),
    *"!\"#$%&'()*+,-./0123456789:;<=>?@[\\]^_`{|}~\x7f",
    *("\u2019", "\u2018", "\u2011", "·", "״", "new_york"),
    *("C++", "c#", "U.S.A.", "3.14", "10:30", "the "),
    "\ud800",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=30).map("".join)


def write(texts: list[str], processor: TextProcessor, folder: str) -> TokenStream:
    return write_texts(Path(folder), enumerate(texts), processor)


def joined(lists: Iterable[list[str]]) -> list[str]:
    return list(chain.from_iterable(lists))


def read(stream: TokenStream) -> list[list[str]]:
    return [[stream.types[t] for t in stream.document(i)] for i in range(len(stream))]


@settings(max_examples=400)
@given(st.lists(TEXT, max_size=5), SETTINGS)
@example(["aΣ^b aΣ`b aΣ.b aΣ. b", "<\u0338a >\u0338", "", "_a.b -a.b"], TokenizerSettings())
def test_chunks_give_the_tokens_of_the_processor(
    texts: list[str], options: TokenizerSettings
) -> None:
    processor = TextProcessor(options)
    with TemporaryDirectory() as folder:
        stream = write(texts, processor, folder)
        expected = [processor.process(text) for text in texts]
        assert read(stream) == expected
        assert dict(zip(stream.types, stream.counts)) == Counter(joined(expected))


@settings(max_examples=300)
@given(TEXT, st.integers(1, 9))
def test_a_text_may_be_cut_at_its_separators(text: str, size: int) -> None:
    processor = TextProcessor(TokenizerSettings())
    pieces = list(split_text(text, EDGES, size))
    assert "".join(pieces) == text
    assert joined(map(processor.process, pieces)) == processor.process(text)


@given(TEXT)
def test_what_stands_at_an_edge_is_in_no_token(text: str) -> None:
    words = TextProcessor(TokenizerSettings(lowercase=False))
    for separator in EDGES.separators:
        assert words.process(f"a{separator}{text}") == ["a", *words.process(text)]
    assert cut_words(EDGES.leading + "a" + EDGES.trailing) == ["a"]
    assert set(EDGES.trailing) <= set(EDGES.leading)


@pytest.fixture
def articles() -> list[str]:
    documents = get_corpus("gensim-lee").documents(SilentProgress())
    return [document.text for document in documents]


@pytest.mark.parametrize("most", [64, 1 << 12])
def test_chunks_that_are_forgotten_are_found_again(articles: list[str], most: int) -> None:
    processor, token_ids = TextProcessor(TokenizerSettings(stem="english")), TokenIds()
    encoder = ChunkEncoder(processor, EDGES, token_ids, most)
    seen: list[str] = []
    for start in range(0, len(articles), 7):
        texts = [text[:60] if most == 64 else text for text in articles[start : start + 7]]
        ids, ends = encoder.encode(texts)
        types = token_ids.types()
        tokens = [types[number] for number in ids]
        assert tokens == joined(map(processor.process, texts))
        assert ends[-1] == len(tokens)
        seen += tokens
    assert [*map(int, token_ids.counts[: token_ids.size])] == [*Counter(seen).values()]


def test_real_text_is_numbered_in_the_order_of_appearance(
    articles: list[str], tmp_path: Path
) -> None:
    processor = TextProcessor(TokenizerSettings())
    stream = write_texts(tmp_path, enumerate(articles), processor)
    expected = [processor.process(text) for text in articles]
    assert read(stream) == expected
    assert list(stream.types) == list(dict.fromkeys(joined(expected)))


def test_words_longer_than_any_limit_are_kept(tmp_path: Path) -> None:
    text = f"{'x' * 70} b {'x' * 70} {'y' * (1 << 19)} {'é' * (1 << 19)}c"
    stream = write_texts(tmp_path, [(1, text)], TextProcessor(TokenizerSettings()))
    assert read(stream) == [text.split()]


def test_a_document_of_a_million_words_is_whole(tmp_path: Path) -> None:
    texts = ["word, other.\n" * 500_000, "", "last"]
    stream = write_texts(tmp_path, enumerate(texts), TextProcessor(TokenizerSettings()))
    assert stream.ends.tolist() == [1_000_000, 1_000_000, 1_000_001]
    assert stream.counts.tolist() == [500_000, 500_000, 1]


@pytest.mark.parametrize("tokenizer", ["treebank", "tweet", "toktok"])
def test_other_tokenizers_see_whole_texts(tokenizer: str, tmp_path: Path) -> None:
    processor = TextProcessor(TokenizerSettings(tokenizer=tokenizer))
    texts = ["Good muffins cost $3.88\nin New York. :-)", "", "Please don't."]
    stream = write_texts(tmp_path, enumerate(texts), processor)
    assert read(stream) == [processor.process(text) for text in texts]


def test_nothing_at_all_is_an_empty_stream(tmp_path: Path) -> None:
    stream = write_texts(tmp_path, [], TextProcessor(TokenizerSettings()))
    assert (len(stream), stream.total, list(stream.types)) == (0, 0, [])


def test_importing_the_stream_compiles_nothing() -> None:
    script = "import embedsearch.text.stream, sys; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_ids_are_given_in_order_and_again_when_free() -> None:
    ids = TokenIds(limit=4)
    ids.count(np.array([ids[word] for word in "aabcdde"], np.int32))
    assert ids.prune(7)
    assert set(ids) == {"a", "d"}
    assert ids.threshold == 1
    assert {ids["f"], ids["g"], ids["h"]} == {1, 2, 4}


def test_words_as_frequent_as_one_that_must_go_go_too() -> None:
    ids = TokenIds(limit=2)
    ids.count(np.array([ids[word] for word in "aaabbbcc"], np.int32))
    assert ids.prune(8)
    assert (ids.threshold, set(ids)) == (3, set())


WORDS = st.lists(st.integers(0, 30).map("w{}".format), max_size=12)


@settings(max_examples=150)
@given(st.lists(WORDS, max_size=30), st.integers(1, 12), st.booleans())
def test_what_is_remembered_is_exact_and_the_rest_is_blank(
    corpus: list[list[str]], limit: int, chunked: bool
) -> None:
    processor = TextProcessor(TokenizerSettings(stop_words=() if chunked else ("zzz",)))
    with TemporaryDirectory() as folder:
        texts = [(i, " ".join(words)) for i, words in enumerate(corpus)]
        stream = write_texts(Path(folder), texts, processor, max_types=limit, block=20)
        read = [[stream.types[t] for t in stream.document(i)] for i in range(len(stream))]
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
        tmp_path, texts, TextProcessor(TokenizerSettings()), progress, max_types=20_000
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
