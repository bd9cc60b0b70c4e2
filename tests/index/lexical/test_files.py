"""What `lexical.json` says survives a crash, and comes back as it was written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from embedsearch._errors import WorkspaceDamagedError
from embedsearch._io import MOST_BYTES
from embedsearch.index.lexical import LexicalAnalyzer, LexicalIndex
from embedsearch.index.lexical.files import State, read_state, write_state


@pytest.fixture
def folder(tmp_path: Path, english: LexicalAnalyzer) -> Path:
    LexicalIndex.create(tmp_path / "lexical", english).close()
    return tmp_path / "lexical"


def test_a_state_comes_back_as_it_was_written(folder: Path, english: LexicalAnalyzer) -> None:
    before = sorted(path.name for path in folder.iterdir())
    write_state(folder, State(english, 1, 2))
    write_state(folder, State(english, 7, 9))
    state = read_state(folder)
    assert (state.change, state.opstamp) == (7, 9)
    assert state.analyzer.to_json() == english.to_json()
    assert sorted(path.name for path in folder.iterdir()) == before


def test_the_new_name_of_a_state_is_flushed_too(
    folder: Path, english: LexicalAnalyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed, fsync = [], os.fsync

    def noting(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    write_state(folder, State(english, 1, 2))
    assert flushed == [(folder / "lexical.json").stat().st_ino, folder.stat().st_ino]


def test_a_state_that_cannot_be_written_leaves_nothing_beside(
    folder: Path, english: LexicalAnalyzer
) -> None:
    (folder / "lexical.json").unlink()
    (folder / "lexical.json").mkdir()
    with pytest.raises(OSError, match=r"lexical\.json"):
        write_state(folder, State(english, 1, 2))
    assert not (folder / "lexical.json.new").exists()


@pytest.mark.parametrize("name", ["lexical.json", "meta.json"])
def test_a_state_of_gigabytes_is_not_read(folder: Path, name: str) -> None:
    os.truncate(folder / name, MOST_BYTES + 1)
    with pytest.raises(WorkspaceDamagedError, match=rf"{name} has .* more than any"):
        LexicalIndex.open(folder)


def test_a_list_of_files_of_a_terabyte_is_not_read(folder: Path) -> None:
    os.truncate(folder / ".managed.json", 1 << 40)
    with pytest.raises(WorkspaceDamagedError, match=r"damaged or missing \.managed\.json"):
        LexicalIndex.open(folder)
