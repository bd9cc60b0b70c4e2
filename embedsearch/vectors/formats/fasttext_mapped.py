"""A binary file, mapped, whose claims are compared with its size before they are believed."""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.opening import check_file, reading_errors

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._types import FloatMatrix

_FLOAT_BYTES = 4


class MappedFile:
    """Reads a file from its beginning to its end; nothing that it maps is copied.

    Attributes:
        path: The file.
        data: Its bytes.
        position: Where the next part begins.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceFormatError: It is a folder, or empty.
        SourceError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.position = path, 0
        with reading_errors(path):
            check_file(path)
            with path.open("rb") as file:
                self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    @property
    def left(self) -> int:
        """The number of bytes that have not been read."""
        return len(self.data) - self.position

    def take(self, layout: str, what: str) -> tuple[Any, ...]:
        """Read a few numbers; `layout` is that of `struct`, little-endian."""
        layout = f"<{layout}"
        self.need(struct.calcsize(layout), what)
        values = struct.unpack_from(layout, self.data, self.position)
        self.position += struct.calcsize(layout)
        return values

    def take_text(self, longest: int, what: str) -> bytes:
        """Read the bytes before the next NUL, and pass over it."""
        end = self.data.find(b"\0", self.position, self.position + longest + 1)
        if end < 0:
            reason = f"{what} does not end" if self.left <= longest else f"{what} is too long"
            raise self.wrong(reason)
        text = self.data[self.position : end]
        self.position = end + 1
        return text

    def take_matrix(self, columns: int, what: str) -> FloatMatrix:
        """Map a matrix that stands behind its two dimensions; pages are read when used."""
        rows, found = self.take("qq", f"the size of {what}")
        if rows < 0 or found != columns:
            raise self.wrong(f"{what} is {rows:,} × {found:,}, of {columns:,} dimensions")
        self.need(rows * columns * _FLOAT_BYTES, f"{what}, {rows:,} × {columns:,}")
        flat = np.frombuffer(self.data, "<f4", rows * columns, self.position)
        self.position += flat.nbytes
        return flat.reshape(rows, columns)

    def release(self) -> None:
        """Let go of the pages that were read; reading on brings them back."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.data.madvise(mmap.MADV_DONTNEED)

    def need(self, size: int, what: str) -> None:
        """Refuse a file that is too short for `size` more bytes."""
        if size > self.left:
            raise self.wrong(f"{what} needs {size:,} bytes, {max(self.left, 0):,} are left")

    def wrong(self, reason: str) -> SourceFormatError:
        """Make the error that says where reading stopped."""
        return SourceFormatError(
            self.path, f"not an intact fastText model: at byte {self.position:,}: {reason}"
        )
