"""A new workspace belongs to who makes it, from before it has its name until it is closed."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es
from embedsearch import workspace
from embedsearch.workspace import opened_or_created, staging
from embedsearch.workspace.locks import WriterLock
from embedsearch.workspace.staging import Staging

SMALL: dict[str, Any] = {"vector_size": 4, "workers": 1, "min_count": 1}
# Stops where a folder gets its name, before or after that, until a line comes.
CHILD = """
import pathlib, sys
import embedsearch as es
from embedsearch import workspace as w

def stopped(source, target, rename=pathlib.Path.rename):
    if sys.argv[1] == "before":
        print("here", flush=True), sys.stdin.readline()
    renamed = rename(source, target)
    if sys.argv[1] == "after" and ".replaced" not in str(target):
        print("here", flush=True), sys.stdin.readline()
    return renamed

pathlib.Path.rename = stopped
path = pathlib.Path(sys.argv[2])
try:
    eval(sys.argv[3]).close()
except Exception as error:
    print(type(error).__name__, error)
else:
    print("made")
"""


@contextmanager
def child(when: str, path: Path, what: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has stopped where the workspace gets its name."""
    command = [sys.executable, "-c", CHILD, when, str(path), what]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        yield process
        process.kill()


def outcome(process: subprocess.Popen[str]) -> str:
    return process.communicate("\n" * 9)[0].replace("here\n", "")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "too-little.txt").write_text("word")
    (tmp_path / "enough.txt").write_text("the cow ate the hay and the cow slept\n" * 9)
    return tmp_path


@pytest.mark.parametrize(
    ("what", "ending"),
    [
        ("es.create(path)", "made"),
        ("es.build(path.with_name('too-little.txt'), path)", "CorpusTooSmallError"),
        ("w.add_vectors([[1.0]], path, ['a', 'b'])", "InputError"),
        ("es.import_vectors(path.with_name('too-little.txt'), path)", "SourceFormatError"),
        ("es.restore(path.with_name('a.backup'), path)", "made"),
        ("es.restore(path.with_name('a.backup'), path, overwrite=True)", "made"),
    ],
)
def test_nobody_gets_in_between_a_name_and_its_lock(what: str, ending: str, text: Path) -> None:
    path = text / "a.es"
    with es.create(text / "b.es") as ws:
        ws.add([es.Document("one", "text")])
        ws.backup(text / "a.backup")
    if "overwrite" in what:
        es.create(path).close()
    with child("after", path, what) as process:
        with pytest.raises(es.WorkspaceLockedError, match=f"process {process.pid}"):
            es.open(path, "w")
        with es.open(path) as reader:
            assert set(reader.documents) <= {"one", "too-little.txt"}
        assert outcome(process).startswith(ending)
    assert path.exists() == (ending == "made")
    if ending == "made":
        assert es.verify(path).sound
        with es.open(path, "w") as ws:
            assert ws.add([es.Document("more", "text")]).added == 1
    assert [p.name for p in text.iterdir() if p.name.startswith(".")] == []


def test_of_two_that_make_one_workspace_one_gets_it_and_the_other_is_told(text: Path) -> None:
    path = text / "a.es"
    with child("before", path, "es.build(path.with_name('enough.txt'), path)") as process:
        # Its folder is beside this one, and stays while its process lives.
        with es.create(path) as ws:
            ws.add([es.Document("mine", "text")])
        assert outcome(process).startswith(
            f"WorkspaceExistsError {path}: was made by another process meanwhile"
        )
    with es.open(path) as ws:
        assert list(ws.documents) == ["mine"]
    assert [p.name for p in text.iterdir() if p.name.startswith(".")] == []


def test_a_folder_without_its_lock_yet_may_be_taken_for_one_that_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, taken = staging.lock_for_writing, []

    def late(lock: Path, folder: Path, wait: float | None = None) -> Any:
        if not taken:
            taken.append(folder)
            staging.remove_unfinished(tmp_path / "a.es")
        return take(lock, folder, wait)

    monkeypatch.setattr(staging, "lock_for_writing", late)
    es.create(tmp_path / "a.es").close()
    assert taken
    assert [p.name for p in tmp_path.iterdir()] == ["a.es"]


def test_what_is_removed_is_only_what_was_left_by_us(tmp_path: Path) -> None:
    notes = tmp_path / ".a.es.building-notes"
    other = tmp_path / "other"
    for folder in (notes, other):
        folder.mkdir()
        (folder / "mine.txt").write_text("mine")
    (tmp_path / ".a.es.building-0123456789abcdef").symlink_to(other)
    left = tmp_path / ".a.es.building-fedcba9876543210"
    left.mkdir()
    es.create(tmp_path / "a.es").close()
    assert (notes / "mine.txt").exists()
    assert (other / "mine.txt").exists()
    assert not left.exists()


