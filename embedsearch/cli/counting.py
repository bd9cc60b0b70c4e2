"""Words counted, and in their context: `words`, `concordance`, `keywords`, `compare`."""

from __future__ import annotations

from itertools import takewhile
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

from embedsearch.cli.options import count_option, on_workspace, output_options, where_option
from embedsearch.cli.output import Answer, show, terminal, width as columns_of
from embedsearch.cli.questions import question, rounded
from embedsearch.workspace import LINE_ORDERS, WORD_ORDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from embedsearch.workspace import ConcordanceLine, Keyword, Workspace

_KEYWORD = ("word", "score", "count", "df", "reference_count", "reference_df")

many_option = count_option("-k", "--topn", default=20, help="How many to show.")
pattern_option = click.option(
    "--pattern", metavar="GLOB", help="Only words like this: 'heat*', '*ing', 'wom[ae]n'."
)
against_option = click.option(
    "--against",
    metavar="CONDITION",
    help="Compare with the documents that meet this condition; rest: with all others.",
)


def _check_against(where: str | None, against: str | None, sort: str, **_: Any) -> str | None:
    if against is not None and where is None:
        return "--against needs --where."
    if against is not None and sort != WORD_ORDERS[0]:
        return "--sort does not go with --against, which sorts by the score."
    return None


@click.command()
@on_workspace(check=_check_against)
@many_option
@click.option(
    "--sort",
    type=click.Choice(WORD_ORDERS),
    default="count",
    show_default=True,
    help="By the number of occurrences, by that of documents, or by the alphabet.",
)
@where_option
@against_option
@pattern_option
@output_options
def words(
    ws: Workspace,
    topn: int,
    sort: str,
    where: str | None,
    against: str | None,
    pattern: str | None,
    output: str | None,
) -> None:
    """Show how often each word occurs.

    `count` is the number of its occurrences, `df` that of the documents that have it. With
    --against, the words that are characteristic of the documents of --where, as `keywords` does.
    The workspace need not be trained.

    \b
    embedsearch words -k 50 -w my.es
    embedsearch words --pattern 'heat*' --sort df -w my.es
    embedsearch words --where "year >= 2000" --against "year < 1980" -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    if against is not None:
        found = ws.texts.keywords((), topn, where=where, against=against, pattern=pattern)
        show(_keywords(found), output)
        return
    counts = ws.texts.words(topn, where=where, pattern=pattern, sort=sort)
    show(Answer([count._asdict() for count in counts], ("word", "count", "df")), output)


def _check_chosen(ids: tuple[str, ...], where: str | None, **_: Any) -> str | None:
    missing = not ids and where is None
    return "Missing argument 'ID...' or option '--where'." if missing else None


@question(click.Argument(["ids"], nargs=-1, metavar="ID..."), between="\t", check=_check_chosen)
@many_option
@where_option
@against_option
@pattern_option
@click.option("--stop-words", is_flag=True, help="Also show stop words.")
@output_options
def keywords(ws: Workspace, line: str, topn: int = 20, **options: Any) -> Answer:
    """Show the words that are characteristic of documents.

    These are the documents called ID, or all that meet --where. Their words are compared with
    those of all other documents; if ID and --where are given, of the others that meet it. The
    score says how certain it is that they have a word more often: the z-score of the log-odds
    ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008). `count` and `df`
    are the occurrences and the documents on their side, `reference_count` and `reference_df`
    those on the other.

    \b
    embedsearch keywords 305 -w my.es
    embedsearch keywords --where "group = 'sci.med'" -w my.es
    embedsearch keywords --where "year >= 2000" --against "year < 1980" -w my.es

    With - as ID, ids are read from standard input: one per line, or several separated by tabs.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    ids = [id for id in line.split("\t") if id]
    return _keywords(ws.texts.keywords(ids, topn, **options))


def _keywords(found: Iterable[Keyword]) -> Answer:
    return Answer([_record(keyword) for keyword in found], _KEYWORD)


def _record(keyword: Keyword) -> dict[str, Any]:
    return {**keyword._asdict(), "score": rounded(keyword.score)}


