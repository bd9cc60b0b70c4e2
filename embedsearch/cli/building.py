"""Making a workspace: `build`, and its steps `add`, `delete`, `train` and `index`."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsearch.cli.batch import read_lines
from embedsearch.cli.building_options import (
    given,
    read_options,
    search_options,
    sources_argument,
    tokenizer_options,
    training_options,
)
from embedsearch.cli.options import quiet_option, workspace_option
from embedsearch.cli.output import tell
from embedsearch.cli.progress import make_progress
from embedsearch.cli.session import open_workspace
from embedsearch.cli.summaries import of_build, of_changes, of_deletion, of_index, of_training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.workspace import Workspace


@click.command()
@sources_argument
@workspace_option
@click.option("--overwrite", is_flag=True, help="Replace a workspace that is there.")
@quiet_option
@read_options
@tokenizer_options
@training_options
@search_options
def build(
    sources: tuple[str, ...], workspace: str, overwrite: bool, quiet: bool, **options: Any
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
        progress=make_progress(quiet=quiet),
        **given(options),
    ) as ws:
        if not quiet:
            tell(*of_build(ws, workspace))


@click.command()
@sources_argument
@workspace_option
@quiet_option
@read_options
def add(sources: tuple[str, ...], workspace: str, quiet: bool, **options: Any) -> None:
    """Add documents, or renew those that have changed.

    SOURCE is as for `embedsearch build`. A workspace that is not there is made. Queries find new
    documents at once, by the words that are known; `embedsearch train` learns their words too,
    and `embedsearch index` makes queries faster again after many of them.
    """
    from embedsearch.workspace import ReadSettings

    with _open_or_create(workspace) as ws:
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
@quiet_option
def delete(ids: tuple[str, ...], workspace: str, quiet: bool) -> None:
    """Delete documents by their ids.

    With - as ID, ids are read from standard input, one a line. If one of them is not there,
    nothing is deleted.
    """
    with open_workspace(workspace, mode="w") as ws:
        deleted = ws.delete(list(read_lines()) if ids == ("-",) else list(ids))
    if not quiet:
        tell(*of_deletion(deleted))


@click.command()
@workspace_option
@click.option("--update", is_flag=True, help="Go on from the vectors that there are.")
@quiet_option
@tokenizer_options
@training_options
@search_options
def train(workspace: str, quiet: bool, update: bool, **options: Any) -> None:
    """Train word vectors on the documents, and index.

    An interrupted training goes on from its last checkpoint. With --update, the vectors that
    there are learn from the documents that were added or changed since.

    What is in [brackets] happens without the option, except that text is cut into words as
    before where nothing else is said.
    """
    with open_workspace(workspace, mode="w") as ws:
        report = ws.train(progress=make_progress(quiet=quiet), update=update, **given(options))
        if not quiet:
            tell(*of_training(report))


@click.command()
@workspace_option
@click.option("--refit", is_flag=True, help="Learn anew how documents are found.")
@quiet_option
@search_options
def index(workspace: str, quiet: bool, refit: bool, **options: Any) -> None:
    """Index the documents that were added since.

    How documents are found is learned anew with --refit, with another --encoder or --language,
    and by itself when there are twice as many documents as it was learned from. Word vectors
    stay as they are.
    """
    asked = given(options)
    with open_workspace(workspace, mode="w") as ws:
        changes = ws.index(refit=refit, progress=make_progress(quiet=quiet), **asked)
        if not quiet:
            tell(*of_index(changes, ws, learned=refit or bool(asked)))


@contextmanager
def _open_or_create(path: str) -> Iterator[Workspace]:
    """Open a workspace for writing; a new one that got no documents is taken away again."""
    from embedsearch import workspace as facade

    if Path(path).exists():
        with open_workspace(path, mode="w") as ws:
            yield ws
        return
    ws = facade.create(path)
    try:
        yield ws
    finally:
        empty = not ws.documents
        ws.close()
        if empty:
            shutil.rmtree(path, ignore_errors=True)
