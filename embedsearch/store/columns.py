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

from embedsearch._fields import ABSENT, FieldPath, distinct_of, ranks_of
from embedsearch.store.connection import broken_document, shown_path
from embedsearch.store.rows import BrokenRowError, parse_many, parse_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from embedsearch._types import IntVector, MetadataScalar
    from embedsearch.store.connection import Database

OWN_FIELDS = ("id", "title")
"""Fields that every document has, unless its metadata has one of that name."""

SOURCE = "source"
"""A field of where a document comes from, unless some metadata has one of that name."""

SPARE = 10_000
"""So many values may stay that no document has any more, beyond twice as many as documents."""

# Rows that are parsed by one call: enough to make the call cheap, few enough to stay in the cache.
_BATCH = 2_000
# Codes of what is no single value; those of values follow.
_NULL, _ABSENT, _LIST, _OBJECT = range(4)
_NO_VALUES = 4

# Last change of the store, number, metadata, id and title.
_Row = tuple[int, int, str, str, str]


@dataclass(frozen=True, slots=True)
class Column:
    """A field of all n documents."""

    # Distinct values, from place 4 on; the first four stand for null, no such field, a list
    # and an object.
    values: Sequence[MetadataScalar]
    # (n,), for each document the place of its value.
    codes: NDArray[np.int32]
    # (m,), for each element of a list the place of its document, and that of its value.
    rows: NDArray[np.int32]
    elements: NDArray[np.int32]
    # What it adds to `values` later changes nothing here.
    coder: _Coder

    @property
    def is_known(self) -> bool:
        """Whether a document has the field, even if it is null."""
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

    def pairs(self) -> Iterator[tuple[int, MetadataScalar]]:
        """Yield the place of each document with each of its values: of a list, every element."""
        for place, code in zip(*self._coded(), strict=True):
            yield place, self.values[code]

    def _coded(self) -> tuple[list[int], list[int]]:
        places = np.concatenate((np.arange(len(self.codes)), self.rows))
        codes = np.concatenate((self.codes, self.elements))
        has_value = codes >= _NO_VALUES
        return places[has_value].tolist(), codes[has_value].tolist()

    def mask(self, passes: Callable[[MetadataScalar], bool]) -> NDArray[np.bool_]:
        """Return for every document whether its value passes, or one of its list, `(n,)`."""
        values = self.values[_NO_VALUES:]
        truths = np.zeros(_NO_VALUES + len(values), dtype=bool)
        truths[_NO_VALUES:] = np.fromiter(map(passes, values), dtype=bool, count=len(values))
        truths[[_NULL, _ABSENT]] = passes(None)
        mask: NDArray[np.bool_] = truths[self.codes]
        mask[self.rows[truths[self.elements]]] = True
        return mask

    def order(self, places: IntVector, *, descending: bool = False) -> IntVector:
        """Return the places of some documents in the order of their values; see `ranks_of`.

        Documents without a value come last, and those with equal ones stay in their order. A list
        goes by its least element, or in descending order by its greatest.
        """
        used, last = self._used, len(self.values)
        ranks = np.full(last, last, np.int64)
        ranks[used] = ranks_of(self.distinct)
        if descending:
            ranks[used] *= -1
        keys = ranks[self.codes]
        np.minimum.at(keys, self.rows, ranks[self.elements])
        return places[np.argsort(keys[places], kind="stable")]

    def counts(self, places: IntVector) -> tuple[list[MetadataScalar], list[int], int]:
        """Count the documents at some places by their values, and those without a value.

        Return the distinct values, their counts, and the third number. A document counts once for
        each distinct value of a list.
        """
        used = self._used
        distinct, found = distinct_of(self.distinct)
        group = np.full(len(self.values), -1, np.int64)
        group[used] = found
        own = group[self.codes[places]]
        own = own[own >= 0]
        chosen = np.zeros(len(self.codes), dtype=bool)
        chosen[places] = True
        counted = chosen[self.rows] & (group[self.elements] >= 0)
        rows, elements = self.rows[counted].astype(np.int64), group[self.elements[counted]]
        size = max(len(distinct), 1)
        pairs = np.unique(rows * size + elements) % size
        counts = np.bincount(np.concatenate((own, pairs)), minlength=len(distinct))
        return distinct, counts.tolist(), len(places) - len(own) - len(np.unique(rows))

    @property
    def distinct(self) -> list[MetadataScalar]:
        """The values that some document has."""
        return [self.values[code] for code in self._used]

    @property
    def _used(self) -> IntVector:
        """The places of the values that some document still has."""
        used = np.unique(np.concatenate((self.codes, self.elements)))
        return used[used >= _NO_VALUES].astype(np.int64)

    def changed(self, places: IntVector, fresh: Column, keep: NDArray[np.bool_]) -> Column:
        """Return the column with `fresh` values at some places, and without places not to `keep`.

        New documents are beyond the end; `keep` is for all of them, `(r,)`.
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
    """Columns of one state of the documents, by field; `answers` are those of filters on it."""

    change: int = -1
    numbers: IntVector = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    columns: Mapping[str, Column] = field(default_factory=dict)
    answers: dict[str, IntVector] = field(default_factory=dict)


def read_table(database: Database, names: Iterable[str]) -> Table:
    """Read some fields of all documents, in one state even while others write."""
    coders = {name: _Coder() for name in names}
    numbers: list[int] = []
    change = -1
    own = "'', ''" if coders.keys().isdisjoint(OWN_FIELDS) else "id, title"
    # One statement sees one state.
    query = f"SELECT (SELECT change FROM latest), number, metadata, {own} FROM documents"
    for rows in database.batches(f"{query} ORDER BY number", size=_BATCH):
        change = rows[0][0]
        numbers.extend(row[1] for row in rows)
        _extend(coders, database, rows)
    columns = {name: coder.column() for name, coder in coders.items()}
    return Table(change, np.array(numbers, dtype=np.int64), columns)


def read_sources(database: Database, numbers: IntVector) -> Column:
    """Read where each of some documents comes from: of several sources, the first."""
    query = (
        "SELECT number, path FROM origins JOIN sources USING (source) "
        "WHERE typeof(path) IN ('text', 'blob') ORDER BY origin DESC"
    )
    found = {number: path for rows in database.batches(query, size=_BATCH) for number, path in rows}
    coder = _Coder()
    coder.extend(
        shown_path(found[number]) if number in found else ABSENT for number in numbers.tolist()
    )
    return coder.column()


def read_changes(database: Database, table: Table, spare: int) -> Table | None:
    """Bring columns up to date; None if all of them must be read again.

    It costs what the changes do, and a few bytes for each document.
    """
    latest = "(SELECT change FROM latest), (SELECT count(*) FROM documents), number"
    # One statement sees one state.
    query = f"""SELECT {latest}, metadata, id, title FROM documents WHERE change > ?1
        UNION ALL SELECT {latest}, NULL, '', '' FROM deletions WHERE change > ?1"""
    found = database.rows(query, table.change)
    wasted = any(len(c.values) > 2 * len(c.codes) + spare for c in table.columns.values())
    if not found or wasted:
        return None
    change, count = found[0][:2]
    rows: list[_Row] = sorted((change, *row[2:]) for row in found if row[3] is not None)
    removed = np.array([row[2] for row in found if row[3] is None], np.int64)
    changed = np.array([row[1] for row in rows], np.int64)
    # New documents have higher numbers.
    last = table.numbers[-1] if len(table.numbers) else 0
    numbers = np.concatenate((table.numbers, changed[changed > last]))
    places, keep = np.searchsorted(numbers, changed), ~np.isin(numbers, removed)
    if np.count_nonzero(keep) != count or not np.array_equal(numbers[places], changed):
        # Deletions have been forgotten meanwhile.
        return None
    coders = {name: column.coder for name, column in table.columns.items()}
    _extend(coders, database, rows)
    columns = {
        name: column.changed(places, coders[name].column(), keep)
        for name, column in table.columns.items()
    }
    return Table(change, numbers[keep], columns)


def _extend(coders: Mapping[str, _Coder], database: Database, rows: Sequence[_Row]) -> None:
    """Add what rows have in each field."""
    if not coders.keys().isdisjoint(OWN_FIELDS):
        for *_, id, title in rows:
            if type(id) is not str or type(title) is not str:
                raise broken_document(database.path, id, "its id or its title is not text")
    # One call for many is faster than many calls.
    every = parse_many([row[2] for row in rows])
    if every is None:
        every = [_metadata(database, row) for row in rows]
    for name, coder in coders.items():
        coder.extend(_values(name, every, rows))


def _metadata(database: Database, row: _Row) -> dict[str, Any]:
    try:
        return parse_metadata(row[2])
    except BrokenRowError as error:
        query = "SELECT CAST(id AS BLOB) FROM documents WHERE number = ?"
        found = database.row(query, row[1])
        raise broken_document(database.path, found and found[0], str(error)) from error


def _values(name: str, every: Sequence[dict[str, Any]], rows: Sequence[_Row]) -> Iterable[Any]:
    if name in OWN_FIELDS:
        return map(_own_value, every, rows, repeat(name))
    if "." not in name:
        return [metadata.get(name, ABSENT) for metadata in every]
    return map(FieldPath(name).value, every)


def _own_value(metadata: Mapping[str, Any], row: _Row, name: str) -> Any:
    value = metadata.get(name)
    return value if value is not None else row[3 + OWN_FIELDS.index(name)] or None


class _Coder:
    """Gives the distinct values of a column codes as they come; a code is never changed."""

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
        """Return the documents since the last call."""
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
