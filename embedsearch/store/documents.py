"""The record: every document, in SQLite.

Each change gives the document the next change number. What is derived from the record
remembers the number that it has reached, and asks for what came later.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any

from embedsearch._errors import (
    ParameterError,
    StorageError,
    UnknownDocumentError,
    WorkspaceError,
)
from embedsearch._io import flush_file, flush_folder
from embedsearch.store.connection import broken_document, connect, damaged_record, guarded
from embedsearch.store.limits import MOST_NUMBER
from embedsearch.store.metadata import BrokenRowError
from embedsearch.store.numbers import is_number, number_faults
from embedsearch.store.origins import Origin, Origins, shown
from embedsearch.store.schema import Row, has_origins, to_document, to_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from embedsearch._types import Document, IntVector
    from embedsearch.store.where.filtering import Filters
    from embedsearch.text.source_stream import LeftOut

_FIELDS = "id, title, text, metadata"
_BATCH = 500
# Copied at once; in between an interrupt is heard.
_PAGES = 4096


@dataclass(frozen=True, slots=True)
class Changes:
    """What adding documents did.

    Attributes:
        added: Documents that are new.
        updated: Documents whose text, title or metadata changed.
        unchanged: Documents that were there already, as they are.
        renamed: Of those added, how many have another id than their own, which belongs to a
            document of another source.
        replaced: Of those updated, how many took the place of a document of another source.
        vanished: Documents of the sources that come from files or rows that are gone.
        pruned: Of those, how many were deleted.
        empty: Documents without a text.
        left_out: Files that could not be read, or not to their end.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    renamed: int = 0
    replaced: int = 0
    vanished: int = 0
    pruned: int = 0
    empty: int = 0
    left_out: tuple[LeftOut, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        counts = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**counts, "left_out": [each.to_json() for each in self.left_out]}


