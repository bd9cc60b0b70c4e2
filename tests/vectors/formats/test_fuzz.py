"""Whatever a file holds, it is read, or an error of ours says why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from embedsearch._errors import EmbedSearchError
from embedsearch.vectors.formats.files import load_vectors, save_vectors
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
NUMBERS = [b"-1", b"0", b"99999999999", b"18446744073709551616", b"1e999", b"nan", b"\xff" * 8]
Change = tuple[str, float, bytes]
changes = st.lists(
    st.tuples(
        st.sampled_from(["cut", "insert", "replace", "repeat"]),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(NUMBERS) | st.binary(min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=4,
)
short = settings(
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def changed(data: bytes, steps: list[Change]) -> bytes:
    for kind, place, piece in steps:
        at = int(place * len(data))
        after = {
            "cut": b"",
            "insert": piece + data[at:],
            "replace": piece + data[at + len(piece) :],
            "repeat": data[at:] * 2,
        }
        data = data[:at] + after[kind]
    return data


def try_to_load(path: Path, format: str) -> None:
    """Load a file; what comes out is whole, or an error of ours."""
    for name in (format, "auto"):
        try:
            read = load_vectors(path, name, encoding_errors="replace")
        except EmbedSearchError:
            continue
        WordVectors(read.vectors, read.index_to_key, read.counts, check=True)
        assert len(read)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """A file of each format, and the one beside it where there is one."""
    numbers = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    vectors = WordVectors(numbers, ["the", "naïve", "5", "\u0085", "x"], np.arange(5))
    folder = tmp_path_factory.mktemp("originals")
    return {
        name: save_vectors(vectors, folder / f"{name}{suffix}", name)
        for name, suffix in SUFFIXES.items()
    }


@pytest.mark.parametrize("name", SUFFIXES)
@given(steps=changes, second=st.booleans())
@short
def test_changed_files_are_read_or_refused(
    name: str,
    steps: list[Change],
    second: bool,
    originals: dict[str, list[Path]],
    tmp_path: Path,
) -> None:
    files = originals[name]
    main = next(file for file in files if file.name == f"{name}{SUFFIXES[name]}")
    changing = files[-1 if second else 0]
    for file in files:
        data = file.read_bytes()
        (tmp_path / file.name).write_bytes(changed(data, steps) if file == changing else data)
    try_to_load(tmp_path / main.name, name)


@pytest.mark.parametrize("name", SUFFIXES)
@given(data=st.binary(max_size=60) | st.text("0159 .e-+\n\tnaif\r", max_size=60).map(str.encode))
@example(data=b"1 1\n\n\n\n")
@example(data=b"1 1\n " + bytes(4))
@example(data=b"\x93NUMPY\x01\x00\x06\x00{}   \n")
@example(data=b"PAR1" + b"\xff" * 8 + b"PAR1")
@short
def test_any_bytes_are_read_or_refused(name: str, data: bytes, put: Callable[..., Path]) -> None:
    put("metadata.tsv", b"a\nb\n")
    put("vocab.txt", b"a\nb\n")
    try_to_load(put("vectors.tsv", data), name)
