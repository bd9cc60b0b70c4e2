"""The SQLite file: how it is opened, its tables, and how the errors of SQLite become ours."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from embedsearch._checks import Choice, check
from embedsearch._errors import (
    StorageError,
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceLockedError,
    WorkspaceReadOnlyError,
)
from embedsearch._io import flush_folder
from embedsearch._messages import cut, quoted
from embedsearch.store.rows import is_number, is_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Writers of a workspace have another lock, too, so that SQLite's is only held for moments.
_SECONDS_TO_WAIT = 10
_DAMAGE = ("malformed", "not a database", "no such table", "no such column", "decode to UTF-8")
# Python cannot decode what SQLite says of a damaged schema, which it quotes.
_SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
_ADVICE = "run `embedsearch verify`, then `embedsearch repair`, or restore a backup"

# How commits are flushed, and what SQLite calls it.
_SYNCHRONOUS = {"full": "FULL", "relaxed": "NORMAL"}


def check_durability(durability: str) -> None:
    """Raise `ParameterError` unless it is "full" or "relaxed"."""
    check("durability", durability, Choice(tuple(_SYNCHRONOUS)))


def connect(path: Path, *, writable: bool, durability: str = "full") -> sqlite3.Connection:
    """Open the file; a writer creates it, with its tables, if there is none.

    The journal is a write-ahead log, so that readers never wait for the writer. With the durability
    "full", each commit is flushed to the disk. With "relaxed", the log is flushed before its pages
    are written to the file: if the power fails, the last commits may be lost, but those before
    stay as they were.
    """
    _check_no_journal(path)
    with guarded(path):
        if not writable:
            return _open_reader(path)
        is_new = not path.exists()
        with _opened(path, "rwc") as connection:
            if not is_new:
                _check_mode(connection)
            _set_durability(connection, _SYNCHRONOUS[durability])
            create_tables(connection)
    if is_new:
        flush_folder(path.parent)
    return connection


class Database:
    """An open file, as by `connect`: statements on it raise our errors."""

    def __init__(self, path: Path, *, writable: bool, durability: str = "full") -> None:
        self.path = path
        self.connection = connect(path, writable=writable, durability=durability)

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        """Execute a statement."""
        # Not `with guarded(...)`, as that takes four times as long as a small query.
        try:
            return self.connection.execute(statement, values)
        except _SQLITE_ERRORS as error:
            raise _translated(self.path, error) from error

    def row(self, query: str, *values: object) -> tuple[Any, ...] | None:
        """Return the first row of an answer, or None."""
        try:
            row: tuple[Any, ...] | None = self.connection.execute(query, values).fetchone()
        except _SQLITE_ERRORS as error:
            raise _translated(self.path, error) from error
        return row

    def number(self, query: str, *values: object) -> int:
        """Return the number that an answer is; 0 if it is empty or null."""
        row = self.row(query, *values)
        return 0 if row is None else int(row[0] or 0)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return all rows of an answer."""
        try:
            return self.connection.execute(query, values).fetchall()
        except _SQLITE_ERRORS as error:
            raise _translated(self.path, error) from error

    def batches(self, query: str, *values: object, size: int = 500) -> Iterator[list[Any]]:
        """Yield the rows of a large answer, so many at a time."""
        cursor = self.execute(query, *values)
        while True:
            with guarded(self.path):
                rows = cursor.fetchmany(size)
            if not rows:
                return
            yield rows


