"""Dates and times as ISO 8601 spells them, in filters and in strings of the metadata."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIME = (
    r"([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})"
    r"(?:[.,]([0-9]{1,9}))?)?)?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_ISO = re.compile(rf"([0-9]{{4}})(?:-([0-9]{{2}})(?:-([0-9]{{2}})(?:[Tt ]{_TIME})?)?)?")
UNQUOTED = (
    r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?:[Tt][0-9]{2}"
    r"(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?)?"
)
"""How a date is written in a filter where it is not in quotes: a month at least, and no space."""

_LONGEST = len("2020-06-15T10:30:00.123456789+02:00")
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
    return _of_text(str(value)) if type(value) is int and value in _YEARS else None


def _of_text(text: str) -> Period | None:
    # Most texts are no dates, and this is faster than the pattern.
    if len(text) > _LONGEST or (len(text) != 4 and text[4:5] != "-"):
        return None
    return _parsed(text)


# The dates of a field are the same for each filter on it.
@lru_cache(maxsize=1 << 17)
def _parsed(text: str) -> Period | None:
    found = _ISO.fullmatch(text)
    if not found:
        return None
    try:
        return _of_parts(found)
    except ValueError:
        # 2020-02-30, or year 0.
        return None


def _of_parts(found: re.Match[str]) -> Period:
    year, month, day, hour, *time, zone = found.groups()
    first = date(int(year), int(month or 1), int(day or 1))
    start = first.toordinal()
    if month is None:
        return Period(start * _DAY, _first_of_next_year(first) * _DAY, True)
    if day is None:
        return Period(start * _DAY, _first_of_next_month(first) * _DAY)
    if hour is None:
        return Period(start * _DAY, (start + 1) * _DAY)
    moment, length = _time_of_day(hour, *time)
    moment += start * _DAY
    moment -= _offset(zone) if zone else 0
    return Period(moment, moment + length)


def _first_of_next_year(day: date) -> int:
    # `date` ends with the year 9999.
    return day.replace(month=12, day=31).toordinal() + 1


def _first_of_next_month(day: date) -> int:
    if day.month == 12:
        return _first_of_next_year(day)
    return day.replace(month=day.month + 1, day=1).toordinal()


def _time_of_day(
    hour: str, minute: str | None, second: str | None, fraction: str | None
) -> tuple[int, int]:
    """Return the moment since midnight, and how long what is written goes on."""
    hours, minutes, seconds = int(hour), int(minute or 0), int(second or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(hour, minute, second)
    start = hours * _HOUR + minutes * _MINUTE + seconds * _SECOND
    if fraction is not None:
        length = int(10 ** (9 - len(fraction)))
        return start + int(fraction) * length, length
    return start, _HOUR if minute is None else _MINUTE if second is None else _SECOND


def _offset(zone: str) -> int:
    """Return what a time zone is ahead of UTC."""
    if zone in "Zz":
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