def test_a_link_stays_and_what_it_leads_to_becomes_the_workspace(text: Path) -> None:
    link, empty = text / "link.es", text / "deep" / "empty"
    link.symlink_to(empty)
    for there in (False, True):
        if there:
            empty.mkdir(parents=True)
        es.create(link).close()
        assert link.is_symlink()
        assert es.verify(empty).sound
        with es.open(link, "w") as ws:
            ws.add([es.Document("a", "text")])
            ws.backup(text / "a.backup", overwrite=True)
        with es.restore(text / "a.backup", link, overwrite=True) as ws:
            assert list(ws.documents) == ["a"]
        assert link.is_symlink()
        assert [p.name for p in empty.parent.iterdir()] == ["empty"]
        shutil.rmtree(empty.parent)


def test_the_current_folder_is_not_replaced(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text / "here" / "below").mkdir(parents=True)
    es.create(text / "b.es").close()
    with es.open(text / "b.es") as ws:
        ws.backup(text / "b.backup")
    monkeypatch.chdir(text / "here")
    for path in (".", text / "here", "below/.."):
        with pytest.raises(es.WorkspaceExistsError, match="is the current folder"):
            es.create(path)
        with pytest.raises(es.WorkspaceExistsError, match="is the current folder"):
            es.restore(text / "b.backup", path, overwrite=True)
    assert [p.name for p in Path().iterdir()] == ["below"]
    for path in (".", "/"):
        with pytest.raises(es.WorkspaceNotFoundError, match="not a workspace"):
            es.open(path)


def test_what_cannot_be_replaced_is_named(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(es.WorkspaceExistsError, match=r"enough\.txt: is not a folder"):
        es.create(text / "enough.txt" / "deep" / "a.es")
    (text / "disk").mkdir()

    def busy(_: Path, target: Path) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(target))

    monkeypatch.setattr(Path, "rename", busy)
    with pytest.raises(es.WorkspaceExistsError, match="disk: is a disk of its own"):
        es.create(text / "disk")
    assert sorted(path.name for path in text.iterdir()) == ["disk", "enough.txt", "too-little.txt"]


@pytest.mark.parametrize("path", [None, 5, b"a.es", "", "a\0.es", "a\udcff.es", "\ud800"])
def test_what_is_no_path_is_refused(path: Any, tmp_path: Path) -> None:
    es.create(tmp_path / "a.es").close()
    with es.open(tmp_path / "a.es") as ws:
        ws.backup(tmp_path / "a.backup")
    for act in (
        lambda: es.open(path),
        lambda: es.create(path),
        lambda: es.build("corpus:planted", path),
        lambda: es.restore(tmp_path / "a.backup", path),
        lambda: es.restore(path, tmp_path / "b.es"),
        lambda: es.verify(path),
        lambda: es.migrate(path),
        lambda: workspace.add_vectors([[1.0]], path),
    ):
        with pytest.raises(es.ParameterError, match="a path"):
            act()


def test_who_adds_goes_on_in_the_workspace_that_another_has_just_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, publish = tmp_path / "w.es", Staging.publish

    def late(stage: Staging, target: Path) -> WriterLock:
        monkeypatch.setattr(Staging, "publish", publish)
        with es.create(path) as other:
            other.add([es.Document("other", "one")])
        return publish(stage, target)

    monkeypatch.setattr(Staging, "publish", late)
    with opened_or_created(path) as ws:
        ws.add([es.Document("mine", "two")])
    with es.open(path) as ws:
        assert sorted(ws.documents) == ["mine", "other"]
    assert [each.name for each in tmp_path.iterdir()] == ["w.es"]


def test_little_text_gives_every_word_a_vector(tmp_path: Path) -> None:
    page = "A short note on owls. It says that owls hunt at night, and that herons do not."
    (tmp_path / "note.txt").write_text(page)
    with es.build(tmp_path / "note.txt", tmp_path / "note.es") as ws:
        choices = ws.info().report["choices"]
        assert {"owls", "herons", "note"} <= {*ws.words}
        assert [hit.id for hit in ws.search("herons")] == ["note.txt"]
        assert ws.words.most_similar("owls", topn=3)
    assert "min_count=1" in choices
    assert "as there is so little text" in choices
