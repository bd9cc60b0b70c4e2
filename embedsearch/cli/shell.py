"""`shell`: questions asked interactively, or as lines of standard input."""

from __future__ import annotations

import sys

import click

from embedsearch.cli.batch import UNANSWERABLE, read_lines
from embedsearch.cli.conversation import Conversation
from embedsearch.cli.options import output_options, topn_option, workspace_option
from embedsearch.cli.output import tell, tell_error, terminal
from embedsearch.cli.session import open_workspace

PROMPT = "embedsearch> "


@click.command()
@workspace_option
@topn_option
@output_options
def shell(workspace: str, topn: int, output: str | None) -> None:
    """Ask questions interactively; `help` lists them.

    On a terminal, Tab completes commands and words, and lines are remembered. Elsewhere every
    line of standard input is answered; the command ends with 1 if one could not be.
    """
    with open_workspace(workspace) as ws:
        conversation = Conversation(ws, topn=topn, output=output)
        if sys.stdin.isatty() and terminal().isatty():
            _converse(conversation)
        elif not _answer_lines(conversation):
            click.get_current_context().exit(1)


def _converse(conversation: Conversation) -> None:
    from embedsearch.cli.line_editing import edited_lines

    tell("Ask for a word, or `help`. Ctrl-D ends.")
    for line in edited_lines(PROMPT, conversation.completions):
        _try(conversation, line)
        if conversation.ended:
            return


def _answer_lines(conversation: Conversation) -> bool:
    good = True
    for line in read_lines():
        good = _try(conversation, line) and good
        if conversation.ended:
            break
    return good


def _try(conversation: Conversation, line: str) -> bool:
    """Answer a line; say whether that was possible."""
    try:
        conversation.answer(line)
    except UNANSWERABLE as error:
        tell_error(error)
        return False
    return True
