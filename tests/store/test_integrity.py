"""No flipped bit that changes the database goes unnoticed, in the file or in its log."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from embedsearch import Document
from embedsearch._errors import WorkspaceError
from embedsearch.store.documents import DocumentStore
from embedsearch.store.integrity import database_faults
from embedsearch.store.pages import frames, has_lost


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose writer died: some transactions are only in the log."""
    folder = tmp_path_factory.mktemp("crashed")
    living = DocumentStore(folder / "living.sqlite", writable=True)
    for start in (0, 40):
        living.add(
            Document(f"id-{n}", f"text {n} " * (n % 5 * 200 + 1), {"n": n})
            for n in range(start, start + 40)
        )
    living.delete(["id-3", "id-50"])
    for ending in ("", "-wal"):
        shutil.copy(folder / f"living.sqlite{ending}", folder / f"crashed.sqlite{ending}")
    living.close()
    return folder


@pytest.fixture
def database(crashed: Path, tmp_path: Path) -> Path:
    """A database that was closed."""
    return Path(shutil.copy(crashed / "living.sqlite", tmp_path / "database.sqlite"))


@pytest.fixture
def log(crashed: Path, tmp_path: Path) -> Path:
    """The log of a database that was not."""
    shutil.copy(crashed / "crashed.sqlite", tmp_path / "database.sqlite")
    return Path(shutil.copy(crashed / "crashed.sqlite-wal", tmp_path / "database.sqlite-wal"))


def content(path: Path) -> object:
    store = DocumentStore(path, writable=False)
    try:
        numbers = store.ids_of(range(200))
        return list(store.changed_since(0)), store.change, store.removed_since(0), numbers
    finally:
        store.close()


def flip(path: Path, bit: int) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)


def test_a_sound_store_has_no_faults(database: Path, tmp_path: Path) -> None:
    assert database_faults(database) == []
    assert database_faults(database, quick=True) == []
    assert database_faults(tmp_path / "none.sqlite") == ["it is missing"]


def test_a_store_with_transactions_in_its_log_is_sound(log: Path) -> None:
    assert all(frame.intact and frame.current for frame in frames(log))
    assert database_faults(log.with_name("database.sqlite")) == []


def test_a_flipped_bit_is_noticed_or_changes_nothing(database: Path) -> None:
    sound, expected = database.read_bytes(), content(database)
    choose, noticed = random.Random(3), 0  # noqa: S311 - places, not secrets
    for _ in range(60):
        database.write_bytes(sound)
        flip(database, choose.randrange(8 * len(sound)))
        if database_faults(database):
            noticed += 1
        else:
            assert content(database) == expected
    assert noticed > 30


def test_every_flipped_bit_in_the_log_is_noticed(log: Path) -> None:
    sound = log.read_bytes()
    choose = random.Random(4)  # noqa: S311 - places, not secrets
    for _ in range(30):
        log.write_bytes(sound)
        flip(log, choose.randrange(8 * len(sound)))
        assert has_lost(log)
        assert database_faults(log.with_name("database.sqlite"))


def test_a_transaction_that_was_never_finished_is_no_loss(log: Path) -> None:
    log.write_bytes(log.read_bytes()[:-5000])
    assert not has_lost(log)
    assert database_faults(log.with_name("database.sqlite")) == []


def test_what_was_undone_or_is_left_from_before_is_no_loss(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA cache_size = 2")
    connection.execute("CREATE TABLE t (x)")
    insert = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) "
        "INSERT INTO t SELECT randomblob(3000) FROM n"
    )
    for end in ("ROLLBACK", "COMMIT"):
        connection.execute("BEGIN")
        connection.execute(insert if end == "ROLLBACK" else "INSERT INTO t VALUES (1)")
        connection.execute(end)
    log = tmp_path / "a.sqlite-wal"
    assert not all(frame.intact for frame in frames(log))
    assert not has_lost(log)
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    connection.execute("INSERT INTO t VALUES (2)")
    assert not all(frame.current for frame in frames(log))
    assert not has_lost(log)
    connection.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "UPDATE documents SET text = text || '.' WHERE id = 'id-7'",
            "not what was written: 'id-7'",
        ),
        ("UPDATE documents SET title = CAST(title AS BLOB) WHERE id = 'id-9'", "'id-9'"),
        ("UPDATE latest SET change = 5", "last change is said to be 5"),
        ("DELETE FROM latest", "last change is missing"),
        ("INSERT INTO deletions VALUES (8, 8)", "said to be deleted, too"),
        ("UPDATE sqlite_sequence SET seq = 3", "highest number"),
        ("CREATE TRIGGER t INSERT ON latest BEGIN DELETE FROM documents; END", "did not make.*: t"),
        ("CREATE VIEW v AS SELECT 1", "did not make.*: v"),
        ("DROP INDEX documents_by_change", "tables.*: documents_by_change"),
    ],
)
def test_what_sqlite_finds_sound_is_compared_too(database: Path, change: str, told: str) -> None:
    connection = sqlite3.connect(database)
    connection.execute(change)
    connection.commit()
    connection.close()
    (fault,) = database_faults(database)
    assert re.search(told, fault)


def scramble_schema(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE latest", b"CREATE TABLE \xc1\xc1test"))


def scramble_columns(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"latest (change", b"latest (chance"))


@pytest.mark.parametrize("damage", [scramble_schema, scramble_columns])
def test_a_damaged_schema_is_told_as_damage(database: Path, damage: Callable[[Path], None]) -> None:
    damage(database)
    with pytest.raises(WorkspaceError, match="damaged"):
        DocumentStore(database, writable=False)
    assert database_faults(database)
