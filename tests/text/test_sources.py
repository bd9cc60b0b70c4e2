from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from embedsearch._errors import (
    CorpusTooSmallError,
    EmbedSearchError,
    ParameterError,
    SourceChangedError,
    SourceError,
    SourceFormatError,
    SourceNotFoundError,
)
from embedsearch._progress import SilentProgress, Task
from embedsearch._types import Document
from embedsearch.text.settings import FORMATS, ReadSettings
from embedsearch.text.sources import SourceReader, read_sources

Read = Callable[..., list[Document]]
Put = Callable[[str, str | bytes], Path]


def ids(documents: list[Document]) -> list[str]:
    return [document.id for document in documents]


def test_a_folder_is_read_in_order_without_hidden_files(put: Put, read: Read) -> None:
    for name in ("b.txt", "a/z.txt", "a/b.txt", ".hidden.txt", ".git/x.txt", "a-b.txt", "B.txt"):
        put(f"docs/{name}", "text")
    assert ids(read("docs")) == [
        "docs/B.txt", "docs/a/b.txt", "docs/a/z.txt", "docs/a-b.txt", "docs/b.txt",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("glob", "expected"),
    [("*.txt", ["a.txt", "sub/b.txt", "sub/deep/c.txt"]), ("**/*.md", ["n.md", "sub/m.md"]),
     ("sub/*.txt", ["sub/b.txt"]), ("sub/**", ["sub/b.txt", "sub/deep/c.txt", "sub/m.md"]),
     ("[am]*.*", ["a.txt", "sub/m.md"]), ("[!a].txt", ["sub/b.txt", "sub/deep/c.txt"]),
     ("?.md", ["n.md", "sub/m.md"]), ("**/deep/*", ["sub/deep/c.txt"])],
)  # fmt: skip
def test_a_glob_chooses_files(glob: str, expected: list[str], put: Put, read: Read) -> None:
    for name in ("a.txt", "n.md", "sub/b.txt", "sub/m.md", "sub/deep/c.txt"):
        put(f"docs/{name}", "text")
    assert ids(read("docs", glob=glob)) == [f"docs/{name}" for name in expected]


def test_a_file_named_twice_is_read_once(put: Put, read: Read, tmp_path: Path) -> None:
    put("docs/a.txt", "text")
    (tmp_path / "docs/link.txt").symlink_to(tmp_path / "docs/a.txt")
    assert ids(read("docs", "docs/a.txt", "docs/../docs")) == ["docs/a.txt"]
    assert len(read("-", "-", stdin=b"once")) == 1


def test_an_id_does_not_depend_on_what_else_is_named(put: Put, read: Read) -> None:
    for name in ("x/docs/a.txt", "y/docs/a.txt", "y/docs/b.txt", "z/c.txt"):
        put(name, "text")
    alone = [ids(read(name)) for name in ("x/docs", "y/docs", "z", "x/docs/a.txt")]
    assert alone == [["docs/a.txt"], ["docs/a.txt", "docs/b.txt"], ["z/c.txt"], ["a.txt"]]
    assert ids(read("z", "y/docs", "x/docs")) == [*alone[2], *alone[1], *alone[0]]


def test_ids_are_the_same_when_read_again(put: Put, read: Read) -> None:
    put("docs/a.txt", "one\n\ntwo\n")
    put("docs/b.csv", "text\nrow\n")
    first = read("docs", split="line")
    assert ids(first) == ["docs/a.txt:1", "docs/a.txt:3", "docs/b.csv:1"]
    assert read("docs", split="line") == first


