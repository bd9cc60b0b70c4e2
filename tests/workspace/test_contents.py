"""What does not belong in a workspace is refused before any library opens what lies beside it."""

from __future__ import annotations

import json
import sqlite3
import struct
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch.workspace.contents import may_be_in_backup

JOURNAL = "documents.sqlite-journal"


def forge_journal(path: Path, victim: Path) -> None:
    """Write a hot rollback journal that names a file as its super-journal.

    Source: "The Rollback Journal", https://www.sqlite.org/fileformat2.html, section 3.
    """
    record = path.with_name("documents.sqlite").read_bytes()
    page_size = int.from_bytes(record[16:18], "big")
    pages = len(record) // page_size
    head = bytes.fromhex("d9d505f920a163d7") + struct.pack(">5I", 0, 0, pages, 512, page_size)
    name = str(victim).encode()
    sums = sum(name) % 2**32
    end = struct.pack(">I", 0x40000000 // page_size + 1) + name
    end += struct.pack(">2I", len(name), sums) + head[:8]
    path.write_bytes(head.ljust(512, b"\0") + end)


def rollback_mode(record: Path) -> None:
    content = bytearray(record.read_bytes())
    content[18:20] = b"\1\1"
    record.write_bytes(content)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "thesis.txt"
    path.write_text("precious")
    return path


def test_sqlite_would_remove_the_file_that_a_forged_journal_names(
    example: Path, victim: Path
) -> None:
    forge_journal(example / JOURNAL, victim)
    connection = sqlite3.connect(example / "documents.sqlite")
    connection.execute("SELECT count(*) FROM documents")
    connection.close()
    assert not victim.exists()


@pytest.mark.parametrize("with_mode", [False, True])
def test_a_journal_in_a_workspace_removes_nothing(
    example: Path, victim: Path, with_mode: bool
) -> None:
    if with_mode:
        rollback_mode(example / "documents.sqlite")
    forge_journal(example / JOURNAL, victim)
    for act in (
        lambda: es.open(example),
        lambda: es.open(example, "w").add([es.Document("new", "text")]),
        lambda: es.open(example, "w").index(),
        lambda: es.open(example, "w").compact(),
        lambda: es.open(example).backup(example.with_name("a.backup")),
        lambda: es.migrate(example),
        lambda: es.build("corpus:planted", example, overwrite=True),
    ):
        with pytest.raises(es.WorkspaceDamagedError, match=JOURNAL):
            act()
    for quick in (True, False):
        (problem,) = es.verify(example, quick=quick).problems
        assert (problem.path, problem.part) == (JOURNAL, "contents")
        assert "puts it aside" in problem.advice
    planned = es.repair(example, dry_run=True).done
    assert planned == [f"{JOURNAL} would be put aside: it does not belong in a workspace"]
    assert (example / JOURNAL).exists()
    report = es.repair(example)
    assert report.aside is not None
    assert (Path(report.aside) / JOURNAL).exists()
    assert (report.lost, report.remaining, es.verify(example).sound) == ([], [], True)
    assert victim.read_text() == "precious"


def test_a_journal_in_a_backup_is_not_restored(example: Path, victim: Path) -> None:
    with es.open(example) as ws:
        ws.backup(example.with_name("a.backup"))
    unpacked = example.with_name("unpacked")
    with tarfile.open(example.with_name("a.backup")) as tar:
        listed = json.loads(tar.extractfile("backup.json").read())  # type: ignore[union-attr]
    assert all(map(may_be_in_backup, listed["files"]))
    for name in (JOURNAL, "documents.sqlite-wal", "lexical/meta.json", "a/../workspace.json"):
        assert not may_be_in_backup(name)
    # A record that would honour a journal is not taken either.
    rollback_mode(example / "documents.sqlite")
    with pytest.raises(es.WorkspaceDamagedError, match="write-ahead log"):
        es.open(example).backup(example.with_name("b.backup"))
    assert not unpacked.exists()


def test_the_store_by_itself_refuses_a_journal(example: Path, victim: Path) -> None:
    from embedsearch.store.checking import record_faults
    from embedsearch.store.documents import DocumentStore

    record = example / "documents.sqlite"
    rollback_mode(record)
    for writable in (False, True):
        with pytest.raises(es.WorkspaceDamagedError, match="write-ahead log"):
            DocumentStore(record, writable=writable)
    forge_journal(example / JOURNAL, victim)
    for writable in (False, True):
        with pytest.raises(es.WorkspaceDamagedError, match="journal"):
            DocumentStore(record, writable=writable)
    assert "journal" in record_faults(record)[0]
    assert victim.exists()


@pytest.mark.parametrize(
    ("name", "is_folder"),
    [
        ("documents.sqlite-mj12345678", False),
        ("documents.sqlite-wal", True),
        ("documents.sqlite-shm", True),
        ("lock", True),
        ("notes.txt", False),
        (".git", True),
        ("lexical/extra.so", False),
        ("lexical/inner", True),
        ("generations/0001/words.faiss.lists", False),
        ("generations/0001/more", True),
        ("generations/readme", False),
        ("reports/a.py", False),
        ("tmp", False),
        ("damaged-20260101-000000", False),
        ("a\x1b[2Jb", False),
    ],
)
def test_other_names_are_refused_named_and_put_aside(
    example: Path, name: str, is_folder: bool
) -> None:
    path = example / name
    path.parent.mkdir(exist_ok=True)
    path.mkdir() if is_folder else path.write_text("mine")
    for mode in "rw":
        with pytest.raises(es.WorkspaceDamagedError, match="does not belong") as caught:
            es.open(example, mode)
        assert str(caught.value).isprintable()
    assert [problem.path for problem in es.verify(example).problems] == [name]
    report = es.repair(example)
    assert report.aside is not None
    assert (Path(report.aside) / name).exists()
    assert es.verify(example).sound
    es.open(example, "w").close()


def test_what_systems_leave_everywhere_does_no_harm(example: Path) -> None:
    for folder in (example, example / "lexical", example / "generations" / "0001"):
        for name in (
            ".DS_Store",
            "Thumbs.db",
            "desktop.ini",
            "._words.faiss",
            ".fuse_hidden0000002a",
        ):
            (folder / name).write_text("litter")
    for name in ("damaged-20260101-000000", "kept-20260101-000000", "reports"):
        (example / name).mkdir()
    (example / "damaged-20260101-000000" / JOURNAL).write_text("old")
    assert es.verify(example).sound
    with es.open(example, "w") as ws:
        ws.add([es.Document("new", "galaxy")])
        ws.index()
        assert ws.search("galaxy")


def test_a_folder_that_is_no_workspace_is_not_called_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("mine")
    with pytest.raises(es.WorkspaceNotFoundError, match="is not a workspace"):
        es.open(tmp_path)


def test_a_workspace_with_files_of_others_is_not_overwritten(example: Path) -> None:
    backup = example.with_name("a.backup")
    with es.open(example) as ws:
        ws.backup(backup)
    (example / "notes.txt").write_text("mine")
    with pytest.raises(es.WorkspaceDamagedError, match=r"notes\.txt"):
        es.restore(backup, example, overwrite=True)
    assert (example / "notes.txt").read_text() == "mine"


def test_the_log_and_its_index_of_somebody_else_do_no_harm(example: Path) -> None:
    for name in ("documents.sqlite-wal", "documents.sqlite-shm"):
        (example / name).write_bytes(b"\xa5" * 40_000)
    with suppress(es.WorkspaceError), es.open(example, "w") as ws:
        ws.add([es.Document("new", "galaxy")])
        assert ws.documents["new"].text == "galaxy"


def test_a_schema_with_something_between_is_refused(example: Path) -> None:
    connection = sqlite3.connect(example / "documents.sqlite")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_master SET sql = 'CREATE TABLE sqlite_sequence(name,seq DEFAULT (1))' "
        "WHERE name = 'sqlite_sequence'"
    )
    connection.commit()
    connection.close()
    with pytest.raises(es.WorkspaceDamagedError, match="sqlite_sequence"):
        es.open(example, "w")
    with es.open(example) as ws:
        # Each time that a reader is asked for documents, not only the first.
        for _ in range(2):
            with pytest.raises(es.WorkspaceDamagedError, match="sqlite_sequence"):
                len(ws.documents)
