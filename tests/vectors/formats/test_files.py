"""What is done with rows that are not as they should be."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from embedsearch._errors import (
    ParameterError,
    SourceError,
    SourceFormatError,
    SourceNotFoundError,
    StorageError,
    VectorError,
)
from embedsearch._progress import SilentProgress
from embedsearch.vectors.formats import (
    VECTOR_FORMATS,
    WRITABLE_FORMATS,
    vector_format,
    word2vec,
)
from embedsearch.vectors.formats.base import LoadOptions
from embedsearch.vectors.formats.files import load_vectors, read_into, save_vectors
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.tensors import save_tensors
from embedsearch.vectors.word_vectors import WordVectors

Put = Callable[[str, bytes], Path]


def as_npy(put: Put, words: bytes, rows: list[list[float]]) -> Path:
    path = put("a.npy", b"")
    np.save(path, np.array(rows, dtype=np.float32))
    put("a.vocab.txt", words)
    return path


def test_formats_that_can_be_written_are_named() -> None:
    assert tuple(n for n in VECTOR_FORMATS if vector_format(n).write) == WRITABLE_FORMATS


def test_of_a_word_that_stands_twice_the_first_is_kept(put: Put, progress: SilentProgress) -> None:
    path = put("a.vec", b"5 2\na 1 2\nb 3 4\na 5 6\nc 7 8\nb 9 9\n")
    read = load_vectors(path, progress=progress)
    other = KeyedVectors.load_word2vec_format(path)
    # gensim leaves rows without words at the end.
    assert read.index_to_key == other.index_to_key[:3] == ["a", "b", "c"]
    assert read.vectors.tolist() == other.vectors[:3].tolist() == [[1, 2], [3, 4], [7, 8]]
    assert progress.notes == ["2 words left out: repeated in the file, 'a' for example"]


def test_words_that_cannot_be_kept_are_left_out(put: Put, progress: SilentProgress) -> None:
    path = put("a.glove", b"a 1 2\n 3 4\nb\tc 5 6\nd\re 7 8\n\xc2\x85 9 9\n")
    read = load_vectors(path, "glove", progress=progress)
    assert read.index_to_key == ["a", "\u0085"]
    assert read.vectors.tolist() == [[1, 2], [9, 9]]
    assert "3 words left out: empty, or with a tab or a line break" in progress.notes[0]


def test_counts_and_inputs_go_with_the_rows_that_are_kept(tmp_path: Path) -> None:
    words = np.frombuffer(b"a\nb\n\xff\na\n\nc", np.uint8)
    X = np.arange(12, dtype=np.float32).reshape(6, 2)
    save_tensors(
        tmp_path / "a.safetensors",
        {"vectors": X, "words": words, "counts": np.arange(6), "inputs": -X},
    )
    options = LoadOptions(encoding_errors="skip")
    (tmp_path / "folder").mkdir()
    read = read_into(tmp_path / "folder", tmp_path / "a.safetensors", options=options)
    kept = [0, 1, 5]
    assert read.words == ["a", "b", "c"]
    assert read.vectors.tolist() == X[kept].tolist()
    assert read.rest.counts is not None
    assert read.rest.inputs is not None
    assert read.rest.counts.tolist() == kept
    assert read.rest.inputs.tolist() == (-X[kept]).tolist()
    assert len(read.rest.notes) == 3


def test_a_file_of_nothing_that_can_be_kept_is_an_error(put: Put, tmp_path: Path) -> None:
    path = put("a.glove", b" 1 2\n 3 4\n")
    with pytest.raises(SourceFormatError, match="no words that can be kept"):
        load_vectors(path)
    with pytest.raises(SourceFormatError, match="no words that can be kept"):
        read_into(tmp_path, path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.glove"]


def test_words_that_are_not_utf8(put: Put, progress: SilentProgress) -> None:
    path = put("a.glove", b"a 1 2\n\xff\xfeb 3 4\nc 5 6\n\xff\xfeb 7 8\n")
    with pytest.raises(SourceFormatError, match=r"a.glove, line 2: the word .*not UTF-8") as caught:
        load_vectors(path)
    assert caught.value.line == 2
    skipped = load_vectors(path, encoding_errors="skip", progress=progress)
    assert skipped.index_to_key == ["a", "c"]
    assert skipped.vectors.tolist() == [[1, 2], [5, 6]]
    assert progress.notes == ["2 words left out: not UTF-8"]
    replaced = load_vectors(path, encoding_errors="replace", progress=progress)
    assert replaced.index_to_key == ["a", "\ufffd\ufffdb", "c"]
    assert replaced.vectors.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "-NaN", "1e39", "1e400"])
def test_nan_and_infinity_name_the_word_and_the_line(number: str, put: Put) -> None:
    path = put("a.glove", f"a 1 2\nbé 3 {number}\n".encode())
    with pytest.raises(SourceFormatError, match=r"line 2: the vector of 'bé' holds NaN"):
        load_vectors(path)


def test_nan_in_a_binary_file_names_the_word_and_the_row(put: Put) -> None:
    path = put("a.bin", b"2 1\na " + struct.pack("<f", 1) + b"\nb " + struct.pack("<f", np.nan))
    with pytest.raises(SourceFormatError, match=r"row 2: the vector of 'b' holds NaN"):
        load_vectors(path)
    with pytest.raises(SourceFormatError, match=r"row 2: the vector of 'b' holds NaN"):
        load_vectors(as_npy(put, b"a\nb\n", [[1], [np.inf]]))


@pytest.mark.parametrize(
    "name", ["glove", "npy", "parquet", "projector", "safetensors", "word2vec", "word2vec-binary"]
)
def test_places_without_vectors_are_told(name: str, put: Put, tmp_path: Path) -> None:
    put("metadata.tsv", b"a\n")
    for format in (name, "auto"):
        with pytest.raises(SourceNotFoundError, match="no such file"):
            load_vectors(tmp_path / "absent", format)
        with pytest.raises(SourceFormatError, match="is empty"):
            load_vectors(put("vectors.tsv", b""), format)
    with pytest.raises(SourceFormatError, match="is a folder"):
        load_vectors(tmp_path, name)
    if name == "glove":
        with pytest.raises(SourceFormatError, match="not a file on a disk"):
            load_vectors("/dev/null", name)
    with pytest.raises(SourceError):
        load_vectors(put("vectors.tsv", b"\0" * 1000), name)


@pytest.mark.parametrize("name", ["npy", "parquet", "safetensors"])
def test_formats_that_are_mapped_are_not_read_compressed(name: str, put: Put) -> None:
    path = put("a.gz", gzip.compress(b"anything"))
    with pytest.raises(SourceFormatError, match="unpack the file first"):
        load_vectors(path, name)


def test_damaged_compression_is_an_error(put: Put) -> None:
    packed = gzip.compress(b"a 1 2\n" * 1000, mtime=0)
    for size in (20, len(packed) - 1):
        with pytest.raises(SourceFormatError, match="damaged or cut short"):
            load_vectors(put("a.glove.gz", packed[:size]))
    with pytest.raises(SourceFormatError, match="does not begin like"):
        load_vectors(put("b.glove.gz", b"a 1 2\n"))


def test_settings_out_of_range_are_refused(put: Put) -> None:
    path = put("a.glove", b"a 1 2\n")
    with pytest.raises(ParameterError, match="limit"):
        load_vectors(path, limit=0)
    with pytest.raises(ParameterError, match="encoding_errors"):
        load_vectors(path, encoding_errors="ignore")
    with pytest.raises(ParameterError, match=r"one of fasttext, .*word2vec-binary, got 'vec'"):
        load_vectors(path, "vec")


ONE = WordVectors(np.float32([[1, 2]]), ["one"])
TWO = WordVectors(np.float32([[3, 4]]), ["two"])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["a.vec", "a.glove", "a.npy", "a.safetensors", "a.tsv"])
def test_files_are_replaced_only_when_asked(name: str, tmp_path: Path) -> None:
    files = save_vectors(ONE, tmp_path / name)
    assert sorted(path.name for path in files) == names(tmp_path)
    with pytest.raises(ParameterError, match="overwrite=True"):
        save_vectors(TWO, tmp_path / name)
    assert load_vectors(tmp_path / name).index_to_key == ["one"]
    assert save_vectors(TWO, tmp_path / name, overwrite=True) == files
    assert load_vectors(tmp_path / name).index_to_key == ["two"]
    assert sorted(path.name for path in files) == names(tmp_path)


def test_the_second_file_of_a_pair_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "a.vocab.txt").write_text("mine")
    with pytest.raises(ParameterError, match=r"a.vocab.txt"):
        save_vectors(ONE, tmp_path / "a.npy")
    assert names(tmp_path) == ["a.vocab.txt"]
    assert (tmp_path / "a.vocab.txt").read_text() == "mine"


def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting(SilentProgress):
        def task(self, *args: object, **kwargs: object) -> None:  # type: ignore[override]
            raise KeyboardInterrupt

    save_vectors(ONE, tmp_path / "a.glove")
    with pytest.raises(KeyboardInterrupt):
        save_vectors(TWO, tmp_path / "a.glove", overwrite=True, progress=Interrupting())
    assert names(tmp_path) == ["a.glove"]
    assert load_vectors(tmp_path / "a.glove").index_to_key == ["one"]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        save_vectors(ONE, tmp_path / ("a" * 300 + ".glove"))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "format", "reason"),
    [
        ("a.bin", "auto", "fasttext or word2vec-binary"),
        ("a.xyz", "auto", "one of fasttext, "),
        ("a.glove.gz", "glove", "without .gz"),
        ("a.vec.gz", "auto", "without .gz|one of"),
        ("absent/a.vec", "auto", "in a folder that exists"),
        ("folder", "glove", "not a folder"),
        ("a.vec", "csv", "one of fasttext"),
        ("a", "model2vec", "one that can be written: .*word2vec"),
    ],
)
def test_places_and_formats_that_cannot_be_are_refused(
    name: str, format: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ParameterError, match=reason):
        save_vectors(ONE, tmp_path / name, format)
    assert names(tmp_path) == ["folder"]


def test_no_words_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(VectorError, match="no words"):
        save_vectors(WordVectors(np.empty((0, 2), np.float32), []), tmp_path / "a.vec")


def test_lost_ngrams_are_told(tmp_path: Path, progress: SilentProgress) -> None:
    subwords = Subwords(2, 4, 50, np.array([3]), np.ones((1, 2), np.float32))
    vectors = WordVectors(ONE.vectors, ["one"], np.array([1]), subwords)
    save_vectors(vectors, tmp_path / "a.glove", progress=progress)
    assert "no place for counts and n-gram vectors" in progress.notes[0]
    progress.notes.clear()
    save_vectors(vectors, tmp_path / "a.safetensors", progress=progress)
    assert progress.notes == []


def test_a_writer_is_given_a_new_place(tmp_path: Path) -> None:
    assert word2vec.GLOVE.write is not None
    word2vec.GLOVE.write(tmp_path / "a", ONE, SilentProgress(), None)
    assert (tmp_path / "a").read_bytes() == b"one 1 2\n"
