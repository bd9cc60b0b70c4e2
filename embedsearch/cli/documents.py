"""Questions about documents: `search`, `related` and `duplicates`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedsearch.cli import queries
from embedsearch.cli.options import (
    Decorator,
    open_workspace,
    output_options,
    quiet_option,
    topn_option,
    workspace_option,
)
from embedsearch.cli.output import answer, show
from embedsearch.cli.progress import make_progress
from embedsearch.workspace import SEARCH_MODES

if TYPE_CHECKING:
    from embedsearch.cli.output import Answer

where_option: Decorator[Any] = click.option(
    "--where",
    metavar="CONDITION",
    help="Only documents whose metadata meet it, such as \"year > 1990 and lang = 'en'\".",
)


@click.command()
@click.argument("query", nargs=-1, required=True, metavar="QUERY")
@workspace_option
@topn_option
@click.option(
    "--mode",
    type=click.Choice(SEARCH_MODES),
    default="auto",
    show_default=True,
    help="auto: words and meaning, weighted as learned from the documents; lexical: words; latent: "
    "meaning; hybrid: both with fixed weights; rrf: both by reciprocal ranks.",
)
@where_option
@click.option("--explain", is_flag=True, help="Show what each score is made of.")
@click.option("--expand", is_flag=True, help="Also look for words close to rare ones of QUERY.")
@click.option(
    "--feedback",
    type=click.IntRange(min=0),
    metavar="N",
    help="Move the query in meaning towards the first N hits; 0 for none.",
)
@output_options
def search(
    query: tuple[str, ...],
    workspace: str,
    topn: int,
    output: str | None,
    **how: Any,
) -> None:
    """Show the documents that answer QUERY best.

    A document need not have all words. In QUERY, +word must occur, -word must not, and
    "words in quotes" are a phrase; then the shell needs quotes around the whole. A QUERY that
    begins with - goes after --, or it would be taken for an option.

    \b
    embedsearch search how to boil an egg -w my.es
    embedsearch search 'egg "boiling point" -frying' -w my.es
    embedsearch search -w my.es -- -frying egg

    Words of the snippet that are in QUERY, or close to one in meaning, are bold on a terminal;
    --json gives their positions. --explain shows what adds most to a score: words in both,
    "car ~ vehicle" for two that are close in meaning, and "first hits" for likeness to the best
    documents of a first search; with --mode rrf, the rank in each list.

    With - as QUERY, queries are read from standard input, one per line.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    with open_workspace(workspace) as ws:
        answer(" ".join(query), lambda text: queries.search(ws, text, topn, **how), output)


@click.command()
@click.argument("ids", nargs=-1, metavar="ID...")
@workspace_option
@topn_option
@click.option(
    "--less",
    "less",
    multiple=True,
    metavar="ID",
    help="Less like this document; repeat it for more.",
)
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="TEXT",
    help="Also like this text; repeat it for more.",
)
@where_option
@output_options
def related(
    ids: tuple[str, ...],
    workspace: str,
    topn: int,
    less: tuple[str, ...],
    texts: tuple[str, ...],
    where: str | None,
    output: str | None,
) -> None:
    """Show the documents that are most like those called ID.

    With several, such as all that somebody has read, this is what to read next. An identical text
    has the score 1; half of the likeness to each document of --less is subtracted. A workspace
    of your own vectors (`embedsearch import --vectors`) without a text model compares those.

    \b
    embedsearch related 305 -w my.es
    embedsearch related 305 112 --less 7 --where "year > 1990" -w my.es

    With - as ID, ids are read from standard input: one per line, or several separated by tabs.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    if not ids and not texts:
        missing = "Missing argument 'ID...' or option '--text'."
        raise click.UsageError(missing, click.get_current_context())
    with open_workspace(workspace) as ws:

        def ask(line: str) -> Answer:
            like = [part for part in line.split("\t") if part]
            return queries.related(ws, like, topn, less, texts, where)

        answer("\t".join(ids), ask, output)


@click.command()
@workspace_option
@click.option(
    "--threshold",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=0.8,
    show_default=True,
    metavar="SHARE",
    help="The lowest score to show.",
)
@click.option("--groups", is_flag=True, help="Show groups instead of pairs.")
@quiet_option
@output_options
def duplicates(
    workspace: str, threshold: float, groups: bool, quiet: bool, output: str | None
) -> None:
    """Show documents that are nearly the same.

    The score is the share of three-word sequences that both have: at 0.8 about one word in
    thirty differs, at 1 none. All pairs are found. Many copies of a text make very many pairs,
    but one group. The workspace need not be trained.
    """
    with open_workspace(workspace) as ws:
        show(queries.duplicates(ws, threshold, groups, make_progress(quiet=quiet)), output)
