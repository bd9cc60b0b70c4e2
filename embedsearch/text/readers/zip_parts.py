"""Formats that are XML files in a ZIP: Office documents and e-books."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.text.archives import open_zip, zip_errors
from embedsearch.text.byte_streams import read_up_to
from embedsearch.text.readers.xml import xml_tree
from embedsearch.text.source_stream import TREE_LIMIT, SourceStream, too_long

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element


class ZipParts:
    """The parts of a ZIP file, by their names."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self._name = name
        self._zip = open_zip(name, file)
        self._left = 4 * TREE_LIMIT

    def __contains__(self, part: str) -> bool:
        return part in self._zip.NameToInfo

    def data(self, part: str) -> bytes:
        """Return a part, without compression."""
        if part not in self:
            reason = f"{part} is missing in it; the file is damaged, write it again"
            raise SourceFormatError(self._name, reason)
        most = min(TREE_LIMIT, self._left)
        with zip_errors(self._name), self._zip.open(part) as opened:
            data = read_up_to(opened, most + 1)
        if len(data) > most:
            raise too_long(self._name, TREE_LIMIT, "bytes")
        self._left -= len(data)
        return data

    def tree(self, part: str) -> Element:
        """Return the root of a part that is XML."""
        return xml_tree(f"{self._name}, {part}", self.data(part))


@contextmanager
def zip_parts(source: SourceStream) -> Iterator[ZipParts]:
    """Open a source as a ZIP file."""
    with source.seekable() as file:
        yield ZipParts(source.name, file)
