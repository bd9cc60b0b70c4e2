"""Documents that were read of sources, on their way into the record.

A document is known by its origin: the source, and what it is called there. So the same file
read again, by whatever name, updates the documents that it made before, under the ids that
they have; and a document of one source never silently takes the place of another's.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from embedsearch._errors import DuplicateIdError, InputError
from embedsearch._messages import counted
from embedsearch.store.documents import Changes
from embedsearch.store.origins import Known, shown
from embedsearch.store.schema import to_row
from embedsearch.text.source_files import CORPUS, STREAM, is_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedsearch._progress import Progress
    from embedsearch.store.documents import DocumentStore
    from embedsearch.store.schema import Row
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_files import Source, SourcedDocument
    from embedsearch.text.source_stream import LeftOut

_NAMED = 3
_PIECE = 1 << 15
_ADVICE = "give --id-prefix, --id-column none, or --on-conflict rename or replace"


class Arriving(Protocol):
    """What is read of sources; see `embedsearch.text.sources.SourceReader`."""

    def __iter__(self) -> Iterator[SourcedDocument]:
        """Yield the documents."""

    def refuse(self, error: InputError) -> None:
        """Say that the document that was yielded last cannot be kept."""

    def may_have_lost(self, path: str | bytes) -> bool:
        """Tell whether documents of a file that were not met are gone."""

    @property
    def named(self) -> Sequence[str | bytes]:
        """The real paths of the files and folders that were named."""

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """What could not be read."""


def ingest(
    store: DocumentStore,
    reading: Arriving,
    settings: ReadSettings,
    progress: Progress,
    *,
    prune: bool = False,
) -> Changes:
    """Add what is read of sources, and update what came from the same places before.

    All are kept, or, when reading or the disk fails, none.

    Args:
        store: The record.
        reading: The documents, with the places that they are from.
        settings: What ids they get, and what happens where one is taken.
        progress: A listener; notes which documents got other ids.
        prune: Delete documents whose files or rows are gone.

    Raises:
        DuplicateIdError: An id is taken, and `settings.on_conflict` is "error".
    """
    with store.transaction():
        ingestion = _Ingestion(store, settings)
        for arrival in reading:
            if (refusal := ingestion.take(arrival)) is not None:
                reading.refuse(refusal)
        ingestion.finish(reading, progress, prune)
        store.reach(ingestion.change)
    return Changes(**ingestion.counts, left_out=tuple(reading.left_out))


class _Ingestion:
    """One call's documents, within one transaction.

    Attributes:
        change: The number of the last change.
        counts: What was done, by the names that `Changes` has.
    """

    def __init__(self, store: DocumentStore, settings: ReadSettings) -> None:
        self._store, self._origins = store, store.origins()
        self._prefix, self._policy = settings.id_prefix, settings.on_conflict
        self.change, self.counts = store.change, Counter[str]()
        # A bit for each origin, in pieces: whether it was met in this call.
        self._met: dict[int, bytearray] = {}
        self._source: Source | None = None
        self._number, self._is_new = 0, False
        self._turns: dict[str, int] = {}
        self._renamed: list[str] = []
        self._adopted = 0
        # Kept only if an error will name them: they take 160 bytes each.
        self._places: dict[int, str] = {}

    def take(self, arrival: SourcedDocument) -> InputError | None:
        """Add a document, or update it, or find that it is there.

        Returns:
            Why the record cannot hold it, or None.

        Raises:
            DuplicateIdError: Its id is taken, and that was to be an error.
        """
        document, first = arrival.document, self._prefix + arrival.first_id()
        try:
            row = to_row(document if document.id == first else replace(document, id=first))
        except InputError as error:
            return error
        self._enter(arrival.source)
        if not row[2].strip():
            self.counts["empty"] += 1
        # Nothing of a new source is known by its origin, unless it came in this call: then its
        # id is taken.
        if self._is_new:
            number = self._inserted(row)
            if number is not None:
                self._put_origin(arrival, arrival.key, row[0], number)
                self._done("", arrival, number)
                return None
        known, repeated = self._known(arrival, row)
        if known is None:
            self._admit(arrival, row, repeated)
        else:
            self._renew(arrival, row, known, repeated)
        return None

    def finish(self, reading: Arriving, progress: Progress, prune: bool) -> None:
        """Count, and prune, what is gone; say what happened."""
        gone = self._gone(reading)
        numbers = self._orphaned(gone)
        self.counts["vanished"] = len(numbers)
        if prune:
            for number in numbers:
                self.change += 1
                self._store.remove(number, self.change)
            for origin in gone:
                self._origins.forget(origin)
            self.counts["pruned"] = len(numbers)
        for note in self._notes():
            progress.note(note)

    def _enter(self, source: Source) -> None:
        if source is self._source:
            return
        self._source = source
        number = self._origins.source(source.path)
        # Whatever came through a stream before, this is another one.
        self._is_new = number is None or source.is_stream
        self._number = self._origins.add_source(source.path) if number is None else number

    def _known(self, arrival: SourcedDocument, row: Row) -> tuple[Known | None, str]:
        """Find a document by its origin.

        Returns:
            The document, or None; and what is added to its key because its source has that
            more than once.
        """
        if arrival.source.is_stream:
            return None, ""
        known = self._origins.find(self._number, arrival.key)
        # The same row twice is one document.
        if known is None or not self._was_met(known.origin) or known.digest == row[4]:
            return known, ""
        if self._policy == "error":
            raise self._duplicate(row[0], known.number, arrival)
        if self._policy == "replace":
            self.counts["replaced"] += 1
            return known, ""
        repeated = f"~{self._turn(f'{self._number} {arrival.key}')}"
        return self._origins.find(self._number, arrival.key + repeated), repeated

    def _renew(self, arrival: SourcedDocument, row: Row, known: Known, repeated: str) -> None:
        """Give a document that is known by its origin its present content."""
        self._meet(known.origin)
        if known.digest == row[4]:
            self._done("unchanged", arrival, known.number)
        elif not self._has_others(known):
            self._update(arrival, row, known.number)
        elif self._policy != "rename":
            self._take_place(arrival, row, arrival.key + repeated, known.number)
        else:
            self._origins.forget(known.origin)
            self._admit(arrival, row, repeated)

    def _admit(self, arrival: SourcedDocument, row: Row, repeated: str) -> None:
        """Add a document that is not known by its origin, under an id that is free."""
        key, taken = arrival.key + repeated, row[0] if repeated else ""
        for id in self._ids(arrival, repeated):
            found = self._store.find(id)
            if found is None:
                self._insert(arrival, (id, *row[1:]), key, taken)
                return
            if self._is_again(arrival, id, row[4] == found[1]):
                continue
            if self._is_same(arrival, (id, *row[1:]), key, found):
                return
            if not taken and self._policy != "rename":
                self._take_place(arrival, (id, *row[1:]), key, found[0])
                return
            taken = taken or id

    def _is_same(
        self, arrival: SourcedDocument, row: Row, key: str, found: tuple[int, bytes]
    ) -> bool:
        """Tell whether a document that has the id is this one; then remember that it is."""
        number, same = found[0], found[1] == row[4]
        former = self._is_former(number)
        if not same and (arrival.source.is_stream or not former):
            return False
        # One that was added without a source stays so: what it becomes is not the file's to say.
        if former or self._origins.of(number):
            self._put_origin(arrival, key, row[0], number)
        if same:
            self._done("unchanged", arrival, number)
        else:
            self._adopted += 1
            self._update(arrival, row, number)
        return True

    def _is_again(self, arrival: SourcedDocument, id: str, same: bool) -> bool:
        """Tell whether a text without an id came through this stream before, word for word."""
        if not (same and arrival.source.is_stream) or arrival.document.id:
            return False
        known = self._origins.find(self._number, id)
        return known is not None and self._was_met(known.origin)

    def _take_place(self, arrival: SourcedDocument, row: Row, key: str, number: int) -> None:
        if self._policy == "error":
            raise self._duplicate(row[0], number, arrival)
        self._origins.forget_all(number)
        self._put_origin(arrival, key, row[0], number)
        self._update(arrival, row, number)
        self.counts["replaced"] += 1

    def _insert(self, arrival: SourcedDocument, row: Row, key: str, taken: str) -> None:
        number = self._inserted(row)
        if number is not None:
            self._put_origin(arrival, key, row[0], number)
            self._done("", arrival, number)
        if taken:
            self.counts["renamed"] += 1
            if len(self._renamed) < _NAMED:
                self._renamed.append(f"{taken!r} → {row[0]!r}")

    def _inserted(self, row: Row) -> int | None:
        number = self._store.insert(row, self.change + 1)
        if number is not None:
            self.change += 1
            self.counts["added"] += 1
        return number

    def _update(self, arrival: SourcedDocument, row: Row, number: int) -> None:
        self.change += 1
        self._store.update(number, row, self.change)
        self._done("updated", arrival, number)

    def _done(self, outcome: str, arrival: SourcedDocument, number: int) -> None:
        if outcome:
            self.counts[outcome] += 1
        if self._policy == "error":
            self._places[number] = arrival.place

    def _put_origin(self, arrival: SourcedDocument, key: str, id: str, number: int) -> None:
        # A stream does not come again, so that nothing is found by what it calls its documents.
        key = id if arrival.source.is_stream else key
        self._meet(self._origins.put(self._number, key, number))

    def _ids(self, arrival: SourcedDocument, repeated: str) -> Iterator[str]:
        ids = [self._prefix + id for id in arrival.ids(repeated)]
        yield from ids
        made = ids[1] if arrival.document.id and not repeated else ids[0]
        while True:
            yield f"{made}~{self._turn(made)}"

    def _turn(self, id: str) -> int:
        """Count from 2; it goes on counting, so that many of one id cost no more than each."""
        self._turns[id] = turn = self._turns.get(id, 1) + 1
        return turn

    def _meet(self, origin: int) -> None:
        piece, bit = divmod(origin, _PIECE)
        bits = self._met.get(piece)
        if bits is None:
            bits = self._met[piece] = bytearray(_PIECE // 8)
        bits[bit >> 3] |= 1 << (bit & 7)

    def _was_met(self, origin: int) -> bool:
        piece, bit = divmod(origin, _PIECE)
        bits = self._met.get(piece)
        return bits is not None and bool(bits[bit >> 3] >> (bit & 7) & 1)

    def _is_former(self, number: int) -> bool:
        return number <= self._origins.since and not self._origins.of(number)

    def _has_others(self, known: Known) -> bool:
        """Tell whether another source that is still there has the document, too."""
        others = [each for each in self._origins.of(known.number) if each.origin != known.origin]
        return any(_is_there(each.path) for each in others)

    def _duplicate(self, id: str, number: int, arrival: SourcedDocument) -> DuplicateIdError:
        first = self._places.get(number)
        if first is None:
            origins = self._origins.of(number)
            first = shown(origins[0].path) if origins else "a document that was added by itself"
        return DuplicateIdError(id, first, arrival.place, _ADVICE)

    def _gone(self, reading: Arriving) -> dict[int, int]:
        """Find the origins that were not met though their sources were read, or are gone.

        Returns:
            The number of the document of each.
        """
        gone: dict[int, int] = {}
        for named in reading.named:
            for source, path in self._origins.below(named).items():
                if source <= self._origins.latest_source and reading.may_have_lost(path):
                    found = self._origins.of_source(source)
                    gone.update((each, number) for each, number in found if not self._was_met(each))
        return gone

    def _orphaned(self, gone: dict[int, int]) -> list[int]:
        """List the documents that no source has any more."""
        return [
            number
            for number in sorted(set(gone.values()))
            if all(each.origin in gone for each in self._origins.of(number))
        ]

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
        if self._adopted:
            yield (
                f"{_documents(self._adopted)} of an earlier version, whose sources were not kept, "
                "took what is in the files of the same names"
            )
        if counts["empty"]:
            yield f"{_documents(counts['empty'])} without a text"
        if counts["vanished"] and not counts["pruned"]:
            come = (
                "comes from a file or row that is"
                if counts["vanished"] == 1
                else ("come from files or rows that are")
            )
            said = f"{_documents(counts['vanished'])} {come} gone"
            yield f"{said}; --prune removes {'it' if counts['vanished'] == 1 else 'them'}"


def _is_there(path: str | bytes) -> bool:
    if isinstance(path, str) and (path == STREAM or path.startswith(CORPUS)):
        return True
    return is_file(path)


def _documents(number: int) -> str:
    return counted(number, "document")
