"""ZIP and tar files within bounds: read one file after another, and never unpacked anywhere."""

from __future__ import annotations

import struct
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from embedsearch._errors import SourceFormatError
from embedsearch.text.byte_streams import buffered_reader
from embedsearch.text.source_files import printable
from embedsearch.text.source_stream import LeftOut, SourceStream

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator

    from embedsearch.text.byte_streams import ByteStream


PARTS_LIMIT = 100_000
"""Files in one ZIP file; the list of them is held in memory, half a kilobyte each."""

UNPACKED_LIMIT, RATIO_LIMIT = 2**30, 200
"""An archive may unpack to a gibibyte, or to 200 times its size, whichever is more."""

# Headers are read at once; those with long names and times have some hundred bytes.
_HEADER_LIMIT = 2**20
# Word puts a document with a password into a file of the old kind, under the new name.
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The end of the central directory (APPNOTE 4.3.16), behind which only a comment may follow.
_END = struct.Struct("<4s4H2LH")
_LONGEST_COMMENT = 2**16
# What zipfile and its decompressors raise for damaged files; a password is a RuntimeError.
ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, LookupError, NotImplementedError, OSError,
    OverflowError, RuntimeError, struct.error, UnicodeError, ValueError,
)  # fmt: skip


def open_zip(name: str, file: IO[bytes]) -> zipfile.ZipFile:
    """Open a ZIP file."""
    if (count := _count(file)) > PARTS_LIMIT:
        raise SourceFormatError(name, f"has {count:,} files in it, more than {PARTS_LIMIT:,}")
    if file.read(len(_OLD_OFFICE)) == _OLD_OFFICE:
        raise SourceFormatError(name, "needs a password, or is a document of an old Office")
    file.seek(0)
    with zip_errors(name):
        return zipfile.ZipFile(file)


@contextmanager
def zip_errors(name: str) -> Iterator[None]:
    """Raise our errors for those of zipfile."""
    try:
        yield
    except SourceFormatError:
        raise
    except ZIP_ERRORS as error:
        problem = "needs a password" if "password" in str(error) else f"is damaged ({error})"
        raise SourceFormatError(name, f"{problem}; save it again") from error


def _count(file: IO[bytes]) -> int:
    """Return how many parts a ZIP file claims to have, before its list is read."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size - _LONGEST_COMMENT))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + _END.size > len(tail):
        return 0
    count, length = (int(value) for value in _END.unpack_from(tail, at)[4:6])
    # In the ZIP64 form the number is elsewhere; each part takes at least 46 bytes of the list.
    return count if count != 0xFFFF else min(length, size) // 46


_PACKING_ERRORS = (*ZIP_ERRORS, tarfile.TarError, IndexError, RecursionError)


def members(
    source: SourceStream, kind: str, limit: int = UNPACKED_LIMIT
) -> Iterator[tuple[str, ByteStream]]:
    """Yield the name and the bytes of each file of an archive; read them before the next.

    What cannot be read is left out with its reason; hidden files are skipped, as in folders.
    """
    opened = _zip_members(source, limit) if kind == "zip" else _tar_members(source, limit)
    seen: set[str] = set()
    for stored, stream in opened:
        # A name is only a name: nothing is written, and one with `..` is read like the others.
        parts = [part for part in stored.split("/") if part not in ("", ".")]
        name = "/".join(parts)
        if any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts):
            continue
        if name in seen:
            _leave_out(source, name, "the archive has a file of this name before it")
            continue
        seen.add(name)
        yield (name, stream)


def _leave_out(source: SourceStream, name: str, reason: str) -> None:
    source.notices.left_out.append(LeftOut(f"{source.name}/{name}", reason))


def _zip_members(source: SourceStream, limit: int) -> Iterator[tuple[str, ByteStream]]:
    with source.seekable() as file:
        size = file.seek(0, 2)
        budget = _Budget(source.name, lambda: max(limit, RATIO_LIMIT * size))
        archive = open_zip(source.name, file)
        for info in archive.infolist():
            name = printable(info.filename)
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                _leave_out(source, name, "needs a password")
                continue
            try:
                opened = archive.open(info)
            except NotImplementedError:
                _leave_out(source, name, "is packed in a way that cannot be read here")
                continue
            except ZIP_ERRORS as error:
                _leave_out(source, name, f"is damaged ({error})")
                continue
            with opened:
                yield (name, budget.metered(opened, f"{source.name}/{name}"))
            # Whoever read the member has got this error, too, and may have gone on.
            budget.check()


def _tar_members(source: SourceStream, limit: int) -> Iterator[tuple[str, ByteStream]]:
    budget = _Budget(source.name, lambda: max(limit, RATIO_LIMIT * source.taken))
    stream = _Forward(budget.metered(source, source.name))
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r:") as archive:
            while (info := archive.next()) is not None:
                # It would remember each member, which we do not need.
                archive.members = []  # type: ignore[attr-defined]
                name = printable(info.name)
                opened = archive.extractfile(info) if info.isreg() else None
                if opened is not None:
                    yield (name, _guarded(opened, f"{source.name}/{name}"))
                elif not info.isdir():
                    _leave_out(source, name, "is a link or a device, not a file")
    except SourceFormatError:
        raise
    except _PACKING_ERRORS as error:
        reason = f"the tar archive is damaged or cut short ({error}); fetch it again"
        raise SourceFormatError(source.name, reason) from error


class _Budget:
    """How many bytes may come out of an archive, by how many went in so far."""

    def __init__(self, name: str, allowed: Callable[[], int]) -> None:
        self._name, self._allowed, self._unpacked = name, allowed, 0

    def metered(self, stream: ByteStream, name: str) -> io.BufferedReader:
        """Return a stream whose bytes count, and which raises our errors by its own name."""
        return _guarded(stream, name, self._add)

    def _add(self, count: int) -> None:
        self._unpacked += count
        self.check()

    def check(self) -> None:
        """Raise `SourceFormatError` if more has come out than may."""
        if self._unpacked > self._allowed():
            reason = "unpacks to far more than an archive of texts; leave it out"
            raise SourceFormatError(self._name, reason)


def _guarded(
    stream: ByteStream, name: str, on_read: Callable[[int], None] = lambda _: None
) -> io.BufferedReader:
    """Return a stream that reports the bytes that were read, and raises our errors by a name."""

    def pull(size: int) -> bytes:
        try:
            data = stream.read(size)
        except SourceFormatError:
            raise
        except _PACKING_ERRORS as error:
            reason = f"is damaged or cut short ({error}); pack it again"
            raise SourceFormatError(name, reason) from error
        on_read(len(data))
        return data

    return buffered_reader(pull)


class _Forward:
    """A stream that tarfile may seek in, forward alone, and not read much of at once."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream, self._at = stream, 0

    def tell(self) -> int:
        return self._at

    def seek(self, at: int) -> int:
        while self._at < at and self.read(min(at - self._at, _HEADER_LIMIT)):
            pass
        if at != self._at:
            raise tarfile.ReadError("unexpected end of data")
        return at

    def read(self, size: int) -> bytes:
        # A header that claims gigabytes of names would be held in memory.
        if size > _HEADER_LIMIT:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        data = self._stream.read(size)
        self._at += len(data)
        return data
