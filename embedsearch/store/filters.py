"""Filters on the metadata of documents: `year > 1990 and lang = 'en'`.

A filter is parsed into a small tree (`store.filter_parser`), and the tree is held against columns
of the fields that it names: nothing that a user writes ever becomes SQL.

The guide says what each comparison means. A condition is true or false of a document, never
unknown, and `not` turns it over: `lang != 'en'` is also true of documents without a `lang`. Null
and a field that is not there are the same, and nulls in lists do not count. `true` equals the text
`true` in any case; `like` and `contains` see numbers as they are written.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_right
from collections import Counter
from itertools import accumulate, islice
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import QueryError
from embedsearch._fields import (
    NOT_COMPARED,
    TRUTHS,
    names_in,
    number_of,
    object_field,
    period_of,
    shown_name,
    unknown_field,
)
from embedsearch.store.columns import (
    OWN_FIELDS,
    SOURCE,
    SPARE,
    Table,
    read_changes,
    read_sources,
    read_table,
)
from embedsearch.store.filter_parser import (
    Among,
    And,
    Between,
    Comparison,
    Condition,
    Like,
    Not,
    Or,
    Ordered,
    comparisons_of,
    filter_error,
    parse_where,
)
from embedsearch.store.rows import parse_many

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from numpy.typing import NDArray

    from embedsearch._fields import Period
    from embedsearch._types import IntVector, MetadataScalar
    from embedsearch.store.columns import Column
    from embedsearch.store.connection import Database
    from embedsearch.store.filter_parser import Bound, Order, Value

    Predicate = Callable[[MetadataScalar], bool]

_ALWAYS_THERE = (*OWN_FIELDS, SOURCE)

# What is remembered until a change: a session has few filters, and their fields should not take
# more memory than the vectors of a small collection.
_MOST_ANSWERS = 8
_MOST_COLUMNS = 32
_MOST_CHARACTERS = 100_000_000

_ORDERS: dict[str, Callable[..., bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def predicate_for(comparison: Comparison) -> Predicate:
    """Return the function that says whether a value passes; None is a field that does not exist."""
    if isinstance(comparison, Among):
        return _equals_any(comparison.values)
    if isinstance(comparison, Ordered):
        return _ordered(comparison.order, comparison.value)
    if isinstance(comparison, Between):
        reaches = _ordered(">=", comparison.lowest)
        remains = _ordered("<=", comparison.highest)
        return lambda value: reaches(value) and remains(value)
    if isinstance(comparison, Like):
        return _text_predicate(_like(comparison.pattern))
    text = comparison.text.casefold()
    return _text_predicate(lambda written: text in written)


def _equals_any(values: Iterable[Value]) -> Predicate:
    values = list(values)
    texts = {value for value in values if isinstance(value, str)}
    truths = {value for value in values if isinstance(value, bool)}
    numbers = {v for v in values if isinstance(v, int | float) and not isinstance(v, bool)}
    for_numbers = numbers | {number_of(text) for text in texts}
    for_truths = truths | {TRUTHS.get(text.lower()) for text in texts}
    null = None in values
    periods = [period for value in values if (period := period_of(value))]
    calendar = Calendar(periods) if periods else None

    def test(value: MetadataScalar) -> bool:
        if value is None:
            return null
        if isinstance(value, bool):
            return value in for_truths
        if not isinstance(value, str):
            return value in for_numbers
        return (
            value in texts
            or (bool(numbers) and number_of(value) in numbers)
            or (bool(truths) and TRUTHS.get(value.lower()) in truths)
            or (calendar is not None and _is_within(value, calendar))
        )

    return test


def _is_within(value: str, calendar: Calendar) -> bool:
    period = period_of(value)
    # A year in the metadata is a number or a text like any other.
    return period is not None and not period.is_year and calendar.has(period)


def _ordered(order: Order, bound: Bound) -> Predicate:
    by_date = _ordered_by_date(order, bound)
    compare = _ORDERS[order]
    text = bound if isinstance(bound, str) else None
    number = number_of(bound) if isinstance(bound, str) else bound
    number = number if isinstance(number, int | float) else None

    def test(value: MetadataScalar) -> bool:
        if by_date is not None and (answer := by_date(value)) is not None:
            return answer
        if isinstance(value, str) and text is not None:
            return compare(value, text)
        own = number_of(value) if isinstance(value, str) else value
        if own is None or number is None or isinstance(own, bool):
            return False
        return compare(own, number)

    return test


def _ordered_by_date(order: Order, bound: Bound) -> Callable[[MetadataScalar], bool | None] | None:
    """Return the test for two dates, which returns None for a value that is no date."""
    limit = period_of(bound)
    if limit is None:
        return None
    # A value is compared by its first moment: with the start of the bound, or with its end.
    orders: dict[Order, tuple[Callable[[int, int], bool], int]] = {
        "<": (operator.lt, limit.start),
        ">=": (operator.ge, limit.start),
        "<=": (operator.lt, limit.stop),
        ">": (operator.ge, limit.stop),
    }
    compare, edge = orders[order]

    def test(value: MetadataScalar) -> bool | None:
        period = period_of(value)
        # Two years are as good as numbers, or texts.
        if period is None or (period.is_year and limit.is_year):
            return None
        return compare(period.start, edge)

    return test


def _text_predicate(test: Callable[[str], bool]) -> Predicate:
    """Turn a test of casefolded text into one of values; numbers are taken as they are written."""

    def of_value(value: MetadataScalar) -> bool:
        if value is None or isinstance(value, bool):
            return False
        return test(str(value).casefold())

    return of_value


def _like(pattern: str) -> Callable[[str], bool]:
    r"""Return the test for a pattern: `%` any text, `_` one character, `\%` and `\_` themselves.

    The pieces between two `%` have a fixed length and are looked for from left to right, each at
    its first place: no pattern takes longer than its length times that of the text, and one
    without `_` no longer than both together.
    """
    pieces: list[list[str]] = [[]]
    for mark in re.findall(r"\\[%_\\]|.", pattern.casefold(), re.DOTALL):
        if mark == "%":
            pieces.append([])
        else:
            pieces[-1].append(mark)
    if len(pieces) == 1:
        whole = _compiled(pieces[0])
        return lambda text: whole.fullmatch(text) is not None
    first, *middle, last = map(_compiled, pieces)
    last_length = len(pieces[-1])

    def test(text: str) -> bool:
        found = first.match(text)
        for piece in middle:
            found = found and piece.search(text, found.end())
        tail = len(text) - last_length
        return bool(found and found.end() <= tail and last.match(text, tail))

    return test


def _compiled(marks: list[str]) -> re.Pattern[str]:
    letters = ("." if mark == "_" else re.escape(mark[-1]) for mark in marks)
    return re.compile("".join(letters), re.DOTALL)


class Calendar:
    """Periods that a value may lie in, found in the logarithm of their number."""

    def __init__(self, periods: Iterable[Period]) -> None:
        ordered = sorted(periods)
        self._starts = [period.start for period in ordered]
        self._stops = list(accumulate((period.stop for period in ordered), max))

    def has(self, period: Period) -> bool:
        """Whether a period lies within one of these."""
        place = bisect_right(self._starts, period.start)
        return place > 0 and self._stops[place - 1] >= period.stop


class Filters:
    """Answers filters. Fields are read when they are first named, and kept until a change."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.spare = SPARE
        self._table = Table()
        # Threads share a connection, and the codes of values.
        self._lock = Lock()

    def matching(self, where: str, change: int, *, remember: bool = True) -> IntVector:
        """Return the numbers `(m,)`, ascending, of the documents that pass a filter.

        `change` is the last change. What is read is kept for the next filter only with `remember`.
        """
        condition = parse_where(where)
        comparisons = list(comparisons_of(condition))
        names = {one.field.name for one in comparisons}
        with self._lock:
            table = (
                self._table_with(names, change) if remember else read_table(self._database, names)
            )
        if SOURCE in names:
            columns = {**table.columns, SOURCE: self._column(SOURCE, table)}
            table = Table(table.change, table.numbers, columns)
        answer = table.answers.get(where)
        if answer is None:
            self._check_fields(where, comparisons, table)
            answer = np.sort(table.numbers[_mask(condition, table)])
            answer.setflags(write=False)
            if len(table.answers) >= _MOST_ANSWERS:
                table.answers.clear()
            table.answers[where] = answer
        return answer

    def column(
        self, name: str, change: int, *, remember: bool = True, compared: bool = True
    ) -> tuple[IntVector, Column]:
        """Return the numbers `(n,)` of all documents, ascending, and what they have in a field.

        The field `source` is where they come from, if no metadata have one. `QueryError` if none
        has the field, or if it holds objects and values are to be `compared`.
        """
        with self._lock:
            table = (
                self._table_with({name}, change) if remember else read_table(self._database, {name})
            )
        column = self._column(name, table)
        if len(table.numbers):
            if not (column.is_known or name in _ALWAYS_THERE):
                raise QueryError(_unknown_field(name, self._database))
            if compared and column.is_object:
                raise QueryError(_object_field(name, self._database, NOT_COMPARED))
        return table.numbers, column

    def names(self) -> list[str]:
        """List the fields that a filter can name, frequent ones of the metadata first."""
        return _known_names(self._database)

    def _column(self, name: str, table: Table) -> Column:
        column = table.columns[name]
        if name == SOURCE and not column.is_known:
            # Not remembered: of two sources one may be gone without a change of the document.
            return read_sources(self._database, table.numbers)
        return column

    def _table_with(self, names: Collection[str], change: int) -> Table:
        if self._table.change != change and self._table.columns:
            self._table = read_changes(self._database, self._table, self.spare) or Table()
        missing = [name for name in names if name not in self._table.columns]
        if not missing:
            return self._table
        table = self._extended(self._table, missing, names)
        is_small = sum(column.size for column in table.columns.values()) < _MOST_CHARACTERS
        self._table = table if is_small else Table()
        return table

    def _extended(self, known: Table, missing: Collection[str], names: Collection[str]) -> Table:
        read = read_table(self._database, missing)
        if known.change == read.change and len(known.columns) + len(missing) <= _MOST_COLUMNS:
            columns = {**known.columns, **read.columns}
            return Table(read.change, read.numbers, columns, known.answers)
        return read if len(missing) == len(names) else read_table(self._database, names)

    def _check_fields(self, where: str, comparisons: Iterable[Comparison], table: Table) -> None:
        """Refuse a field that no document has, or that is an object: it could only mislead."""
        if not len(table.numbers):
            return
        for comparison in comparisons:
            field = comparison.field
            column = table.columns[field.name]
            if not (column.is_known or field.name in _ALWAYS_THERE):
                reason = _unknown_field(field.name, self._database)
                raise filter_error(where, field.place, reason)
            asks_for_value = not (isinstance(comparison, Among) and comparison.is_of_existence)
            if asks_for_value and column.is_object:
                only = "which only `is null` and `exists` can ask for"
                reason = _object_field(field.name, self._database, only)
                raise filter_error(where, field.place, reason)
            if _asks_for_order_of_numbers(comparison) and (found := _with_comma(column)):
                reason = (
                    f"{shown_name(field.name)} has numbers with commas, such as {found!r}, which "
                    f"are text here and have no place among numbers; add these documents again "
                    f"with a point (`{field.name} like '%,%'` finds them)"
                )
                raise filter_error(where, field.place, reason)