def wal_path(path: Path) -> Path:
    """Return where SQLite keeps the write-ahead log of a file."""
    return path.with_name(f"{path.name}-wal")


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Raise our errors in place of those of SQLite."""
    try:
        yield
    except _SQLITE_ERRORS as error:
        raise _translated(path, error) from error


def shown_path(path: str | bytes) -> str:
    """Return the path of a source as text."""
    return path if isinstance(path, str) else path.decode("utf-8", "backslashreplace")


def broken_document(path: Path, id: object, reason: str) -> WorkspaceDamagedError:
    """Return the error for a document that cannot be read; its id may be broken, too."""
    return damaged(path, f"document {quoted_id(id)} cannot be read: {reason}")


def quoted_id(id: object) -> str:
    """Return an id in quotation marks, one that is not valid text, too."""
    return quoted(id.decode("utf-8", "replace") if isinstance(id, bytes) else str(id))


def damaged(path: Path, reason: str) -> WorkspaceDamagedError:
    """Return the error for a file with contents that we never write."""
    return WorkspaceDamagedError(path.parent, f"{path.name} is damaged: {reason}; {_ADVICE}")


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """Open and check the file; close it again only if that or what is done then fails."""
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    connection = sqlite3.connect(
        # Without an isolation level Python begins no transactions of its own; and the threads of
        # a reader share one connection.
        uri,
        uri=True,
        timeout=_SECONDS_TO_WAIT,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _defend(connection)
        _check_size(path, connection)
        _check_schema(path, connection)
        yield connection
    except BaseException:
        connection.close()
        raise


def _open_reader(path: Path) -> sqlite3.Connection:
    query = "SELECT change FROM latest"
    try:
        with _opened(path, "ro") as connection:
            _check_mode(connection)
            connection.execute(query).fetchone()
            return connection
    except sqlite3.OperationalError:
        # Reading a write-ahead log needs a shared-memory file next to it, which cannot be made in a
        # folder without write access; but such a folder has no writer either.
        if os.access(path.parent, os.W_OK):
            raise
        _check_no_log(path)
        # Neither a journal nor a log is looked at, and nothing is written.
        with _opened(path, "ro&immutable=1") as connection:
            connection.execute(query).fetchone()
            return connection


def _set_durability(connection: sqlite3.Connection, synchronous: str) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    # Only macOS knows the difference: there, fsync alone leaves data in the disk's own cache.
    connection.execute(f"PRAGMA fullfsync = {int(synchronous == 'FULL')}")
    connection.execute("PRAGMA checkpoint_fullfsync = 1")


def _check_mode(connection: sqlite3.Connection) -> None:
    """Refuse a file that was made to use a rollback journal; all of ours have a log."""
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        raise sqlite3.DatabaseError("file is not a database with a write-ahead log")


def _defend(connection: sqlite3.Connection) -> None:
    """Let SQLite trust the file as little as it can; extensions are off unless switched on.

    Source: "Defense Against The Dark Arts", https://www.sqlite.org/security.html.
    """
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)


def _check_no_journal(path: Path) -> None:
    # A rollback journal is never ours, as the journal is a write-ahead log. SQLite would not only
    # undo what it says, but remove any file that it names as its super-journal.
    journal = path.with_name(f"{path.name}-journal")
    if os.path.lexists(journal):
        reason = (
            f"{journal.name} does not belong in a workspace, and SQLite would remove the files "
            "that it names; move it out, or run `embedsearch repair`, which puts it aside"
        )
        raise WorkspaceDamagedError(path.parent, reason)


def _check_no_log(path: Path) -> None:
    # The changes in it were acknowledged, and would be missing.
    log = wal_path(path)
    if log.exists() and log.stat().st_size:
        reason = (
            f"{log.name} has changes that cannot be read where nothing can be written; "
            "copy the workspace to a folder that can be written to, and open it there"
        )
        raise WorkspaceReadOnlyError(path.parent, reason)


def _check_size(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a truncated file: SQLite reads the missing part of a page as zeros."""
    # SQLite reads the header, not we: closing a file drops all locks that the process has on it
    # ("How To Corrupt An SQLite Database File", sqlite.org, 2.2), and with them those of other
    # connections. Another process would then take away the log that they use.
    if not path.exists() or not (size := path.stat().st_size):
        return
    if size % int(connection.execute("PRAGMA page_size").fetchone()[0]):
        raise sqlite3.DatabaseError("file is not a database, or is malformed: it was cut")


def _check_schema(path: Path, connection: sqlite3.Connection) -> None:
    # SQLite would run the triggers, views and expressions of somebody else.
    if foreign := foreign_parts(connection):
        reason = f"{path.name} has parts that embedsearch did not make: {', '.join(foreign)}"
        raise WorkspaceDamagedError(path.parent, reason)


def _undecodable(path: Path) -> bytes | None:
    """Find the first document that is not valid UTF-8; SQLite does not say which it was."""
    query = "SELECT CAST(id AS BLOB), title, text, metadata FROM documents ORDER BY number"
    try:
        with closing(_open_reader(path)) as connection:
            connection.text_factory = bytes
            for id, *fields in connection.execute(query):
                if not all(map(is_utf8, (id, *fields))):
                    return bytes(id)
    except (sqlite3.Error, WorkspaceError):
        pass
    return None


