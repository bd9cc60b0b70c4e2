"""A new record from what can be read of a damaged one."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from embedsearch._messages import counted
from embedsearch.store.connection import connect, guarded
from embedsearch.store.log import has_lost
from embedsearch.store.mending import LARGEST, Mender
from embedsearch.store.pages import INDEX_INTERIOR, INDEX_LEAF, TABLE_LEAF, BrokenText, Pages
from embedsearch.store.schema import content_digest

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from embedsearch.store.pages import Cell

_COLUMNS, _NAMED = 7, 5


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
        notes: What else is to be said, a sentence each.
    """

    kept: int
    lost: list[str]
    nameless: int
    doubtful: list[str]
    change: int
    mended: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    """What the pages say, by numbers of documents."""

    changes: dict[int, int] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    indexed: dict[int, str] = field(default_factory=dict)
    pairs: set[tuple[int, int]] = field(default_factory=set)
    twice: set[int] = field(default_factory=set)
    deleted: dict[int, int] = field(default_factory=dict)
    sources: dict[int, str | bytes] = field(default_factory=dict)
    origins: dict[tuple[int, str], set[int]] = field(default_factory=dict)
    latest: int = 0


def salvage(
    old: Path,
    new: Path,
    *,
    known: Iterable[int] = (),
    reached: int = 0,
    vectored: Iterable[int] = (),
    merged: Path | None = None,
) -> Salvage:
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
        vectored: Numbers of documents that have vectors of the user's own: of those that are
            lost the id is kept, where it is known, and with it the vector.
        merged: Where a record whose log was read is written as one file; None writes none.

    Raises:
        WorkspaceError: The new record cannot be written.
    """
    notes: list[str] = []
    numbers = set(known)
    # One that is beyond all sense would be that of the new record, too.
    reached = reached if reached < LARGEST else 0
    pages, mender, found, overwritten = _chosen(old, numbers, notes)
    try:
        kept = _kept(found)
        latest = max([reached, found.latest, *found.changes.values(), *found.deleted.values()])
        behind = reached > max([found.latest, *found.changes.values(), *found.deleted.values()])
        rows = _rows(mender.cells(pages), found, kept, latest, everything_anew=behind)
        gone = {number for number in {*found.indexed, *numbers} if 0 < number < LARGEST}
        gone -= {*kept, *found.deleted}
        change = latest + len(kept) + 1
        bare = {number for number in gone & set(vectored) if number in found.indexed}
        rows = chain(rows, (_bare_row(number, found, change) for number in sorted(bare)))
        refused = _write(new, rows, found, gone - bare, change)
        if merged is not None and pages.logged:
            pages.write_to(merged)
    finally:
        pages.close()
    kept -= refused
    if bare := bare - refused:
        notes.append(f"{len(bare):,} lost documents keep their id, for the sake of their vectors")
    present = {found.ids[number] for number in kept}
    overwritten |= {found.ids[number] for number in refused if number in found.ids}
    return Salvage(
        len(kept),
        _lost_ids(found, gone, overwritten, present),
        len(gone - found.indexed.keys()),
        _doubtful_ids(found, kept),
        change,
        mended=mender.changed(present),
        losses=mender.losses(present),
        notes=notes,
    )


def _lost_ids(found: _Found, gone: set[int], overwritten: set[str], present: set[str]) -> list[str]:
    lost = sorted({found.indexed[number] for number in gone & found.indexed.keys()} - present)
    return [*lost, *sorted(overwritten - present - {*lost})]


def _doubtful_ids(found: _Found, kept: set[int]) -> list[str]:
    ids = ((found.ids[number], found.indexed.get(number)) for number in sorted(kept))
    return [id for id, other in ids if other not in (None, id)]


def _chosen(old: Path, known: set[int], notes: list[str]) -> tuple[Pages, Mender, _Found, set[str]]:
    """Read a record with its log, or without it if the log is that of another record.

    Returns:
        The pages, who mends their rows, what they say, and the ids of documents that the log
        has overwritten.
    """
    pages, mender = Pages(old), Mender(known)
    found = _found(mender.cells(pages))
    if not pages.logged:
        return pages, mender, found, set()
    alone, other_mender = Pages(old, logged=False), Mender(known)
    other = _found(other_mender.cells(alone))
    with_log, without = _sure(found), _sure(other)
    more, fewer = (
        _missing(with_log, without, _deleted(other)),
        _missing(without, with_log, _deleted(found)),
    )
    # A later change has a higher number.
    fewer |= {
        id
        for id in without.keys() & with_log.keys()
        if found.changes[with_log[id]] < other.changes[without[id]]
    }
    # An intact log of this record deletes what it takes away; only another's overwrites it.
    foreign = not has_lost(old.with_name(f"{old.name}-wal")) or (
        _contradictions(found) > _contradictions(other) and len(fewer) > len(more)
    )
    if not fewer or not foreign:
        alone.close()
        return pages, mender, found, fewer
    pages.close()
    extra = f"; it had {_listed(more)}" if more else ""
    notes.append(f"the log beside the record is that of another, and is left out{extra}")
    return alone, other_mender, other, set()


def _sure(found: _Found) -> dict[str, int]:
    """Return the documents that nothing in the record speaks against: numbers by ids."""
    kept = {found.ids[number]: number for number in _kept(found)}
    return {id: number for id, number in kept.items() if found.indexed.get(number) == id}


def _missing(some: dict[str, int], others: dict[str, int], deleted: set[int]) -> set[str]:
    """Return the ids of documents that others have not, and that were not deleted there."""
    return {id for id, n in some.items() if others.get(id) != n and n not in deleted}


def _contradictions(found: _Found) -> int:
    """Count what rows and indexes say of each other that cannot both be."""
    others = sum(found.indexed.get(n, id) != id for n, id in found.ids.items())
    missing = found.indexed.keys() - found.ids.keys()
    return others + len(missing) + len(found.twice) + len(found.deleted.keys() & found.indexed)


def _deleted(found: _Found) -> set[int]:
    """Return the numbers that were deleted, and that no index has any more."""
    return found.deleted.keys() - found.indexed.keys()


def _listed(found: set[str]) -> str:
    ids = sorted(found)
    more = ", ..." if len(ids) > _NAMED else ""
    return f"{counted(len(ids), 'document')} more ({', '.join(map(repr, ids[:_NAMED]))}{more})"


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
        case (None, str() | bytes() as path) if cell.rowid > 0:
            # Where a path is not UTF-8 it is bytes; text that is not was not written by us.
            if not isinstance(path, BrokenText):
                found.sources[cell.rowid] = path
        case (None, int(source), str(key), int(number)):
            found.origins.setdefault((source, key), set()).add(number)
        case (None, int(change)) if 0 < change < LARGEST:
            found.deleted[cell.rowid] = change
        case (int(change),) if change < LARGEST:
            found.latest = max(found.latest, change)
        case (_, str(id), _, _, _, _, int(last)) if _is_document(cell):
            if found.ids.get(cell.rowid, id) != id:
                found.twice.add(cell.rowid)
            if last >= found.changes.get(cell.rowid, 0):
                found.changes[cell.rowid], found.ids[cell.rowid] = last, id


def _is_document(cell: Cell) -> bool:
    match cell.values:
        case (_, str(id), str(title), str(text), str(metadata), bytes(digest), int(change)):
            parts = (part.encode("utf-8") for part in (title, text, metadata))
            places = 0 < cell.rowid < LARGEST and 0 <= change < LARGEST
            return bool(id) and places and content_digest(*parts) == digest
    return False


def _bare_row(number: int, found: _Found, change: int) -> tuple[object, ...]:
    digest = content_digest(b"", b"", b"{}")
    return (number, found.indexed[number], "", "", "{}", digest, change)


def _is_last(found: _Found, cell: Cell) -> bool:
    """Tell whether a row is the version of its document that is kept."""
    return (cell.values[1], cell.values[6]) == (found.ids[cell.rowid], found.changes[cell.rowid])


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
        if not wanted or not _is_document(cell) or not _is_last(found, cell):
            continue
        written.add(number)
        change = found.changes[number]
        if everything_anew or (change, number) not in found.pairs:
            change = latest + len(written)
        yield (number, *cell.values[1:6], change)


def _write(
    new: Path, rows: Iterable[tuple[object, ...]], found: _Found, gone: set[int], change: int
) -> set[int]:
    """Write a record, and return the numbers of the rows that it would not take."""
    connection = connect(new, writable=True)
    try:
        with guarded(new):
            return _insert(connection, rows, found, gone, change)
    finally:
        connection.close()


def _insert(
    connection: sqlite3.Connection,
    rows: Iterable[tuple[object, ...]],
    found: _Found,
    gone: set[int],
    change: int,
) -> set[int]:
    connection.execute("BEGIN IMMEDIATE")
    insert = f"INSERT OR IGNORE INTO documents VALUES ({', '.join('?' * _COLUMNS)})"
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
    kept = {int(row[0]) for row in connection.execute("SELECT number FROM documents")}
    sure = {key: min(numbers) for key, numbers in found.origins.items() if len(numbers) == 1}
    paths = {path: source for source, path in sorted(found.sources.items())}
    connection.executemany("INSERT INTO sources (path, source) VALUES (?, ?)", paths.items())
    known = set(paths.values())
    connection.executemany(
        "INSERT INTO origins (source, key, number) VALUES (?, ?, ?)",
        (
            (*key, number)
            for key, number in sorted(sure.items())
            if key[0] in known and number in kept
        ),
    )
    # Of the others nobody knows where they are from; reading finds them by their ids.
    connection.execute("UPDATE origins_since SET number = ?", (max([0, *kept]),))
