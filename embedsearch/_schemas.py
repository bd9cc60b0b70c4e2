"""What a small JSON file must hold, declared as a whole, and compared when it is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedsearch._checks import Instance, Interval
from embedsearch._messages import cut

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Text:
    """A string that a pattern matches as a whole."""

    pattern: str = r"[\s\S]*"
    name: str = "a string"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Nullable:
    """What may be null instead."""

    of: Schema


@dataclass(frozen=True, slots=True)
class Listed:
    """A list."""

    of: Schema

    def __str__(self) -> str:
        return "a list"


@dataclass(frozen=True, slots=True)
class Named:
    """An object whose names match a pattern."""

    of: Schema
    names: str = r"[\s\S]*"

    def __str__(self) -> str:
        return "an object"


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with fields that it must have, and others that it may have.

    Fields that are not known are passed over: later versions may write more.
    """

    needed: Mapping[str, Schema]
    optional: Mapping[str, Schema] = field(default_factory=dict)

    def __str__(self) -> str:
        return "an object"


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value."""


Schema = Interval | Instance | Text | Nullable | Listed | Named | Fields | Anything

COUNT = Interval(0, 2**63 - 1, whole=True)
POSITIVE = Interval(1, 2**63 - 1, whole=True)
HASH = Text("[0-9a-f]{64}", "a SHA-256 in hexadecimal")


def fault(value: object, schema: Schema, place: str = "") -> str | None:
    """Say where a value of JSON is not what it must be, and what it must be; None if it is."""
    match schema:
        case Anything():
            return None
        case Nullable():
            return None if value is None else fault(value, schema.of, place)
        case Fields() if isinstance(value, dict):
            return _fault_of_fields(value, schema, place)
        case Named() if isinstance(value, dict):
            return _fault_of_names(value, schema, place)
        case Listed() if isinstance(value, list):
            faults = (fault(item, schema.of, f"{place}[{i}]") for i, item in enumerate(value))
            return next(filter(None, faults), None)
        case Interval() | Instance() if schema.allows(value):
            return None
        case Text() if isinstance(value, str) and re.fullmatch(schema.pattern, value):
            return None
    return f"{place or 'it'} must be {schema}, got {_shown(value)}"


def _fault_of_fields(value: Mapping[str, object], schema: Fields, place: str) -> str | None:
    for name, wanted in {**schema.needed, **schema.optional}.items():
        inner = f"{place}.{name}" if place else name
        if name in value:
            if found := fault(value[name], wanted, inner):
                return found
        elif name in schema.needed:
            return f"{inner} is missing"
    return None


def _fault_of_names(value: Mapping[str, object], schema: Named, place: str) -> str | None:
    for name, item in value.items():
        if not re.fullmatch(schema.names, name):
            return f"{place or 'it'} must not have {_shown(name)}"
        if found := fault(item, schema.of, f"{place}[{_shown(name)}]"):
            return found
    return None


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) > 10**18:
        return "a huge number"
    # A stranger may have written it, and it is shown on a terminal.
    return cut(ascii(value))
