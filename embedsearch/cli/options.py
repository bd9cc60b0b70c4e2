"""Options that several commands share, as decorators."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar

import click

from embedsearch.cli.output import FORMATS

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]

_FORMAT_HELP = {
    "json": "Write one JSON value.",
    "jsonl": "Write JSON, one object a line.",
    "csv": "Write CSV with a header, safe for terminals and spreadsheets.",
    "raw-csv": "Write CSV with texts as they are.",
    "table": "Write a table (the default).",
}


def together(*decorators: Decorator[Any]) -> Decorator[Any]:
    """Make one decorator of several, applied so that the help has their order."""

    def decorate(command: F) -> F:
        return reduce(lambda inner, decorator: decorator(inner), reversed(decorators), command)

    return decorate


workspace_option: Decorator[Any] = click.option(
    "-w",
    "--workspace",
    type=click.Path(file_okay=False),
    required=True,
    envvar="EMBEDSEARCH_WORKSPACE",
    show_envvar=True,
    help="Folder of the workspace.",
)

topn_option: Decorator[Any] = click.option(
    "-k",
    "--topn",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="How many to show.",
)

output_options: Decorator[Any] = together(
    *(
        click.option(f"--{name}", "output", flag_value=name, help=_FORMAT_HELP[name])
        for name in FORMATS
    )
)

json_option: Decorator[Any] = click.option(
    "--json", "as_json", is_flag=True, help="Write one JSON value."
)

wait_option: Decorator[Any] = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Wait up to this long while another process is writing.  [fails at once]",
)

durability_option: Decorator[Any] = click.option(
    "--durability",
    type=click.Choice(("full", "relaxed")),
    default="full",
    show_default=True,
    help="When documents count as kept: on the disk, or with the system. With relaxed, the last "
    "changes may be lost when the power fails, but not when the process dies.",
)

quiet_option: Decorator[Any] = click.option(
    "-q", "--quiet", is_flag=True, help="Print nothing but errors."
)
