"""Only what belongs in a workspace is opened, and nothing of ours is put elsewhere by mistake."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

import embedsearch as es
from embedsearch.cli.main import main
from embedsearch.workspace.layout import may_be_in_backup
from embedsearch.workspace.trust import state_folder

JOURNAL = "documents.sqlite-journal"


def forge_journal(path: Path, victim: Path) -> None:
    """Write a hot rollback journal that names a file as its super-journal.

    Source: "The Rollback Journal", https://www.sqlite.org/fileformat2.html, section 3.
    """
    database = path.with_name("documents.sqlite").read_bytes()
    page_size = int.from_bytes(database[16:18], "big")
    pages = len(database) // page_size
    head = bytes.fromhex("d9d505f920a163d7") + struct.pack(">5I", 0, 0, pages, 512, page_size)
    name = str(victim).encode()
    sums = sum(name) % 2**32
    end = struct.pack(">I", 0x40000000 // page_size + 1) + name
    end += struct.pack(">2I", len(name), sums) + head[:8]
    path.write_bytes(head.ljust(512, b"\0") + end)


def rollback_mode(database: Path) -> None:
    content = bytearray(database.read_bytes())
    content[18:20] = b"\1\1"
    database.write_bytes(content)


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
    # A database that would honour a journal is not taken either.
    rollback_mode(example / "documents.sqlite")
    with pytest.raises(es.WorkspaceDamagedError, match="write-ahead log"):
        es.open(example).backup(example.with_name("b.backup"))
    assert not unpacked.exists()


def test_the_store_by_itself_refuses_a_journal(example: Path, victim: Path) -> None:
    from embedsearch.store.documents import DocumentStore
    from embedsearch.store.integrity import database_faults

    database = example / "documents.sqlite"
    rollback_mode(database)
    for writable in (False, True):
        with pytest.raises(es.WorkspaceDamagedError, match="write-ahead log"):
            DocumentStore(database, writable=writable)
    forge_journal(example / JOURNAL, victim)
    for writable in (False, True):
        with pytest.raises(es.WorkspaceDamagedError, match="journal"):
            DocumentStore(database, writable=writable)
    assert "journal" in database_faults(database)[0]
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
    for name in ("damaged-20260101-000000", "reports"):
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


@pytest.fixture
def backup(example: Path, tmp_path: Path) -> Path:
    with es.open(example) as ws:
        ws.backup(tmp_path / "of.backup")
    return tmp_path / "of.backup"


def contents(path: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in path.rglob("*.json")}


def test_no_file_of_an_answer_is_written_into_a_workspace(example: Path, tmp_path: Path) -> None:
    shutil.copytree(example, other := tmp_path / "other.es")
    (tmp_path / "link").symlink_to(other)
    qrels = tmp_path / "qrels.tsv"
    with es.open(example) as ws:
        id = next(iter(ws.documents))
        qrels.write_text(f"query-id\tcorpus-id\tscore\nq\t{id}\t1\n")
        (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "galaxy"}\n')
        for place in (
            example / "o.txt",
            other / "generations" / "o.txt",
            tmp_path / "link" / "o.txt",
        ):
            with pytest.raises(es.ParameterError, match="outside of the workspace"):
                ws.export(place)
            with pytest.raises(es.ParameterError, match="outside of the workspace"):
                ws.backup(place)
            with pytest.raises(es.ParameterError, match="outside of the workspace"):
                ws.evaluate.retrieval(tmp_path, run=place)
        for wrong in (None, 5, b"o.txt", "a\0.txt"):
            with pytest.raises(es.ParameterError, match="path must be a path"):
                ws.export(wrong)  # type: ignore[arg-type]
    before = contents(example)
    arguments = ["add", str(qrels), "-w", str(example), "--report"]
    answer = CliRunner().invoke(main, [*arguments, str(example / "workspace.json")])
    assert answer.exit_code == 1
    assert contents(example) == before
    assert es.verify(example).sound


def test_no_workspace_is_made_in_another(example: Path, backup: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two three")
    inner = example / "generations" / "inner.es"
    for make in (
        lambda: es.create(inner),
        lambda: es.build(tmp_path / "a.txt", inner),
        lambda: es.restore(backup, inner),
        lambda: es.restore(backup, example / "inner.es", overwrite=True),
    ):
        with pytest.raises(es.WorkspaceExistsError, match="has no other in it"):
            make()
    assert es.verify(example).sound
    # Other programs have a workspace.json, too.
    (tmp_path / "workspace.json").write_text("{}")
    es.create(tmp_path / "mine.es").close()


def test_a_folder_that_is_called_like_a_replaced_workspace_stays(
    example: Path, backup: Path, tmp_path: Path
) -> None:
    aside = tmp_path / f".{example.name}.replaced"
    aside.mkdir()
    (aside / "thesis.txt").write_text("precious")
    with pytest.raises(es.WorkspaceExistsError, match="in the way"):
        es.restore(backup, example, overwrite=True)
    shutil.rmtree(example)
    with pytest.raises(es.WorkspaceExistsError, match="in the way"):
        es.restore(backup, example)
    assert [path.name for path in aside.iterdir()] == ["thesis.txt"]


def test_what_systems_leave_is_not_in_a_backup(example: Path, tmp_path: Path) -> None:
    (example / "reports").mkdir()
    for name in ("._20261122-lee.json", "20261122-lee.json"):
        (example / "reports" / name).write_text(json.dumps({"kind": "lee"}))
    with es.open(example) as ws:
        ws.backup(tmp_path / "b")
    es.restore(tmp_path / "b", tmp_path / "new.es").close()
    assert [path.name for path in (tmp_path / "new.es" / "reports").iterdir()] == [
        "20261122-lee.json"
    ]


def test_notes_are_not_kept_in_a_relative_folder(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(example)
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, "state")
    with pytest.raises(RuntimeError):
        state_folder()
    with es.open(".") as ws:
        assert ws.search("galaxy")
    assert es.verify(".").sound
