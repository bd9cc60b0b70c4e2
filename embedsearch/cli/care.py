"""Keeping a workspace sound: `verify`, `repair` and `migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch.cli.options import json_option, quiet_option, workspace_option
from embedsearch.cli.output import json_line, say, tell, write
from embedsearch.cli.progress import make_progress

if TYPE_CHECKING:
    from embedsearch.workspace import RepairReport

_SHOWN = 20


@click.command()
@workspace_option
@click.option("--quick", is_flag=True, help="Look at sizes and pages, but not at contents.")
@json_option
@quiet_option
@click.pass_context
def verify(ctx: click.Context, workspace: str, quick: bool, as_json: bool, quiet: bool) -> None:
    """Check a workspace for damage.

    Every document, file and index is compared with its checksum, and all of them with each other.
    A line for each problem says what is wrong and what to do; the exit status is then 1.
    """
    from embedsearch import workspace as facade

    report = facade.verify(workspace, quick=quick, progress=make_progress(quiet=quiet))
    if as_json:
        write(json_line(report.to_json(), indent=2))
    for problem in () if as_json else report.problems:
        say(str(problem))
    if not quiet:
        tell(*report.notes)
        if report.sound:
            tell(f"sound: {', '.join(report.checked)}")
    ctx.exit(0 if report.sound else 1)


@click.command()
@workspace_option
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--retrain", is_flag=True, help="Train again where no word vectors are left.")
@json_option
@quiet_option
@click.pass_context
def repair(
    ctx: click.Context, workspace: str, dry_run: bool, retrain: bool, as_json: bool, quiet: bool
) -> None:
    """Make a damaged workspace sound again.

    What follows from the documents is made again. Of damaged documents and vectors all are kept
    that are what was written, or of which there is a second copy. What is lost is named, with
    --quiet too, and the exit status is then 1, as it is where words must be trained again.
    Damaged originals are moved to a folder damaged-DATE in the workspace.
    """
    from embedsearch import workspace as facade

    report = facade.repair(
        workspace, dry_run=dry_run, retrain=retrain, progress=make_progress(quiet=quiet)
    )
    if as_json:
        write(json_line(report.to_json(), indent=2))
    elif not quiet:
        tell(*(report.done or ["nothing to repair"]))
        tell(*(["this was a dry run: nothing was changed"] if dry_run else []))
    _tell_losses(report)
    if (report.lost or report.nameless) and not quiet:
        tell("to get lost documents back, add their sources again, or restore a backup")
    if report.aside is not None and not quiet:
        tell(f"the damaged originals are in {report.aside}")
    ctx.exit(0 if report.complete else 1)


def _tell_losses(report: RepairReport) -> None:
    """Say on standard error what is lost, whatever else is to be written."""
    from_index = "only its index had it, and not to the last digit"
    for names, what in (
        (report.lost, "lost: the document {}"),
        (report.lost_vectors, "lost: the vector of the document {}"),
        (report.rounded_vectors, f"the vector of the document {{}}: {from_index}"),
        (report.lost_words, "lost: the word {}"),
        (report.rounded_words, f"the vector of the word {{}}: {from_index}"),
        (report.doubtful, "its id may have been another: {}"),
    ):
        tell(*(what.format(name) for name in names[:_SHOWN]))
        if more := max(len(names) - _SHOWN, 0):
            tell(what.format(f"and {more:,} more; --json names all"))
    if report.nameless:
        tell(f"lost: {report.nameless:,} documents whose ids are not known")
    tell(*(f"lost: {part}" for part in report.lost_parts))
    if report.untrained:
        tell("lost: all word vectors; run `embedsearch train`")
    tell(*map(str, report.remaining))


@click.command()
@workspace_option
@quiet_option
def migrate(workspace: str, quiet: bool) -> None:
    """Bring a workspace of an older version up to date.

    Older workspaces open as they are; this adds what later versions have. What is replaced is
    kept in a folder kept-DATE in the workspace.
    """
    from embedsearch import workspace as facade

    report = facade.migrate(workspace, progress=make_progress(quiet=quiet))
    if quiet:
        return
    tell(*(report.done or ["nothing to do: the workspace is of the present version"]))
    if report.kept is not None:
        tell(f"what was replaced is in {report.kept}")
