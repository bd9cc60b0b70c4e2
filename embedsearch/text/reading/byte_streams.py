"""Byte streams that count, rewind, and say what went wrong in their own words."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 2**18
"""Bytes asked of a file at a time."""


class ByteStream(Protocol):
    """Anything that bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class Pulled(io.RawIOBase):
    """A raw stream whose bytes come from a function, so that the io module can wrap it.

    Args:
        pull: Called with the number of bytes wanted; returns that many or fewer, none at the end.
    """

    def __init__(self, pull: Callable[[int], bytes]) -> None:
        self._pull = pull

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: object, /) -> int:
        """Fill `buffer` as far as one pull goes."""
        view = memoryview(cast("bytearray", buffer)).cast("B")
        data = self._pull(len(view))
        view[: len(data)] = data
        return len(data)


def buffered(pull: Callable[[int], bytes]) -> io.BufferedReader:
    """Return a buffered stream of the bytes that `pull` returns."""
    return io.BufferedReader(Pulled(pull), BLOCK)


def rewound(head: bytes, rest: ByteStream) -> io.BufferedReader:
    """Return a stream of `head` and then of `rest`, for heads that were read to look at."""
    ahead = io.BytesIO(head)
    return buffered(lambda size: ahead.read(size) or rest.read(size))


def counting(stream: ByteStream, seen: Callable[[int], None]) -> io.BufferedReader:
    """Return a stream that tells `seen` how many bytes each read brought."""

    def pull(size: int) -> bytes:
        data = stream.read(size)
        seen(len(data))
        return data

    return buffered(pull)


def read_up_to(stream: ByteStream, size: int) -> bytes:
    """Read `size` bytes, or all there are, from a stream that may return fewer at a time."""
    blocks: list[bytes] = []
    while size > 0 and (block := stream.read(size)):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)
