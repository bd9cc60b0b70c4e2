"""Documents that were read from sources, on their way into the store.

A document is known by its origin: the source, and what it is called there. So the same file
read again, by whatever name, updates the documents that it brought before, under the ids that
they have; and a document of one source never silently takes the place of another's.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from embedsearch._errors import DuplicateIdError, InputError
from embedsearch._messages import counted, first_few
from embedsearch.store.connection import shown_path
from embedsearch.store.documents import Changes
from embedsearch.store.rows import to_row
from embedsearch.text.source_files import CORPUS, STREAM, is_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedsearch._progress import Progress
    from embedsearch.store.connection import Database
    from embedsearch.store.documents import DocumentStore
    from embedsearch.store.rows import Row
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_files import Source, SourcedDocument
    from embedsearch.text.source_stream import LeftOut

_NAMED = 3  # Renamed documents that the note gives as examples.
_ADVICE = "give --id-prefix, --id-column none, or --on-conflict rename or replace"
# A forged file may have anything in its rows.
_IS_PATH = "typeof(path) IN ('text', 'blob')"
# No name comes after these.
_LAST = "\U0010ffff"
_LAST_BYTES = b"\xff" * 255


class SourceDocuments(Protocol):
    """What is read from sources: `embedsearch.workspace.sources.Sources`."""

    def __iter__(self) -> Iterator[SourcedDocument]:
        """Yield the documents."""

    def refuse(self, error: InputError) -> None:
        """Report that the document that was yielded last cannot be stored."""

    def may_have_lost(self, path: str | bytes) -> bool:
        """Whether documents of a file that were not met are gone."""

    @property
    def named(self) -> Sequence[str | bytes]:
        """The real paths of the files and folders that were named."""

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """What could not be read."""


def ingest(
    store: DocumentStore,
    reading: SourceDocuments,
    settings: ReadSettings,
    progress: Progress,
    *,
    prune: bool = False,
) -> Changes:
    """Add what is read from sources, and update what came from the same places before.

    All documents are stored, or, if reading or the disk fails, none. With `prune`, documents whose
    files or rows are gone are deleted.
    """
    with store.transaction():
        ingestion = _Ingestion(store, settings)
        for arrival in reading:
            if (refusal := ingestion.take(arrival)) is not None:
                reading.refuse(refusal)
        ingestion.finish(reading, progress, prune)
        store.set_change(ingestion.change)
    return Changes(**ingestion.counts, left_out=tuple(reading.left_out))


def delete_source(store: DocumentStore, source: str | bytes, *, dry_run: bool = False) -> int:
    """Delete the documents of a source, or of all files below a folder, and return how many.

    A document that another source has, too, stays, as a document of that one.
    """
    origins = _Origins(store.database)
    with store.transaction():
        below = origins.below(source)
        gone = {origin: n for number in below for origin, n in origins.of_source(number)}
        if not gone:
            raise InputError(_unknown_source(source, origins))
        numbers = origins.orphaned(gone)
        if dry_run:
            return len(numbers)
        for origin in gone:
            origins.remove(origin)
        return store.delete_numbers(numbers)


def _unknown_source(source: str | bytes, origins: _Origins) -> str:
    known = [repr(path) for path in origins.paths()]
    there = f"the sources are {first_few(known)}" if known else "no document has a known source"
    return f"no document comes from {shown_path(source)!r}; {there}"


class _Ingestion:
    """One call's documents, within one transaction; `counts` go by the names of `Changes`."""

    def __init__(self, store: DocumentStore, settings: ReadSettings) -> None:
        self._store, self._origins = store, _Origins(store.database)
        self._prefix, self._policy = settings.id_prefix, settings.on_conflict
        self.change, self.counts = store.change, Counter[str]()
        self._met = _BitSet()
        self._source: Source | None = None
        self._source_number, self._is_new_source = 0, False
        self._repetitions = Counter[str]()
        self._renamed: list[str] = []
        self._recognized = 0
        # By numbers of documents, and only if an error will name them: they take 160 bytes each.
        self._places: dict[int, str] = {}

    def take(self, arrival: SourcedDocument) -> InputError | None:
        """Add a document, update it, or leave it; return why it cannot be stored, or None."""
        document, first = arrival.document, self._prefix + arrival.first_id()
        try:
            row = to_row(document if document.id == first else replace(document, id=first))
        except InputError as error:
            return error
        self._enter(arrival.source)
        if not row[2].strip():
            self.counts["empty"] += 1
        # No document of a new source is known by its origin, unless it came in this call: then
        # its id is taken.
        if self._is_new_source and (number := self._insert(arrival, row, arrival.key)):
            self._done("added", arrival, number)
            return None
        known, repetition = self._known(arrival, row)
        if known is None:
            self._admit(arrival, row, repetition)
        else:
            self._renew(arrival, row, known, repetition)
        return None

    def finish(self, reading: SourceDocuments, progress: Progress, prune: bool) -> None:
        """Count, and prune, what is gone; note what happened."""
        gone = self._gone(reading)
        numbers = self._origins.orphaned(gone)
        self.counts["vanished"] = len(numbers)
        if prune:
            for number in numbers:
                self.change += 1
                self._store.remove(number, self.change)
            for origin in gone:
                self._origins.remove(origin)
            self.counts["pruned"] = len(numbers)
        for note in self._notes():
            progress.note(note)

    def _enter(self, source: Source) -> None:
        if source is self._source:
            return
        self._source = source
        number = self._origins.source(source.path)
        # Whatever came through a stream before, this is another one.
        self._is_new_source = number is None or source.is_stream
        self._source_number = self._origins.add_source(source.path) if number is None else number

    def _known(self, arrival: SourcedDocument, row: Row) -> tuple[_KnownDocument | None, str]:
        """Find a document by its origin; also return what is added to a repeated key."""
        if arrival.source.is_stream:
            return None, ""
        known = self._origins.find(self._source_number, arrival.key)
        # The same row twice is one document.
        if known is None or known.origin not in self._met or known.digest == row[4]:
            return known, ""
        if self._policy == "error":
            raise self._duplicate(row[0], known.number, arrival)
        if self._policy == "replace":
            self.counts["replaced"] += 1
            return known, ""
        repetition = f"~{self._next_repetition(f'{self._source_number} {arrival.key}')}"
        return self._origins.find(self._source_number, arrival.key + repetition), repetition

    def _renew(
        self, arrival: SourcedDocument, row: Row, known: _KnownDocument, repetition: str
    ) -> None:
        """Give a document that is known by its origin its present content."""
        self._met.add(known.origin)
        if known.digest == row[4]:
            self._done("unchanged", arrival, known.number)
        elif not self._has_others(known):
            self._update(arrival, row, known.number)
        elif self._policy != "rename":
            self._take_place(arrival, row, arrival.key + repetition, known.number)
        else:
            self._origins.remove(known.origin)
            self._admit(arrival, row, repetition)

    def _admit(self, arrival: SourcedDocument, row: Row, repetition: str) -> None:
        """Add a document that is not known by its origin, under an id that is free."""
        key, taken = arrival.key + repetition, row[0] if repetition else ""
        for id in self._ids(arrival, repetition):
            row = (id, *row[1:])
            found = self._store.find(id)
            if found is None:
                if number := self._insert(arrival, row, key):
                    self._done("added", arrival, number)
                if taken:
                    self._note_renamed(taken, id)
                return
            if self._is_repeated_text(arrival, id, row[4] == found[1]):
                continue
            if self._is_same(arrival, row, key, found):
                return
            if not taken and self._policy != "rename":
                self._take_place(arrival, row, key, found[0])
                return
            taken = taken or id

    def _is_same(
        self, arrival: SourcedDocument, row: Row, key: str, found: tuple[int, bytes]
    ) -> bool:
        """Whether the document that has the id is this one; if so, that is remembered."""
        number, same = found[0], found[1] == row[4]
        origins = self._origins.of_document(number)
        # Only a repair loses origins.
        is_lost = number <= self._origins.since and not origins
        if not same and (arrival.source.is_stream or not is_lost):
            return False
        # One that was added without a source stays so: what it becomes is not the file's to say.
        if is_lost or origins:
            self._put_origin(arrival, key, row[0], number)
        if same:
            self._done("unchanged", arrival, number)
        else:
            self._recognized += 1
            self._update(arrival, row, number)
        return True

    def _is_repeated_text(self, arrival: SourcedDocument, id: str, same: bool) -> bool:
        """Whether a text without an id came through this stream before, word for word."""
        if not (same and arrival.source.is_stream) or arrival.document.id:
            return False
        known = self._origins.find(self._source_number, id)
        return known is not None and known.origin in self._met

    def _take_place(self, arrival: SourcedDocument, row: Row, key: str, number: int) -> None:
        if self._policy == "error":
            raise self._duplicate(row[0], number, arrival)
        self._origins.remove_all(number)
        self._put_origin(arrival, key, row[0], number)
        self._update(arrival, row, number)
        self.counts["replaced"] += 1

    def _insert(self, arrival: SourcedDocument, row: Row, key: str) -> int | None:
        number = self._store.insert(row, self.change + 1)
        if number is not None:
            self.change += 1
            self._put_origin(arrival, key, row[0], number)
        return number

    def _update(self, arrival: SourcedDocument, row: Row, number: int) -> None:
        self.change += 1
        self._store.update(number, row, self.change)
        self._done("updated", arrival, number)

    def _done(self, outcome: str, arrival: SourcedDocument, number: int) -> None:
        self.counts[outcome] += 1
        if self._policy == "error":
            self._places[number] = arrival.place

    def _note_renamed(self, taken: str, id: str) -> None:
        self.counts["renamed"] += 1
        if len(self._renamed) < _NAMED:
            self._renamed.append(f"{taken!r} → {id!r}")

    def _put_origin(self, arrival: SourcedDocument, key: str, id: str, number: int) -> None:
        # A stream does not come again, so that nothing is found by what it calls its documents.
        key = id if arrival.source.is_stream else key
        self._met.add(self._origins.put(self._source_number, key, number))

    def _ids(self, arrival: SourcedDocument, repetition: str) -> Iterator[str]:
        ids = [self._prefix + id for id in arrival.ids(repetition)]
        yield from ids
        made = ids[1] if arrival.document.id and not repetition else ids[0]
        while True:
            yield f"{made}~{self._next_repetition(made)}"

    def _next_repetition(self, id: str) -> int:
        """Count from 2 on, without trying the lower ones again: n of one id cost n tries."""
        self._repetitions[id] += 1
        return self._repetitions[id] + 1

    def _has_others(self, known: _KnownDocument) -> bool:
        """Whether another source that still exists has the document, too."""
        origins = self._origins.of_document(known.number)
        return any(_may_exist(path) for origin, path in origins.items() if origin != known.origin)

    def _duplicate(self, id: str, number: int, arrival: SourcedDocument) -> DuplicateIdError:
        first = self._places.get(number)
        if first is None:
            paths = map(shown_path, self._origins.of_document(number).values())
            first = next(paths, "a document that was added by itself")
        return DuplicateIdError(id, first, arrival.place, _ADVICE)

    def _gone(self, reading: SourceDocuments) -> dict[int, int]:
        """Find the origins, with their documents, that are gone though their sources were read."""
        gone: dict[int, int] = {}
        for named in reading.named:
            for source, path in self._origins.below(named).items():
                if source <= self._origins.last_source and reading.may_have_lost(path):
                    found = self._origins.of_source(source)
                    gone.update(each for each in found if each[0] not in self._met)
        return gone

    def _notes(self) -> Iterator[str]:
        counts = self.counts
        if renamed := counts["renamed"]:
            more = f", and {renamed - _NAMED:,} more" if renamed > _NAMED else ""
            yield (
                f"{_documents(renamed)} got another id, because the id was taken: "
                f"{', '.join(self._renamed)}{more}"
            )
        if counts["replaced"]:
            yield f"{_documents(counts['replaced'])} took the place of one with the same id"
        if self._recognized:
            yield (
                f"{_documents(self._recognized)} whose sources a repair has lost took what is in "
                "the files of the same names"
            )
        if counts["empty"]:
            yield f"{_documents(counts['empty'])} without a text"
        if (vanished := counts["vanished"]) and not counts["pruned"]:
            come, it = ("comes from a file or row that is", "it")
            if vanished > 1:
                come, it = ("come from files or rows that are", "them")
            yield f"{_documents(vanished)} {come} gone; --prune removes {it}"


