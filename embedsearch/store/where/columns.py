"""Fields of all documents as columns in memory: each distinct value once, and a code a document.

A comparison is then made once for each distinct value, not once for each document, nor once for
each element of a list.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.store.connection import broken_document, guarded
from embedsearch.store.metadata import BrokenRowError, parse_many, parse_metadata
from embedsearch.store.where.paths import ABSENT, FieldPath

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._types import IntVector, MetadataScalar

OWN_FIELDS = ("id", "title")

_BATCH = 2_000
# Codes of what is no single value; those of values follow.
_NULL, _ABSENT, _LIST, _OBJECT = range(4)
_NO_VALUES = 4
# So many values may stay that no document has any more, beyond twice as many as documents.
_SPARE = 10_000

Record = tuple[int, int, str, str, str]


@dataclass(frozen=True, slots=True)
class Column:
    """A field of all documents.

    Attributes:
        values: Its distinct values, from place 4 on; the first four are None, and stand for null,
            for no such field, for a list and for an object.
        codes: `(n,)`, for each document the place of its value in `values`.
        rows: `(m,)`, for each element of a list the place of its document.
        elements: `(m,)`, for each element of a list the place of it in `values`.
        coder: Numbers the values; what it adds to `values` later changes nothing here.
    """

    values: Sequence[MetadataScalar]
    codes: NDArray[np.int32]
    rows: NDArray[np.int32]
    elements: NDArray[np.int32]
    coder: _Coder

    @property
    def is_known(self) -> bool:
        """Whether a document has the field, were it null."""
        return bool((self.codes != _ABSENT).any())

    @property
    def is_object(self) -> bool:
        """Whether it holds objects, and nothing that could be compared."""
        holds = bool((self.codes == _OBJECT).any() or (self.elements == _OBJECT).any())
        compared = (self.codes >= _NO_VALUES).any() or (self.elements >= _NO_VALUES).any()
        return holds and not compared

    @property
    def size(self) -> int:
        """How much its values take: characters, and elements of lists."""
        texts = sum(len(value) for value in self.values if isinstance(value, str))
        return texts + len(self.elements)

    def mask(self, passes: Callable[[MetadataScalar], bool]) -> NDArray[np.bool_]:
        """Say of every document whether its value passes, or one of its list, `(n,)`."""
        values = self.values[_NO_VALUES:]
        truths = np.zeros(_NO_VALUES + len(values), dtype=bool)
        truths[_NO_VALUES:] = np.fromiter(map(passes, values), dtype=bool, count=len(values))
        truths[[_NULL, _ABSENT]] = passes(None)
        mask: NDArray[np.bool_] = truths[self.codes]
        mask[self.rows[truths[self.elements]]] = True
        return mask

    def changed(self, places: IntVector, fresh: Column, keep: NDArray[np.bool_]) -> Column:
        """Return the column with other values at some places, and without some of the places.

        Args:
            places: Of the documents that changed; those that came are beyond the end.
            fresh: Their values, by the same coder.
            keep: `(r,)`, for all documents, those that came among them.
        """
        codes = np.zeros(len(keep), np.int32)
        codes[: len(self.codes)] = self.codes
        codes[places] = fresh.codes
        holds = keep.copy()
        holds[places] = False
        old = holds[self.rows]
        rows = np.concatenate((self.rows[old], places[fresh.rows]))
        elements = np.concatenate((self.elements[old], fresh.elements))
        moved = (np.cumsum(keep) - 1)[rows].astype(np.int32)
        return Column(self.values, codes[keep], moved, elements, self.coder)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one state of the record.

    Attributes:
        change: The number of the last change in it.
        numbers: The numbers of all documents, `(n,)`.
        columns: By the name of the field.
        answers: Filters that were answered from it.
    """

    change: int = -1
    numbers: IntVector = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    columns: Mapping[str, Column] = field(default_factory=dict)
    answers: dict[str, IntVector] = field(default_factory=dict)


def read_table(path: Path, connection: sqlite3.Connection, names: Iterable[str]) -> Table:
    """Read some fields of all documents.

    Args:
        path: The SQLite file, for errors.
        connection: It, opened.
        names: The fields; `id` and `title` are the document's own where its metadata has none.

    Returns:
        The columns, all of one state even while others write.

    Raises:
        WorkspaceDamagedError: The metadata of a document cannot be read.
    """
    coders = {name: _Coder() for name in names}
    numbers: list[int] = []
    change = -1
    with_own = not coders.keys().isdisjoint(OWN_FIELDS)
    for records in _batches(path, connection, with_own):
        change = records[0][0]
        numbers.extend(record[1] for record in records)
        _extend(coders, path, connection, records)
    columns = {name: coder.column() for name, coder in coders.items()}
    return Table(change, np.array(numbers, dtype=np.int64), columns)


