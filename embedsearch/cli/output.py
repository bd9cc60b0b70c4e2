"""Writing one answer on standard output: JSON, JSONL, CSV or a table."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from embedsearch.cli.tables import draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from embedsearch.cli.answers import Answer

FORMATS = ("json", "jsonl", "csv", "table")


def show(answer: Answer, output: str | None) -> None:
    """Write one answer on standard output and its notes on standard error.

    Args:
        answer: What to write.
        output: One of `FORMATS`; None is a table.
    """
    tell(*answer.notes)
    if output in (None, "table"):
        draw(answer)
    else:
        click.echo(_RENDERERS[output](answer), nl=False)


def tell(*lines: str) -> None:
    """Write lines on standard error."""
    for line in lines:
        click.echo(line, err=True)


def keep_streams_writable() -> None:
    """Show characters that a terminal or file cannot encode as escapes, never as an error.

    In JSON such an escape stands for the same character.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def json_line(value: Any, indent: int | None = None) -> str:
    """Write a value as JSON, ended with a line break."""
    return json.dumps(value, ensure_ascii=False, indent=indent) + "\n"


def json_array(values: Iterable[Any]) -> str:
    """Write values as a JSON list with one of them a line."""
    lines = ",\n ".join(json_line(value).rstrip("\n") for value in values)
    return f"[{lines}]\n"


def csv_line(cells: Iterable[Any]) -> str:
    """Write one CSV record; a list or an object becomes JSON inside its cell."""
    import csv

    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([_csv_cell(cell) for cell in cells])
    return buffer.getvalue()


def csv_rows(answer: Answer, *first: str) -> Iterator[str]:
    """Write every record of an answer as CSV, after the cells `first`."""
    for record in answer.records:
        yield csv_line((*first, *(record[name] for name in answer.columns)))


def _csv_cell(cell: Any) -> Any:
    return json_line(cell).rstrip("\n") if isinstance(cell, dict | list | tuple) else cell


def _json(answer: Answer) -> str:
    if answer.document is not None:
        return json_line(answer.document, indent=2)
    return json_line(answer.records[0], indent=2) if answer.single else json_array(answer.records)


def _jsonl(answer: Answer) -> str:
    records = answer.records if answer.document is None else [answer.document]
    return "".join(map(json_line, records))


def _csv(answer: Answer) -> str:
    return csv_line(answer.columns) + "".join(csv_rows(answer))


_RENDERERS: dict[str | None, Callable[[Answer], str]] = {
    "json": _json,
    "jsonl": _jsonl,
    "csv": _csv,
}
