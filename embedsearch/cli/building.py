"""Making a workspace: `build`, and its steps `add`, `delete`, `train` and `index`."""

from __future__ import annotations

from typing import Any

import click

from embedsearch.cli.batch import read_lines
from embedsearch.cli.building_options import (
    given,
    index_options,
    read_options,
    search_options,
    sources_argument,
    tokenizer_options,
    training_options,
)
from embedsearch.cli.indexes import indexes_of
from embedsearch.cli.options import (
    durability_option,
    output_options,
    quiet_option,
    wait_option,
    workspace_option,
)
from embedsearch.cli.output import show, tell
from embedsearch.cli.progress import make_progress
from embedsearch.cli.session import open_workspace
from embedsearch.cli.summaries import of_build, of_changes, of_deletion, of_index, of_training


@click.command()
@sources_argument
@workspace_option
@click.option("--overwrite", is_flag=True, help="Replace a workspace that is there.")
@wait_option
@quiet_option
@read_options
@tokenizer_options
@training_options
@search_options
@index_options
def build(
    sources: tuple[str, ...],
    workspace: str,
    overwrite: bool,
    wait: float | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Make a workspace: read text, train word vectors, index.

    A SOURCE is a file, a folder, - for standard input, or corpus:NAME for a corpus of the
    catalogue (`embedsearch corpora list`). What is in [brackets] happens without the option.

    \b
    embedsearch build docs/ --glob "**/*.md" -w my.es
    embedsearch build reviews.csv --text-column review --stem english -w reviews.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    from embedsearch import workspace as facade

    with facade.build(
        list(sources),
        workspace,
        overwrite=overwrite,
        wait=wait,
        progress=make_progress(quiet=quiet),
        **given(options),
    ) as ws:
        if not quiet:
            tell(*of_build(ws, workspace))


@click.command()
@sources_argument
@workspace_option
@wait_option
@durability_option
@quiet_option
@read_options
def add(
    sources: tuple[str, ...],
    workspace: str,
    wait: float | None,
    durability: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Add documents, or renew those that have changed.

    SOURCE is as for `embedsearch build`. A workspace that is not there is made. Queries find new
    documents at once, by the words that are known; `embedsearch train` learns their words too,
    and `embedsearch index` makes queries faster again after many of them.
    """
    from embedsearch.workspace import ReadSettings, opened_or_created

    with opened_or_created(workspace, wait=wait, durability=durability) as ws:
        changes = ws.add_sources(
            list(sources),
            read=ReadSettings(**given(options)),
            progress=make_progress(quiet=quiet),
        )
        if not quiet:
            tell(*of_changes(changes, ws, workspace))


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@workspace_option
@wait_option
@durability_option
@quiet_option
def delete(
    ids: tuple[str, ...], workspace: str, wait: float | None, durability: str, quiet: bool
) -> None:
    """Delete documents by their ids, and their vectors with them.

    With - as ID, ids are read from standard input, one a line. If one of them is not there,
    nothing is deleted.
    """
    with open_workspace(workspace, mode="w", wait=wait, durability=durability) as ws:
        deleted = ws.delete(list(read_lines()) if ids == ("-",) else list(ids))
    if not quiet:
        tell(*of_deletion(deleted))


@click.command()
@workspace_option
@click.option("--update", is_flag=True, help="Go on from the vectors that there are.")
@wait_option
@quiet_option
@tokenizer_options
@training_options
@search_options
@index_options
def train(workspace: str, update: bool, wait: float | None, quiet: bool, **options: Any) -> None:
    """Train word vectors on the documents, and index.

    An interrupted training goes on from its last checkpoint. With --update, the vectors that
    there are learn from the documents that were added or changed since.

    What is in [brackets] happens without the option, except that text is cut into words as
    before where nothing else is said.
    """
    with open_workspace(workspace, mode="w", wait=wait) as ws:
        report = ws.train(progress=make_progress(quiet=quiet), update=update, **given(options))
        if not quiet:
            tell(*of_training(report))


@click.command()
@workspace_option
@click.option("--refit", is_flag=True, help="Learn anew how documents are found.")
@wait_option
@quiet_option
@search_options
@index_options
@click.option("--explain", is_flag=True, help="Show what --spec auto measured, and why.")
@output_options
def index(
    workspace: str,
    refit: bool,
    wait: float | None,
    quiet: bool,
    explain: bool,
    output: str | None,
    **options: Any,
) -> None:
    """Index the documents that were added since.

    How documents are found is learned anew with --refit, with another --encoder or --language,
    and by itself when there are twice as many documents as it was learned from. Word vectors
    stay as they are.

    The index of words, and that of vectors of your own, is exact as long as that costs little,
    and else what is fastest at --recall, measured on the vectors themselves; --spec, --recall and
    --memory make it anew, and are kept for later.

    \b
    embedsearch index --recall 0.95 --explain -w my.es
    embedsearch index --spec hnsw -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    if output is not None and not explain:
        raise click.UsageError(f"--{output} needs --explain.", click.get_current_context())
    asked = given(options)
    reindexed = bool(asked.keys() & {"spec", "recall", "memory"})
    learned = refit or bool(asked.keys() & {"encoders", "language"})
    with open_workspace(workspace, mode="w", wait=wait) as ws:
        changes = ws.index(refit=refit, progress=make_progress(quiet=quiet), **asked)
        if not quiet:
            tell(*of_index(changes, ws, learned=learned, reindexed=reindexed))
        if explain:
            show(indexes_of(ws, quiet=quiet), output)
