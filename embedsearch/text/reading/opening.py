"""One opened source: its plain bytes, its text, its lines."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from itertools import chain, islice
from typing import IO, TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch._progress import SilentProgress
from embedsearch.text.reading.byte_streams import ByteStream, counting, read_up_to, rewound
from embedsearch.text.reading.compression import HEAD, compression_of, decompressed
from embedsearch.text.reading.encodings import (
    Repairs,
    decoded,
    detect_encoding,
    encoding_title,
)
from embedsearch.text.reading.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLE = 2**20
"""Bytes that are looked at to tell formats and encodings."""

DOCUMENT_LIMIT = 100_000_000
"""Characters that one line or one document may have; the store takes no longer text."""

TREE_LIMIT = 2**24
"""Characters that are parsed as a whole, which takes up to fifty times their memory."""

COPY_LIMIT = 2**32
"""Bytes that are copied to a temporary file, of what is packed or comes from a pipe."""


class Opened:
    """A source that is being read, once, from its start to its end.

    Args:
        name: What messages call it; its suffix tells the compression.
        stream: Its bytes as they lie on the disk.
        path: Where it lies, if it is a file that can be opened again.
        notices: Who is told of choices that were made.

    Attributes:
        sample: The first bytes, without compression (`SAMPLE`, or all there are).
        whole: Whether `sample` is all there is.
        taken: Bytes that were taken from the stream so far.

    Raises:
        SourceFormatError: Its compression is damaged, or is not what the name says.
    """

    def __init__(
        self,
        name: str,
        stream: ByteStream,
        path: Path | None = None,
        notices: Notices | None = None,
    ) -> None:
        self.name, self.notices = name, notices or Notices(SilentProgress())
        self.taken = 0
        stream = counting(stream, self._took)
        head = read_up_to(stream, HEAD)
        plain: ByteStream = rewound(head, stream)
        kind = compression_of(name, head)
        if kind:
            plain = decompressed(kind, plain, name)
        self.sample = read_up_to(plain, SAMPLE)
        self.whole = len(self.sample) < SAMPLE
        self._stream = rewound(self.sample, plain)
        self._path = None if kind else path
        self._encoding: str | None = None

    def _took(self, count: int) -> None:
        self.taken += count

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` of the bytes that follow; none at the end."""
        return self._stream.read(size)

    def encoding(self, wanted: str | None) -> str:
        """Return `wanted`, or the encoding that the sample shows; notes one that is not UTF-8."""
        if wanted is None and self._encoding is None:
            self._detect(self.sample, self.whole)
        return wanted or self._encoding or "utf-8"

    def _detect(self, sample: bytes, whole: bool) -> None:
        self._encoding = detect_encoding(sample, whole, self.name)
        if not self._encoding.startswith("utf-8"):
            self.say_encoding(self._encoding)

    def say_encoding(self, encoding: str) -> None:
        """Note that the text is read as something that is not UTF-8."""
        kind = "read in an encoding that is not UTF-8"
        self.notices.few(kind, self.name, f"read as {encoding_title(encoding)} (not UTF-8)")

    def head(self, encoding: str | None = None) -> str:
        """Return the text of the sample, to look at; a character cut at its end is left out."""
        return self.sample.decode(self.encoding(encoding), "ignore")

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes in blocks of a megabyte."""
        while block := self.read(SAMPLE):
            yield block

    def chunks(self, encoding: str | None = None) -> Iterator[str]:
        r"""Yield the text in pieces of about a megabyte; every line end is `\n`.

        Args:
            encoding: What to read it as; None detects, and repairs single bytes that are not
                UTF-8.

        Raises:
            SourceFormatError: A byte does not belong to the encoding; names its line and place.
        """
        if encoding is not None:
            return decoded(self.blocks(), encoding, self.name)
        if self.encoding(None) == "utf-8" and self.sample.isascii() and not self.whole:
            return self._chunks_after_ascii()
        return decoded(self.blocks(), self.encoding(None), self.name, self.repairs())

    def _chunks_after_ascii(self) -> Iterator[str]:
        """Yield the text of a file whose sample is ASCII: what comes later shows its encoding.

        All encodings that are still possible are alike up to their first byte beyond ASCII.
        """
        blocks, others = self.blocks(), list[bytes]()
        line = 1
        for text in decoded(_ascii_blocks(blocks, others), "utf-8", self.name):
            line += text.count("\n")
            yield text
        if others:
            others += islice(blocks, 1)
            self._detect(b"".join(others), whole=len(others) == 1)
            yield from decoded(
                chain(others, blocks), self.encoding(None), self.name, self.repairs(line), line
            )

    def repairs(self, line: int = 1) -> Repairs:
        """Return what repairs single bytes that are not UTF-8, and notes them.

        Args:
            line: The line on which the text begins.
        """
        kind = "with bytes that are not UTF-8"
        return Repairs(self.name, lambda said: self.notices.few(kind, self.name, said), line)

    def lines(
        self, encoding: str | None = None, limit: int = DOCUMENT_LIMIT
    ) -> Iterator[tuple[int, str]]:
        """Yield `(number, line)`, counted from 1, without line ends.

        Raises:
            SourceFormatError: A line has more than `limit` characters.
        """
        number, held = 1, _Held(self.name, limit)
        for chunk in self.chunks(encoding):
            first, *others = chunk.split("\n")
            held.add(first, number)
            if others:
                yield number, held.take()
                yield from enumerate(others[:-1], number + 1)
                number += len(others)
                held.add(others[-1], number)
        if last := held.take():
            yield number, last

    def text(self, encoding: str | None = None, limit: int = DOCUMENT_LIMIT) -> str:
        """Return all of the text.

        Raises:
            SourceFormatError: It has more than `limit` characters.
        """
        held = _Held(self.name, limit)
        for chunk in self.chunks(encoding):
            held.add(chunk)
        return held.take()

    def data(self, limit: int = DOCUMENT_LIMIT) -> bytes:
        """Return all of the bytes.

        Raises:
            SourceFormatError: There are more than `limit`.
        """
        data = read_up_to(self._stream, limit + 1)
        if len(data) > limit:
            raise too_long(self.name, limit, "bytes")
        return data

    def _copy_to(self, file: IO[bytes], limit: int) -> None:
        size = 0
        for block in self.blocks():
            size += len(block)
            if size > limit:
                reason = f"has more than {limit:,} bytes; unpack it to a file, or cut it"
                raise SourceFormatError(self.name, reason)
            file.write(block)

    @contextmanager
    def seekable(self, limit: int = COPY_LIMIT) -> Iterator[IO[bytes]]:
        """Open the bytes for formats that are read from their end; may use a temporary file.

        Raises:
            SourceFormatError: They have to be copied, and are more than `limit`.
        """
        if self._path is not None:
            with self._path.open("rb") as file:
                yield file
        else:
            with tempfile.SpooledTemporaryFile(max_size=64 * SAMPLE) as file:
                self._copy_to(file, limit)
                file.seek(0)
                yield file


def _ascii_blocks(blocks: Iterator[bytes], others: list[bytes]) -> Iterator[bytes]:
    r"""Yield blocks up to the first that is not ASCII, which goes to `others`.

    A `\r` at the end of a block goes with the next one, which may begin with its `\n`.
    """
    held = b""
    for block in blocks:
        whole = held + block
        if not whole.isascii():
            others.append(whole)
            return
        held = b"\r" if whole.endswith(b"\r") else b""
        yield whole.removesuffix(b"\r")
    yield held


class _Held:
    """Pieces of one text that is not yet complete."""

    def __init__(self, name: str, limit: int) -> None:
        self._name, self._limit = name, limit
        self._pieces: list[str] = []
        self._length = 0

    def add(self, piece: str, line: int | None = None) -> None:
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length > self._limit:
            raise too_long(self._name, self._limit, "characters", line)

    def take(self) -> str:
        text = "".join(self._pieces)
        self._pieces, self._length = [], 0
        return text


def too_long(name: str, limit: int, unit: str, line: int | None = None) -> SourceFormatError:
    """Return the error for a document beyond the limit."""
    reason = f"one document has more than {limit:,} {unit}; cut it into smaller ones"
    return SourceFormatError(name, reason, line)
