"""What a command has to say, before it is known how it will be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one query.

    Attributes:
        records: What was found, best first; all have the same keys in the same order.
        columns: The keys, in order; needed where nothing was found.
        hidden: Keys that a table leaves out; JSON and CSV have them.
        single: There is always exactly one record, and JSON is an object, not a list.
        vertical: A table has a line per key instead of a line per record.
        notes: Lines for standard error: words left out or inferred.
        document: What JSON has in place of the records; a table shows only a part of it.
        texts: How a table writes the values of a key, where not as they are.
        marks: Keys whose text a table marks on a terminal, and the keys that say where: a list of
            objects with "start" and "stop".
    """

    records: Sequence[Record]
    columns: tuple[str, ...]
    hidden: frozenset[str] = frozenset()
    single: bool = False
    vertical: bool = False
    notes: tuple[str, ...] = ()
    document: Record | None = None
    texts: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def one(cls, record: Record) -> Answer:
        """Make the answer that is always one record."""
        return cls((record,), tuple(record), single=True)

    @classmethod
    def facts(cls, record: Record, hidden: Iterable[str] = ()) -> Answer:
        """Make the answer that is one record of many keys."""
        left_out = frozenset(hidden)
        return cls((record,), tuple(record), hidden=left_out, single=True, vertical=True)
