"""Workspaces that are missing, locked, damaged, newer, or that cannot be made: one clear error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import embedsearch as es


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("", {}, es.CorpusTooSmallError, "no text"),
        ("word " * 50, {}, es.CorpusTooSmallError, "one distinct word, 'word'"),
        ("... !!!", {}, es.CorpusTooSmallError, "the corpus has no words"),
        ("one two three", {"min_count": 9}, es.CorpusTooSmallError, "min_count=9 leaves no word"),
        ("one two", {"epochs": 0}, es.ParameterError, "epochs must be"),
        ("one two", {"trainer": "magic"}, es.ParameterError, "trainer must be one of auto"),
        ("one two", {"stemm": "english"}, es.ParameterError, "'stemm'"),
        ("one two", {"stem": "klingon"}, es.ParameterError, "stem"),
    ],
)
def test_a_build_that_cannot_be_leaves_nothing(
    tmp_path: Path, text: str, options: dict[str, object], error: type[Exception], message: str
) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(error, match=message):
        es.build(tmp_path / "a.txt", tmp_path / "a.es", **options)
    assert listing(tmp_path) == ["a.txt"]


def test_one_document_is_enough(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat sat on the mat and the dog sat on the cat " * 4)
    with es.build(tmp_path / "a.txt", tmp_path / "a.es", workers=1) as ws:
        assert "cat" in ws.words
        assert [hit.id for hit in ws.search("cat")] == ["a.txt"]
        assert ws.documents.most_similar("a.txt") == []


def test_what_is_there_is_not_overwritten_unasked(planted: Path, tmp_path: Path) -> None:
    with pytest.raises(es.WorkspaceExistsError, match="--overwrite"):
        es.build("corpus:planted", planted)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.doc").write_text("precious")
    with pytest.raises(es.WorkspaceExistsError, match="is not a workspace"):
        es.build("corpus:planted", tmp_path / "folder", overwrite=True)
    assert listing(tmp_path / "folder") == ["thesis.doc"]


def test_overwriting_replaces_all_documents(writable: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat sat on the mat " * 9)
    with es.build(tmp_path / "a.txt", writable, overwrite=True, workers=1) as ws:
        assert list(ws.documents) == ["a.txt"]
        assert "paris" not in ws.words


def test_overwriting_that_fails_leaves_all_as_it_was(writable: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("word " * 9)
    with pytest.raises(es.CorpusTooSmallError):
        es.build(tmp_path / "a.txt", writable, overwrite=True)
    with es.open(writable) as ws:
        assert len(ws.documents) == 2000
        assert ws.info().behind == 0
        assert ws.words.most_similar("paris")


def test_a_missing_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="embedsearch build") as caught:
        es.open(tmp_path / "none.es")
    assert isinstance(caught.value, es.WorkspaceNotFoundError)
    with pytest.raises(es.WorkspaceNotFoundError, match="exists, but is not a workspace"):
        es.open(tmp_path)


def test_a_second_writer_is_turned_away(writable: Path) -> None:
    with es.open(writable, "w"):
        with pytest.raises(es.WorkspaceLockedError, match="another process is writing"):
            es.open(writable, "w")
        es.open(writable).close()
    es.open(writable, "w").close()


def test_the_lock_dies_with_its_process(writable: Path) -> None:
    code = (
        "import embedsearch as es, sys, time; w = es.open(sys.argv[1], 'w');"
        " print('open', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(writable)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(es.WorkspaceLockedError):
            es.open(writable, "w")
        process.send_signal(signal.SIGKILL)
    es.open(writable, "w").close()


def test_a_workspace_opened_for_reading_is_not_written(planted: Path) -> None:
    with es.open(planted) as ws:
        for change in (ws.train, ws.index, lambda: ws.add([]), lambda: ws.delete([])):
            with pytest.raises(es.WorkspaceReadOnlyError, match='mode="w"'):
                change()


def test_a_newer_format_is_named(writable: Path) -> None:
    state = json.loads((writable / "workspace.json").read_text())
    (writable / "workspace.json").write_text(json.dumps({**state, "format": 99}))
    with pytest.raises(es.WorkspaceVersionError, match=r"has format 99, .* reads format 2"):
        es.open(writable)


def test_an_untrained_workspace_says_what_to_do(small: es.Workspace) -> None:
    for ask in (lambda: small.words, lambda: small.search("x"), small.index):
        with pytest.raises(es.NotTrainedError, match="embedsearch train"):
            ask()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def scramble(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


@pytest.mark.parametrize("damage", [Path.unlink, cut, scramble])
@pytest.mark.parametrize(
    "name",
    [
        "workspace.json",
        "documents.sqlite",
        "generations/0001/manifest.json",
        "generations/0001/vocabulary.tsv",
        "generations/0001/words.safetensors",
        "generations/0001/words.faiss",
        "generations/0001/encoder.safetensors",
        "generations/0001/documents.safetensors",
        "generations/0001/search.safetensors",
    ],
)
def test_damage_is_noticed_and_named(
    writable: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(writable / name)
    with pytest.raises(es.WorkspaceDamagedError, match=r"missing|damaged|bytes|not JSON"):
        use_everything(writable)


def use_everything(path: Path) -> None:
    with es.open(path) as ws:
        ws.words.most_similar("paris")
        ws.search("paris")
        _ = [ws.documents[id] for id in ws.documents]


@pytest.mark.parametrize("after", [0.4, 0.8, 1.2, 1.8, 2.5])
def test_a_killed_build_leaves_nothing_or_a_whole_workspace(tmp_path: Path, after: float) -> None:
    path = tmp_path / "killed.es"
    code = "import embedsearch as es, sys; es.build('corpus:planted', sys.argv[1], epochs=5)"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)])
    time.sleep(after)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    if path.exists():
        with es.open(path, "w") as ws:
            assert len(ws.documents) == 2000
            ws.train(epochs=1, vector_size=10, workers=1)
    else:
        with es.build("corpus:planted", path, epochs=1, vector_size=10, workers=1) as ws:
            assert len(ws.documents) == 2000
    assert listing(tmp_path) == ["killed.es"]
    assert "tmp" not in listing(path)


@pytest.mark.parametrize("after", [0.5, 1.0, 1.5, 2.0])
def test_a_killed_training_leaves_the_old_generation_or_the_new(
    writable: Path, after: float
) -> None:
    code = "import embedsearch as es, sys; es.open(sys.argv[1], 'w').train(epochs=2, seed=5)"
    process = subprocess.Popen([sys.executable, "-c", code, str(writable)])
    time.sleep(after)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    use_everything(writable)
    with es.open(writable, "w") as ws:
        ws.train(epochs=1, vector_size=10, workers=1)
        assert ws.words.vector_size == 10
    assert len(listing(writable / "generations")) == 1


@pytest.mark.parametrize("files", [[], {"terms.txt": 3}, {"terms.txt": {}}, "all", None])
def test_a_manifest_that_lists_no_files_is_damage(writable: Path, files: object) -> None:
    (manifest,) = writable.glob("generations/*/manifest.json")
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**said, "files": files}))
    with pytest.raises(es.WorkspaceDamagedError, match="files"):
        es.open(writable)
