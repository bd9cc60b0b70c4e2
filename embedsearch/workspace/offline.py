"""What is done to a workspace that is not open: repairing it, restoring it from a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._io import checked_path
from embedsearch._progress import Progress, SilentProgress
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.locks import check_wait
from embedsearch.workspace.maintenance.backup import restore_files
from embedsearch.workspace.maintenance.repair import RepairReport, repair_parts
from embedsearch.workspace.maintenance.verify import verify_parts
from embedsearch.workspace.session import Session
from embedsearch.workspace.staging import resolve_target
from embedsearch.workspace.state import load_state
from embedsearch.workspace.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


def repair(
    path: str | Path,
    *,
    dry_run: bool = False,
    retrain: bool = False,
    progress: Progress | None = None,
) -> RepairReport:
    """Make a workspace sound again.

    What follows from the rest is made again. Of a damaged store every document is kept whose
    text, title and metadata are what was written; of damaged vectors, the user's own and those
    of words, every row that is what was written or that an index has. The damaged originals
    are moved to a folder `damaged-DATE` in the workspace.

    Args:
        path: The workspace.
        dry_run: Say what would be done, and which documents would be lost; change nothing.
        retrain: Train again if no word vectors are left.
        progress: A listener.

    Raises:
        WorkspaceNotFoundError: There is no workspace at the path.
        WorkspaceLockedError: Another process is writing.
        WorkspaceDamagedError: There are links in it, which only its owner can judge.
        WorkspaceVersionError: Another version of embedsearch wrote it.
    """
    layout, listener = Layout(checked_path(path)), progress or SilentProgress()
    report = RepairReport(str(layout.root))
    damaged = repair_parts(layout, report, listener, dry_run=dry_run)
    if damaged and not dry_run:
        _bring_up_to_date(layout, report, listener, retrain=retrain)
        report.remaining = verify_parts(layout, progress=listener).problems
    return report


def _bring_up_to_date(
    layout: Layout, report: RepairReport, progress: Progress, *, retrain: bool
) -> None:
    with Workspace(layout.root, "w") as workspace:
        if report.untrained and retrain and len(workspace.documents):
            workspace.train(progress=progress)
            report.untrained = False
            report.done.append("word vectors were trained again")
        elif load_state(layout).generation is not None:
            workspace.index(progress=progress)


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
    places, of the sizes and hashes that its list has, and only if there is room for all.

    Args:
        file: What `Workspace.backup` wrote.
        path: Where the workspace is to be.
        overwrite: Replace an existing workspace; it stays until the new one is complete.
        wait: How long to wait for another process that writes to that one; see `Workspace`.
        progress: A listener.

    Returns:
        The workspace, open for writing.

    Raises:
        WorkspaceNotFoundError: There is no such file.
        WorkspaceDamagedError: It is no backup, or not what was written.
        WorkspaceVersionError: Another version of embedsearch wrote it.
        WorkspaceExistsError: The path exists, and `overwrite` is off, or it is not a workspace.
        WorkspaceLockedError: Another process is writing to the existing workspace.
        StorageError: There is too little room.
    """
    source, path = checked_path(file, "file"), checked_path(path)
    check_wait(wait)
    listener = progress or SilentProgress()
    lock = restore_files(
        source, resolve_target(path), overwrite=overwrite, wait=wait, progress=listener
    )
    try:
        return Workspace.of(Session(path, "w", lock=lock))
    except BaseException:
        lock.release()
        raise