class _KnownDocument(NamedTuple):
    """A document that was found by its origin; `origin` and `number` are numbers."""

    origin: int
    number: int
    digest: bytes


class _Origins:
    """The tables of sources and origins, which have numbers as documents have."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Documents up to this number may have lost their origins: the file was repaired.
        self.since = database.number(
            "SELECT max(number) FROM origins_since WHERE typeof(number) = 'integer'"
        )
        # Of the sources before this call; those that it adds cannot have lost anything.
        self.last_source = database.number("SELECT max(source) FROM sources")

    def source(self, path: str | bytes) -> int | None:
        """Return the number of a source, or None."""
        return self._database.number("SELECT source FROM sources WHERE path = ?", path) or None

    def add_source(self, path: str | bytes) -> int:
        """Add a source and return its number."""
        return self._database.execute("INSERT INTO sources (path) VALUES (?)", path).lastrowid or 0

    def below(self, path: str | bytes) -> dict[int, str | bytes]:
        """Return the path of a source, or of all sources below a folder, by their numbers."""
        ranges: list[tuple[object, ...]] = []
        if isinstance(path, str):
            start = path.rstrip(os.sep) + os.sep
            ranges.append((path, start, start + _LAST))
        # Paths that are not UTF-8 are bytes, and come after all others.
        encoded = os.fsencode(path).rstrip(os.fsencode(os.sep)) + os.fsencode(os.sep)
        ranges.append((path, encoded, encoded + _LAST_BYTES))
        query = (
            "SELECT source, path FROM sources "
            f"WHERE (path = ? OR path BETWEEN ? AND ?) AND {_IS_PATH}"
        )
        found: dict[int, str | bytes] = {}
        for values in ranges:
            found.update(self._database.rows(query, *values))
        return found

    def find(self, source: int, key: str) -> _KnownDocument | None:
        """Return the document of an origin, or None."""
        query = (
            "SELECT origin, number, digest FROM origins JOIN documents USING (number) "
            "WHERE source = ? AND key = ?"
        )
        row = self._database.row(query, source, key)
        return None if row is None else _KnownDocument(*row)

    def of_source(self, source: int) -> list[tuple[int, int]]:
        """List origin and number of all documents from a source."""
        query = "SELECT origin, number FROM origins WHERE source = ?"
        return self._database.rows(query, source)

    def of_document(self, number: int) -> dict[int, str | bytes]:
        """Return the paths of a document's sources by its origins, the first first."""
        query = (
            "SELECT origin, path FROM origins JOIN sources USING (source) "
            f"WHERE number = ? AND {_IS_PATH} ORDER BY origin"
        )
        return dict(self._database.rows(query, number))

    def orphaned(self, gone: dict[int, int]) -> list[int]:
        """List the documents of some origins that no other source has."""
        numbers = sorted(set(gone.values()))
        return [n for n in numbers if self.of_document(n).keys() <= gone.keys()]

    def paths(self) -> list[str]:
        """List the sources that documents come from."""
        query = (
            "SELECT path FROM sources WHERE source IN (SELECT source FROM origins) "
            f"AND {_IS_PATH} ORDER BY path"
        )
        return [shown_path(path) for (path,) in self._database.rows(query)]

    def put(self, source: int, key: str, number: int) -> int:
        """Add an origin, or point it at another document; return its number."""
        statement = (
            "INSERT INTO origins (source, key, number) VALUES (?, ?, ?) "
            "ON CONFLICT (source, key) DO NOTHING"
        )
        cursor = self._database.execute(statement, source, key, number)
        if cursor.rowcount and cursor.lastrowid:
            return cursor.lastrowid
        where = "WHERE source = ? AND key = ?"
        self._database.execute(f"UPDATE origins SET number = ? {where}", number, source, key)
        return self._database.number(f"SELECT origin FROM origins {where}", source, key)

    def remove(self, origin: int) -> None:
        """Remove one origin."""
        self._database.execute("DELETE FROM origins WHERE origin = ?", origin)

    def remove_all(self, number: int) -> None:
        """Remove all origins of a document."""
        self._database.execute("DELETE FROM origins WHERE number = ?", number)


class _BitSet:
    """A set of numbers that are dense in places: a bit each, in pieces that are made on demand."""

    _PIECE = 1 << 15

    def __init__(self) -> None:
        self._pieces: dict[int, bytearray] = {}

    def add(self, number: int) -> None:
        piece, bit = divmod(number, self._PIECE)
        bits = self._pieces.get(piece)
        if bits is None:
            bits = self._pieces[piece] = bytearray(self._PIECE // 8)
        bits[bit >> 3] |= 1 << (bit & 7)

    def __contains__(self, number: int) -> bool:
        piece, bit = divmod(number, self._PIECE)
        bits = self._pieces.get(piece)
        return bits is not None and bool(bits[bit >> 3] >> (bit & 7) & 1)


def _may_exist(path: str | bytes) -> bool:
    if isinstance(path, str) and (path == STREAM or path.startswith(CORPUS)):
        return True
    return is_file(path)


def _documents(number: int) -> str:
    return counted(number, "document")
