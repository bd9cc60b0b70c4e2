"""A file of vectors, opened as plain bytes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._errors import SourceError, SourceFormatError, SourceNotFoundError
from embedsearch.text.byte_streams import (
    HEAD as COMPRESSION_HEAD,
    compression_of,
    decompress,
    read_up_to,
)
from embedsearch.text.source_files import unreadable

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path

HEAD = 2**16
"""Bytes by which formats are recognised."""


class PlainBytes(NamedTuple):
    """The bytes of a file, without compression."""

    stream: io.BufferedReader
    size: int | None  # None for compressed data, which do not say


def check_file(path: Path) -> None:
    """Refuse what is no file on a disk, and an empty one."""
    if not path.exists():
        raise SourceNotFoundError(path, "there is no such file")
    if path.is_dir():
        raise SourceFormatError(path, "is a folder; name the file with the vectors")
    if not path.is_file():
        raise SourceFormatError(path, "is not a file on a disk; save its output, and read that")
    if path.stat().st_size == 0:
        raise SourceFormatError(path, "is empty")


@contextmanager
def open_plain(path: Path) -> Iterator[PlainBytes]:
    """Open a file; gzip, bzip2, xz and zstd are undone as it is read."""
    with reading_errors(path):
        check_file(path)
        with path.open("rb") as raw:
            kind = compression_of(str(path), raw.peek(COMPRESSION_HEAD)[:COMPRESSION_HEAD])
            if kind:
                yield PlainBytes(decompress(kind, raw, str(path)), None)
            else:
                yield PlainBytes(raw, path.stat().st_size)


@contextmanager
def reading_errors(path: Path) -> Iterator[None]:
    """Raise `SourceError` for what the disk or the system refuses."""
    try:
        yield
    except SourceError:
        raise
    except OSError as error:
        raise unreadable(str(path), error) from error


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file, without compression; none for a folder."""
    with reading_errors(path):
        if path.is_dir():
            return b""
        with open_plain(path) as plain:
            return read_up_to(plain.stream, HEAD)


def is_compressed(path: Path) -> bool:
    """Whether a file is compressed, by its first bytes; what is no file is not."""
    with reading_errors(path):
        if not path.is_file() or path.stat().st_size == 0:
            return False
        with open_plain(path) as plain:
            return plain.size is None
