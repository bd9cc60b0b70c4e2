"""`embedsearch recommend`: what to read next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch.cli.options import (
    on_workspace,
    output_options,
    quiet_option,
    topn_option,
    where_option,
)
from embedsearch.cli.output import Answer, show

if TYPE_CHECKING:
    from embedsearch.workspace import Progress, Workspace

_COLUMNS = ("id", "score", "title", "because", "because_title")
_DECIMALS = 6


def _check(
    ids: tuple[str, ...], interactions: str | None, user: str | None, learned: bool, **_: object
) -> str | None:
    if not ids and user is None:
        return "Missing argument 'ID...' or option '--user'."
    if learned and interactions is not None:
        return "Give either --interactions or --learned."
    return "--user needs --interactions." if user is not None and interactions is None else None


@click.command()
@on_workspace(check=_check)
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--less", multiple=True, metavar="ID", help="Was refused; repeat it for more.")
@click.option(
    "--interactions",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Who has read what: lines of user, id and perhaps a weight, with tabs or commas.",
)
@click.option("--user", metavar="NAME", help="Recommend to this user of the interactions.")
@click.option("--learned", is_flag=True, help="Go by the interactions that were given last.")
@topn_option
@where_option
@quiet_option
@output_options
def recommend(
    ws: Workspace,
    ids: tuple[str, ...],
    less: tuple[str, ...],
    interactions: str | None,
    user: str | None,
    learned: bool,
    topn: int,
    where: str | None,
    progress: Progress,
    output: str | None,
) -> None:
    """Recommend documents to somebody who has read those called ID.

    By their content; with --interactions by what people of the same taste have read. Each comes
    with the document that was read and speaks most for it.

    \b
    embedsearch recommend 305 112 --less 7 -w my.es
    embedsearch recommend --interactions reads.tsv --user ann -w my.es
    embedsearch recommend 305 --learned -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    found = ws.space.recommend(
        ids,
        less,
        interactions=interactions,
        user=user,
        learned=learned,
        topn=topn,
        where=where,
        progress=progress,
    )
    records = [{**one._asdict(), "score": round(one.score, _DECIMALS)} for one in found]
    show(Answer(records, _COLUMNS), output)
