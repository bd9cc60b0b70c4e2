"""The pair of files of the TensorFlow Projector."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from embedsearch._errors import SourceFormatError, SourceNotFoundError
from embedsearch.vectors.formats.files import load_vectors, save_vectors
from embedsearch.vectors.word_vectors import WordVectors

Put = Callable[[str, bytes], Path]
X = b"1\t2\n3\t4\n5\t6\n"


def test_a_pair_has_the_layout_of_the_projector(tmp_path: Path) -> None:
    vectors = WordVectors(np.float32([[0.5, 1], [-2, 3]]), ["a b", "é"])
    save_vectors(vectors, tmp_path / "vectors.tsv")
    assert (tmp_path / "vectors.tsv").read_bytes() == b"0.5\t1\n-2\t3\n"
    assert (tmp_path / "metadata.tsv").read_bytes() == "a b\né\n".encode()
    counted = WordVectors(vectors.vectors, vectors.index_to_key, np.array([7, 5]))
    save_vectors(counted, tmp_path / "vectors.tsv", overwrite=True)
    assert (tmp_path / "metadata.tsv").read_bytes() == "word\tcount\na b\t7\né\t5\n".encode()


def test_numpy_and_csv_read_what_we_write(counted_vectors: WordVectors, tmp_path: Path) -> None:
    save_vectors(counted_vectors, tmp_path / "a.tsv")
    read = np.loadtxt(tmp_path / "a.tsv", dtype=np.float64, delimiter="\t").astype(np.float32)
    assert read.tobytes() == counted_vectors.vectors.tobytes()
    with (tmp_path / "a.metadata.tsv").open(encoding="utf-8", newline="\n") as file:
        lines = file.read().split("\n")
    rows = list(csv.reader(lines[1:-1], delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row[0] for row in rows] == counted_vectors.index_to_key


@pytest.mark.parametrize(
    ("vectors", "metadata"),
    [
        ("vectors.tsv", "metadata.tsv"),
        ("vecs.tsv", "meta.tsv"),
        ("glove_tensor.tsv", "glove_metadata.tsv"),
        ("tensors.tsv", "metadata.tsv"),
        ("my.tsv", "my.metadata.tsv"),
        ("my.tsv", "my_metadata.tsv"),
        ("vectorspace.tsv", "vectorspace_metadata.tsv"),
    ],
)
def test_metadata_are_looked_for_beside_the_vectors(vectors: str, metadata: str, put: Put) -> None:
    path = put(vectors, X)
    with pytest.raises(SourceNotFoundError, match="metadata"):
        load_vectors(path)
    put(metadata, b"a\r\nb\r\nc\r\n")
    read = load_vectors(path)
    assert read.index_to_key == ["a", "b", "c"]
    assert read.vectors.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    ("metadata", "words", "counts"),
    [
        (b"a\nb\nc\n\n", ["a", "b", "c"], None),
        (b"Word\tcount\na\t3\nb\t2\nc\t1\n", ["a", "b", "c"], [3, 2, 1]),
        (b"n\tCount\tlabel\n1\t3\ta\n2\t2\tb\n3\t1\tc\n\n", ["a", "b", "c"], [3, 2, 1]),
        (b"x\ty\na\t\nb\t\nc\t", ["a", "b", "c"], None),
        (b"word\nb\nc", ["word", "b", "c"], None),
    ],
)
def test_metadata_of_one_column_have_no_header(
    metadata: bytes, words: list[str], counts: list[int] | None, put: Put
) -> None:
    put("metadata.tsv", metadata)
    read = load_vectors(put("vectors.tsv", X))
    assert read.index_to_key == words
    assert (None if read.counts is None else read.counts.tolist()) == counts


@pytest.mark.parametrize(
    ("vectors", "metadata", "reason"),
    [
        (X, b"word\na\nb\nc\n", "names 4 words, and there are 3 vectors.*no header"),
        (X, b"a\nb\n", "names 2 words, and there are more vectors"),
        (X, b"", "is empty"),
        (X, b"word\tcount\n", "names 0 words, and there are more vectors"),
        (X, b"a\tb\n1\t2\n3\n5\t6\n", "metadata.tsv, line 3: has 1 columns, not 2"),
        (X, b"a\tcount\n1\t2\n3\tx\n5\t6\n", "metadata.tsv, line 3: 'x' is not the count"),
        (b"1\t2\n3\n5\t6\n", b"a\nb\nc\n", "line 2: has 1 fields, not 2 numbers"),
        (b"1\t2\n3\t4\t5\n", b"a\nb\n", "line 2: has 3 fields, not 2 numbers"),
        (b"1\t2\n3 4\t5\n", b"a\nb\n", "line 2: has 2 fields, not 2 numbers with tabs"),
        (b"1\t2\n3\tx\n", b"a\nb\n", "line 2: 'x' is not a number"),
        (b"1\t2\n\n3\t4\n", b"a\nb\n", "line 2"),
        (b"1\t2\n3\tnan\n", b"a\nb\n", "line 2: the vector of 'b' holds NaN"),
        (b"x y\n3\t4\n", b"a\nb\n", "line 1"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(
    vectors: bytes, metadata: bytes, reason: str, put: Put
) -> None:
    put("metadata.tsv", metadata)
    with pytest.raises(SourceFormatError, match=reason):
        load_vectors(put("vectors.tsv", vectors), "projector")


def test_byte_order_marks_are_no_part_of_words_and_numbers(put: Put) -> None:
    put("metadata.tsv", b"\xef\xbb\xbfword\tcount\r\na\t3\r\nb\t2\r\n")
    read = load_vectors(put("vectors.tsv", b"\xef\xbb\xbf0.5\t1\r\n2\t3\r\n"))
    assert (read.index_to_key, read.vectors.tolist()) == (["a", "b"], [[0.5, 1], [2, 3]])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"0,5\t1\n2\t3\n", "line 1: '0,5' has a decimal comma"),
        ("0.5\t1\n2\t3\n".encode("utf-16"), "UTF-16 or UTF-32 text"),
    ],
)
def test_numbers_of_other_makes_say_what_they_are(data: bytes, reason: str, put: Put) -> None:
    put("metadata.tsv", b"a\nb\n")
    with pytest.raises(SourceFormatError, match=reason):
        load_vectors(put("vectors.tsv", data))
