"""Waiting for another writer, and knowing which it is."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch.store import documents


def test_one_who_waits_gets_it(small: es.Workspace) -> None:
    closing = threading.Timer(0.3, small.close)
    closing.start()
    with es.open(small.path, "w", wait=20) as ws:
        assert ws.add([es.Document("new", "text")]).added == 1
    closing.join()


def test_one_who_waited_in_vain_is_told_who_writes(small: es.Workspace) -> None:
    begun = time.monotonic()
    with pytest.raises(es.WorkspaceLockedError) as told:
        es.open(small.path, "w", wait=0.2)
    assert 0.2 <= time.monotonic() - begun < 10
    assert f"(process {os.getpid()}, since 2" in str(told.value)
    assert "still after 0.2 seconds" in str(told.value)


def test_without_waiting_the_error_comes_at_once(small: es.Workspace) -> None:
    with pytest.raises(es.WorkspaceLockedError, match="--wait SECONDS"):
        es.open(small.path, "w")
    code = "import sys, embedsearch as es; es.open(sys.argv[1], 'w')"
    command = [sys.executable, "-c", code, str(small.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"(process {os.getpid()}, since 2" in done.stderr


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"pid": "x"}', '{"pid": 1, "host": "\\u001b[2J", "since": ""}']
)
def test_what_cannot_be_known_is_left_out(small: es.Workspace, content: str) -> None:
    (small.path / "writer.json").write_text(content)
    with pytest.raises(es.WorkspaceLockedError, match="another process is writing to it; try"):
        es.open(small.path, "w")


def test_nothing_is_left_when_the_lock_is_given_back(small: es.Workspace) -> None:
    assert (small.path / "writer.json").exists()
    small.close()
    assert not (small.path / "writer.json").exists()
    small.close()


@pytest.mark.parametrize("wait", [-1, math.nan, "5", True])
def test_what_is_no_time_is_refused(small: es.Workspace, wait: object) -> None:
    with pytest.raises(es.ParameterError, match="wait must be a number of seconds"):
        es.open(small.path, "w", wait=wait)  # type: ignore[arg-type]


def test_durability_is_what_sqlite_is_told(tmp_path: Path) -> None:
    es.create(tmp_path / "a.es").close()
    for durability, level in (("full", 2), ("relaxed", 1)):
        with es.open(tmp_path / "a.es", "w", durability=durability) as ws:
            connection = ws._session.store._connection
            assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            ws.add([es.Document(durability, "text")])
    with es.open(tmp_path / "a.es") as ws:
        assert list(ws.documents) == ["full", "relaxed"]
    with pytest.raises(es.ParameterError, match="durability"):
        es.open(tmp_path / "a.es", "w", durability="none")


@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_a_killed_process_loses_nothing_at_any_level(tmp_path: Path, durability: str) -> None:
    es.create(tmp_path / "a.es").close()
    code = (
        "import os, signal, sys, embedsearch as es\n"
        "ws = es.open(sys.argv[1], 'w', durability=sys.argv[2])\n"
        "for n in range(20): ws.add([es.Document(f'd{n}', 'text')])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.es"), durability]
    assert subprocess.run(command, check=False).returncode == -9
    with es.open(tmp_path / "a.es", "w") as ws:
        assert len(ws.documents) == 20
        assert ws.verify().sound


def test_what_follows_from_documents_is_never_ahead_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(documents, "flush_file", lambda path: flushed.append(path.name))
    with es.create(tmp_path / "a.es") as ws:
        ws.add(es.Document(f"d{n}", "a galaxy of barns") for n in range(5))
        ws.train("ppmi", vector_size=4, workers=1, min_count=1)
    assert flushed == []
    with es.open(tmp_path / "a.es", "w", durability="relaxed") as ws:
        ws.add([es.Document("new", "galaxy")])
        assert flushed == []
        assert len(ws.search("galaxy", mode="lexical")) == 6
        assert flushed == ["documents.sqlite-wal"]
        ws.index()
        assert len(flushed) > 1


def test_a_second_opening_in_a_process_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.es"
    es.create(path).close()
    with es.open(path) as reader:
        # Each opens the documents when it is asked for them.
        assert len(reader.documents) == 0
        with es.open(path) as second:
            assert len(second.documents) == 0
        code = (
            "import sys, embedsearch as es\n"
            "with es.open(sys.argv[1], 'w') as ws: ws.add([es.Document(sys.argv[2], 'text')])\n"
        )
        for number in range(1, 3):
            subprocess.run([sys.executable, "-c", code, str(path), str(number)], check=True)
            # With the lock gone, the writer would take the log away from under the reader.
            assert (path / "documents.sqlite-wal").exists()
            assert len(reader.documents) == number
