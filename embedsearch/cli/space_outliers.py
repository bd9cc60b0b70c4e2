"""The verb `outliers`, and its answer as records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch.cli.options import (
    of_option,
    on_workspace,
    output_options,
    quiet_option,
    topn_option,
    where_option,
)
from embedsearch.cli.output import Answer, show
from embedsearch.workspace import OUTLIER_METHODS

if TYPE_CHECKING:
    from embedsearch.workspace import Outliers, Progress, Workspace

_DECIMALS = 6
_COLUMNS = ("name", "score", "p", "title", "words", "nearest")


def _check(
    of: str, where: str | None, reference: str | None, alpha: float | None, **_: object
) -> str | None:
    if of == "words" and (where is not None or reference is not None):
        return "--where and --reference do not go with --of words."
    if alpha is not None and reference is None:
        return "--alpha needs a --reference."
    return None


@click.command()
@on_workspace(check=_check)
@of_option("Whose outliers.")
@where_option
@click.option(
    "--reference",
    metavar="CONDITION",
    help="Documents that are as they should be; all others are compared with them.",
)
@click.option(
    "--alpha",
    type=float,
    metavar="SHARE",
    help="With a reference: only those that are outliers, so large a share of them wrongly.",
)
@click.option(
    "--method",
    type=click.Choice(OUTLIER_METHODS),
    default="auto",
    show_default=True,
    help="auto is by neighbors; lof is the local outlier factor.",
)
@topn_option
@quiet_option
@output_options
def outliers(
    ws: Workspace,
    of: str,
    where: str | None,
    reference: str | None,
    alpha: float | None,
    method: str,
    topn: int,
    progress: Progress,
    output: str | None,
) -> None:
    """Show what does not belong, and what sets it apart.

    Each is shown with the words that set it apart. The p-value is the share of points that are so
    strange; with --reference, how often a document like those of the reference is.

    \b
    embedsearch outliers -w my.es
    embedsearch outliers --where "year > 1990" -w my.es
    embedsearch outliers --reference "checked = true" --alpha 0.1 -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    found = ws.space.outliers(
        of,
        method=method,
        where=where,
        reference=reference,
        topn=topn,
        alpha=alpha,
        progress=progress,
    )
    show(_answer(found), output)


def _answer(found: Outliers) -> Answer:
    records = [
        {
            "name": each.id,
            "score": round(each.score, _DECIMALS),
            "p": round(each.p_value, _DECIMALS),
            "title": each.title,
            "words": [word.word for word in each.words],
            "nearest": [near.id for near in each.nearest],
        }
        for each in found
    ]
    hidden = {"nearest"} if found.of == "documents" else {"words"}
    if found.of == "words":
        hidden.add("title")
    return Answer(
        records,
        _COLUMNS,
        frozenset(hidden),
        notes=tuple(found.notes),
        empty="nothing is called an outlier",
        document=found.to_json(),
    )
