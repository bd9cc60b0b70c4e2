"""Fields of metadata: the way to a value, what it spells, and the order of values of all kinds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import combining, normalize

from embedsearch._checks import STRING, check
from embedsearch._messages import first_few

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ABSENT = object()
"""Stands for the value of a field that does not exist."""

# Names of more parts are those of one key: metadata is not nested so deeply.
_MOST_PARTS = 64


class FieldPath:
    """A name such as `meta.agent`: a key that is called so, or one within another.

    In each object the longest key counts that leads to a value, so that a key with dots in it is
    found before those that are nested. A list on the way is gone through: `authors.name` is the
    list of the names of all authors.
    """

    def __init__(self, name: str) -> None:
        parts = name.split(".")
        parts = parts if len(parts) <= _MOST_PARTS else [name]
        count = len(parts)
        self._count = count
        # For each place in the name, the keys that may come next, and the place after each.
        self._keys = [
            [(".".join(parts[at:after]), after) for after in range(count, at, -1)]
            for at in range(count)
        ]

    def value(self, metadata: Mapping[str, Any]) -> Any:
        """Return the value in the metadata of a document, or `ABSENT`."""
        return self._within(metadata, 0)

    def _within(self, value: Any, at: int) -> Any:
        if at == self._count:
            return value
        if isinstance(value, list):
            parts = [self._within(part, at) for part in value]
            return [part for part in parts if part is not ABSENT] or ABSENT
        if not isinstance(value, dict):
            return ABSENT
        for key, after in self._keys[at]:
            if key in value:
                found = self._within(value[key], after)
                if found is not ABSENT:
                    return found
        return ABSENT


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


def field_value(name: str, metadata: Mapping[str, Any], own: Mapping[str, Any]) -> Any:
    """Return the value of a field in metadata, or else the document's own, such as its title."""
    value = FieldPath(name).value(metadata)
    return (own[name] or None) if name in own and (value is None or value is ABSENT) else value


def scalars_of(value: Any) -> list[Any]:
    """Return what can be compared of a value: itself, or the elements of a list, without nulls."""
    if isinstance(value, list | tuple):
        return [scalar for part in value for scalar in scalars_of(part)]
    return [] if value is None or value is ABSENT or isinstance(value, dict) else [value]


def ranks_of(values: Sequence[Any]) -> list[int]:
    """Return the place of each value in the order of all, from 0; equal values share a place.

    First come numbers, then dates by their first moment, then texts whatever their case and
    accents, then false and true. As in a filter, a text that spells a number is one. A year is a
    date where there are other dates, else a number.
    """
    periods = [period_of(value) for value in values]
    has_dates = any(period is not None and not period.is_year for period in periods)
    keys = [
        _order_key(value, period if period and (has_dates or not period.is_year) else None)
        for value, period in zip(values, periods, strict=True)
    ]
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return [places[key] for key in keys]


def _order_key(value: Any, period: Period | None) -> tuple[Any, ...]:
    if isinstance(value, bool):
        return 3, value
    if period is not None:
        return 1, period.start
    number = number_of(value) if isinstance(value, str) else value
    return (2, _letters(value), value) if number is None else (0, number)


def _letters(text: str) -> str:
    """Return a text without case and accents, by which it is put in order."""
    text = text.casefold()
    if text.isascii():
        return text
    return "".join(letter for letter in normalize("NFKD", text) if not combining(letter))


TRUTHS = {"true": True, "false": False}
"""What texts count as, without case."""


def distinct_of(values: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Return the distinct values, and for each value its place among them.

    As in a filter, a text that spells a number or a truth is one value with it, whichever comes
    first.
    """
    places: dict[object, int] = {}
    distinct: list[Any] = []
    found = []
    for value in values:
        plain = plain_value(value)
        # In Python, true is 1.
        place = places.setdefault((plain, isinstance(plain, bool)), len(distinct))
        if place == len(distinct):
            distinct.append(value)
        found.append(place)
    return distinct, found


def plain_value(value: Any) -> Any:
    """Return the truth or the number that a value stands for in a filter, else the text."""
    if isinstance(value, str):
        truth = TRUTHS.get(value.lower())
        number = number_of(value) if truth is None else truth
        value = value if number is None else number
    return int(value) if isinstance(value, float) and value.is_integer() else value


def split_sort(parameter: str, sort: str) -> tuple[str, bool]:
    """Return the field to sort by, and whether descending: `-year`."""
    check(parameter, sort, STRING)
    return sort.removeprefix("-"), sort.startswith("-")


NOT_COMPARED = "which has no order and is not counted"
"""What can be asked of an object."""

# Documents may have many names, each as long as all that is above it.
_LONGEST_NAME = 1_000
_SHOWN_NAMES = 12
_SHOWN_LETTERS = 40


def names_in(value: object, start: str = "") -> Iterator[str]:
    """Yield the names of fields; one within an object has the object's name before its own."""
    if len(start) > _LONGEST_NAME:
        return
    if start:
        yield start
    if isinstance(value, list):
        for part in value:
            yield from names_in(part, start)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from names_in(part, f"{start}.{name}" if start else name)


def object_field(name: str, names: Iterable[str], asked: str) -> str:
    """Say that a field holds objects, and what can be asked of them."""
    inner = [known for known in names if known.startswith(f"{name}.")]
    reason = f"{shown_name(name)} is an object, {asked}"
    return f"{reason}; the fields within it are {listed_names(inner)}" if inner else reason


def unknown_field(name: str, names: Sequence[str], documents: str = "no document") -> str:
    """Say that no document has a field, which ones are spelled like it, and which there are."""
    wanted = name[:_SHOWN_LETTERS]
    folded = {known.casefold()[:_SHOWN_LETTERS]: known for known in reversed(names)}
    near = get_close_matches(wanted.casefold(), folded, n=3)
    hint = ""
    if near:
        hint = f"did you mean {' or '.join(shown_name(folded[known]) for known in near)}? "
    return f"{documents} has a field {shown_name(name)}; {hint}the fields are {listed_names(names)}"


def listed_names(names: Iterable[str]) -> str:
    """Return the first of some names of fields, for a message."""
    return first_few(map(shown_name, names), _SHOWN_NAMES)


def shown_name(name: str) -> str:
    """Return the beginning of a name that may be long, in quotation marks."""
    return repr(name if len(name) <= _SHOWN_LETTERS else f"{name[:_SHOWN_LETTERS]}…")
