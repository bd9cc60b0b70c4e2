"""A new record from what can be read of a damaged one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedsearch.store.checking import content_digest
from embedsearch.store.connection import connect, guarded
from embedsearch.store.mending import LARGEST, Mender
from embedsearch.store.pages import INDEX_INTERIOR, INDEX_LEAF, TABLE_LEAF, Pages

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from embedsearch.store.pages import Cell

_COLUMNS = 7


@dataclass(frozen=True, slots=True)
class Salvage:
    """What became of the documents.

    Attributes:
        kept: How many are in the new record.
        lost: The ids of those that are not, where they are known.
        nameless: How many more were lost whose ids are not known.
        doubtful: Ids of which the record had two forms; the one that is named was kept.
        change: The number of the last change of the new record.
        mended: What documents have otherwise than before, with nothing lost, a sentence each.
        losses: What was lost of documents that were kept, a sentence each.
    """

    kept: int
    lost: list[str]
    nameless: int
    doubtful: list[str]
    change: int
    mended: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    """What the pages say, by numbers of documents."""

    changes: dict[int, int] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    indexed: dict[int, str] = field(default_factory=dict)
    pairs: set[tuple[int, int]] = field(default_factory=set)
    deleted: dict[int, int] = field(default_factory=dict)
    latest: int = 0


def salvage(old: Path, new: Path, *, known: Iterable[int] = (), reached: int = 0) -> Salvage:
    """Write a record of all documents whose text, title and metadata are what was written.

    Of one that was written so, but not by embedsearch, and holds what a record may not have,
    what can be kept is.

    Documents keep their numbers. One whose change is not sure, and every one where the record
    has lost changes, gets a new change number, so that what follows from it is made anew.

    Args:
        old: The damaged record; it is only read. It may be missing.
        new: Where the new one is written; nothing is there yet.
        known: Numbers of documents that what follows from the record knows.
        reached: The highest change that what follows from the record has reached.

    Raises:
        WorkspaceError: The new record cannot be written.
    """
    pages, mender = Pages(old), Mender(known := set(known))
    # One that is beyond all sense would be that of the new record, too.
    reached = reached if reached < LARGEST else 0
    try:
        found = _found(mender.cells(pages))
        kept = _kept(found)
        latest = max([reached, found.latest, *found.changes.values(), *found.deleted.values()])
        behind = reached > max([found.latest, *found.changes.values(), *found.deleted.values()])
        cells = mender.cells(pages)
        rows = _rows(cells, found, kept, latest, everything_anew=behind)
        gone = {number for number in {*found.indexed, *known} if 0 < number < LARGEST}
        gone -= {*kept, *found.deleted}
        change = latest + len(kept) + 1
        _write(new, rows, found, gone, change)
    finally:
        pages.close()
    ids = sorted(found.indexed[number] for number in gone if number in found.indexed)
    present = {found.ids[number] for number in kept}
    lost = [id for id in ids if id not in present]
    named = [(found.ids[number], found.indexed.get(number)) for number in sorted(kept)]
    doubtful = [id for id, other in named if other not in (None, id)]
    told = (mender.changed(present), mender.losses(present))
    return Salvage(len(kept), lost, len(gone) - len(ids), doubtful, change, *told)


def _found(cells: Iterable[Cell]) -> _Found:
    found = _Found()
    for cell in cells:
        if cell.kind in (INDEX_LEAF, INDEX_INTERIOR):
            _note_entry(found, cell)
        elif cell.kind == TABLE_LEAF:
            _note_row(found, cell)
    return found


def _note_entry(found: _Found, cell: Cell) -> None:
    match cell.values:
        case (str(id), int(number)):
            found.indexed[number] = id
        case (int(change), int(number)):
            found.pairs.add((change, number))


def _note_row(found: _Found, cell: Cell) -> None:
    match cell.values:
        case (None, int(change)) if 0 < change < LARGEST:
            found.deleted[cell.rowid] = change
        case (int(change),) if change < LARGEST:
            found.latest = max(found.latest, change)
        case (_, str(id), _, _, _, _, int(last)) if _is_document(cell):
            if last >= found.changes.get(cell.rowid, 0):
                found.changes[cell.rowid], found.ids[cell.rowid] = last, id


def _is_document(cell: Cell) -> bool:
    match cell.values:
        case (_, str(id), str(title), str(text), str(metadata), bytes(digest), int(change)):
            parts = (part.encode("utf-8") for part in (title, text, metadata))
            places = 0 < cell.rowid < LARGEST and 0 <= change < LARGEST
            return bool(id) and places and content_digest(*parts) == digest
    return False


def _kept(found: _Found) -> set[int]:
    """Choose the numbers to keep: not deleted, and one for each id, the last."""
    by_id: dict[str, int] = {}
    for number in sorted(found.changes, key=lambda n: (found.changes[n], n)):
        # An index has only what is there.
        if number not in found.deleted or found.indexed.get(number) == found.ids[number]:
            by_id[found.ids[number]] = number
    return set(by_id.values())


def _rows(
    cells: Iterable[Cell], found: _Found, kept: set[int], latest: int, *, everything_anew: bool
) -> Iterator[tuple[object, ...]]:
    written: set[int] = set()
    for cell in cells:
        number = cell.rowid
        wanted = number in kept and number not in written and cell.kind == TABLE_LEAF
        if not wanted or not _is_document(cell) or cell.values[6] != found.changes[number]:
            continue
        written.add(number)
        change = found.changes[number]
        if everything_anew or (change, number) not in found.pairs:
            change = latest + len(written)
        yield (number, *cell.values[1:6], change)


def _write(
    new: Path, rows: Iterable[tuple[object, ...]], found: _Found, gone: set[int], change: int
) -> None:
    connection = connect(new, writable=True)
    try:
        with guarded(new):
            _insert(connection, rows, found, gone, change)
    finally:
        connection.close()


def _insert(
    connection: sqlite3.Connection,
    rows: Iterable[tuple[object, ...]],
    found: _Found,
    gone: set[int],
    change: int,
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(f"INSERT INTO documents VALUES ({', '.join('?' * _COLUMNS)})", rows)
    deleted = {**found.deleted, **dict.fromkeys(gone, change)}
    connection.executemany("INSERT INTO deletions VALUES (?, ?)", deleted.items())
    connection.execute("DELETE FROM deletions WHERE number IN (SELECT number FROM documents)")
    connection.execute("UPDATE latest SET change = ?", (change,))
    # A number is never used twice.
    highest = max([0, *deleted, *found.changes])
    connection.execute(
        "INSERT INTO sqlite_sequence SELECT 'documents', 0 WHERE NOT EXISTS "
        "(SELECT 1 FROM sqlite_sequence WHERE name = 'documents')"
    )
    connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?)", (highest,))
    connection.execute("COMMIT")
