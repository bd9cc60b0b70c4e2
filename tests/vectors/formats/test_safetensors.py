"""safetensors: against the library of the format, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.files import load_vectors, read_into, save_vectors
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.word_vectors import WordVectors

Put = Callable[[str, bytes], Path]
X = np.arange(6, dtype=np.float32).reshape(3, 2)
WORDS = np.frombuffer("a\nbé\nc d".encode(), np.uint8)


def test_the_library_opens_what_we_write(counted_vectors: WordVectors, tmp_path: Path) -> None:
    save_vectors(counted_vectors, tmp_path / "a.safetensors")
    read = load_file(tmp_path / "a.safetensors")
    assert bytes(read["words"]).decode().split("\n") == counted_vectors.index_to_key
    assert read["vectors"].tobytes() == counted_vectors.vectors.tobytes()
    assert set(read) == {"vectors", "words", "counts"}
    with safe_open(tmp_path / "a.safetensors", "numpy") as file:
        assert file.metadata() == {"format": "embedsearch-word-vectors", "version": "1"}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
def test_we_read_what_the_library_writes(dtype: type, tmp_path: Path) -> None:
    save_file({"vectors": X.astype(dtype), "words": WORDS}, tmp_path / "a.safetensors")
    read = load_vectors(tmp_path / "a.safetensors")
    assert read.index_to_key == ["a", "bé", "c d"]
    assert (read.vectors.tolist(), read.vectors.dtype) == (X.tolist(), np.float32)


def test_ngrams_and_inputs_come_back(tmp_path: Path) -> None:
    subwords = Subwords(2, 4, 50, np.array([3, 7]), np.ones((2, 2), np.float32))
    vectors = WordVectors(X, ["a", "b", "c"], subwords=subwords)
    path = tmp_path / "a.safetensors"
    save_vectors(vectors, path, inputs=-X)
    rest = read_into(tmp_path, path).rest
    assert rest.inputs is not None
    assert rest.inputs.tolist() == (-X).tolist()
    read = load_vectors(path).subwords
    assert read is not None
    assert (read.min_n, read.max_n, read.bucket) == (2, 4, 50)
    assert (read.ids.tolist(), read.vectors.tolist()) == ([3, 7], [[1, 1], [1, 1]])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"vectors": None}, "no tensor 'vectors'"),
        ({"words": None}, "no tensor 'words'"),
        ({"words": WORDS[:3]}, "2 words do not fit 3 vectors"),
        ({"words": WORDS[:0]}, "0 words do not fit 3 vectors"),
        ({"words": WORDS.astype(np.int64)}, "must be bytes"),
        ({"words": WORDS.reshape(1, -1)}, "must be bytes"),
        ({"vectors": X[0]}, "matrix of real numbers"),
        ({"vectors": X[:, :0]}, "0 dimensions"),
        ({"vectors": X > 1}, "matrix of real numbers"),
        ({"vectors": X * np.float64(1e300)}, "row 1: the vector of 'a' holds NaN, infinity"),
        ({"counts": np.arange(2)}, "counts of int64"),
        ({"counts": np.arange(3.0)}, "counts of float64"),
        ({"counts": -np.arange(3)}, "less than 0"),
        ({"counts": np.full(3, 2**64 - 1, np.uint64)}, "less than 0"),
        ({"inputs": X[:2]}, "2 inputs for 3 words"),
        ({"inputs": X[:, :1]}, "do not fit"),
        ({"inputs": X - np.inf}, "NaN"),
        ({"ngram_vectors": X}, "do not fit: 'min_n'|min_n"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(
    changed: dict[str, NDArray[Any] | None], reason: str, tmp_path: Path
) -> None:
    tensors = {"vectors": X, "words": WORDS, **changed}
    tensors = {k: np.ascontiguousarray(v) for k, v in tensors.items() if v is not None}
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(SourceFormatError, match=reason):
        load_vectors(tmp_path / "a.safetensors")


def test_a_file_cut_short_is_refused_wherever_it_is_cut(put: Put, tmp_path: Path) -> None:
    save_vectors(WordVectors(X, ["a", "b", "c"]), tmp_path / "a.safetensors")
    whole = (tmp_path / "a.safetensors").read_bytes()
    for size in range(len(whole)):
        with pytest.raises(SourceFormatError):
            load_vectors(put("b.safetensors", whole[:size]))


def test_a_huge_header_is_not_read(put: Put) -> None:
    with pytest.raises(SourceFormatError, match="header has no end"):
        load_vectors(put("a.safetensors", (2**62).to_bytes(8, "little") + b"{}"))
