"""Records of named values (rows, JSON objects) turned into documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document, MetadataValue
from embedsearch.text.base import Found
from embedsearch.text.reading.columns import Columns, choose_columns, missing_column
from embedsearch.text.reading.values import lifted, plain_value, sound, text_value
from embedsearch.text.settings import NO_ID_COLUMN

if TYPE_CHECKING:
    from embedsearch.text.reading.opening import Opened
    from embedsearch.text.settings import ReadSettings

_SAMPLE_RECORDS = 100
_SAMPLE_CHARACTERS = 2**20

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RecordKind:
    """What records are in their format.

    Attributes:
        unit: What one is called: "line", "row", "item".
        value: Turns a value into metadata.
        names: The columns, where the format says them before its first record.
        numbers_are_lines: Whether the number of a record is its line.
    """

    unit: str
    value: Callable[[object], MetadataValue] = plain_value
    names: tuple[str, ...] | None = None
    numbers_are_lines: bool = False


def found_in_records(
    source: Opened,
    records: Iterable[tuple[int, Record]],
    kind: RecordKind,
    settings: ReadSettings,
) -> Iterator[Found]:
    """Yield a document for each record that has an id, a title or a text.

    Args:
        source: Where the records are from.
        records: `(number, record)`, the number counted from 1.
        kind: What the records are.
        settings: Which columns to use.

    Raises:
        SourceFormatError: A column is missing, or a text or an id is an object.
    """
    stream = iter(records)
    sample, fault = _sample(stream)
    if not sample and fault is not None:
        raise fault
    if not sample and kind.names is None:
        return
    names = kind.names or _names(record for _, record in sample)
    try:
        columns = _columns(source.name, names, [record for _, record in sample], settings)
    except SourceFormatError as error:
        # A list that breaks off early may have no more than that.
        raise fault or error from None
    source.notices.once(source.name, str(columns))
    make = _Maker(source.name, columns, kind)
    for number, record in chain(sample, _rest(stream, fault)):
        document = make(number, record)
        if document.id or document.text.strip() or document.title:
            yield Found(document, kind.unit, number)
        else:
            source.notices.empty(kind.unit)


def _columns(
    source: str, names: Sequence[str], sample: Sequence[Record], settings: ReadSettings
) -> Columns:
    if settings.id_column != NO_ID_COLUMN or NO_ID_COLUMN in names:
        return choose_columns(source, names, sample, settings)
    chosen = choose_columns(source, names, sample, replace(settings, id_column=None))
    return replace(chosen, id=None)


def _sample(
    records: Iterator[tuple[int, Record]],
) -> tuple[list[tuple[int, Record]], Exception | None]:
    """Take the first records, and the error behind them if they break off there."""
    sample: list[tuple[int, Record]] = []
    characters = 0
    try:
        for number, record in records:
            sample.append((number, lifted(record)))
            characters += sum(len(value) for value in record.values() if isinstance(value, str))
            if len(sample) == _SAMPLE_RECORDS or characters > _SAMPLE_CHARACTERS:
                break
    except Exception as error:  # noqa: BLE001 - raised behind the records that came before it
        return sample, error
    return sample, None


def _rest(
    records: Iterator[tuple[int, Record]], fault: Exception | None
) -> Iterator[tuple[int, Record]]:
    if fault is not None:
        raise fault
    yield from records


def _names(records: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record))


class _Maker:
    """Makes documents of the records of one source."""

    def __init__(self, source: str, columns: Columns, kind: RecordKind) -> None:
        self._source, self._columns, self._kind = source, columns, kind
        self._roles = {columns.id, columns.title, columns.text}

    def __call__(self, number: int, record: Record) -> Document:
        record, columns = lifted(record), self._columns
        text = self._string(number, record, columns.text)
        title = self._string(number, record, columns.title) if columns.title else ""
        id_ = self._string(number, record, columns.id) if columns.id else ""
        return Document(id_.strip(), text, self._metadata(record), title.strip())

    def _string(self, number: int, record: Record, name: str) -> str:
        text = text_value(record.get(name))
        if text is None:
            problem = f"{name!r} holds an object where text is needed; name another column"
            raise self._error(number, problem, record)
        return text

    def _metadata(self, record: Record) -> dict[str, MetadataValue]:
        kept: Sequence[str] = self._columns.metadata or ()
        if self._columns.metadata is None:
            kept = [name for name in record if name not in self._roles]
        value = self._kind.value
        return {sound(name): value(record[name]) for name in kept if name in record}

    def _error(self, number: int, problem: str, record: Record) -> SourceFormatError:
        if self._kind.numbers_are_lines:
            return missing_column(self._source, problem, list(record), number)
        return missing_column(self._source, f"{self._kind.unit} {number} {problem}", list(record))