def caught_up(path: Path, connection: sqlite3.Connection, table: Table) -> Table | None:
    """Bring columns up to date; None where they must be read again.

    It costs what the changes do, and a few bytes for each document.

    Args:
        path: The SQLite file, for errors.
        connection: It, opened.
        table: Columns of an earlier state.

    Raises:
        WorkspaceDamagedError: The metadata of a document cannot be read.
    """
    latest = "(SELECT change FROM latest), (SELECT count(*) FROM documents), number"
    # One statement sees one state.
    query = f"""SELECT {latest}, metadata, id, title FROM documents WHERE change > ?1
        UNION ALL SELECT {latest}, NULL, '', '' FROM deletions WHERE change > ?1"""
    with guarded(path):
        found = connection.execute(query, (table.change,)).fetchall()
    wasted = any(len(c.values) > 2 * len(c.codes) + _SPARE for c in table.columns.values())
    if not found or wasted:
        return None
    change, count = found[0][:2]
    records: list[Record] = sorted((change, *row[2:]) for row in found if row[3] is not None)
    gone = np.array([row[2] for row in found if row[3] is None], np.int64)
    came = np.array([record[1] for record in records], np.int64)
    # Documents that came have higher numbers.
    last = table.numbers[-1] if len(table.numbers) else 0
    numbers = np.concatenate((table.numbers, came[came > last]))
    places, keep = np.searchsorted(numbers, came), ~np.isin(numbers, gone)
    if np.count_nonzero(keep) != count or not np.array_equal(numbers[places], came):
        # Deletions have been forgotten meanwhile.
        return None
    coders = {name: column.coder for name, column in table.columns.items()}
    _extend(coders, path, connection, records)
    columns = {
        name: column.changed(places, coders[name].column(), keep)
        for name, column in table.columns.items()
    }
    return Table(change, numbers[keep], columns)


def _extend(
    coders: Mapping[str, _Coder],
    path: Path,
    connection: sqlite3.Connection,
    records: Sequence[Record],
) -> None:
    """Add what records have in each field."""
    if not coders.keys().isdisjoint(OWN_FIELDS):
        _check_own(path, records)
    every = _metadata_of(path, connection, records)
    for name, coder in coders.items():
        coder.extend(_values(name, every, records))


def _batches(path: Path, connection: sqlite3.Connection, with_own: bool) -> Iterator[list[Record]]:
    own = "id, title" if with_own else "'', ''"
    # One statement sees one state.
    query = f"SELECT (SELECT change FROM latest), number, metadata, {own} FROM documents"
    query += " ORDER BY number"
    with guarded(path):
        cursor = connection.execute(query)
    while True:
        with guarded(path):
            records: list[Record] = cursor.fetchmany(_BATCH)
        if not records:
            return
        yield records


def _check_own(path: Path, records: Sequence[Record]) -> None:
    for _, _, _, id, title in records:
        if type(id) is not str or type(title) is not str:
            raise broken_document(path, id, "its id or its title is not text")


def _metadata_of(
    path: Path, connection: sqlite3.Connection, records: Sequence[Record]
) -> list[dict[str, Any]]:
    # One call for many is faster than many calls.
    if (every := parse_many([record[2] for record in records])) is not None:
        return every
    return [_parsed(path, connection, record) for record in records]


def _parsed(path: Path, connection: sqlite3.Connection, record: Record) -> dict[str, Any]:
    try:
        return parse_metadata(record[2])
    except BrokenRowError as error:
        query = "SELECT CAST(id AS BLOB) FROM documents WHERE number = ?"
        with guarded(path):
            row = connection.execute(query, (record[1],)).fetchone()
        raise broken_document(path, row and row[0], str(error)) from error


def _values(name: str, every: Sequence[dict[str, Any]], records: Sequence[Record]) -> Iterable[Any]:
    if name in OWN_FIELDS:
        return map(_own, every, records, repeat(name))
    if "." not in name:
        return [metadata.get(name, ABSENT) for metadata in every]
    return map(FieldPath(name).value, every)


def _own(metadata: Mapping[str, Any], record: Record, name: str) -> Any:
    value = metadata.get(name)
    return value if value is not None else record[3 + OWN_FIELDS.index(name)] or None


class _Coder:
    """Numbers the distinct values of a column as they come; a number is never changed."""

    def __init__(self) -> None:
        self._codes: dict[object, int] = {(type(None), None): _NULL, (object, ABSENT): _ABSENT}
        self._values: list[MetadataScalar] = [None] * _NO_VALUES
        self._documents: list[int] = []
        self._rows, self._elements = array("i"), array("i")

    def extend(self, values: Iterable[Any]) -> None:
        for value in values:
            kind = type(value)
            if kind is list:
                self._add_elements(value)
                self._documents.append(_LIST)
            else:
                self._documents.append(_OBJECT if kind is dict else self._code(kind, value))

    def column(self) -> Column:
        """Return what has come since the last time."""
        rows, elements = (np.array(part, dtype=np.int32) for part in (self._rows, self._elements))
        documents = np.array(self._documents, dtype=np.int32)
        self._documents, self._rows, self._elements = [], array("i"), array("i")
        return Column(self._values, documents, rows, elements, self)

    def _add_elements(self, elements: list[Any]) -> None:
        for value in elements:
            kind = type(value)
            if kind is list:
                self._add_elements(value)
            elif value is not None:
                self._rows.append(len(self._documents))
                self._elements.append(_OBJECT if kind is dict else self._code(kind, value))

    def _code(self, kind: type, value: Any) -> int:
        # For a dictionary, 1 and 1.0 and True are one.
        key = value if kind is str else (kind, value)
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = len(self._values)
            self._values.append(value)
        return code
