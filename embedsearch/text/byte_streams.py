"""Streams of bytes: looked at before they are read, counted, unpacked if they are compressed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zlib
from typing import IO, TYPE_CHECKING, Protocol, cast

from embedsearch._errors import SourceFormatError

if TYPE_CHECKING:
    from collections.abc import Callable

# So large that a call of Python for each block costs next to nothing.
_BLOCK = 2**18


class ByteStream(Protocol):
    """Anything that bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class PeekableStream:
    """A stream whose next bytes can be looked at; counts what it takes from the stream below."""

    def __init__(self, stream: ByteStream, on_read: Callable[[int], None] | None = None) -> None:
        self._stream, self._on_read = stream, on_read
        self._ahead = io.BytesIO()
        self.taken = 0

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, or all there are, and leave them to be read."""
        blocks = [self._ahead.read()]
        size -= len(blocks[0])
        while size > 0 and (block := self._take(size)):
            blocks.append(block)
            size -= len(block)
        head = b"".join(blocks)
        self._ahead = io.BytesIO(head)
        return head

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""
        return self._ahead.read(size) or self._take(size)

    def _take(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.taken += len(data)
        if self._on_read is not None:
            self._on_read(len(data))
        return data


class _CallbackReader(io.RawIOBase):
    """A raw stream whose bytes come from a function, so that the io module can wrap it."""

    def __init__(self, pull: Callable[[int], bytes]) -> None:
        self._pull = pull

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(cast("bytearray", buffer)).cast("B")
        data = self._pull(len(view))
        view[: len(data)] = data
        return len(data)


def buffered_reader(pull: Callable[[int], bytes]) -> io.BufferedReader:
    """Return a stream of what `pull(size)` returns: that many bytes or fewer, none at the end."""
    return io.BufferedReader(_CallbackReader(pull), _BLOCK)


def read_up_to(stream: ByteStream, size: int) -> bytes:
    """Read `size` bytes, or all there are, from a stream that may return fewer at a time."""
    blocks: list[bytes] = []
    while size > 0 and (block := stream.read(size)):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
_MAGIC = {
    "gzip": re.compile(rb"\x1f\x8b"),
    # "BZh9" alone could begin a text; a block or the end of the stream has to follow.
    "bzip2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
}
HEAD = 10
"""The first bytes that `compression_of` needs."""

WINDOW_LIMIT = 2**27
"""Bytes that xz and zstd may look back: what `xz -9` and `zstd --ultra -22` need, and no more."""

# A block of zstd is at least 3 bytes, and gives at most 128 KiB: 512 bytes give 22 MB at most.
_ZSTD_STEP = 2**9
_XZ_STEP = 2**16


def without_suffix(name: str) -> str:
    """Return a file's name without the suffix of a compression: `a.csv.gz` is `a.csv`."""
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def compression_of(name: str, head: bytes) -> str | None:
    """Return "gzip", "bzip2", "xz", "zstd" or None, by the first `HEAD` bytes."""
    found = next((kind for kind, magic in _MAGIC.items() if magic.match(head)), None)
    promised = next((k for suffix, k in SUFFIXES.items() if name.lower().endswith(suffix)), None)
    if promised and not found:
        reason = f"has a name of {promised} data, but does not begin like them"
        raise SourceFormatError(name, f"{reason}; rename it, or fetch it again")
    return found


def decompress(kind: str, stream: ByteStream, name: str) -> io.BufferedReader:
    """Return the plain bytes of a compressed stream, a bounded part at a time."""
    # zstd is unpacked in steps of 512 bytes, so a file is better read in larger blocks.
    packed = stream if isinstance(stream, io.BufferedReader) else buffered_reader(stream.read)
    plain = _OPENERS[kind](packed)

    def pull(size: int) -> bytes:
        try:
            return plain.read(size)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            if "memory" in str(error).lower():
                reason = f"the {kind} data need more than {WINDOW_LIMIT >> 20} MiB to unpack"
                raise SourceFormatError(name, f"{reason}; compress the file again") from error
            reason = f"the {kind} data are damaged or cut short ({error}); fetch the file again"
            raise SourceFormatError(name, reason) from error

    return buffered_reader(pull)


class _Frames:
    """Frames, perhaps with padding between them; an end of the data within a frame is an error."""

    def __init__(
        self,
        stream: IO[bytes],
        new: Callable[[], lzma.LZMADecompressor | _ZstdFrame],
        step: int,
        padding: bytes = b"",
    ) -> None:
        self._stream, self._new, self._step, self._padding = stream, new, step, padding
        self._frame: lzma.LZMADecompressor | _ZstdFrame | None = None
        self._packed = b""

    def read(self, size: int = -1, /) -> bytes:
        while frame := self._frame or self._next():
            self._frame, packed = frame, b""
            if frame.needs_input:
                if not (self._packed or self._refill()):
                    raise EOFError("the last frame has no end")
                packed, self._packed = self._packed, b""
            data = frame.decompress(packed, size)
            if frame.eof:
                self._packed, self._frame = frame.unused_data + self._packed, None
            if data:
                return data
        return b""

    def _next(self) -> lzma.LZMADecompressor | _ZstdFrame | None:
        self._packed = self._packed.lstrip(self._padding)
        while not self._packed and self._refill():
            self._packed = self._packed.lstrip(self._padding)
        return self._new() if self._packed else None

    def _refill(self) -> bool:
        self._packed = self._stream.read(self._step)
        return bool(self._packed)


class _ZstdFrame:
    """A frame of zstd, used as an `LZMADecompressor`; its bytes are unpacked at once."""

    def __init__(self) -> None:
        import zstandard

        self._frame = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT).decompressobj()
        self._error = zstandard.ZstdError
        self._plain = io.BytesIO()

    @property
    def needs_input(self) -> bool:
        return self._plain.tell() == len(self._plain.getbuffer())

    @property
    def eof(self) -> bool:
        return self._frame.eof and self.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if data:
            try:
                self._plain = io.BytesIO(self._frame.decompress(data))
            except self._error as error:
                raise EOFError(str(error)) from error
        return self._plain.read(max_length)


def _xz_stream() -> lzma.LZMADecompressor:
    # Beside the window there are some tables.
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=WINDOW_LIMIT + 2**20)


_OPENERS: dict[str, Callable[[IO[bytes]], ByteStream]] = {
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream),
    "bzip2": bz2.BZ2File,
    "xz": lambda stream: _Frames(stream, _xz_stream, _XZ_STEP, b"\0"),
    "zstd": lambda stream: _Frames(stream, _ZstdFrame, _ZSTD_STEP),
}
