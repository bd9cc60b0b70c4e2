"""Looking around: `info`, `corpora`, `demo`, and the table of `index --explain`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedsearch import workspace as facade
from embedsearch.cli.options import on_workspace, output_options
from embedsearch.cli.output import Answer, Record, echo, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from embedsearch.workspace import CorpusEntry, Workspace


_DECIMALS = 4
_COLUMNS = ("index", "spec", "vectors", "parameters", "recall", "microseconds", "chosen")


def indexes_of(ws: Workspace) -> tuple[Answer, list[str]]:
    """Return a row for each setting that was tried, and the reasons for the choice."""
    reports = ws.indexes()
    reasons = [f"{name}: {why}" for name, report in reports.items() for why in report["reasons"]]
    records = [record for name, report in reports.items() for record in _records(name, report)]
    return Answer(records, _COLUMNS, document=reports), reasons


def _records(name: str, report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    choice = report["choice"] or {}
    for other in choice.get("others", ()):
        yield from _points(name, other, report["spec"])
    if choice.get("curve"):
        yield from _points(name, choice["curve"], report["spec"])
    else:
        yield {
            "index": name,
            "spec": report["spec"],
            "vectors": report["vectors"],
            "parameters": report["parameters"],
            "recall": _rounded(report["recall"]),
            "microseconds": None,
            "chosen": True,
        }


def _points(name: str, curve: Mapping[str, Any], spec: str) -> Iterator[dict[str, Any]]:
    for point in curve["points"]:
        yield {
            "index": name,
            "spec": curve["spec"],
            "vectors": curve["count"],
            "parameters": point["parameters"],
            "recall": _rounded(point["recall"]),
            "microseconds": round(point["microseconds"]),
            "chosen": curve["spec"] == spec and point == curve["chosen"],
        }


def _rounded(recall: float | None) -> float | None:
    return None if recall is None else round(recall, _DECIMALS)


def facts_of(ws: Workspace) -> Answer:
    """Return what is known about a workspace; a table leaves out the long parts."""
    return Answer.facts(ws.info().to_json(), hidden=["report", "drift"])


@click.command()
@on_workspace()
@output_options
def info(ws: Workspace, output: str | None) -> None:
    """Show what a workspace holds and how it was made.

    `advice` says whether to train again because of later documents.
    """
    show(facts_of(ws), output)


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
    show(Answer([_line(entry) for entry in facade.list_corpora()], COLUMNS), output)


@corpora.command("show")
@click.argument("name")
@output_options
def show_(name: str, output: str | None) -> None:
    """Show where the corpus NAME comes from, its licence and how it is read."""
    show(Answer.facts(facade.get_corpus(name).to_json()), output)


def _line(entry: CorpusEntry) -> Record:
    return {
        "name": entry.name,
        "title": entry.title,
        "language": entry.language,
        "documents": entry.size.get("documents"),
        "tokens": entry.size.get("tokens"),
        "available": entry.available,
    }


CORPUS = "corpus:gensim-wikipedia"
QUESTIONS = (
    ("neighbors", "achilles", "-k", "5"),
    ("analogy", "he - his + her", "-k", "5"),
    ("similarity", "achilles", "hector"),
    ("odd-one-out", "greek", "latin", "hebrew", "oxygen"),
    ("search", "the structure of the atom", "-k", "3"),
    ("related", "305", "-k", "3"),
)


@click.command()
@click.option(
    "-w",
    "--workspace",
    type=click.Path(file_okay=False),
    default="demo.es",
    show_default=True,
    help="Folder of the workspace; made if it does not exist.",
)
@click.pass_context
def demo(ctx: click.Context, workspace: str) -> None:
    """Ask every kind of question of 106 Wikipedia articles.

    The articles come with gensim. Each command is shown as you would type it.
    """
    if not Path(workspace).exists():
        _run(ctx, "build", CORPUS, "-w", workspace)
    for question in QUESTIONS:
        _run(ctx, *question, "-w", workspace)


def _run(ctx: click.Context, *arguments: str) -> None:
    echo("", f"$ embedsearch {shlex.join(arguments)}")
    command = ctx.find_root().command
    with command.make_context("embedsearch", list(arguments)) as inner:
        command.invoke(inner)
