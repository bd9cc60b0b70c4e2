"""One writer; readers that keep their generation. Both locks die with their process."""

from __future__ import annotations

import json
import os
import time
import weakref
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from embedsearch._checks import as_number
from embedsearch._errors import ParameterError, WorkspaceLockedError, WorkspaceNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from filelock import BaseFileLock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HOLDER = "writer.json"
"""Who holds the lock, beside it: the lock's own file is emptied by whoever tries to take it."""

# Pauses between two looks at a lock, in seconds: a short wait ends soon, a long one costs little.
_SHORTEST, _LONGEST = 0.01, 0.5
# Of the file that names the holder, which has about 100.
_MOST_BYTES = 1_000


class OpenFolder:
    """An open folder: it is recognised wherever it is moved, and after it was removed.

    As long as it is open, no other folder gets its inode number.
    """

    def __init__(self, path: Path) -> None:
        # A path alone needs no permission to list the folder. Windows opens no folders.
        flags = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0)
        self._descriptor = os.open(path, flags) if os.name == "posix" else None
        self._close = weakref.finalize(self, _close_if_open, self._descriptor)

    @property
    def closed(self) -> bool:
        """Whether it was let go of: its descriptor may be that of something else by now."""
        return not self._close.alive

    def is_at(self, path: Path) -> bool:
        """Whether it is open, and what the path names."""
        if self.closed:
            return False
        if self._descriptor is None:
            return path.is_dir()
        try:
            return os.path.samestat(os.fstat(self._descriptor), path.stat())
        except (OSError, ValueError):
            return False

    def unlink(self, path: Path) -> None:
        """Remove a file from it, wherever the folder is now; no error if that fails."""
        with suppress(OSError):
            if self._descriptor is None:
                path.unlink()
            else:
                os.unlink(path.name, dir_fd=self._descriptor)

    def close(self) -> None:
        """Let go of it; safe to call twice."""
        self._close()


def _close_if_open(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


class WriterLock:
    """The writer's lock, held; see `lock_for_writing`. It moves along with its folder."""

    def __init__(self, lock: BaseFileLock, holder: Path, folder: OpenFolder) -> None:
        self._lock, self._holder, self.folder = lock, holder, folder

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._lock.is_locked:
            # As long as the lock is held, the file is ours.
            self.folder.unlink(self._holder)
        self._lock.release()
        self.folder.close()


def lock_for_writing(path: Path, workspace: Path, wait: float | None = None) -> WriterLock:
    """Take the writer's lock, or raise `WorkspaceLockedError` after so many seconds.

    `wait` may be `math.inf`; None, or 0, does not wait. Another object of this process counts as
    another process. `WorkspaceNotFoundError` if the folder went while this waited.
    """
    check_wait(wait)
    until, pause = time.monotonic() + (wait or 0), _SHORTEST
    while (lock := _try_lock(path)) is None:
        left = until - time.monotonic()
        if left <= 0:
            raise WorkspaceLockedError(workspace, _refusal(path.with_name(HOLDER), wait))
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST)
    _write_holder(path.with_name(HOLDER))
    return lock


def is_locked(path: Path) -> bool:
    """Whether a process holds a writer's lock."""
    # To try a lock that is free would refuse it to others for a moment.
    if not path.with_name(HOLDER).exists():
        return False
    try:
        lock = _try_lock(path)
    except (WorkspaceNotFoundError, OSError):
        return False
    if lock is not None:
        lock.release()
    return lock is None


def named_writer(path: Path) -> str:
    """Return who holds a writer's lock, for a message."""
    return f"another process{_who(path.with_name(HOLDER))}"


def _try_lock(path: Path) -> WriterLock | None:
    """Take a lock; None if another has it, or the folder was replaced in this moment."""
    # A reader needs no such lock, and should not pay for the import.
    from filelock import FileLock, Timeout

    # Another thread may close the workspace than the one that opened it.
    lock = FileLock(path, thread_local=False)
    try:
        folder = OpenFolder(path.parent)
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except FileNotFoundError as error:
        raise WorkspaceNotFoundError(path.parent, "there is no such folder") from error
    if folder.is_at(path.parent):
        return WriterLock(lock, path.with_name(HOLDER), folder)
    lock.release()
    return None


def check_wait(wait: float | None) -> None:
    """Raise `ParameterError` unless this is how long one can wait."""
    if wait is None:
        return
    seconds = as_number(wait)
    # `math.inf` waits for ever; comparisons with NaN are false.
    if seconds is None or not seconds >= 0:
        raise ParameterError("wait", "a number of seconds, 0 or more, or None", wait)


def _write_holder(holder: Path) -> None:
    """Write down who has the lock; it only makes errors clearer, so nothing depends on it."""
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    facts = {"pid": os.getpid(), "host": _host(), "since": since}
    with suppress(OSError):
        holder.write_text(json.dumps(facts), encoding="utf-8")


def _refusal(holder: Path, wait: float | None) -> str:
    reason = f"another process is writing to it{_who(holder)}"
    if wait:
        return f"{reason}, still after {wait:g} seconds; try again when that is done"
    return f"{reason}; try again when that is done, or wait for it (--wait SECONDS)"


def _who(holder: Path) -> str:
    """Name the process, if it is known."""
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
    here = "" if host == _host() else f" on {host}"
    return f" (process {pid}{here}, since {since})"


def _host() -> str:
    # Only writers name themselves, and readers should not pay for the import.
    from socket import gethostname

    return gethostname()


def hold(path: Path) -> int:
    """Open a manifest and keep its folder from being removed, until the descriptor is closed."""
    descriptor = os.open(path, os.O_RDONLY)
    with suppress(AttributeError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def is_same_file(path: Path, descriptor: int) -> bool:
    """Whether a path names the file that a descriptor is of."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def is_held_by_others(path: Path, descriptor: int) -> bool:
    """Whether others hold what a descriptor of `hold` does; on Windows, yes."""
    if not is_same_file(path, descriptor):
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except (OSError, AttributeError):
        with suppress(OSError, AttributeError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        return True
    return False


def is_held(path: Path) -> bool:
    """Whether some reader holds a generation; on Windows, which has no `flock`, yes."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, AttributeError):
        return True
    return False
