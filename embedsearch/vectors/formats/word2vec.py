"""word2vec's text, which fastText's `.vec` is too, its binary file, and GloVe's text.

The first line holds the number of words and of dimensions. In a text each other line holds a word
and its numbers, with spaces or tabs between; it is UTF-8. In a binary file there follow for each
word its UTF-8, a space, its float32 numbers (little endian) and, from Mikolov's own tool, a line
feed. gensim leaves the line feed out; both are read. It is written.

GloVe's text is the same without the first line: the numbers that follow the word of its first row
give the size of all vectors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.base import (
    HEAD,
    Block,
    Reading,
    Rest,
    VectorFormat,
    check_size,
    head_of,
    open_plain,
    row_slices,
)
from embedsearch.vectors.formats.text_table import (
    check_is_lines,
    fields_of,
    first_line,
    is_like_number,
    read_text,
    vector_size_of,
    write_text,
)

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors

# Eighteen digits fit into int64, and a product of two such numbers is no danger in Python.
_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?\s*(\d{1,18})[ \t]+(\d{1,18})\s*\n?")
_LONGEST_HEADER = 100
# Of the control characters only white space is in texts; words are odd, but not so odd.
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1c\x1d\x1e\x1f"))
_BLOCK = 2**21
# Without a bound, a damaged file would be searched for a space to its end.
_LONGEST_WORD = 2**16


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line says."""

    count: int
    vector_size: int
    length: int  # bytes of the line, with its end


def _text_header(head: bytes) -> Header | None:
    """Return the header of a text by its first bytes; None if its first line is a row."""
    header = _parse_header(head)
    return None if header is None or _is_row(head, header) else header


def _parse_header(head: bytes) -> Header | None:
    line = head[:_LONGEST_HEADER].partition(b"\n")[0]
    found = _HEADER.fullmatch(line)
    if found is None:
        return None
    return Header(int(found[1]), int(found[2]), min(len(line) + 1, len(head)))


def _read_header(path: Path, row_bytes: int, number_bytes: int) -> tuple[Header, int | None]:
    """Read the first line, and compare it with the size of the file.

    Returns the number of rows too, if that is certain: compressed files do not say their size. A
    row has at least `row_bytes`, and `number_bytes` for each number.
    """
    with open_plain(path) as plain:
        head, size = plain.stream.read(_LONGEST_HEADER), plain.size
    header = _parse_header(head)
    if header is None:
        check_is_lines(path, head)
        reason = "the first line must hold two whole numbers, how many words and dimensions"
        raise SourceFormatError(path, f"{reason}; a text without it is read as 'glove'", 1)
    if header.count == 0:
        raise SourceFormatError(path, "the first line promises no words", 1)
    check_size(path, header.vector_size, 1)
    needed = header.count * (row_bytes + number_bytes * header.vector_size)
    # The end of the last line may be missing.
    if size is not None and needed > size - header.length + 1:
        promised = f"{header.count:,} words of {header.vector_size:,} dimensions"
        reason = f"the first line promises {promised}, too much for a file of {size:,} bytes"
        raise SourceFormatError(path, f"{reason}; it may be cut short: fetch it again", 1)
    return header, header.count if size is not None else None


def _rows_are_text(head: bytes, header: Header) -> bool:
    """Whether the rows after the header are text; `head` may end within the first one.

    The first row of a text is a word and, for the most part, numbers. If it is neither that nor
    bytes that no text has, it is text unless words and numbers are where they would be in a
    binary file.
    """
    rows = head[header.length :]
    fields = fields_of(rows.partition(b"\n")[0])[1:]
    if fields and sum(map(is_like_number, fields)) * 2 >= len(fields):
        return True
    return rows.translate(None, _CONTROLS) == rows and not _are_binary(rows, header)


