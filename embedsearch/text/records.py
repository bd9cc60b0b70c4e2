"""Records of named values (rows, JSON objects) turned into documents."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, TypeVar, cast

from embedsearch._errors import SourceFormatError
from embedsearch._messages import first_few, quoted
from embedsearch._types import METADATA_DEPTH, Document, MetadataValue
from embedsearch.text.settings import NO_ID_COLUMN
from embedsearch.text.source_stream import ReadDocument

if TYPE_CHECKING:
    from embedsearch._types import MetadataScalar
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import SourceStream

Record = Mapping[str, object]
_Value = TypeVar("_Value")

ID_NAMES = ("id", "_id", "docid", "doc_id", "docno", "document_id", "identifier", "uuid", "guid")
TITLE_NAMES = ("title", "headline", "heading", "subject", "name")
TEXT_NAMES = (
    "text", "body", "content", "contents", "abstract", "document", "article", "passage",
    "description", "message", "review", "comment", "sentence", "summary",
)  # fmt: skip
# Columns are chosen by so many records, or fewer if these are long: they are held in memory.
_SAMPLE_RECORDS = 100
_SAMPLE_CHARACTERS = 2**20
# A table may have thousands of columns.
_SHOWN_COLUMNS = 50
# Of digits as many as 64 bits may need; `007` is a name, and stays a string.
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][+-]?[0-9]+)?")
_INT64 = 2**63


def cell_value(value: object) -> MetadataValue:
    """Return what a cell of a CSV file means: a number, None if it is empty, else the string."""
    if not isinstance(value, str):
        return plain_value(value)
    cell = value.strip()
    if _INTEGER.fullmatch(cell) and -_INT64 <= int(cell) < _INT64:
        return int(cell)
    if _DECIMAL.fullmatch(cell) and math.isfinite(float(cell)):
        return float(cell)
    return value if cell else None


def plain_value(value: object) -> MetadataValue:
    """Return a JSON or Parquet value as metadata.

    Dates become ISO text, integers beyond 64 bits text, and numbers that are not finite None.
    """
    return _plain(value, METADATA_DEPTH)


def _plain(value: object, depth: int) -> MetadataValue:
    if not isinstance(value, (list, tuple, Mapping)):
        return _scalar(value)
    if not depth:
        # What is deeper is refused by the store, with the name of the document.
        return cast("MetadataValue", value)
    if isinstance(value, Mapping):
        return {
            replace_surrogates(str(name)): _plain(part, depth - 1) for name, part in value.items()
        }
    return [_plain(part, depth - 1) for part in value]


def _scalar(value: object) -> MetadataScalar:
    if isinstance(value, str):
        return replace_surrogates(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, (float, Decimal)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return replace_surrogates(str(value))


def text_value(value: object) -> str | None:
    """Return a value as text, a list of strings joined by line ends; None if it is not text."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        parts = [text_value(part) for part in value if not isinstance(part, (list, tuple))]
        texts = [part for part in parts if part is not None]
        return "\n".join(texts) if len(texts) == len(value) else None
    if isinstance(value, Mapping):
        return None
    plain = _scalar(value)
    return plain if isinstance(plain, str) else json.dumps(plain)


def replace_surrogates(text: str) -> str:
    r"""Return text without halves of surrogate pairs, which JSON can spell and UTF-8 cannot."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def flatten_metadata(record: Mapping[str, object]) -> Mapping[str, object]:
    """Return a record with the keys of a nested `metadata` object among the others.

    A key that the record also has at the top keeps its long name, `metadata.key`.
    """
    nested = record.get("metadata")
    if nested is None or not isinstance(nested, Mapping):
        return record
    flat = {key: value for key, value in record.items() if key != "metadata"}
    for key, value in nested.items():
        flat[f"metadata.{key}" if key in flat else str(key)] = value
    return flat


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one source."""

    text: str
    id: str | None = None  # None if ids are made
    title: str | None = None
    metadata: tuple[str, ...] | None = None  # None takes all others

    def __str__(self) -> str:
        """Return which columns were chosen, as in `text from 'body', title from 'headline'`."""
        roles = {"text": self.text, "title": self.title, "id": self.id}
        return ", ".join(f"{role} from {name!r}" for role, name in roles.items() if name)


def select_metadata(facts: Mapping[str, _Value], settings: ReadSettings) -> dict[str, _Value]:
    """Return those facts about a document that the settings keep as metadata."""
    names = facts if settings.metadata_columns is None else settings.metadata_columns
    return {name: facts[name] for name in names if name in facts}


def given_id(id: str, settings: ReadSettings) -> str:
    """Return the id that a source gives, or an empty one if the settings want ids to be made."""
    return "" if settings.id_column == NO_ID_COLUMN else id


