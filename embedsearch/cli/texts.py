"""Arguments that are text, such as words, queries and ids."""

from __future__ import annotations

import os
from typing import Any

import click


class Text(click.types.StringParamType):
    """Text that can be stored and compared: not what a shell passes on of broken UTF-8."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text.

        Raises:
            click.BadParameter: It is not Unicode text.
        """
        text = str(super().convert(value, param, ctx))
        decoded = _decoded(text)
        if decoded is None:
            self.fail(f"{text!r} is not text in UTF-8.", param, ctx)
        return decoded


def _decoded(text: str) -> str | None:
    """Return text without lone surrogates; None where they stand for no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        pass
    else:
        return text
    try:
        # In the locale C, Python passes on every byte beyond ASCII so.
        return os.fsencode(text).decode()
    except UnicodeError:
        return None


def refuse_broken_text(command: click.Command) -> None:
    """Let all arguments of a command that are text be `Text`; names of files may be any bytes."""
    for parameter in command.params:
        if isinstance(parameter.type, click.types.StringParamType):
            parameter.type = Text()
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            refuse_broken_text(inner)
