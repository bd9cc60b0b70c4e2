"""Text with a word and its numbers on each line, as word2vec, GloVe and fastText write it.

Lines end with a line feed, fields with spaces or tabs, and nothing else does: words of GloVe hold
U+00A0 or U+0085, which other tools take for the end of a field or a line. A word may hold spaces
(`. . .` in GloVe's 840B) where what stands before the numbers cannot be one of them. A byte order
mark before the first line is no part of it.

Also here: lists of words in files of their own, a word on each line and maybe its count.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.base import LONGEST_VECTOR, Block, open_plain

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.word_vectors import WordVectors

LONGEST_LINE = 2**26
"""Bytes that a line may have: 64 MB."""

# A list of more words would fill the memory: each is a Python object.
_MOST_WORDS = 10**8
_BLOCK = 2**20
# Numbers become Python objects while they are written: some megabytes at a time.
_NUMBERS_IN_BLOCK = 2**16
_PADDING = b" \t\r"
_BLANKS = re.compile(rb"[ \t]+")
_COMMAS = re.compile(rb"[,;][ \t]*")
_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")
# Bytes of which a number beyond doubt is made; NaN and infinity are looked at one by one.
_PLAIN = b"0123456789+-.eE "
_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf)", re.I)
_DECIMAL_COMMA = re.compile(rb"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")


def read_text(
    path: Path, vector_size: int, count: int | None, limit: int | None
) -> Iterator[Block]:
    """Yield the rows of a text; `count` is what its first line promises, None if that is a row."""
    start = 1 if count is None else 2
    done = 0
    with open_plain(path) as plain:
        for first, lines in filled_blocks(line_blocks(plain.stream, path, start), path):
            wanted = lines if limit is None else lines[: limit - done]
            # Before the count is compared: an error in a line is the nearer cause.
            yield _parse_lines(path, wanted, first, vector_size)
            done += len(wanted)
            if count is not None and done > count:
                raise _wrong_count(path, "more", count)
            if done == limit:
                break
    if count is not None and done < min(count, limit or count):
        raise _wrong_count(path, f"{done:,}", count)


def write_text(
    path: Path,
    vectors: WordVectors,
    progress: Progress,
    _inputs: FloatMatrix | None,
    *,
    header: bool,
) -> None:
    """Write a line for each word; `header` puts one with their number and dimensions first."""
    task = progress.task("writing vectors", len(vectors), "words")
    with path.open("w", encoding="utf-8", newline="\n") as file, task as written:
        if header:
            file.write(f"{len(vectors)} {vectors.vector_size}\n")
        for start, rows in format_rows(vectors.vectors):
            words = vectors.index_to_key[start : start + len(rows)]
            file.write("".join(f"{word} {row}\n" for word, row in zip(words, rows, strict=True)))
            written.advance(len(rows))


def line_blocks(
    stream: io.BufferedReader, path: Path, start: int = 1, longest: int = LONGEST_LINE
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield `(number of the first line, lines)`, a megabyte at a time, from line `start` on."""
    number = 1
    for lines in _raw_lines(stream, path, longest):
        wanted = lines[max(0, start - number) :]
        if wanted:
            yield max(number, start), wanted
        number += len(lines)


