"""How a document becomes a row of the database, and a row a document: limits, JSON, digests.

Everything is checked in both directions: a document when it is written, and a row when it is
read, as somebody else may have written it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, time
from hashlib import blake2b
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard, cast

import numpy as np

from embedsearch._errors import InputError, ParameterError
from embedsearch._messages import cut, quoted
from embedsearch._types import METADATA_DEPTH, MOST_DIGITS, Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

# Characters, unless it says otherwise.
MOST_ID = 4_096  # as many as a path may have
MOST_TITLE = 100_000
MOST_TEXT = 100_000_000  # SQLite takes up to a billion bytes, and a character may have four
MOST_METADATA = 1_000_000  # as JSON
MOST_FIELDS = 10_000  # entries in metadata, those of its lists and objects included
MOST_NAME = 512  # the name of an entry
# The highest number of a document or of a change: no counter gets there, and programs that keep
# the numbers of JSON as floats can tell all up to it apart.
MOST_NUMBER = 2**53 - 1
_TOO_LARGE = 10**MOST_DIGITS
_ALLOWED = (
    "a string, a finite number, a boolean, a date, None, or a list or a mapping of such values"
)

Row = tuple[str, str, str, str, bytes]
"""Id, title, text, metadata as JSON, and the digest of the last three."""


class BrokenRowError(ValueError):
    """A row holds what `to_row` never makes; the message says what. Never leaves this stage."""


def to_row(document: Document) -> Row:
    """Return the row of a document; an `InputError` names the document and the place."""
    if not isinstance(document, Document):
        raise _refusal("what is added", "documents, es.Document(id, text)", document)
    _check_fields(document)
    metadata = metadata_json(document)
    title, text = _storable(document.title), _storable(document.text)
    digest = content_digest(*(part.encode() for part in (title, text, metadata)))
    return document.id, title, text, metadata, digest


def to_document(id: object, title: object, text: object, metadata: object) -> Document:
    """Return the document of a row; `BrokenRowError` if it is not one that `to_row` makes."""
    if type(id) is not str or type(title) is not str or type(text) is not str:
        raise BrokenRowError("its id, its title or its text is not text")
    if not id:
        raise BrokenRowError("its id is empty")
    return Document(id, text, parse_metadata(metadata), title)


def content_digest(title: bytes, text: bytes, metadata: bytes) -> bytes:
    """Return the digest of a row with these contents, in UTF-8."""
    return blake2b(b"\0".join((title, text, metadata)), digest_size=16).digest()


def row_fault(row: Sequence[object]) -> str | None:
    """Say what is wrong with a row (all columns, texts as bytes); None if we may have made it."""
    number, *fields, _, change = row
    if not (is_number(number) and is_number(change)):
        return f"its number or that of its change is not between 1 and {MOST_NUMBER:,}"
    texts = [field.decode() for field in fields if isinstance(field, bytes) and is_utf8(field)]
    if len(texts) < len(fields):
        return "its id, title, text or metadata is not valid UTF-8"
    try:
        to_row(to_document(*texts))
    except BrokenRowError as error:
        return str(error)
    except InputError:
        return "it is beyond the limits of a document"
    return None


def is_number(value: object, least: int = 1) -> TypeGuard[int]:
    """Whether a value may be the number of a document or of a change."""
    return type(value) is int and least <= value <= MOST_NUMBER


def is_utf8(field: object) -> bool:
    """Whether a field that was read as bytes is valid text."""
    if not isinstance(field, bytes):
        return False
    try:
        field.decode()
    except UnicodeDecodeError:
        return False
    return True


def metadata_json(document: Document) -> str:
    """Return the metadata of a document as JSON, the names of each object in order."""
    written = json.dumps(
        _PlainMetadata(document.id).mapping(document.metadata),
        ensure_ascii=False,
        separators=(",", ":"),
    )
    if len(written) > MOST_METADATA:
        place = f"the metadata of document {quoted(document.id)}"
        _refuse_length(place, MOST_METADATA, len(written))
    return written


def parse_metadata(written: object) -> dict[str, Any]:
    """Return the metadata of a row: a JSON object of limited depth, with finite numbers."""
    if type(written) is not str:
        raise BrokenRowError("its metadata is not text")
    value = _parsed(written)
    if type(value) is not dict:
        raise BrokenRowError(f"its metadata is no object but {_kind(value)}")
    if _may_be_deep(written) and _is_deeper(value):
        raise BrokenRowError(f"its metadata is nested more than {METADATA_DEPTH} deep")
    if "\\u" in written:
        _check_escapes(value)
    return value


def parse_many(written: Sequence[str]) -> list[dict[str, Any]] | None:
    """Return the metadata of many rows; None if at least one of them cannot be read."""
    try:
        joined = ",".join(written)
        every = _decoder.decode(f"[{joined}]")
    except (ValueError, TypeError, RecursionError):
        return None
    if len(every) != len(written) or any(type(value) is not dict for value in every):
        return None
    if any(map(_is_deeper, (every[k] for k, row in enumerate(written) if _may_be_deep(row)))):
        return None
    return cast("list[dict[str, Any]]", every)


def _check_fields(document: Document) -> None:
    if not isinstance(document.id, str) or not document.id:
        raise _refusal("the id of a document", "a string that is not empty", document.id)
    if not is_storable(document.id):
        raise _refusal(
            "the id of a document", "valid Unicode, without lone surrogates", document.id
        )
    if len(document.id) > MOST_ID:
        _refuse_length(f"the id {quoted(document.id)}", MOST_ID, len(document.id))
    of = f"of document {quoted(document.id)}"
    for name, text, most in (
        ("title", document.title, MOST_TITLE),
        ("text", document.text, MOST_TEXT),
    ):
        if not isinstance(text, str):
            raise _refusal(f"the {name} {of}", "a string", text)
        if len(text) > most:
            _refuse_length(f"the {name} {of}", most, len(text))
    metadata: object = document.metadata
    if not isinstance(metadata, Mapping):
        raise _refusal(f"the metadata {of}", "a mapping", metadata)


def _refuse_length(place: str, most: int, got: int) -> NoReturn:
    raise ParameterError(place, f"at most {most:,} characters long", got)


def _refusal(place: str, allowed: str, got: object) -> ParameterError:
    try:
        return ParameterError(place, allowed, got)
    except (ValueError, RecursionError):
        # Python does not write out integers of many digits, nor what is nested deeply.
        return ParameterError(place, allowed, type(got))


def _storable(text: str) -> str:
    # A lone surrogate (from a broken decoder) cannot be written as UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")


def is_storable(text: str) -> bool:
    """Whether a text can be written as UTF-8."""
    return text.isascii() or _storable(text) == text


class _PlainMetadata:
    """Turns the metadata of one document into values that JSON has."""

    def __init__(self, id: str) -> None:
        self._of = f"of document {quoted(id)}"
        self._path: list[str] = []
        self._entries = 0

    def mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        self._count(len(value))
        plain = {}
        for name in self._names(value):
            self._path.append(name)
            self._check_text(name)
            plain[name] = self._value(value[name])
            self._path.pop()
        return plain

    def _value(self, value: object) -> object:
        if isinstance(value, str):
            self._check_text(value)
            return value
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float | np.generic):
            return self._number(value)
        if isinstance(value, date | time):
            return value.isoformat()
        if isinstance(value, list | tuple | Mapping):
            return self._nested(value)
        raise _refusal(self._place, _ALLOWED, value)

    def _number(self, value: int | float | np.generic) -> object:
        if isinstance(value, np.bool_ | np.integer | np.floating):
            value = value.item()
        if isinstance(value, float) and isfinite(value):
            return value
        if not isinstance(value, int):
            raise _refusal(self._place, _ALLOWED, value)
        if abs(value) >= _TOO_LARGE:
            raise InputError(
                f"{self._place} must have at most {MOST_DIGITS:,} digits; store it as a string"
            )
        return value

    def _nested(self, value: list[Any] | tuple[Any, ...] | Mapping[Any, Any]) -> object:
        if len(self._path) > METADATA_DEPTH:
            place = f"metadata {self._path[0]!r} {self._of}"
            raise ParameterError(place, f"nested at most {METADATA_DEPTH} deep", METADATA_DEPTH + 1)
        if isinstance(value, Mapping):
            return self.mapping(value)
        self._count(len(value))
        self._path.append("")
        plain = [self._value(part) for part in value]
        self._path.pop()
        return plain

    def _names(self, value: Mapping[Any, Any]) -> list[str]:
        for name in value:
            if not isinstance(name, str):
                raise _refusal(f"a metadata name {self._of}", "a string", name)
            if len(name) > MOST_NAME:
                place = f"the metadata name {quoted(name)} {self._of}"
                _refuse_length(place, MOST_NAME, len(name))
        return sorted(value)

    def _count(self, more: int) -> None:
        self._entries += more
        if self._entries > MOST_FIELDS:
            allowed = f"at most {MOST_FIELDS:,} entries"
            raise ParameterError(f"the metadata {self._of}", allowed, self._entries)

    def _check_text(self, text: str) -> None:
        if not is_storable(text):
            raise ParameterError(self._place, "valid Unicode, without lone surrogates", text)

    @property
    def _place(self) -> str:
        names = ".".join(name for name in self._path if name) or self._path[0]
        return f"metadata {cut(names)!r} {self._of}"


def _finite(written: str) -> float:
    if not isfinite(number := float(written)):
        raise BrokenRowError("its metadata has a number that is not finite")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise BrokenRowError(f"its metadata has {name}, which is not JSON")


# Numbers beyond the range of floats become infinite here, which no comparison of a filter minds.
_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_checking = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant)
# For short texts much faster than `json.loads`, which looks for white space at both ends.
_scan: Callable[[str, int], tuple[object, int]] = cast("Any", _checking).scan_once


def _parsed(written: str) -> object:
    try:
        value, end = _scan(written, 0)
    except BrokenRowError:
        raise
    except RecursionError as error:
        reason = f"its metadata is nested more than {METADATA_DEPTH} deep"
        raise BrokenRowError(reason) from error
    except (ValueError, StopIteration) as error:
        # Also what Python says of a number of too many digits.
        raise BrokenRowError("its metadata is not JSON that can be read") from error
    if end != len(written):
        raise BrokenRowError("its metadata is not JSON: something follows the object")
    return value


def _may_be_deep(written: str) -> bool:
    # Each level needs two characters: most rows are too short for brackets to be counted.
    return (
        len(written) > 2 * METADATA_DEPTH
        and written.count("{") + written.count("[") > METADATA_DEPTH
    )


def _is_deeper(value: object, depth: int = METADATA_DEPTH + 1) -> bool:
    if not isinstance(value, dict | list):
        return False
    if not depth:
        return True
    parts: Iterable[object] = value.values() if isinstance(value, dict) else value
    return any(_is_deeper(part, depth - 1) for part in parts)


def _check_escapes(value: dict[str, Any]) -> None:
    if not is_storable(json.dumps(value, ensure_ascii=False)):
        raise BrokenRowError("its metadata has text that is not valid Unicode")


def _kind(value: object) -> str:
    kinds = {list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