@question(click.Argument(["word"], nargs=-1, required=True, metavar="WORD..."))
@many_option
@count_option(
    "--width", default=40, help="Characters of context on either side, if a terminal has the room."
)
@click.option(
    "--sort",
    type=click.Choice(LINE_ORDERS),
    default="document",
    show_default=True,
    help="In the order of the documents, or by the words to the left or to the right.",
)
@where_option
@click.option(
    "--exact", is_flag=True, help="Only as it is spelled, hyphens too, not in other forms."
)
@output_options
def concordance(
    ws: Workspace, word: str, topn: int = 20, width: int = 40, **options: Any
) -> Answer:
    """Show WORD in its context, one occurrence a line.

    Several WORDs are a phrase. As in search, other forms of a word are found too. --json has the
    field (text or title) and the offset of each occurrence in characters. The workspace need
    not be trained, but then all documents are read.

    \b
    embedsearch concordance boundary layer -w my.es
    embedsearch concordance heat --sort right --width 30 -w my.es

    With - as WORD, words or phrases are read from standard input, one per line.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    lines = ws.texts.concordance(word, topn, width=width, **options)
    room = _room(lines, width)
    return Answer(
        [line._asdict() for line in lines],
        ("left", "match", "right", "id", "field", "offset"),
        hidden=frozenset({"field", "offset"}),
        empty=f"{word!r} is in none of the documents"
        + (f" that meet {options['where']}" if options.get("where") else ""),
        texts={
            "left": lambda text: _fitting(text[::-1].strip(), room)[::-1],
            "right": lambda text: _fitting(text.strip(), room),
        },
        flush_right=frozenset({"left"}),
    )


def _room(lines: Sequence[ConcordanceLine], width: int) -> int:
    """Return how many columns each context has: on a terminal, what is left by the others."""
    if not terminal().isatty():
        return width
    shown = [("match", "id"), *((line.match, line.id) for line in lines)]
    others = sum(max(map(columns_of, column)) for column in zip(*shown, strict=True))
    # rich puts three blanks between columns, and one at each edge.
    return min(max((get_terminal_size().columns - others - 3 * 3 - 2) // 2, 1), width)


def _fitting(text: str, room: int) -> str:
    """Return the beginning of a text that fits into so many columns of a terminal."""
    used = 0

    def fits(character: str) -> bool:
        nonlocal used
        used += columns_of(character)
        return used <= room

    return "".join(takewhile(fits, text))


@question(click.Argument(["word"], nargs=-1, required=True, metavar="WORD..."))
@click.option(
    "--by", required=True, metavar="FIELD", help="The field of the metadata that makes the groups."
)
@click.option(
    "--bins",
    type=click.IntRange(min=1),
    metavar="N",
    help="Cut numbers, or the years of dates, into N ranges of equal width.",
)
@where_option
@count_option("--window", default=5, help="Words before and behind that are its company.")
@count_option("-k", "--topn", default=8, help="How many words of its company to show.")
@output_options
def compare(ws: Workspace, word: str, by: str, topn: int = 8, **options: Any) -> Answer:
    """Show how groups of documents use WORD.

    For each value of FIELD: the documents, how many of them have the word (`df`), how often, and
    how often in a million words; and the company it keeps there: the words that stand near it
    more often than elsewhere in these documents. Several WORDs are a phrase.

    \b
    embedsearch compare drive --by group -w my.es
    embedsearch compare "climate change" --by year --bins 5 -w my.es

    With - as WORD, words or phrases are read from standard input, one per line.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    found = ws.texts.compare(word, by, topn, **options)
    records = [
        usage._asdict()
        | {
            "per_million": round(usage.per_million, 1),
            "company": [_record(keyword) for keyword in usage.company],
        }
        for usage in found
    ]
    return Answer(
        records,
        ("group", "documents", "df", "count", "per_million", "company"),
        texts={
            "per_million": lambda rate: f"{rate:,.1f}",
            "company": lambda words: ", ".join(one["word"] for one in words) or "-",
        },
    )
