"""Questions about words: `neighbors`, `analogy`, `similarity`, `odd-one-out`, `closer`, `rank`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedsearch.cli import queries
from embedsearch.cli.options import (
    Decorator,
    method_option,
    open_workspace,
    output_options,
    together,
    topn_option,
    workspace_option,
)
from embedsearch.cli.output import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedsearch.cli.output import Answer
    from embedsearch.workspace import Workspace

exact_option: Decorator[Any] = click.option(
    "--exact", is_flag=True, help="Compare with every word, whatever the index."
)
pair_arguments = together(click.argument("a"), click.argument("b", required=False))


@click.command()
@click.argument("word")
@workspace_option
@topn_option
@click.option(
    "--metric",
    type=click.Choice(["cosine", "euclidean"]),
    default="cosine",
    show_default=True,
    help="Measure of similarity; a Euclidean score is minus the distance.",
)
@click.option(
    "--restrict-vocab",
    type=click.IntRange(min=1),
    metavar="N",
    help="Consider only the N most frequent words.",
)
@exact_option
@output_options
def neighbors(
    word: str,
    workspace: str,
    topn: int,
    metric: str,
    restrict_vocab: int | None,
    exact: bool,
    output: str | None,
) -> None:
    """Show the words nearest to WORD. `similar` is the same command.

    With - as WORD, words are read from standard input, one per line.
    """
    with open_workspace(workspace) as ws:
        how = (topn, metric, restrict_vocab, exact)
        answer(word, lambda q: queries.neighbors(ws, q, *how), output)


@click.command()
@click.argument("expression", nargs=-1, required=True, metavar="EXPRESSION")
@workspace_option
@topn_option
@method_option
@exact_option
@output_options
def analogy(
    expression: tuple[str, ...],
    workspace: str,
    topn: int,
    method: str,
    exact: bool,
    output: str | None,
) -> None:
    """Show the words nearest to an EXPRESSION of words.

    \b
    embedsearch analogy "king - man + woman"
    embedsearch analogy "0.5 * paris + 2 * berlin - 'new york'"

    With - as EXPRESSION, expressions are read from standard input, one per line.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    with open_workspace(workspace) as ws:
        asked = " ".join(expression)
        answer(asked, lambda q: queries.analogy(ws, q, topn, method, exact), output)


@click.command()
@pair_arguments
@workspace_option
@output_options
def similarity(a: str, b: str | None, workspace: str, output: str | None) -> None:
    """Show how similar two words are.

    The score is the cosine of the angle between the words A and B. With - alone, pairs are read
    from standard input, one per line, separated by a blank or a tab.
    """
    _answer_pairs(queries.similarity, a, b, workspace, output)


@click.command("odd-one-out")
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@workspace_option
@output_options
def odd_one_out(words: tuple[str, ...], workspace: str, output: str | None) -> None:
    """Show which WORD fits the others least.

    With - alone, groups of words are read from standard input, one group per line.
    """
    with open_workspace(workspace) as ws:
        answer("\t".join(words), lambda q: queries.odd_one_out(ws, queries.split_words(q)), output)


@click.command()
@pair_arguments
@workspace_option
@output_options
def closer(a: str, b: str | None, workspace: str, output: str | None) -> None:
    """Show the words that are closer to A than B is.

    With - alone, pairs are read from standard input, one per line.
    """
    _answer_pairs(queries.closer, a, b, workspace, output)


@click.command()
@pair_arguments
@workspace_option
@output_options
def rank(a: str, b: str | None, workspace: str, output: str | None) -> None:
    """Show the place of B among the words nearest to A.

    The nearest word has place 1. With - alone, pairs are read from standard input, one per line.
    """
    _answer_pairs(queries.rank, a, b, workspace, output)


def _answer_pairs(
    ask: Callable[[Workspace, str, str], Answer],
    a: str,
    b: str | None,
    workspace: str,
    output: str | None,
) -> None:
    if b is None and a != "-":
        raise click.UsageError("Missing argument 'B'.", click.get_current_context())
    with open_workspace(workspace) as ws:
        query = a if b is None else f"{a}\t{b}"
        answer(query, lambda line: ask(ws, *queries.pair(line)), output)
