"""Questions about documents: `search` and `related`."""

from __future__ import annotations

import click

from embedsearch.cli import queries
from embedsearch.cli.batch import answer
from embedsearch.cli.options import output_options, topn_option, workspace_option
from embedsearch.cli.session import open_workspace


@click.command()
@click.argument("query", nargs=-1, required=True, metavar="QUERY")
@workspace_option
@topn_option
@output_options
def search(query: tuple[str, ...], workspace: str, topn: int, output: str | None) -> None:
    """Show the documents nearest in meaning to QUERY.

    With - as QUERY, queries are read from standard input, one a line.
    """
    with open_workspace(workspace) as ws:
        answer(" ".join(query), lambda text: queries.search(ws, text, topn), output)


@click.command()
@click.argument("id")
@workspace_option
@topn_option
@output_options
def related(id: str, workspace: str, topn: int, output: str | None) -> None:
    """Show the documents nearest to the document called ID.

    With - as ID, ids are read from standard input, one a line.
    """
    with open_workspace(workspace) as ws:
        answer(id, lambda name: queries.related(ws, name, topn), output)
