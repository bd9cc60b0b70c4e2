"""word2vec's binary file.

A first line with the number of words and of dimensions; then for each word its UTF-8, a space,
its float32 numbers (little endian) and, from Mikolov's own tool, a line feed. gensim leaves the
line feed out; both are read. The numbers are written with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.base import Block, Reading, Rest, VectorFormat
from embedsearch.vectors.formats.headers import Header, parse_header, read_header, rows_are_text
from embedsearch.vectors.formats.opening import head_of, open_plain
from embedsearch.vectors.formats.rows import RowChecker, row_slices
from embedsearch.vectors.formats.words import check_writable

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors

_BLOCK = 2**21
_LONGEST_WORD = 2**16


def read(path: Path, options: LoadOptions) -> Reading:
    """Open a file; see `base.Reader`."""
    # A row is at least an empty word and its space.
    header, compared = read_header(path, row_bytes=1, number_bytes=4)
    if rows_are_text(head_of(path), header):
        raise SourceFormatError(path, "its rows are text; read it as 'word2vec'", 2)
    rest = Rest()
    blocks = _blocks(path, header, options, rest)
    return Reading(header.vector_size, header.count if compared else None, blocks, rest)


def write(
    path: Path, vectors: WordVectors, progress: Progress, _inputs: FloatMatrix | None = None
) -> None:
    """Write a file; see `base.Writer`."""
    check_writable(vectors.index_to_key, spaces=False)
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


def recognises(_path: Path, head: bytes) -> bool:
    """Tell such a file by its first line, and by a row that is no text."""
    header = parse_header(head)
    return header is not None and not rows_are_text(head, header)


def _blocks(path: Path, header: Header, options: LoadOptions, rest: Rest) -> Iterator[Block]:
    checker = RowChecker(path, options)
    wanted = min(header.count, options.limit or header.count)
    done = 0
    with open_plain(path) as plain:
        plain.stream.read(header.length)
        rows = _Rows(path, plain.stream, header.vector_size)
        while done < wanted:
            words, vectors = rows.take(wanted - done, done + 1)
            yield checker.block(words, vectors, done + 1)
            done += len(words)
        if wanted == header.count:
            rows.check_end(header.count)
    checker.finish(rest)


class _Rows:
    """Cuts a stream of bytes into rows."""

    def __init__(self, path: Path, stream: io.BufferedReader, vector_size: int) -> None:
        self._path, self._stream = path, stream
        self._size, self._width = vector_size, 4 * vector_size
        self._held = b""

    def take(self, most: int, number: int) -> tuple[list[bytes], FloatMatrix]:
        """Return the next rows, one or more, at most `most`; the first is row `number`."""
        words: list[bytes] = []
        while not words:
            data = self._stream.read(_BLOCK)
            self._held += data
            words, numbers = self._cut(most)
            if not words and not data:
                reason = f"is cut short in row {number:,}; fetch it again"
                raise SourceFormatError(self._path, reason)
            if not words and b" " not in self._held[: _LONGEST_WORD + 2]:
                reason = f"row {number:,} has no word; not a word2vec binary file, or damaged"
                raise SourceFormatError(self._path, reason)
        flat = np.frombuffer(b"".join(numbers), "<f4").astype(np.float32)
        return words, flat.reshape(len(words), self._size)

    def check_end(self, count: int) -> None:
        """Make sure that nothing follows the last row."""
        while data := self._held or self._stream.read(_BLOCK):
            if data.strip(b"\n"):
                reason = f"more follows the {count:,} words that its first line promises"
                raise SourceFormatError(self._path, f"{reason}; fetch it again")
            self._held = b""

    def _cut(self, most: int) -> tuple[list[bytes], list[bytes]]:
        data, width, position = self._held, self._width, 0
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
        self._held = data[position:]
        return words, numbers


FORMAT = VectorFormat(
    "word2vec-binary", "word2vec binary", (".bin", ".w2vbin"), read, write, recognises, True
)
