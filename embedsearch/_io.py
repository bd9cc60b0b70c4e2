"""Files that are replaced or stay as they were, small files of JSON, disks and their errors."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sys
from contextlib import contextmanager, suppress
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
from embedsearch._messages import shown_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

CHECKSUM = "sha256"
REPAIR = "run `embedsearch repair`"
MOST_BYTES = 64 << 20
"""Of a small file; manifests have some kilobytes."""

_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None) if sys.platform == "darwin" else None


def replace_file(path: Path, content: str) -> None:
    """Replace a file by text in UTF-8; see `replacing`."""
    encoded = content.encode("utf-8")
    with replacing(path) as new:
        new.write_bytes(encoded)


@contextmanager
def replacing(path: Path, new: Path | None = None) -> Iterator[Path]:
    """Yield the path of a new file; then flush it, rename it, and flush the folder.

    A crash leaves the old file or the new one. A failure leaves the old one and nothing beside it.
    The new one is written to `new`, in the same folder; by default to the name with `.new`.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "it exists and is no file", str(path))
    new = new or path.with_name(path.name + ".new")
    try:
        yield new
        flush_file(new)
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    flush_folder(path.parent)


@contextmanager
def output(path: Path) -> Iterator[Path]:
    """Yield the path at which to write a file that the user has named.

    A file is replaced as a whole. A link (`/dev/stdout` is one), a device or a pipe is written
    into, and never replaced.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        yield path
        return
    with replacing(path, path.with_name(f".{path.name}.{os.getpid()}.new")) as new:
        yield new


def flush_file(path: Path) -> None:
    """Force a file or a folder to the disk."""
    # Windows flushes only what is open for writing; POSIX opens folders only for reading.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


def flush(descriptor: int) -> None:
    """Force an open file to the disk; on macOS, out of the disk's own cache, too."""
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


def stamp_of(file: Path | int) -> tuple[int, ...] | None:
    """Return what changes when a file, open or not, is replaced; None if it is not there."""
    try:
        facts = os.stat(file)  # noqa: PTH116 - a descriptor, too
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def read_json(path: Path, workspace: Path) -> dict[str, Any]:
    """Read a JSON object from a small file; anything else is a `WorkspaceDamagedError`."""
    value = read_json_value(path, workspace)
    if not isinstance(value, dict):
        raise _damaged(path, workspace, "does not hold an object")
    return value


def read_json_value(path: Path, workspace: Path) -> object:
    """Read any JSON value from a small file; see `read_json`."""
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            reason = f"has {size:,} bytes, more than any that was written"
            raise _damaged(path, workspace, reason)
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _damaged(path, workspace, "is missing") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, workspace, f"is not JSON ({error})") from error
    return value


def what_is_wrong(error: Exception) -> str:
    """Return the reason of an error without the advice to repair."""
    return str(getattr(error, "reason", error)).removesuffix(f"; {REPAIR}")


def _damaged(path: Path, workspace: Path, what: str) -> WorkspaceDamagedError:
    return WorkspaceDamagedError(workspace, f"{path.name} {what}; {REPAIR}")


def with_checksum(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written as JSON together with `sha256`, a checksum of all the rest."""
    rest = {name: value for name, value in values.items() if name != CHECKSUM}
    return {**rest, CHECKSUM: _checksum_of(rest)}


def checksum_holds(values: Mapping[str, Any]) -> bool:
    """Whether the values of a JSON object are what was written."""
    rest = {name: value for name, value in values.items() if name != CHECKSUM}
    return bool(values.get(CHECKSUM) == _checksum_of(rest))


def canonical(rest: Mapping[str, Any]) -> str:
    """Return the text whose SHA-256 a JSON file has: all entries but that one, sorted."""
    # Names of JSON are strings, and so is their order.
    read = json.loads(json.dumps(rest))
    return json.dumps(read, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def _checksum_of(rest: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(rest).encode("ascii")).hexdigest()


# A quota, and the largest file of a file system, are limits like a full disk; ESTALE is NFS.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_FAILING = {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE}


def checked_path(path: str | Path, name: str = "path") -> Path:
    """Return a path that every library below can use; else raise `ParameterError`."""
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
    replace_file(path, json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def make_folder(path: Path) -> None:
    """Make a folder with those above it, and flush the names of the new ones."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        flush_folder(folder.parent)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def bytes_of(paths: Iterable[Path]) -> int:
    """Return how large files are together, those in folders with them."""
    files = (file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]))
    return sum(file.stat().st_size for file in files if file.is_file())


def check_space(folder: Path, needed: int, workspace: Path, what: str) -> None:
    """Raise `StorageError` unless a disk has room: better now than after an hour of work.

    `folder` need not exist yet; `what` needs the room, such as "the backup".
    """
    there = next((path for path in (folder, *folder.absolute().parents) if path.exists()), None)
    if there is None:
        return
    free = shutil.disk_usage(there).free
    if needed > free:
        about = f"{what} needs about {shown_bytes(needed)}"
        reason = f"{about}, and the disk has {shown_bytes(free)} left"
        raise StorageError(workspace, f"{reason}; free some space and try again")


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
