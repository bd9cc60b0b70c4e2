"""Clusters and topics: their verbs, and their answers as records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedsearch.cli.options import (
    USUAL_SPACE,
    count_option,
    encoder_option,
    of_option,
    on_workspace,
    output_options,
    quiet_option,
    seed_option,
    where_option,
)
from embedsearch.cli.output import Answer, show
from embedsearch.workspace import CLUSTER_METHODS, TOPIC_METHODS

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.workspace import Topics, Workspace

_DECIMALS = 4
_COMPARED = 20
_MOST = 1 << 16

number_option = click.option(
    "-n",
    "--number",
    type=click.IntRange(1, _MOST),
    help="How many. [the number that halves of the documents agree on best]",
)
words_option = count_option("-k", "--topn", default=10, help="How many words of each.")
members_option = click.option(
    "--members", is_flag=True, help="List where each document belongs, not the topics."
)


def _check_topics(kept: bool, members: bool, over: str | None, **others: Any) -> str | None:
    given = [name for name in ("number", "where", "encoder") if others[name] is not None]
    if kept and (given or over or others["reduce"] or others["merge"] or others["keep"]):
        return "--kept goes with no other choice of topics."
    if others["compare"] and (kept or members or over or others["keep"] or others["where"]):
        return "--compare shows how good topics are, of all documents, and nothing else."
    return "--members does not go with --over." if members and over else None


@click.command()
@on_workspace(check=_check_topics)
@number_option
@click.option(
    "--method",
    type=click.Choice(TOPIC_METHODS),
    default=TOPIC_METHODS[0],
    show_default=True,
    help="How they are found; the others are there to compare, and need --number.",
)
@where_option
@click.option("--over", metavar="FIELD", help="The share of each topic at each value, as a year.")
@click.option("--merge", metavar="TOPICS", multiple=True, help="Make one of these, such as 3,7.")
@click.option("--reduce", type=click.IntRange(1, _MOST), help="Then merge the nearest to so many.")
@members_option
@click.option("--compare", is_flag=True, help="Show how good the topics of each method are.")
@click.option("--keep", is_flag=True, help="Keep them in the workspace.")
@click.option("--kept", is_flag=True, help="Take those, and place later documents in them.")
@words_option
@encoder_option(USUAL_SPACE)
@seed_option
@quiet_option
@output_options
def topics(
    ws: Workspace,
    number: int | None,
    method: str,
    where: str | None,
    over: str | None,
    merge: tuple[str, ...],
    reduce: int | None,
    members: bool,
    compare: bool,
    keep: bool,
    kept: bool,
    topn: int,
    encoder: str | None,
    seed: int,
    progress: Progress,
    output: str | None,
) -> None:
    """Find what the documents are about.

    Each topic has its words, strongest first, and the documents that are most of it. Every
    document has a topic, in --members with how much it belongs there; the few that lie farther
    from it than others do are said to fit nowhere.

    \b
    embedsearch topics -n 20 -w my.es
    embedsearch topics -n 20 --members --csv -w my.es
    embedsearch topics -n 20 --over year -w my.es
    embedsearch topics -n 20 --compare -w my.es
    embedsearch topics -n 20 --merge 3,7 --reduce 10 -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    if compare:
        qualities = ws.space.compare_topics(
            number or _COMPARED, encoder=encoder, seed=seed, progress=progress
        )
        columns = ("method", "npmi", "c_v", "diversity", "stability", "cpu_seconds")
        records = [
            {**each._asdict(), **{name: round(getattr(each, name), 3) for name in columns[1:]}}
            for each in qualities
        ]
        show(Answer(records, columns), output)
        return
    if kept:
        show(_answer(ws.space.kept_topics(topn), members), output)
        return
    groups = [_numbers(text) for text in merge]
    found = ws.space.topics(
        number,
        method=method,
        encoder=encoder,
        where=where,
        over=over,
        topn=topn,
        seed=seed,
        progress=progress,
    )
    if groups:
        found = found.merge(groups)
    if reduce is not None:
        found = found.reduce(reduce)
    if keep:
        found.keep()
    show(_over(found, over) if over else _answer(found, members), output)


@click.command()
@on_workspace()
@number_option
@of_option("What is clustered; of words, the 10,000 most frequent.")
@click.option(
    "--method",
    type=click.Choice(CLUSTER_METHODS),
    default=CLUSTER_METHODS[0],
    show_default=True,
    help="Spherical k-means, or a cut of the tree of Ward's method.",
)
@where_option
@members_option
@words_option
@encoder_option(USUAL_SPACE)
@seed_option
@output_options
def clusters(
    ws: Workspace,
    number: int | None,
    of: str,
    method: str,
    where: str | None,
    members: bool,
    topn: int,
    encoder: str | None,
    seed: int,
    output: str | None,
) -> None:
    """Find clusters of documents, words, or vectors of your own.

    The words of each are read off its center; `topics` has better ones for documents.

    \b
    embedsearch clusters -n 30 --of words -w my.es
    embedsearch clusters -n 8 --of vectors --members --csv -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    found = ws.space.clusters(
        number, of=of, method=method, encoder=encoder, where=where, topn=topn, seed=seed
    )
    show(_answer(found, members), output)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a list of topics, such as 3,7") from error


def _answer(found: Topics, members: bool) -> Answer:
    strays = len(found.misfits)
    share = strays / max(len(found.assignments), 1)
    note = f"{strays:,} of {len(found.assignments):,} fit nowhere ({share:.1%})"
    if members:
        columns = ("id", "topic", "words", "membership", "fits")
        first = [", ".join(each.word for each in topic.words[:3]) for topic in found]
        records = [
            {
                "id": each.id,
                "topic": each.topic,
                "words": first[each.topic],
                "membership": round(each.membership, _DECIMALS),
                "fits": each.fits,
            }
            for each in found.assignments
        ]
        return Answer(records, columns, notes=(note,))
    columns = ("topic", "size", "coherence", "words", "documents")
    rows = [
        {
            "topic": topic.number,
            "size": topic.size,
            "coherence": topic.coherence and round(topic.coherence, _DECIMALS),
            "words": str(topic),
            "documents": [each.id for each in topic.documents],
        }
        for topic in found
    ]
    measured = any(topic.coherence is not None for topic in found)
    hidden = frozenset({"documents"} if measured else {"documents", "coherence"})
    return Answer(rows, columns, hidden, notes=(note,), document=found.to_json())


def _over(found: Topics, field: str) -> Answer:
    assert found.values is not None  # noqa: S101 - they were asked for
    assert found.shares is not None  # noqa: S101
    records = [
        {
            field: value,
            "topic": topic.number,
            "words": ", ".join(each.word for each in topic.words[:3]),
            "share": round(float(share), _DECIMALS),
        }
        for value, row in zip(found.values, found.shares, strict=True)
        for topic, share in zip(found, row, strict=True)
    ]
    return Answer(records, (field, "topic", "words", "share"), document=found.to_json())
