"""Dates and times as ISO 8601 spells them, in filters and in strings of the metadata."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIME = (
    r"(?P<hour>[0-9]{2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_ISO = re.compile(
    rf"(?P<year>[0-9]{{4}})(?:-(?P<month>[0-9]{{2}})(?:-(?P<day>[0-9]{{2}})(?:[Tt ]{_TIME})?)?)?"
)
UNQUOTED = (
    r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?:[Tt][0-9]{2}"
    r"(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?)?"
)
"""How a date is written in a filter where it is not in quotes: a month at least, and no space."""

_SECOND = 10**9
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3_600 * _SECOND, 86_400 * _SECOND
_YEARS = range(1_000, 10_000)


class Period(NamedTuple):
    """The time that a date names: a year, a month, a day, or a part of one.

    Attributes:
        start: Its first moment, in nanoseconds since the year 1, UTC.
        stop: The first moment after it.
        is_year: Whether it is a year, which a number may mean as well.
    """

    start: int
    stop: int
    is_year: bool = False


@dataclass(frozen=True, slots=True)
class Date:
    """A date in a filter that is not in quotes.

    Attributes:
        text: As written.
        period: What it names.
    """

    text: str
    period: Period


def period_of(value: object) -> Period | None:
    """Return what a text, a date or the number of a year names; None where that is no date.

    What has no time zone is taken for UTC.
    """
    if isinstance(value, Date):
        return value.period
    if isinstance(value, str):
        return _of_text(value.strip())
    if type(value) is int and value in _YEARS:
        return _whole_days(date(value, 1, 1), _first_of_next_year(value), is_year=True)
    return None


def _of_text(text: str) -> Period | None:
    # Most texts are none, and this is faster than the pattern.
    if len(text) != 4 and text[4:5] != "-":
        return None
    found = _ISO.fullmatch(text)
    if not found:
        return None
    try:
        return _of_parts(found)
    except ValueError:
        # 2020-02-30, or year 0.
        return None


def _of_parts(found: re.Match[str]) -> Period:
    year, month, day = (int(found[part] or 1) for part in ("year", "month", "day"))
    first = date(year, month, day)
    if found["month"] is None:
        return _whole_days(first, _first_of_next_year(year), is_year=True)
    if found["day"] is None:
        is_last = month == 12
        after = _first_of_next_year(year) if is_last else date(year, month + 1, 1).toordinal()
        return _whole_days(first, after)
    if found["hour"] is None:
        return _whole_days(first, first.toordinal() + 1)
    start, length = _time_of_day(found)
    start += first.toordinal() * _DAY - _offset(found["zone"])
    return Period(start, start + length)


def _whole_days(first: date, after: int, *, is_year: bool = False) -> Period:
    return Period(first.toordinal() * _DAY, after * _DAY, is_year)


def _first_of_next_year(year: int) -> int:
    # `date` ends with the year 9999.
    return date(year, 12, 31).toordinal() + 1


def _time_of_day(found: re.Match[str]) -> tuple[int, int]:
    """Return the moment since midnight, and how long what is written goes on."""
    units = ((24, _HOUR), (60, _MINUTE), (60, _SECOND))
    start, length = 0, _DAY
    for part, (limit, unit) in zip(("hour", "minute", "second"), units, strict=True):
        if found[part] is None:
            return start, length
        if int(found[part]) >= limit:
            raise ValueError(part)
        start, length = start + int(found[part]) * unit, unit
    if fraction := found["fraction"]:
        length = 10 ** (9 - len(fraction))
        start += int(fraction) * length
    return start, length


def _offset(zone: str | None) -> int:
    """Return what a time zone is ahead of UTC."""
    if zone is None or zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    return (hours * _HOUR + minutes * _MINUTE) * (-1 if zone[0] == "-" else 1)


class Calendar:
    """Periods that a value may lie in, found in the logarithm of their number.

    Args:
        periods: Those that are looked for.
    """

    def __init__(self, periods: Iterable[Period]) -> None:
        ordered = sorted(periods)
        self._starts = [period.start for period in ordered]
        self._stops = list(accumulate((period.stop for period in ordered), max))

    def has(self, period: Period) -> bool:
        """Whether it lies within one of them."""
        place = bisect_right(self._starts, period.start)
        return place > 0 and self._stops[place - 1] >= period.stop