def _translated(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> WorkspaceError:
    text, folder = str(error), path.parent
    if isinstance(error, UnicodeDecodeError):
        return WorkspaceDamagedError(folder, f"{path.name} is damaged (its schema cannot be read)")
    if "decode to UTF-8" in text and (id := _undecodable(path)) is not None:
        return broken_document(path, id, "its text, title, metadata or id is not valid UTF-8")
    if "full" in text:
        return StorageError(folder, "the disk is full; nothing was changed")
    if "disk I/O" in text:
        return StorageError(folder, f"{path.name} cannot be written or read (disk I/O error)")
    if "readonly" in text:
        return WorkspaceReadOnlyError(folder, "the folder or the disk cannot be written to")
    if "locked" in text or "busy" in text:
        return WorkspaceLockedError(folder, "another process is writing; try again when it is done")
    if any(sign in text for sign in _DAMAGE):
        return WorkspaceDamagedError(folder, f"{path.name} is damaged ({text})")
    return StorageError(folder, f"{path.name}: {text}")


# Indexes have two columns at least, so that those of documents are known by their shape when
# pages of a damaged file are read one by one.
SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    metadata TEXT NOT NULL,
    digest BLOB NOT NULL,
    change INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS documents_by_change ON documents (change);
CREATE TABLE IF NOT EXISTS deletions (
    number INTEGER PRIMARY KEY,
    change INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS deletions_by_change ON deletions (change);
CREATE TABLE IF NOT EXISTS latest (change INTEGER NOT NULL);
INSERT INTO latest SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM latest);
CREATE TABLE IF NOT EXISTS sources (
    source INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    UNIQUE (path, source)
);
CREATE TABLE IF NOT EXISTS origins (
    origin INTEGER PRIMARY KEY,
    source INTEGER NOT NULL,
    key TEXT NOT NULL,
    number INTEGER NOT NULL,
    UNIQUE (source, key)
);
CREATE INDEX IF NOT EXISTS origins_by_number ON origins (number, source);
CREATE TABLE IF NOT EXISTS origins_since (number INTEGER NOT NULL, change INTEGER NOT NULL);
INSERT INTO origins_since SELECT (SELECT coalesce(max(number), 0) FROM documents), change
    FROM latest WHERE NOT EXISTS (SELECT 1 FROM origins_since);
"""

# SQLite makes these itself, for ANALYZE.
_STATISTICS = {
    "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}


class _Part(NamedTuple):
    """A table, index, trigger or view, as SQLite lists it."""

    type: str
    name: str
    table: str
    sql: str | None


def create_tables(connection: sqlite3.Connection, schema: str = SCHEMA) -> None:
    """Create the tables that are missing, all of them or none."""
    connection.executescript(f"BEGIN IMMEDIATE;{schema}COMMIT;")


def foreign_parts(connection: sqlite3.Connection) -> list[str]:
    """Name the tables, indexes, triggers and views that are not as `SCHEMA` makes them."""
    return _names(_parts(connection) - _expected())


def missing_parts(connection: sqlite3.Connection) -> list[str]:
    """Name the tables and indexes that `SCHEMA` makes and that the file does not have."""
    return _names(_expected() - _parts(connection))


def number_faults(connection: sqlite3.Connection) -> Iterator[str]:
    """Say which numbers of documents or changes are out of range, a sentence each.

    Only the ends of indexes are looked at, so that every opening can afford it.
    """
    latest = [row[0] for row in connection.execute("SELECT change FROM latest LIMIT 2")]
    if len(latest) != 1:
        yield "the number of the last change is missing, or stored twice"
    elif not is_number(latest[0], least=0):
        yield f"the number of the last change is {_shown(latest[0])}"
    else:
        yield from _later_changes(connection)
    # As bytes: an id that is no valid text is no reason not to open.
    yield from _out_of_range(connection, "documents", "CAST(id AS BLOB)", "document")
    yield from _out_of_range(connection, "deletions", "number", "the deleted document")
    query = "SELECT seq FROM sqlite_sequence WHERE name = 'documents' LIMIT 2"
    sequences = [row[0] for row in connection.execute(query)]
    if len(sequences) > 1:
        yield "the highest number of a document is stored twice"
    elif sequences and not is_number(sequences[0], least=0):
        yield f"the highest number of a document is {_shown(sequences[0])}"


@cache
def _expected() -> frozenset[_Part]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        return _parts(connection)


def _parts(connection: sqlite3.Connection) -> frozenset[_Part]:
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
    return frozenset(part for part in map(_Part._make, rows) if part.sql not in _STATISTICS)


def _names(parts: frozenset[_Part]) -> list[str]:
    return sorted({str(part.name) for part in parts})


def _later_changes(connection: sqlite3.Connection) -> Iterator[str]:
    # One statement sees one state, whatever a writer does.
    query = (
        "SELECT change, (SELECT max(change) FROM documents), (SELECT max(change) FROM deletions) "
        "FROM latest"
    )
    latest, *highest = connection.execute(query).fetchone()
    if later := [change for change in highest if is_number(change) and change > latest]:
        yield f"the last change is said to be {latest}, but there is a change {max(later)}"


def _out_of_range(
    connection: sqlite3.Connection, table: str, name: str, what: str
) -> Iterator[str]:
    for column, of in (("number", "number"), ("change", "change number")):
        for end in ("min", "max"):
            # SQLite gives the other column of the row that has the least, or the greatest.
            query = f"SELECT {end}({column}), {name} FROM {table}"
            value, which = connection.execute(query).fetchone()
            if value is not None and not is_number(value):
                shown = which.decode("utf-8", "replace") if isinstance(which, bytes) else which
                yield f"the {of} of {what} {_shown(shown)} is {_shown(value)}"
                break


def _shown(value: object) -> str:
    return cut(repr(value), 40)
