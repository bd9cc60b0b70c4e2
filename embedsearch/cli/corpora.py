"""`corpora`: the catalogue of corpora that can be built by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch.cli.answers import Answer, Record
from embedsearch.cli.options import output_options
from embedsearch.cli.output import show

if TYPE_CHECKING:
    from embedsearch.workspace import CorpusEntry

COLUMNS = ("name", "title", "language", "documents", "tokens", "available")


@click.group()
def corpora() -> None:
    """Show the catalogue of corpora.

    `embedsearch build corpus:NAME` reads one of them.
    """


@corpora.command("list")
@output_options
def list_(output: str | None) -> None:
    """List the corpora, and whether they are on this machine."""
    from embedsearch.workspace import list_corpora

    show(Answer([_line(entry) for entry in list_corpora()], COLUMNS), output)


@corpora.command("show")
@click.argument("name")
@output_options
def show_(name: str, output: str | None) -> None:
    """Show where the corpus NAME comes from, its licence and how it is read."""
    from embedsearch.workspace import get_corpus

    show(Answer.facts(get_corpus(name).to_json()), output)


def _line(entry: CorpusEntry) -> Record:
    return {
        "name": entry.name,
        "title": entry.title,
        "language": entry.language,
        "documents": entry.size.get("documents"),
        "tokens": entry.size.get("tokens"),
        "available": entry.available,
    }
