"""Whether the database is what was written."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from embedsearch._errors import WorkspaceError
from embedsearch._messages import first_few
from embedsearch._progress import Progress, listener_of
from embedsearch.store.connection import (
    connect,
    foreign_parts,
    guarded,
    missing_parts,
    number_faults,
    quoted_id,
    wal_path,
)
from embedsearch.store.pages import has_lost
from embedsearch.store.rows import content_digest, is_number, is_utf8, row_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# How many faults SQLite lists; the first are enough to decide on a repair.
_MOST_FAULTS = 5
_TYPES = "integer text text text text blob integer"
_COLUMNS = ("number", "id", "title", "text", "metadata", "digest", "change")


def database_faults(
    path: Path, *, quick: bool = False, busy: bool = False, progress: Progress | None = None
) -> list[str]:
    """Say what is wrong with the database, a sentence each; nothing if it is sound.

    `quick` leaves out the documents; `busy` the log, which a writer may be writing.
    """
    if not path.exists():
        return ["it is missing"]
    # SQLite forgets what it cannot read of the log, so this comes first.
    lost = not busy and has_lost(wal_path(path))
    faults = ["its write-ahead log is damaged: the last changes may be lost"] if lost else []
    if not busy and (count := _overwritten(path)):
        which = f"{_are(count)} neither in it nor deleted by it"
        faults.append(f"its write-ahead log is that of another database: {which}")
    try:
        with closing(connect(path, writable=False)) as connection, guarded(path):
            faults += _faults_of(connection, quick, listener_of(progress))
    except WorkspaceError as error:
        # What it says of the file, without the name that stands before it.
        faults.append(error.reason.replace(f"{path.name} is ", "it is ", 1))
    return faults


def _overwritten(path: Path) -> int:
    """Count the documents of the file that its log has overwritten and not deleted.

    A log belongs to one state of one file, but SQLite applies any that is intact to the file.
    """
    log = wal_path(path)
    if not log.exists() or not log.stat().st_size or _is_open_here(path):
        return 0
    alone = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    try:
        with (
            closing(connect(path, writable=False)) as logged,
            closing(sqlite3.connect(alone, uri=True)) as file,
        ):
            return _missing(file, logged)
    except (sqlite3.Error, WorkspaceError, TypeError):
        # Damage is reported by the other checks. A forged file may have text for a number.
        return 0


def _missing(file: sqlite3.Connection, logged: sqlite3.Connection) -> int:
    query, count = "SELECT number, id, change FROM documents ORDER BY number", 0
    rows = iter(logged.execute(query))
    row = next(rows, None)
    for number, id, change in file.execute(query):
        while row is not None and row[0] < number:
            row = next(rows, None)
        if row is None or row[:2] != (number, id) or row[2] < change:
            deleted = logged.execute("SELECT 1 FROM deletions WHERE number = ?", (number,))
            count += deleted.fetchone() is None
    return count


def _is_open_here(path: Path) -> bool:
    """Whether this process has a file open: closing it again would drop its locks.

    See "How To Corrupt An SQLite Database File", sqlite.org, 2.2.
    """
    try:
        return path.resolve() in [file.resolve() for file in Path("/proc/self/fd").iterdir()]
    except (OSError, RuntimeError):
        return False


def _faults_of(connection: sqlite3.Connection, quick: bool, progress: Progress) -> Iterator[str]:
    if wrong := sorted({*foreign_parts(connection), *missing_parts(connection)}):
        yield f"its tables are not those that were made: {', '.join(wrong)}"
        return
    pragma = "quick_check" if quick else "integrity_check"
    answers = [row[0] for row in connection.execute(f"PRAGMA {pragma}({_MOST_FAULTS})")]
    if answers != ["ok"]:
        # SQLite says first which of its databases it means; there is one.
        lines = (str(answer).removeprefix("*** in database main ***\n") for answer in answers)
        yield f"SQLite finds: {'; '.join(line.replace(chr(10), '; ') for line in lines)}"
    if not quick:
        yield from _changed_rows(connection, progress)
        yield from _wrong_origins(connection)
    yield from _wrong_numbers(connection)


def _changed_rows(connection: sqlite3.Connection, progress: Progress) -> Iterator[str]:
    total = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
    types = " || ' ' || ".join(f"typeof({name})" for name in _COLUMNS)
    query = f"SELECT {', '.join(_COLUMNS)}, {types} FROM documents ORDER BY number"
    changed: list[object] = []
    # By the reason, as a forger may make a row whose digest fits.
    broken: dict[str, list[object]] = {}
    with _as_bytes(connection), progress.task("checking documents", total, "documents") as task:
        for *row, kinds in connection.execute(query):
            id, reason = row[1], row_fault(row)
            if kinds != _TYPES.encode() or content_digest(*row[2:5]) != row[5]:
                changed.append(id)
            elif reason is not None:
                broken.setdefault(reason, []).append(id)
            task.advance(1)
    if changed:
        yield f"{_are(len(changed))} not what was written: {_listed(changed)}"
    for reason, ids in broken.items():
        yield f"{_are(len(ids))} not what embedsearch writes ({reason}): {_listed(ids)}"


def _wrong_numbers(connection: sqlite3.Connection) -> Iterator[str]:
    if faults := list(number_faults(connection)):
        yield from faults
        return
    query = "SELECT id FROM documents WHERE number IN (SELECT number FROM deletions)"
    if deleted := [row[0] for row in connection.execute(query)]:
        yield f"{_are(len(deleted))} said to be deleted, too: {_listed(deleted)}"
    query = (
        "SELECT max(coalesce((SELECT max(number) FROM documents), 0), "
        "coalesce((SELECT max(number) FROM deletions), 0)) > "
        "(SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'documents')"
    )
    if connection.execute(query).fetchone()[0]:
        yield "the highest number of a document is lower than that of an existing or deleted one"
    query = (
        "SELECT count(*) FROM origins WHERE number NOT IN (SELECT number FROM documents) "
        "OR source NOT IN (SELECT source FROM sources)"
    )
    if lost := connection.execute(query).fetchone()[0]:
        yield f"{lost:,} notes of where a document is from lead nowhere"


def _wrong_origins(connection: sqlite3.Connection) -> Iterator[str]:
    query = (
        "SELECT path, 1, source FROM sources WHERE typeof(path) <> 'blob' "
        "UNION ALL SELECT key, typeof(key) || typeof(source) || typeof(number) "
        "= 'textintegerinteger', origin FROM origins"
    )
    with _as_bytes(connection):
        rows = connection.execute(query)
        wrong = sum(not (is_utf8(text) and sound and number > 0) for text, sound, number in rows)
    if wrong:
        yield f"{wrong:,} notes of where a document is from are not what embedsearch writes"
    since = connection.execute("SELECT number, change FROM origins_since LIMIT 2").fetchall()
    if len(since) != 1 or not all(is_number(value, least=0) for value in since[0]):
        yield "since when it is known where documents are from is missing, twice, or no number"


@contextmanager
def _as_bytes(connection: sqlite3.Connection) -> Iterator[None]:
    """Read texts as bytes: SQLite refuses those that are not valid."""
    connection.text_factory = bytes
    try:
        yield
    finally:
        connection.text_factory = str


def _are(count: int) -> str:
    return "1 document is" if count == 1 else f"{count:,} documents are"


def _listed(ids: Iterable[object]) -> str:
    return first_few(map(quoted_id, ids))
