"""Staging folders: work is done next to its place, then renamed into it."""

from __future__ import annotations

import errno
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from embedsearch._errors import WorkspaceExistsError, WorkspaceLockedError, WorkspaceNotFoundError
from embedsearch.workspace.layout import Layout, enclosing_workspace
from embedsearch.workspace.locks import WriterLock, is_locked, lock_for_writing

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("building", "restoring", "backing")
# Each is lost only to a process that clears up in the instant between a folder and its lock.
_MOST_ATTEMPTS = 100
_ENDING = re.compile("[0-9a-f]{16}")  # As `token_hex(8)` makes them.


class Staging:
    """A hidden folder whose lock is held."""

    def __init__(self, folder: Path, lock: WriterLock) -> None:
        self.folder = folder
        self._lock, self._published = lock, False

    def publish(self, target: Path) -> WriterLock:
        """Rename the folder to its place, and pass on its lock, which was held all the time.

        Raises `WorkspaceExistsError` if others have put something there meanwhile.
        """
        try:
            self.folder.rename(target)
        except (FileExistsError, NotADirectoryError) as error:
            raise _already_made(target) from error
        except OSError as error:
            if target.is_dir() and any(target.iterdir()):
                raise _already_made(target) from error
            if error.errno in (errno.EBUSY, errno.EXDEV):
                reason = "is a disk of its own, and cannot be replaced; choose a path in it"
                raise WorkspaceExistsError(target, reason) from error
            raise
        self._published = True
        return self._lock

    def remove(self) -> None:
        """Remove the folder while its lock is held, unless it was published."""
        if self._published:
            return
        try:
            remove_folder(self.folder)
        finally:
            self._lock.release()


def remove_folder(folder: Path) -> None:
    """Remove a folder that nobody else uses, as far as that is possible."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        # Ctrl-C in the middle of it: half a folder would stay until the next work here.
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def staging(path: Path, kind: str) -> Iterator[Staging]:
    """Make a hidden folder beside a path; it is removed at the end, unless it is published.

    Those that killed processes have left are removed first. `kind` is one of `KINDS`.
    """
    remove_unfinished(path)
    work = _make(path, kind)
    try:
        yield work
    finally:
        work.remove()


def _make(path: Path, kind: str) -> Staging:
    for _ in range(_MOST_ATTEMPTS):
        folder = path.with_name(f".{path.name}.{kind}-{token_hex(8)}")
        try:
            # An interrupt may come as soon as the folder is there.
            folder.mkdir()
            return Staging(folder, lock_for_writing(Layout(folder).lock, folder))
        except (WorkspaceLockedError, WorkspaceNotFoundError):
            # Before it had its lock, another process took it for one that was left behind.
            continue
        except BaseException:
            # Nobody else knows this name.
            shutil.rmtree(folder, ignore_errors=True)
            raise
    raise WorkspaceLockedError(path, "other processes keep working there; try again")


def under_construction(path: Path) -> Path | None:
    """Return the staging folder in which a process is making a workspace for a path."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        return None
    folders = (f for kind in KINDS for f in _named(target.parent, f".{target.name}.{kind}-"))
    return next((folder for folder in folders if is_locked(Layout(folder).lock)), None)


def is_unfinished(path: Path) -> bool:
    """Whether a path is that of a folder that `staging` makes."""
    return path.name.startswith(".") and any(f".{kind}-" in path.name for kind in KINDS)


def remove_unfinished(path: Path) -> None:
    """Remove what killed processes have left next to a path."""
    for kind in KINDS:
        prefix = f".{path.name}.{kind}-"
        for folder in _named(path.parent, prefix):
            remove_locked(folder)


def remove_locked(folder: Path) -> bool:
    """Remove a folder if no process works in it; return whether it was removed."""
    try:
        lock = lock_for_writing(Layout(folder).lock, folder)
    except (WorkspaceLockedError, WorkspaceNotFoundError, OSError):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    return True


def resolve_target(path: Path) -> Path:
    """Return where a workspace is to be made or replaced; a link stays, and leads to it.

    Raises `WorkspaceExistsError` if that is in another workspace or in a file, or is the current
    folder or above it: replacing it would leave this process, and the shell, without one.
    """
    real = Path(os.path.realpath(path))
    if (outer := enclosing_workspace(real)) is not None:
        raise WorkspaceExistsError(
            outer, "is a workspace, and has no other in it; choose another path"
        )
    there = next((folder for folder in real.parents if folder.exists()), real)
    if not there.is_dir():
        raise WorkspaceExistsError(there, "is not a folder; choose another path")
    if Path(os.path.realpath(Path.cwd())).is_relative_to(real):
        raise WorkspaceExistsError(path, "is the current folder, or above it; choose another path")
    return real if path.is_symlink() or path.name == ".." else path


def _already_made(target: Path) -> WorkspaceExistsError:
    return WorkspaceExistsError(target, "was made by another process meanwhile")


def _named(parent: Path, prefix: str) -> list[Path]:
    # Not by a pattern: the name of a workspace may have brackets.
    return [
        path
        for path in parent.iterdir()
        if path.name.startswith(prefix)
        and _ENDING.fullmatch(path.name.removeprefix(prefix))
        and path.is_dir()
        and not path.is_symlink()
    ]
