"""Formats by name, and how files are told apart."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from embedsearch._errors import ParameterError, SourceFormatError
from embedsearch.vectors.formats import VECTOR_FORMATS, detect, vector_format

Put = Callable[[str, bytes], Path]


def test_names_are_sorted_and_each_is_a_format() -> None:
    assert list(VECTOR_FORMATS) == sorted(set(VECTOR_FORMATS))
    assert [vector_format(name).name for name in VECTOR_FORMATS] == list(VECTOR_FORMATS)


def test_no_format_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys, embedsearch.vectors.formats.files, embedsearch.vectors.formats.files\n"
        "heavy = 'gensim', 'numba', 'pyarrow', 'scipy', 'model2vec', 'safetensors'\n"
        "print(sorted(set(heavy) & set(sys.modules)))\n"
        "from embedsearch.vectors.formats import VECTOR_FORMATS, vector_format\n"
        "print([n for n in sys.modules if n.endswith(('.fasttext', '.npy', '.word2vec'))])\n"
        "for name in VECTOR_FORMATS: vector_format(name)\n"
        "print(sorted(set(heavy) & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n") == ["[]", "[]", "[]", ""]


@pytest.mark.parametrize(
    ("name", "data", "format"),
    [
        ("a.txt", b"the 0.1 0.2\nof 0.3 0.4\n", "glove"),
        ("a.vec", b"the 0.1 0.2\nof 0.3 0.4\n", "glove"),
        ("a.glove", b"2 2\nthe 0.1 0.2\nof 0.3 0.4\n", "word2vec"),
        ("a", b"2 2\nthe 0.1 0.x\n", "word2vec"),
        ("a", b"2 2\nhaus 0,12 0,5\nbaum 1,12 2,5\n", "word2vec"),
        ("a.bin", b"2 2\nhello world foo\n", "word2vec"),
        ("a", b"2\t2\nthe\t0.1 0.2\n", "word2vec"),
        ("a", b"2\t2\n0.1\t0.2\n", "projector"),
        ("a", b"\xef\xbb\xbf0,1\t0,2\n", "projector"),
        ("a", b"the\t0.1\t0.2\n", "glove"),
        ("a", b"5 7\nfoo 0.3\n", "glove"),
        ("a", b"haus 0,12 0,5\n", "glove"),
        ("a", b"2 1\na =\xcd\xcc\xcc\nb =\xcd\xcc\xcc\n", "word2vec-binary"),
        ("a", b"2 3\nthe 0.1 0.x 0.3\n", "word2vec"),
        ("a", b"1 2\nthe \x00\x00\x80?\x00\x00\x80?\n", "word2vec-binary"),
        ("a", b"1 1\nthe \n\x00\x00\x00\n", "word2vec-binary"),
        ("a", b"1 300\nthe " + b"1.25 " * 299 + b"1.25\n", "word2vec"),
        ("a", b"the " + b"1.25 " * 30_000 + b"1.25\n", "glove"),
        ("a", b"0.1\t0.2\n", "projector"),
        ("a.tsv", b"0.1\n0.2\n", "projector"),
        ("a.bin", b"\x93NUMPY\x01\x00", "npy"),
        ("a.npy", b"broken", "npy"),
        ("a", b"PAR1....", "parquet"),
        ("a", b"\x02\x00\x00\x00\x00\x00\x00\x00{}", "safetensors"),
        ("A.SAFETENSORS", b"broken", "safetensors"),
    ],
)
def test_formats_are_told_by_the_first_bytes_then_by_the_name(
    name: str, data: bytes, format: str, put: Put
) -> None:
    assert detect(put(name, data)).name == format


@pytest.mark.parametrize("data", [b"hello world\n", b"\x00\x01\x02", b"\n", b"word\n"])
def test_unknown_files_name_what_is_allowed(data: bytes, put: Put) -> None:
    with pytest.raises(SourceFormatError, match=r"any format of word vectors; .*fasttext, .*npy"):
        detect(put("a.xyz", data))
    with pytest.raises(SourceFormatError, match="fasttext or word2vec-binary"):
        detect(put("a.bin", data))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"'auto' or one of fasttext, .*, got 'csv'"):
        vector_format("csv")
