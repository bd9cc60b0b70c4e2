"""The errors for a field that no document has, and for one that cannot be compared."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, NoReturn

from embedsearch.store.connection import guarded
from embedsearch.store.metadata import parse_many
from embedsearch.store.where.columns import OWN_FIELDS
from embedsearch.store.where.tokens import fail

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from embedsearch.store.where.tree import Field

_SAMPLE = 1_000
_MOST_NAMES = 500
# Documents may have many names, each as long as all that is above it: so many are counted.
_MOST_COUNTED = 20_000
_LONGEST = 1_000
_SHOWN_NAMES = 12
_SHOWN_LETTERS = 40


def fail_for_unknown(
    where: str, field: Field, path: Path, connection: sqlite3.Connection
) -> NoReturn:
    """Raise a `QueryError` that points at a field and names those that there are."""
    frequent = _frequent_names(path, connection)
    names = [*frequent[:_MOST_NAMES], *OWN_FIELDS]
    wanted = field.name[:_SHOWN_LETTERS]
    folded = {name.casefold()[:_SHOWN_LETTERS]: name for name in reversed(names)}
    near = get_close_matches(wanted.casefold(), folded, n=3)
    hint = f"did you mean {' or '.join(_shown(folded[name]) for name in near)}? " if near else ""
    reason = f"no document has a field {_shown(field.name)}; {hint}the fields are {_listed(names)}"
    fail(where, field.place, reason)


def fail_for_object(
    where: str, field: Field, path: Path, connection: sqlite3.Connection
) -> NoReturn:
    """Raise a `QueryError` that points at a field and names those that are within it."""
    start = f"{field.name}."
    inner = [name for name in _frequent_names(path, connection) if name.startswith(start)]
    reason = f"{_shown(field.name)} is an object, which only `is null` and `exists` can ask for"
    if inner:
        reason += f"; the fields within it are {_listed(inner)}"
    fail(where, field.place, reason)


def _frequent_names(path: Path, connection: sqlite3.Connection) -> list[str]:
    """List the names of fields in the first and the last documents, frequent ones first.

    Those within an object have its name before theirs.
    """
    seen: Counter[str] = Counter()
    for direction in ("ASC", "DESC"):
        query = f"SELECT metadata FROM documents ORDER BY number {direction} LIMIT {_SAMPLE}"
        with guarded(path):
            for (metadata,) in connection.execute(query):
                (parsed,) = parse_many([metadata]) or ({},)
                # In their order, so that the error is the same each time.
                seen.update(list(dict.fromkeys(islice(_names(parsed), _MOST_COUNTED))))
                if len(seen) > _MOST_COUNTED:
                    break
    return [name for name, _ in seen.most_common()]


def _names(value: object, start: str = "") -> Iterator[str]:
    if len(start) > _LONGEST:
        return
    if start:
        yield start
    if isinstance(value, list):
        for part in value:
            yield from _names(part, start)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _names(part, f"{start}.{name}" if start else name)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(_shown, names[:_SHOWN_NAMES]))
    return shown + (" and others" if len(names) > _SHOWN_NAMES else "")


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN_LETTERS else f"{name[:_SHOWN_LETTERS]}…")
