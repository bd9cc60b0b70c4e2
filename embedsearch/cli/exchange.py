"""Vectors from elsewhere, and to elsewhere: `import` and `export`."""

from __future__ import annotations

from typing import Any

import click

from embedsearch.cli.building_options import given, tokenizer_options
from embedsearch.cli.options import quiet_option, workspace_option
from embedsearch.cli.output import tell
from embedsearch.cli.progress import make_progress
from embedsearch.cli.session import open_workspace
from embedsearch.cli.summaries import of_export, of_import
from embedsearch.workspace import ENCODING_ERRORS, KINDS, VECTOR_FORMATS

format_option = click.option(
    "--format",
    "format",
    type=click.Choice(("auto", *VECTOR_FORMATS)),
    default="auto",
    show_default=True,
    help="Format of the file; auto goes by its first bytes and its name.",
)


@click.command("import")
@click.argument("file", type=click.Path())
@workspace_option
@format_option
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
    help="Read gensim's own files, which run code. Only for files that you made.",
)
@quiet_option
@tokenizer_options
def import_(file: str, workspace: str, quiet: bool, **options: Any) -> None:
    """Take word vectors that were trained elsewhere.

    FILE is a file of word2vec, GloVe, fastText or any other format of --format, or a folder of
    model2vec. A workspace that is not there is made; `embedsearch add` adds documents to it. In
    one that is there, these vectors take the place of its own, and its documents are encoded
    anew.

    \b
    embedsearch import glove.6B.50d.txt -w glove.es
    embedsearch neighbors king -w glove.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    from embedsearch import workspace as facade

    with facade.import_vectors(
        file, workspace, progress=make_progress(quiet=quiet), **given(options)
    ) as ws:
        if not quiet:
            tell(*of_import(ws, workspace))


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
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
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
        tell(*of_export(written, file))
