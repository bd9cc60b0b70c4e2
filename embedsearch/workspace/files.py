"""Writes that are there as a whole, or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import (
    ParameterError,
    StorageError,
    WorkspaceError,
    WorkspaceNotFoundError,
    WorkspaceReadOnlyError,
)
from embedsearch._files import flush_file as flush_file
from embedsearch._files import flush_folder as flush_folder
from embedsearch._files import read_json as read_json
from embedsearch._files import with_checksum, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_FAILING = {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE}


def checked_path(path: str | Path, name: str = "path") -> Path:
    """Return a path that every library below can use.

    Args:
        path: What was given.
        name: What it is called in the error.

    Raises:
        ParameterError: It is no path, or its name is not Unicode text.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise ParameterError(name, "a path", path)
    try:
        # The indexes take names only as UTF-8.
        usable = b"\0" not in (encoded := os.fsencode(path)) and bool(encoded.decode("utf-8"))
    except UnicodeError:
        usable = False
    if not usable:
        raise ParameterError(name, "a path whose name is Unicode text", str(path))
    return Path(path)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace `path` by a JSON file; a crash leaves the old one or the new one.

    One that names its `format` gets the entry `sha256`, by which `verify` knows whether it is
    what was written.
    """
    content = with_checksum(value) if "format" in value else value
    write_whole(path, json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def make_folder(path: Path) -> None:
    """Make a folder with those above it, and flush the names of what was not there."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        flush_folder(folder.parent)


def place_aside(root: Path, kind: str) -> Path:
    """Return a folder that is not there yet, for what is put aside: `KIND-DATE`."""
    return free_name(root / f"{kind}-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}")


def free_name(path: Path) -> Path:
    """Return a path, or if something is there, one with a number at its end."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(each for each in chain([path], numbered) if not os.path.lexists(each))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise our errors for those of the disk, and name a path; errors that are ours stay."""
    try:
        yield
    except WorkspaceError:
        raise
    except OSError:
        with storage_errors(path):
            raise


@contextmanager
def storage_errors(workspace: Path) -> Iterator[None]:
    """Raise our errors for those of the disk, and name the workspace, not a file within."""
    try:
        yield
    except WorkspaceError as error:
        if error.path == workspace:
            raise
        raise type(error)(workspace, error.reason) from error
    except OSError as error:
        # numpy's `tofile` says only how much it could write.
        if error.errno in _FULL or "requested and" in str(error):
            raise StorageError(
                workspace, "the disk is full; free some space and try again"
            ) from error
        if error.errno in _READ_ONLY:
            message = "the folder or the disk cannot be written to"
            raise WorkspaceReadOnlyError(workspace, message) from error
        if error.errno in _FAILING:
            reason = f"the disk fails ({error.strerror}); check it, and try again"
            raise StorageError(workspace, reason) from error
        if error.errno == errno.ENOENT and not workspace.exists():
            reason = "the folder is not there any more; nothing was changed"
            raise WorkspaceNotFoundError(workspace, reason) from error
        raise
