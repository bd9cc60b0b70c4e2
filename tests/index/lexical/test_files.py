"""What `lexical.json` says survives a crash, and comes back as it was written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from embedsearch.index.lexical import LexicalAnalyzer
from embedsearch.index.lexical.files import State, read_state, write_state


def test_a_state_comes_back_as_it_was_written(tmp_path: Path, english: LexicalAnalyzer) -> None:
    write_state(tmp_path, State(english, 1, 2))
    write_state(tmp_path, State(english, 7, 9))
    state = read_state(tmp_path)
    assert (state.change, state.opstamp) == (7, 9)
    assert state.analyzer.to_json() == english.to_json()
    assert [path.name for path in tmp_path.iterdir()] == ["lexical.json"]


def test_the_new_name_of_a_state_is_flushed_too(
    tmp_path: Path, english: LexicalAnalyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed, fsync = [], os.fsync

    def noting(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    write_state(tmp_path, State(english, 1, 2))
    assert flushed == [(tmp_path / "lexical.json").stat().st_ino, tmp_path.stat().st_ino]


def test_a_state_that_cannot_be_written_leaves_nothing_beside(
    tmp_path: Path, english: LexicalAnalyzer
) -> None:
    (tmp_path / "lexical.json").mkdir()
    with pytest.raises(OSError, match=r"lexical\.json"):
        write_state(tmp_path, State(english, 1, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["lexical.json"]
