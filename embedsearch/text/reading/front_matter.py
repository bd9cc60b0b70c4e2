"""The front matter of Markdown files: YAML between `---`, TOML between `+++`."""

from __future__ import annotations

import json
import re
from textwrap import dedent
from typing import TYPE_CHECKING

from embedsearch.text.reading.values import cell_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FRONT_LIMIT = 2**16
"""Characters that front matter may have; what is longer is text."""

_ENDS = {"---": ("---", "..."), "+++": ("+++",)}
_NAME = re.compile(r"[^\W\d][\w.:/-]*(?: [\w.:/-]+){0,3}")
_TABLE = re.compile(r"\[([\w.-]+)\]")
_BLOCK_STYLES = ("|", ">", "|-", ">-", "|+", ">+")
_WORDS = {"true": True, "false": False, "null": None, "~": None}
_DEEPEST = 8


def front_matter(text: str) -> tuple[dict[str, object], str]:
    """Return the facts at the top of a text, and the text below them.

    Front matter has at least one key, and each of its lines is a key with its value, an item or
    a line that continues a value, a comment or blank. Anything else between two `---` is text,
    and the lines are rules. Of YAML and TOML only what people write there is understood: strings,
    numbers, truth values, lists, and objects by indentation; everything else stays a string.
    """
    start = text.removeprefix("\ufeff")
    lines = start[:FRONT_LIMIT].split("\n")
    if len(start) > FRONT_LIMIT:
        lines.pop()  # it may be cut
    mark = lines[0].rstrip() if lines else ""
    stops = (i for i, line in enumerate(lines) if i and line.rstrip() in _ENDS.get(mark, ()))
    stop = next(stops, None)
    if stop is None:
        return {}, text
    facts = (_yaml if mark == "---" else _toml)(lines[1:stop])
    if not facts:
        return {}, text
    return facts, start[sum(len(line) + 1 for line in lines[: stop + 1]) :]


def _yaml(lines: Sequence[str], depth: int = 0) -> dict[str, object] | None:
    """Return the facts of `key: value` lines; None if a line is none of front matter's."""
    entries: list[tuple[str, str, list[str]]] = []
    for line in lines:
        if key_value := _key_and_value(line):
            entries.append((*key_value, []))
        elif entries and _goes_on(line, entries[-1][1]):
            entries[-1][2].append(line)
        elif not _says_nothing(line):
            return None
    return {key: _value(value, below, depth) for key, value, below in entries}


def _key_and_value(line: str) -> tuple[str, str] | None:
    key, colon, value = f"{line.rstrip()} ".partition(": ")
    key = key.strip("\"'") if key[:1] in ("'", '"') else key
    return (key.rstrip(), value.strip()) if colon and _NAME.fullmatch(key.rstrip()) else None


def _goes_on(line: str, value: str) -> bool:
    return line[:1] in ("", " ", "\t") or (not value and _is_item(line))


def _is_item(line: str) -> bool:
    return f"{line} ".startswith("- ")


def _says_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _value(value: str, below: list[str], depth: int) -> object:
    if value in _BLOCK_STYLES:
        return ("\n" if value[0] == "|" else " ").join(dedent("\n".join(below)).split("\n")).strip()
    below = [line for line in below if not _says_nothing(line)]
    if value or not below:
        return _scalar(" ".join([value, *map(str.strip, below)]))
    inner = dedent("\n".join(below)).split("\n")
    if _is_item(inner[0]):
        return [_scalar(item) for item in _items(inner)]
    nested = _yaml(inner, depth + 1) if depth < _DEEPEST else None
    return nested or " ".join(map(str.strip, inner))


def _items(lines: list[str]) -> Iterator[str]:
    item: list[str] = []
    for line in lines:
        if _is_item(line):
            if item:
                yield " ".join(item)
            item = []
        item.append(line.removeprefix("-").strip())
    yield " ".join(item)


def _scalar(value: str) -> object:
    value = value.strip()
    if value[:1] in ('"', "'") and len(value) > 1 and value[-1] == value[0]:
        return _unquoted(value)
    if value.startswith("[") and value.endswith("]"):
        items = _flow_items(value[1:-1])
        return value if items is None else [_scalar(item) for item in items]
    return _WORDS[value] if value in _WORDS else cell_value(value)


def _unquoted(value: str) -> str:
    if value[0] == "'":
        return value[1:-1].replace("''", "'")
    try:
        text = json.loads(value)
    except ValueError:
        return value[1:-1]
    return str(text)


def _flow_items(inside: str) -> list[str] | None:
    """Split `a, "b, c"` at its commas; None if there are lists or objects in it."""
    items, item, quote = list[str](), list[str](), ""
    for letter in inside:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "[]{}":
            return None
        elif letter in "\"'" and not item:
            quote = letter
        elif letter == ",":
            items.append("".join(item))
            item = []
            continue
        if item or not letter.isspace():
            item.append(letter)
    return [item for item in (*items, "".join(item)) if item.strip()]


def _toml(lines: Sequence[str]) -> dict[str, object] | None:
    """Return the facts of `key = value` lines; None if a line is anything else."""
    facts: dict[str, object] = {}
    table = ""
    for line in lines:
        key, equals, value = (part.strip() for part in line.partition("="))
        if found := _TABLE.fullmatch(line.strip()):
            table = f"{found[1]}."
        elif equals and _NAME.fullmatch(key) and (read := _toml_value(value)):
            facts[table + key] = read[0]
        elif not _says_nothing(line):
            return None
    return facts


def _toml_value(value: str) -> tuple[object] | None:
    if value.startswith("[") != value.endswith("]") or value[:1] in ("", "{") or '"""' in value:
        return None
    return (_scalar(value),)
