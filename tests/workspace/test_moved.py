"""A folder that was moved, removed or replaced while it was open."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es

SMALL: dict[str, Any] = {"vector_size": 4, "workers": 1, "min_count": 1}
NEW = [es.Document("new", "a galaxy of cows")]
WRITES: dict[str, Callable[[es.Workspace], object]] = {
    "add": lambda ws: ws.add(NEW),
    "delete": lambda ws: ws.delete(["d1"]),
    "train": lambda ws: ws.train("ppmi", **SMALL),
    "index": lambda ws: ws.index(refit=True),
    "compact": lambda ws: ws.compact(),
    "add_vectors": lambda ws: ws.add_vectors([[1.0]]),
    "replace_all": lambda ws: ws.replace_all(NEW, trainer="ppmi", **SMALL),
}


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    with es.create(tmp_path / "a.es") as ws:
        ws.add(es.Document(f"d{n}", f"a galaxy of barns, number {n}") for n in range(30))
        ws.train("ppmi", **SMALL)
    return tmp_path / "a.es"


def contents(folder: Path) -> dict[str, bytes]:
    """What a workspace has, but for the files that SQLite changes whenever it is read."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "sqlite-" not in path.name
    }


def move(path: Path) -> None:
    path.rename(path.with_name("moved.es"))


def remove(path: Path) -> None:
    shutil.rmtree(path)


def replace(path: Path) -> None:
    other = path.with_name("other.es")
    es.restore(path.with_name("other.backup"), other).close()
    move(path)
    other.rename(path)


@pytest.mark.parametrize("change", [move, remove, replace])
def test_nothing_is_acknowledged_and_nothing_made_where_the_folder_was(
    trained: Path, change: Callable[[Path], None]
) -> None:
    with es.create(trained.with_name("other.es")) as other:
        other.add([es.Document("d1", "another")])
        other.backup(trained.with_name("other.backup"))
    shutil.rmtree(other.path)
    with es.open(trained, "w") as ws:
        ws.search("galaxy")
        change(trained)
        before = contents(trained) if trained.exists() else None
        for name, write in WRITES.items():
            with pytest.raises(es.WorkspaceError, match="moved, removed or replaced"):
                write(ws)
            assert (contents(trained) if trained.exists() else None) == before, name
        if change is not remove:
            if trained.exists():
                shutil.rmtree(trained)
            trained.with_name("moved.es").rename(trained)
            # Where it was again, the same object goes on, and its lock was never gone.
            with pytest.raises(es.WorkspaceLockedError):
                es.open(trained, "w")
            assert ws.add(NEW).added == 1
    if change is not remove:
        assert es.verify(trained).sound
        with es.open(trained) as ws:
            assert len(ws.documents) == 31


@pytest.mark.parametrize("change", [move, replace])
def test_a_folder_that_goes_while_it_is_written_is_noticed(
    trained: Path, change: Callable[[Path], None]
) -> None:
    with es.create(trained.with_name("other.es")) as other:
        other.backup(trained.with_name("other.backup"))
    shutil.rmtree(other.path)
    with es.open(trained, "w") as ws:

        def late() -> Any:
            yield NEW[0]
            change(trained)

        with pytest.raises(es.WorkspaceError, match="moved, removed or replaced"):
            ws.add(late())
        before = contents(trained) if trained.exists() else None
        if trained.exists():
            shutil.rmtree(trained)
        trained.with_name("moved.es").rename(trained)

        def stop(_: Any) -> None:
            if not trained.with_name("moved.es").exists():
                change(trained)

        with pytest.raises(es.WorkspaceError, match=r"moved, removed or replaced|not there"):
            ws.train("word2vec", epochs=2, callbacks=[stop], **SMALL)
        assert (contents(trained) if trained.exists() else None) == before
    assert es.verify(trained.with_name("moved.es")).sound
    with es.open(trained.with_name("moved.es")) as ws:
        assert len(ws.documents) == 30


@pytest.mark.parametrize("name", ["documents.sqlite", "documents.sqlite-wal"])
def test_a_record_that_was_taken_away_is_noticed(trained: Path, name: str) -> None:
    with es.open(trained, "w") as ws:
        ws.add(NEW)
        (trained / name).rename(trained.with_name(name))
        with pytest.raises(es.WorkspaceError, match=f"{name} was moved, removed or replaced"):
            ws.add([es.Document("later", "text")])
        trained.with_name(name).rename(trained / name)
        assert ws.add([es.Document("later", "text")]).added == 1
    assert es.verify(trained).sound


QUESTIONS: list[Callable[[es.Workspace], object]] = [
    lambda ws: [hit.id for hit in ws.search("galaxy barns", 3)],
    lambda ws: ws.words.most_similar("galaxy", topn=2),
    lambda ws: ws.documents["d1"].text,
    lambda ws: ws.documents.most_similar("d1", topn=2),
    lambda ws: ws.info().documents,
    lambda ws: ws.backup(ws.path.with_name("new.backup"), overwrite=True).documents,
    lambda ws: ws.evaluate.index(queries=3).rows(),
]


def answered(ws: es.Workspace, ask: Callable[[es.Workspace], object]) -> object:
    """The answer, or None where the workspace says that it is gone."""
    try:
        return ask(ws)
    except es.WorkspaceError:
        return None


@pytest.mark.parametrize("change", [move, remove, replace])
def test_a_reader_goes_on_or_is_told(trained: Path, change: Callable[[Path], None]) -> None:
    with es.create(trained.with_name("other.es")) as other:
        # Of the same names, so that only the files themselves tell them apart.
        other.add(es.Document(f"d{n}", f"a galaxy of other cows, {n}") for n in range(30))
        other.train("ppmi", **SMALL)
        other.backup(trained.with_name("other.backup"))
    shutil.rmtree(other.path)
    with es.open(trained) as ws:
        answers = [ask(ws) for ask in QUESTIONS[:5]]
    with es.open(trained) as used, es.open(trained) as fresh:
        assert [ask(used) for ask in QUESTIONS[:5]] == answers
        change(trained)
        before = contents(trained) if trained.exists() else None
        for reader in (used, fresh):
            found = [answered(reader, ask) for ask in QUESTIONS]
            # What cannot be written is told, at least; no answer is another.
            assert found[5:] == [None, None]
            pairs = zip(found, answers, strict=False)
            assert all(new in (None, old) for new, old in pairs)
        assert (contents(trained) if trained.exists() else None) == before


def test_who_waits_for_a_workspace_that_goes_is_told(trained: Path) -> None:
    with es.open(trained, "w"):
        going = threading.Timer(0.3, move, [trained])
        going.start()
        with pytest.raises(es.WorkspaceNotFoundError, match="there is no such folder"):
            es.open(trained, "w", wait=60)
        going.join()


def test_what_was_closed_says_so(trained: Path) -> None:
    with es.open(trained, "w") as ws:
        pass
    for name, write in WRITES.items():
        with pytest.raises(es.WorkspaceError, match="was closed; open the workspace again"):
            write(ws)
        assert es.verify(trained).sound, name
