"""The files of a lexical index survive a crash; missing, cut or scrambled ones are refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from embedsearch._errors import WorkspaceDamagedError, WorkspaceVersionError
from embedsearch._io import MOST_BYTES
from embedsearch._types import Document
from embedsearch.index.lexical import LexicalAnalyzer, LexicalIndex
from embedsearch.index.lexical.storage import State, damaged_files, read_state, write_state


@pytest.fixture
def empty(tmp_path: Path, english: LexicalAnalyzer) -> Path:
    LexicalIndex.create(tmp_path / "lexical", english).close()
    return tmp_path / "lexical"


def test_a_state_comes_back_as_it_was_written(empty: Path, english: LexicalAnalyzer) -> None:
    before = sorted(path.name for path in empty.iterdir())
    write_state(empty, State(english, 1, 2))
    write_state(empty, State(english, 7, 9))
    state = read_state(empty)
    assert (state.change, state.opstamp) == (7, 9)
    assert state.analyzer.to_json() == english.to_json()
    assert sorted(path.name for path in empty.iterdir()) == before


def test_the_new_name_of_a_state_is_flushed_too(
    empty: Path, english: LexicalAnalyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed, fsync = [], os.fsync

    def noting(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    write_state(empty, State(english, 1, 2))
    assert flushed == [(empty / "lexical.json").stat().st_ino, empty.stat().st_ino]


def test_a_state_that_cannot_be_written_leaves_nothing_beside(
    empty: Path, english: LexicalAnalyzer
) -> None:
    (empty / "lexical.json").unlink()
    (empty / "lexical.json").mkdir()
    with pytest.raises(OSError, match=r"lexical\.json"):
        write_state(empty, State(english, 1, 2))
    assert not (empty / "lexical.json.new").exists()


@pytest.mark.parametrize("name", ["lexical.json", "meta.json"])
def test_a_state_of_gigabytes_is_not_read(empty: Path, name: str) -> None:
    os.truncate(empty / name, MOST_BYTES + 1)
    with pytest.raises(WorkspaceDamagedError, match=rf"{name} has .* more than any"):
        LexicalIndex.open(empty)


def test_a_list_of_files_of_a_terabyte_is_not_read(empty: Path) -> None:
    os.truncate(empty / ".managed.json", 1 << 40)
    with pytest.raises(WorkspaceDamagedError, match=r"damaged or missing \.managed\.json"):
        LexicalIndex.open(empty)


KINDS = ("fast", "fieldnorm", "idx", "pos", "store", "term")
NAMES = ("meta.json", "lexical.json", *(f"*.{kind}" for kind in KINDS))


@pytest.fixture
def folder(tmp_path: Path, english: LexicalAnalyzer) -> Path:
    folder = tmp_path / "lexical"
    with LexicalIndex.create(folder, english) as index:
        texts = (f"some words of text {i % 50}" for i in range(500))
        index.apply(((i, Document(str(i), text)) for i, text in enumerate(texts)), change=1)
    return folder


def the(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def test_a_sound_index_is_sound(folder: Path) -> None:
    with LexicalIndex.open(folder):
        assert damaged_files(folder) == []


def test_a_folder_that_is_not_there_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceDamagedError, match="missing"):
        LexicalIndex.open(tmp_path / "absent")


@pytest.mark.parametrize("pattern", NAMES)
def test_a_missing_file_shows_when_the_index_is_opened(folder: Path, pattern: str) -> None:
    the(folder, pattern).unlink()
    with pytest.raises(WorkspaceDamagedError):
        LexicalIndex.open(folder)


@pytest.mark.parametrize("pattern", NAMES)
@pytest.mark.parametrize("left", [0, 0.5, 0.99])
def test_a_file_cut_short_shows_when_the_index_is_opened(
    folder: Path, pattern: str, left: float
) -> None:
    path = the(folder, pattern)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * left)])
    with pytest.raises(WorkspaceDamagedError):
        LexicalIndex.open(folder)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [0, 0.5])
def test_one_wrong_byte_shows_in_the_checksums(folder: Path, kind: str, place: float) -> None:
    path = the(folder, f"*.{kind}")
    content = bytearray(path.read_bytes())
    content[int((len(content) - 100) * place)] ^= 0x10
    path.write_bytes(content)
    assert damaged_files(folder) == [path.name]


@pytest.mark.parametrize("kind", ["fast", "term"])
def test_what_a_search_meets_in_scrambled_files_is_our_error(folder: Path, kind: str) -> None:
    path = the(folder, f"*.{kind}")
    content = path.read_bytes()
    path.write_bytes(bytes(byte ^ 0xFF for byte in content[:-150]) + content[-150:])
    with pytest.raises(WorkspaceDamagedError, match="built again"):
        LexicalIndex.open(folder).snapshot.search('"some words"')


@pytest.mark.parametrize(
    "change",
    [
        {"analyzer": None},
        {"analyzer": {"language": "english", "tokenizer": {"tokenizer": "none such"}}},
        {"analyzer": {"language": "english", "tokenizer": {"colour": "red"}}},
        {"change": "many"},
        {"opstamp": 10**9},
    ],
)
def test_a_record_that_is_not_what_was_written_is_damage(
    folder: Path, change: dict[str, object]
) -> None:
    path = folder / "lexical.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(WorkspaceDamagedError):
        LexicalIndex.open(folder)


def test_an_index_of_a_newer_version_is_told_from_a_damaged_one(folder: Path) -> None:
    path = folder / "lexical.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(WorkspaceVersionError):
        LexicalIndex.open(folder)


def test_a_damaged_index_is_made_again(folder: Path) -> None:
    (folder / "meta.json").write_text("{")
    with LexicalIndex.create(folder, LexicalAnalyzer.for_language("none")) as index:
        index.apply([(1, Document("1", "words"))], change=5)
        assert index.snapshot.search("words")[1].tolist() == [1]


@pytest.mark.parametrize("pattern", NAMES)
@pytest.mark.parametrize("place", [0, 0.5, -9])
def test_a_flipped_bit_is_refused_before_tantivy_sees_it(
    folder: Path, pattern: str, place: float
) -> None:
    # Some flips in the dictionary of terms would end the process.
    path = the(folder, pattern)
    content = bytearray(path.read_bytes())
    content[int(place if place < 0 else len(content) * place)] ^= 4
    path.write_bytes(content)
    with pytest.raises(WorkspaceDamagedError):
        LexicalIndex.open(folder)


def test_of_large_files_samples_are_compared(tmp_path: Path, english: LexicalAnalyzer) -> None:
    folder = tmp_path / "lexical"
    with LexicalIndex.create(folder, english) as index:
        index.most_checked = 50
        index.apply([(1, Document("1", "some words of text"))], change=1)
    listed = json.loads((folder / "lexical.json").read_text())["files"]
    assert {name for name, entry in listed.items() if "places" in entry} >= {
        the(folder, "*.term").name,
        the(folder, "*.idx").name,
    }
    LexicalIndex.open(folder).close()
    path = the(folder, "*.term")
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    with pytest.raises(WorkspaceDamagedError, match=r"\.term"):
        LexicalIndex.open(folder)


@pytest.mark.parametrize("age", [0, 3600], ids=["new", "old"])
def test_a_change_within_one_tick_of_the_clock_is_seen(folder: Path, age: int) -> None:
    for path in folder.iterdir():
        facts = path.stat()
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns - age * 10**9))
    LexicalIndex.open(folder).close()
    path = the(folder, "*.term")
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    if not age:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(WorkspaceDamagedError, match=r"\.term"):
        LexicalIndex.open(folder)


def test_deletions_are_compared_too(folder: Path) -> None:
    with LexicalIndex.open(folder, writable=True) as index:
        index.apply([], [1, 2, 3], change=2)
    path = the(folder, "*.del")
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    with pytest.raises(WorkspaceDamagedError, match=r"\.del"):
        LexicalIndex.open(folder)