def test_files_of_a_folder_that_do_not_belong_are_left_out_with_one_note(
    put: Put, read: Read, progress: SilentProgress, tmp_path: Path
) -> None:
    put("docs/a.txt", "text")
    for name, data in {"b.png": b"\x89PNG\r\n", "c.bin": b"a\0b", "d.xml": b"<?xml?><x/>",
                       "e.txt": b" \n", "f.pdf": b"%PDF-1.4 broken"}.items():  # fmt: skip
        put(f"docs/{name}", data)
    (tmp_path / "docs/g.txt").symlink_to("nowhere")
    assert ids(read("docs")) == ["docs/a.txt"]
    assert len(progress.notes) == 4
    assert progress.notes[0].endswith("b.png: is a PNG image, not text")
    assert all(note.startswith("left out ") for note in progress.notes)
    assert progress.notes[3] == "left out 3 more files (all: --all-notes, --report FILE or --json)"
    before = len(progress.notes)
    read("docs", all_notes=True)
    named = progress.notes[before:]
    assert len(named) == 6
    assert {name in note for name, note in zip("bcdefg", sorted(named), strict=True)} == {True}


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [("a.png", b"\x89PNG\r\n\x1a\n", "is a PNG image"), ("a.txt", b"ab\0cd", "is a binary file"),
     ("a.docx", b"PK\x03\x04rest", "is damaged"),
     ("a.xlsx", b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "such as a spreadsheet"),
     ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"is an old Office document \(\.doc, "),
     ("a.txt", b"%PDF-1.7", "is a PDF, not text"), ("a", bytes(range(1, 256)), "is a binary file"),
     ("a.xml", b"not xml", "broken XML")],
)  # fmt: skip
def test_a_file_named_by_itself_must_be_readable(
    name: str, data: bytes, reason: str, put: Put, read: Read
) -> None:
    put(name, data)
    with pytest.raises(SourceFormatError, match=reason) as caught:
        read(name)
    assert name in caught.value.source


def test_of_a_file_that_breaks_within_a_folder_the_part_before_is_kept(
    put: Put, read: Read, progress: SilentProgress
) -> None:
    put("docs/a.txt", "text")
    put("docs/b.jsonl", '{"text": "a"}\n{"text": "b"}\n{"text\n{"text": "c"}\n')
    put("docs/c.csv", 'id,text\n1,one\n2,"two\n')
    put("docs/d.txt", "last")
    assert ids(read("docs")) == [
        "docs/a.txt", "docs/b.jsonl:1", "docs/b.jsonl:2", "1", "docs/d.txt",
    ]  # fmt: skip
    first, second = progress.notes[-2:]
    reason = "broken JSON: Unterminated string starting at column 2"
    assert first.startswith("left out ")
    assert first.endswith(f"b.jsonl, line 3: {reason}; 2 documents before it are kept")
    assert re.search(r"c\.csv, line 3: broken table: .*; 1 document before it is kept$", second)
    with pytest.raises(SourceFormatError, match=r"b\.jsonl, line 3"):
        read("docs", "docs/b.jsonl")
    assert len(read("docs", "docs/b.jsonl", "nowhere", skip_errors=True)) == 5
    assert any("nowhere: there is no such file or folder" in note for note in progress.notes)


def test_settings_among_texts_are_left_out_and_small_data_is_read(
    put: Put, read: Read, progress: SilentProgress
) -> None:
    settings = {
        "tsconfig.json": {"compilerOptions": {"strict": True}},
        "package.json": {"name": "a", "version": "1.0", "description": "A small tool that does a "
                         "thing or two.", "scripts": {"test": "pytest"}},
        "files.json": {"content": ["src/**/*.ts"], "plugins": []},
        "list.json": [1, 2, 3],
        "string.json": "a string of several words that is no object at all",
        "number.json": 3,
        "sizes.json": [{"name": "a", "size": 3}],
        "key.json": {"key": "a" * 64},
    }  # fmt: skip
    texts = {
        "text.json": {"text": "hi"},
        "titled.json": {"id": "2", "title": "only a title"},
        "nested.json": {"body": "hi", "author": {"name": "A"}},
        "noted.json": {"year": 1, "note": "some words of text are enough to be read as one"},
        "product.json": {"description": "long " * 60, "size": {"x": 1}},
        "list-of.json": [{"k": 1}, {"abstract": "hi"}],
    }
    for name, value in {**settings, **texts}.items():
        put(f"docs/{name}", json.dumps(value, indent=1))
    found = read("docs")
    assert len(found) == 6
    assert progress.notes[-4].endswith("files.json: holds settings or data, but no texts")
    assert progress.notes[-1].startswith("left out 5 more files ")
    # What is named by itself is read for what it is.
    assert read("docs/package.json")[0].text == "A small tool that does a thing or two."


