"""A backup: one file with one state of a workspace, which others may read and change meanwhile.

It is a tar file without compression: `backup.json`, which lists every other file with its size
and SHA-256, then these. The lexical index is left out: the first opening makes it again.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from embedsearch._errors import (
    ParameterError,
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceExistsError,
    WorkspaceNotFoundError,
    WorkspaceVersionError,
)
from embedsearch._io import (
    bytes_of,
    check_space,
    disk_errors,
    flush,
    flush_file,
    flush_folder,
    make_folder,
    sha256,
    with_checksum,
)
from embedsearch._messages import quoted
from embedsearch._progress import Progress, listener_of
from embedsearch.store.documents import DocumentStore
from embedsearch.workspace.layout import (
    MANIFEST,
    Layout,
    check_contents,
    check_outside,
    has_only_our_files,
    may_be_in_backup,
)
from embedsearch.workspace.locks import WriterLock, lock_for_writing
from embedsearch.workspace.maintenance.verify import verify_parts
from embedsearch.workspace.preferences import load_preferences
from embedsearch.workspace.schemas import BACKUP, fault_of
from embedsearch.workspace.session import Session
from embedsearch.workspace.staging import Staging, remove_folder, remove_locked, staging

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._progress import Task
    from embedsearch.workspace.generation import ArtifactFolder
    from embedsearch.workspace.state import State

_FORMAT, _KIND = 1, "embedsearch backup"
_LIST = "backup.json"
_NEEDED = {"workspace.json", "documents.sqlite"}
_BLOCK = 1 << 20
# Bounds on what somebody else's file may ask for, well above what is ever written.
_LARGEST_LIST = 16 << 20
_MOST_FILES = 100_000
# A header of ours takes 512 bytes; that of a file of more than 8 GiB, three times as much.
_LARGEST_HEADER = 8 << 10
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup holds.

    Attributes:
        path: The file.
        documents: How many documents it has.
        change: The last change of documents in it.
        bytes: Its size.
        warnings: What is damaged in the workspace, and copied as it is.
    """

    path: str
    documents: int
    change: int
    bytes: int
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Part:
    """A file of a backup, as its list says, and where it is in the workspace."""

    name: str
    path: Path
    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path, name: str) -> _Part:
        return cls(name, path, path.stat().st_size, sha256(path))


# Writing


