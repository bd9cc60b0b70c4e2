"""One writer; readers that keep their generation. Both locks die with their process."""

from __future__ import annotations

import json
import math
import os
import socket
import time
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError, WorkspaceLockedError

if TYPE_CHECKING:
    from pathlib import Path

    from filelock import BaseFileLock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_SHORTEST, _LONGEST = 0.01, 0.5
_MOST_BYTES = 1_000


class WriterLock:
    """The writer's lock, held; see `lock_for_writing`."""

    def __init__(self, lock: BaseFileLock, holder: Path) -> None:
        self._lock, self._holder = lock, holder

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._lock.is_locked:
            # As long as the lock is held, the file is ours.
            with suppress(OSError):
                self._holder.unlink()
        self._lock.release()


def lock_for_writing(path: Path, workspace: Path, wait: float | None = None) -> WriterLock:
    """Take the writer's lock.

    Args:
        path: The file that is locked.
        workspace: What it stands for, for messages.
        wait: How many seconds to wait where another holds it, at first looking often, then
            every half second; `math.inf` waits for ever. None, or 0, does not wait.

    Raises:
        WorkspaceLockedError: Another process, or another object of this one, holds it.
        ParameterError: `wait` is no number of seconds.
    """
    # A reader needs no such lock, and should not pay for the import.
    from filelock import FileLock

    check_wait(wait)
    lock, holder = FileLock(path, thread_local=False), path.with_name(HOLDER)
    until, pause = time.monotonic() + (wait or 0), _SHORTEST
    while not _is_taken(lock):
        left = until - time.monotonic()
        if left <= 0:
            raise WorkspaceLockedError(workspace, _told(holder, wait))
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST)
    _introduce(holder)
    return WriterLock(lock, holder)


HOLDER = "writer.json"
"""Who holds the lock, beside it: the lock's own file is emptied by whoever tries to take it."""


def _is_taken(lock: BaseFileLock) -> bool:
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def check_wait(wait: float | None) -> None:
    """Raise `ParameterError` unless this is how long one can wait."""
    if wait is None:
        return
    if isinstance(wait, bool) or not isinstance(wait, int | float) or math.isnan(wait) or wait < 0:
        raise ParameterError("wait", "a number of seconds, 0 or more, or None", wait)


def _introduce(holder: Path) -> None:
    """Say who has the lock; it only makes errors clearer, so nothing depends on it."""
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    with suppress(OSError):
        holder.write_text(json.dumps(facts), encoding="utf-8")


def _told(holder: Path, wait: float | None) -> str:
    told = f"another process is writing to it{_who(holder)}"
    if wait:
        return f"{told}, still after {wait:g} seconds; try again when that is done"
    return f"{told}; try again when that is done, or wait for it (--wait SECONDS)"


def _who(holder: Path) -> str:
    """Name the process, where it is known."""
    try:
        with holder.open("rb") as file:
            facts = json.loads(file.read(_MOST_BYTES))
        # It may be the work of a stranger, and is shown on a terminal.
        pid, host, since = int(facts["pid"]), str(facts["host"]), str(facts["since"])
        known = host.isprintable() and since.isprintable()
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        return ""
    here = "" if host == socket.gethostname() else f" on {host}"
    return f" (process {pid}{here}, since {since})"


def hold(path: Path) -> int:
    """Open a generation's manifest and keep the generation from being removed.

    Returns:
        A file descriptor; closing it, or the end of the process, lets go.
    """
    descriptor = os.open(path, os.O_RDONLY)
    with suppress(AttributeError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def is_held_by_others(path: Path, descriptor: int) -> bool:
    """Return whether others hold what a descriptor of `hold` does. Without locks: yes."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != os.fstat(descriptor).st_ino:
                return True
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except (OSError, AttributeError):
        with suppress(OSError, AttributeError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        return True
    return False


def is_held(path: Path) -> bool:
    """Return whether some reader holds a generation. Where locks are missing: yes."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, AttributeError):
        return True
    return False
