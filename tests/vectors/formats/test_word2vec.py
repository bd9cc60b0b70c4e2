"""word2vec's binary file: its bytes, and bad input."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.files import load_vectors, save_vectors
from embedsearch.vectors.word_vectors import WordVectors

Put = Callable[[str, bytes], Path]
ROWS = [("the", 1.5, -2.0), ("naïve", 0.25, 1e-45)]


def spelled(end: bytes, count: int = 2, size: int = 2) -> bytes:
    rows = b"".join(word.encode() + b" " + struct.pack("<2f", *row) + end for word, *row in ROWS)
    return f"{count} {size}\n".encode() + rows


@pytest.mark.parametrize("end", [b"\n", b""])
def test_rows_are_read_with_line_feeds_and_without(end: bytes, put: Put) -> None:
    read = load_vectors(put("a", spelled(end)))
    assert read.index_to_key == ["the", "naïve"]
    assert read.vectors.tolist() == np.float32([[1.5, -2], [0.25, 1e-45]]).tolist()


def test_a_file_has_the_bytes_of_mikolovs_tool(put: Put, tmp_path: Path) -> None:
    save_vectors(load_vectors(put("a", spelled(b""))), tmp_path / "b", "word2vec-binary")
    assert (tmp_path / "b").read_bytes() == spelled(b"\n")


def test_numbers_may_have_the_bytes_of_spaces_and_line_feeds(tmp_path: Path) -> None:
    numbers = np.frombuffer(b"\n\n\n\n    5 5 \n \n1" * 64, np.float32).reshape(32, 8)
    vectors = WordVectors(numbers, [str(row) for row in range(32)])
    save_vectors(vectors, tmp_path / "a", "word2vec-binary")
    for format in ("auto", "word2vec-binary"):
        assert load_vectors(tmp_path / "a", format).vectors.tobytes() == numbers.tobytes()


def test_blocks_meet_without_loss(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=(3001, 300)).astype(np.float32)
    vectors = WordVectors(numbers, [f"word{row}" for row in range(3001)])
    save_vectors(vectors, tmp_path / "a.bin", "word2vec-binary")
    read = load_vectors(tmp_path / "a.bin")
    assert read.index_to_key == vectors.index_to_key
    assert read.vectors.tobytes() == numbers.tobytes()


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_file_cut_short_is_refused_wherever_it_is_cut(end: bytes, put: Put) -> None:
    whole = spelled(end)
    for size in range(len(whole) - len(end)):
        with pytest.raises(SourceFormatError):
            load_vectors(put("a.bin", whole[:size]), "word2vec-binary")


@pytest.mark.parametrize(
    ("count", "size", "reason"),
    [
        (3, 2, "cut short in row 3|too much for a file"),
        (1, 2, "more follows the 1 words"),
        (2, 1, "more follows|cut short|row 2"),
        (10**17, 2, "too much for a file of"),
        (2, 10**6, "too much for a file of"),
        (2, 10**12, "dimensions"),
    ],
)
def test_first_lines_that_lie_are_refused(count: int, size: int, reason: str, put: Put) -> None:
    with pytest.raises(SourceFormatError, match=reason):
        load_vectors(put("a", spelled(b"\n", count, size)), "word2vec-binary")


def test_a_row_without_a_word_is_refused(put: Put) -> None:
    with pytest.raises(SourceFormatError, match="row 1 has no word"):
        load_vectors(put("a", b"2 2\n\x01" + b"x" * 2**17), "word2vec-binary")


@pytest.mark.parametrize(
    "rows",
    [
        "haus 0,12 0,5\nbaum 1,12 2,5\n",
        "x 0.123 10.5\ny 1.125 10.5\n",
        "hello world foo\nbar baz qux\n",
    ],
)
def test_text_is_never_read_as_binary(rows: str, put: Put) -> None:
    # With two dimensions the numbers of the first ones take eight bytes, as float32 would.
    with pytest.raises(SourceFormatError, match="line 2: its rows are text; read it as 'word2vec'"):
        load_vectors(put("a.bin", f"2 2\n{rows}".encode()), "word2vec-binary")
