"""Lines typed on a terminal, with history and completion where Python has readline."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedsearch.cli.output import tell
from embedsearch.cli.streams import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HISTORY_LINES = 1000


def edited_lines(prompt: str, completions: Callable[[str], list[str]]) -> Iterator[str]:
    """Give the lines that are typed, until Ctrl-D; Ctrl-C drops the line being typed.

    Args:
        prompt: What stands before each line.
        completions: Gives the words that begin with what was typed.
    """
    with _readline(completions):
        while True:
            try:
                line = input(prompt)
            except KeyboardInterrupt:
                tell("")
                continue
            except EOFError:
                tell("")
                return
            yield line


def history_file() -> Path:
    """Return where the lines are remembered: in the user's folder for this program."""
    return Path(click.get_app_dir("embedsearch")) / "history"


@contextmanager
def _readline(completions: Callable[[str], list[str]]) -> Iterator[None]:
    try:
        import readline
    except ImportError:  # Windows has none, and edits lines itself
        yield
        return
    found: list[str] = []

    def complete(text: str, state: int) -> str | None:
        if state == 0:
            # readline itself writes them on the terminal.
            found[:] = [word for word in completions(text) if word == one_line(word)]
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n\"'")
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
    path = history_file()
    _attempt(readline.read_history_file, path)
    try:
        yield
    finally:
        readline.set_history_length(HISTORY_LINES)
        if _attempt(lambda folder: folder.mkdir(parents=True, exist_ok=True), path.parent):
            _attempt(readline.write_history_file, path)


def _attempt(act: Callable[[Path], None], path: Path) -> bool:
    """Try something with the history, without which the shell works too."""
    try:
        act(path)
    except OSError:
        return False
    return True
