"""Where the value of a field is in nested metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ABSENT = object()
"""Stands for the value of a field that is not there."""

# Names of more parts are those of one key: metadata is not nested so deeply.
_MOST_PARTS = 64


class FieldPath:
    """A name such as `meta.agent`: a key that is called so, or one within another.

    In each object the longest key counts that leads to a value, so that a key with dots in it is
    found before those that are nested. A list on the way is gone through: `authors.name` is the
    list of the names of all authors.

    Args:
        name: As in a filter.
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
