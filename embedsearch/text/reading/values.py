"""Values of records, turned into text and into metadata."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from embedsearch._types import METADATA_DEPTH

if TYPE_CHECKING:
    from embedsearch._types import MetadataScalar, MetadataValue

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][+-]?[0-9]+)?")
_INT64 = 2**63


def cell_value(value: object) -> MetadataValue:
    """Return what a cell of a CSV file means.

    A whole number within 64 bits is an `int` and a number with a decimal point a `float`, an
    empty cell is None, and all else stays a string: dates, and `007` with its zeros.
    """
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

    Lists and objects stay what they are. Within them, too, dates become ISO text, integers
    beyond 64 bits text, and numbers that are not finite None.
    """
    return _plain(value, METADATA_DEPTH)


def _plain(value: object, depth: int) -> MetadataValue:
    if isinstance(value, (list, tuple, Mapping)):
        return _nested(value, depth)
    return _scalar(value)


def _nested(
    value: list[object] | tuple[object, ...] | Mapping[object, object], depth: int
) -> MetadataValue:
    if not depth:
        # What is deeper is refused by the store, with the name of the document.
        return cast("MetadataValue", value)
    if isinstance(value, Mapping):
        return {sound(str(name)): _plain(part, depth - 1) for name, part in value.items()}
    return [_plain(part, depth - 1) for part in value]


def _scalar(value: object) -> MetadataScalar:
    if isinstance(value, str):
        return sound(value)
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
    return sound(str(value))


def text_value(value: object) -> str | None:
    """Return a value as text, a list of strings joined by line ends; None if it is not text."""
    if isinstance(value, str):
        return sound(value)
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


def sound(text: str) -> str:
    r"""Return text without halves of surrogate pairs, which JSON can spell and UTF-8 cannot."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def lifted(record: Mapping[str, object]) -> Mapping[str, object]:
    """Return a record with the keys of a nested `metadata` object beside the others.

    A key that the record also has at the top keeps its long name, `metadata.key`.
    """
    nested = record.get("metadata")
    if nested is None or not isinstance(nested, Mapping):
        return record
    flat = {key: value for key, value in record.items() if key != "metadata"}
    for key, value in nested.items():
        flat[f"metadata.{key}" if key in flat else str(key)] = value
    return flat
