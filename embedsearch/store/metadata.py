"""Metadata as the record has it: JSON, checked when it is written and when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, time
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np

from embedsearch._errors import InputError, ParameterError
from embedsearch._types import METADATA_DEPTH
from embedsearch.store.limits import MOST_FIELDS, MOST_METADATA, MOST_NAME, refuse_length, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from embedsearch._types import Document

# More are refused by Python when JSON is read (CVE-2020-10735).
_MOST_DIGITS = 4_300
_TOO_LARGE = 10**_MOST_DIGITS
_ALLOWED = (
    "a string, a finite number, a boolean, a date, None, or a list or a mapping of such values"
)
_SHOWN = 60


class BrokenRowError(ValueError):
    """A row holds what we never write; the message says what. Never leaves this stage."""


def metadata_json(document: Document) -> str:
    """Return the metadata of a document as JSON, the names of each object in order.

    Raises:
        InputError: It holds what cannot be stored, or too much; the place is named.
    """
    written = json.dumps(
        _Checked(document.id).metadata(document.metadata),
        ensure_ascii=False,
        separators=(",", ":"),
    )
    if len(written) > MOST_METADATA:
        place = f"the metadata of document {shortened(document.id)}"
        refuse_length(place, MOST_METADATA, len(written))
    return written


def parse_metadata(written: object) -> dict[str, Any]:
    """Return the metadata of a row.

    A row that somebody else wrote may have anything in this place, so that all is checked that
    the rest relies on: an object of JSON, of limited depth, with finite numbers and valid text.

    Raises:
        BrokenRowError: It is not what we write.
    """
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
    """Return the metadata of many rows; None if one of them, at least, cannot be read."""
    try:
        joined = ",".join(written)
        every = _decoder.decode(f"[{joined}]")
    except (ValueError, TypeError, RecursionError):
        return None
    if len(every) != len(written) or any(type(value) is not dict for value in every):
        return None
    # A short row cannot be deep, and few are long.
    if any(map(_is_deeper, (every[k] for k, row in enumerate(written) if _may_be_deep(row)))):
        return None
    return cast("list[dict[str, Any]]", every)


def refusal(place: str, allowed: str, got: object) -> ParameterError:
    """Return the error for a value, however hard it is to show."""
    try:
        return ParameterError(place, allowed, got)
    except (ValueError, RecursionError):
        # Python does not write out integers of many digits, nor what is nested deeply.
        return ParameterError(place, allowed, type(got))


def is_storable(text: str) -> bool:
    """Whether text can be written as UTF-8: a lone surrogate, from a broken decoder, cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Checked:
    """Turns the metadata of one document into values that JSON has."""

    def __init__(self, id: str) -> None:
        self._of = f"of document {shortened(id)}"
        self._path: list[str] = []
        self._entries = 0

    def metadata(self, metadata: Mapping[Any, Any]) -> dict[str, Any]:
        return self._mapping(metadata)

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
        raise refusal(self._place, _ALLOWED, value)

    def _number(self, value: int | float | np.generic) -> object:
        if isinstance(value, np.bool_ | np.integer | np.floating):
            value = value.item()
        if isinstance(value, float) and isfinite(value):
            return value
        if not isinstance(value, int):
            raise refusal(self._place, _ALLOWED, value)
        if abs(value) >= _TOO_LARGE:
            # Python refuses to write it, here and in an error.
            raise InputError(
                f"{self._place} must have at most {_MOST_DIGITS:,} digits; store it as a string"
            )
        return value

    def _nested(self, value: list[Any] | tuple[Any, ...] | Mapping[Any, Any]) -> object:
        if len(self._path) > METADATA_DEPTH:
            place = f"metadata {self._path[0]!r} {self._of}"
            raise ParameterError(place, f"nested at most {METADATA_DEPTH} deep", METADATA_DEPTH + 1)
        if isinstance(value, Mapping):
            return self._mapping(value)
        self._count(len(value))
        self._path.append("")
        plain = [self._value(part) for part in value]
        self._path.pop()
        return plain

    def _mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        self._count(len(value))
        plain = {}
        for name in self._names(value):
            self._path.append(name)
            self._check_text(name)
            plain[name] = self._value(value[name])
            self._path.pop()
        return plain

    def _names(self, value: Mapping[Any, Any]) -> list[str]:
        for name in value:
            if not isinstance(name, str):
                place = f"metadata name {self._of}"
                raise refusal(f"a {place}", "a string", name)
            if len(name) > MOST_NAME:
                place = f"the metadata name {name[:_SHOWN]!r}... {self._of}"
                refuse_length(place, MOST_NAME, len(name))
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
        shown = names if len(names) <= _SHOWN else f"{names[:_SHOWN]}..."
        return f"metadata {shown!r} {self._of}"


def _finite(written: str) -> float:
    if not isfinite(number := float(written)):
        raise BrokenRowError("its metadata has a number that is not finite")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise BrokenRowError(f"its metadata has {name}, which is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
# Much faster than `json.loads` for what is short.
_checking = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant)
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
        # A number of too many digits is one, too.
        raise BrokenRowError("its metadata is not JSON that can be read") from error
    if end != len(written):
        raise BrokenRowError("its metadata is not JSON: there is something behind the object")
    return value


def _may_be_deep(written: str) -> bool:
    """Whether it has enough brackets for it; few rows do."""
    # Each needs two characters: most rows are too short for the counting even.
    return (
        len(written) > 2 * METADATA_DEPTH
        and written.count("{") + written.count("[") > METADATA_DEPTH
    )


def _is_deeper(value: object, depth: int = METADATA_DEPTH + 1) -> bool:
    """Whether more than so many lists and objects are within each other."""
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