def test_a_strict_reading_leaves_nothing_out(put: Put, read: Read) -> None:
    put("docs/a.txt", "text")
    assert ids(read("docs", strict=True)) == ["docs/a.txt"]
    put("docs/b.bin", b"a\0b")
    put("docs/c.jsonl", '{"text": "a"}\n{')
    with pytest.raises(
        SourceError, match=r"not text; 1 more file cannot be read; a strict"
    ) as caught:
        read("docs", strict=True)
    assert [(each.line, each.kept) for each in caught.value.left_out] == [(None, 0), (2, 1)]
    with pytest.raises(ParameterError, match="strict must be given without skip_errors"):
        read("docs", strict=True, skip_errors=True)


def test_missing_and_empty_sources_are_clear_errors(put: Put, read: Read, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="there is no such file or folder"):
        read("nowhere.txt")
    put("a.txt", "")
    with pytest.raises(SourceNotFoundError, match="there is no such file or folder"):
        read("a.txt/b.txt")
    with pytest.raises(SourceError, match="cannot be read"):
        read("x" * 5000)
    with pytest.raises(SourceError, match="cannot be read"):
        read("a\0b")
    with pytest.raises(ParameterError, match="sources must be"):
        read()
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="has no file that matches"):
        read("empty")
    put("docs/a.txt", "a")
    with pytest.raises(SourceError, match=r"no file that matches '\*\.md'"):
        read("docs", glob="*.md")


