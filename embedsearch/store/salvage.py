"""A new database from what can be read of a damaged one."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from math import nan
from typing import TYPE_CHECKING, Any

from embedsearch._errors import InputError
from embedsearch._messages import counted, first_few
from embedsearch._types import MOST_DIGITS, Document
from embedsearch.store.connection import connect, guarded, wal_path
from embedsearch.store.pages import (
    INDEX_INTERIOR,
    INDEX_LEAF,
    TABLE_LEAF,
    BrokenText,
    Cell,
    Pages,
    has_lost,
)
from embedsearch.store.rows import (
    MOST_ID,
    MOST_TEXT,
    MOST_TITLE,
    content_digest,
    metadata_json,
    row_fault,
    to_row,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from embedsearch.store.pages import Value

# Numbers from here on are the work of a flipped bit, or of a forger; up to MOST_NUMBER there is
# room beyond them for those that the new database gives.
_LARGEST = 2**52

_DOCUMENT_COLUMNS, _DELETION_COLUMNS = 7, 2
_LISTED = 20  # Ids in a sentence of the report.

_NewRow = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Salvage:
    """What became of the documents; `mended`, `losses` and `notes` are sentences."""

    documents: int  # In the new database.
    lost: list[str]  # The ids of those that are not in it, as far as they are known.
    nameless: int  # How many more were lost whose ids are not known.
    doubtful: list[str]  # Ids that the database had in two forms; the one named was kept.
    change: int
    mended: list[str] = field(default_factory=list)  # Different, with nothing lost.
    losses: list[str] = field(default_factory=list)  # What was lost of documents that were kept.
    notes: list[str] = field(default_factory=list)


def salvage(
    old: Path,
    new: Path,
    *,
    known: Iterable[int] = (),
    reached: int = 0,
    vectored: Iterable[int] = (),
    merged: Path | None = None,
) -> Salvage:
    """Write a database of all documents whose text, title and metadata are what was written.

    Of a document that was written so, but not by embedsearch, and has contents that a row may
    not have, what can be kept is. `old` is only read, and may be missing.

    Documents keep their numbers. One whose change is not sure, and every one if the database
    has lost changes (others have `reached` more), gets a new change number, so that all that is
    derived from it is made again. `known` are numbers that other files name. Of lost documents
    that are `vectored`, with vectors of the user's own, the id is kept, if it is known, and with
    it the vector. A database whose log was read is written as one file to `merged`.
    """
    notes: list[str] = []
    numbers = set(known)
    # A forged or damaged one would use up the numbers of the new database, too.
    reached = reached if reached < _LARGEST else 0
    reading, overwritten = _chosen(old, numbers, notes)
    found = reading.found
    with closing(reading.pages):
        keep = _survivors(found)
        last = max([found.latest, *found.changes.values(), *found.deleted.values()])
        latest, has_lost_changes = max(reached, last), reached > last
        gone = {number for number in {*found.indexed, *numbers} if 0 < number < _LARGEST}
        gone -= {*keep, *found.deleted}
        change = latest + len(keep) + 1
        bare = {number for number in gone & set(vectored) if number in found.indexed}
        rows = chain(
            _rows(reading.mender.cells(), found, keep, latest, renumber=has_lost_changes),
            (_bare_row(number, found, change) for number in sorted(bare)),
        )
        refused = _write(new, rows, found, gone - bare, change)
        if merged is not None and reading.pages.has_log:
            reading.pages.write_to(merged)
    keep -= refused
    if bare := bare - refused:
        notes.append(f"{len(bare):,} lost documents keep their id, for the sake of their vectors")
    present = {found.ids[number] for number in keep}
    overwritten |= {found.ids[number] for number in refused if number in found.ids}
    return Salvage(
        len(keep),
        _lost_ids(found, gone, overwritten, present),
        len(gone - found.indexed.keys()),
        _doubtful_ids(found, keep),
        change,
        mended=reading.mender.changed.sentences(present),
        losses=reading.mender.reduced.sentences(present),
        notes=notes,
    )


@dataclass(slots=True)
class _Remarks:
    """What was done, and the ids of the documents that it was done to."""

    ids: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, what: str, id: str) -> None:
        self.ids.setdefault(what, {})[id] = None

    def sentences(self, present: Collection[str]) -> list[str]:
        chosen = {what: [id for id in ids if id in present] for what, ids in self.ids.items()}
        return [
            f"{what}: {first_few(map(repr, ids), _LISTED)}" for what, ids in chosen.items() if ids
        ]


class _Mender:
    """Turns rows whose digest fits, but that hold what we never write, into rows that we do.

    Numbers of documents that are `known` are not given again. `changed` is what is different with
    nothing lost, `reduced` what was lost.
    """

    def __init__(self, pages: Pages, known: Collection[int]) -> None:
        self._pages, self._known = pages, known
        self._numbers: dict[int, int] = {}
        self.changed, self.reduced = _Remarks(), _Remarks()

    def cells(self) -> Iterator[Cell]:
        """Yield the cells of the pages in use, mended where they need it."""
        for cell in self._pages.cells():
            mended = self._mended(cell) if cell.kind == TABLE_LEAF else cell
            if mended is not None:
                yield mended

    def _mended(self, cell: Cell) -> Cell | None:
        columns = len(cell.values)
        if columns == _DELETION_COLUMNS:
            return cell if 0 < cell.rowid < _LARGEST else None
        if columns != _DOCUMENT_COLUMNS or _is_sound(cell) or not _has_digest(cell):
            return cell
        return self._made_sound(cell)

    def _made_sound(self, cell: Cell) -> Cell:
        number = self._number(cell.rowid)
        _, id, title, text, metadata, _, change = cell.values
        name = _decoded(id)
        if not 0 < len(name) <= MOST_ID:
            name = f"document-{number}"
            self.changed.add("a new id in place of one that cannot be used got", name)
        storable = _storable_metadata(_decoded(metadata))
        row = to_row(
            Document(name, _decoded(text)[:MOST_TEXT], storable, _decoded(title)[:MOST_TITLE])
        )
        # 0 is no change number: a new one is given.
        is_change = type(change) is int and 0 < change < _LARGEST
        made = Cell(cell.kind, number, (None, *row, change if is_change else 0))
        self._remark(cell, made, storable)
        return made

    def _remark(self, old: Cell, new: Cell, storable: dict[str, Any]) -> None:
        name = _decoded(new.values[1])
        _, *before = old.values
        _, *after = new.values
        if _lost_metadata(before[3], storable):
            what = "part of the metadata" if storable else "the metadata"
            self.reduced.add(f"{what} of documents, which embedsearch cannot have written", name)
        if any(_as_bytes(before[k]) != _as_bytes(after[k]) for k in (1, 2)):
            self.reduced.add("a part of the title or the text of documents", name)
        if isinstance(before[0], bytes) and before[0] != _as_bytes(after[0]):
            self.reduced.add("a part of the ids of documents, which was not valid UTF-8", name)
        if any(type(value) is bytes for value in before[:4]):
            self.changed.add("what was not stored as text is text now, in the documents", name)
        if (old.rowid, before[5]) != (new.rowid, after[5]):
            self.changed.add("new numbers of themselves or of their changes got", name)

    def _number(self, number: int) -> int:
        if 0 < number < _LARGEST:
            return number
        return self._numbers.setdefault(number, self._highest + len(self._numbers) + 1)

    @cached_property
    def _highest(self) -> int:
        """The highest number that was used; only looked for if a new one is needed."""
        used = (cell.rowid for cell in self._pages.cells() if cell.kind == TABLE_LEAF)
        return max((n for n in (0, *self._known, *used) if n < _LARGEST), default=0)


def _is_sound(cell: Cell) -> bool:
    _, *texts, digest, change = cell.values
    if not (0 < cell.rowid < _LARGEST and type(change) is int and 0 < change < _LARGEST):
        return False
    if not all(isinstance(text, str) for text in texts):
        return False
    return row_fault((cell.rowid, *map(_as_bytes, texts), digest, change)) is None


def _has_digest(cell: Cell) -> bool:
    parts = [_as_bytes(part) for part in cell.values[2:5]]
    texts = [part for part in parts if part is not None]
    return len(texts) == len(parts) and content_digest(*texts) == cell.values[5]


def _as_bytes(value: Value) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else None


def _decoded(value: Value) -> str:
    return (_as_bytes(value) or b"").decode("utf-8", "replace")


def _storable_metadata(written: str) -> dict[str, Any]:
    """Return the entries of metadata that a row may have."""
    try:
        value = json.loads(written, parse_int=_integer)
    except (ValueError, RecursionError):
        return {}
    entries = value.items() if isinstance(value, dict) else ()
    storable = {name: part for name, part in entries if _is_storable({name: part})}
    return storable if _is_storable(storable) else {}


def _integer(written: str) -> int | float:
    # Python refuses to read more digits, and we refuse to store what is not a number.
    return int(written) if len(written) <= MOST_DIGITS else nan


def _is_storable(metadata: dict[str, Any]) -> bool:
    try:
        metadata_json(Document("a", "", metadata))
    except (InputError, RecursionError):
        return False
    return True


def _lost_metadata(written: Value, storable: dict[str, Any]) -> bool:
    """Whether metadata had more than what is kept, and not only another form."""
    if isinstance(written, BrokenText):
        return True
    try:
        return bool(json.loads(_decoded(written), parse_int=_integer) != storable)
    except (ValueError, RecursionError):
        return True


@dataclass(slots=True)
class _Found:
    """What the pages say of documents, by their numbers."""

    changes: dict[int, int] = field(default_factory=dict)  # the last change of each intact row
    ids: dict[int, str] = field(default_factory=dict)  # and its id
    indexed: dict[int, str] = field(default_factory=dict)  # the id that the index of ids has
    # (change, number) as the indexes of changes have them.
    pairs: set[tuple[int, int]] = field(default_factory=set)
    twice: set[int] = field(default_factory=set)  # numbers of which there are rows with two ids
    deleted: dict[int, int] = field(default_factory=dict)  # the changes that deleted documents
    sources: dict[int, str | bytes] = field(default_factory=dict)
    # The numbers of documents by source and key; more than one is a contradiction.
    origins: dict[tuple[int, str], set[int]] = field(default_factory=dict)
    latest: int = 0

    def add(self, cell: Cell) -> None:
        if cell.kind in (INDEX_LEAF, INDEX_INTERIOR):
            self._add_entry(cell)
        elif cell.kind == TABLE_LEAF:
            self._add_row(cell)

    def _add_entry(self, cell: Cell) -> None:
        match cell.values:
            case (str(id), int(number)):
                self.indexed[number] = id
            case (int(change), int(number)):
                self.pairs.add((change, number))

    def _add_row(self, cell: Cell) -> None:
        match cell.values:
            case (None, str() | bytes() as path) if cell.rowid > 0:
                # A path that is not UTF-8 is bytes; text that is not was not written by us.
                if not isinstance(path, BrokenText):
                    self.sources[cell.rowid] = path
            case (None, int(source), str(key), int(number)):
                self.origins.setdefault((source, key), set()).add(number)
            case (None, int(change)) if 0 < change < _LARGEST:
                self.deleted[cell.rowid] = change
            case (int(change),) if change < _LARGEST:
                self.latest = max(self.latest, change)
            case (_, str(id), _, _, _, _, int(last)) if _is_document(cell):
                if self.ids.get(cell.rowid, id) != id:
                    self.twice.add(cell.rowid)
                if last >= self.changes.get(cell.rowid, 0):
                    self.changes[cell.rowid], self.ids[cell.rowid] = last, id


class _Reading:
    """One reading of the damaged file, with its log or without."""

    def __init__(self, path: Path, known: Collection[int], *, use_log: bool = True) -> None:
        self.pages = Pages(path, use_log=use_log)
        self.mender = _Mender(self.pages, known)
        self.found = _Found()
        for cell in self.mender.cells():
            self.found.add(cell)


def _chosen(old: Path, known: set[int], notes: list[str]) -> tuple[_Reading, set[str]]:
    """Read a database with its log, or without it if the log is that of another database.

    Also returns the ids of documents that the log has overwritten.
    """
    logged = _Reading(old, known)
    if not logged.pages.has_log:
        return logged, set()
    alone = _Reading(old, known, use_log=False)
    with_log, without = _sure(logged.found), _sure(alone.found)
    more = _missing(with_log, without, _deleted(alone.found))
    fewer = _missing(without, with_log, _deleted(logged.found))
    # A later change has a higher number.
    fewer |= {
        id
        for id in without.keys() & with_log.keys()
        if logged.found.changes[with_log[id]] < alone.found.changes[without[id]]
    }
    # An intact log of this database deletes what it takes away; only another's overwrites it.
    is_foreign = not has_lost(wal_path(old)) or (
        _contradictions(logged.found) > _contradictions(alone.found) and len(fewer) > len(more)
    )
    if not fewer or not is_foreign:
        alone.pages.close()
        return logged, fewer
    logged.pages.close()
    documents = f"{counted(len(more), 'document')} more ({first_few(map(repr, sorted(more)))})"
    extra = f"; it had {documents}" if more else ""
    notes.append(f"the log of the database is that of another, and is left out{extra}")
    return alone, set()


def _sure(found: _Found) -> dict[str, int]:
    """Return the documents that nothing in the file speaks against: numbers by ids."""
    numbers = {found.ids[number]: number for number in _survivors(found)}
    return {id: number for id, number in numbers.items() if found.indexed.get(number) == id}


def _missing(some: dict[str, int], others: dict[str, int], deleted: set[int]) -> set[str]:
    """Return the ids of documents that the others do not have, and did not delete."""
    return {id for id, n in some.items() if others.get(id) != n and n not in deleted}


def _contradictions(found: _Found) -> int:
    """Count what rows and indexes say of each other that cannot both be true."""
    others = sum(found.indexed.get(n, id) != id for n, id in found.ids.items())
    missing = found.indexed.keys() - found.ids.keys()
    return others + len(missing) + len(found.twice) + len(found.deleted.keys() & found.indexed)


def _deleted(found: _Found) -> set[int]:
    """Return the numbers that were deleted, and that no index has any more."""
    return found.deleted.keys() - found.indexed.keys()


def _survivors(found: _Found) -> set[int]:
    """Choose the numbers to keep: not deleted, and one for each id, the last."""
    by_id: dict[str, int] = {}
    for number in sorted(found.changes, key=lambda n: (found.changes[n], n)):
        # An index only has documents that exist.
        if number not in found.deleted or found.indexed.get(number) == found.ids[number]:
            by_id[found.ids[number]] = number
    return set(by_id.values())


def _lost_ids(found: _Found, gone: set[int], overwritten: set[str], present: set[str]) -> list[str]:
    lost = sorted({found.indexed[number] for number in gone & found.indexed.keys()} - present)
    return [*lost, *sorted(overwritten - present - {*lost})]


def _doubtful_ids(found: _Found, keep: set[int]) -> list[str]:
    ids = ((found.ids[number], found.indexed.get(number)) for number in sorted(keep))
    return [id for id, other in ids if other not in (None, id)]


def _is_document(cell: Cell) -> bool:
    match cell.values:
        case (_, str(id), str(), str(), str(), _, int(change)):
            in_range = 0 < cell.rowid < _LARGEST and 0 <= change < _LARGEST
            return bool(id) and in_range and _has_digest(cell)
    return False


def _is_last(found: _Found, cell: Cell) -> bool:
    """Whether a row is the version of its document that is kept."""
    return (cell.values[1], cell.values[6]) == (found.ids[cell.rowid], found.changes[cell.rowid])


def _rows(
    cells: Iterable[Cell], found: _Found, keep: set[int], latest: int, *, renumber: bool
) -> Iterator[_NewRow]:
    written: set[int] = set()
    for cell in cells:
        number = cell.rowid
        wanted = number in keep and number not in written and cell.kind == TABLE_LEAF
        if not wanted or not _is_document(cell) or not _is_last(found, cell):
            continue
        written.add(number)
        change = found.changes[number]
        if renumber or (change, number) not in found.pairs:
            change = latest + len(written)
        yield (number, *cell.values[1:6], change)


def _bare_row(number: int, found: _Found, change: int) -> _NewRow:
    digest = content_digest(b"", b"", b"{}")
    return (number, found.indexed[number], "", "", "{}", digest, change)


def _write(
    new: Path, rows: Iterable[_NewRow], found: _Found, gone: set[int], change: int
) -> set[int]:
    """Write a database, and return the numbers of the rows that it would not take."""
    with closing(connect(new, writable=True)) as connection, guarded(new):
        connection.execute("BEGIN IMMEDIATE")
        insert = f"INSERT OR IGNORE INTO documents VALUES ({', '.join('?' * _DOCUMENT_COLUMNS)})"
        # One at a time: what contradicts the others costs itself alone.
        refused = {int(str(row[0])) for row in rows if not connection.execute(insert, row).rowcount}
        deleted = {**found.deleted, **dict.fromkeys(gone, change)}
        connection.executemany("INSERT INTO deletions VALUES (?, ?)", deleted.items())
        connection.execute("DELETE FROM deletions WHERE number IN (SELECT number FROM documents)")
        connection.execute("UPDATE latest SET change = ?", (change,))
        _insert_origins(connection, found)
        # A number is never used twice.
        highest = max([0, *deleted, *found.changes])
        connection.execute(
            "INSERT INTO sqlite_sequence SELECT 'documents', 0 WHERE NOT EXISTS "
            "(SELECT 1 FROM sqlite_sequence WHERE name = 'documents')"
        )
        connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?)", (highest,))
        connection.execute("COMMIT")
        return refused


def _insert_origins(connection: sqlite3.Connection, found: _Found) -> None:
    """Write where documents are from, as far as that is sure."""
    saved = {int(row[0]) for row in connection.execute("SELECT number FROM documents")}
    sure = {key: min(numbers) for key, numbers in found.origins.items() if len(numbers) == 1}
    paths = {path: source for source, path in sorted(found.sources.items())}
    connection.executemany("INSERT INTO sources (path, source) VALUES (?, ?)", paths.items())
    known = set(paths.values())
    connection.executemany(
        "INSERT INTO origins (source, key, number) VALUES (?, ?, ?)",
        (
            (*key, number)
            for key, number in sorted(sure.items())
            if key[0] in known and number in saved
        ),
    )
    # Of the others nobody knows where they are from; reading finds them by their ids.
    connection.execute("UPDATE origins_since SET number = ?", (max([0, *saved]),))
