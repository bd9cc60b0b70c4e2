"""`demo`: every kind of question, asked of real text."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from embedsearch.cli.output import say

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
    help="Folder of the workspace; made where it is not there.",
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
    say("", f"$ embedsearch {shlex.join(arguments)}")
    command = ctx.find_root().command
    with command.make_context("embedsearch", list(arguments)) as inner:
        command.invoke(inner)
