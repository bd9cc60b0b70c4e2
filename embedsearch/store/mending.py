"""Rows whose digest fits, but that hold what we never write: what can be kept of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING, Any

from embedsearch._errors import InputError
from embedsearch._types import Document
from embedsearch.store.checking import row_fault
from embedsearch.store.limits import MOST_ID, MOST_TEXT, MOST_TITLE
from embedsearch.store.metadata import metadata_json
from embedsearch.store.pages import TABLE_LEAF, BrokenText, Cell
from embedsearch.store.schema import content_digest, to_row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from embedsearch.store.pages import Pages, Value

LARGEST = 2**52
"""Numbers from here on are the work of a flipped bit, or of a forger; there is room beyond them
for those that a new record gives."""

_OF_DOCUMENT, _OF_DELETION = 7, 2
_DIGITS = 4_300
_LISTED = 20


@dataclass(slots=True)
class _Notes:
    """What was done, and the ids of the documents that it was done to."""

    ids: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, what: str, id: str) -> None:
        self.ids.setdefault(what, {})[id] = None

    def sentences(self, present: Collection[str]) -> list[str]:
        lines = []
        for what, noted in self.ids.items():
            ids = [id for id in noted if id in present]
            more = f" and {len(ids) - _LISTED:,} more" if len(ids) > _LISTED else ""
            if ids:
                lines.append(f"{what}: {', '.join(map(repr, ids[:_LISTED]))}{more}")
        return lines


class Mender:
    """Makes rows that a record may have of those whose digest says that they were meant so.

    Args:
        known: Numbers of documents that are not given again.
    """

    def __init__(self, known: Collection[int]) -> None:
        self._known = known
        self._numbers: dict[int, int] = {}
        self._pages: Pages | None = None
        self._changed, self._reduced = _Notes(), _Notes()

    def cells(self, pages: Pages) -> Iterator[Cell]:
        """Yield the cells of the pages in use, mended where they need it."""
        self._pages = pages
        for cell in pages.cells():
            mended = self._mended(cell) if cell.kind == TABLE_LEAF else cell
            if mended is not None:
                yield mended

    def changed(self, present: Collection[str]) -> list[str]:
        """Say what is other than it was, with nothing lost, of the documents that are there."""
        return self._changed.sentences(present)

    def losses(self, present: Collection[str]) -> list[str]:
        """Say what was lost of the documents that are there."""
        return self._reduced.sentences(present)

    def _mended(self, cell: Cell) -> Cell | None:
        if len(cell.values) == _OF_DELETION:
            return cell if 0 < cell.rowid < LARGEST else None
        if len(cell.values) != _OF_DOCUMENT or _is_sound(cell) or not _was_meant(cell):
            return cell
        return self._made_sound(cell)

    def _made_sound(self, cell: Cell) -> Cell:
        number = self._number(cell.rowid)
        _, id, title, text, metadata, _, change = cell.values
        name = _decoded(id)
        if not 0 < len(name) <= MOST_ID:
            name = f"document-{number}"
            self._changed.add("a new id in place of one that cannot be used got", name)
        kept = _metadata_left(_decoded(metadata))
        row = to_row(Document(name, _decoded(text)[:MOST_TEXT], kept, _decoded(title)[:MOST_TITLE]))
        made = Cell(cell.kind, number, (None, *row, _sound_change(change)))
        self._note(cell, made, kept)
        return made

    def _note(self, old: Cell, new: Cell, kept: dict[str, Any]) -> None:
        name = _decoded(new.values[1])
        _, *before = old.values
        _, *after = new.values
        if _lost_metadata(before[3], kept):
            what = "part of the metadata" if kept else "the metadata"
            self._reduced.add(f"{what} of documents, which embedsearch cannot have written", name)
        if any(_as_bytes(before[k]) != _as_bytes(after[k]) for k in (1, 2)):
            self._reduced.add("a part of the title or the text of documents", name)
        if isinstance(before[0], bytes) and before[0] != _as_bytes(after[0]):
            self._reduced.add("a part of the ids of documents, which was not valid UTF-8", name)
        if any(type(value) is bytes for value in before[:4]):
            self._changed.add("what was not stored as text is text now, in the documents", name)
        if (old.rowid, before[5]) != (new.rowid, after[5]):
            self._changed.add("new numbers of themselves or of their changes got", name)

    def _number(self, number: int) -> int:
        if 0 < number < LARGEST:
            return number
        return self._numbers.setdefault(number, self._highest + len(self._numbers) + 1)

    @cached_property
    def _highest(self) -> int:
        """The highest number that was used; looked for only where a new one is needed."""
        cells = self._pages.cells() if self._pages is not None else ()
        used = (cell.rowid for cell in cells if cell.kind == TABLE_LEAF)
        return max((n for n in (0, *self._known, *used) if n < LARGEST), default=0)


def _is_sound(cell: Cell) -> bool:
    _, *texts, digest, change = cell.values
    if not (0 < cell.rowid < LARGEST and type(change) is int and 0 < change < LARGEST):
        return False
    if not all(isinstance(text, str) for text in texts):
        return False
    return row_fault((cell.rowid, *map(_as_bytes, texts), digest, change)) is None


def _was_meant(cell: Cell) -> bool:
    parts = [_as_bytes(part) for part in cell.values[2:5]]
    fitting = [part for part in parts if part is not None]
    return len(fitting) == len(parts) and content_digest(*fitting) == cell.values[5]


def _as_bytes(value: Value) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else None


def _decoded(value: Value) -> str:
    return (_as_bytes(value) or b"").decode("utf-8", "replace")


def _metadata_left(written: str) -> dict[str, Any]:
    """Return the entries of metadata that can be kept."""
    try:
        value = json.loads(written, parse_int=_integer)
    except (ValueError, RecursionError):
        return {}
    entries = value.items() if isinstance(value, dict) else ()
    kept = {name: part for name, part in entries if _can_be_kept({name: part})}
    return kept if _can_be_kept(kept) else {}


def _integer(written: str) -> int | float:
    # Python refuses to read more digits, and we to store what is no number.
    return int(written) if len(written) <= _DIGITS else nan


def _can_be_kept(metadata: dict[str, Any]) -> bool:
    try:
        metadata_json(Document("a", "", metadata))
    except (InputError, RecursionError):
        return False
    return True


def _sound_change(change: Value) -> int:
    """Return a change number; 0, which is none, where the new record is to give one."""
    return change if type(change) is int and 0 < change < LARGEST else 0


def _lost_metadata(written: Value, kept: dict[str, Any]) -> bool:
    """Whether metadata had more than what is kept, and not only another form."""
    if isinstance(written, BrokenText):
        return True
    try:
        return bool(json.loads(_decoded(written), parse_int=_integer) != kept)
    except (ValueError, RecursionError):
        return True
