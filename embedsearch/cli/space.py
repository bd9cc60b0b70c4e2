"""Questions about the latent space: their verbs, and their answers as records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch.cli.options import (
    encoder_option,
    of_option,
    on_workspace,
    output_options,
    quiet_option,
    topn_option,
    where_option,
)
from embedsearch.cli.output import Answer, show
from embedsearch.cli.questions import question
from embedsearch.workspace import AXES, POINT_KINDS, POINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch.workspace import Axis, Description, Progress, Workspace

_DECIMALS = 6
# The p-value up to which poles are said to agree.
_SURE = 0.05
_COLUMNS = ("end", "kind", "name", "score", "title")


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
@encoder_option("the LSA with the most dimensions")
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


def _check_axis(
    to: str | None,
    from_: str | None,
    to_where: str | None,
    from_where: str | None,
    where: str | None,
    of: str,
    **_: object,
) -> str | None:
    ends = [bool(to) + bool(to_where), bool(from_) + bool(from_where)]
    if ends not in ([0, 0], [1, 1]):
        return "Give each end once: --to or --to-where, --from or --from-where; or neither."
    return "--where does not go with --of words." if where is not None and of == "words" else None


@click.command()
@on_workspace(check=_check_axis)
@click.option("--from", "from_", metavar="WORDS", help="One pole: words or ids, with commas.")
@click.option("--to", metavar="WORDS", help="The other pole.")
@click.option("--from-where", metavar="CONDITION", help="Documents that are one pole.")
@click.option("--to-where", metavar="CONDITION", help="Documents that are the other pole.")
@of_option("What is placed on the axis, or what has the axes that are looked for.", POINTS[:2])
@where_option
@click.option(
    "--method",
    type=click.Choice(AXES),
    default="ica",
    show_default=True,
    help="Without poles: independent or principal components.",
)
@click.option("--refine/--no-refine", default=True, help="Fit the axis again to its ends. [refine]")
@topn_option
@encoder_option("with poles, the LSA with the most dimensions; else lsa-100, or words for words")
@quiet_option
@output_options
def axis(
    ws: Workspace,
    from_: str | None,
    to: str | None,
    from_where: str | None,
    to_where: str | None,
    of: str,
    where: str | None,
    method: str,
    refine: bool,
    topn: int,
    encoder: str | None,
    progress: Progress,
    output: str | None,
) -> None:
    """Find the axis between two poles, or all axes that stand out.

    With poles: what lies at the ends of the axis between them, in words, and the documents (or
    words) there. Without: axes on which a few points are far out, as they have something in
    common; those that come back with other seeds, each on a line.

    \b
    embedsearch axis --from bad,poor --to good,great -w my.es
    embedsearch axis --from-where "year < 1960" --to-where "year > 1990" -w my.es
    embedsearch axis --of words -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    if to is None and to_where is None:
        found = ws.space.axes(
            of, method=method, encoder=encoder, where=where, topn=topn, progress=progress
        )
        show(_axes(found), output)
        return
    one = ws.space.axis(
        _words(to),
        _words(from_),
        of=of,
        encoder=encoder,
        positive_where=to_where,
        negative_where=from_where,
        where=where,
        topn=topn,
        refine=refine,
    )
    show(_axis(one), output)


def _words(given: str | None) -> list[str] | None:
    return None if given is None else [word.strip() for word in given.split(",") if word.strip()]


def _axis(found: Axis) -> Answer:
    if found.p_value is None:
        note = "the poles cannot be tested: give two words or more for each"
    else:
        verdict = "agree" if found.p_value <= _SURE else "do not agree: they may be no axis"
        note = f"the halves of the poles {verdict} (p = {found.p_value:.3f})"
    return Answer(_ends(found), _COLUMNS, notes=(note,), document=found.to_json())


def _axes(found: Sequence[Axis]) -> Answer:
    records = [
        {
            "axis": number,
            "words": [each.word for each in one.words],
            "opposite": [each.word for each in one.opposite],
            "coherence": round(one.coherence, _DECIMALS),
            "agreement": one.agreement and round(one.agreement, _DECIMALS),
        }
        for number, one in enumerate(found, 1)
    ]
    columns = ("axis", "words", "opposite", "coherence", "agreement")
    return Answer(records, columns, empty="no axis comes back with other seeds")


def _description(found: Description) -> Answer:
    hidden = frozenset() if found.two_ended else frozenset({"end"})
    note = f"{found.what}, read from {found.encoder} by {found.method}"
    return Answer(_ends(found), _COLUMNS, hidden, notes=(note,), document=found.to_json())


def _ends(found: Description | Axis) -> list[dict[str, object]]:
    records = []
    for end, words, documents in (
        ("to", found.words, found.documents),
        ("from", found.opposite, found.opposite_documents),
    ):
        records += [_record(end, "word", each.word, each.weight, "") for each in words]
        records += [_record(end, "document", *each) for each in documents]
    return records


def _record(end: str, kind: str, name: str, score: float, title: str) -> dict[str, object]:
    values = (end, kind, name, round(score, _DECIMALS), title)
    return dict(zip(_COLUMNS, values, strict=True))
