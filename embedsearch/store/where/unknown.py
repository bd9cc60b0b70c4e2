"""The error for a field that no document has."""

from __future__ import annotations

import json
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

from embedsearch.store.connection import guarded
from embedsearch.store.where.columns import OWN_FIELDS
from embedsearch.store.where.tokens import fail

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from embedsearch.store.where.tree import Field

_SAMPLE = 1_000
_MOST_NAMES = 500
_SHOWN_NAMES = 12
_SHOWN_LETTERS = 40


def fail_for_unknown(
    where: str, field: Field, path: Path, connection: sqlite3.Connection
) -> NoReturn:
    """Raise a `QueryError` that points at a field and names those that there are."""
    names = [*_frequent_names(path, connection), *OWN_FIELDS]
    wanted = field.name[:_SHOWN_LETTERS]
    folded = {name.casefold()[:_SHOWN_LETTERS]: name for name in reversed(names)}
    near = get_close_matches(wanted.casefold(), folded, n=3)
    hint = f"did you mean {' or '.join(_shown(folded[name]) for name in near)}? " if near else ""
    others = ", ".join(_shown(name) for name in names[:_SHOWN_NAMES])
    more = " and others" if len(names) > _SHOWN_NAMES else ""
    reason = f"no document has a field {_shown(field.name)}; {hint}the fields are {others}{more}"
    fail(where, field.place, reason)


def _frequent_names(path: Path, connection: sqlite3.Connection) -> list[str]:
    """List the names of fields in the first and the last documents, frequent ones first."""
    seen: Counter[str] = Counter()
    for direction in ("ASC", "DESC"):
        query = f"SELECT metadata FROM documents ORDER BY number {direction} LIMIT {_SAMPLE}"
        with guarded(path):
            rows = connection.execute(query).fetchall()
        for (metadata,) in rows:
            seen.update(json.loads(metadata).keys())
    return [name for name, _ in seen.most_common(_MOST_NAMES)]


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN_LETTERS else f"{name[:_SHOWN_LETTERS]}…")
