"""Files that are replaced as a whole, or left as they were, and small ones of JSON."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from embedsearch._errors import WorkspaceDamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

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


def checksum_holds(values: Mapping[str, Any]) -> bool | None:
    """Tell whether values that were read are what was written; None where they cannot tell.

    Args:
        values: A JSON object; files of older versions have no checksum.
    """
    rest = {name: value for name, value in values.items() if name != CHECKSUM}
    if CHECKSUM in values:
        return bool(values[CHECKSUM] == _checksum_of(rest))
    # With a bit of its name flipped, a checksum must not pass for a file without one.
    return False if any(map(looks_like_a_checksum, rest.values())) else None


def canonical(rest: Mapping[str, Any]) -> str:
    """Return the text whose SHA-256 a JSON file has: all entries but that one, sorted."""
    # Names of JSON are strings, and so is their order.
    read = json.loads(json.dumps(rest))
    return json.dumps(read, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def _checksum_of(rest: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(rest).encode("ascii")).hexdigest()


def looks_like_a_checksum(value: object) -> bool:
    """Tell whether a value may be a SHA-256 in hexadecimal."""
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")
