"""JSON files that hold settings or data, and no texts, among those that people keep in folders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.text.reading.columns import TEXT_NAMES, TITLE_NAMES

if TYPE_CHECKING:
    from embedsearch.text.reading.opening import Opened

# Settings have these, too: a package describes itself in a line.
_WEAK = {"description", "message", "comment", "summary", "review", "sentence"}
_STRONG = set(TEXT_NAMES) - _WEAK
_TITLES = set(TITLE_NAMES) - {"name"}
_WORDS = 5
_LONG, _VERY_LONG = 40, 200


def check_holds_texts(source: Opened) -> None:
    """Refuse a small JSON file whose objects have no texts.

    An object has one if a key says so (`text`, `body`, `abstract`, ...), if it is flat and has
    a title, a description or some words, or if it has a long string.

    Raises:
        SourceFormatError: No object of the file has a text; or it holds something else.
    """
    if not source.whole:
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
