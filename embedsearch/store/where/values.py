"""What a comparison says of one value."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

from embedsearch.store.where.dates import Calendar, period_of
from embedsearch.store.where.numerals import number_of
from embedsearch.store.where.tree import Among, Between, Comparison, Like, Ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from embedsearch._types import MetadataScalar
    from embedsearch.store.where.tree import Bound, Order, Value

    Predicate = Callable[[MetadataScalar], bool]

_TRUTHS = {"true": True, "false": False}
_ORDERS: dict[str, Callable[..., bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def predicate_for(comparison: Comparison) -> Predicate:
    """Return the function that says whether a value passes; None is a field that is not there."""
    if isinstance(comparison, Among):
        return _among(comparison.values)
    if isinstance(comparison, Ordered):
        return _ordered(comparison.order, comparison.value)
    if isinstance(comparison, Between):
        reaches = _ordered(">=", comparison.lowest)
        remains = _ordered("<=", comparison.highest)
        return lambda value: reaches(value) and remains(value)
    if isinstance(comparison, Like):
        return _written(_like(comparison.pattern))
    text = comparison.text.casefold()
    return _written(lambda written: text in written)


def _among(values: Iterable[Value]) -> Predicate:
    values = list(values)
    texts = {value for value in values if isinstance(value, str)}
    truths = {value for value in values if isinstance(value, bool)}
    numbers = {v for v in values if isinstance(v, int | float) and not isinstance(v, bool)}
    for_numbers = numbers | {number_of(text) for text in texts}
    for_truths = truths | {_TRUTHS.get(text.lower()) for text in texts}
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
            or (bool(truths) and _TRUTHS.get(value.lower()) in truths)
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
    """Return the test for two dates, which gives None where the value is none."""
    limit = period_of(bound)
    if limit is None:
        return None
    # Before it begins, or not; before it is over, or not.
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


def _written(test: Callable[[str], bool]) -> Predicate:
    """Make a test of folded text one of values: numbers are taken as they are written."""

    def of_value(value: MetadataScalar) -> bool:
        if value is None or isinstance(value, bool):
            return False
        return test(str(value).casefold())

    return of_value


def _like(pattern: str) -> Callable[[str], bool]:
    r"""Return the test for a pattern: `%` any text, `_` one character, `\%` and `\_` themselves.

    What stands between two `%` has a fixed length and is looked for from left to right, each at
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
