"""How the SQLite file is opened, and how its errors become ours."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from embedsearch._errors import (
    ParameterError,
    StorageError,
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceLockedError,
    WorkspaceReadOnlyError,
)
from embedsearch._io import flush_folder
from embedsearch.store.limits import shortened
from embedsearch.store.schema import SCHEMA, parts_of_others

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_SECONDS_TO_WAIT = 10
_DAMAGE = ("malformed", "not a database", "no such table", "no such column", "decode to UTF-8")
_ADVICE = "run `embedsearch verify`, then `embedsearch repair`, or restore a backup"

DURABILITIES = {"full": "FULL", "relaxed": "NORMAL"}
"""How commits are flushed, and what SQLite calls it."""


def check_durability(durability: str) -> None:
    """Raise `ParameterError` for a level that there is not."""
    if durability not in DURABILITIES:
        raise ParameterError("durability", '"full" or "relaxed"', durability)


def connect(path: Path, *, writable: bool, durability: str = "full") -> sqlite3.Connection:
    """Open the file; a writer makes it, with its tables, where there is none.

    The journal is a write-ahead log, so that readers never wait for the writer.

    Args:
        path: The file.
        writable: Whether to open it for writing.
        durability: With "full", each commit is flushed to the disk. With "relaxed", the log is
            flushed before it is taken over into the file: when the power fails, the last
            commits may be lost, but those before are there as they were.

    Raises:
        ParameterError: There is no such level.
        WorkspaceError: The file cannot be opened.
    """
    check_durability(durability)
    _check_beside(path)
    with guarded(path):
        if not writable:
            return _open_reader(path)
        is_new = not path.exists()
        prepare = partial(_prepare, DURABILITIES[durability], is_new=is_new)
        opened = _opened(path, "rwc", prepare)
    if is_new:
        flush_folder(path.parent)
    return opened


def _check_beside(path: Path) -> None:
    """Refuse what lies beside the file and is not ours, before SQLite acts on it.

    A rollback journal is never ours, as the journal is a write-ahead log; SQLite would not only
    undo what it says, but remove any file that it names as its super-journal.
    """
    journal = path.with_name(f"{path.name}-journal")
    if os.path.lexists(journal):
        reason = (
            f"{journal.name} does not belong in a workspace, and SQLite would remove the files "
            "that it names; move it out, or run `embedsearch repair`, which puts it aside"
        )
        raise WorkspaceDamagedError(path.parent, reason)


def _check_size(path: Path, connection: sqlite3.Connection) -> None:
    """Notice a file that was cut: SQLite reads the part of a page that is missing as zeros.

    SQLite reads the header, not we: closing a file drops all locks that the process has on it
    ("How To Corrupt An SQLite Database File", sqlite.org, 2.2), and with them those of other
    connections. Another process would then take away the log that they use.
    """
    if not path.exists() or not (size := path.stat().st_size):
        return
    if size % int(connection.execute("PRAGMA page_size").fetchone()[0]):
        raise sqlite3.DatabaseError("file is not a database, or is malformed: it was cut")


def _check_schema(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse triggers, views and tables that are not ours: SQLite would run what they say."""
    if strange := parts_of_others(connection):
        reason = f"{path.name} has parts that embedsearch did not make: {', '.join(strange)}"
        raise WorkspaceDamagedError(path.parent, reason)


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Raise our errors for those of SQLite."""
    try:
        yield
    except sqlite3.Error as error:
        if "decode to UTF-8" in str(error) and (id := _undecodable(path)) is not None:
            reason = "its text, title, metadata or id is not valid UTF-8"
            raise broken_document(path, id, reason) from error
        raise _translated(path, error) from error
    except UnicodeDecodeError as error:
        # What SQLite says of a damaged schema quotes it.
        reason = f"{path.name} is damaged (its schema cannot be read)"
        raise WorkspaceDamagedError(path.parent, reason) from error


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


def is_utf8(field: object) -> bool:
    """Whether a field, read as bytes, can be read as text."""
    if not isinstance(field, bytes):
        return False
    try:
        field.decode()
    except UnicodeDecodeError:
        return False
    return True


def broken_document(path: Path, id: object, reason: str) -> WorkspaceDamagedError:
    """Return the error for a document that cannot be read.

    Args:
        path: The SQLite file.
        id: That of the document; it may be broken itself.
        reason: What is wrong with it.
    """
    shown = id.decode("utf-8", "replace") if isinstance(id, bytes) else str(id)
    return damaged_record(path, f"document {shortened(shown)} cannot be read: {reason}")


def damaged_record(path: Path, reason: str) -> WorkspaceDamagedError:
    """Return the error for a record that has what we never write."""
    return WorkspaceDamagedError(path.parent, f"{path.name} is damaged: {reason}; {_ADVICE}")


def _opened(
    path: Path, mode: str, first: Callable[[sqlite3.Connection], object]
) -> sqlite3.Connection:
    """Open the file and do what must be done first; close it again if that fails."""
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=_SECONDS_TO_WAIT, isolation_level=None, check_same_thread=False
    )
    try:
        _defend(connection)
        _check_size(path, connection)
        _check_schema(path, connection)
        first(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _defend(connection: sqlite3.Connection) -> None:
    """Let SQLite trust the file as little as it can; extensions are off unless switched on.

    Source: "Defense Against The Dark Arts", https://www.sqlite.org/security.html.
    """
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)


def _check_mode(connection: sqlite3.Connection) -> None:
    """Refuse a file that was made to use a rollback journal; all of ours have a log."""
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        raise sqlite3.DatabaseError("file is not a database with a write-ahead log")


def _prepare(synchronous: str, connection: sqlite3.Connection, *, is_new: bool) -> None:
    if not is_new:
        _check_mode(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    # Only macOS knows the difference: there, fsync alone leaves data in the disk's own cache.
    connection.execute(f"PRAGMA fullfsync = {int(synchronous == 'FULL')}")
    connection.execute("PRAGMA checkpoint_fullfsync = 1")
    # As one: a process that dies in between must leave the tables of one version.
    connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}COMMIT;")


def _try_log(connection: sqlite3.Connection) -> None:
    _check_mode(connection)
    _try(connection)


def _try(connection: sqlite3.Connection) -> None:
    connection.execute("SELECT change FROM latest").fetchone()


def _open_reader(path: Path) -> sqlite3.Connection:
    try:
        return _opened(path, "ro", _try_log)
    except sqlite3.OperationalError:
        # A write-ahead log needs a file beside it, even to read; a folder that cannot be
        # written to has no writer either.
        if os.access(path.parent, os.W_OK):
            raise
        _check_no_log(path)
        # Neither a journal nor a log is looked at, and nothing is written.
        return _opened(path, "ro&immutable=1", _try)


def _check_no_log(path: Path) -> None:
    """Refuse a log that cannot be read: what it has was acknowledged, and would be missing."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        reason = (
            f"{log.name} has changes that cannot be read where nothing can be written; "
            "copy the workspace to a folder that can be written to, and open it there"
        )
        raise WorkspaceReadOnlyError(path.parent, reason)


def _translated(path: Path, error: sqlite3.Error) -> WorkspaceError:
    text, folder = str(error), path.parent
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
