"""JSON: lines, a list of objects, or objects written over several lines."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch._types import MOST_DIGITS
from embedsearch.text.records import TEXT_NAMES, TITLE_NAMES, Record, RecordKind, read_records
from embedsearch.text.source_stream import DOCUMENT_LIMIT, too_long

if TYPE_CHECKING:
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import ReadDocument, SourceStream

# A list or object takes two bytes of JSON, and 56 or more of memory.
_MOST_PARTS = 1_000_000
_SPACE = re.compile(r"[\ufeff \t\r\n]*")
# Files of settings have these keys, too: a package describes itself in a line.
_WEAK = {"description", "message", "comment", "summary", "review", "sentence"}
_STRONG = set(TEXT_NAMES) - _WEAK
_TITLES = set(TITLE_NAMES) - {"name"}
# Five words and forty characters are a sentence; 200 characters are a text without words, too.
_WORDS = 5
_LONG, _VERY_LONG = 40, 200


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number has more than {MOST_DIGITS:,} digits")
    return int(digits)


DECODER = json.JSONDecoder(
    parse_constant=lambda _: None,
    parse_int=None if hasattr(sys, "get_int_max_str_digits") else _integer,
)
"""Reads NaN and Infinity as null: they are not JSON, but several programs write them.

Reading a number takes time with the square of its length, which Python limits itself from 3.10.7
on.
"""


def read_json(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield a document for each object.

    A list, or objects written over several lines, are read item by item, never as a whole.
    """
    head = source.head(settings.encoding).lstrip("\ufeff \t\r\n")
    if head.startswith("[") or _is_spread(head):
        values = json_values(source.name, source.chunks(settings.encoding), DECODER)
        kind = RecordKind("item")
        records = ((n, _record(source, line, value)) for n, (line, value) in enumerate(values, 1))
        return read_records(source, records, kind, settings)
    kind = RecordKind("line", numbers_are_lines=True)
    return read_records(source, _lines(source, settings), kind, settings)


def _is_spread(head: str) -> bool:
    line, end, rest = head.partition("\n")
    if not line.startswith("{") or not (end and rest.strip()):
        return False
    try:
        DECODER.decode(line)
    except ValueError:
        # A broken first line of JSON lines is followed by a line that begins an object.
        return not rest.startswith("{")
    except RecursionError:
        return False
    return False


def _lines(source: SourceStream, settings: ReadSettings) -> Iterator[tuple[int, Record]]:
    decode = DECODER.decode
    for number, line in source.lines(settings.encoding):
        if not line.strip():
            continue
        check_parts(source.name, line, number)
        try:
            value = decode(line)
        except json.JSONDecodeError as error:
            reason = f"{broken_json(error)}; repair or remove the line"
            raise SourceFormatError(source.name, reason, number) from error
        except (ValueError, RecursionError) as error:
            raise SourceFormatError(source.name, f"JSON beyond limits: {error}", number) from error
        yield number, _record(source, number, value)


def _record(source: SourceStream, line: int, value: object) -> Record:
    if not isinstance(value, Mapping):
        what = {list: "a list", str: "a string", type(None): "null"}.get(type(value), "a number")
        raise SourceFormatError(source.name, f"holds {what} where an object is needed", line)
    return value