def write_backup(
    layout: Layout,
    state: State,
    published: list[ArtifactFolder],
    target: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> BackupReport:
    """Write a backup next to its place, flush it, rename it; see `Workspace.backup`.

    `published` are the generation and the vectors that the state names, which the caller holds.
    """
    layout.check_in_place()
    _check_target(target, overwrite)
    listener = listener_of(progress)
    folders = bytes_of(each.folder for each in published)
    # At the end, the copy of the documents and the backup with it both exist.
    check_space(target.parent, 2 * layout.documents_bytes + folders, target, "the backup")
    with disk_errors(target), staging(target, "backing") as stage:
        new, written = Layout(stage.folder), stage.folder / "written"
        documents, change = _copy_store(layout, new.documents, listener)
        state.save(new)
        warnings = _copy_preferences(layout, new)
        facts = {"documents": documents, "change": change}
        _write_archive(written, list(_parts(layout, new, published)), facts, layout, listener)
        flush_file(written)
        size = written.stat().st_size
        # Copying takes long: another process may have made the file meanwhile.
        if not overwrite:
            _check_target(target, overwrite)
        written.replace(target)
        flush_folder(target.parent)
    return BackupReport(str(target), documents, change, size, warnings)


def _check_target(target: Path, overwrite: bool) -> None:
    if target.exists() and not target.is_file():
        allowed = "a name that is not that of a folder, a device or a pipe"
        raise ParameterError("file", allowed, str(target))
    if not target.parent.is_dir():
        raise ParameterError("file", "a name in a folder that exists", str(target))
    check_outside(target, "file")
    if target.exists() and not overwrite:
        raise WorkspaceExistsError(target, "exists already; give --overwrite to replace it")


def _copy_store(layout: Layout, copy: Path, progress: Progress) -> tuple[int, int]:
    """Copy one state of the documents; return how many documents it has, and its last change."""
    with closing(DocumentStore(layout.documents, writable=False)) as store, store.snapshot():
        with progress.task("copying documents", None, "bytes") as task:
            store.copy_to(copy, task.advance)
        return len(store), store.change


def _copy_preferences(layout: Layout, copied: Layout) -> tuple[str, ...]:
    """Copy judgements and weights, if there are any; say what is wrong with them."""
    try:
        # One read, as another process may replace them meanwhile.
        content = layout.preferences.read_bytes()
    except FileNotFoundError:
        return ()
    copied.preferences.write_bytes(content)
    try:
        load_preferences(copied)
    except WorkspaceDamagedError:
        return (f"{layout.preferences.name} is damaged, and was copied as it is",)
    return ()


def _parts(layout: Layout, copied: Layout, published: list[ArtifactFolder]) -> Iterator[_Part]:
    yield _Part.of(copied.state, copied.state.name)
    yield _Part.of(copied.documents, copied.documents.name)
    if copied.preferences.exists():
        yield _Part.of(copied.preferences, copied.preferences.name)
    for each in published:
        folder = each.folder
        place = folder.relative_to(layout.root).as_posix()
        yield _Part.of(folder / MANIFEST, f"{place}/{MANIFEST}")
        # With the hashes that they were published with: damage is noticed while they are copied.
        for name, facts in sorted(each.manifest["files"].items()):
            yield _Part(f"{place}/{name}", folder / name, facts["size"], facts["sha256"])
    for folder in (layout.reports, layout.space):
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if may_be_in_backup(f"{folder.name}/{path.name}"):
                yield _Part.of(path, f"{folder.name}/{path.name}")


def _write_archive(
    written: Path, parts: list[_Part], facts: dict[str, Any], layout: Layout, progress: Progress
) -> None:
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    files = {part.name: {"size": part.size, "sha256": part.sha256} for part in parts}
    head = {"format": _FORMAT, "kind": _KIND, "created": created, **facts, "files": files}
    text = json.dumps(with_checksum(head), ensure_ascii=False, indent=1).encode()
    total = sum(part.size for part in parts)
    with (
        written.open("wb") as file,
        # USTAR has no files above 8 GiB.
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
        progress.task("writing the backup", total, "bytes") as task,
    ):
        tar.addfile(_header(_LIST, len(text)), io.BytesIO(text))
        for part in parts:
            _add(tar, part, task, layout)


def _add(tar: tarfile.TarFile, part: _Part, task: Task, layout: Layout) -> None:
    with part.path.open("rb") as content:
        hashed = _HashedReader(content, task)
        try:
            tar.addfile(_header(part.name, part.size), hashed)
        except (tarfile.TarError, OSError) as error:
            # Without an errno, `tarfile` itself says that the file is shorter than it was.
            if hashed.bytes == part.size or getattr(error, "errno", None) is not None:
                raise
            raise _damaged_part(layout, part) from error
    if hashed.digest() != part.sha256:
        raise _damaged_part(layout, part)


def _damaged_part(layout: Layout, part: _Part) -> WorkspaceDamagedError:
    reason = f"{part.name} is not what was written; run `embedsearch repair`, then back up"
    return WorkspaceDamagedError(layout.root, reason)


def _header(name: str, size: int) -> tarfile.TarInfo:
    # With neither times nor owners of this machine.
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    return header


class _HashedReader:
    """Hashes a file while it is copied."""

    def __init__(self, file: io.BufferedReader, task: Task) -> None:
        self._file, self._task, self._hash = file, task, hashlib.sha256()
        self.bytes = 0

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self._hash.update(block)
        self.bytes += len(block)
        self._task.advance(len(block))
        return block

    def digest(self) -> str:
        return self._hash.hexdigest()


# Restoring


def restore_files(
    source: Path, target: Path, *, overwrite: bool, wait: float | None, progress: Progress
) -> WriterLock:
    """Put the workspace of a backup in its place; return its lock. See `embedsearch.restore`."""
    _check_free(target, overwrite)
    with disk_errors(target):
        make_folder(target.parent)
        _put_replaced_back(target)
        with _open_archive(source) as archive, staging(target, "restoring") as work:
            _unpack(archive, work.folder, target, progress)
            _check_workspace(source, work.folder)
            return _put_in_place(work, target, overwrite, wait)


def _check_free(target: Path, overwrite: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    layout = Layout(target)
    if not target.is_dir() or not (layout.state.exists() or layout.documents.exists()):
        raise WorkspaceExistsError(target, "exists and is not a workspace; choose another path")
    if not overwrite:
        raise WorkspaceExistsError(target, "exists already; give --overwrite to replace it")
    check_contents(target)


class _BoundedReader:
    """A file whose reader cannot ask for more than `left` bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.left = file, _LARGEST_HEADER
        self.tell, self.seek, self.seekable = file.tell, file.seek, file.seekable

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self.left:
            raise tarfile.ReadError("a header is too large")
        self.left -= size
        return self._file.read(size)


class _Archive:
    """A tar file from anybody: of plain files, with headers that need little memory.

    Whatever is wrong with it is a `tarfile.ReadError`; see `_open_archive`.
    """

    def __init__(self, source: Path, file: BinaryIO) -> None:
        self.source, self._file = source, _BoundedReader(file)
        self._tar = tarfile.TarFile(fileobj=cast("BinaryIO", self._file))

    def next(self) -> tarfile.TarInfo | None:
        """Return the next entry; None at the end."""
        self._file.left = _LARGEST_HEADER
        entry = self._tar.next()
        if entry is None:
            return None
        plain = entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not entry.issparse()
        if not plain or entry.size < 0:
            raise tarfile.ReadError(f"{_shown(entry.name)} is not a plain file")
        return entry

    def content(self, entry: tarfile.TarInfo) -> IO[bytes]:
        """Return what is in an entry of `next`."""
        # `tarfile` reads in blocks, and may ask for all of the last one.
        self._file.left = entry.size + _BLOCK
        return cast("IO[bytes]", self._tar.extractfile(entry))

    def files(self) -> dict[str, dict[str, Any]]:
        """Return the size and SHA-256 of each file by its list, which comes first."""
        values = self._list()
        if found := fault_of(values, BACKUP):
            raise tarfile.ReadError(f"in its {_LIST}, {found}")
        files: dict[str, dict[str, Any]] = values["files"]
        if len(files) > _MOST_FILES or not files.keys() >= _NEEDED:
            raise tarfile.ReadError("its list of files is not that of a workspace")
        for name in files:
            if not may_be_in_backup(name):
                raise tarfile.ReadError(f"its list has {_shown(name)}, which is not in a workspace")
        return files

    def _list(self) -> dict[str, Any]:
        entry = self.next()
        if entry is None or entry.name != _LIST:
            raise tarfile.ReadError(f"it does not begin with {_LIST}")
        if entry.size > _LARGEST_LIST:
            raise tarfile.ReadError(f"its {_LIST} is too large")
        try:
            values = json.loads(self.content(entry).read())
        except (ValueError, RecursionError) as error:
            raise tarfile.ReadError(f"its {_LIST} is not JSON") from error
        if not isinstance(values, dict) or values.get("kind") != _KIND:
            raise tarfile.ReadError(f"its {_LIST} is of something else")
        version = values.get("format")
        if type(version) is int and version > _FORMAT:
            reason = f"has format {version}, this embedsearch reads up to {_FORMAT}; upgrade"
            raise WorkspaceVersionError(self.source, reason)
        return values


def _shown(name: str) -> str:
    # It may be a large part of the file.
    return quoted(name, _LONGEST_NAME)


def _broken(source: Path, what: object) -> WorkspaceDamagedError:
    return WorkspaceDamagedError(source, f"no backup, or not what was written: {what}")


@contextmanager
def _open_archive(source: Path) -> Iterator[_Archive]:
    """Open the file; whatever is wrong with it raises one kind of error."""
    if not source.is_file():
        raise WorkspaceNotFoundError(source, "there is no such file")
    try:
        with source.open("rb") as file:
            yield _Archive(source, file)
    except (tarfile.TarError, EOFError, ValueError, ArithmeticError, RecursionError) as error:
        raise _broken(source, error) from error


def _unpack(archive: _Archive, new: Path, target: Path, progress: Progress) -> None:
    left = archive.files()
    total = sum(facts["size"] for facts in left.values())
    if total > archive.source.stat().st_size:
        raise tarfile.ReadError(f"it promises {total:,} bytes, and is not so large")
    check_space(target.parent, total, target, "the workspace")
    with progress.task("restoring", total, "bytes") as task:
        while entry := archive.next():
            _extract(archive, entry, left.pop(entry.name, None), new / entry.name)
            task.advance(entry.size)
    if left:
        raise tarfile.ReadError(f"{min(left)} is missing")


def _extract(
    archive: _Archive, entry: tarfile.TarInfo, facts: dict[str, Any] | None, place: Path
) -> None:
    """Write one file, flushed; it must be what its list says."""
    if facts is None:
        raise tarfile.ReadError(f"{_shown(entry.name)} is twice in it, or not in its list")
    if entry.size != facts["size"]:
        raise tarfile.ReadError(f"{entry.name} does not have the size that its list says")
    content, hashed, left = archive.content(entry), hashlib.sha256(), entry.size
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as file:
        while left and (block := content.read(min(_BLOCK, left))):
            hashed.update(block)
            file.write(block)
            left -= len(block)
        file.flush()
        flush(file.fileno())
    if left or hashed.hexdigest() != facts["sha256"]:
        raise tarfile.ReadError(f"{entry.name} is not what was written")


def _check_workspace(source: Path, new: Path) -> None:
    """Refuse what has the right hashes, but makes no workspace."""
    found = verify_parts(Layout(new), quick=True).problems
    # Search goes on without these.
    problems = [problem for problem in found if problem.part != "preferences"]
    if problems:
        raise _broken(source, str(problems[0]))
    try:
        session = Session(new)
        try:
            # Opening reads no documents yet.
            len(session.store)
        finally:
            session.close()
    except WorkspaceError as error:
        raise _broken(source, error.reason) from error


def _put_in_place(work: Staging, target: Path, overwrite: bool, wait: float | None) -> WriterLock:
    """Rename the new workspace to its place; return its lock, which is held all the time."""
    for folder in (work.folder, *(path for path in work.folder.rglob("*") if path.is_dir())):
        flush_folder(folder)
    _check_free(target, overwrite)
    if target.exists() and any(target.iterdir()):
        return _replace(work, target, wait)
    lock = work.publish(target)
    flush_folder(target.parent)
    return lock


def _replace(work: Staging, target: Path, wait: float | None) -> WriterLock:
    """Put a new workspace in the place of another, and remove that one, with both locks held."""
    before = lock_for_writing(Layout(target).lock, target, wait)
    try:
        old = Layout(target).replaced
        _check_free(target, overwrite=True)
        target.rename(old)
        try:
            lock = work.publish(target)
        except BaseException:
            # Ctrl-C may come when the new one has just got its place.
            if work.folder.exists():
                _put_back(old, target)
            else:
                remove_folder(old)
            raise
        try:
            flush_folder(target.parent)
        finally:
            remove_folder(old)
    finally:
        before.release()
    return lock


def _put_back(old: Path, target: Path) -> None:
    try:
        old.rename(target)
    except OSError as error:
        reason = f"was made by another process meanwhile; what was there before is in {old}"
        raise WorkspaceExistsError(target, reason) from error


def _put_replaced_back(target: Path) -> None:
    """Undo the first renaming of a `restore` that was killed before its second."""
    old = Layout(target).replaced
    if not old.is_dir() or old.is_symlink():
        return
    if not has_only_our_files(old):
        raise WorkspaceExistsError(old, "is in the way; look what it holds, then move it")
    if target.exists() and any(target.iterdir()):
        remove_locked(old)
        if old.exists():
            raise WorkspaceExistsError(old, "is in the way; look what it holds, then remove it")
        return
    # Refused if another process is between the two now.
    lock = lock_for_writing(Layout(old).lock, target)
    try:
        old.rename(target)
    finally:
        lock.release()
