"""NumPy arrays with words beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedsearch._errors import SourceFormatError, SourceNotFoundError
from embedsearch.vectors.formats.files import load_vectors, save_vectors
from embedsearch.vectors.word_vectors import WordVectors

Put = Callable[[str, bytes], Path]
X = np.arange(6, dtype=np.float32).reshape(3, 2)


def saved(folder: Path, array: NDArray[Any], words: bytes = b"a\nb\nc\n") -> Path:
    np.save(folder / "x.npy", array)
    (folder / "x.vocab.txt").write_bytes(words)
    return folder / "x.npy"


def test_numpy_opens_what_we_write(odd_vectors: WordVectors, tmp_path: Path) -> None:
    files = save_vectors(odd_vectors, tmp_path / "x.npy")
    assert files == [tmp_path / "x.npy", tmp_path / "x.vocab.txt"]
    assert np.load(tmp_path / "x.npy").tobytes() == odd_vectors.vectors.tobytes()
    text = (tmp_path / "x.vocab.txt").read_bytes().decode()
    assert text.split("\n") == [*odd_vectors.index_to_key, ""]


@pytest.mark.parametrize(
    "array", [X, X.astype(">f4"), X.astype(np.float64), X.astype(np.uint8), np.asfortranarray(X)]
)
def test_arrays_of_any_real_type_and_layout_are_read(array: NDArray[Any], tmp_path: Path) -> None:
    read = load_vectors(saved(tmp_path, array))
    assert (read.vectors.tolist(), read.vectors.dtype) == (X.tolist(), np.float32)


@pytest.mark.parametrize(
    "name", ["x.vocab.txt", "x.words.txt", "x.vocab", "x.txt", "vocab.txt", "words.txt"]
)
def test_words_are_looked_for_beside_the_array(name: str, tmp_path: Path) -> None:
    saved(tmp_path, X).with_name("x.vocab.txt").unlink()
    with pytest.raises(SourceNotFoundError, match=r"x.vocab.txt, .*words.txt"):
        load_vectors(tmp_path / "x.npy")
    (tmp_path / name).write_bytes(b"a\t3\r\nb\t2\r\nc\t1")
    read = load_vectors(tmp_path / "x.npy")
    assert read.index_to_key == ["a", "b", "c"]
    assert read.counts is not None
    assert read.counts.tolist() == [3, 2, 1]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (b"a\nb\n", "2 words do not fit 3 vectors"),
        (b"a\nb\nc\nd", "4 words do not fit 3 vectors"),
        (b"a\t1\nb\nc\t3\n", "x.vocab.txt, line 2: 'b' is not the count|line 2"),
        (b"a\t1\nb\t-2\nc\t3\n", "line 2: '-2' is not the count of a word"),
        (b"a\t1\nb\t9223372036854775808\nc\t3\n", "line 2"),
    ],
)
def test_words_that_do_not_fit_are_refused(words: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SourceFormatError, match=reason):
        load_vectors(saved(tmp_path, X, words))


@pytest.mark.parametrize(
    "array", [X[0], X[np.newaxis], np.array(3.0), X[:, :0], X.astype(complex), X.astype(str)]
)
def test_other_arrays_are_refused(array: NDArray[Any], tmp_path: Path) -> None:
    with pytest.raises(SourceFormatError):
        load_vectors(saved(tmp_path, array))


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, np.array([["a", None]] * 3, dtype=object))
    with pytest.raises(SourceFormatError, match="must be a matrix of real numbers"):
        load_vectors(path, allow_pickle=True)


def test_a_file_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = saved(tmp_path, X).read_bytes()
    for size in range(len(whole)):
        (tmp_path / "x.npy").write_bytes(whole[:size])
        with pytest.raises(SourceFormatError):
            load_vectors(tmp_path / "x.npy", "npy")


@pytest.mark.parametrize(
    "shape", [b"(3, 4611686018427387904)", b"(1<<62, 2)", b"(-3, -2)", b"(3, 2e0)", b"(3, 3)"]
)
def test_headers_that_lie_are_refused(shape: bytes, tmp_path: Path) -> None:
    path = saved(tmp_path, X)
    whole = path.read_bytes()
    padding = b" " * (len(shape) - len(b"(3, 2)"))
    path.write_bytes(whole.replace(b"(3, 2)", shape, 1).replace(padding + b"\n", b"\n", 1))
    with pytest.raises(SourceFormatError):
        load_vectors(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"'descr'", b"'des\0r'"),
        (b"'<f4'", b"'<x4'"),
        (b"'<f4'", b"'|O'"),
        (b"'<f4'", b"'<f1'"),
        (b"'<f4'", b"[('x', '<f4')]"),
        (b"\x01\x00", b"\x09\x00"),
    ],
)
def test_damaged_headers_are_refused(old: bytes, new: bytes, tmp_path: Path) -> None:
    path = saved(tmp_path, X)
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(SourceFormatError):
        load_vectors(path, "npy")


def test_arrays_of_python_2_and_of_later_versions_are_read(tmp_path: Path) -> None:
    path = saved(tmp_path, X)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"(3, 2), } ", b"(3L, 2L)} ", 1))
    assert load_vectors(path).vectors.tolist() == X.tolist()
    with path.open("wb") as file:
        np.lib.format.write_array(file, X, version=(2, 0))
    assert load_vectors(path).vectors.tolist() == X.tolist()
