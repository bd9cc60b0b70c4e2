"""The command `embedsearch`; a verb's module is imported only when the verb is used."""

from __future__ import annotations

import io
import os
import sys
import traceback
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from embedsearch._errors import EmbedSearchError
from embedsearch._version import __version__
from embedsearch.cli.options import refuse_broken_text
from embedsearch.cli.output import echo_err, error_lines
from embedsearch.cli.streams import one_line, safe_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# The verbs of each family, and the module of each.
SECTIONS = {
    "Make a workspace": dict.fromkeys(("build", "add", "delete", "train", "index"), "build"),
    "Ask about words": dict.fromkeys(
        ("neighbors", "analogy", "similarity", "odd-one-out", "closer", "rank"), "questions"
    ),
    "Count words": dict.fromkeys(("words", "concordance", "keywords", "compare"), "counting"),
    "Ask about documents": {
        **dict.fromkeys(("search", "related", "duplicates"), "questions"),
        **dict.fromkeys(("show", "list", "sample"), "listing"),
        **dict.fromkeys(("judge", "tune"), "tuning"),
    },
    "Explore the space": {
        **dict.fromkeys(("describe", "axis"), "space"),
        **dict.fromkeys(("topics", "clusters"), "space_topics"),
        "map": "space_maps",
        **dict.fromkeys(("path", "generate"), "space_nets"),
        "outliers": "space_outliers",
        "recommend": "space_recommend",
    },
    "Measure, exchange": {"evaluate": "evaluate", "import": "exchange", "export": "exchange"},
    "Keep safe": dict.fromkeys(
        ("verify", "repair", "compact", "backup", "restore", "migrate"), "maintain"
    ),
    "Look around": {
        "shell": "shell",
        "completion": "completion",
        **dict.fromkeys(("info", "corpora", "demo"), "info"),
    },
}
COMPLETE = "_EMBEDSEARCH_COMPLETE"
"""The variable by which a shell asks what Tab may complete."""
# What a shell reports for a program that Ctrl-C has ended.
INTERRUPTED = 130
ALIASES = {"similar": "neighbors", "odd": "odd-one-out"}
_MODULES = {name: module for section in SECTIONS.values() for name, module in section.items()}


def unknown_command(
    typed: str,
    known: Iterable[str] = (*_MODULES, *ALIASES),
    otherwise: str = "`embedsearch --help` lists all",
) -> str:
    """Say that there is no such command, and which were perhaps meant."""
    names = {name.casefold(): name for name in known}
    near = get_close_matches(typed.casefold(), names, n=3, cutoff=0.7)
    meant = " or ".join(dict.fromkeys(ALIASES.get(names[n], names[n]) for n in near))
    hint = f"did you mean {meant}?" if meant else otherwise
    return f"no such command {typed!r}; {hint}"


class Main(click.Group):
    """A group that imports its commands late and ends every failure as the shell expects."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name the commands, in the order of the help."""
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command by its name or alias."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in _MODULES:
            return None
        module = import_module(f"embedsearch.cli.{_MODULES[name]}")
        # A command cannot be called `import` in Python.
        command: click.Command = getattr(module, name.replace("-", "_"), None) or getattr(
            module, f"{name}_"
        )
        refuse_broken_text(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; under an alias it has the name, and so the variables, of its own."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(unknown_command(args[0]))
        name, command, rest = super().resolve_command(ctx, args)
        return (command.name if command else name), command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list of commands for each family of verbs."""
        # As in click's own method.
        limit = formatter.width - 6 - max(map(len, _MODULES))
        for title, names in SECTIONS.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, c.get_short_help_str(limit)) for name, c in commands if c]
            with formatter.section(title):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; print our errors and those of the system without a traceback."""
        try:
            return super().invoke(ctx)
        except EmbedSearchError as error:
            raise click.ClickException("\n".join(map(one_line, error_lines(error)))) from error
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            reason = one_line(f"{place}{error.strerror or error}")
            raise click.ClickException(reason) from error
        except KeyboardInterrupt:
            echo_err("Interrupted")
            ctx.exit(INTERRUPTED)

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command that is typed; all that is written goes through `safe_streams`."""
        if COMPLETE in os.environ:
            # It says how bash is answered.
            import_module("embedsearch.cli.completion")
        # On its own, click would end the process before the streams are as they were.
        run: Callable[[], Any] = partial(super().main, *args, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        with safe_streams():
            status = _status(run)
        sys.exit(status)


def _status(run: Callable[[], Any]) -> int:
    """Run and return how that ends: failures end with 1 or 2, an interrupt with 130."""
    try:
        result = run()
        # What is buffered fails only here: the disk is full, the reader has gone.
        sys.stdout.flush()
    except click.ClickException as error:
        message = io.StringIO()
        error.show(message)
        sys.stderr.write(message.getvalue())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        # Before there was a command.
        echo_err("Interrupted")
        return INTERRUPTED
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except Exception:  # noqa: BLE001 - shown as Python shows it, but made visible
        traceback.print_exc()
        return 1
    return result if isinstance(result, int) else 0


@click.group(
    cls=Main,
    context_settings={
        "auto_envvar_prefix": "EMBEDSEARCH",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(__version__, "-V", "--version", prog_name="embedsearch")
def main() -> None:
    """Train word embeddings on your own text, and ask them questions.

    \b
    embedsearch build docs/ -w my.es
    embedsearch neighbors water -w my.es
    embedsearch search "how to boil an egg" -w my.es

    Set EMBEDSEARCH_WORKSPACE to leave out -w. Every other option can be set so too:
    EMBEDSEARCH_NEIGHBORS_TOPN=5 is the default of `embedsearch neighbors --topn`.
    """  # noqa: D301 - click ends its own wrapping at a backspace
