"""Bringing a workspace of an older version to the present one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import WorkspaceDamagedError
from embedsearch._io import checked_path, checksum_holds, place_aside, read_json, storage_errors
from embedsearch._progress import Progress, SilentProgress
from embedsearch.index.lexical.storage import clear, is_of_older_version
from embedsearch.store.documents import DocumentStore
from embedsearch.workspace.contents import check_contents
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.locks import lock_for_writing
from embedsearch.workspace.publishing import clear_temporary, reuse
from embedsearch.workspace.rebuilding import (
    rebuild_generation,
    republish_generation,
    republish_vectors,
)
from embedsearch.workspace.sound_folders import MANIFEST
from embedsearch.workspace.state import State, load_state
from embedsearch.workspace.verifying import MIGRATE, NEEDED, verify_parts
from embedsearch.workspace.word_recovery import recover_words

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class MigrateReport:
    """What a migration did.

    Attributes:
        path: The workspace.
        done: What was done, a sentence each; nothing where there was nothing to do.
        kept: The folder that has what was replaced; None where nothing was.
    """

    path: str
    done: list[str] = field(default_factory=list)
    kept: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def migrate(path: str | Path, *, progress: Progress | None = None) -> MigrateReport:
    """Bring a workspace of an older version to the present one.

    Older workspaces open as they are; what they lack is what later versions have added:
    checksums of the small files, and before there were any, the files for search by meaning.
    What is replaced is kept in a folder `kept-DATE` in the workspace.

    Args:
        path: The workspace.
        progress: A listener.

    Raises:
        WorkspaceNotFoundError: There is no workspace at the path.
        WorkspaceLockedError: Another process is writing.
        WorkspaceDamagedError: It must be repaired first.
        WorkspaceVersionError: A newer embedsearch wrote it.
    """
    layout, listener = Layout(checked_path(path)), progress or SilentProgress()
    load_state(layout)
    check_contents(layout.root)
    with storage_errors(layout.root):
        lock = lock_for_writing(layout.lock, layout.root)
        layout = Layout(layout.root, lock.folder)
        try:
            _check_sound(layout, listener)
            return _migrated(layout, load_state(layout), listener)
        finally:
            clear_temporary(layout)
            lock.release()


def _check_sound(layout: Layout, progress: Progress) -> None:
    for problem in verify_parts(layout, progress=progress).problems:
        if problem.advice != MIGRATE:
            raise WorkspaceDamagedError(layout.root, str(problem))


def _migrated(layout: Layout, state: State, progress: Progress) -> MigrateReport:
    report, new = MigrateReport(str(layout.root)), state
    if state.generation is not None and _is_old(layout.generation(state.generation).manifest):
        _keep(layout, report, layout.generation(state.generation).root)
        new = replace(new, generation=_new_generation(layout, state.generation, progress))
        report.done.append(f"generation {state.generation} was written as {new.generation}")
    if state.vectors is not None and _is_old(layout.vectors_of(state.vectors).manifest):
        _keep(layout, report, layout.vectors_of(state.vectors).root)
        new = replace(new, vectors=republish_vectors(layout, state.vectors))
        report.done.append(f"vectors {state.vectors} were written as {new.vectors}")
    if new != state or _is_old(layout.state):
        _keep(layout, report, layout.state)
        new.save(layout)
        report.done.append("workspace.json was written with a checksum")
    if is_of_older_version(layout.lexical):
        clear(layout.lexical)
        report.done.append("the lexical index of an older version went; the next search makes it")
    return report


def _is_old(path: Path) -> bool:
    values = read_json(path, path.parent)
    incomplete = path.name == MANIFEST and path.parent.parent.name == "generations"
    if incomplete and not set(NEEDED) <= values["files"].keys():
        return True
    return checksum_holds(values) is None


def _new_generation(layout: Layout, number: int, progress: Progress) -> int:
    manifest = read_json(layout.generation(number).manifest, layout.root)
    if set(NEEDED) <= manifest["files"].keys():
        return republish_generation(layout, number)
    store = DocumentStore(layout.record, writable=False)
    try:
        scratch = layout.temporary / "words"
        tokenizer = load_state(layout).tokenizer
        words = recover_words(layout, number, store, tokenizer, scratch, progress)
        if words is None:
            raise WorkspaceDamagedError(layout.root, f"generation {number} has no words")
        return rebuild_generation(layout, store, words, progress)
    finally:
        store.close()


def _keep(layout: Layout, report: MigrateReport, path: Path) -> None:
    if report.kept is None:
        report.kept = str(place_aside(layout.root, "kept"))
    for file in _files_of(path):
        target = Path(report.kept) / file.relative_to(layout.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        reuse(file, target)


def _files_of(path: Path) -> Iterator[Path]:
    yield from sorted(path.iterdir()) if path.is_dir() else [path]
