"""A checkpoint is whole or not there, and is used only where it fits."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path

import numpy as np
import pytest

from embedsearch._progress import SilentProgress
from embedsearch.training.checkpoint import Checkpoint, read_state
from embedsearch.vectors.tensors import save_tensors

X, Y = np.arange(12, dtype=np.float32).reshape(4, 3), np.ones((2, 3), np.float32)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    Checkpoint(path, {"a": 1}).save(X, Y, 17, [2.5, 2.25])
    saved = Checkpoint(path, {"a": 1}).load(4, 2, SilentProgress())
    assert saved is not None
    np.testing.assert_array_equal(saved.x, X)
    np.testing.assert_array_equal(saved.y, Y)
    assert (saved.position, saved.losses) == (17, [2.5, 2.25])
    assert read_state(path)["facts"] == {"a": 1}


@pytest.mark.parametrize(("facts", "rows", "words"), [({"a": 2}, 4, 2), ({"a": 1}, 5, 2)])
def test_one_of_another_training_is_not_used_and_said(
    tmp_path: Path, facts: dict[str, int], rows: int, words: int
) -> None:
    path, progress = tmp_path / "checkpoint.safetensors", SilentProgress()
    Checkpoint(path, {"a": 1}).save(X, Y, 17, [])
    assert Checkpoint(path, facts).load(rows, words, progress) is None
    assert "other settings or other text" in progress.notes[0]


@pytest.mark.parametrize("size", [0, 1, 20, 100])
def test_a_damaged_one_is_not_used_and_said(tmp_path: Path, size: int) -> None:
    path, progress = tmp_path / "checkpoint.safetensors", SilentProgress()
    Checkpoint(path, {}).save(X, Y, 17, [])
    path.write_bytes(path.read_bytes()[:size])
    assert Checkpoint(path, {}).load(4, 2, progress) is None
    assert "cannot be read" in progress.notes[0]


@pytest.mark.parametrize(
    "odd",
    [{"position": None}, {"position": inf}, {"position": -1}, {"losses": 3}, {"losses": ["much"]}],
)
def test_one_with_odd_values_is_not_used_and_said(tmp_path: Path, odd: dict[str, object]) -> None:
    path, progress = tmp_path / "checkpoint.safetensors", SilentProgress()
    state = {"position": 17, "losses": [], "facts": {}, **odd}
    save_tensors(path, {"x": X, "y": Y}, {"state": json.dumps(state)})
    assert Checkpoint(path, {}).load(4, 2, progress) is None
    assert "cannot be read" in progress.notes[0]


def test_without_a_path_nothing_happens(tmp_path: Path) -> None:
    checkpoint = Checkpoint(None, {}, seconds=0)
    checkpoint.save(X, Y, 1, [])
    assert checkpoint.load(4, 2, SilentProgress()) is None
    assert not checkpoint.due
    checkpoint.remove()


def test_it_is_due_when_time_has_passed(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / "c", {}, seconds=0).due
    assert not Checkpoint(tmp_path / "c", {}, seconds=1000).due
