"""Copies and space: `backup`, `restore` and `compact`."""

from __future__ import annotations

import click

from embedsearch.cli.options import json_option, quiet_option, wait_option, workspace_option
from embedsearch.cli.output import json_line, tell, write
from embedsearch.cli.progress import make_progress
from embedsearch.cli.session import open_workspace
from embedsearch.cli.summaries import count


@click.command()
@click.argument("file", type=click.Path())
@workspace_option
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@json_option
@quiet_option
def backup(file: str, workspace: str, overwrite: bool, as_json: bool, quiet: bool) -> None:
    """Copy a workspace to one FILE, even while others use it.

    FILE has the documents in one state, the word vectors, the indexes that belong to them, and
    vectors of your own. `embedsearch restore` makes a workspace of it. The lexical index is left
    out, and made again when the workspace is first opened.

    \b
    embedsearch backup my.backup -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    with open_workspace(workspace) as ws:
        report = ws.backup(file, overwrite=overwrite, progress=make_progress(quiet=quiet))
    if as_json:
        write(json_line(report.to_json(), indent=2))
    elif not quiet:
        tell(f"Wrote {count(report.documents, 'document')} to {file}, {_size(report.bytes)}.")


@click.command()
@click.argument("file", type=click.Path())
@workspace_option
@click.option("--overwrite", is_flag=True, help="Replace a workspace that is there.")
@wait_option
@quiet_option
def restore(file: str, workspace: str, overwrite: bool, wait: float | None, quiet: bool) -> None:
    """Make a workspace from a backup.

    FILE is what `embedsearch backup` wrote. It is checked as a whole before the workspace is
    there; one that it replaces stays until then.
    """
    from embedsearch import workspace as facade

    with facade.restore(
        file, workspace, overwrite=overwrite, wait=wait, progress=make_progress(quiet=quiet)
    ) as ws:
        if not quiet:
            tell(f"Restored {workspace}: {count(len(ws.documents), 'document')}.")


@click.command()
@workspace_option
@wait_option
@json_option
@quiet_option
def compact(workspace: str, wait: float | None, as_json: bool, quiet: bool) -> None:
    """Give back space that deletions and changes have left.

    Documents that were added since are indexed first. Needs room for what is written again.
    """
    with open_workspace(workspace, mode="w", wait=wait) as ws:
        report = ws.compact(progress=make_progress(quiet=quiet))
    if as_json:
        write(json_line(report.to_json(), indent=2))
    elif not quiet:
        tell(*report.done, f"{_size(report.before)} before, {_size(report.after)} now.")


def _size(size: int) -> str:
    from embedsearch._messages import shown_bytes

    return shown_bytes(size)
