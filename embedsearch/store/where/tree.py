"""What a filter says, as a tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._types import MetadataValue

Order = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the metadata, or the `id` or `title` of the document.

    Attributes:
        name: As it is in the metadata.
        place: Where it stands in the filter, counted from 0.
    """

    name: str
    place: int = 0


@dataclass(frozen=True, slots=True)
class Among:
    """The field equals one of the values; None stands for a field that is not there."""

    field: Field
    values: tuple[MetadataValue, ...]


@dataclass(frozen=True, slots=True)
class Ordered:
    """The field is below or above a value."""

    field: Field
    order: Order
    value: str | int | float


@dataclass(frozen=True, slots=True)
class Like:
    """The field has the form of a pattern, where `%` is any text and `_` any character."""

    field: Field
    pattern: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The field holds a text somewhere."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """The part is false."""

    part: Condition


@dataclass(frozen=True, slots=True)
class And:
    """All parts are true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part is true."""

    parts: tuple[Condition, ...]


Comparison = Among | Ordered | Like | Contains
Condition = Comparison | Not | And | Or


def fields_of(condition: Condition) -> Iterator[Field]:
    """Yield the fields that a condition names, from left to right."""
    if isinstance(condition, Not):
        yield from fields_of(condition.part)
    elif isinstance(condition, And | Or):
        for part in condition.parts:
            yield from fields_of(part)
    else:
        yield condition.field
