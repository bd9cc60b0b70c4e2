"""Numbers and dates as they are spelled, in filters and in texts of the metadata."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

NUMERAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"

# More digits make a number that no float reaches; and Python refuses thousands of them.
_WHOLE = re.compile(r"[+-]?[0-9]{1,308}")
_NUMERAL = re.compile(NUMERAL)


def number_of(text: str) -> int | float | None:
    """Return the number that a text spells, whole numbers exactly; None for none, or infinity."""
    text = text.strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _NUMERAL.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


_TIME = (
    r"([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})"
    r"(?:[.,]([0-9]{1,9}))?)?)?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_ISO = re.compile(rf"([0-9]{{4}})(?:-([0-9]{{2}})(?:-([0-9]{{2}})(?:[Tt ]{_TIME})?)?)?")
UNQUOTED_DATE = (
    r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?:[Tt][0-9]{2}"
    r"(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?)?"
)
"""A date in a filter without quotes: at least a month, and no space."""

_LONGEST = len("2020-06-15T10:30:00.123456789+02:00")
_SECOND = 10**9
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3_600 * _SECOND, 86_400 * _SECOND
_YEARS = range(1_000, 10_000)


class Period(NamedTuple):
    """The time that a date names, in nanoseconds since the year 1, UTC; `stop` is not in it."""

    start: int
    stop: int
    # A number may mean a year as well.
    is_year: bool = False


@dataclass(frozen=True, slots=True)
class Date:
    """A date in a filter that is not in quotes: as written, and the time that it names."""

    text: str
    period: Period


def period_of(value: object) -> Period | None:
    """Return what a text, a date or the number of a year names, in UTC; None for no date."""
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


# Each filter on a field asks for the same dates; most fields have fewer distinct ones.
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
    """Return the moment since midnight, and the length of what is left open: hour, minute, ..."""
    hours, minutes, seconds = int(hour), int(minute or 0), int(second or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(hour, minute, second)
    start = hours * _HOUR + minutes * _MINUTE + seconds * _SECOND
    if fraction is not None:
        length = int(10 ** (9 - len(fraction)))
        return start + int(fraction) * length, length
    return start, _HOUR if minute is None else _MINUTE if second is None else _SECOND


def _offset(zone: str) -> int:
    """Return how far a time zone is ahead of UTC."""
    if zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    return (hours * _HOUR + minutes * _MINUTE) * (-1 if zone[0] == "-" else 1)
