"""A workspace from a backup: everything is checked before anything takes its place."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from embedsearch._errors import (
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceExistsError,
    WorkspaceNotFoundError,
    WorkspaceVersionError,
)
from embedsearch._io import checked_path, disk_errors, flush, flush_folder, make_folder
from embedsearch._progress import Progress, SilentProgress
from embedsearch.workspace.backing_up import BACKUP_FORMAT, BLOCK, KIND, LIST
from embedsearch.workspace.contents import check_contents, is_made_of_ours, may_be_in_backup
from embedsearch.workspace.disk_space import check_space
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.locks import WriterLock, check_wait, lock_for_writing
from embedsearch.workspace.schemas import BACKUP, fault_of
from embedsearch.workspace.session import Session
from embedsearch.workspace.staging import Staging, remove_locked, resolved, staging
from embedsearch.workspace.verifying import verify_parts
from embedsearch.workspace.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NEEDED = {"workspace.json", "documents.sqlite"}
_LARGEST_LIST = 16 << 20
# A header of ours takes 512 bytes; that of a file of more than 8 GiB, three times as much.
_LARGEST_HEADER = 8 << 10
_LONGEST_NAME = 200
_MOST_FILES = 100_000
_REPLACED = "replaced"


class _Promised(NamedTuple):
    size: int
    sha256: str


class _Bounded:
    """A file of which only so much can be read as was said before."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.left = file, _LARGEST_HEADER
        self.tell, self.seek, self.seekable = file.tell, file.seek, file.seekable

    def read(self, size: int) -> bytes:
        """Read.

        Raises:
            tarfile.ReadError: More than was said.
        """
        if not 0 <= size <= self.left:
            raise tarfile.ReadError("a header is too large")
        self.left -= size
        return self._file.read(size)


class _Archive:
    """A tar file from anybody: of plain files, with headers that need little memory."""

    def __init__(self, source: Path, file: BinaryIO) -> None:
        self.source, self._file = source, _Bounded(file)
        self._tar = tarfile.TarFile(fileobj=cast("BinaryIO", self._file))

    def next(self) -> tarfile.TarInfo | None:
        """Return the next entry; None at the end."""
        self._file.left = _LARGEST_HEADER
        entry = self._tar.next()
        if entry is None:
            return None
        plain = entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not entry.issparse()
        if not plain or entry.size < 0:
            raise _broken(self.source, f"{_shown(entry.name)} is not a plain file")
        return entry

    def content(self, entry: tarfile.TarInfo) -> IO[bytes]:
        """Return what is in an entry of `next`."""
        # It is read in blocks, the last of which may be asked for as a whole.
        self._file.left = entry.size + BLOCK
        content = self._tar.extractfile(entry)
        if content is None:
            raise _broken(self.source, f"{_shown(entry.name)} is not a plain file")
        return content


def restore(
    file: str | Path,
    path: str | Path,
    *,
    overwrite: bool = False,
    wait: float | None = None,
    progress: Progress | None = None,
) -> Workspace:
    """Make a workspace of a backup.

    The file may come from anybody: nothing is written but the files of a workspace, at their
    places, of the sizes and hashes that its list has, and only where there is room for all.

    Args:
        file: What `Workspace.backup` wrote.
        path: Where the workspace is to be.
        overwrite: Replace a workspace that is there; it stays until the new one is complete.
        wait: How long to wait for another process that writes to that one; see `Workspace`.
        progress: A listener.

    Returns:
        The workspace, open for writing.

    Raises:
        WorkspaceNotFoundError: There is no such file.
        WorkspaceDamagedError: It is no backup, or not what was written.
        WorkspaceVersionError: A newer embedsearch wrote it.
        WorkspaceExistsError: There is something at the path, and `overwrite` is off; or it is
            not a workspace.
        WorkspaceLockedError: Another process is writing to the workspace that is there.
        StorageError: There is too little room.
    """
    source, path = checked_path(file, "file"), checked_path(path)
    check_wait(wait)
    target = resolved(path)
    _check_free(target, overwrite)
    with disk_errors(target):
        make_folder(target.parent)
        _bring_back(target)
        with _opened(source) as archive, staging(target, "restoring") as work:
            _unpack(archive, work.folder, target, progress or SilentProgress())
            _check(source, work.folder)
            lock = _put_in_place(work, target, overwrite, wait)
    try:
        return Workspace.of(Session(path, "w", lock=lock))
    except BaseException:
        lock.release()
        raise


