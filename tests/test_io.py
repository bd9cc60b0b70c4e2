"""A file is replaced as a whole, in an order that a crash cannot break, or left as it was."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from embedsearch import ParameterError, StorageError, VectorIndex, WordVectors, evaluation
from embedsearch._io import output, read_json, replace_file, write_json
from embedsearch.vectors.formats.files import save_vectors


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
    replace_file(path, "new ü")
    assert flushed == [("file", 6, "old"), ("folder", 0, "new ü")]


def test_content_is_utf_8_with_line_ends_as_they_are(tmp_path: Path) -> None:
    replace_file(tmp_path / "a.txt", "ü\n\r\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xbc\n\r\n"


@pytest.mark.parametrize("content", ["text", "lone \ud800"])
def test_a_failure_leaves_what_was_there_and_nothing_beside(tmp_path: Path, content: str) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    with pytest.raises((OSError, UnicodeEncodeError)):
        replace_file(taken, content)
    assert list(tmp_path.iterdir()) == [taken]
    assert list(taken.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no such pipes")
def test_devices_and_pipes_are_written_into_and_never_replaced(tmp_path: Path) -> None:
    """For the administrator, replacing `/dev/null` would succeed."""
    pipe = tmp_path / "pipe.glove"
    os.mkfifo(pipe)
    vectors = WordVectors(np.ones((1, 2), np.float32), ["a"])
    for write in (
        lambda: replace_file(pipe, "text"),
        lambda: save_vectors(vectors, pipe, overwrite=True),
        lambda: VectorIndex.build(vectors.vectors, spec="flat").save(pipe),
    ):
        with pytest.raises((OSError, StorageError, ParameterError)):
            write()
    read: list[str] = []
    reader = Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    evaluation.write_run({"q": [("d", 1.0)]}, pipe)
    reader.join(10)
    assert read == ["q Q0 d 1 1 embedsearch\n"]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_that_the_user_names_is_written_through(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old and long")
    link.symlink_to(file)
    with output(link) as place:
        place.write_text("new")
    assert (link.is_symlink(), file.read_text()) == (True, "new")


def test_a_json_file_comes_back_and_has_its_names_in_order(tmp_path: Path) -> None:
    value = {"z": [1, None], "a": "\u00fc"}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json", tmp_path) == value
    written = '{\n "a": "\u00fc",\n "z": [\n  1,\n  null\n ]\n}\n'
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == written


@pytest.mark.parametrize("value", [{"a": object()}, {"a": "lone \ud800"}])
def test_what_json_cannot_hold_leaves_the_old_file_and_nothing_beside(
    tmp_path: Path, value: dict[str, object]
) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises((TypeError, UnicodeEncodeError)):
        write_json(path, value)
    assert read_json(path, tmp_path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
