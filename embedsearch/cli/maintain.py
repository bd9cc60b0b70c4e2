"""Maintenance: `verify`, `repair`, `migrate`, `backup`, `restore` and `compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch import workspace as facade
from embedsearch._messages import counted, shown_bytes
from embedsearch.cli.options import (
    json_option,
    on_workspace,
    quiet_option,
    wait_option,
    workspace_option,
)
from embedsearch.cli.output import echo, echo_err, json_line, write

if TYPE_CHECKING:
    from embedsearch.workspace import Progress, RepairReport, Workspace


# About a screen; --json has all.
_SHOWN = 20


@click.command()
@workspace_option
@click.option("--quick", is_flag=True, help="Check sizes and pages, but not contents.")
@json_option
@quiet_option
@click.pass_context
def verify(
    ctx: click.Context, workspace: str, quick: bool, as_json: bool, progress: Progress
) -> None:
    """Check a workspace for damage.

    Every document, file and index is compared with its checksum, and all of them with each other.
    One line per problem says what is wrong and what to do; the exit status is then 1.
    """
    report = facade.verify(workspace, quick=quick, progress=progress)
    if as_json:
        write(json_line(report.to_json(), indent=2))
    for problem in () if as_json else report.problems:
        echo(str(problem))
    for note in report.notes:
        progress.note(note)
    if report.sound:
        progress.note(f"sound: {', '.join(report.checked)}")
    ctx.exit(0 if report.sound else 1)


@click.command()
@workspace_option
@click.option("--dry-run", is_flag=True, help="Show what would be done, and change nothing.")
@click.option("--retrain", is_flag=True, help="Train again if no word vectors are left.")
@json_option
@quiet_option
@click.pass_context
def repair(
    ctx: click.Context,
    workspace: str,
    dry_run: bool,
    retrain: bool,
    as_json: bool,
    progress: Progress,
) -> None:
    """Repair a damaged workspace.

    Everything that is derived from the documents is built again. Documents and vectors are kept
    if their checksums hold or a second copy exists. Losses are named, even with --quiet, and the
    exit status is then 1, as it is if words must be trained again. Damaged originals are moved
    to a folder damaged-DATE in the workspace.
    """
    report = facade.repair(workspace, dry_run=dry_run, retrain=retrain, progress=progress)
    if as_json:
        write(json_line(report.to_json(), indent=2))
    else:
        for step in report.done or ["nothing to repair"]:
            progress.note(step)
        if dry_run:
            progress.note("this was a dry run: nothing was changed")
    _write_losses(report)
    if report.lost or report.nameless:
        progress.note("to get lost documents back, add their sources again, or restore a backup")
    if report.aside is not None:
        progress.note(f"the damaged originals are in {report.aside}")
    ctx.exit(0 if report.complete else 1)


def _write_losses(report: RepairReport) -> None:
    """Name all losses on standard error, whatever else is written."""
    from_index = "only its index had it, and not to the last digit"
    for names, what in (
        (report.lost, "lost: the document {}"),
        (report.lost_vectors, "lost: the vector of the document {}"),
        (report.rounded_vectors, f"the vector of the document {{}}: {from_index}"),
        (report.lost_words, "lost: the word {}"),
        (report.rounded_words, f"the vector of the word {{}}: {from_index}"),
        (report.doubtful, "its id may have been another: {}"),
    ):
        echo_err(*(what.format(name) for name in names[:_SHOWN]))
        if more := max(len(names) - _SHOWN, 0):
            echo_err(what.format(f"and {more:,} more; --json names all"))
    if report.nameless:
        echo_err(f"lost: {report.nameless:,} documents whose ids are not known")
    echo_err(*(f"lost: {part}" for part in report.lost_parts))
    if report.untrained:
        echo_err("lost: all word vectors; run `embedsearch train`")
    echo_err(*map(str, report.remaining))


@click.command()
@workspace_option
@quiet_option
def migrate(workspace: str, progress: Progress) -> None:
    """Bring a workspace to the present format.

    There is only one format at present, so this changes nothing.
    """
    report = facade.migrate(workspace, progress=progress)
    for step in report.done or ["nothing to do: the workspace is of the present version"]:
        progress.note(step)


@click.command()
@click.argument("file", type=click.Path())
@on_workspace()
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@json_option
@quiet_option
def backup(ws: Workspace, file: str, overwrite: bool, as_json: bool, progress: Progress) -> None:
    """Copy a workspace to one FILE, even while others use it.

    FILE holds the documents at one change number, the word vectors with their indexes, and
    vectors of your own. `embedsearch restore` makes a workspace from it. The lexical index is
    left out, and built again when the workspace is first opened.

    \b
    embedsearch backup my.backup -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    report = ws.backup(file, overwrite=overwrite, progress=progress)
    echo_err(*report.warnings)
    if as_json:
        write(json_line(report.to_json(), indent=2))
    else:
        progress.note(
            f"Wrote {counted(report.documents, 'document')} to {file}, {shown_bytes(report.bytes)}."
        )


@click.command()
@click.argument("file", type=click.Path())
@workspace_option
@click.option("--overwrite", is_flag=True, help="Replace an existing workspace.")
@wait_option
@quiet_option
def restore(
    file: str, workspace: str, overwrite: bool, wait: float | None, progress: Progress
) -> None:
    """Make a workspace from a backup.

    FILE was written by `embedsearch backup`. All of it is checked before the workspace appears;
    a workspace that it replaces stays until then.
    """
    with facade.restore(file, workspace, overwrite=overwrite, wait=wait, progress=progress) as ws:
        progress.note(f"Restored {workspace}: {counted(len(ws.documents), 'document')}.")


@click.command()
@on_workspace("w")
@wait_option
@json_option
@quiet_option
def compact(ws: Workspace, as_json: bool, progress: Progress) -> None:
    """Free the space of deleted and changed documents.

    Documents that are not indexed yet are indexed first. Needs space for the rewritten files.
    """
    report = ws.compact(progress=progress)
    if as_json:
        write(json_line(report.to_json(), indent=2))
    else:
        for step in report.done:
            progress.note(step)
        progress.note(f"{shown_bytes(report.before)} before, {shown_bytes(report.after)} now.")
