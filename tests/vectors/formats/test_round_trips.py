"""What every format that we write gives back: the same words, and the same bits."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings, strategies as st

from embedsearch._errors import VectorError
from embedsearch._progress import SilentProgress
from embedsearch.vectors.formats.files import load_vectors, read_into, save_vectors
from embedsearch.vectors.word_vectors import WordVectors

SUFFIXES = {
    "glove": ".glove",
    "npy": ".npy",
    "parquet": ".parquet",
    "projector": ".tsv",
    "safetensors": ".safetensors",
    "word2vec": ".vec",
    "word2vec-binary": ".bin",
}
WITH_COUNTS = ["npy", "parquet", "projector", "safetensors"]
WITH_SPACES = ["npy", "parquet", "projector", "safetensors"]
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}
every_format = pytest.mark.parametrize("name", SUFFIXES)
fast = settings(
    derandomize=True,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def bits(vectors: WordVectors) -> list[list[int]]:
    rows: list[list[int]] = np.array(vectors.vectors).view(np.uint32).tolist()
    return rows


@every_format
def test_words_and_bits_come_back(name: str, odd_vectors: WordVectors, tmp_path: Path) -> None:
    path = tmp_path / f"a{SUFFIXES[name]}"
    save_vectors(odd_vectors, path, name)
    for format in (name, "auto"):
        read = load_vectors(path, format)
        assert read.index_to_key == odd_vectors.index_to_key
        assert bits(read) == bits(odd_vectors)
        assert (read.counts, read.subwords) == (None, None)


@pytest.mark.parametrize("name", ["word2vec", "projector"])
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
@example([1e-45, -1e-45, 1.1754942e-38, -0.0, 3.4028235e38, 0.418, 999.999999, 1000.000061])
@fast
def test_every_number_of_float32_comes_back(
    name: str, tmp_path: Path, numbers: list[float]
) -> None:
    vectors = WordVectors(np.array([numbers], dtype=np.float32), ["word"])
    path = tmp_path / f"a{SUFFIXES[name]}"
    save_vectors(vectors, path, name, overwrite=True)
    assert bits(load_vectors(path, name)) == bits(vectors)


def test_random_bit_patterns_come_back_from_text(tmp_path: Path) -> None:
    patterns = np.random.default_rng(1).integers(0, 2**32, 200_000, dtype=np.uint32)
    numbers = patterns.view(np.float32)
    numbers = numbers[np.isfinite(numbers)][:190_000].reshape(-1, 100)
    vectors = WordVectors(numbers, [str(row) for row in range(len(numbers))])
    save_vectors(vectors, tmp_path / "a.vec")
    assert load_vectors(tmp_path / "a.vec").vectors.tobytes() == numbers.tobytes()


def test_numbers_of_few_decimals_are_written_as_they_were(tmp_path: Path) -> None:
    numbers = np.array([[0.418, -0.24968, 4.0071, 0, 25]], dtype=np.float32)
    save_vectors(WordVectors(numbers, ["the"]), tmp_path / "a.glove")
    assert (tmp_path / "a.glove").read_bytes() == b"the 0.418 -0.24968 4.0071 0 25\n"


@pytest.mark.parametrize("name", WITH_COUNTS)
def test_counts_come_back(name: str, counted_vectors: WordVectors, tmp_path: Path) -> None:
    path = tmp_path / f"a{SUFFIXES[name]}"
    save_vectors(counted_vectors, path)
    read = load_vectors(path)
    assert read.counts is not None
    assert counted_vectors.counts is not None
    assert (read.counts.tolist(), read.counts.dtype) == (counted_vectors.counts.tolist(), np.int64)
    assert read.index_to_key == counted_vectors.index_to_key
    assert bits(read) == bits(counted_vectors)


@pytest.mark.parametrize("name", sorted(set(SUFFIXES) - set(WITH_COUNTS)))
def test_lost_counts_are_told(
    name: str, counted_vectors: WordVectors, tmp_path: Path, progress: SilentProgress
) -> None:
    save_vectors(counted_vectors, tmp_path / "a", name, progress=progress)
    assert "no place for counts" in progress.notes[0]
    assert load_vectors(tmp_path / "a", name).counts is None


@every_format
def test_words_with_spaces_come_back_or_are_refused(name: str, tmp_path: Path) -> None:
    vectors = WordVectors(np.eye(3, dtype=np.float32), [". . .", " a", "b "])
    path = tmp_path / f"a{SUFFIXES[name]}"
    if name in WITH_SPACES:
        save_vectors(vectors, path)
        assert load_vectors(path).index_to_key == vectors.index_to_key
        return
    with pytest.raises(VectorError, match=r"'\. \. \.' \(row 0\).*'safetensors'"):
        save_vectors(vectors, path, name)
    assert list(tmp_path.iterdir()) == []


@every_format
@pytest.mark.parametrize("word", ["", "a\tb", "a\nb", "a\r", "\ud800"])
def test_words_that_cannot_be_kept_are_refused_before_writing(
    name: str, word: str, tmp_path: Path
) -> None:
    vectors = WordVectors(np.eye(2, dtype=np.float32), ["fine", word])
    with pytest.raises(VectorError, match=r"\(row 1\)"):
        save_vectors(vectors, tmp_path / "a", name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["glove", "word2vec", "word2vec-binary", "projector"])
@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_streams_are_read_from_compressed_files(
    name: str, suffix: str, odd_vectors: WordVectors, tmp_path: Path
) -> None:
    path = tmp_path / f"a{SUFFIXES[name]}"
    save_vectors(odd_vectors, path, name)
    packed = path.with_name(path.name + suffix)
    packed.write_bytes(COMPRESSIONS[suffix](path.read_bytes()))
    path.unlink()
    read = load_vectors(packed)
    assert (read.index_to_key, bits(read)) == (odd_vectors.index_to_key, bits(odd_vectors))


@every_format
def test_vectors_are_mapped_from_a_folder(
    name: str, odd_vectors: WordVectors, tmp_path: Path
) -> None:
    path, folder = tmp_path / f"a{SUFFIXES[name]}", tmp_path / "folder"
    folder.mkdir()
    save_vectors(odd_vectors, path, name)
    read = read_into(folder, path)
    assert (read.format, read.words) == (name, odd_vectors.index_to_key)
    assert read.vectors.tobytes() == odd_vectors.vectors.tobytes()
    assert not read.vectors.flags.owndata
    assert [file.stat().st_size for file in folder.iterdir()] == [odd_vectors.vectors.nbytes]


@every_format
def test_a_limit_reads_the_first_rows(
    name: str, counted_vectors: WordVectors, tmp_path: Path
) -> None:
    path = tmp_path / f"a{SUFFIXES[name]}"
    save_vectors(counted_vectors, path, name)
    read = load_vectors(path, limit=3)
    assert read.index_to_key == counted_vectors.index_to_key[:3]
    assert bits(read) == bits(counted_vectors)[:3]
    if name in WITH_COUNTS:
        assert read.counts is not None
        assert read.counts.tolist() == [2**63 - 1, 8, 7]
