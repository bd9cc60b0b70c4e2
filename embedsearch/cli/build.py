"""Making a workspace: `build`, and its steps `add`, `delete`, `train` and `index`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsearch._errors import InputError
from embedsearch._messages import counted
from embedsearch.cli.info import indexes_of
from embedsearch.cli.options import (
    durability_option,
    given,
    index_options,
    open_workspace,
    output_options,
    quiet_option,
    read_options,
    search_options,
    source_options,
    sources_argument,
    tokenizer_options,
    training_options,
    wait_option,
    workspace_option,
)
from embedsearch.cli.output import Answer, echo_err, json_line, read_lines, show
from embedsearch.cli.progress import make_progress
from embedsearch.cli.summaries import (
    json_of_build,
    of_build,
    of_changes,
    of_index,
    of_training,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedsearch.workspace import LeftOut, Workspace


@click.command()
@sources_argument
@workspace_option
@click.option("--overwrite", is_flag=True, help="Replace an existing workspace.")
@wait_option
@quiet_option
@read_options
@source_options
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
    report: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Make a workspace: read text, train word vectors, index.

    A SOURCE is a file, a folder, - for standard input, or corpus:NAME for a corpus of the
    catalogue (`embedsearch corpora list`). The values in [brackets] are the defaults.

    \b
    embedsearch build docs/ --glob "**/*.md" -w my.es
    embedsearch build reviews.csv --text-column review --stem english -w reviews.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    from embedsearch import workspace as facade

    def made() -> Workspace:
        return facade.build(
            list(sources),
            workspace,
            overwrite=overwrite,
            wait=wait,
            progress=make_progress(quiet=quiet),
            **given(options),
        )

    with _with_report(made, report) as ws:
        if not quiet:
            echo_err(*of_build(ws, workspace))
        if as_json:
            show(Answer.one(json_of_build(ws, workspace)), "json")


@click.command()
@sources_argument
@workspace_option
@wait_option
@durability_option
@quiet_option
@read_options
@source_options
@click.option("--prune", is_flag=True, help="Delete documents whose files or rows no longer exist.")
def add(
    sources: tuple[str, ...],
    workspace: str,
    wait: float | None,
    durability: str,
    quiet: bool,
    report: str | None,
    as_json: bool,
    prune: bool,
    **options: Any,
) -> None:
    """Add documents, and update those that have changed.

    SOURCE is as for `embedsearch build`. A workspace that does not exist is made. A file that was
    read before updates its documents, even under another name. Queries find new documents at
    once, by the known words; `embedsearch train` learns their words too, and
    `embedsearch index` makes queries fast again after many additions.

    \b
    embedsearch add docs/ --prune -w my.es
    cat more.jsonl | embedsearch add - --on-conflict replace -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    from embedsearch.workspace import ReadSettings, opened_or_created

    progress = make_progress(quiet=quiet)
    with opened_or_created(workspace, wait=wait, durability=durability) as ws:

        def added() -> Workspace:
            settings = ReadSettings(**given(options))
            ws.add_sources(list(sources), read=settings, prune=prune, progress=progress)
            return ws

        changes = _with_report(added, report).changes
        assert changes is not None  # noqa: S101 - just made
        if not quiet:
            echo_err(*of_changes(changes, ws, workspace))
        if as_json:
            show(Answer.one({"workspace": workspace, **changes.to_json()}), "json")


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

    With - as ID, ids are read from standard input, one per line. If one of them is unknown,
    nothing is deleted.
    """
    with open_workspace(workspace, mode="w", wait=wait, durability=durability) as ws:
        deleted = ws.delete(list(read_lines()) if ids == ("-",) else list(ids))
    if not quiet:
        echo_err(f"Deleted {counted(deleted, 'document')}.")


@click.command()
@workspace_option
@click.option("--update", is_flag=True, help="Continue from the present vectors.")
@wait_option
@quiet_option
@tokenizer_options
@training_options
@search_options
@index_options
def train(workspace: str, update: bool, wait: float | None, quiet: bool, **options: Any) -> None:
    """Train word vectors on the documents, and index.

    An interrupted training continues from its last checkpoint. With --update, training continues
    from the present vectors, on the documents that were added or changed since.

    The values in [brackets] are the defaults, except that text is tokenized as before unless you
    say otherwise.
    """
    with open_workspace(workspace, mode="w", wait=wait) as ws:
        report = ws.train(progress=make_progress(quiet=quiet), update=update, **given(options))
        if not quiet:
            echo_err(*of_training(report))


@click.command()
@workspace_option
@click.option("--refit", is_flag=True, help="Learn the encoders and weights of search again.")
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

    The document encoders and weights of search are learned again with --refit, with another
    --encoder or --language, and when the number of documents has doubled since. Word vectors
    stay as they are.

    The indexes of words and of your own vectors are exact as long as that costs little; larger
    ones are the fastest that reaches --recall, measured on the vectors themselves. --spec,
    --recall and --memory build them again, and stay in force.

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
            echo_err(*of_index(changes, ws, learned=learned, reindexed=reindexed))
        if explain:
            show(indexes_of(ws, quiet=quiet), output)


def _with_report(work: Callable[[], Workspace], file: str | None) -> Workspace:
    """Read sources, and write a report of what could not be read, even if that is everything."""
    if file is not None and not (folder := Path(file).absolute().parent).is_dir():
        raise click.UsageError(f"The folder of --report does not exist: {folder}")
    if file is not None:
        from embedsearch.workspace.layout import check_outside

        check_outside(file, "--report")
    try:
        ws = work()
    except InputError as error:
        if file is not None and error.left_out:
            _write_report(file, error.left_out)
        raise
    if file is not None and ws.changes is not None:
        _write_report(file, ws.changes.left_out)
    return ws


def _write_report(file: str, left_out: Sequence[LeftOut]) -> None:
    from embedsearch._io import output

    lines = "".join(json_line(each.to_json()) for each in left_out)
    try:
        with output(Path(file)) as place:
            # A name that is not UTF-8 becomes escapes of JSON.
            place.write_text(lines, "utf-8", "backslashreplace", newline="\n")
    except OSError as error:
        raise click.ClickException(f"--report {file}: {error.strerror}") from error
