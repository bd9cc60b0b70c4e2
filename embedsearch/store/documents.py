"""The documents, in SQLite: what everything else in a workspace is derived from.

A document has an id, which is the user's, and a number, which is ours: it counts up, is never
used twice, and stands for the document in all indexes. Each change of a document gets the next
change number; what is derived from the documents remembers the change that it has reached, and
asks for those that came later.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections import Counter
from collections.abc import Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import STRING, check
from embedsearch._errors import (
    ParameterError,
    StorageError,
    UnknownDocumentError,
    WorkspaceError,
)
from embedsearch._fields import split_sort
from embedsearch._io import flush_file, flush_folder
from embedsearch._types import Facet
from embedsearch.store.connection import (
    Database,
    broken_document,
    damaged,
    guarded,
    number_faults,
    shown_path,
    wal_path,
)
from embedsearch.store.rows import (
    MOST_NUMBER,
    BrokenRowError,
    Row,
    is_number,
    is_storable,
    to_document,
    to_row,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from embedsearch._types import Document, IntVector
    from embedsearch.store.columns import Column
    from embedsearch.store.filters import Filters
    from embedsearch.text.source_stream import LeftOut

_FIELDS = "id, title, text, metadata"
# SQLite allows 999 parameters in a statement, before 3.32.
_MARKS = 500
# Pages of a backup that are copied at once; an interrupt is noticed between two such steps.
_PAGES = 4096
# Ids of other lengths have no similar ones, or too many.
_MISSPELLED = range(3, 200)


@dataclass(frozen=True, slots=True)
class Changes:
    """What adding documents did.

    Attributes:
        added: New documents.
        updated: Documents whose text, title or metadata changed.
        unchanged: Documents that were already stored with the same content.
        renamed: Of those added, how many have another id than their own, which belongs to a
            document of another source.
        replaced: Of those updated, how many took the place of a document of another source.
        vanished: Stored documents of these sources whose files or rows are gone.
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


class Origin(NamedTuple):
    """Where a document is from.

    Attributes:
        source: The real path of a file, `-` for standard input, or `corpus:NAME`.
        key: What it is called there: its id, `:7` for the row, line or paragraph, or nothing
            if the file is one document.
    """

    source: str
    key: str


