"""What a filter says, as a tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._types import MetadataScalar
    from embedsearch.store.where.dates import Date

Order = Literal["<", "<=", ">", ">="]
Bound: TypeAlias = "str | int | float | Date"
Value: TypeAlias = "MetadataScalar | Date"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the metadata, or the `id` or `title` of the document.

    Attributes:
        name: A key of the metadata, or the way to one in a nested object: `meta.agent`.
        place: Where it stands in the filter, counted from 0.
    """

    name: str
    place: int = 0


@dataclass(frozen=True, slots=True)
class Among:
    """The field equals one of the values; None stands for a field that is not there."""

    field: Field
    values: tuple[Value, ...]

    @property
    def is_of_existence(self) -> bool:
        """Whether it asks for nothing but whether the field is there."""
        return self.values == (None,)


@dataclass(frozen=True, slots=True)
class Ordered:
    """The field is below or above a value."""

    field: Field
    order: Order
    value: Bound


@dataclass(frozen=True, slots=True)
class Between:
    """The field is not below the one value, and not above the other."""

    field: Field
    lowest: Bound
    highest: Bound


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


Comparison = Among | Ordered | Between | Like | Contains
Condition = Comparison | Not | And | Or


def comparisons_of(condition: Condition) -> Iterator[Comparison]:
    """Yield the comparisons that a condition is made of, from left to right."""
    if isinstance(condition, Not):
        yield from comparisons_of(condition.part)
    elif isinstance(condition, And | Or):
        for part in condition.parts:
            yield from comparisons_of(part)
    else:
        yield condition
