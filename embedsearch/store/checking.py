"""Whether the record is what was written."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b
from typing import TYPE_CHECKING

from embedsearch._errors import WorkspaceError
from embedsearch._progress import Progress, SilentProgress
from embedsearch.store.connection import connect, guarded
from embedsearch.store.log import has_lost
from embedsearch.store.schema import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_NAMED = 5
_TYPES = "integer text text text text blob integer"
_COLUMNS = ("number", "id", "title", "text", "metadata", "digest", "change")


def content_digest(title: bytes, text: bytes, metadata: bytes) -> bytes:
    """Return the digest that a row of these contents has, in UTF-8."""
    return blake2b(b"\0".join((title, text, metadata)), digest_size=16).digest()


def record_faults(
    path: Path, *, quick: bool = False, busy: bool = False, progress: Progress | None = None
) -> list[str]:
    """Say what is wrong with the record, a sentence each; nothing where it is sound.

    Args:
        path: The SQLite file.
        quick: Look at the pages, but not at the documents.
        busy: A writer may be at work; then the log, which it is writing, is left out.
        progress: A listener.
    """
    if not path.exists():
        return [f"{path.name} is missing"]
    # SQLite forgets what it cannot read of the log, so this comes first.
    lost = not busy and has_lost(path.with_name(path.name + "-wal"))
    faults = ["its write-ahead log is damaged: the last changes may be lost"] if lost else []
    try:
        connection = connect(path, writable=False)
    except WorkspaceError as error:
        return [*faults, error.reason]
    try:
        with guarded(path):
            faults += _faults_of(connection, quick, progress or SilentProgress())
    except WorkspaceError as error:
        faults.append(error.reason)
    finally:
        connection.close()
    return faults


def unexpected_tables(connection: sqlite3.Connection) -> list[str]:
    """Name what is in the schema and should not be, or is missing or changed.

    A trigger or a view of somebody else would run when the record is read or written.
    """
    reference = sqlite3.connect(":memory:")
    try:
        reference.executescript(SCHEMA)
        expected = _schema_of(reference)
    finally:
        reference.close()
    found = _schema_of(connection)
    names = {name for kind, name, table, sql in expected ^ found}
    return sorted(name for name in names if not name.startswith("sqlite_stat"))


def _schema_of(connection: sqlite3.Connection) -> set[tuple[str, str, str, str | None]]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master"
    return set(connection.execute(query).fetchall())


def _faults_of(connection: sqlite3.Connection, quick: bool, progress: Progress) -> Iterator[str]:
    if others := unexpected_tables(connection):
        yield f"its tables are not those that were made: {', '.join(others)}"
        return
    pragma = "quick_check" if quick else "integrity_check"
    answers = [row[0] for row in connection.execute(f"PRAGMA {pragma}({_NAMED})")]
    if answers != ["ok"]:
        yield "; ".join(str(answer).replace("\n", " ") for answer in answers)
    if not quick:
        yield from _changed_rows(connection, progress)
    yield from _wrong_numbers(connection)


def _changed_rows(connection: sqlite3.Connection, progress: Progress) -> Iterator[str]:
    total = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
    types = " || ' ' || ".join(f"typeof({name})" for name in _COLUMNS)
    # As bytes: what is no valid text any more would not be given otherwise.
    connection.text_factory = bytes
    query = f"SELECT {', '.join(_COLUMNS)}, {types} FROM documents ORDER BY number"
    wrong: list[bytes] = []
    with progress.task("checking documents", total, "documents") as task:
        for _, id, title, text, metadata, digest, _, kinds in connection.execute(query):
            if kinds != _TYPES.encode() or content_digest(title, text, metadata) != digest:
                wrong.append(id)
            task.advance(1)
    connection.text_factory = str
    if wrong:
        yield f"{_counted(len(wrong))} not what was written: {_listed(wrong)}"


def _wrong_numbers(connection: sqlite3.Connection) -> Iterator[str]:
    latest = connection.execute("SELECT change, typeof(change) FROM latest").fetchall()
    if len(latest) != 1 or latest[0][1] != "integer":
        yield "the number of the last change is not there, or there twice"
        return
    both = "SELECT change FROM documents UNION ALL SELECT change FROM deletions"
    (highest,) = connection.execute(f"SELECT coalesce(max(change), 0) FROM ({both})").fetchone()
    if latest[0][0] < highest:
        yield f"the last change is said to be {latest[0][0]}, but there is a change {highest}"
    query = "SELECT id FROM documents WHERE number IN (SELECT number FROM deletions)"
    if deleted := [row[0] for row in connection.execute(query)]:
        yield f"{_counted(len(deleted))} said to be deleted, too: {_listed(deleted)}"
    query = (
        "SELECT count(*) FROM documents WHERE number > "
        "(SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'documents')"
    )
    if connection.execute(query).fetchone()[0]:
        yield "the highest number of a document is lower than that of one that is there"


def _counted(count: int) -> str:
    return "1 document is" if count == 1 else f"{count:,} documents are"


def _listed(ids: Iterable[object]) -> str:
    shown = [id.decode("utf-8", "replace") if isinstance(id, bytes) else str(id) for id in ids]
    more = ", ..." if len(shown) > _NAMED else ""
    return ", ".join(map(repr, shown[:_NAMED])) + more
