"""Writes that are there as a whole, or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from embedsearch._errors import (
    StorageError,
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceReadOnlyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace `path` by a JSON file: written beside it, flushed, renamed, the folder flushed."""
    beside = path.with_name(path.name + ".new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    flush_folder(path.parent)


def read_json(path: Path, workspace: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        WorkspaceDamagedError: It is missing or is not one.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WorkspaceDamagedError(workspace, f"{path.name} is missing") from error
    except ValueError as error:
        raise WorkspaceDamagedError(workspace, f"{path.name} is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise WorkspaceDamagedError(workspace, f"{path.name} does not hold an object")
    return value


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


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


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
        if error.errno in _FULL:
            raise StorageError(
                workspace, "the disk is full; free some space and try again"
            ) from error
        if error.errno in _READ_ONLY:
            message = "the folder or the disk cannot be written to"
            raise WorkspaceReadOnlyError(workspace, message) from error
        raise