def choose_columns(
    source: str,
    names: Sequence[str],
    sample: Sequence[Mapping[str, object]],
    settings: ReadSettings,
) -> Columns:
    """Choose columns: those that the settings name, else well-known names, else the longest."""
    wanted = (settings.id_column, settings.title_column, settings.text_column)
    for name in (*wanted, *(settings.metadata_columns or ())):
        if name is not None and name not in names:
            raise missing_column(source, f"has no column {name!r}", names)
    text = settings.text_column or _text(names, sample, [settings.id_column, settings.title_column])
    if text is None:
        raise missing_column(source, "no column holds text", names)
    title = settings.title_column or _known(names, TITLE_NAMES, [text, settings.id_column])
    id_ = settings.id_column or _known(names, ID_NAMES, [text, title])
    return Columns(text, id_, title, settings.metadata_columns)


def missing_column(
    source: str, problem: str, names: Sequence[str], line: int | None = None
) -> SourceFormatError:
    """Return the error that names the columns that exist."""
    columns = first_few(map(quoted, names), _SHOWN_COLUMNS)
    there = f"its columns are {columns}" if names else "it has no columns"
    return SourceFormatError(source, f"{problem}; {there}", line)


def _text(
    names: Sequence[str], sample: Sequence[Mapping[str, object]], taken: Sequence[str | None]
) -> str | None:
    known = _known(names, TEXT_NAMES, taken)
    if known or not names:
        return known
    title, id_ = _known(names, TITLE_NAMES, taken), _known(names, ID_NAMES, taken)
    rest = [name for name in names if name not in (*taken, title, id_)]
    return _longest(rest, sample) or title


def _known(names: Sequence[str], known: Sequence[str], taken: Sequence[str | None]) -> str | None:
    free = [name for name in names if name not in taken]
    ranks = {name: known.index(key) for name in free if (key := name.strip().lower()) in known}
    return min(ranks, key=ranks.__getitem__, default=None)


def _longest(names: Sequence[str], sample: Sequence[Mapping[str, object]]) -> str | None:
    lengths = {name: sum(_length(record.get(name)) for record in sample) for name in names}
    best = max(names, key=lengths.__getitem__, default=None)
    return best if best is not None and (lengths[best] or not sample) else None


def _length(value: object) -> int:
    is_text = isinstance(value, str) or (isinstance(value, list) and value)
    return len(text_value(value) or "") if is_text else 0


@dataclass(frozen=True, slots=True)
class RecordKind:
    """What records are in their format."""

    unit: str  # "line", "row", "item"
    value: Callable[[object], MetadataValue] = plain_value  # turns a value into metadata
    # The columns, if the format names them before its first record.
    names: tuple[str, ...] | None = None
    numbers_are_lines: bool = False  # whether the number of a record is its line


def read_records(
    source: SourceStream,
    records: Iterable[tuple[int, Record]],
    kind: RecordKind,
    settings: ReadSettings,
) -> Iterator[ReadDocument]:
    """Yield a document for each record that has an id, a title or a text."""
    stream = ((number, flatten_metadata(record)) for number, record in records)
    sample, fault = _sample(stream)
    if not sample and fault is not None:
        raise fault
    if not sample and kind.names is None:
        return
    names = kind.names or list(dict.fromkeys(chain.from_iterable(record for _, record in sample)))
    try:
        columns = _columns(source.name, names, [record for _, record in sample], settings)
    except SourceFormatError as error:
        # If the file breaks off early, the column may be in what is missing.
        raise fault or error from None
    source.notices.once(source.name, str(columns))
    make = _DocumentMaker(source.name, columns, kind)
    for number, record in chain(sample, _rest(stream, fault)):
        document = make(number, record)
        if document.id or document.text.strip() or document.title:
            yield ReadDocument(document, kind.unit, number)
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
    """Return the first records, and the error behind them if they break off there."""
    sample: list[tuple[int, Record]] = []
    characters = 0
    try:
        for number, record in records:
            sample.append((number, record))
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


class _DocumentMaker:
    """Makes documents of the records of one source."""

    def __init__(self, source: str, columns: Columns, kind: RecordKind) -> None:
        self._source, self._columns, self._kind = source, columns, kind
        self._roles = {columns.id, columns.title, columns.text}

    def __call__(self, number: int, record: Record) -> Document:
        columns = self._columns
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
        names: Iterable[str] = self._columns.metadata or ()
        if self._columns.metadata is None:
            names = (name for name in record if name not in self._roles)
        value = self._kind.value
        return {replace_surrogates(name): value(record[name]) for name in names if name in record}

    def _error(self, number: int, problem: str, record: Record) -> SourceFormatError:
        if self._kind.numbers_are_lines:
            return missing_column(self._source, problem, list(record), number)
        return missing_column(self._source, f"{self._kind.unit} {number} {problem}", list(record))
