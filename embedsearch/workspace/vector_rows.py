"""The rows that go with the user's own vectors: ids, and what is known of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from embedsearch._errors import ParameterError, SourceError, SourceFormatError
from embedsearch._types import Document
from embedsearch.text.readers.json import broken_json
from embedsearch.text.records import flatten_metadata, plain_value, replace_surrogates, text_value
from embedsearch.text.source_files import unreadable
from embedsearch.text.source_stream import SourceStream

if TYPE_CHECKING:
    from typing import BinaryIO

Rows = str | Path | Iterable[Document | str] | None
_IDS = ("id", "_id")
_OWN = (*_IDS, "title", "text")
# NaN and Infinity are not JSON, but several programs write them.
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)


class Row(NamedTuple):
    """What goes with one vector.

    Attributes:
        document: Its id, and what is known of it.
        place: Where it was given, for messages.
        bare: Whether there is nothing but the id.
    """

    document: Document
    place: str
    bare: bool


def rows_of(rows: Rows, first: int, count: int) -> Iterator[Row]:
    """Go through the rows.

    Args:
        rows: A file of JSON lines; documents or ids; or None, which makes ids.
        first: The id of the first row, where it has none; the next ones follow.
        count: How many there are, where `rows` does not say.

    Raises:
        SourceError: The file cannot be read, or a line is no JSON object.
        ParameterError: Something else.
    """
    if rows is None:
        return (_bare(str(row), f"row {row - first}") for row in range(first, first + count))
    if isinstance(rows, str | Path):
        return _of_file(Path(rows), first)
    if not isinstance(rows, Iterable):
        raise ParameterError("rows", "a file, documents or ids", type(rows))
    return (_given(row, place) for place, row in enumerate(rows))


def name_of(rows: Rows) -> str:
    """Say what messages call the rows."""
    return str(rows) if isinstance(rows, str | Path) else "rows"


def _bare(id: str, place: str) -> Row:
    return Row(Document(id, ""), place, True)


def _given(row: object, place: int) -> Row:
    if isinstance(row, str):
        return _bare(row, f"row {place}")
    if not isinstance(row, Document):
        raise ParameterError(f"row {place} of rows", "a Document or an id", row)
    bare = not (row.text or row.title or row.metadata)
    return Row(row, f"row {place}", bare)


def _of_file(path: Path, first: int) -> Iterator[Row]:
    try:
        with path.open("rb") as file:
            yield from _of_stream(str(path), file, path, first)
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise unreadable(str(path), error) from error


def _of_stream(name: str, file: BinaryIO, path: Path, first: int) -> Iterator[Row]:
    source = SourceStream(name, file, path)
    lines = ((number, line) for number, line in source.lines() if line.strip())
    for row, (number, line) in enumerate(lines, first):
        record = _record(name, number, line)
        id_ = next((record[key] for key in _IDS if record.get(key) not in (None, "")), str(row))
        document = Document(
            _text(name, number, "id", id_).strip(),
            _text(name, number, "text", record.get("text")),
            {
                replace_surrogates(key): plain_value(record[key])
                for key in record
                if key not in _OWN
            },
            _text(name, number, "title", record.get("title")).strip(),
        )
        yield Row(document, f"line {number}", set(record) <= set(_IDS))


def _record(name: str, number: int, line: str) -> Mapping[str, Any]:
    try:
        value = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        reason = f"{broken_json(error)}; each line must be an object"
        raise SourceFormatError(name, reason, number) from error
    except (ValueError, RecursionError) as error:
        raise SourceFormatError(name, f"JSON beyond limits: {error}", number) from error
    if not isinstance(value, Mapping):
        raise SourceFormatError(name, 'is no JSON object, such as {"id": "a"}', number)
    return flatten_metadata(value)


def _text(name: str, number: int, field: str, value: object) -> str:
    text = text_value(value)
    if text is None:
        raise SourceFormatError(name, f"{field!r} holds an object where text is needed", number)
    return text