def _check_free(target: Path, overwrite: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    layout = Layout(target)
    if not target.is_dir() or not (layout.state.exists() or layout.record.exists()):
        raise WorkspaceExistsError(target, "exists and is not a workspace; choose another path")
    if not overwrite:
        raise WorkspaceExistsError(target, "exists already; give --overwrite to replace it")
    check_contents(target)


@contextmanager
def _opened(source: Path) -> Iterator[_Archive]:
    """Open the file; all that is wrong with it is told as one kind of error."""
    if not source.is_file():
        raise WorkspaceNotFoundError(source, "there is no such file")
    try:
        with source.open("rb") as file:
            yield _Archive(source, file)
    except (tarfile.TarError, EOFError, ValueError, ArithmeticError, RecursionError) as error:
        raise _broken(source, f"it cannot be read ({error})") from error


def _broken(source: Path, what: str) -> WorkspaceDamagedError:
    return WorkspaceDamagedError(source, f"no backup, or not what was written: {what}")


def _unpack(archive: _Archive, new: Path, target: Path, progress: Progress) -> None:
    source, promised = archive.source, _list(archive)
    total = sum(part.size for part in promised.values())
    if total > source.stat().st_size:
        raise _broken(source, f"it promises {total:,} bytes, and is not so large")
    check_space(target.parent, total, target, "the workspace")
    left = dict(promised)
    with progress.task("restoring", total, "bytes") as task:
        while entry := archive.next():
            part = left.pop(entry.name, None)
            if part is None:
                raise _broken(source, f"{_shown(entry.name)} is twice in it, or not in its list")
            if entry.size != part.size:
                raise _broken(source, f"{entry.name} has not the size that its list says")
            _take(archive, entry, part, new / entry.name)
            task.advance(part.size)
    if left:
        raise _broken(source, f"{min(left)} is missing")


def _list(archive: _Archive) -> dict[str, _Promised]:
    source, entry = archive.source, archive.next()
    if entry is None or entry.name != LIST:
        raise _broken(source, f"it does not begin with {LIST}")
    if entry.size > _LARGEST_LIST:
        raise _broken(source, f"its {LIST} is too large")
    try:
        values = json.loads(archive.content(entry).read())
    except (ValueError, RecursionError) as error:
        raise _broken(source, f"its {LIST} is not JSON") from error
    if not isinstance(values, dict) or values.get("kind") != KIND:
        raise _broken(source, f"its {LIST} is of something else")
    version = values.get("format")
    if type(version) is int and version > BACKUP_FORMAT:
        reason = f"has format {version}, this embedsearch reads up to {BACKUP_FORMAT}; upgrade"
        raise WorkspaceVersionError(source, reason)
    if found := fault_of(values, BACKUP):
        raise _broken(source, f"in its {LIST}, {found}")
    if "sha256" not in values:
        raise _broken(source, f"its {LIST} has no checksum")
    return _promises(values["files"], source)


def _promises(files: dict[str, Any], source: Path) -> dict[str, _Promised]:
    if len(files) > _MOST_FILES or not files.keys() >= _NEEDED:
        raise _broken(source, "its list of files is not that of a workspace")
    for name in files:
        if not may_be_in_backup(name):
            raise _broken(source, f"its list has {_shown(name)}, which is not in a workspace")
    return {name: _Promised(facts["size"], facts["sha256"]) for name, facts in files.items()}


def _shown(name: str) -> str:
    """Quote a name from the file, of which it may be a large part."""
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}...")


def _take(archive: _Archive, entry: tarfile.TarInfo, part: _Promised, place: Path) -> None:
    """Write one file, flushed; it must be what its list says."""
    content, hashed, left = archive.content(entry), hashlib.sha256(), part.size
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as file:
        while left and (block := content.read(min(BLOCK, left))):
            hashed.update(block)
            file.write(block)
            left -= len(block)
        file.flush()
        flush(file.fileno())
    if left or hashed.hexdigest() != part.sha256:
        raise _broken(archive.source, f"{entry.name} is not what was written")


def _check(source: Path, new: Path) -> None:
    """Refuse what has the right hashes, but makes no workspace."""
    problems = verify_parts(Layout(new), quick=True).problems
    if problems:
        raise _broken(source, str(problems[0]))
    try:
        with Workspace(new) as restored:
            # It opens the documents when it is asked for one.
            len(restored.documents)
    except WorkspaceError as error:
        raise _broken(source, error.reason) from error


def _put_in_place(work: Staging, target: Path, overwrite: bool, wait: float | None) -> WriterLock:
    """Rename the new workspace to its place; return its lock, which is held all the time."""
    for folder in (work.folder, *(path for path in work.folder.rglob("*") if path.is_dir())):
        flush_folder(folder)
    _check_free(target, overwrite)
    if target.exists() and any(target.iterdir()):
        return _replaced(work, target, wait)
    lock = work.publish(target)
    flush_folder(target.parent)
    return lock


def _replaced(work: Staging, target: Path, wait: float | None) -> WriterLock:
    """Put a new workspace in the place of another, and remove that one, with both locks held."""
    before = lock_for_writing(Layout(target).lock, target, wait)
    try:
        old = _aside(target)
        _check_free(target, overwrite=True)
        target.rename(old)
        try:
            lock = work.publish(target)
        except BaseException:
            _put_back(old, target)
            raise
        flush_folder(target.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        before.release()
    return lock


def _put_back(old: Path, target: Path) -> None:
    try:
        old.rename(target)
    except OSError as error:
        reason = f"was made by another process meanwhile; what was there before is in {old}"
        raise WorkspaceExistsError(target, reason) from error


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{_REPLACED}")


def _bring_back(target: Path) -> None:
    """Mend what a restoring has left that was killed between its two renamings.

    Raises:
        WorkspaceLockedError: Another process is between them now.
        WorkspaceExistsError: What is there cannot be removed, and is in the way.
    """
    old = _aside(target)
    if not old.is_dir() or old.is_symlink():
        return
    if not is_made_of_ours(old):
        raise WorkspaceExistsError(old, "is in the way; look what it holds, then move it")
    if target.exists() and any(target.iterdir()):
        remove_locked(old)
        if old.exists():
            raise WorkspaceExistsError(old, "is in the way; look what it holds, then remove it")
        return
    lock = lock_for_writing(Layout(old).lock, target)
    try:
        old.rename(target)
    finally:
        lock.release()