def filled_blocks(
    blocks: Iterator[tuple[int, list[bytes]]], path: Path
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the same lines without empty ones at the end; elsewhere these are errors."""
    # Editors leave such lines; how many there are is known only when no other follows.
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
    """Return the first line of a file, if `check_is_lines` accepts it."""
    with open_plain(path) as plain:
        line = next(line_blocks(plain.stream, path), (1, [b""]))[1][0]
    check_is_lines(path, line)
    return line


def check_is_lines(path: Path, head: bytes) -> None:
    """Refuse UTF-16, CSV and text without line feeds, by the first bytes."""
    # Without a mark, every second byte of a number or a Latin letter in UTF-16 is zero.
    even, odd = head[:8:2].strip(b"\0"), head[1:8:2].strip(b"\0")
    if head.startswith(_OTHER_BOMS) or (len(head) > 3 and bool(even) != bool(odd)):
        raise SourceFormatError(path, "is UTF-16 or UTF-32 text; save it as UTF-8")
    line = head.partition(b"\n")[0].rstrip(_PADDING)
    if b"\r" in line:
        raise SourceFormatError(path, "its lines end with CR alone; save it with LF or CRLF")
    # In `word 0,5` the comma is one of a decimal, which gets an error of its own.
    _, *numbers = _COMMAS.split(line)
    if len(numbers) > bool(_BLANKS.search(line)) and all(map(is_number, numbers)):
        reason = "has commas or semicolons between its fields; write spaces or tabs"
        raise SourceFormatError(path, reason, 1)


def without_bom(data: bytes) -> bytes:
    """Return the start of a text without its byte order mark, unless this is the first word."""
    is_mark = data.startswith(_BOM) and data[len(_BOM) : len(_BOM) + 1] not in b" \t\r\n"
    return data[len(_BOM) :] if is_mark else data


def fields_of(line: bytes) -> list[bytes]:
    """Return what spaces and tabs separate; the first field is empty if the line begins so."""
    return _BLANKS.split(line.rstrip(_PADDING))


def vector_size_of(line: bytes) -> int:
    """Return how many numbers follow the word of a line, counted from its end."""
    fields = fields_of(line)
    numbers = 0
    while numbers < min(len(fields) - 1, LONGEST_VECTOR) and is_like_number(fields[-1 - numbers]):
        numbers += 1
    return numbers


def is_number(field: bytes) -> bool:
    """Whether a field is a number in decimal notation, NaN or infinity."""
    return _NUMBER.fullmatch(field) is not None


def is_like_number(field: bytes) -> bool:
    """Whether a field is a number, or would be one with a point for its decimal comma."""
    return is_number(field) or _DECIMAL_COMMA.fullmatch(field) is not None


def parse_numbers(path: Path, rows: list[bytes], vector_size: int, first: int) -> FloatMatrix:
    """Parse rows of numbers with single spaces between them, all at once; `first` is a line."""
    text = b" ".join(rows)
    # With nothing but single spaces between, each row has as many fields as it has to.
    if b"  " in text or not (text[:1].strip() and text[-1:].strip()):
        _raise_not_a_number(path, rows, first)
    if text.translate(None, _PLAIN) and not all(map(is_number, text.split(b" "))):
        _raise_not_a_number(path, rows, first)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # NumPy before 2.3
            flat = np.fromstring(text, np.float32, len(rows) * vector_size, sep=" ")
    except (ValueError, DeprecationWarning):
        _raise_not_a_number(path, rows, first)
    return flat.reshape(len(rows), vector_size)


def format_rows(vectors: FloatMatrix, separator: str = " ") -> Iterator[tuple[int, list[str]]]:
    """Yield `(first row, a text for each row)`, from which the same float32 values are read.

    Nine significant digits tell all float32 values apart; a value that some number of six
    decimals stands for is written as that number (0.418, not 0.418000013).
    """
    pattern = separator.join(["%.9g"] * vectors.shape[1])
    step = max(1, _NUMBERS_IN_BLOCK // vectors.shape[1])
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step]
        exact = block.astype(np.float64)
        short = np.round(exact, 6)
        # Below a thousand, six decimals are no more than nine digits.
        same = (short.astype(np.float32) == block) & (np.abs(exact) < 1000)
        values = np.where(same, short, exact).tolist()
        yield start, [pattern % tuple(row) for row in values]


def read_lines(path: Path) -> list[bytes]:
    r"""Read all lines of a file, without `\n` or `\r\n`; it must not have more than 100 million."""
    words: list[bytes] = []
    with open_plain(path) as plain:
        for _, lines in line_blocks(plain.stream, path):
            words += [line.removesuffix(b"\r") for line in lines]
            if len(words) > _MOST_WORDS:
                raise SourceFormatError(path, f"has more than {_MOST_WORDS:,} lines")
    return words


def write_words(
    path: Path, words: Sequence[str], counts: IntVector | None, header: str = ""
) -> None:
    """Write a word on each line, and its count behind a tab if it is known."""
    ends = [""] * len(words) if counts is None else [f"\t{count}" for count in counts.tolist()]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(header)
        file.writelines(f"{word}{end}\n" for word, end in zip(words, ends, strict=True))


def split_counts(path: Path, lines: list[bytes]) -> tuple[list[bytes], IntVector | None]:
    """Split `word<TAB>count` lines; if the first has no tab, lines are words."""
    if not lines or b"\t" not in lines[0]:
        return lines, None
    fields = [line.rpartition(b"\t") for line in lines]
    return [word for word, _, _ in fields], parse_counts(path, [field[2] for field in fields])


def parse_counts(path: Path, fields: Sequence[bytes], first: int = 1) -> IntVector:
    """Parse counts, whole numbers from 0; `first` is the line of the first, for messages."""
    counts = np.empty(len(fields), dtype=np.int64)
    for row, field in enumerate(fields):
        # int() also accepts signs and underscores, and takes long on a megabyte of digits.
        if not field.isdigit() or len(field) > 19 or int(field) >= 2**63:
            shown = repr(field[:40].decode(errors="replace"))
            raise SourceFormatError(path, f"{shown} is not the count of a word", first + row)
        counts[row] = int(field)
    return counts


def _parse_lines(path: Path, lines: list[bytes], first: int, vector_size: int) -> Block:
    words: list[bytes] = []
    numbers: list[bytes] = []
    for line in lines:
        # Counting spaces is all that a common line needs; numbers are parsed in one call.
        word, _, tail = line.rstrip(_PADDING).partition(b" ")
        if tail.count(b" ") != vector_size - 1 or not tail:
            word, tail = _split_unusual(path, line, first + len(words), vector_size)
        words.append(word)
        numbers.append(tail)
    return Block(words, parse_numbers(path, numbers, vector_size, first), first)


def _split_unusual(path: Path, line: bytes, number: int, vector_size: int) -> tuple[bytes, bytes]:
    """Split a line with tabs, several blanks, or a word with spaces."""
    fields = fields_of(line)
    word, numbers = fields[:-vector_size], fields[-vector_size:]
    if len(word) == 1:
        return word[0], b" ".join(numbers)
    # A word with spaces; a number before the numbers is rather one too many.
    if word and not is_number(word[-1]) and all(map(is_number, numbers)):
        return b" ".join(word).lstrip(b" "), b" ".join(numbers)
    found = f"{len(fields) - 1:,} numbers behind its word" if line.strip() else "nothing"
    reason = f"has {found}, not {vector_size:,}; correct or remove the line"
    raise SourceFormatError(path, reason, number)


def _raise_not_a_number(path: Path, rows: list[bytes], first: int) -> NoReturn:
    fields = ((row, field) for row, text in enumerate(rows) for field in text.split(b" "))
    row, field = next((pair for pair in fields if not is_number(pair[1])), (0, rows[0]))
    shown = repr(field[:40].decode(errors="replace"))
    reason = f"{shown} is not a number; correct or remove the line"
    if _DECIMAL_COMMA.fullmatch(field):
        reason = f"{shown} has a decimal comma; write numbers with a point, in every line"
    raise SourceFormatError(path, reason, first + row)


def _raw_lines(stream: io.BufferedReader, path: Path, longest: int) -> Iterator[list[bytes]]:
    pieces: list[bytes] = []
    is_first = True
    while data := stream.read(_BLOCK):
        if is_first:
            data, is_first = without_bom(data), False
        *lines, last = data.split(b"\n")
        if lines:
            lines[0] = b"".join((*pieces, lines[0]))
            pieces = []
            yield lines
        pieces.append(last)
        if len(pieces) * _BLOCK > longest:
            size = f"{longest >> 20:,} MB"
            raise SourceFormatError(path, f"a line has more than {size}; not a text of vectors")
    if last := b"".join(pieces):
        yield [last]


def _wrong_count(path: Path, actual: str, count: int) -> SourceFormatError:
    reason = f"the first line promises {count:,} words, and there are {actual}"
    return SourceFormatError(path, f"{reason}; fetch the file again, or correct its first line")
