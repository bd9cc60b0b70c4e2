"""word2vec's and GloVe's text: against gensim, and bad input."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.files import load_vectors, save_vectors
from embedsearch.vectors.formats.text_table import line_blocks
from embedsearch.vectors.word_vectors import WordVectors

Put = Callable[[str, bytes], Path]


@pytest.fixture
def thousand() -> WordVectors:
    numbers = np.random.default_rng(3).normal(size=(1000, 7)).astype(np.float32)
    return WordVectors(numbers, [f"w{row}é" for row in range(1000)])


@pytest.mark.parametrize("binary", [False, True])
def test_gensim_reads_what_we_write(binary: bool, thousand: WordVectors, tmp_path: Path) -> None:
    save_vectors(thousand, tmp_path / "a", "word2vec-binary" if binary else "word2vec")
    read = KeyedVectors.load_word2vec_format(tmp_path / "a", binary=binary)
    assert read.index_to_key == thousand.index_to_key
    assert read.vectors.tobytes() == thousand.vectors.tobytes()


@pytest.mark.parametrize("binary", [False, True])
def test_we_read_what_gensim_writes(binary: bool, thousand: WordVectors, tmp_path: Path) -> None:
    keyed = KeyedVectors(7)
    keyed.add_vectors(thousand.index_to_key, thousand.vectors)
    keyed.save_word2vec_format(tmp_path / "a", binary=binary)
    read = load_vectors(tmp_path / "a")
    assert read.index_to_key == thousand.index_to_key
    assert read.vectors.tobytes() == thousand.vectors.tobytes()


# gensim leaves the file open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_gensim_reads_our_glove(thousand: WordVectors, tmp_path: Path) -> None:
    save_vectors(thousand, tmp_path / "a.glove")
    read = KeyedVectors.load_word2vec_format(tmp_path / "a.glove", no_header=True, limit=1000)
    assert read.index_to_key == thousand.index_to_key
    assert read.vectors.tobytes() == thousand.vectors.tobytes()


@pytest.mark.parametrize(
    "data",
    [
        b"2 3\nthe 0.1 -2 3e-1 \n, .5 +1. 1E2 \n",
        b"2 3\r\nthe 0.1 -2 3e-1\r\n, .5 +1. 1E2\r\n",
        b"2 3\nthe 0.1 -2 3e-1\n, .5 +1. 1E2",
        b"\xef\xbb\xbf2  3 \nthe 0.1 -2 3e-1\n, .5 +1. 1E2\n\n \n",
        b"the 0.1 -2 3e-1\n, .5 +1. 1E2\n",
        b"2\t3\nthe\t0.1\t-2\t3e-1\n,\t.5\t+1.\t1E2\t\n",
        b"2 3\r\nthe\t0.1 -2 3e-1\r\n,  .5 +1.\t 1E2 \r\n",
        b"\xef\xbb\xbfthe 0.1 -2 3e-1\n  ,   .5   +1. 1E2\n",
        b"\xef\xbb\xbfthe\t0.1\t-2\t3e-1\r\n,\t.5\t+1.\t1E2\r\n",
        gzip.compress(b"\xef\xbb\xbfthe\t0.1\t-2\t3e-1\n,\t.5\t+1.\t1E2\n", mtime=0),
        bz2.compress(b"2\t3\nthe\t0.1\t-2\t3e-1\n,\t.5\t+1.\t1E2\n"),
        lzma.compress(b"\xef\xbb\xbf2 3\nthe  0.1 -2 3e-1\n,  .5 +1. 1E2\n"),
    ],
)
def test_spellings_of_the_same_text(data: bytes, put: Put) -> None:
    read = load_vectors(put("a", data))
    assert read.index_to_key == ["the", ","]
    assert read.vectors.tolist() == np.float32([[0.1, -2, 0.3], [0.5, 1, 100]]).tolist()


def test_a_word_of_a_byte_order_mark_is_a_word(put: Put) -> None:
    assert load_vectors(put("a", b"\xef\xbb\xbf 1.5 2\ny 3 4\n")).index_to_key == ["\ufeff", "y"]
    assert load_vectors(put("a", b"\xef\xbb\xbf\t1.5\t2\n")).index_to_key == ["\ufeff"]


@pytest.mark.parametrize("format", ["auto", "word2vec", "glove"])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("2 2\nx 1 2\ny 3 4\n".encode("utf-16"), "UTF-16 or UTF-32 text; save it as UTF-8"),
        ("x 1 2\ny 3 4\n".encode("utf-16-be"), "UTF-16 or UTF-32 text; save it as UTF-8"),
        ("x 1 2\n".encode("utf-32"), "UTF-16 or UTF-32 text; save it as UTF-8"),
        (b"2 2\rx 1 2\ry 3 4\r", "lines end with CR alone"),
        (b"x 1 2\ry 3 4\r", "lines end with CR alone"),
        (b"x,1.5,2\ny,3,4\n", "has commas or semicolons between its fields"),
        (b"x, 1.5, 2\ny, 3, 4\n", "has commas or semicolons between its fields"),
        (b"x 1.5;2;3\n", "has commas or semicolons between its fields"),
    ],
)
def test_texts_of_other_makes_say_what_they_are(
    data: bytes, reason: str, format: str, put: Put
) -> None:
    with pytest.raises(SourceFormatError, match=reason):
        load_vectors(put("a.txt", data), format)


def test_words_of_glove_may_hold_spaces(put: Put) -> None:
    read = load_vectors(put("a", b". . . 1 2\nat x@y.com 3 4\n5 5 6\na b\t7\t8\n"))
    assert read.index_to_key == [". . .", "at x@y.com", "5", "a b"]
    assert read.vectors.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]


def test_blocks_of_lines_meet_without_loss(thousand: WordVectors, put: Put) -> None:
    rows = [f"{word} " + " ".join(["0.125"] * 500) for word in thousand.index_to_key]
    read = load_vectors(put("a.glove", "\n".join(rows).encode()))
    assert read.index_to_key == thousand.index_to_key
    assert np.all(read.vectors == 0.125)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"b 1", "has 1 numbers behind its word, not 2"),
        (b"b", "has 0 numbers behind its word, not 2"),
        (b"b 1 2 3", "has 3 numbers behind its word, not 2"),
        (b"b x 1 2 3", "has 4 numbers behind its word, not 2"),
        (b"b 1 2\t3", "'2.*3' is not a number"),
        (b"b 1\t2\t3", "has 3 numbers behind its word, not 2"),
        (b"b 1,5 2", "'1,5' has a decimal comma; write numbers with a point"),
        (b"b ,5 -2,0e-3", "',5' has a decimal comma"),
        (b"b 1.000,5 2", "'1.000,5' is not a number"),
        (b"b 1 0x1p3", "'0x1p3' is not a number"),
        (b"b 1 NaN", "holds NaN"),
        (b"b 1 -inf", "holds NaN, infinity"),
        (b"b 1 1_0", "'1_0' is not a number"),
        (b"b 1 0x1", "'0x1' is not a number"),
        (b"b 1 1.5.2", "'1.5.2' is not a number"),
        (b"b 1 -", "'-' is not a number"),
        (b"b 1 1e", "'1e' is not a number"),
        (b"b 1 \xd9\xa1", "'\u0661' is not a number"),
        (b"b 1 2\0", "is not a number"),
        (b"b 1 " + b"1" * 500_000 + b"x", "is not a number"),
        (b"b 1 " + b"1" * 500_000, "holds NaN, infinity|is not a number"),
        (b"", "has nothing, not 2|the line is empty"),
        (b" ", "has nothing, not 2|the line is empty"),
    ],
)
@pytest.mark.parametrize("head", [b"", b"4 2\n"])
def test_a_broken_line_names_its_number(line: bytes, reason: str, head: bytes, put: Put) -> None:
    data = head + b"a 1 2\n" + line + b"\nc 3 4\nd 5 6\n"
    with pytest.raises(SourceFormatError, match=reason) as caught:
        load_vectors(put("a", data))
    assert caught.value.line == (3 if head else 2)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"3 2\na 1 2\nb 3 4\n      ", "promises 3 words, and there are 2"),
        (b"1 2\na 1 2\nb 3 4\n", "promises 1 words, and there are more"),
        (b"3 3\na 1.25 2\nb 3.5 4\nc 5 6\n", "line 2: has 2 numbers behind its word, not 3"),
        (b"0 2\n", "promises no words"),
        (b"2 0\na\nb\n", "0 dimensions"),
        (b"1 9999999\na 1\n", "9,999,999 dimensions"),
        (b"999999999999999999 300\na 1 2\n", "too much for a file of 29 bytes"),
        (b"100 2\na 1 2\n", "too much for a file of 12 bytes"),
        (b"a 1 2\n", "two whole numbers"),
        (b"12", "two whole numbers"),
        (b"-1 2\na 1 2", "two whole numbers"),
    ],
)
def test_first_lines_that_lie_are_refused(data: bytes, reason: str, put: Put) -> None:
    with pytest.raises(SourceFormatError, match=reason):
        load_vectors(put("a", data), "word2vec")


def test_a_first_line_without_numbers_is_refused(put: Put) -> None:
    with pytest.raises(SourceFormatError, match="a word and numbers") as caught:
        load_vectors(put("a", b"hello world\na 1 2\n"), "glove")
    assert caught.value.line == 1


def test_a_line_without_end_is_refused() -> None:
    stream = io.BufferedReader(io.BytesIO(b"a" * 2**22))
    with pytest.raises(SourceFormatError, match="a line has more than 2 MB"):
        list(line_blocks(stream, Path("a"), longest=2**21))


def test_a_row_cut_short_is_refused_wherever_a_number_is_missing(put: Put) -> None:
    whole = b"2 2\na 1.25 2.5\nb 3.75 4.125\n"
    for size in range(len(b"2 2\na 1.25 2.5\n"), len(b"2 2\na 1.25 2.5\nb 3.75 ")):
        with pytest.raises(SourceFormatError):
            load_vectors(put("a", whole[:size]), "word2vec")
