"""Files that are written as a whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embedsearch._errors import ParameterError, StorageError, VectorError
from embedsearch._progress import SilentProgress
from embedsearch.vectors.formats import word2vec
from embedsearch.vectors.formats.loading import load_vectors
from embedsearch.vectors.formats.saving import save_vectors
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.word_vectors import WordVectors

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
