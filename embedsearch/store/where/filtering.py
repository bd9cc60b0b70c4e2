"""Finds the documents that a filter lets through."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.store.where.columns import OWN_FIELDS, Table, caught_up, read_table
from embedsearch.store.where.parsing import parse_where
from embedsearch.store.where.tree import Among, And, Comparison, Condition, Not, Or, comparisons_of
from embedsearch.store.where.unknown import fail_for_object, fail_for_unknown
from embedsearch.store.where.values import predicate_for

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._types import IntVector

_MOST_ANSWERS = 8
_MOST_COLUMNS = 32
_MOST_KEPT = 100_000_000


class Filters:
    """Answers filters. Fields are read when they are first named, and kept until a change.

    Args:
        path: The SQLite file, for errors.
        connection: It, opened.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection = path, connection
        self._table = Table()
        # Threads share a connection, and the numbers of values.
        self._lock = Lock()

    def matching(self, where: str, change: int, *, kept: bool = True) -> IntVector:
        """Return the numbers of the documents of which a filter is true.

        Args:
            where: The filter, see `parse_where`.
            change: The number of the last change.
            kept: Whether what is read may be kept: a change that is undone gives its number back.

        Returns:
            `(m,)`, ascending, read-only.

        Raises:
            QueryError: The filter does not parse, names a field that no document has, or
                compares one that holds objects.
        """
        condition = parse_where(where)
        comparisons = list(comparisons_of(condition))
        fields = {one.field.name for one in comparisons}
        with self._lock:
            table = self._table_with(fields, change) if kept else self._read(fields)
        answer = table.answers.get(where)
        if answer is None:
            self._check_fields(where, comparisons, table)
            answer = _answer(condition, table)
            if len(table.answers) >= _MOST_ANSWERS:
                table.answers.clear()
            table.answers[where] = answer
        return answer

    def _table_with(self, names: Collection[str], change: int) -> Table:
        kept = self._caught_up() if self._table.change != change else self._table
        missing = [name for name in names if name not in kept.columns]
        if not missing:
            return kept
        table = self._joined(kept, missing, names)
        is_small = sum(column.size for column in table.columns.values()) < _MOST_KEPT
        self._table = table if is_small else Table()
        return table

    def _caught_up(self) -> Table:
        """Return what is kept after all changes since, or nothing."""
        found = None
        if self._table.columns:
            found = caught_up(self._path, self._connection, self._table)
        self._table = Table() if found is None else found
        return self._table

    def _joined(self, kept: Table, missing: Collection[str], names: Collection[str]) -> Table:
        read = self._read(missing)
        if kept.change == read.change and len(kept.columns) + len(missing) <= _MOST_COLUMNS:
            columns = {**kept.columns, **read.columns}
            return Table(read.change, read.numbers, columns, kept.answers)
        return read if len(missing) == len(names) else self._read(names)

    def _read(self, names: Collection[str]) -> Table:
        return read_table(self._path, self._connection, names)

    def _check_fields(self, where: str, comparisons: Iterable[Comparison], table: Table) -> None:
        """Refuse a field that no document has, or that is an object: it could only mislead."""
        if not len(table.numbers):
            return
        for comparison in comparisons:
            field = comparison.field
            column = table.columns[field.name]
            if not (column.is_known or field.name in OWN_FIELDS):
                fail_for_unknown(where, field, self._path, self._connection)
            asks_for_value = not (isinstance(comparison, Among) and comparison.is_of_existence)
            if asks_for_value and column.is_object:
                fail_for_object(where, field, self._path, self._connection)


def _answer(condition: Condition, table: Table) -> IntVector:
    numbers = np.sort(table.numbers[_mask(condition, table)])
    numbers.setflags(write=False)
    return numbers


def _mask(condition: Condition, table: Table) -> NDArray[np.bool_]:
    """Say of every document whether a condition is true, `(n,)`."""
    if isinstance(condition, Not):
        return ~_mask(condition.part, table)
    if isinstance(condition, And | Or):
        join = np.logical_and if isinstance(condition, And) else np.logical_or
        mask = _mask(condition.parts[0], table)
        for part in condition.parts[1:]:
            join(mask, _mask(part, table), out=mask)
        return mask
    return table.columns[condition.field.name].mask(predicate_for(condition))
