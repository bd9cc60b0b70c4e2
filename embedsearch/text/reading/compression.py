"""Compressed files: known by their name and by their first bytes, undone as they are read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zlib
from typing import IO, TYPE_CHECKING, cast

from embedsearch._errors import SourceFormatError
from embedsearch.text.reading.byte_streams import ByteStream, buffered

if TYPE_CHECKING:
    from collections.abc import Callable

SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
_MAGIC = {
    "gzip": re.compile(rb"\x1f\x8b"),
    # "BZh9" alone could begin a text; a block or the end of the stream has to follow.
    "bzip2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
}
HEAD = 10
"""Bytes that `compression_of` wants to see."""


def without_suffix(name: str) -> str:
    """Return a file's name without the suffix of a compression: `a.csv.gz` is `a.csv`."""
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def compression_of(name: str, head: bytes) -> str | None:
    """Return "gzip", "bzip2", "xz", "zstd" or None, by the first bytes.

    Args:
        name: The file, whose suffix has to keep what it promises.
        head: Its first `HEAD` bytes.

    Raises:
        SourceFormatError: The name promises a compression that the bytes do not have.
    """
    found = next((kind for kind, magic in _MAGIC.items() if magic.match(head)), None)
    promised = next((k for suffix, k in SUFFIXES.items() if name.lower().endswith(suffix)), None)
    if promised and not found:
        reason = f"has a name of {promised} data, but does not begin like them"
        raise SourceFormatError(name, f"{reason}; rename it, or fetch it again")
    return found


def decompressed(kind: str, stream: ByteStream, name: str) -> io.BufferedReader:
    """Return the plain bytes of a compressed stream.

    Raises:
        SourceFormatError: While reading, where the data are damaged or cut short.
    """
    plain = _OPENERS[kind](cast("IO[bytes]", stream))

    def pull(size: int) -> bytes:
        try:
            return plain.read(size)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            reason = f"the {kind} data are damaged or cut short ({error}); fetch the file again"
            raise SourceFormatError(name, reason) from error

    return buffered(pull)


class _ZstdFrames:
    """Frames of zstd one after another; the end of the data within a frame is an error."""

    def __init__(self, stream: IO[bytes]) -> None:
        import zstandard

        self._new = zstandard.ZstdDecompressor().decompressobj
        self._error = zstandard.ZstdError
        self._stream, self._frame = stream, self._new()
        self._plain, self._packed = io.BytesIO(), b""
        self._inside = False

    def read(self, size: int = -1, /) -> bytes:
        while not (data := self._plain.read(size)) and self._refill():
            pass
        return data

    def _refill(self) -> bool:
        packed = self._packed or self._stream.read(2**16)
        if not packed:
            if self._inside:
                raise EOFError("the last frame has no end")
            return False
        try:
            self._plain = io.BytesIO(self._frame.decompress(packed))
        except self._error as error:
            raise EOFError(str(error)) from error
        self._inside, self._packed = not self._frame.eof, self._frame.unused_data
        if self._frame.eof:
            self._frame = self._new()
        return True


_OPENERS: dict[str, Callable[[IO[bytes]], ByteStream]] = {
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream),
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zstd": _ZstdFrames,
}