def _is_row(head: bytes, header: Header) -> bool:
    """Whether the first line is no header but a row of numbers that looks like one.

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
    """Whether printable bytes are a whole binary file: words, each with its numbers."""
    position = 0
    for _ in range(header.count):
        position += rows[position : position + 1] == b"\n"
        space = rows.find(b" ", position)
        if space <= position or b"\n" in rows[position:space]:
            return False
        position = space + 1 + 4 * header.vector_size
    return position <= len(rows) <= position + 1


def _read_text(path: Path, options: LoadOptions) -> Reading:
    # A row is at least a line end, and each number a space and a digit.
    header, count = _read_header(path, row_bytes=1, number_bytes=2)
    blocks = read_text(path, header.vector_size, header.count, options.limit)
    return Reading(header.vector_size, count, blocks, Rest(), by_line=True)


def _recognises_text(_path: Path, head: bytes) -> bool:
    header = _text_header(head)
    return header is not None and _rows_are_text(head, header)


TEXT = VectorFormat(
    "word2vec",
    "word2vec or fastText text",
    (".vec", ".w2v", ".txt"),
    _read_text,
    partial(write_text, header=True),
    _recognises_text,
    compressed=True,
    spaces=False,
)


def _read_glove(path: Path, options: LoadOptions) -> Reading:
    vector_size = vector_size_of(first_line(path))
    if not vector_size:
        raise SourceFormatError(path, "the first line must hold a word and numbers", 1)
    blocks = read_text(path, vector_size, None, options.limit)
    return Reading(vector_size, None, blocks, Rest(), by_line=True)


def _recognises_glove(_path: Path, head: bytes) -> bool:
    """Whether the first line ends with numbers, and is no header."""
    line, ended, _ = head.partition(b"\n")
    if not ended and len(head) >= HEAD:
        line = line.rpartition(b" ")[0]
    return _text_header(head) is None and b"\0" not in line and vector_size_of(line) > 0


GLOVE = VectorFormat(
    "glove",
    "GloVe text",
    (".glove",),
    _read_glove,
    partial(write_text, header=False),
    _recognises_glove,
    compressed=True,
    spaces=False,
)


def _read_binary(path: Path, options: LoadOptions) -> Reading:
    # A row is at least an empty word and its space.
    header, count = _read_header(path, row_bytes=1, number_bytes=4)
    if _rows_are_text(head_of(path), header):
        raise SourceFormatError(path, "its rows are text; read it as 'word2vec'", 2)
    return Reading(header.vector_size, count, _blocks(path, header, options.limit), Rest())


def _write_binary(
    path: Path, vectors: WordVectors, progress: Progress, _inputs: FloatMatrix | None
) -> None:
    task = progress.task("writing vectors", len(vectors), "words")
    with path.open("wb") as file, task as written:
        file.write(f"{len(vectors)} {vectors.vector_size}\n".encode())
        for rows in row_slices(len(vectors), vectors.vector_size):
            numbers = vectors.vectors[rows].astype("<f4")
            words = vectors.index_to_key[rows]
            file.writelines(
                b"%b %b\n" % (word.encode(), row.tobytes())
                for word, row in zip(words, numbers, strict=True)
            )
            written.advance(len(words))


def _recognises_binary(_path: Path, head: bytes) -> bool:
    header = _parse_header(head)
    return header is not None and not _rows_are_text(head, header)


def _blocks(path: Path, header: Header, limit: int | None) -> Iterator[Block]:
    wanted = min(header.count, limit or header.count)
    done = 0
    with open_plain(path) as plain:
        plain.stream.read(header.length)
        rows = _BinaryRows(path, plain.stream, header.vector_size)
        while done < wanted:
            block = rows.take(wanted - done, done + 1)
            yield block
            done += len(block.words)
        if wanted == header.count:
            rows.check_end(header.count)


class _BinaryRows:
    """Cuts a stream of bytes into rows."""

    def __init__(self, path: Path, stream: io.BufferedReader, vector_size: int) -> None:
        self._path, self._stream = path, stream
        self._size, self._width = vector_size, 4 * vector_size
        self._buffer = b""

    def take(self, most: int, number: int) -> Block:
        """Return the next rows, one or more, at most `most`; the first is row `number`."""
        words: list[bytes] = []
        while not words:
            data = self._stream.read(_BLOCK)
            self._buffer += data
            # A long row may need several blocks.
            words, numbers = self._cut(most)
            if not words and not data:
                reason = f"is cut short in row {number:,}; fetch it again"
                raise SourceFormatError(self._path, reason)
            if not words and b" " not in self._buffer[: _LONGEST_WORD + 2]:
                reason = f"row {number:,} has no word; not a word2vec binary file, or damaged"
                raise SourceFormatError(self._path, reason)
        # An array over bytes is read-only, one over a bytearray is not, and needs no copy.
        flat = np.frombuffer(bytearray().join(numbers), "<f4").astype(np.float32, copy=False)
        return Block(words, flat.reshape(len(words), self._size), number)

    def check_end(self, count: int) -> None:
        """Make sure that nothing follows the last row."""
        # Mikolov's tool ends the last row with a line feed as well.
        while data := self._buffer or self._stream.read(_BLOCK):
            if data.strip(b"\n"):
                reason = f"more follows the {count:,} words that its first line promises"
                raise SourceFormatError(self._path, f"{reason}; fetch it again")
            self._buffer = b""

    def _cut(self, most: int) -> tuple[list[bytes], list[bytes]]:
        data, width, position = self._buffer, self._width, 0
        words: list[bytes] = []
        numbers: list[bytes] = []
        while len(words) < most:
            start = position
            while data[start : start + 1] == b"\n":
                start += 1
            space = data.find(b" ", start, start + _LONGEST_WORD)
            end = space + 1 + width
            if space < 0 or end > len(data):
                break
            words.append(data[start:space])
            numbers.append(data[space + 1 : end])
            position = end
        self._buffer = data[position:]
        return words, numbers


BINARY = VectorFormat(
    "word2vec-binary",
    "word2vec binary",
    (".bin", ".w2vbin"),
    _read_binary,
    _write_binary,
    _recognises_binary,
    compressed=True,
    spaces=False,
)
