"""Checks of parameters, declared: what is allowed is a value, and says itself in messages.

```python
check("topn", topn, COUNT)                                  # 1, 2, 3, ...
check("recall", recall, Interval(0, 1, open_least=True))
check("mode", mode, Choice(SEARCH_MODES))
```

A class of settings names a constraint for each of its fields, and calls `check_fields` on itself.
"""

from __future__ import annotations

import math
import numbers
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Constraint(Protocol):
    """What a parameter may be; `str` of it completes "it must be"."""

    def allows(self, value: object) -> bool:
        """Whether the parameter may be `value`."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from `least` to `most`, or only `whole` ones; no bools, and no NaN."""

    least: float = -math.inf
    most: float = math.inf
    whole: bool = False
    open_least: bool = False

    def allows(self, value: object) -> bool:
        number = as_integer(value) if self.whole else as_number(value)
        if number is None:
            return False
        # `math.isfinite` raises for integers that no float can hold.
        above = number > self.least if self.open_least else number >= self.least
        return above and number <= self.most and abs(number) != math.inf

    def __str__(self) -> str:
        name = "a whole number" if self.whole else "a number"
        least = _shown_bound(self.least)
        if self.most == math.inf:
            if not math.isfinite(self.least):
                return name if self.whole else "a finite number"
            return f"{name} above {least}" if self.open_least else f"{name}, {least} or more"
        start = f"above {least}" if self.open_least else f"from {least}"
        join = "and at most" if self.open_least else "to"
        return f"{name} {start} {join} {_shown_bound(self.most)}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few names."""

    options: tuple[str, ...]

    def allows(self, value: object) -> bool:
        return isinstance(value, str) and value in self.options

    def __str__(self) -> str:
        return f"one of {', '.join(self.options)}"


@dataclass(frozen=True, slots=True)
class Instance:
    """Anything of a type; `name` is what messages call it, such as "a string"."""

    of: type | tuple[type, ...]
    name: str

    def allows(self, value: object) -> bool:
        return isinstance(value, self.of)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Optional:
    """None, or what another constraint allows."""

    constraint: Constraint

    def allows(self, value: object) -> bool:
        return value is None or self.constraint.allows(value)

    def __str__(self) -> str:
        return f"{self.constraint}, or None"


COUNT = Interval(1, whole=True)
NATURAL = Interval(0, whole=True)
STRING = Instance(str, "a string")
BOOLEAN = Instance(bool, "True or False")
PATH = Instance((str, os.PathLike), "a path")


def check(name: str, value: object, constraint: Constraint) -> None:
    """Raise `ParameterError` unless a parameter is allowed."""
    if not constraint.allows(value):
        raise ParameterError(name, str(constraint), value)


def check_fields(settings: object, constraints: Mapping[str, Constraint]) -> None:
    """Raise `ParameterError` for the first field of settings that is not allowed."""
    for name, constraint in constraints.items():
        check(name, getattr(settings, name), constraint)


def as_strings(name: str, values: Any) -> list[str]:
    """Return the strings of an iterable, which is no string itself; else `ParameterError`."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ParameterError(name, "a list of strings", values)
    strings = list(values)
    for place, value in enumerate(strings):
        check(f"{name}[{place}]", value, STRING)
    return strings


def as_count(name: str, value: Any) -> int:
    """Return a whole number of 1 or more as an `int`; else raise `ParameterError`."""
    # Every query counts: this way takes a fifth of the time.
    if type(value) is int and value >= 1:
        return value
    check(name, value, COUNT)
    return int(value)


def as_integer(value: object) -> int | None:
    """Return a whole number, one of numpy too, as an `int`; None for anything else, and a bool."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        return None
    return int(value)


def as_number(value: object) -> float | None:
    """Return a real number, one of numpy too; None for anything else, and a bool."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    return int(value) if isinstance(value, numbers.Integral) else float(value)


_UNITS = {"": 1, "B": 1}
_UNITS |= {f"{prefix}B": 1000 ** (i + 1) for i, prefix in enumerate("KMGT")}
_UNITS |= {f"{prefix}IB": 1024 ** (i + 1) for i, prefix in enumerate("KMGT")}
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)\s*([A-Za-z]{0,3})")


def as_bytes(name: str, size: int | str) -> int:
    """Return a size in bytes: "500MB" is 500,000,000, "1.5GiB" 1,610,612,736."""
    number = as_integer(size)
    match = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
    if match and match[2].upper() in _UNITS:
        number = int(float(match[1]) * _UNITS[match[2].upper()])
    if number is None or number < 1:
        raise ParameterError(name, 'a number of bytes, or a size such as "500MB"', size)
    return number


def _shown_bound(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
