"""Making a workspace: `build`, and its steps `add`, `delete`, `train` and `index`."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsearch import _io, workspace as facade
from embedsearch._errors import InputError
from embedsearch._messages import counted
from embedsearch.cli.info import indexes_of
from embedsearch.cli.options import (
    durability_option,
    given,
    index_options,
    json_option,
    on_workspace,
    output_options,
    quiet_option,
    read_options,
    search_options,
    source_options,
    sources_argument,
    tokenizer_options,
    training_options,
    wait_option,
    where_option,
    workspace_option,
)
from embedsearch.cli.output import Answer, echo_err, json_line, read_lines, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from embedsearch.workspace import Changes, LeftOut, Progress, Workspace

# Shorter words are seldom what a corpus is about: the most frequent of them are "the" and "of".
TELLING_LETTERS = 8


@click.command()
@sources_argument
@workspace_option
@click.option("--overwrite", is_flag=True, help="Replace an existing workspace.")
@click.option(
    "--words-only",
    "search",
    flag_value=False,
    type=bool,
    default=None,
    help="Learn words alone, in less time: documents are found by their words, until "
    "embedsearch index learns the rest.",
)
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
    progress: Progress,
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
    with _reporting(report) as left_out:
        ws = facade.build(list(sources), workspace, progress=progress, **given(options))
        assert ws.changes is not None  # noqa: S101 - just read
        left_out += ws.changes.left_out
    with ws:
        info = ws.info()
        seconds = float(info.report["seconds"])
        if rest := _rest(ws.changes):
            progress.note(f"Read: {', '.join(rest)}.")
        progress.note(
            f"Built {workspace}: {counted(info.documents, 'document')}, "
            f"{counted(info.tokens, 'token')}, {counted(info.vocabulary, 'word')} "
            f"in {info.vector_size} dimensions; trained in {seconds:.1f} s."
        )
        if "language" not in given(options):
            progress.note(_language(info.language, workspace))
        progress.note(try_neighbors(ws, workspace))
        if as_json:
            made = {
                "workspace": workspace,
                "documents": info.documents,
                "tokens": info.tokens,
                "vocabulary": info.vocabulary,
                "vector_size": info.vector_size,
                "language": info.language,
                "seconds": seconds,
            }
            show(Answer.one({**made, **ws.changes.to_json()}), "json")


def try_neighbors(ws: Workspace, path: str) -> str:
    """Suggest a question about a word that is likely to mean something."""
    words = ws.words.index_to_key
    telling = (word for word in words if len(word) >= TELLING_LETTERS and word.isalpha())
    word = shlex.quote(next(telling, words[0]))
    return f"Try: embedsearch neighbors {word} -w {shlex.quote(path)}"


def _language(language: str | None, path: str) -> str:
    if language != "none":
        return f"Search uses the stop words and stems of the language {language}."
    return (
        "No language was found in the texts, so search has no stop words and stems for them; "
        f"if they have one: embedsearch index --language NAME -w {shlex.quote(path)}"
    )


def _rest(changes: Changes) -> list[str]:
    """Say what is seldom: only as far as it happened."""
    counts = {
        "renamed": changes.renamed,
        "in the place of others": changes.replaced,
        "gone from the sources": changes.vanished - changes.pruned,
        "pruned": changes.pruned,
        "without a text": changes.empty,
    }
    parts = [f"{number:,} {what}" for what, number in counts.items() if number]
    files = len(changes.left_out)
    return [*parts, f"{counted(files, 'file')} left out"] if files else parts


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
    progress: Progress,
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
    with facade.opened_or_created(workspace, wait=wait, durability=durability) as ws:
        with _reporting(report) as left_out:
            settings = facade.ReadSettings(**given(options))
            changes = ws.add_sources(list(sources), read=settings, prune=prune, progress=progress)
            left_out += changes.left_out
        rest = "".join(f"; {each}" for each in _rest(changes))
        progress.note(
            f"Added {changes.added:,}, updated {changes.updated:,}, "
            f"unchanged {counted(changes.unchanged, 'document')}{rest}."
        )
        info = ws.info()
        if info.generation is None:
            progress.note(f"Next: embedsearch train -w {shlex.quote(workspace)}")
        elif info.advice is not None and info.advice.startswith("train"):
            progress.note(f"Advice: {info.advice}.")
        if as_json:
            show(Answer.one({"workspace": workspace, **changes.to_json()}), "json")


def _check_deletion(
    ids: tuple[str, ...], where: str | None, source: str | None, **_: Any
) -> str | None:
    is_one = [bool(ids), where is not None, source is not None].count(True) == 1
    return None if is_one else "Give documents to delete: ID..., --where or --source, one of them."


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID...]")
@on_workspace("w", check=_check_deletion)
@where_option
@click.option(
    "--source",
    metavar="SOURCE",
    help="Documents from this file or folder, from -, or from corpus:NAME. One that another "
    "source has, too, stays.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before --where or --source deletes.")
@click.option("--dry-run", is_flag=True, help="Say how many would be deleted, and delete none.")
@wait_option
@durability_option
@json_option
@quiet_option
def delete(
    ws: Workspace,
    ids: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    as_json: bool,
    progress: Progress,
    **chosen: str | None,
) -> None:
    """Delete documents, and their vectors with them.

    \b
    embedsearch delete 305 112 -w my.es
    embedsearch delete --where "year < 1990" --dry-run -w my.es
    embedsearch delete --source papers/old.jsonl -w my.es

    With - as ID, ids are read from standard input, one per line. If one of them is unknown,
    nothing is deleted. On a terminal, --where and --source ask first.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    which = given(chosen)
    if ids:
        which = {"ids": list(read_lines()) if ids == ("-",) else list(ids)}
    elif not yes and not dry_run and sys.stdin.isatty():
        # Nobody else can write meanwhile: what is counted is what is deleted.
        count = ws.delete(**which, dry_run=True)
        echo_err(f"Delete {counted(count, 'document')}? [y/N]:")
        if count and sys.stdin.readline().strip().lower() not in ("y", "yes"):
            progress.note("Nothing was deleted.")
            click.get_current_context().exit(1)
    deleted = ws.delete(**which, dry_run=dry_run)
    if as_json:
        show(Answer.one({"deleted": deleted, "dry_run": dry_run}), "json")
    else:
        progress.note(f"{'Would delete' if dry_run else 'Deleted'} {counted(deleted, 'document')}.")