class DocumentStore:
    """Documents by id and by number; see `connect` for `durability`."""

    def __init__(self, path: Path, *, writable: bool, durability: str = "full") -> None:
        self.path, self.writable = path, writable
        self._flushes = writable and durability == "full"
        self._database = Database(path, writable=writable, durability=durability)
        self._connection = self._database.connection
        files = (path, wal_path(path))
        self._identities = {file: _identity(file) for file in files if file.exists()}
        self._snapshot_lock = RLock()
        self.in_snapshot = False  # Whether some thread reads one state; see `snapshot`.
        # Users of notebooks forget to close.
        self._close = weakref.finalize(self, self._connection.close)
        with guarded(path):
            fault = next(number_faults(self._connection), None)
        if fault is not None:
            self.close()
            raise damaged(path, fault)

    def close(self) -> None:
        """Close the file; a change that was not committed is undone."""
        self._close()

    def __len__(self) -> int:
        return self._database.number("SELECT count(*) FROM documents")

    def __contains__(self, id: object) -> bool:
        return self._number(id) is not None

    @property
    def in_transaction(self) -> bool:
        """Whether there are changes that may yet be undone."""
        return bool(self._connection.in_transaction)

    @property
    def is_settled(self) -> bool:
        """Whether what is read may be remembered: a change that is undone gives its number back."""
        return not (self.writable and self.in_transaction)

    @property
    def change(self) -> int:
        """The number of the last change."""
        rows = self._database.rows("SELECT change FROM latest LIMIT 2")
        if len(rows) != 1 or not is_number(change := rows[0][0], least=0):
            raise damaged(self.path, "the number of the last change is not one")
        return change

    def get(self, id: str) -> Document:
        """Return a document; `UnknownDocumentError` if none has this id."""
        row = self._database.row(f"SELECT {_FIELDS} FROM documents WHERE id = ?", id)
        if row is None:
            raise UnknownDocumentError(id, self.similar_ids(id))
        return self._document(row)

    def number(self, id: str) -> int:
        """Return the number of a document; `UnknownDocumentError` if none has this id."""
        number = self._number(id)
        if number is None:
            raise UnknownDocumentError(id, self.similar_ids(id))
        return number

    def origin(self, id: str) -> Origin | None:
        """Return where a document is from; None if that is not known."""
        query = (
            "SELECT path, key FROM origins JOIN sources USING (source) "
            "WHERE number = ? ORDER BY origin"
        )
        row = self._database.row(query, self.number(id))
        return None if row is None else Origin(shown_path(row[0]), str(row[1]))

    def sources_of(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the source of those documents whose source is known, by their ids."""
        query = (
            "SELECT id, path FROM documents JOIN origins USING (number) JOIN sources USING (source)"
        )
        condition = "AND typeof(path) IN ('text', 'blob') ORDER BY origin DESC"
        # Of several origins the first counts.
        return {id: shown_path(path) for id, path in self._rows_of(query, ids, condition, "id")}

    @property
    def database(self) -> Database:
        """The open file, for the tables of `store.ingestion`."""
        return self._database

    def by_number(self, numbers: Sequence[int]) -> dict[int, Document]:
        """Return those documents of these numbers that still exist."""
        rows = self._rows_of(f"SELECT number, {_FIELDS} FROM documents", numbers)
        return {row[0]: self._document(row[1:]) for row in rows}

    def ids_of(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the ids of those documents of these numbers that still exist."""
        rows = self._rows_of("SELECT number, id FROM documents", numbers)
        return {number: self._check_id(id) for number, id in rows}

    def count_until(self, change: int, numbers: Sequence[int]) -> int:
        """Count the documents of these numbers that exist and have not changed after `change`."""
        unchanged = f"AND change <= {int(change)}"
        return sum(
            row[0] for row in self._rows_of("SELECT count(*) FROM documents", numbers, unchanged)
        )

    def ids(self) -> Iterator[str]:
        """Yield all ids in the order of addition."""
        for row in self._stream("SELECT id FROM documents ORDER BY number"):
            yield self._check_id(row[0])

    def ids_from(self, beginning: str, most: int) -> list[str]:
        """List the first so many ids that begin so, in alphabetical order."""
        query = "SELECT id FROM documents WHERE id >= ? ORDER BY id LIMIT ?"
        found = [self._check_id(row[0]) for row in self._stream(query, beginning, most)]
        return [id for id in found if id.startswith(beginning)]

    def field_names(self) -> list[str]:
        """List the fields that a filter can name, frequent ones first."""
        return self._filters.names()

    def similar_ids(self, id: object) -> list[str]:
        """Return ids that contain `id`, or else are spelled like it, for a hint."""
        if not isinstance(id, str) or not id or not is_storable(id):
            return []
        pattern = "".join("\\" + c if c in "%_\\" else c for c in id)
        query = "SELECT id FROM documents WHERE id LIKE ? ESCAPE '\\' ORDER BY length(id) LIMIT 3"
        found = [str(row[0]) for row in self._database.rows(query, f"%{pattern}%")]
        return found or self._misspelled_ids(id)

    def _misspelled_ids(self, id: str) -> list[str]:
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract

        # Of numbers, nearly all are one digit apart.
        if len(id) not in _MISSPELLED or id.isdecimal():
            return []
        # One letter in four may differ; in short ids, one.
        reach = max(1, len(id) // 4)
        query = "SELECT id FROM documents WHERE length(id) BETWEEN ? AND ?"
        ids = [str(row[0]) for row in self._stream(query, len(id) - reach, len(id) + reach)]
        found = extract(id, ids, scorer=OSA.distance, score_cutoff=reach, limit=3)
        return [near for near, *_ in found]

    def matching(self, where: str) -> IntVector:
        """Return the numbers `(m,)`, ascending, of the documents that pass a filter.

        See `store.filters`. The array is read-only; it is remembered until something changes.
        """
        return self._filters.matching(where, self.change, remember=self.is_settled)

    def numbers(self) -> IntVector:
        """Return the numbers `(n,)` of all documents, ascending."""
        # By the smallest index that has them all.
        found = self._stream("SELECT number FROM documents WHERE change > 0 ORDER BY +number")
        return np.fromiter((row[0] for row in found), np.int64)

    def ordered(self, numbers: IntVector, sort: str) -> IntVector:
        """Return the numbers of some documents in the order of a field: `year`, or `-year`."""
        name, descending = split_sort("sort", sort)
        known, column = self.column(name)
        # Another process may have deleted some since.
        places = np.flatnonzero(np.isin(known, numbers))
        return known[column.order(places, descending=descending)]

    def facet(self, numbers: IntVector, name: str) -> Facet:
        """Count some documents by what they have in a field."""
        check("field", name, STRING)
        known, column = self.column(name)
        places = np.flatnonzero(np.isin(known, numbers))
        values, counts, missing = column.counts(places)
        return Facet.of(name, values, counts, total=len(places), missing=missing)

    def check_field(self, name: str) -> None:
        """Raise `QueryError` if no document has a field."""
        self.column(name, compared=False)

    def column(self, name: str, *, compared: bool = True) -> tuple[IntVector, Column]:
        """Return the numbers of all documents and what they have in a field; see `Filters`."""
        change, remember = self.change, self.is_settled
        return self._filters.column(name, change, remember=remember, compared=compared)

    def changed_since(self, change: int) -> Iterator[tuple[int, Document]]:
        """Yield (number, document) of all that changed after `change`, in order of number."""
        # To order documents by number, SQLite would go through all of them, not by the index.
        changed = "SELECT number FROM documents WHERE change > ?"
        query = f"SELECT number, {_FIELDS} FROM documents WHERE number IN ({changed})"
        for number, *row in self._stream(f"{query} ORDER BY number", change):
            yield int(number), self._document(row)

    def numbers_since(self, change: int) -> list[int]:
        """Return the numbers of documents that changed after `change`, ascending."""
        query = "SELECT number FROM documents WHERE change > ? ORDER BY +number"
        return [int(row[0]) for row in self._stream(query, change)]

    def removed_since(self, change: int) -> list[int]:
        """Return the numbers of documents deleted after `change`."""
        query = "SELECT number FROM deletions WHERE change > ?"
        return [int(row[0]) for row in self._stream(query, change)]

    def count_since(self, change: int) -> int:
        """Return how many documents were changed or deleted after `change`.

        All of them if the store has not reached that change: an older copy was restored.
        """
        if change > self.change:
            return len(self)
        both = (
            "SELECT (SELECT count(*) FROM documents WHERE change > ?1)"
            " + (SELECT count(*) FROM deletions WHERE change > ?1)"
        )
        return self._database.number(both, change)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read one state of the documents, whatever others write; one thread at a time.

        Other threads read that state meanwhile, too. Snapshots nest. A writer is alone, and this
        does nothing for it.
        """
        if self.writable:
            yield
            return
        with self._snapshot_lock:
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
        """Copy one state of the database to a new file; in a `snapshot`, that one.

        `copied` is called with the bytes of each part.
        """
        with guarded(self.path), closing(sqlite3.connect(path)) as target:
            page = int(self._connection.execute("PRAGMA page_size").fetchone()[0])
            done = 0

            def report(_: int, remaining: int, total: int) -> None:
                nonlocal done
                if copied is not None:
                    copied((total - remaining - done) * page)
                done = total - remaining

            self._connection.backup(target, pages=_PAGES, progress=report)

    def flush(self) -> None:
        """Force all commits to the disk, whatever the durability of their writer.

        Call it before anything derived is written: that must never be ahead of the documents.
        """
        log = wal_path(self.path)
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
        """Forget which documents were deleted up to a change; return how many.

        All that is derived from the documents must have reached that change.
        """
        # A log that has neither a document nor its deletion looks like that of another database.
        self._database.execute("PRAGMA wal_checkpoint(PASSIVE)")
        with self.transaction():
            statement = "DELETE FROM deletions WHERE change <= ?"
            return self._database.execute(statement, change).rowcount

    def compact(self) -> None:
        """Rewrite the file without the gaps of deletions, and empty its log."""
        self._database.execute("VACUUM")
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several changes as one: all of them or none. May be nested."""
        if self._connection.in_transaction:
            yield
            return
        # A transaction that begins by reading may fail when it comes to write: SQLite does not wait
        # for a lock then.
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._check_in_place()
            self._database.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise

    def add(self, documents: Iterable[Document]) -> Changes:
        """Add documents, and replace those that have the same id and other content.

        All are kept, or, when the iterable or the disk fails, none.
        """
        if not isinstance(documents, Iterable):
            raise ParameterError("documents", "documents, es.Document(id, text)", documents)
        counts = Counter[str]()
        with self.transaction():
            change = self.change
            for document in documents:
                outcome = self._put(document, change + 1)
                change += outcome != "unchanged"
                counts[outcome] += 1
            self.set_change(change)
        return Changes(**counts, left_out=())

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents and return how many; `UnknownDocumentError` deletes none."""
        with self.transaction():
            return self.delete_numbers([self.number(id) for id in dict.fromkeys(ids)])

    def delete_numbers(self, numbers: Iterable[int]) -> int:
        """Delete documents by their numbers, each given once, and return how many."""
        with self.transaction():
            change = start = self.change
            for number in numbers:
                change += 1
                self.remove(int(number), change)
            self.set_change(change)
        return change - start

    def clear(self) -> None:
        """Delete every document."""
        with self.transaction():
            change = self.change + 1
            self._database.execute("INSERT INTO deletions SELECT number, ? FROM documents", change)
            for table in ("documents", "origins", "sources"):
                self._database.execute(f"DELETE FROM {table}")
            self.set_change(change)

    def find(self, id: str) -> tuple[int, bytes] | None:
        """Return number and digest of the document with an id, or None."""
        row = self._database.row("SELECT number, digest FROM documents WHERE id = ?", id)
        return None if row is None else (int(row[0]), row[1])

    def insert(self, row: Row, change: int) -> int | None:
        """Insert a row within a transaction; return its number, or None if its id is taken."""
        marks = "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
        statement = f"INSERT INTO documents ({_FIELDS}, digest, change) {marks}"
        cursor = self._database.execute(statement, *row, change)
        return cursor.lastrowid if cursor.rowcount else None

    def update(self, number: int, row: Row, change: int) -> None:
        """Give a document the content of a row, within a transaction; it keeps its id."""
        assignments = "title = ?, text = ?, metadata = ?, digest = ?, change = ?"
        statement = f"UPDATE documents SET {assignments} WHERE number = ?"
        self._database.execute(statement, *row[1:], change, number)

    def remove(self, number: int, change: int) -> None:
        """Delete a document within a transaction."""
        self._database.execute("DELETE FROM documents WHERE number = ?", number)
        self._database.execute("DELETE FROM origins WHERE number = ?", number)
        self._database.execute("INSERT INTO deletions VALUES (?, ?)", number, change)

    def set_change(self, change: int) -> None:
        """Set the number of the last change, within a transaction."""
        highest = self._database.number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence")
        if max(change, highest) > MOST_NUMBER:
            reason = f"the workspace has used up its numbers, which end at {MOST_NUMBER:,}"
            advice = "nothing was changed; add the documents to a new workspace"
            raise StorageError(self.path.parent, f"{reason}; {advice}")
        self._database.execute("UPDATE latest SET change = ?", change)

    @cached_property
    def _filters(self) -> Filters:
        # Most commands need none of it.
        from embedsearch.store.filters import Filters

        return Filters(self._database)

    def _put(self, document: Document, change: int) -> str:
        """Add, update or leave a document; return which count of `Changes` it adds to."""
        row = to_row(document)
        found = self.find(row[0])
        if found is None:
            self.insert(row, change)
            return "added"
        number, digest = found
        if digest == row[4]:
            return "unchanged"
        self.update(number, row, change)
        # It differs from its file now: reading that again must not silently undo this.
        self._database.execute("DELETE FROM origins WHERE number = ?", number)
        return "updated"

    def _check_in_place(self) -> None:
        """Raise if a commit would be lost, because others would not find this file."""
        for file, identity in self._identities.items():
            if _identity(file) != identity:
                reason = (
                    f"{file.name} was moved, removed or replaced since it was opened; nothing was "
                    "changed; open the workspace where it is now"
                )
                raise WorkspaceError(self.path.parent, reason)

    def _document(self, row: Sequence[object]) -> Document:
        try:
            return to_document(*row)
        except BrokenRowError as error:
            raise broken_document(self.path, row[0], str(error)) from error

    def _check_id(self, id: object) -> str:
        if not isinstance(id, str):
            raise broken_document(self.path, id, "its id is not text")
        return id

    def _number(self, id: object) -> int | None:
        # Not by `find`: the index on ids has the number; the digest lies behind the text.
        if not isinstance(id, str) or not is_storable(id):
            return None
        row = self._database.row("SELECT number FROM documents WHERE id = ?", id)
        return None if row is None else int(row[0])

    def _stream(self, query: str, *values: object) -> Iterator[Any]:
        for rows in self._database.batches(query, *values):
            yield from rows

    def _rows_of(
        self, query: str, keys: Sequence[int | str], condition: str = "", column: str = "number"
    ) -> Iterator[Any]:
        """Yield the rows of a query on documents for those of these numbers, or ids."""
        for start in range(0, len(keys), _MARKS):
            some = keys[start : start + _MARKS]
            marks = ", ".join("?" * len(some))
            where = f"WHERE {column} IN ({marks}) {condition}"
            yield from self._database.rows(f"{query} {where}", *some)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file; None if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
