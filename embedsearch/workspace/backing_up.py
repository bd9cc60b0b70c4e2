"""A backup: one file with one state of a workspace, which others may be reading and changing.

It is a tar file without compression. First comes `backup.json`, which lists every other file
with its size and SHA-256; then these. What follows from the record is left out where it can be
made again from it: the lexical index, which the first opening makes.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from embedsearch._errors import ParameterError, WorkspaceDamagedError, WorkspaceExistsError
from embedsearch._io import disk_errors, flush_file, flush_folder, sha256, with_checksum
from embedsearch._progress import Progress, SilentProgress
from embedsearch.store.documents import DocumentStore
from embedsearch.workspace.contents import check_outside, may_be_in_backup
from embedsearch.workspace.disk_space import check_space, record_bytes
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.staging import staging

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._progress import Task
    from embedsearch.workspace.generation import ArtifactFolder
    from embedsearch.workspace.state import State

BACKUP_FORMAT = 1
LIST, KIND = "backup.json", "embedsearch backup"
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup holds.

    Attributes:
        path: The file.
        documents: How many documents it has.
        change: The last change of documents in it.
        bytes: Its size.
    """

    path: str
    documents: int
    change: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    path: Path
    size: int
    sha256: str


def write_backup(
    layout: Layout,
    state: State,
    published: list[ArtifactFolder],
    target: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> BackupReport:
    """Write a backup beside its place, flush it, rename it; see `Workspace.backup`.

    Args:
        layout: The workspace.
        state: What is backed up; it names what is in `published`.
        published: The generation and the vectors, which the caller holds.
        target: The file.
        overwrite: Replace a file that is there.
        progress: A listener.
    """
    layout.check_in_place()
    _check_target(target, overwrite)
    listener = progress or SilentProgress()
    folders = [each.folder for each in published]
    room = 2 * record_bytes(layout) + sum(sum(_sizes(folder)) for folder in folders)
    check_space(target.parent, room, target, "the backup")
    with disk_errors(target), staging(target, "backing") as stage:
        work = stage.folder
        documents, change = _copy_record(layout, work, listener)
        new = Layout(work)
        state.save(new)
        parts = [_part(new.state, new.state.name), _part(new.record, new.record.name)]
        for each in published:
            parts += _listed(layout, each)
        parts += [
            _part(path, f"reports/{path.name}")
            for path in (sorted(layout.reports.iterdir()) if layout.reports.is_dir() else [])
            if may_be_in_backup(f"reports/{path.name}")
        ]
        facts = {"documents": documents, "change": change}
        written = work / "written"
        _write(written, parts, facts, layout, listener)
        flush_file(written)
        size = written.stat().st_size
        if not overwrite:
            _check_target(target, overwrite)
        written.replace(target)
        flush_folder(target.parent)
    return BackupReport(str(target), documents, change, size)


def _check_target(target: Path, overwrite: bool) -> None:
    if target.exists() and not target.is_file():
        allowed = "a name that is not that of a folder, a device or a pipe"
        raise ParameterError("file", allowed, str(target))
    if not target.parent.is_dir():
        raise ParameterError("file", "a name in a folder that is there", str(target))
    check_outside(target, "file")
    if target.exists() and not overwrite:
        raise WorkspaceExistsError(target, "is there already; give --overwrite to replace it")


def _copy_record(layout: Layout, work: Path, progress: Progress) -> tuple[int, int]:
    """Copy one state of the record; return how many documents it has, and its last change."""
    store = DocumentStore(layout.record, writable=False)
    copy = Layout(work).record
    try:
        with store.snapshot(), progress.task("copying documents", None, "bytes") as task:
            store.copy_to(copy, task.advance)
            return len(store), store.change
    finally:
        store.close()


def _sizes(folder: Path) -> Iterator[int]:
    return (path.stat().st_size for path in folder.iterdir())


def _part(path: Path, name: str) -> _Part:
    return _Part(name, path, path.stat().st_size, sha256(path))


def _listed(layout: Layout, each: ArtifactFolder) -> Iterator[_Part]:
    """Yield the files of a generation, with the hashes that they were published with."""
    folder = each.folder
    manifest = folder / "manifest.json"
    place = folder.relative_to(layout.root).as_posix()
    yield _part(manifest, f"{place}/{manifest.name}")
    for name, facts in sorted(each.manifest["files"].items()):
        yield _Part(f"{place}/{name}", folder / name, facts["size"], facts["sha256"])


def _write(
    written: Path, parts: list[_Part], facts: dict[str, Any], layout: Layout, progress: Progress
) -> None:
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    files = {part.name: {"size": part.size, "sha256": part.sha256} for part in parts}
    head = {"format": BACKUP_FORMAT, "kind": KIND, "created": created, **facts, "files": files}
    text = json.dumps(with_checksum(head), ensure_ascii=False, indent=1).encode()
    total = sum(part.size for part in parts)
    with (
        written.open("wb") as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
        progress.task("writing the backup", total, "bytes") as task,
    ):
        tar.addfile(_entry(LIST, len(text)), io.BytesIO(text))
        for part in parts:
            with part.path.open("rb") as content:
                hashed = _Hashed(content, task)
                try:
                    tar.addfile(_entry(part.name, part.size), hashed)
                except (tarfile.TarError, OSError) as error:
                    # A file that is shorter than it was.
                    if hashed.bytes == part.size or getattr(error, "errno", None) is not None:
                        raise
                    raise _damaged(layout, part) from error
            if hashed.digest() != part.sha256:
                raise _damaged(layout, part)


def _damaged(layout: Layout, part: _Part) -> WorkspaceDamagedError:
    reason = f"{part.name} is not what was written; run `embedsearch repair`, then back up"
    return WorkspaceDamagedError(layout.root, reason)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry


class _Hashed:
    """Hashes a file while it is copied."""

    def __init__(self, file: io.BufferedReader, task: Task) -> None:
        self._file, self._task, self._hash = file, task, hashlib.sha256()
        self.bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Read and hash."""
        block = self._file.read(size)
        self._hash.update(block)
        self.bytes += len(block)
        self._task.advance(len(block))
        return block

    def digest(self) -> str:
        """Return the hash of what was read."""
        return self._hash.hexdigest()
