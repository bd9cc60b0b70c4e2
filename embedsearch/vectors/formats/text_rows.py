"""Text with a word and its numbers on each line, as word2vec, GloVe and fastText write it.

Lines end with a line feed and fields with a space, and nothing else does: words of GloVe hold
U+00A0 or U+0085, which other tools take for the end of a field or a line. A word may hold spaces
(`. . .` in GloVe's 840B) where what stands before the numbers cannot be one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.opening import LONGEST_VECTOR, open_plain
from embedsearch.vectors.formats.rows import RowChecker
from embedsearch.vectors.formats.text_numbers import first_bad, is_number, parse_rows

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import Block, LoadOptions, Rest

_BLOCK = 2**20
LONGEST_LINE = 2**26
"""Bytes that a line may have: 64 MB."""

_PADDING = b" \r"


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
            raise self._error(f"{_shown(field)} is not a number", first + row)
        return words, vectors

    def _unusual(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        fields = line.rstrip(_PADDING).split(b" ")
        word, numbers = fields[: -self._size], fields[-self._size :]
        # A word with spaces; a number before the numbers is rather one too many.
        if len(word) > 1 and word[-1] and not is_number(word[-1]) and all(map(is_number, numbers)):
            return b" ".join(word), b" ".join(numbers)
        found = f"{len(fields) - 1:,} numbers behind its word" if line.strip() else "nothing"
        raise self._error(f"has {found}, not {self._size:,}", number)

    def _error(self, reason: str, number: int) -> SourceFormatError:
        return SourceFormatError(self._path, f"{reason}; mend or remove the line", number)


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
        SourceFormatError: It has more than `LONGEST_LINE` bytes.
    """
    with open_plain(path) as plain:
        return next(line_blocks(plain.stream, path), (1, [b""]))[1][0]


def vector_size_of(line: bytes) -> int:
    """Count the numbers at the end of a line, whose first field is a word; 0 where none are."""
    fields = line.rstrip(_PADDING).split(b" ")
    numbers = 0
    while numbers < min(len(fields) - 1, LONGEST_VECTOR) and is_number(fields[-1 - numbers]):
        numbers += 1
    return numbers


def _raw_lines(stream: io.BufferedReader, path: Path) -> Iterator[list[bytes]]:
    begun: list[bytes] = []
    while data := stream.read(_BLOCK):
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


def _shown(field: bytes) -> str:
    return repr(field[:40].decode(errors="replace"))
