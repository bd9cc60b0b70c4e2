"""Files of analogies: what they hold, and where they are wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from gensim.test.utils import datapath
from hypothesis import HealthCheck, given, settings, strategies as st

from embedsearch._errors import (
    EmbedSearchError,
    ParameterError,
    SourceError,
    SourceFormatError,
    SourceNotFoundError,
)
from embedsearch.evaluation.analogy_file import Section, read_analogies

TWO = ": capital cities\nAthens Greece\tOslo  Norway\n\n: gram1\nbig bigger old older\n"
WANTED = [
    Section("capital cities", [("Athens", "Greece", "Oslo", "Norway")]),
    Section("gram1", [("big", "bigger", "old", "older")]),
]


def write(tmp_path: Path, data: str | bytes, name: str = "questions.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_googles_set_has_its_published_sizes() -> None:
    # Mikolov et al. 2013, table 1: 8,869 semantic and 10,675 syntactic questions.
    sections = read_analogies(datapath("questions-words.txt"))
    sizes = {section.name: len(section.questions) for section in sections}
    syntactic = sum(size for name, size in sizes.items() if name.startswith("gram"))
    assert (len(sizes), syntactic, sum(sizes.values()) - syntactic) == (14, 10_675, 8_869)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (TWO.encode(), "questions.txt"),
        (TWO.replace("\n", "\r\n").encode(), "questions.txt"),
        (b"\xef\xbb\xbf" + TWO.encode(), "questions.txt"),
        (gzip.compress(TWO.encode()), "questions.txt.gz"),
    ],
)
def test_sections_hold_their_questions(tmp_path: Path, data: bytes, name: str) -> None:
    assert read_analogies(write(tmp_path, data, name)) == WANTED


def test_another_encoding_is_read_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, ": a\né è ê ë".encode("latin-1"))
    assert read_analogies(path, "latin-1") == [Section("a", [("é", "è", "ê", "ë")])]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "holds no questions"),
        (b": only\n: names\n", "holds no questions"),
        (b"a b c d\n", "line 1: a question stands before the first section"),
        (b": a\n\na b c d\na b c\n", "line 4: a question has four words, here are 3"),
        (b": a\na b c d e\n", "line 2: .* here are 5"),
        (b": a\na b c \xff\n", "line 2: byte 0xff, .* is not utf-8"),
        (b": a\n" + b"a " * 40_000, "more than 65,536"),
        (b"\x1f\x8bjunk", "gzip data are damaged"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(SourceFormatError, match=f"questions.txt.*{reason}"):
        read_analogies(write(tmp_path, data))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="there is no such file"):
        read_analogies(tmp_path / "nowhere.txt")
    with pytest.raises(SourceError, match="cannot be read"):
        read_analogies(tmp_path)
    with pytest.raises(SourceError, match="null"):
        read_analogies("a\0b")


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="klingon"):
        read_analogies(write(tmp_path, TWO), "klingon")


pieces = st.sampled_from([b": ", b"a b c d", b"\n", b"\r", b"\x1f\x8b", b"\xff", b"\0", b" "])


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(st.lists(pieces | st.binary(max_size=12), max_size=12).map(b"".join))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    try:
        sections = read_analogies(write(tmp_path, data))
    except EmbedSearchError:
        return
    assert all(len(question) == 4 for section in sections for question in section.questions)
