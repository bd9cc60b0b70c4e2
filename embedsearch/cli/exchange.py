"""Vectors from elsewhere, and to elsewhere: `import` and `export`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from embedsearch import workspace as facade
from embedsearch._messages import counted
from embedsearch.cli.build import index_line, try_neighbors
from embedsearch.cli.options import (
    given,
    index_options,
    on_workspace,
    quiet_option,
    together,
    tokenizer_options,
    wait_option,
    workspace_option,
)
from embedsearch.workspace import ENCODING_ERRORS, KINDS, METRICS, VECTOR_FORMATS, WRITABLE_FORMATS

if TYPE_CHECKING:
    from embedsearch.workspace import Progress, Workspace

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


@click.command("import")
@click.argument("file", type=click.Path(), required=False)
@workspace_option
@click.option(
    "--format",
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
    progress: Progress,
    vectors: str | None,
    spec: str | None,
    recall: float | None,
    memory: str | None,
    for_: str | None,
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
    # A flag is never None, and would count as given.
    asked = given({**options, "update": options["update"] or None})
    _check_together(file, vectors, asked)
    # These go with both kinds.
    index = {"spec": spec, "recall": recall, "memory": memory, "for_": for_}
    asked |= given({**index, "wait": wait})
    if file is not None:
        _import_words(file, workspace, progress, asked)
    elif vectors is not None:
        _import_rows(vectors, workspace, progress, asked)


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


def _import_words(file: str, workspace: str, progress: Progress, asked: dict[str, Any]) -> None:
    with facade.import_vectors(file, workspace, progress=progress, **asked) as ws:
        info = ws.info()
        words = f"{counted(info.vocabulary, 'word')} in {info.vector_size} dimensions"
        documents = f"; {counted(info.documents, 'document')} encoded" if info.documents else ""
        progress.note(f"Imported {words} into {workspace}{documents}.")
        progress.note(try_neighbors(ws, workspace))


def _import_rows(vectors: str, workspace: str, progress: Progress, asked: dict[str, Any]) -> None:
    rows = asked.pop("metadata", None)
    with facade.add_vectors(vectors, workspace, rows, progress=progress, **asked) as ws:
        facts = ws.info().vectors or {}
        progress.note(
            f"{workspace} has {counted(len(ws.vectors), 'vector')} of {facts['dimension']} "
            f"dimensions; {index_line(facts)}."
        )
        id, path = shlex.quote(next(iter(ws.vectors))), shlex.quote(workspace)
        progress.note(f"Try: embedsearch related {id} -w {path}")


@click.command()
@click.argument("file", type=click.Path())
@on_workspace()
@click.option(
    "--format",
    type=click.Choice(("auto", *WRITABLE_FORMATS)),
    default="auto",
    show_default=True,
    help="Format of the file; auto goes by its name.",
)
@click.option(
    "--what",
    type=click.Choice(KINDS),
    default="words",
    show_default=True,
    help="Vectors of words, or of documents with their ids.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@quiet_option
def export(ws: Workspace, file: str, progress: Progress, **options: Any) -> None:
    """Write vectors to FILE for other programs.

    \b
    embedsearch export vectors.txt --format word2vec -w my.es
    embedsearch export vectors.safetensors -w my.es
    embedsearch export documents.npy --what documents -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    written = ws.export(file, progress=progress, **options)
    progress.note(f"Wrote {counted(written, 'vector')} to {file}.")
