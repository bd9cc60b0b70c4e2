"""A file is replaced as a whole, in an order that a crash cannot break, or left as it was."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from embedsearch._files import write_whole


def test_the_content_is_flushed_before_it_is_renamed_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flushed, fsync = tmp_path / "a.json", [], os.fsync
    path.write_text("old")

    def noting(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        flushed.append(
            (kind, os.fstat(descriptor).st_size if kind == "file" else 0, path.read_text())
        )
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    write_whole(path, "new ü")
    assert flushed == [("file", 6, "old"), ("folder", 0, "new ü")]


def test_content_is_utf_8_with_line_ends_as_they_are(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "ü\n\r\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xbc\n\r\n"


@pytest.mark.parametrize("content", ["text", "lone \ud800"])
def test_a_failure_leaves_what_was_there_and_nothing_beside(tmp_path: Path, content: str) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    with pytest.raises((OSError, UnicodeEncodeError)):
        write_whole(taken, content)
    assert list(tmp_path.iterdir()) == [taken]
    assert list(taken.iterdir()) == []
