"""The first line of word2vec's files: how many words there are, and how many dimensions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.opening import LONGEST_VECTOR, open_plain
from embedsearch.vectors.formats.text_numbers import is_like_number
from embedsearch.vectors.formats.text_rows import check_is_lines, fields_of

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?\s*(\d{1,18})[ \t]+(\d{1,18})\s*\n?")
_LONGEST = 100
# Of these only white space is in texts; words are odd, but not so odd.
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1c\x1d\x1e\x1f"))


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line says.

    Attributes:
        count: Words, V.
        vector_size: Dimensions, d.
        length: Bytes of the line, with its end.
    """

    count: int
    vector_size: int
    length: int


def parse_header(head: bytes) -> Header | None:
    """Return what the first line says; None where it is not two whole numbers."""
    line = head[:_LONGEST].partition(b"\n")[0]
    found = _HEADER.fullmatch(line)
    if found is None:
        return None
    return Header(int(found[1]), int(found[2]), min(len(line) + 1, len(head)))


def text_header(head: bytes) -> Header | None:
    """Return the header of a text; None where its first line is a row."""
    header = parse_header(head)
    return None if header is None or _is_row(head, header) else header


def read_header(path: Path, row_bytes: int, number_bytes: int) -> tuple[Header, bool]:
    """Read the first line and compare it with the size of the file.

    Args:
        path: The file.
        row_bytes: What a row takes at the least, beside its numbers.
        number_bytes: What a number takes at the least.

    Returns:
        The header, and whether it could be compared: compressed files do not say their size.

    Raises:
        SourceFormatError: There is no such line, or the file is too small for what it promises.
    """
    with open_plain(path) as plain:
        head, size = plain.stream.read(_LONGEST), plain.size
    header = parse_header(head)
    if header is None:
        check_is_lines(path, head)
        reason = "the first line must hold two whole numbers, how many words and dimensions"
        raise SourceFormatError(path, f"{reason}; a text without it is read as 'glove'", 1)
    if header.count == 0:
        raise SourceFormatError(path, "the first line promises no words", 1)
    if not 0 < header.vector_size <= LONGEST_VECTOR:
        allowed = f"1 to {LONGEST_VECTOR:,} dimensions can be read"
        raise SourceFormatError(path, f"{header.vector_size:,} dimensions; {allowed}", 1)
    needed = header.count * (row_bytes + number_bytes * header.vector_size)
    if size is not None and needed > size - header.length + 1:
        promised = f"{header.count:,} words of {header.vector_size:,} dimensions"
        reason = f"the first line promises {promised}, too much for a file of {size:,} bytes"
        raise SourceFormatError(path, f"{reason}; it may be cut short: fetch it again", 1)
    return header, size is not None


def rows_are_text(head: bytes, header: Header) -> bool:
    """Tell whether the rows that follow the header are text.

    The first row of a text is a word and, for the most part, numbers. Where it is neither that
    nor bytes that no text has, it is text unless words and numbers are where they would be in a
    binary file.

    Args:
        head: The first bytes of the file; they may end within the row.
        header: What their first line says.
    """
    rows = head[header.length :]
    fields = fields_of(rows.partition(b"\n")[0])[1:]
    if fields and sum(map(is_like_number, fields)) * 2 >= len(fields):
        return True
    return rows.translate(None, _CONTROLS) == rows and not _are_binary(rows, header)


def _is_row(head: bytes, header: Header) -> bool:
    """Tell a first line that is no header but a row of numbers with the same look.

    It is the row of a word of digits with a single number if the next line has a single number
    too, and one of the projector's, with a tab, unless the next line is as long as it promises.
    """
    first, rows = head[: header.length], head[header.length :]
    line, ended, _ = rows.partition(b"\n")
    numbers = len(fields_of(line)) - 1
    if b"\t" in first.strip():
        return numbers != header.vector_size
    return numbers == 1 < header.vector_size and bool(ended)


def _are_binary(rows: bytes, header: Header) -> bool:
    """Tell whether printable bytes are a whole binary file: words, each with its numbers."""
    position = 0
    for _ in range(header.count):
        position += rows[position : position + 1] == b"\n"
        space = rows.find(b" ", position)
        if space <= position or b"\n" in rows[position:space]:
            return False
        position = space + 1 + 4 * header.vector_size
    return position <= len(rows) <= position + 1
