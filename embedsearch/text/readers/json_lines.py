"""JSON lines, a JSON list of objects, or JSON objects written over several lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.text.readers.json_values import broken_json, check_parts, json_values
from embedsearch.text.reading.records import Record, RecordKind, found_in_records

if TYPE_CHECKING:
    from embedsearch.text.base import Found
    from embedsearch.text.reading.opening import Opened
    from embedsearch.text.settings import ReadSettings

_MOST_DIGITS = 4_300


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number has more than {_MOST_DIGITS:,} digits")
    return int(digits)


# NaN and Infinity are not JSON, but several programs write them. Reading a number takes time with
# the square of its length, which Python limits itself from 3.10.7 on.
_DECODER = json.JSONDecoder(
    parse_constant=lambda _: None,
    parse_int=None if hasattr(sys, "get_int_max_str_digits") else _integer,
)


def read_json(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield a document for each object.

    A file that begins with `[` is a list; one whose first line is no complete object holds
    objects written over several lines. Both are read item by item, never as a whole.
    """
    head = source.head(settings.encoding).lstrip("\ufeff \t\r\n")
    if head.startswith("[") or _is_spread(head):
        values = json_values(source.name, source.chunks(settings.encoding), _DECODER)
        kind = RecordKind("item")
        records = ((n, _record(source, line, value)) for n, (line, value) in enumerate(values, 1))
        return found_in_records(source, records, kind, settings)
    kind = RecordKind("line", numbers_are_lines=True)
    return found_in_records(source, _lines(source, settings), kind, settings)


def _is_spread(head: str) -> bool:
    line, end, rest = head.partition("\n")
    if not line.startswith("{") or not (end and rest.strip()):
        return False
    try:
        _DECODER.decode(line)
    except ValueError:
        # A broken first line of JSON lines is followed by a line that begins an object.
        return not rest.startswith("{")
    except RecursionError:
        return False
    return False


def _lines(source: Opened, settings: ReadSettings) -> Iterator[tuple[int, Record]]:
    decode = _DECODER.decode
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


def _record(source: Opened, line: int, value: object) -> Record:
    if not isinstance(value, Mapping):
        what = {list: "a list", str: "a string", type(None): "null"}.get(type(value), "a number")
        raise SourceFormatError(source.name, f"holds {what} where an object is needed", line)
    return value
