"""ZIP files read within bounds: office documents and books are such."""

from __future__ import annotations

import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.text.reading.byte_streams import read_up_to
from embedsearch.text.reading.opening import TREE_LIMIT, Opened, too_long
from embedsearch.text.reading.xml_tree import xml_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

PARTS_LIMIT = 100_000
"""Files in one ZIP file; the list of them is held in memory, half a kilobyte each."""

# Word puts a document with a password into a file of the old kind, under the new name.
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_END = struct.Struct("<4s4H2LH")
_LONGEST_COMMENT = 2**16
# What zipfile and its decompressors raise for damaged files; a password is a RuntimeError.
ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, LookupError, NotImplementedError, OSError,
    OverflowError, RuntimeError, struct.error, UnicodeError, ValueError,
)  # fmt: skip


def open_zip(name: str, file: IO[bytes]) -> zipfile.ZipFile:
    """Open a ZIP file.

    Raises:
        SourceFormatError: It is damaged, or has more parts than `PARTS_LIMIT`.
    """
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


class ZipParts:
    """The parts of a ZIP file, by their names.

    Args:
        name: What messages call the file.
        file: Its bytes.

    Raises:
        SourceFormatError: It is damaged, or has more parts than `PARTS_LIMIT`.
    """

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self._name = name
        self._zip = open_zip(name, file)
        self._left = 4 * TREE_LIMIT

    def __contains__(self, part: str) -> bool:
        return part in self._zip.NameToInfo

    def data(self, part: str, limit: int = TREE_LIMIT) -> bytes:
        """Return a part, without compression.

        Raises:
            SourceFormatError: It is missing, damaged, needs a password or has more bytes than
                `limit`; or all that were read together are too many.
        """
        if part not in self:
            reason = f"{part} is missing in it; the file is damaged, write it again"
            raise SourceFormatError(self._name, reason)
        most = min(limit, self._left)
        with zip_errors(self._name), self._zip.open(part) as opened:
            data = read_up_to(opened, most + 1)
        if len(data) > most:
            raise too_long(self._name, limit, "bytes")
        self._left -= len(data)
        return data

    def tree(self, part: str) -> Element:
        """Return the root of a part that is XML.

        Raises:
            SourceFormatError: As for `data`; or the XML is broken, too deep or too large.
        """
        return xml_tree(f"{self._name}, {part}", self.data(part))


@contextmanager
def zip_parts(source: Opened) -> Iterator[ZipParts]:
    """Open a source as a ZIP file."""
    with source.seekable() as file:
        yield ZipParts(source.name, file)


def _count(file: IO[bytes]) -> int:
    """Return how many parts a ZIP file says it has, before its list is read."""
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
