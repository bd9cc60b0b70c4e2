"""Fields of all documents as columns in memory: each distinct value once, and a code a document.

A comparison is then made once for each distinct value, not once for each document.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.store.connection import guarded

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._types import IntVector, MetadataValue

OWN_FIELDS = ("id", "title")

_BATCH = 2_000
_ABSENT = object()
_CODE_OF_ABSENT = 1

Record = tuple[int, int, str, str, str]


@dataclass(frozen=True, slots=True)
class Column:
    """A field of all documents.

    Attributes:
        values: Its distinct values; the first two are None, for null and for no such field.
        codes: `(n,)`, for each document the place of its value in `values`.
    """

    values: Sequence[MetadataValue]
    codes: NDArray[np.int32]

    @property
    def is_known(self) -> bool:
        """Whether a document has the field, were it null."""
        return bool((self.codes != _CODE_OF_ABSENT).any())

    @property
    def characters(self) -> int:
        """How much text its values hold."""
        return sum(len(value) for value in self.values if isinstance(value, str))


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
    """
    coders = {name: _Coder() for name in names}
    numbers: list[int] = []
    change = -1
    with_own = not coders.keys().isdisjoint(OWN_FIELDS)
    for records in _batches(path, connection, with_own):
        change = records[0][0]
        numbers.extend(record[1] for record in records)
        # One call for many is faster than many calls.
        every = json.loads(f"[{','.join(record[2] for record in records)}]")
        for name, coder in coders.items():
            if name in OWN_FIELDS:
                coder.extend(map(_own, every, records, [name] * len(records)))
            else:
                coder.extend([metadata.get(name, _ABSENT) for metadata in every])
    columns = {name: coder.column() for name, coder in coders.items()}
    return Table(change, np.array(numbers, dtype=np.int64), columns)


def _batches(path: Path, connection: sqlite3.Connection, with_own: bool) -> Iterator[list[Record]]:
    own = "id, title" if with_own else "'', ''"
    # One statement sees one state.
    query = f"SELECT (SELECT change FROM latest), number, metadata, {own} FROM documents"
    with guarded(path):
        cursor = connection.execute(query)
    while True:
        with guarded(path):
            records: list[Record] = cursor.fetchmany(_BATCH)
        if not records:
            return
        yield records


def _own(metadata: Mapping[str, MetadataValue], record: Record, name: str) -> MetadataValue:
    value = metadata.get(name)
    return value if value is not None else record[3 + OWN_FIELDS.index(name)] or None


class _Coder:
    """Numbers the distinct values of a column as they come."""

    def __init__(self) -> None:
        self._codes: dict[object, int] = {}
        self._values: list[MetadataValue] = []
        self._rows: list[int] = []
        self.extend((None, _ABSENT))
        self._values[_CODE_OF_ABSENT] = None
        self._rows.clear()

    def extend(self, values: Iterable[MetadataValue | object]) -> None:
        codes = self._codes
        for value in values:
            # For a dictionary, 1 and 1.0 and True are one.
            key = value if type(value) is str else (type(value), value)
            code = codes.get(key)
            if code is None:
                code = codes[key] = len(codes)
                self._values.append(value)  # type: ignore[arg-type]
            self._rows.append(code)

    def column(self) -> Column:
        return Column(self._values, np.array(self._rows, dtype=np.int32))
