"""Files that are replaced as a whole or stay as they were, small ones of JSON, errors of disks."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import (
    ParameterError,
    StorageError,
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceNotFoundError,
    WorkspaceReadOnlyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

CHECKSUM = "sha256"
MOST_BYTES = 64 << 20
"""Of a small file; manifests have some kilobytes."""

_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None) if sys.platform == "darwin" else None


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
    with replacing(path) as beside:
        beside.write_bytes(encoded)


@contextmanager
def replacing(path: Path, beside: Path | None = None) -> Iterator[Path]:
    """Give the place of a new file; then it is flushed, renamed, and the folder flushed.

    A crash leaves the old file or the new one. A failure leaves the old one and nothing beside
    it.

    Args:
        path: The file.
        beside: Where the new one is written, in the same folder; None adds `.new` to its name.

    Raises:
        OSError: The disk is full, the folder cannot be written to, or what is there is a device or
            a pipe.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "what is there is no file", str(path))
    beside = beside or path.with_name(path.name + ".new")
    try:
        yield beside
        flush_file(beside)
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    flush_folder(path.parent)


@contextmanager
def output(path: Path) -> Iterator[Path]:
    """Give the place to write a file that the user has named.

    A file is replaced as a whole. A link (`/dev/stdout` is one), a device or a pipe is written
    into, and never replaced.

    Raises:
        OSError: It cannot be written.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        yield path
        return
    with replacing(path, path.with_name(f".{path.name}.{os.getpid()}.new")) as beside:
        yield beside


def flush_file(path: Path) -> None:
    """Force a file to the disk."""
    # Windows flushes only what is open for writing; POSIX opens folders only for reading.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


def flush(descriptor: int) -> None:
    """Force an open file to the disk; on macOS, out of the disk's own cache, too.

    Raises:
        OSError: The disk fails.
    """
    if _FULL_SYNC is not None:
        try:
            fcntl.fcntl(descriptor, _FULL_SYNC)
        except OSError as error:
            # Some file systems and folders know only the other.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOTTY):
                raise
        else:
            return
    os.fsync(descriptor)


def flush_folder(path: Path) -> None:
    """Force the names in a folder to the disk, where the system can."""
    if os.name == "posix":
        flush_file(path)


def read_json(path: Path, workspace: Path) -> dict[str, Any]:
    """Read a JSON object from a small file.

    Args:
        path: The file.
        workspace: The folder that errors name.

    Raises:
        WorkspaceDamagedError: It is missing, is not one, or has more than `MOST_BYTES`.
    """
    value = read_json_value(path, workspace)
    if not isinstance(value, dict):
        raise WorkspaceDamagedError(workspace, f"{path.name} does not hold an object")
    return value


def read_json_value(path: Path, workspace: Path) -> object:
    """Read any JSON value from a small file; see `read_json`."""
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            reason = f"{path.name} has {size:,} bytes, more than any that was written"
            raise WorkspaceDamagedError(workspace, reason)
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WorkspaceDamagedError(workspace, f"{path.name} is missing") from error
    except (ValueError, RecursionError) as error:
        raise WorkspaceDamagedError(workspace, f"{path.name} is not JSON ({error})") from error
    return value


def with_checksum(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written as JSON together with `sha256`, a checksum of all the rest."""
    rest = {name: value for name, value in values.items() if name != CHECKSUM}
    return {**rest, CHECKSUM: _checksum_of(rest)}


def checksum_holds(values: Mapping[str, Any]) -> bool:
    """Tell whether the values of a JSON object are what was written."""
    rest = {name: value for name, value in values.items() if name != CHECKSUM}
    return bool(values.get(CHECKSUM) == _checksum_of(rest))


def canonical(rest: Mapping[str, Any]) -> str:
    """Return the text whose SHA-256 a JSON file has: all entries but that one, sorted."""
    # Names of JSON are strings, and so is their order.
    read = json.loads(json.dumps(rest))
    return json.dumps(read, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def _checksum_of(rest: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(rest).encode("ascii")).hexdigest()


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
