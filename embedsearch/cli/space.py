"""Questions about the latent space: their verbs, and their answers as records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch.cli.options import output_options, topn_option, where_option
from embedsearch.cli.output import Answer
from embedsearch.cli.questions import question
from embedsearch.workspace import POINT_KINDS

if TYPE_CHECKING:
    from embedsearch.workspace import Description, Workspace

_DECIMALS = 6
_COLUMNS = ("end", "kind", "name", "score", "title")

encoder_option = click.option(
    "--encoder",
    metavar="NAME",
    help="Whose space: lsa-100, lsa-300, words, ... [of those of LSA, that with most dimensions]",
)


def _check_described(
    what: tuple[str, ...], where: str | None, minus: str | None, **_: object
) -> str | None:
    if bool(what) == (where is not None):
        return "Give either WHAT or --where."
    return "--minus does not go with --where." if where is not None and minus is not None else None


@question(click.Argument(["what"], nargs=-1), check=_check_described)
@topn_option
@click.option("--minus", metavar="WHAT", help="Describe the direction from this to WHAT.")
@where_option
@click.option(
    "--kind",
    type=click.Choice(POINT_KINDS),
    default="auto",
    show_default=True,
    help="What WHAT is; auto takes the first of these that there is.",
)
@encoder_option
@output_options
def describe(
    ws: Workspace,
    what: str,
    topn: int,
    minus: str | None,
    where: str | None,
    kind: str,
    encoder: str | None,
) -> Answer:
    """Say in words what a document, a word or a text is about.

    WHAT is an id, a word, or any text. Its vector is read back as the words that it stands for,
    and the nearest documents are listed. --minus gives the words at both ends of a direction,
    --where what sets a selection of documents apart from the others.

    \b
    embedsearch describe a1 -w my.es
    embedsearch describe wing --minus body -w my.es
    embedsearch describe --where "year > 1990" -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    found = ws.space.describe(
        None if where is not None else what,
        topn,
        minus=minus,
        where=where,
        kind=kind,
        encoder=encoder,
    )
    return _description(found)


def _description(found: Description) -> Answer:
    ends = [("to", found.words, found.documents)]
    if found.two_ended:
        ends.append(("from", found.opposite, found.opposite_documents))
    records = []
    for end, words, documents in ends:
        records += [_record(end, "word", each.word, each.weight, "") for each in words]
        records += [_record(end, "document", *each) for each in documents]
    hidden = frozenset() if found.two_ended else frozenset({"end"})
    note = f"{found.what}, read from {found.encoder} by {found.method}"
    return Answer(records, _COLUMNS, hidden, notes=(note,), document=found.to_json())


def _record(end: str, kind: str, name: str, score: float, title: str) -> dict[str, object]:
    values = (end, kind, name, round(score, _DECIMALS), title)
    return dict(zip(_COLUMNS, values, strict=True))