_NUMBER_WITH_COMMA = re.compile(r"\s*[+-]?[0-9]+(?:[.][0-9]{3})*,[0-9]+\s*")


def _asks_for_order_of_numbers(comparison: Comparison) -> bool:
    if isinstance(comparison, Ordered):
        bounds = [comparison.value]
    elif isinstance(comparison, Between):
        bounds = [comparison.lowest, comparison.highest]
    else:
        return False
    return any(isinstance(bound, int | float) for bound in bounds)


def _with_comma(column: Column) -> str | None:
    """Return a value of a column that is a number but for its comma, if there is one."""
    texts = (value for value in column.distinct if isinstance(value, str) and "," in value)
    return next(filter(_NUMBER_WITH_COMMA.fullmatch, texts), None)


def _mask(condition: Condition, table: Table) -> NDArray[np.bool_]:
    """Return for every document whether a condition is true, `(n,)`."""
    if isinstance(condition, Not):
        return ~_mask(condition.part, table)
    if isinstance(condition, And | Or):
        join = np.logical_and if isinstance(condition, And) else np.logical_or
        mask = _mask(condition.parts[0], table)
        for part in condition.parts[1:]:
            join(mask, _mask(part, table), out=mask)
        return mask
    return table.columns[condition.field.name].mask(predicate_for(condition))


