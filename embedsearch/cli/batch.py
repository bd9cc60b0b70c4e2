"""Many queries, one a line of standard input, answered each with its query."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import click

from embedsearch._errors import InputError, SourceFormatError, UnknownKeyError
from embedsearch.cli.answers import Answer
from embedsearch.cli.output import (
    csv_line,
    csv_rows,
    json_array,
    json_line,
    say,
    show,
    tell,
    tell_error,
    write,
)
from embedsearch.cli.tables import draw

Entry = tuple[str, Answer | str]
Ask = Callable[[str], Answer]
UNANSWERABLE = (UnknownKeyError, InputError)


def answer(query: str, ask: Ask, output: str | None) -> None:
    """Answer one query, or with `-` every line of standard input.

    In a batch a query that cannot be answered does not stop the others: what is wrong with it
    is told on standard error and in JSON, and the command ends with 1.

    Args:
        query: What to ask, or `-`.
        ask: Answers one query.
        output: One of `embedsearch.cli.output.FORMATS`; None is a table.
    """
    if query != "-":
        show(ask(query), output)
        return
    failed: list[str] = []
    _WRITERS[output or "table"](_entries(ask, failed))
    if failed:
        click.get_current_context().exit(1)


def read_lines() -> Iterator[str]:
    """Give the lines of standard input that are not blank, without surrounding blanks.

    Raises:
        SourceFormatError: A line is not UTF-8.
    """
    for number, raw in enumerate(sys.stdin.buffer, 1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            raise SourceFormatError("-", "queries must be UTF-8 text", number) from error
        if line:
            yield line


def _entries(ask: Ask, failed: list[str]) -> Iterator[Entry]:
    for query in read_lines():
        found = _attempt(ask, query)
        if isinstance(found, str):
            failed.append(query)
        yield query, found


def _attempt(ask: Ask, query: str) -> Answer | str:
    """Answer a query, or say on standard error what is wrong with it, and return that."""
    try:
        found = ask(query)
    except UNANSWERABLE as error:
        tell_error(error)
        return str(error)
    tell(*found.notes)
    return found


def _write_json(entries: Iterable[Entry]) -> None:
    write(json_array([_combined(*entry) for entry in entries]))


def _write_jsonl(entries: Iterable[Entry]) -> None:
    for entry in entries:
        write(json_line(_combined(*entry)))


def _combined(query: str, found: Answer | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"query": query, "error": found}
    return {"query": query, "results": list(found.records)}


def _write_csv(entries: Iterable[Entry], *, raw: bool = False) -> None:
    for number, (query, found) in enumerate(_answered(entries)):
        header = "" if number else csv_line(("query", *found.columns), raw=raw)
        write(header + "".join(csv_rows(found, query, raw=raw)), raw=raw)


def _write_tables(entries: Iterable[Entry]) -> None:
    for number, (query, found) in enumerate(_answered(entries)):
        say(*([""] if number else []), query)
        draw(found)


def _answered(entries: Iterable[Entry]) -> Iterator[tuple[str, Answer]]:
    for query, found in entries:
        if isinstance(found, Answer):
            yield query, found


_WRITERS: dict[str, Callable[[Iterable[Entry]], None]] = {
    "json": _write_json,
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "raw-csv": partial(_write_csv, raw=True),
    "table": _write_tables,
}
