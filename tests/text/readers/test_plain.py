from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.readers.plain import read_plain
from embedsearch.text.settings import ReadSettings
from embedsearch.text.source_stream import SourceStream

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]

POEM = "Tyger Tyger, burning bright,\r\nIn the forests\r\n\r\n \r\nof the night;\n\n"


def test_a_file_is_one_document_named_by_its_path(put: Put, read: Read) -> None:
    put("poems/blake/tyger.txt", POEM)
    text = "Tyger Tyger, burning bright,\nIn the forests\n\n \nof the night;\n\n"
    assert read("poems") == [Document("poems/blake/tyger.txt", text)]


def test_lines_are_named_by_their_line_and_empty_ones_are_passed_over(put: Put, read: Read) -> None:
    put("tyger.txt", POEM)
    assert [(d.id, d.text) for d in read("tyger.txt", split="line")] == [
        ("tyger.txt:1", "Tyger Tyger, burning bright,"),
        ("tyger.txt:2", "In the forests"),
        ("tyger.txt:5", "of the night;"),
    ]


def test_paragraphs_are_parted_by_lines_without_text(put: Put, read: Read) -> None:
    put("tyger.txt", POEM)
    assert [(d.id, d.text) for d in read("tyger.txt", split="paragraph")] == [
        ("tyger.txt:1", "Tyger Tyger, burning bright,\nIn the forests"),
        ("tyger.txt:2", "of the night;"),
    ]


def test_standard_input_is_named_by_what_it_says(read: Read) -> None:
    lines = read("-", stdin=b"one\n\nthree", split="line")
    assert [d.text for d in lines] == ["one", "three"]
    assert all(re.fullmatch("-:[0-9a-f]{16}", d.id) for d in lines)
    assert lines[0].id != lines[1].id
    assert read("-", stdin=b"three\none", split="line") == lines[::-1]
    assert read("-", stdin=b"one")[0].id == lines[0].id


def test_a_line_far_longer_than_a_block_stays_whole(put: Put, read: Read) -> None:
    long = "wörter " * 1_000_000
    put("long.txt", f"short\n{long}\nend")
    texts = [d.text for d in read("long.txt", split="line")]
    assert texts == ["short", long.strip(), "end"]


def test_a_line_beyond_the_limit_is_an_error_with_its_number(put: Put) -> None:
    path = put("long.txt", "short\n" + "x" * 101)
    with path.open("rb") as file, pytest.raises(SourceFormatError, match=r"line 2: .* 100 char"):
        list(SourceStream("long.txt", file).lines(limit=100))
    with path.open("rb") as file, pytest.raises(SourceFormatError, match="more than 100 char"):
        SourceStream("long.txt", file).text(limit=100)
    with path.open("rb") as file, pytest.raises(SourceFormatError, match="more than 100 bytes"):
        SourceStream("long.txt", file).data(limit=100)


class _Trickle:
    """A stream that brings a few bytes at a time, as pipes do."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data, self._step = data, step

    def read(self, size: int = -1, /) -> bytes:
        step = self._step if size < 0 else min(self._step, size)
        block, self._data = self._data[:step], self._data[step:]
        return block


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r")), st.integers(1, 9))
def test_lines_are_those_of_the_text_however_its_bytes_arrive(text: str, step: int) -> None:
    opened = SourceStream("a", _Trickle(text.encode(), step))
    lines = [line for _, line in opened.lines("utf-8")]
    assert lines == (text.split("\n") if not text.endswith("\n") else text.split("\n")[:-1]) or (
        not text and not lines
    )


@given(st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "Zs"]), min_size=1)))
def test_paragraphs_of_a_joined_text_are_its_parts(parts: list[str]) -> None:
    parts = [part.strip() for part in parts if part.strip()]
    opened = SourceStream("a", _Trickle("\n\n".join(parts).encode(), 5))
    found = read_plain(opened, ReadSettings(split="paragraph", encoding="utf-8"))
    assert [item.document.text for item in found] == parts
