"""Files that are replaced as a whole, or left as they were."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: Path, content: str) -> None:
    """Replace a file: written beside it, flushed, renamed, and the folder flushed.

    A crash leaves the old file or the new one. A failure leaves the old one and nothing beside
    it.

    Args:
        path: The file; `.new` is added to its name for the one beside it.
        content: What is written, as UTF-8.

    Raises:
        OSError: The disk is full, or the folder cannot be written to.
        UnicodeEncodeError: The content has lone surrogates.
    """
    encoded = content.encode("utf-8")
    beside = path.with_name(path.name + ".new")
    try:
        with beside.open("wb") as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    flush_folder(path.parent)


def flush_file(path: Path) -> None:
    """Force a file to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(path: Path) -> None:
    """Force the names in a folder to the disk, where the system can."""
    if os.name == "posix":
        flush_file(path)
