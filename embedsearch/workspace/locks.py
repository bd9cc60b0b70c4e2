"""One writer; readers that keep their generation. Both locks die with their process."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from embedsearch._errors import WorkspaceLockedError

if TYPE_CHECKING:
    from pathlib import Path

    from filelock import BaseFileLock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def lock_for_writing(path: Path, workspace: Path) -> BaseFileLock:
    """Take the writer's lock.

    Raises:
        WorkspaceLockedError: Another process, or another object of this one, holds it.
    """
    # A reader needs no such lock, and should not pay for the import.
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        message = "another process is writing to it; try again when that is done"
        raise WorkspaceLockedError(workspace, message) from error
    return lock


def hold(path: Path) -> int:
    """Open a generation's manifest and keep the generation from being removed.

    Returns:
        A file descriptor; closing it, or the end of the process, lets go.
    """
    descriptor = os.open(path, os.O_RDONLY)
    with suppress(AttributeError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def is_held(path: Path) -> bool:
    """Return whether some reader holds a generation. Where locks are missing: yes."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, AttributeError):
        return True
    return False
