"""Text with a word and its numbers on each line, as word2vec, GloVe and fastText write it.

Lines end with a line feed, fields with spaces or tabs, and nothing else does: words of GloVe hold
U+00A0 or U+0085, which other tools take for the end of a field or a line. A word may hold spaces
(`. . .` in GloVe's 840B) where what stands before the numbers cannot be one of them. A byte order
mark before the first line is no part of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.opening import LONGEST_VECTOR, open_plain
from embedsearch.vectors.formats.rows import RowChecker
from embedsearch.vectors.formats.text_numbers import (
    first_bad,
    is_like_number,
    is_number,
    not_a_number,
    parse_rows,
)

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import Block, LoadOptions, Rest

_BLOCK = 2**20
LONGEST_LINE = 2**26
"""Bytes that a line may have: 64 MB."""

_PADDING = b" \t\r"
_BLANKS = re.compile(rb"[ \t]+")
_COMMAS = re.compile(rb"[,;][ \t]*")
_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")


class TextRows:
    """Parses lines of a file whose vectors have `vector_size` dimensions."""

    def __init__(self, path: Path, vector_size: int) -> None:
        self._path, self._size = path, vector_size

    def parse(self, lines: list[bytes], first: int) -> tuple[list[bytes], FloatMatrix]:
        """Split lines into words and vectors.

        Args:
            lines: The lines, without their ends.
            first: The number of the first.

        Raises:
            SourceFormatError: A line has another number of numbers, or something else.
        """
        words: list[bytes] = []
        tails: list[bytes] = []
        for line in lines:
            word, _, tail = line.rstrip(_PADDING).partition(b" ")
            if tail.count(b" ") != self._size - 1 or not tail:
                word, tail = self._unusual(line, first + len(words))
            words.append(word)
            tails.append(tail)
        vectors = parse_rows(tails, self._size)
        if vectors is None:
            row, field = first_bad(tails)
            raise SourceFormatError(self._path, not_a_number(field), first + row)
        return words, vectors

    def _unusual(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        fields = fields_of(line)
        word, numbers = fields[: -self._size], fields[-self._size :]
        if len(word) == 1:
            return word[0], b" ".join(numbers)
        # A word with spaces; a number before the numbers is rather one too many.
        if word and not is_number(word[-1]) and all(map(is_number, numbers)):
            return b" ".join(word).lstrip(b" "), b" ".join(numbers)
        found = f"{len(fields) - 1:,} numbers behind its word" if line.strip() else "nothing"
        reason = f"has {found}, not {self._size:,}; mend or remove the line"
        raise SourceFormatError(self._path, reason, number)


def read_text(
    path: Path, vector_size: int, count: int | None, options: LoadOptions, rest: Rest
) -> Iterator[Block]:
    """Yield the rows of a text.

    Args:
        path: The file.
        vector_size: How many numbers follow each word.
        count: How many rows the first line promises; None where it is a row itself.
        options: See `LoadOptions`.
        rest: Is given notes.

    Raises:
        SourceFormatError: A line is not what it must be, or the rows are not as many.
    """
    rows, checker = TextRows(path, vector_size), RowChecker(path, options, by_line=True)
    start = 1 if count is None else 2
    done = 0
    with open_plain(path) as plain:
        for first, lines in filled_blocks(line_blocks(plain.stream, path, start), path):
            wanted = lines if options.limit is None else lines[: options.limit - done]
            yield checker.block(*rows.parse(wanted, first), first)
            done += len(wanted)
            if count is not None and done > count:
                raise _wrong_count(path, "more", count)
            if done == options.limit:
                break
    if count is not None and done < min(count, options.limit or count):
        raise _wrong_count(path, f"{done:,}", count)
    checker.finish(rest)


def line_blocks(
    stream: io.BufferedReader, path: Path, start: int = 1
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield `(number of the first line, lines)`, a megabyte at a time.

    Args:
        stream: The bytes.
        path: The file, for messages.
        start: The number of the first line that is wanted.

    Raises:
        SourceFormatError: A line has more than `LONGEST_LINE` bytes.
    """
    number = 1
    for lines in _raw_lines(stream, path):
        wanted = lines[max(0, start - number) :]
        if wanted:
            yield max(number, start), wanted
        number += len(lines)