@pytest.mark.parametrize("text", ["", " \n\n", "\ufeff"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.md", "a.html", "a.tsv", "a"])
def test_no_text_at_all_is_a_clear_error(name: str, text: str, put: Put, read: Read) -> None:
    put(name, text)
    with pytest.raises(CorpusTooSmallError, match="no text to read"):
        read(name)


def test_an_empty_file_among_others_is_noted(
    put: Put, read: Read, progress: SilentProgress
) -> None:
    put("a.txt", "text")
    put("b.txt", "")
    assert ids(read("a.txt", "b.txt")) == ["a.txt"]
    assert progress.notes[0].endswith("b.txt: it has no text")
    assert "b.txt: it has no text" in progress.notes[0]


def test_an_unknown_encoding_is_refused_before_reading(put: Put, read: Read) -> None:
    put("a.txt", "text")
    for encoding in ("utf-9", "base64"):
        with pytest.raises(ParameterError, match="encoding must be a text encoding"):
            read("a.txt", encoding=encoding)


def _with_change(path: Path, change: Callable[[Path], object]) -> list[Document]:
    wanted = ReadSettings(split="line")
    documents = read_sources([path], wanted, SilentProgress())
    first = next(documents)
    change(path)
    return [first, *documents]


def _grow(path: Path) -> None:
    with path.open("a") as file:
        file.write("more\n")


def _rewrite(path: Path) -> None:
    path.write_text(path.read_text().upper())
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [_grow, _rewrite, Path.unlink])
def test_a_file_that_changes_while_it_is_read_is_an_error(
    change: Callable[[Path], object], put: Put
) -> None:
    path = put("a.txt", "one\ntwo\n")
    assert len(_with_change(path, lambda _: None)) == 2
    with pytest.raises(SourceChangedError, match="changed while it was read"):
        _with_change(path, change)


def test_broken_content_of_a_file_that_changed_is_called_a_change(put: Put) -> None:
    record = json.dumps({"text": "x" * 500_000}) + "\n"
    path = put("a.jsonl", record * 8 + '{"text": "cut')
    documents = read_sources([path], ReadSettings(), SilentProgress())
    next(documents)
    os.utime(path, ns=(1, 1))
    with pytest.raises(SourceChangedError):
        list(documents)


def test_a_file_of_a_folder_that_changes_or_goes_away_is_left_out(put: Put, tmp_path: Path) -> None:
    put("docs/a.txt", "text")
    late = put("docs/b.txt", "text")
    growing, progress = put("docs/c.txt", "one\ntwo\n"), SilentProgress()
    reading = SourceReader([tmp_path / "docs"], ReadSettings(split="line"), progress)
    documents = iter(reading)
    assert next(documents).first_id() == "docs/a.txt:1"
    late.unlink()
    assert next(documents).first_id() == "docs/c.txt:1"
    _grow(growing)
    assert [each.first_id() for each in documents] == ["docs/c.txt:2", "docs/c.txt:3"]
    assert [(Path(each.file), each.kept) for each in reading.left_out] == [(late, 0), (growing, 3)]
    assert all("changed while it was read" in each.reason for each in reading.left_out)
    # What was not read to its end is not gone; what is not there is.
    assert not reading.may_have_lost(str(growing))
    assert reading.may_have_lost(str(late))


def test_a_pipe_is_read_like_a_file(put: Put) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo\n")
    os.close(writing)
    found = read_sources([f"/dev/fd/{reading}"], ReadSettings(split="line"), SilentProgress())
    assert [document.text for document in found] == ["one", "two"]
    os.close(reading)


def test_one_source_need_not_be_in_a_list(put: Put) -> None:
    path = put("a.txt", "text")
    assert ids(list(read_sources(str(path), ReadSettings(), SilentProgress()))) == ["a.txt"]


def test_a_workspace_below_a_folder_is_not_read(put: Put, read: Read) -> None:
    put("docs/a.txt", "text")
    put("docs/my.es/workspace.json", "{}")
    put("docs/my.es/documents.sqlite", "SQLite")
    put("docs/my.es/generations/1/vocabulary.tsv", "word\t1\n")
    assert ids(read("docs")) == ["docs/a.txt"]


class _Bar(SilentProgress):
    """Adds up what the task is told."""

    def __init__(self) -> None:
        super().__init__()
        self.done = 0.0
        self.total: float | None = None

    @contextmanager
    def task(self, name: str, total: float | None = None, unit: str = "items") -> Iterator[Task]:
        assert (name, unit) == ("reading", "bytes")
        self.total = total
        yield self

    def advance(self, amount: float) -> None:
        self.done += amount

    def describe(self, text: str) -> None:
        raise AssertionError(text)


def test_progress_ends_at_the_bytes_of_all_files(put: Put, tmp_path: Path) -> None:
    put("docs/a.txt", "x" * 3_000_000)
    put("docs/b.png", b"\x89PNG" + b"\0" * 2_000_000)
    put("docs/c.jsonl", '{"text": "a"}\n' * 1000)
    bar = _Bar()
    list(read_sources([tmp_path / "docs"], ReadSettings(), bar))
    assert bar.done == bar.total == 5_014_004


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    data=st.binary(max_size=300),
    kind=st.sampled_from(FORMATS[1:]),
    suffix=st.sampled_from(["", ".gz", ".zst"]),
)
def test_random_bytes_are_read_or_refused_with_our_error(
    data: bytes, kind: str, suffix: str, put: Put, read: Read
) -> None:
    put(f"a{suffix}", data)
    documents: list[Document] = []
    with suppress(EmbedSearchError):
        documents = read(f"a{suffix}", format=kind)
    assert all(document.id and isinstance(document.text, str) for document in documents)