class DocumentStore:
    """Documents by id and by number; a number is never used twice.

    Args:
        path: The SQLite file.
        writable: Whether to open for writing, and to make the file where there is none.
        durability: How a commit is flushed; see `connect`.

    Attributes:
        in_snapshot: Whether a thread reads one state of the record; see `snapshot`.
    """

    def __init__(self, path: Path, *, writable: bool, durability: str = "full") -> None:
        self.path, self.writable = path, writable
        self._flushes = writable and durability == "full"
        self._connection = connect(path, writable=writable, durability=durability)
        files = (path, path.with_name(f"{path.name}-wal"))
        self._identities = {file: _identity(file) for file in files if file.exists()}
        self._standing_still = RLock()
        self.in_snapshot = False
        # A notebook forgets to close.
        self._close = weakref.finalize(self, self._connection.close)
        with guarded(path):
            fault = next(number_faults(self._connection), None)
        if fault is not None:
            self.close()
            raise damaged_record(path, fault)

    def close(self) -> None:
        """Close the file; a change that was not committed is undone."""
        self._close()

    def __len__(self) -> int:
        return int(self._one("SELECT count(*) FROM documents"))

    def __contains__(self, id: object) -> bool:
        return self._number(id) is not None

    @property
    def in_transaction(self) -> bool:
        """Whether there are changes that may yet be undone."""
        return bool(self._connection.in_transaction)

    @property
    def change(self) -> int:
        """The number of the last change.

        Raises:
            WorkspaceDamagedError: It is not there, or there twice, or is no such number.
        """
        with guarded(self.path):
            rows = self._connection.execute("SELECT change FROM latest LIMIT 2").fetchall()
        if len(rows) != 1 or not is_number(rows[0][0], least=0):
            raise damaged_record(self.path, "the number of the last change is not one")
        return rows[0][0]

    def get(self, id: str) -> Document:
        """Return a document.

        Raises:
            UnknownDocumentError: There is none of this id.
        """
        with guarded(self.path):
            row = self._connection.execute(
                f"SELECT {_FIELDS} FROM documents WHERE id = ?",
                (id,),
            ).fetchone()
        if row is None:
            raise UnknownDocumentError(id, self.similar_ids(id))
        return self._document(row)

    def number(self, id: str) -> int:
        """Return the number of a document.

        Raises:
            UnknownDocumentError: There is none of this id.
        """
        number = self._number(id)
        if number is None:
            raise UnknownDocumentError(id, self.similar_ids(id))
        return number

    def origin(self, id: str) -> Origin | None:
        """Return where a document is from; None where that is not known.

        Raises:
            UnknownDocumentError: There is none of this id.
        """
        number = self.number(id)
        if not has_origins(self._connection):
            return None
        query = (
            "SELECT path, key FROM origins JOIN sources USING (source) "
            "WHERE number = ? ORDER BY origin"
        )
        with guarded(self.path):
            row = self._connection.execute(query, (number,)).fetchone()
        return None if row is None else Origin(shown(row[0]), str(row[1]))

    def by_number(self, numbers: Sequence[int]) -> dict[int, Document]:
        """Return the documents of these numbers that are still there."""
        found: dict[int, Document] = {}
        for marks, some in _batches(numbers):
            query = f"SELECT number, {_FIELDS} FROM documents WHERE number IN ({marks})"
            with guarded(self.path):
                rows = self._connection.execute(query, some).fetchall()
            found.update((row[0], self._document(row[1:])) for row in rows)
        return found

    def ids_of(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the ids of the documents of these numbers that are still there."""
        found: dict[int, str] = {}
        for marks, some in _batches(numbers):
            query = f"SELECT number, id FROM documents WHERE number IN ({marks})"
            with guarded(self.path):
                found.update(self._connection.execute(query, some).fetchall())
        for id in found.values():
            self._check_id(id)
        return found

    def count_until(self, change: int, numbers: Sequence[int]) -> int:
        """Count the documents of these numbers that are there, and have not changed after it."""
        count = 0
        for marks, some in _batches(numbers):
            query = f"SELECT count(*) FROM documents WHERE number IN ({marks}) AND change <= ?"
            count += int(self._one(query, *some, change))
        return count

    def ids(self) -> Iterator[str]:
        """Yield all ids in the order of addition."""
        for row in self._rows("SELECT id FROM documents ORDER BY number"):
            yield self._check_id(row[0])

    def similar_ids(self, id: object, most: int = 3) -> list[str]:
        """Return ids that contain `id`, or begin like it, for a hint."""
        if not isinstance(id, str) or not id:
            return []
        pattern = "".join("\\" + c if c in "%_\\" else c for c in id)
        query = "SELECT id FROM documents WHERE id LIKE ? ESCAPE '\\' ORDER BY length(id) LIMIT ?"
        with guarded(self.path):
            rows = self._connection.execute(query, (f"%{pattern}%", most)).fetchall()
        return [str(row[0]) for row in rows]

    def matching(self, where: str) -> IntVector:
        """Return the numbers of the documents that a filter on metadata lets through.

        Args:
            where: Such as `year > 1990 and lang = 'en'`; see `store.where` and `parse_where`.

        Returns:
            `(m,)`, ascending, read-only; kept for the next time until something changes.

        Raises:
            QueryError: The filter does not parse, or names a field that no document has.
        """
        kept = not (self.writable and self.in_transaction)
        return self._filters.matching(where, self.change, kept=kept)

    def changed_since(self, change: int) -> Iterator[tuple[int, Document]]:
        """Yield (number, document) of all that changed after `change`, in order of number."""
        # Told to order documents by number, SQLite goes through all of them, not by the index.
        changed = "SELECT number FROM documents WHERE change > ?"
        query = f"SELECT number, {_FIELDS} FROM documents WHERE number IN ({changed})"
        query += " ORDER BY number"
        for number, *row in self._rows(query, change):
            yield int(number), self._document(row)

    def numbers_since(self, change: int) -> list[int]:
        """Return the numbers of documents that changed after `change`, ascending."""
        query = "SELECT number FROM documents WHERE change > ? ORDER BY +number"
        return [int(row[0]) for row in self._rows(query, change)]

    def removed_since(self, change: int) -> list[int]:
        """Return the numbers of documents deleted after `change`."""
        query = "SELECT number FROM deletions WHERE change > ?"
        return [int(row[0]) for row in self._rows(query, change)]

    def count_since(self, change: int) -> int:
        """Return how many documents changed or went after `change`.

        These are all of them where the record has not come so far: an older one was restored.
        """
        if change > self.change:
            return len(self)
        both = (
            "SELECT (SELECT count(*) FROM documents WHERE change > ?1)"
            " + (SELECT count(*) FROM deletions WHERE change > ?1)"
        )
        return int(self._one(both, change))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read one state of the record, whatever others write; one thread at a time.

        What other threads read meanwhile is of that state, too. A writer has no need of it. One
        within another is that of the other.
        """
        with self._standing_still:
            if self.in_snapshot:
                yield
                return
            with guarded(self.path):
                self._connection.execute("BEGIN")
                self.in_snapshot = True
            try:
                # The first reading fixes the state.
                _ = self.change
                yield
            finally:
                self.in_snapshot = False
                # The method of the connection would end what other threads are reading.
                self._connection.execute("COMMIT")

    def copy_to(self, path: Path, copied: Callable[[float], None] | None = None) -> None:
        """Copy the record to a new file: one state of it, in a `snapshot` that one.

        Args:
            path: The file.
            copied: Told of each part that was copied, in bytes.
        """
        with guarded(self.path), closing(sqlite3.connect(path)) as target:
            page = int(self._connection.execute("PRAGMA page_size").fetchone()[0])
            done = 0

            def told(_: int, remaining: int, total: int) -> None:
                nonlocal done
                if copied is not None:
                    copied((total - remaining - done) * page)
                done = total - remaining

            self._connection.backup(target, pages=_PAGES, progress=told)

    def flush(self) -> None:
        """Force all commits to the disk, whatever the durability of who made them.

        Before anything that follows from the record is written: it must never be ahead of it.

        Raises:
            StorageError: The disk fails.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        if self._flushes or not log.exists():
            return
        try:
            flush_file(log)
            flush_folder(log.parent)
        except FileNotFoundError:
            # Its last connection was closed, and has flushed the file itself.
            return
        except OSError as error:
            reason = f"{log.name} cannot be flushed ({error.strerror})"
            raise StorageError(self.path.parent, reason) from error

    def forget_deletions(self, change: int) -> int:
        """Forget which documents were deleted up to a change; return how many that were.

        Whatever follows the record must be past it.
        """
        # A log that has neither a document nor its deletion looks like that of another record.
        self._execute("PRAGMA wal_checkpoint(PASSIVE)")
        with self.transaction():
            before = int(self._one("SELECT count(*) FROM deletions"))
            self._execute("DELETE FROM deletions WHERE change <= ?", change)
            return before - int(self._one("SELECT count(*) FROM deletions"))

    def compact(self) -> None:
        """Write the file anew without what deletions have left, and empty its log."""
        self._execute("VACUUM")
        self._execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes within one: all of them are kept, or none. May be nested."""
        if self._connection.in_transaction:
            yield
            return
        with guarded(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
        with self._undone_on_failure():
            yield
            self._check_in_place()
            with guarded(self.path):
                self._connection.execute("COMMIT")

    def add(self, documents: Iterable[Document]) -> Changes:
        """Add documents, and replace those whose id is there with other content.

        All are kept, or, when the iterable or the disk fails, none.
        """
        if not isinstance(documents, Iterable):
            raise ParameterError("documents", "documents, es.Document(id, text)", documents)
        counts = [0, 0, 0]
        with self.transaction():
            change = self.change
            for document in documents:
                outcome = self._put(document, change + 1)
                change += outcome != 2
                counts[outcome] += 1
            self.reach(change)
        return Changes(added=counts[0], updated=counts[1], unchanged=counts[2])

    def origins(self) -> Origins:
        """Return where documents are from; the record must be open for writing."""
        return Origins(self.path, self._connection)

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents and return how many.

        Raises:
            UnknownDocumentError: One is not there; then none is deleted.
        """
        with self.transaction():
            change = start = self.change
            for id in dict.fromkeys(ids):
                change += 1
                self.remove(self.number(id), change)
            self.reach(change)
        return change - start

    def clear(self) -> None:
        """Delete every document."""
        with self.transaction():
            change = self.change + 1
            self._execute("INSERT INTO deletions SELECT number, ? FROM documents", change)
            for table in ("documents", "origins", "sources"):
                self._execute(f"DELETE FROM {table}")
            self.reach(change)

    def _document(self, row: Sequence[object]) -> Document:
        try:
            return to_document(*row)
        except BrokenRowError as error:
            raise broken_document(self.path, row[0], str(error)) from error

    def _check_id(self, id: object) -> str:
        if not isinstance(id, str):
            raise broken_document(self.path, id, "its id is not text")
        return id

    def reach(self, change: int) -> None:
        """Set the number of the last change, within a transaction.

        Raises:
            StorageError: The numbers of changes, or those of documents, are used up.
        """
        highest = self._one("SELECT coalesce(max(seq), 0) FROM sqlite_sequence")
        if max(change, highest) > MOST_NUMBER:
            reason = f"the record has used up its numbers, which end at {MOST_NUMBER:,}"
            advice = "nothing was changed; add the documents to a new workspace"
            raise StorageError(self.path.parent, f"{reason}; {advice}")
        self._execute("UPDATE latest SET change = ?", change)

    @cached_property
    def _filters(self) -> Filters:
        # Most commands need none of it.
        from embedsearch.store.where.filtering import Filters

        return Filters(self.path, self._connection)

    def _check_in_place(self) -> None:
        """Raise if what would be committed were lost, as nobody could open it any more.

        Raises:
            WorkspaceError: The file or its log was moved, removed or replaced.
        """
        for file, identity in self._identities.items():
            if _identity(file) != identity:
                reason = (
                    f"{file.name} was moved, removed or replaced since it was opened; nothing was "
                    "changed; open the workspace where it is now"
                )
                raise WorkspaceError(self.path.parent, reason)

    @contextmanager
    def _undone_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise

    def _put(self, document: Document, change: int) -> int:
        """Return 0 for an added, 1 for an updated and 2 for an unchanged document."""
        row = to_row(document)
        found = self.find(row[0])
        if found is None:
            self.insert(row, change)
            return 0
        number, digest = found
        if digest == row[4]:
            return 2
        self.update(number, row, change)
        # It no longer is what its file says: reading that again must not silently undo this.
        self._execute("DELETE FROM origins WHERE number = ?", number)
        return 1

    def find(self, id: str) -> tuple[int, bytes] | None:
        """Return number and digest of the document of an id, or None."""
        query = "SELECT number, digest FROM documents WHERE id = ?"
        with guarded(self.path):
            row = self._connection.execute(query, (id,)).fetchone()
        return None if row is None else (int(row[0]), row[1])

    def insert(self, row: Row, change: int) -> int | None:
        """Insert a row within a transaction; return its number, or None where its id is taken."""
        marks = "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
        statement = f"INSERT INTO documents ({_FIELDS}, digest, change) {marks}"
        with guarded(self.path):
            cursor = self._connection.execute(statement, (*row, change))
        return cursor.lastrowid if cursor.rowcount else None

    def update(self, number: int, row: Row, change: int) -> None:
        """Give a document the content of a row, within a transaction; it keeps its id."""
        assignments = "title = ?, text = ?, metadata = ?, digest = ?, change = ?"
        statement = f"UPDATE documents SET {assignments} WHERE number = ?"
        self._execute(statement, *row[1:], change, number)

    def remove(self, number: int, change: int) -> None:
        """Delete a document within a transaction."""
        self._execute("DELETE FROM documents WHERE number = ?", number)
        self._execute("DELETE FROM origins WHERE number = ?", number)
        self._execute("INSERT INTO deletions VALUES (?, ?)", number, change)

    def _number(self, id: object) -> int | None:
        if not isinstance(id, str):
            return None
        with guarded(self.path):
            row = self._connection.execute(
                "SELECT number FROM documents WHERE id = ?", (id,)
            ).fetchone()
        return None if row is None else int(row[0])

    def _execute(self, statement: str, *values: object) -> None:
        with guarded(self.path):
            self._connection.execute(statement, values)

    def _one(self, query: str, *values: object) -> int:
        with guarded(self.path):
            return int(self._connection.execute(query, values).fetchone()[0])

    def _rows(self, query: str, *values: object) -> Iterator[sqlite3.Row]:
        with guarded(self.path):
            cursor = self._connection.execute(query, values)
        while True:
            with guarded(self.path):
                rows = cursor.fetchmany(_BATCH)
            if not rows:
                return
            yield from rows


def _batches(numbers: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    """Cut numbers into batches that one statement takes, each with its question marks."""
    for start in range(0, len(numbers), _BATCH):
        some = [int(number) for number in numbers[start : start + _BATCH]]
        yield ", ".join("?" * len(some)), some


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what the system knows a file by; None for one that is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
