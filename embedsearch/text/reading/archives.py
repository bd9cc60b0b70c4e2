"""ZIP and tar archives: files in a file, read one after another, and never written anywhere."""

from __future__ import annotations

import tarfile
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from embedsearch._errors import SourceFormatError
from embedsearch.text.reading.byte_streams import buffered
from embedsearch.text.reading.naming import printable
from embedsearch.text.reading.notices import LeftOut
from embedsearch.text.reading.zip_parts import ZIP_ERRORS, open_zip

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator

    from embedsearch.text.reading.byte_streams import ByteStream
    from embedsearch.text.reading.opening import Opened

UNPACKED_LIMIT, RATIO_LIMIT = 2**30, 200
"""An archive may unpack to a gibibyte, or to 200 times its size, whichever is more."""

# Headers are read at once; those with long names and times have some hundred bytes.
_HEADER_LIMIT = 2**20
_PACKING_ERRORS = (*ZIP_ERRORS, tarfile.TarError, IndexError, RecursionError)


class Member(NamedTuple):
    """A file of an archive.

    Attributes:
        name: Its path in the archive.
        stream: Its bytes; to be read before the next member is asked for.
    """

    name: str
    stream: ByteStream


def members(source: Opened, kind: str, limit: int = UNPACKED_LIMIT) -> Iterator[Member]:
    """Yield the files of an archive in order; what cannot be read is left out with its reason.

    Names are only names: nothing is written, and those with `..` are read like the others.
    Hidden files are passed over, as in folders.

    Args:
        source: The archive.
        kind: "zip" or "tar".
        limit: Bytes that it may unpack to, whatever its own size.

    Raises:
        SourceFormatError: The archive is damaged, cut short, or unpacks to much more than any
            archive of texts.
    """
    opened = _zip_members(source, limit) if kind == "zip" else _tar_members(source, limit)
    seen: set[str] = set()
    for stored, stream in opened:
        parts = [part for part in stored.split("/") if part not in ("", ".")]
        name = "/".join(parts)
        if any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts):
            continue
        if name in seen:
            _leave_out(source, name, "the archive has a file of this name before it")
            continue
        seen.add(name)
        yield Member(name, stream)


def _leave_out(source: Opened, name: str, reason: str) -> None:
    source.notices.leave_out(LeftOut(f"{source.name}/{name}", reason))


def _zip_members(source: Opened, limit: int) -> Iterator[Member]:
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
                yield Member(name, budget.metered(opened, f"{source.name}/{name}"))
            # Whoever read the member has got this error, too, and may have gone on.
            budget.check()


def _tar_members(source: Opened, limit: int) -> Iterator[Member]:
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
                    yield Member(name, _guarded(opened, f"{source.name}/{name}"))
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
        return _guarded(stream, name, self._took)

    def _took(self, count: int) -> None:
        self._unpacked += count
        self.check()

    def check(self) -> None:
        """Raise `SourceFormatError` where more has come out than may."""
        if self._unpacked > self._allowed():
            reason = "unpacks to far more than an archive of texts; leave it out"
            raise SourceFormatError(self._name, reason)


def _guarded(
    stream: ByteStream, name: str, took: Callable[[int], None] = lambda _: None
) -> io.BufferedReader:
    """Return a stream that says how many bytes it gave, and raises our errors by a name."""

    def pull(size: int) -> bytes:
        try:
            data = stream.read(size)
        except SourceFormatError:
            raise
        except _PACKING_ERRORS as error:
            reason = f"is damaged or cut short ({error}); pack it again"
            raise SourceFormatError(name, reason) from error
        took(len(data))
        return data

    return buffered(pull)


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
