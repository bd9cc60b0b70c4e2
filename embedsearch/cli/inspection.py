"""`info`: what a workspace holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch.cli.answers import Answer
from embedsearch.cli.options import output_options, workspace_option
from embedsearch.cli.output import show
from embedsearch.cli.session import open_workspace

if TYPE_CHECKING:
    from embedsearch.workspace import Workspace


def facts_of(ws: Workspace) -> Answer:
    """Give what there is to know about a workspace; a table leaves out what is long."""
    return Answer.facts(ws.info().to_json(), hidden=["report", "drift"])


@click.command()
@workspace_option
@output_options
def info(workspace: str, output: str | None) -> None:
    """Show what a workspace holds and how it was made.

    `weights` are what --mode auto gives search by words (bm25) and each encoder, `evidence` says
    how they were found, and `advice` whether later documents call for another training.
    """
    with open_workspace(workspace) as ws:
        show(facts_of(ws), output)
