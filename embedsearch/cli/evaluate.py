"""`evaluate`: how good the vectors, the search and the indexes of a workspace are."""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click

from embedsearch.cli.options import (
    count_option,
    feedback_option,
    given,
    lean_option,
    method_option,
    on_workspace,
    output_options,
    quiet_option,
    together,
)
from embedsearch.cli.output import Answer, show
from embedsearch.workspace import KINDS, SEARCH_MODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedsearch.cli.options import Check
    from embedsearch.workspace import Progress, Report, Workspace


def measurement(measure: Callable[..., Report], check: Check | None = None) -> Any:
    """Make a command of a function that measures an open workspace: it shows the report."""

    @wraps(measure)
    def run(ws: Workspace, output: str | None, **options: Any) -> None:
        report = measure(ws, **options)
        rows = report.rows()
        columns = tuple(rows[0]) if rows else ()
        show(Answer(rows, columns, notes=report.notes, document=report.to_json()), output)

    return together(on_workspace(check=check), quiet_option, output_options)(run)


# gensim's default.
restrict_option = count_option(
    "--restrict-vocab", default=300_000, help="Use only the N most frequent words."
)
case_option = click.option(
    "--case-insensitive/--case-sensitive",
    default=True,
    show_default=True,
    help="Treat words that differ only in case as the same.",
)
neighbours_option = count_option("-k", "--topn", default=10, help="How many neighbours to compare.")


@click.group()
def evaluate() -> None:
    """Measure how good vectors, search and indexes are.

    Every report is also saved in the folder `reports` of the workspace.
    """


@evaluate.command()
@click.argument("file", default="google")
@measurement
@method_option
@restrict_option
@case_option
def analogies(ws: Workspace, file: str, **options: Any) -> Report:
    """Answer analogies, and count the right answers.

    FILE has the format of Google's questions-words.txt: a section begins with a line
    ": name", a question is a line of four words. The default is that file, which gensim ships.
    """
    return ws.evaluate.analogies(file, **options)


@evaluate.command()
@click.argument("file", default="wordsim353")
@measurement
@restrict_option
@case_option
@click.option(
    "--dummy4unknown",
    is_flag=True,
    help="Count pairs with an unknown word as similarity 0 instead of leaving them out.",
)
def pairs(ws: Workspace, file: str, **options: Any) -> Report:
    """Compare similarities of words with human ones.

    FILE has the format of WordSim-353, SimLex-999 or MEN: two words and a number per line. The
    names wordsim353 (the default) and simlex999 stand for the files that gensim ships.
    """
    return ws.evaluate.pairs(file, **options)


@evaluate.command()
@click.argument("path", metavar="DIR", type=click.Path())
@measurement
@click.option("--split", metavar="NAME", help="Which file of qrels/. [test, or the only one]")
@click.option(
    "--mode",
    "modes",
    type=click.Choice(SEARCH_MODES),
    multiple=True,
    default=("auto",),
    show_default=True,
    help="How to search; repeat it to compare modes with the first.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="What to measure, such as ndcg@20; repeat it for more. [ndcg@10, map, mrr, ...]",
)
@click.option("--qrels", type=click.Path(), help="Judgements, if they are not in DIR.")
@click.option("--queries", type=click.Path(), help="Queries, if they are not in DIR.")
@click.option("--run", type=click.Path(), help="Write the results to this file, in TREC's format.")
@feedback_option("As for search, in all modes but lexical.")
@lean_option("As for search, in all modes but lexical and latent.")
def retrieval(ws: Workspace, path: str, **options: Any) -> Report:
    """Search for the queries of a test collection.

    DIR has the format of BEIR (queries.jsonl, qrels/SPLIT.tsv) or files of TREC. The workspace
    must hold the documents of the collection under their ids:

    \b
    embedsearch build cranfield/corpus.jsonl -w cranfield.es
    embedsearch evaluate retrieval cranfield/ -w cranfield.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    return ws.evaluate.retrieval(path, **given(options))


def _check_label(label: str | None, test: str | None, **_: Any) -> str | None:
    return "--test needs --label." if label is None and test is not None else None


@evaluate.command()
@partial(measurement, check=_check_label)
@click.option(
    "--label",
    metavar="NAME",
    help="Metadata field to predict from document vectors, such as metadata.group.",
)
@click.option("--test", metavar="SOURCE", help="Other documents with labels, to test on.")
@count_option("--folds", default=5, help="Folds of the cross-validation, without --test.", least=2)
def documents(
    ws: Workspace, progress: Progress, label: str | None, test: str | None, folds: int
) -> Report:
    """Measure how good document vectors are.

    Without --label, their similarities are compared with human ones on the Lee corpus, which
    gensim ships. With --label, a linear classifier predicts the label of a document from its
    vector.
    """
    if label is None:
        return ws.evaluate.lee(progress=progress)
    return ws.evaluate.classification(label, test=test, folds=folds, progress=progress)


@evaluate.command()
@measurement
@click.option(
    "--what",
    type=click.Choice(KINDS),
    default="words",
    show_default=True,
    help="Which index.",
)
@neighbours_option
@count_option("--queries", default=1_000, help="How many vectors to search for.")
def index(ws: Workspace, **options: Any) -> Report:
    """Compare an index with exact search: recall and latency."""
    return ws.evaluate.index(**options)


@evaluate.command()
@measurement
@count_option("--seeds", default=3, help="How many models to train.", least=2)
@neighbours_option
def stability(ws: Workspace, **options: Any) -> Report:
    """Train again with other seeds, and compare the nearest words."""
    return ws.evaluate.stability(**options)
