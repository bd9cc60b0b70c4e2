"""Numbers by way of chunks are those of the processor's tokens, whatever the text."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings, strategies as st

from embedsearch._progress import SilentProgress
from embedsearch.text.chunks import ChunkEncoder
from embedsearch.text.corpora.catalogue import get_corpus
from embedsearch.text.numbering import Numbering
from embedsearch.text.pieces import in_pieces
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import ACCENTS, DIGITS, TokenizerSettings
from embedsearch.text.stream import TokenStream, write_texts
from embedsearch.text.tokenizers.unicode import EDGES, cut_words

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


@settings(max_examples=400, deadline=None)
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


@settings(max_examples=300, deadline=None)
@given(TEXT, st.integers(1, 9))
def test_a_text_may_be_cut_at_its_separators(text: str, size: int) -> None:
    processor = TextProcessor(TokenizerSettings())
    pieces = list(in_pieces(text, EDGES, size))
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
def test_chunks_that_are_forgotten_are_found_anew(articles: list[str], most: int) -> None:
    processor, numbering = TextProcessor(TokenizerSettings(stem="english")), Numbering()
    encoder = ChunkEncoder(processor, EDGES, numbering, most)
    seen: list[str] = []
    for start in range(0, len(articles), 7):
        texts = [text[:60] if most == 64 else text for text in articles[start : start + 7]]
        ids, ends = encoder.encode(texts)
        types = numbering.types()
        tokens = [types[number] for number in ids]
        assert tokens == joined(map(processor.process, texts))
        assert ends[-1] == len(tokens)
        seen += tokens
    assert [*map(int, numbering.counts[: numbering.size])] == [*Counter(seen).values()]


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
