"""`evaluate`: how good the vectors, the search and the indexes of a workspace are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedsearch.cli.options import (
    Decorator,
    count_option,
    given,
    method_option,
    open_workspace,
    output_options,
    quiet_option,
    together,
    workspace_option,
)
from embedsearch.cli.output import Answer, show
from embedsearch.cli.progress import make_progress
from embedsearch.workspace import KINDS, SEARCH_MODES

if TYPE_CHECKING:
    from embedsearch.workspace import Report

common_options = together(workspace_option, quiet_option, output_options)
restrict_option = count_option(
    "--restrict-vocab", default=300_000, help="Use only the N most frequent words."
)
case_option: Decorator[Any] = click.option(
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
@common_options
@method_option
@restrict_option
@case_option
def analogies(file: str, workspace: str, quiet: bool, output: str | None, **options: Any) -> None:
    """Answer analogies, and count the right answers.

    FILE has the format of Google's questions-words.txt: a section begins with a line
    ": name", a question is a line of four words. The default is that file, which gensim ships.
    """
    with open_workspace(workspace) as ws:
        progress = make_progress(quiet=quiet)
        _show(ws.evaluate.analogies(file, progress=progress, **options), output)


@evaluate.command()
@click.argument("file", default="wordsim353")
@common_options
@restrict_option
@case_option
@click.option(
    "--dummy4unknown",
    is_flag=True,
    help="Count pairs with an unknown word as similarity 0 instead of leaving them out.",
)
def pairs(file: str, workspace: str, quiet: bool, output: str | None, **options: Any) -> None:
    """Compare similarities of words with human ones.

    FILE has the format of WordSim-353, SimLex-999 or MEN: two words and a number per line. The
    names wordsim353 (the default) and simlex999 stand for the files that gensim ships.
    """
    with open_workspace(workspace) as ws:
        progress = make_progress(quiet=quiet)
        _show(ws.evaluate.pairs(file, progress=progress, **options), output)


@evaluate.command()
@click.argument("path", metavar="DIR", type=click.Path())
@common_options
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
def retrieval(path: str, workspace: str, quiet: bool, output: str | None, **options: Any) -> None:
    """Search for the queries of a test collection.

    DIR has the format of BEIR (queries.jsonl, qrels/SPLIT.tsv) or files of TREC. The workspace
    must hold the documents of the collection under their ids:

    \b
    embedsearch build cranfield/corpus.jsonl -w cranfield.es
    embedsearch evaluate retrieval cranfield/ -w cranfield.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    with open_workspace(workspace) as ws:
        progress = make_progress(quiet=quiet)
        _show(ws.evaluate.retrieval(path, progress=progress, **given(options)), output)


@evaluate.command()
@common_options
@click.option(
    "--label",
    metavar="NAME",
    help="Metadata field to predict from document vectors, such as metadata.group.",
)
@click.option("--test", metavar="SOURCE", help="Other documents with labels, to test on.")
@count_option("--folds", default=5, help="Folds of the cross-validation, without --test.", least=2)
def documents(
    workspace: str,
    quiet: bool,
    output: str | None,
    label: str | None,
    test: str | None,
    folds: int,
) -> None:
    """Measure how good document vectors are.

    Without --label, their similarities are compared with human ones on the Lee corpus, which
    gensim ships. With --label, a linear classifier predicts the label of a document from its
    vector.
    """
    if label is None and test is not None:
        raise click.UsageError("--test needs --label.", click.get_current_context())
    with open_workspace(workspace) as ws:
        progress = make_progress(quiet=quiet)
        if label is None:
            _show(ws.evaluate.lee(progress=progress), output)
        else:
            report = ws.evaluate.classification(label, test=test, folds=folds, progress=progress)
            _show(report, output)


@evaluate.command()
@common_options
@click.option(
    "--what",
    type=click.Choice(KINDS),
    default="words",
    show_default=True,
    help="Which index.",
)
@neighbours_option
@count_option("--queries", default=1_000, help="How many vectors to search for.")
def index(workspace: str, quiet: bool, output: str | None, **options: Any) -> None:
    """Compare an index with exact search: recall and latency."""
    with open_workspace(workspace) as ws:
        _show(ws.evaluate.index(progress=make_progress(quiet=quiet), **options), output)


@evaluate.command()
@common_options
@count_option("--seeds", default=3, help="How many models to train.", least=2)
@neighbours_option
def stability(workspace: str, quiet: bool, output: str | None, **options: Any) -> None:
    """Train again with other seeds, and compare the nearest words."""
    with open_workspace(workspace) as ws:
        _show(ws.evaluate.stability(progress=make_progress(quiet=quiet), **options), output)


def _show(report: Report, output: str | None) -> None:
    rows = report.rows()
    columns = tuple(rows[0]) if rows else ()
    show(Answer(rows, columns, notes=report.notes, document=report.to_json()), output)
