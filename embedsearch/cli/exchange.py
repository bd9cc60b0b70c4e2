"""Vectors from elsewhere, and to elsewhere: `import` and `export`."""

from __future__ import annotations

from typing import Any

import click

from embedsearch._messages import counted
from embedsearch.cli.options import (
    given,
    index_options,
    open_workspace,
    quiet_option,
    together,
    tokenizer_options,
    wait_option,
    workspace_option,
)
from embedsearch.cli.output import echo_err
from embedsearch.cli.progress import make_progress
from embedsearch.cli.summaries import of_import, of_vectors
from embedsearch.workspace import ENCODING_ERRORS, KINDS, METRICS, VECTOR_FORMATS

_OF_ROWS = {"metadata", "metric", "update"}
vectors_options = together(
    click.option(
        "--vectors",
        type=click.Path(),
        metavar="ARRAY",
        help="A .npy or .safetensors file (FILE.safetensors:NAME for one of its tensors).",
    ),
    click.option(
        "--metadata",
        type=click.Path(),
        metavar="ROWS",
        help="JSON lines: the id and metadata of each row of ARRAY. [row numbers]",
    ),
    click.option(
        "--metric",
        type=click.Choice(METRICS),
        help="Similarity of rows of ARRAY: cosine, inner product, Euclidean distance. [cosine]",
    ),
    click.option("--update", is_flag=True, help="Add to the vectors of the workspace."),
)
format_option = click.option(
    "--format",
    "format",
    type=click.Choice(("auto", *VECTOR_FORMATS)),
    default="auto",
    show_default=True,
    help="Format of the file; auto goes by its first bytes and its name.",
)


@click.command("import")
@click.argument("file", type=click.Path(), required=False)
@workspace_option
@click.option(
    "--format",
    "format",
    type=click.Choice(("auto", *VECTOR_FORMATS)),
    help="Format of FILE; auto goes by its first bytes and its name. [auto]",
)
@click.option(
    "--limit", type=click.IntRange(min=2), metavar="N", help="Read only the first N words."
)
@click.option(
    "--encoding-errors",
    type=click.Choice(ENCODING_ERRORS),
    help="What to do with a word that is not UTF-8. [strict]",
)
@click.option(
    "--allow-pickle",
    is_flag=True,
    default=None,
    help="Read gensim's own files, which can run code. Only for files that you made.",
)
@vectors_options
@wait_option
@quiet_option
@tokenizer_options
@index_options
def import_(
    file: str | None,
    workspace: str,
    wait: float | None,
    quiet: bool,
    vectors: str | None,
    spec: str | None,
    recall: float | None,
    memory: str | None,
    **options: Any,
) -> None:
    """Import word vectors, or with --vectors those of anything.

    FILE is a file of word2vec, GloVe, fastText or any other format of --format, or a folder of
    model2vec. A workspace that does not exist is made; `embedsearch add` adds documents to it. In
    an existing one, these vectors replace its own, and its documents are encoded again.

    \b
    embedsearch import glove.6B.50d.txt -w glove.es
    embedsearch neighbors king -w glove.es

    With --vectors, each row of an array belongs to a document, such as an image: its line of
    --metadata has its "id" (or "_id"), "title" and "text", if any, and other metadata; without
    --metadata, the row number is its id. `embedsearch related` finds similar ones.

    \b
    embedsearch import --vectors images.npy --metadata images.jsonl -w images.es
    embedsearch import --vectors more.npy --metadata more.jsonl --update -w images.es
    embedsearch related img-17 --where "year > 1990" -w images.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    asked = given({**options, "update": options["update"] or None})
    _check_together(file, vectors, asked)
    asked |= given({"spec": spec, "recall": recall, "memory": memory, "wait": wait})
    if file is not None:
        _import_words(file, workspace, quiet, asked)
    elif vectors is not None:
        _import_rows(vectors, workspace, quiet, asked)


def _check_together(file: str | None, vectors: str | None, asked: dict[str, Any]) -> None:
    """Refuse options of the other kind of vectors instead of ignoring them."""
    context = click.get_current_context()
    if (file is None) == (vectors is None):
        wrong = "Give one of" if file is None else "Give only one of"
        raise click.UsageError(f"{wrong} FILE (words) and --vectors (anything else).", context)
    of_rows = asked.keys() & _OF_ROWS
    wrong_ones = sorted(of_rows if file is not None else asked.keys() - _OF_ROWS)
    if wrong_ones:
        flag = "--" + wrong_ones[0].replace("_", "-")
        other = "--vectors" if file is not None else "FILE"
        raise click.UsageError(f"{flag} goes with {other}.", context)


def _import_words(file: str, workspace: str, quiet: bool, asked: dict[str, Any]) -> None:
    from embedsearch import workspace as facade

    progress = make_progress(quiet=quiet)
    with facade.import_vectors(file, workspace, progress=progress, **asked) as ws:
        if not quiet:
            echo_err(*of_import(ws, workspace))


def _import_rows(vectors: str, workspace: str, quiet: bool, asked: dict[str, Any]) -> None:
    from embedsearch import workspace as facade

    rows = asked.pop("metadata", None)
    progress = make_progress(quiet=quiet)
    with facade.add_vectors(vectors, workspace, rows, progress=progress, **asked) as ws:
        if not quiet:
            echo_err(*of_vectors(len(ws.vectors), ws, workspace))


@click.command()
@click.argument("file", type=click.Path())
@workspace_option
@format_option
@click.option(
    "--what",
    type=click.Choice(KINDS),
    default="words",
    show_default=True,
    help="Vectors of words, or of documents with their ids.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@quiet_option
def export(file: str, workspace: str, quiet: bool, **options: Any) -> None:
    """Write vectors to FILE for other programs.

    \b
    embedsearch export vectors.txt --format word2vec -w my.es
    embedsearch export vectors.safetensors -w my.es
    embedsearch export documents.npy --what documents -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    with open_workspace(workspace) as ws:
        written = ws.export(file, progress=make_progress(quiet=quiet), **options)
    if not quiet:
        echo_err(f"Wrote {counted(written, 'vector')} to {file}.")
