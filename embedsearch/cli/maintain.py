"""Maintenance: `verify`, `repair`, `migrate`, `backup`, `restore` and `compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch._messages import counted, shown_bytes
from embedsearch.cli.options import (
    json_option,
    open_workspace,
    quiet_option,
    wait_option,
    workspace_option,
)
from embedsearch.cli.output import echo, echo_err, json_line, write
from embedsearch.cli.progress import make_progress

if TYPE_CHECKING:
    from embedsearch.workspace import RepairReport


_SHOWN = 20


@click.command()
@workspace_option
@click.option("--quick", is_flag=True, help="Check sizes and pages, but not contents.")
@json_option
@quiet_option
@click.pass_context
def verify(ctx: click.Context, workspace: str, quick: bool, as_json: bool, quiet: bool) -> None:
    """Check a workspace for damage.

    Every document, file and index is compared with its checksum, and all of them with each other.
    One line per problem says what is wrong and what to do; the exit status is then 1.
    """
    from embedsearch import workspace as facade

    report = facade.verify(workspace, quick=quick, progress=make_progress(quiet=quiet))
    if as_json:
        write(json_line(report.to_json(), indent=2))
    for problem in () if as_json else report.problems:
        echo(str(problem))
    if not quiet:
        echo_err(*report.notes)
        if report.sound:
            echo_err(f"sound: {', '.join(report.checked)}")
    ctx.exit(0 if report.sound else 1)


@click.command()
@workspace_option
@click.option("--dry-run", is_flag=True, help="Show what would be done, and change nothing.")
@click.option("--retrain", is_flag=True, help="Train again if no word vectors are left.")
@json_option
@quiet_option
@click.pass_context
def repair(
    ctx: click.Context, workspace: str, dry_run: bool, retrain: bool, as_json: bool, quiet: bool
) -> None:
    """Repair a damaged workspace.

    Everything that is derived from the documents is built again. Documents and vectors are kept
    if their checksums hold or a second copy exists. Losses are named, even with --quiet, and the
    exit status is then 1, as it is if words must be trained again. Damaged originals are moved
    to a folder damaged-DATE in the workspace.
    """
    from embedsearch import workspace as facade

    report = facade.repair(
        workspace, dry_run=dry_run, retrain=retrain, progress=make_progress(quiet=quiet)
    )
    if as_json:
        write(json_line(report.to_json(), indent=2))
    elif not quiet:
        echo_err(*(report.done or ["nothing to repair"]))
        echo_err(*(["this was a dry run: nothing was changed"] if dry_run else []))
    _write_losses(report)
    if (report.lost or report.nameless) and not quiet:
        echo_err("to get lost documents back, add their sources again, or restore a backup")
    if report.aside is not None and not quiet:
        echo_err(f"the damaged originals are in {report.aside}")
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
def migrate(workspace: str, quiet: bool) -> None:
    """Bring a workspace to the present format.

    There is only one format at present, so this changes nothing.
    """
    from embedsearch import workspace as facade

    report = facade.migrate(workspace, progress=make_progress(quiet=quiet))
    if not quiet:
        echo_err(*(report.done or ["nothing to do: the workspace is of the present version"]))


@click.command()
@click.argument("file", type=click.Path())
@workspace_option
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@json_option
@quiet_option
def backup(file: str, workspace: str, overwrite: bool, as_json: bool, quiet: bool) -> None:
    """Copy a workspace to one FILE, even while others use it.

    FILE holds the documents at one change number, the word vectors with their indexes, and
    vectors of your own. `embedsearch restore` makes a workspace from it. The lexical index is
    left out, and built again when the workspace is first opened.

    \b
    embedsearch backup my.backup -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    with open_workspace(workspace) as ws:
        report = ws.backup(file, overwrite=overwrite, progress=make_progress(quiet=quiet))
    if as_json:
        write(json_line(report.to_json(), indent=2))
    elif not quiet:
        echo_err(
            f"Wrote {counted(report.documents, 'document')} to {file}, {shown_bytes(report.bytes)}."
        )


@click.command()
@click.argument("file", type=click.Path())
@workspace_option
@click.option("--overwrite", is_flag=True, help="Replace an existing workspace.")
@wait_option
@quiet_option
def restore(file: str, workspace: str, overwrite: bool, wait: float | None, quiet: bool) -> None:
    """Make a workspace from a backup.

    FILE was written by `embedsearch backup`. All of it is checked before the workspace appears;
    a workspace that it replaces stays until then.
    """
    from embedsearch import workspace as facade

    with facade.restore(
        file, workspace, overwrite=overwrite, wait=wait, progress=make_progress(quiet=quiet)
    ) as ws:
        if not quiet:
            echo_err(f"Restored {workspace}: {counted(len(ws.documents), 'document')}.")


@click.command()
@workspace_option
@wait_option
@json_option
@quiet_option
def compact(workspace: str, wait: float | None, as_json: bool, quiet: bool) -> None:
    """Free the space of deleted and changed documents.

    Documents that are not indexed yet are indexed first. Needs space for the rewritten files.
    """
    with open_workspace(workspace, mode="w", wait=wait) as ws:
        report = ws.compact(progress=make_progress(quiet=quiet))
    if as_json:
        write(json_line(report.to_json(), indent=2))
    elif not quiet:
        echo_err(
            *report.done, f"{shown_bytes(report.before)} before, {shown_bytes(report.after)} now."
        )
