"""A source that is being read: its bytes, its text, its lines, and what is reported about it."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from embedsearch._errors import SourceFormatError
from embedsearch._messages import counted
from embedsearch._progress import SilentProgress
from embedsearch.text.byte_streams import (
    HEAD,
    ByteStream,
    PeekableStream,
    compression_of,
    decompress,
    read_up_to,
)
from embedsearch.text.encodings import Repairs, decode_blocks, detect_encoding, encoding_title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import Document


SAMPLE = 2**20
"""Bytes by which formats and encodings are detected."""

DOCUMENT_LIMIT = 100_000_000
"""Characters that one line or one document may have; the store takes no longer text."""

TREE_LIMIT = 2**24
"""Characters that are parsed as a whole, which takes up to fifty times their memory."""

COPY_LIMIT = 2**32
"""Bytes that are copied to a temporary file, of what is packed or comes from a pipe."""

FEW = 3
"""Files that are named before the rest are only counted."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file, or a part of one, that could not be read.

    Attributes:
        file: Its path.
        reason: Why.
        line: The line that cannot be read, counted from 1, if one is known.
        kept: How many documents before it were read, and kept.
    """

    file: str
    reason: str
    line: int | None = None
    kept: int = 0

    def __str__(self) -> str:
        """Return all of it: `b.jsonl, line 3: broken JSON; 2 documents before it are kept`."""
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        if not self.kept:
            return f"{place}: {self.reason}"
        are = "is" if self.kept == 1 else "are"
        return f"{place}: {self.reason}; {counted(self.kept, 'document')} before it {are} kept"

    def to_json(self) -> dict[str, Any]:
        """Return plain values, without a line that is not known."""
        line = {} if self.line is None else {"line": self.line}
        return {"file": self.file, "reason": self.reason, **line, "kept": self.kept}


class Notices:
    """Passes notes to a `Progress`, of one kind `most` at most; the rest is counted."""

    def __init__(self, progress: Progress, most: int = FEW) -> None:
        self._progress, self._most = progress, most
        self._seen: set[str] = set()
        self._kinds: Counter[str] = Counter()
        self._empty: Counter[str] = Counter()
        self.left_out: list[LeftOut] = []

    def once(self, name: str, message: str) -> None:
        """Pass on `message` for the first file that it is true of."""
        if message not in self._seen:
            self._seen.add(message)
            self._progress.note(f"{name}: {message}")

    def few(self, kind: str, name: str, message: str) -> None:
        """Pass on `message` for the first few files of one kind; `close` counts the rest."""
        self._kinds[kind] += 1
        if self._kinds[kind] <= self._most:
            self._progress.note(f"{name}: {message}")

    def empty(self, unit: str) -> None:
        """Count a file, row or line that has no text and was skipped."""
        self._empty[unit] += 1

    def close(self) -> None:
        """Pass on what was only counted so far, and what was left out."""
        for kind, count in self._kinds.items():
            if count > self._most:
                more = counted(count - self._most, "more file")
                self._progress.note(f"{more} {kind} (all: --all-notes)")
        for unit, count in self._empty.items():
            self._progress.note(f"left out {counted(count, unit)} without text")
        for each in self.left_out[: self._most]:
            self._progress.note(f"left out {each}")
        if more := _more(self.left_out, self._most):
            self._progress.note(f"left out {more}")


def summarize_left_out(left_out: list[LeftOut]) -> str:
    """Return the first few files that were left out, with reasons, and how many more."""
    more = _more(left_out, FEW)
    return "; ".join(map(str, left_out[:FEW])) + (f"; and {more}" if more else "")


def _more(left_out: list[LeftOut], named: int) -> str:
    """Return how many files are not named, and how to see them."""
    rest, how = len(left_out) - named, "--all-notes, --report FILE or --json"
    return f"{counted(rest, 'more file')} (all: {how})" if rest > 0 else ""


class SourceStream:
    """A source that is being read, once, from its start to its end.

    `path` is where it is, if it is a file that can be opened again; `on_read` is called with the
    stored bytes that each read took.
    """

    def __init__(
        self,
        name: str,
        stream: ByteStream,
        path: Path | None = None,
        notices: Notices | None = None,
        on_read: Callable[[int], None] | None = None,
    ) -> None:
        self.name, self.notices = name, notices or Notices(SilentProgress())
        self._stored = self._plain = PeekableStream(stream, on_read)
        kind = compression_of(name, self._stored.peek(HEAD))
        if kind:
            self._plain = PeekableStream(decompress(kind, self._stored, name))
        # The first bytes, without compression (`SAMPLE`, or all there are).
        self.sample = self._plain.peek(SAMPLE)
        self.is_complete = len(self.sample) < SAMPLE
        self._path = None if kind else path
        self._encoding: str | None = None

    @property
    def taken(self) -> int:
        """Bytes that were taken from the stream so far, as they are stored."""
        return self._stored.taken

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` of the bytes that follow; none at the end."""
        return self._plain.read(size)

    def encoding(self, wanted: str | None) -> str:
        """Return `wanted`, or the detected encoding; reports one that is not UTF-8."""
        if wanted is None and self._encoding is None:
            self._detect(self.sample, self.is_complete)
        return wanted or self._encoding or "utf-8"

    def _detect(self, sample: bytes, complete: bool) -> None:
        self._encoding = detect_encoding(sample, complete, self.name)
        if not self._encoding.startswith("utf-8"):
            self.report_encoding(self._encoding)

    def report_encoding(self, encoding: str) -> None:
        """Report that the text is read as something that is not UTF-8."""
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
        r"""Yield the text in pieces of about a megabyte; every line end is `\n`."""
        if encoding is not None:
            return decode_blocks(self.blocks(), encoding, self.name)
        if self.encoding(None) == "utf-8" and self.sample.isascii() and not self.is_complete:
            return self._chunks_after_ascii()
        return decode_blocks(self.blocks(), self.encoding(None), self.name, self.repairs())

    def _chunks_after_ascii(self) -> Iterator[str]:
        """Yield the text of a file whose sample is ASCII: what comes later shows its encoding."""
        # All encodings that are still possible are alike up to their first byte beyond ASCII.
        blocks, others, line = self.blocks(), list[bytes](), 1
        for text in decode_blocks(_ascii_blocks(blocks, others), "utf-8", self.name):
            line += text.count("\n")
            yield text
        if others:
            others += islice(blocks, 1)
            self._detect(b"".join(others), complete=len(others) == 1)
            yield from decode_blocks(
                chain(others, blocks), self.encoding(None), self.name, self.repairs(line), line
            )

    def repairs(self, line: int = 1) -> Repairs:
        """Return what repairs and reports single bytes that are not UTF-8, from a line on."""
        kind = "with bytes that are not UTF-8"
        return Repairs(self.name, lambda what: self.notices.few(kind, self.name, what), line)

    def lines(
        self, encoding: str | None = None, limit: int = DOCUMENT_LIMIT
    ) -> Iterator[tuple[int, str]]:
        """Yield `(number, line)`, counted from 1, without line ends."""
        number, rest = 1, _TextBuffer(self.name, limit)
        for chunk in self.chunks(encoding):
            first, *others = chunk.split("\n")
            rest.add(first, number)
            if others:
                yield number, rest.take()
                yield from enumerate(others[:-1], number + 1)
                number += len(others)
                rest.add(others[-1], number)
        if last := rest.take():
            yield number, last

    def text(self, encoding: str | None = None, limit: int = DOCUMENT_LIMIT) -> str:
        """Return all of the text."""
        text = _TextBuffer(self.name, limit)
        for chunk in self.chunks(encoding):
            text.add(chunk)
        return text.take()

    def data(self, limit: int = DOCUMENT_LIMIT) -> bytes:
        """Return all of the bytes."""
        data = read_up_to(self._plain, limit + 1)
        if len(data) > limit:
            raise too_long(self.name, limit, "bytes")
        return data

    @contextmanager
    def seekable(self, limit: int = COPY_LIMIT) -> Iterator[IO[bytes]]:
        """Open the bytes for formats that are read from their end; may use a temporary file."""
        if self._path is not None:
            with self._path.open("rb") as file:
                yield file
        else:
            with tempfile.SpooledTemporaryFile(max_size=64 * SAMPLE) as file:
                for block in self.blocks():
                    if file.tell() + len(block) > limit:
                        reason = f"has more than {limit:,} bytes; unpack it to a file, or cut it"
                        raise SourceFormatError(self.name, reason)
                    file.write(block)
                file.seek(0)
                yield file


def _ascii_blocks(blocks: Iterator[bytes], others: list[bytes]) -> Iterator[bytes]:
    r"""Yield blocks up to the first that is not ASCII, which goes to `others`.

    A `\r` at the end of a block goes with the next one, which may begin with its `\n`.
    """
    end = b""
    for block in blocks:
        text = end + block
        if not text.isascii():
            others.append(text)
            return
        end = b"\r" if text.endswith(b"\r") else b""
        yield text.removesuffix(b"\r")
    yield end


class _TextBuffer:
    """Pieces of one text that is not yet complete, within a limit."""

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


class ReadDocument(NamedTuple):
    """A document as a reader yields it, and where it was."""

    document: Document  # its id is empty if the file gives none
    # What the file was cut into ("line", "row", "page"), and which of these it is, counted from 1;
    # empty and 0 if the file is one document.
    unit: str = ""
    number: int = 0
    member: str = ""  # the path of the file inside an archive