def check_holds_texts(source: SourceStream) -> None:
    """Refuse a small JSON file whose objects have no texts.

    An object has one if a key says so (`text`, `body`, `abstract`, ...), if it is flat and has
    a title, a description or some words, or if it has a long string.
    """
    if not source.is_complete:
        return
    try:
        value = json.loads(source.sample.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return  # JSON lines, or broken: reading it says more
    values = value if isinstance(value, list) else [value]
    records = [each for each in values if isinstance(each, Mapping)]
    if values and not records:
        raise SourceFormatError(source.name, "holds no objects, and so no texts")
    if records and not any(map(_has_text, records)):
        raise SourceFormatError(source.name, "holds settings or data, but no texts")


def _has_text(record: Mapping[str, object]) -> bool:
    strings = {str(key).strip().lower(): _string(value) for key, value in record.items()}
    nested = any(
        isinstance(value, Mapping) for key, value in record.items() if str(key) != "metadata"
    )
    if any(strings.get(name) for name in _STRONG):
        return True
    if any(len(string) >= _VERY_LONG for string in strings.values()):
        return True
    if nested:
        return False
    named = any(strings.get(name) for name in _WEAK | _TITLES)
    return named or any(_is_text(string) for string in strings.values())


def _string(value: object) -> str:
    """Return a string, or a list of strings that are more than single words, as one."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value) if any(" " in each.strip() for each in value) else ""
    return ""


def _is_text(string: str) -> bool:
    return len(string) >= _LONG and len(string.split()) >= _WORDS


def json_values(
    name: str, chunks: Iterable[str], decoder: json.JSONDecoder, limit: int = DOCUMENT_LIMIT
) -> Iterator[tuple[int, object]]:
    """Yield `(line, value)` for each value of a stream, or of the list that it is."""
    values = _Values(name, chunks, decoder, limit)
    return values.of_list() if values.skip("[") else values.of_stream()


def check_parts(name: str, text: str, line: int) -> None:
    """Refuse a value that may have more than a million lists and objects: each takes memory."""
    if len(text) > _MOST_PARTS and text.count("[") + text.count("{") > _MOST_PARTS:
        reason = f"a value has more than {_MOST_PARTS:,} brackets; cut it into smaller ones"
        raise SourceFormatError(name, reason, line)


def broken_json(error: json.JSONDecodeError) -> str:
    """Return what is wrong with a line of JSON, and where in it."""
    # Some of Python's messages end so that a place can follow, and some with a colon.
    message = error.msg.rstrip(": ").removesuffix(" at")
    return f"broken JSON: {message} at column {error.colno}"


class _Values:
    """Text that has arrived so far, and how far it is parsed."""

    def __init__(
        self, name: str, chunks: Iterable[str], decoder: json.JSONDecoder, limit: int
    ) -> None:
        self._name, self._chunks = name, iter(chunks)
        self._decoder, self._limit = decoder, limit
        self._text, self._at, self._line = "", 0, 1

    def of_list(self) -> Iterator[tuple[int, object]]:
        if self.skip("]"):
            return
        while True:
            yield self._value()
            if self.skip("]"):
                break
            if not self.skip(","):
                raise self._error("',' or ']' is missing")
        if self._more():
            raise self._error("there is text after the end of the list")

    def of_stream(self) -> Iterator[tuple[int, object]]:
        while self._more():
            yield self._value()

    def skip(self, mark: str) -> bool:
        """Skip `mark` if it comes next."""
        if not self._more() or self._text[self._at] != mark:
            return False
        self._at += 1
        return True

    def _value(self) -> tuple[int, object]:
        self._more()
        line = self._line
        while (decoded := self._decode()) is None:
            pass
        self._move(decoded[1])
        return line, decoded[0]

    def _decode(self) -> tuple[object, int] | None:
        """Decode the value that comes next, or add text and return None where it is cut short."""
        try:
            value, end = self._decoder.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            if not self._may_continue(error) or not self._fill():
                raise self._error(error.msg, error.pos) from error
        except (ValueError, RecursionError) as error:
            raise self._error(f"beyond limits: {error}") from error
        else:
            # A number has no end of its own: the text after 1 may go on with 2, or .5, or e+3.
            is_open = isinstance(value, int | float) and end + 3 > len(self._text)
            return None if is_open and self._fill() else (value, end)
        return None

    def _may_continue(self, error: json.JSONDecodeError) -> bool:
        if len(self._text) - self._at > self._limit:
            raise too_long(self._name, self._limit, "characters", self._line)
        # What is cut short fails at the end of the text, or at the start of an open string.
        return error.msg.startswith("Unterminated") or error.pos >= len(self._text) - 16

    def _more(self) -> bool:
        """Go to the next text that is not space; False at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._move(space.end() if space else self._at)
            if self._at < len(self._text):
                return True
            if not self._fill():
                return False

    def _move(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _fill(self) -> bool:
        """Add at least as much text as is still there, so that trying again stays cheap."""
        wanted, got = len(self._text) - self._at, 0
        pieces = [self._text[self._at :]]
        check_parts(self._name, pieces[0], self._line)
        for chunk in self._chunks:
            pieces.append(chunk)
            got += len(chunk)
            if got and got >= wanted:
                break
        if got:
            self._text, self._at = "".join(pieces), 0
        return got > 0

    def _error(self, problem: str, at: int | None = None) -> SourceFormatError:
        line = self._line + self._text.count("\n", self._at, self._at if at is None else at)
        return SourceFormatError(self._name, f"broken JSON: {problem}; repair the file", line)