# Documents whose fields an error names: the first and the last so many.
_SAMPLE = 1_000
_MOST_NAMES = 500
# Documents may have many names, each as long as all that is above it: so many are counted.
_MOST_COUNTED = 20_000


def _unknown_field(name: str, database: Database) -> str:
    return unknown_field(name, _known_names(database))


def _known_names(database: Database) -> list[str]:
    return list(dict.fromkeys([*_frequent_names(database)[:_MOST_NAMES], *_ALWAYS_THERE]))


def _object_field(name: str, database: Database, asked: str) -> str:
    return object_field(name, _frequent_names(database), asked)


def _frequent_names(database: Database) -> list[str]:
    """List the names of fields in the first and the last documents, frequent ones first.

    A field within an object has the object's name before its own.
    """
    seen: Counter[str] = Counter()
    for direction in ("ASC", "DESC"):
        query = f"SELECT metadata FROM documents ORDER BY number {direction} LIMIT {_SAMPLE}"
        # One at a time, as each may be large.
        for ((metadata,),) in database.batches(query, size=1):
            (parsed,) = parse_many([metadata]) or ({},)
            # In their order, so that the error is the same each time.
            seen.update(list(dict.fromkeys(islice(names_in(parsed), _MOST_COUNTED))))
            if len(seen) > _MOST_COUNTED:
                break
    return [name for name, _ in seen.most_common()]
