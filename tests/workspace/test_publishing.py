"""What a process that was killed, or a full disk, has left goes with the next writer."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es
from embedsearch.workspace import creation

SMALL: dict[str, Any] = {"vector_size": 8, "workers": 1, "min_count": 1}


def names(path: Path) -> set[str]:
    return {str(file.relative_to(path)) for file in path.rglob("*") if file.is_dir()}


def fail_when_flushing(name: str, error: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk fail when a file or a folder of this name is flushed."""
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == name:
            raise OSError(error, os.strerror(error))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)


@pytest.fixture
def trained(small: es.Workspace) -> Path:
    small.train("ppmi", **SMALL)
    small.close()
    return small.path


def test_opening_for_writing_clears_them_and_reading_does_not(trained: Path) -> None:
    shutil.copytree(trained / "generations" / "0001", trained / "generations" / "0002")
    (trained / "tmp" / "generations-0003").mkdir(parents=True)
    left = [trained / "workspace.json.new", trained / "lexical" / "lexical.json.new"]
    for path in left:
        path.write_text("{")
    with es.open(trained) as ws:
        assert ws.search("galaxy star everywhere cow")
    assert all(path.exists() for path in left)
    with es.open(trained, "w") as ws:
        assert ws.verify().notes == []
    assert not any(path.exists() for path in left)
    assert names(trained) == {"generations", "generations/0001", "lexical"}


def test_what_cannot_be_opened_is_left_alone(trained: Path) -> None:
    shutil.copytree(trained / "generations" / "0001", trained / "generations" / "0002")
    (trained / "generations" / "0001" / "words.safetensors").write_bytes(b"")
    with pytest.raises(es.WorkspaceDamagedError):
        es.open(trained, "w")
    assert (trained / "generations" / "0002" / "manifest.json").exists()


@pytest.mark.parametrize("name", ["vocabulary.tsv", "search.safetensors", "manifest.json.new"])
def test_a_training_that_fails_gives_its_space_back(
    trained: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with es.open(trained, "w") as ws:
        before = names(trained)
        fail_when_flushing(name, errno.ENOSPC, monkeypatch)
        with pytest.raises(es.StorageError, match="the disk is full"):
            ws.train("ppmi", **SMALL)
        assert names(trained) == before
        monkeypatch.undo()
        ws.train("ppmi", **SMALL)
        assert ws.verify().sound


def test_a_training_fails_while_its_folder_gets_its_name(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with es.open(trained, "w") as ws:
        before = names(trained)
        fail_when_flushing("generations", errno.ENOSPC, monkeypatch)
        with pytest.raises(es.StorageError, match="the disk is full"):
            ws.train("ppmi", **SMALL)
        assert names(trained) == before


@pytest.mark.parametrize("renamed", [False, True])
def test_a_generation_that_cannot_be_named_goes_only_if_it_is_not(
    trained: Path, renamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The folder is flushed when the file has its name.
    name = trained.name if renamed else "workspace.json.new"
    with es.open(trained, "w") as ws:
        fail_when_flushing(name, errno.EIO, monkeypatch)
        with pytest.raises(es.StorageError, match="the disk fails"):
            ws.train("ppmi", **SMALL)
    monkeypatch.undo()
    with es.open(trained, "w") as ws:
        assert ws.info().generation == (2 if renamed else 1)
        assert ws.verify().sound
    assert len(list((trained / "generations").iterdir())) == 1


def test_a_new_workspace_that_cannot_be_opened_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path, mode: str, **_: Any) -> None:
        raise es.StorageError(path, "the disk fails")

    monkeypatch.setattr(creation, "Session", failing)
    with pytest.raises(es.StorageError):
        es.build("corpus:planted", tmp_path / "a.es", **SMALL)
    with pytest.raises(es.StorageError):
        creation.add_vectors([[1.0, 2.0]], tmp_path / "b.es")
    assert list(tmp_path.iterdir()) == []