@click.command()
@on_workspace("w")
@click.option("--update", is_flag=True, help="Continue from the present vectors.")
@wait_option
@quiet_option
@tokenizer_options
@training_options
@search_options
@index_options
def train(ws: Workspace, update: bool, progress: Progress, **options: Any) -> None:
    """Train word vectors on the documents, and index.

    An interrupted training continues from its last checkpoint. With --update, training continues
    from the present vectors, on the documents that were added or changed since.

    The values in [brackets] are the defaults, except that text is tokenized as before unless you
    say otherwise.
    """
    report = ws.train(progress=progress, update=update, **given(options))
    if not report.documents:
        progress.note(f"Nothing to train: {report.choices}.")
        return
    progress.note(
        f"Trained {counted(report.vocabulary, 'word')} on {counted(report.tokens, 'token')} of "
        f"{counted(report.documents, 'document')} in {report.seconds:.1f} s."
    )


def _check_explain(explain: bool, output: str | None, **_: Any) -> str | None:
    return f"--{output} needs --explain." if output is not None and not explain else None


@click.command()
@on_workspace("w", check=_check_explain)
@click.option("--refit", is_flag=True, help="Learn the encoders of search again.")
@wait_option
@quiet_option
@search_options
@index_options
@click.option("--explain", is_flag=True, help="Show what --spec auto measured, and why.")
@output_options
def index(
    ws: Workspace,
    refit: bool,
    progress: Progress,
    explain: bool,
    output: str | None,
    **options: Any,
) -> None:
    """Index the documents that were added since.

    The encoders of documents are learned again with --refit, with another
    --encoder or --language, and when the number of documents has doubled since. Word vectors
    stay as they are.

    The indexes of words and of your own vectors are exact as long as that costs little; larger
    ones are those that answer --for at least cost and reach --recall, measured on the vectors
    themselves. --spec, --recall, --memory and --for build them again, and stay in force.

    \b
    embedsearch index --recall 0.95 --explain -w my.es
    embedsearch index --spec hnsw -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    asked = given(options)
    changes = ws.index(refit=refit, progress=progress, **asked)
    progress.note(
        f"Indexed {counted(changes, 'change')}." if changes else "The index is up to date."
    )
    info = ws.info()
    if refit or asked.keys() & {"encoders", "language"}:
        progress.note(f"Search was fitted to the documents (language: {info.language}).")
    if asked.keys() & {"spec", "recall", "memory", "for_"}:
        for name, facts in (("words", info.word_index), ("vectors", info.vectors)):
            if facts:
                progress.note(f"Index of {name}: {index_line(facts)}.")
    if explain:
        found, reasons = indexes_of(ws)
        for reason in reasons:
            progress.note(reason)
        show(found, output)


def index_line(facts: Mapping[str, Any]) -> str:
    """Say what kind of index there is, and how much it finds."""
    spec, recall = facts["spec"], facts["recall"]
    if spec == "flat":
        return "search is exact"
    settings = "".join(f", {name} {value:g}" for name, value in facts["parameters"].items())
    found = "" if recall is None else f", recall {recall:.3f}"
    return f"{spec}{settings}{found}"


@contextmanager
def _reporting(file: str | None) -> Iterator[list[LeftOut]]:
    """Write a report of what is put into the list, and of that even if it is everything."""
    left_out: list[LeftOut] = []
    if file is None:
        yield left_out
        return
    if not (folder := Path(file).absolute().parent).is_dir():
        raise click.UsageError(f"The folder of --report does not exist: {folder}")
    from embedsearch.workspace.layout import check_outside

    check_outside(file, "--report")
    try:
        yield left_out
    except InputError as error:
        if error.left_out:
            _write_report(file, error.left_out)
        raise
    _write_report(file, left_out)


def _write_report(file: str, left_out: Sequence[LeftOut]) -> None:
    lines = "".join(json_line(each.to_json()) for each in left_out)
    try:
        with _io.output(Path(file)) as place:
            # A name that is not UTF-8 becomes escapes of JSON.
            place.write_text(lines, "utf-8", "backslashreplace", newline="\n")
    except OSError as error:
        raise click.ClickException(f"--report {file}: {error.strerror}") from error
