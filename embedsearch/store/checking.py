"""Whether the record is what was written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from embedsearch._errors import InputError, WorkspaceError
from embedsearch._progress import Progress, SilentProgress
from embedsearch.store.connection import connect, guarded, is_utf8
from embedsearch.store.limits import MOST_NUMBER, shortened
from embedsearch.store.log import has_lost
from embedsearch.store.metadata import BrokenRowError
from embedsearch.store.numbers import is_number, number_faults
from embedsearch.store.schema import (
    DOCUMENTS,
    ORIGINS,
    content_digest,
    has_origins,
    to_document,
    to_row,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_NAMED = 5
_TYPES = "integer text text text text blob integer"
_COLUMNS = ("number", "id", "title", "text", "metadata", "digest", "change")


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
        return ["it is missing"]
    # SQLite forgets what it cannot read of the log, so this comes first.
    lost = not busy and has_lost(path.with_name(path.name + "-wal"))
    faults = ["its write-ahead log is damaged: the last changes may be lost"] if lost else []
    if not busy and (count := _overwritten(path)):
        which = f"{_counted(count)} neither in it nor deleted by it"
        faults.append(f"its write-ahead log is that of another record: {which}")
    try:
        connection = connect(path, writable=False)
    except WorkspaceError as error:
        return [*faults, _of_it(error, path)]
    try:
        with guarded(path):
            faults += _faults_of(connection, quick, progress or SilentProgress())
    except WorkspaceError as error:
        faults.append(_of_it(error, path))
    finally:
        connection.close()
    return faults


def _of_it(error: WorkspaceError, path: Path) -> str:
    """Return what an error says of a file, without the name that stands before it."""
    return error.reason.replace(f"{path.name} is ", "it is ", 1)


def _overwritten(path: Path) -> int:
    """Count the documents of the file that its log has overwritten and not deleted.

    A log belongs to one state of one file. SQLite lays any that is whole over the file, and in
    the end writes it there.
    """
    log = path.with_name(path.name + "-wal")
    if not log.exists() or not log.stat().st_size or _is_open_here(path):
        return 0
    alone = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    try:
        with (
            closing(connect(path, writable=False)) as logged,
            closing(sqlite3.connect(alone, uri=True)) as file,
        ):
            return _missing(file, logged)
    except (sqlite3.Error, WorkspaceError):
        # Damage is reported by the other checks.
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
    """Tell whether this process has a file open: closing it again would drop its locks.

    See "How To Corrupt An SQLite Database File", sqlite.org, 2.2.
    """
    try:
        return path.resolve() in [file.resolve() for file in Path("/proc/self/fd").iterdir()]
    except (OSError, RuntimeError):
        return False


def unexpected_tables(connection: sqlite3.Connection) -> list[str]:
    """Name what is in the schema and should not be, or is missing or changed.

    A trigger or a view of somebody else would run when the record is read or written.
    """
    found = _schema_of(connection)
    reference = sqlite3.connect(":memory:")
    try:
        reference.executescript(DOCUMENTS)
        if has_origins(connection):
            reference.executescript(ORIGINS)
        expected = _schema_of(reference)
    finally:
        reference.close()
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
        # SQLite says first which of its databases it means; there is one.
        said = (str(answer).removeprefix("*** in database main ***\n") for answer in answers)
        yield f"SQLite finds: {'; '.join(each.replace(chr(10), '; ') for each in said)}"
    if not quick:
        yield from _changed_rows(connection, progress)
        if has_origins(connection):
            yield from _wrong_origins(connection)
    yield from _wrong_numbers(connection)


def _changed_rows(connection: sqlite3.Connection, progress: Progress) -> Iterator[str]:
    total = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
    types = " || ' ' || ".join(f"typeof({name})" for name in _COLUMNS)
    # As bytes: what is no valid text any more would not be given otherwise.
    connection.text_factory = bytes
    query = f"SELECT {', '.join(_COLUMNS)}, {types} FROM documents ORDER BY number"
    changed: list[object] = []
    # By the reason, as a forger may make a row whose digest fits.
    broken: dict[str, list[object]] = {}
    with progress.task("checking documents", total, "documents") as task:
        for *row, kinds in connection.execute(query):
            id, reason = row[1], row_fault(row)
            if kinds != _TYPES.encode() or content_digest(*row[2:5]) != row[5]:
                changed.append(id)
            elif reason is not None:
                broken.setdefault(reason, []).append(id)
            task.advance(1)
    connection.text_factory = str
    if changed:
        yield f"{_counted(len(changed))} not what was written: {_listed(changed)}"
    for reason, ids in broken.items():
        yield f"{_counted(len(ids))} not what embedsearch writes ({reason}): {_listed(ids)}"


def row_fault(row: Sequence[object]) -> str | None:
    """Say what is wrong with a row; None if `to_row` may have made it.

    Args:
        row: Number, id, title, text, metadata, digest and change; the texts as bytes.
    """
    number, *fields, _, change = row
    if not (is_number(number) and is_number(change)):
        return f"its number or that of its change is not between 1 and {MOST_NUMBER:,}"
    texts = [field.decode() for field in fields if isinstance(field, bytes) and is_utf8(field)]
    if len(texts) < len(fields):
        return "its id, title, text or metadata is not valid UTF-8"
    try:
        to_row(to_document(*texts))
    except BrokenRowError as error:
        return str(error)
    except InputError:
        return "it is beyond the limits of a document"
    return None


def _wrong_numbers(connection: sqlite3.Connection) -> Iterator[str]:
    if faults := list(number_faults(connection)):
        yield from faults
        return
    query = "SELECT id FROM documents WHERE number IN (SELECT number FROM deletions)"
    if deleted := [row[0] for row in connection.execute(query)]:
        yield f"{_counted(len(deleted))} said to be deleted, too: {_listed(deleted)}"
    query = (
        "SELECT max(coalesce((SELECT max(number) FROM documents), 0), "
        "coalesce((SELECT max(number) FROM deletions), 0)) > "
        "(SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'documents')"
    )
    if connection.execute(query).fetchone()[0]:
        yield "the highest number of a document is lower than that of one that is or was there"
    if has_origins(connection):
        query = (
            "SELECT count(*) FROM origins WHERE number NOT IN (SELECT number FROM documents) "
            "OR source NOT IN (SELECT source FROM sources)"
        )
        if lost := connection.execute(query).fetchone()[0]:
            yield f"{lost:,} notes of where a document is from lead nowhere"


def _wrong_origins(connection: sqlite3.Connection) -> Iterator[str]:
    """Say what cannot have been written of where documents are from."""
    # As bytes: what is no valid text would not be given otherwise.
    connection.text_factory = bytes
    rows = connection.execute(
        "SELECT path, 1, source FROM sources WHERE typeof(path) <> 'blob' "
        "UNION ALL SELECT key, typeof(key) || typeof(source) || typeof(number) "
        "= 'textintegerinteger', origin FROM origins"
    )
    wrong = sum(not (is_utf8(text) and sound and number > 0) for text, sound, number in rows)
    connection.text_factory = str
    if wrong:
        yield f"{wrong:,} notes of where a document is from are not what embedsearch writes"
    since = connection.execute("SELECT number, change FROM origins_since LIMIT 2").fetchall()
    if len(since) != 1 or not all(is_number(value, least=0) for value in since[0]):
        yield "since when it is known where documents are from is not there, twice, or no number"


def _counted(count: int) -> str:
    return "1 document is" if count == 1 else f"{count:,} documents are"


def _listed(ids: Iterable[object]) -> str:
    shown = [id.decode("utf-8", "replace") if isinstance(id, bytes) else str(id) for id in ids]
    more = ", ..." if len(shown) > _NAMED else ""
    return ", ".join(map(shortened, shown[:_NAMED])) + more