def filled_blocks(
    blocks: Iterator[tuple[int, list[bytes]]], path: Path
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the same lines without empty ones at the end.

    Raises:
        SourceFormatError: An empty line comes before others.
    """
    blank = None
    for first, lines in blocks:
        filled = len(lines)
        while filled and not lines[filled - 1].strip(_PADDING):
            filled -= 1
        if filled and blank is not None:
            raise SourceFormatError(path, "the line is empty; remove it", blank)
        if filled:
            yield first, lines[:filled]
        if blank is None and filled < len(lines):
            blank = first + filled


def first_line(path: Path) -> bytes:
    """Return the first line of a file.

    Raises:
        SourceFormatError: It has more than `LONGEST_LINE` bytes; see also `check_is_lines`.
    """
    with open_plain(path) as plain:
        line = next(line_blocks(plain.stream, path), (1, [b""]))[1][0]
    check_is_lines(path, line)
    return line


def check_is_lines(path: Path, head: bytes) -> None:
    """Make sure that the first bytes of a text are not UTF-16, CSV or without line feeds.

    Raises:
        SourceFormatError: They are; says what to save the file as.
    """
    even, odd = head[:8:2].strip(b"\0"), head[1:8:2].strip(b"\0")
    if head.startswith(_OTHER_BOMS) or (len(head) > 3 and bool(even) != bool(odd)):
        raise SourceFormatError(path, "is UTF-16 or UTF-32 text; save it as UTF-8")
    line = head.partition(b"\n")[0].rstrip(_PADDING)
    if b"\r" in line:
        raise SourceFormatError(path, "its lines end with CR alone; save it with LF or CRLF")
    _, *numbers = _COMMAS.split(line)
    if len(numbers) > bool(_BLANKS.search(line)) and all(map(is_number, numbers)):
        reason = "has commas or semicolons between its fields; write spaces or tabs"
        raise SourceFormatError(path, reason, 1)


def without_bom(data: bytes) -> bytes:
    """Return the start of a text without its byte order mark, unless this is the first word."""
    is_mark = data.startswith(_BOM) and data[len(_BOM) : len(_BOM) + 1] not in b" \t\r\n"
    return data[len(_BOM) :] if is_mark else data


def fields_of(line: bytes) -> list[bytes]:
    """Return what spaces and tabs separate; the first field is empty where a line begins so."""
    return _BLANKS.split(line.rstrip(_PADDING))


def vector_size_of(line: bytes) -> int:
    """Count the numbers at the end of a line, whose first field is a word; 0 where none are."""
    fields = fields_of(line)
    numbers = 0
    while numbers < min(len(fields) - 1, LONGEST_VECTOR) and is_like_number(fields[-1 - numbers]):
        numbers += 1
    return numbers


def _raw_lines(stream: io.BufferedReader, path: Path) -> Iterator[list[bytes]]:
    begun: list[bytes] = []
    is_first = True
    while data := stream.read(_BLOCK):
        if is_first:
            data, is_first = without_bom(data), False
        *lines, last = data.split(b"\n")
        if lines:
            lines[0] = b"".join((*begun, lines[0]))
            begun = []
            yield lines
        begun.append(last)
        if len(begun) * _BLOCK > LONGEST_LINE:
            raise SourceFormatError(path, "a line has more than 64 MB; not a text of vectors")
    if last := b"".join(begun):
        yield [last]


def _wrong_count(path: Path, found: str, count: int) -> SourceFormatError:
    reason = f"the first line promises {count:,} words, and there are {found}"
    return SourceFormatError(path, f"{reason}; fetch the file again, or mend its first line")
