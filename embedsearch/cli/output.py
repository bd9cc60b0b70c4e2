"""Answers on standard output as JSON, JSONL, CSV or a table; all else on standard error."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import click

from embedsearch._errors import InputError, QueryError, SourceFormatError, UnknownKeyError
from embedsearch.cli.streams import SafeStream, escaped_json, one_line, replaced, visible

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import Console


Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one query: records that all have the same keys in the same order."""

    records: Sequence[Record]
    # The keys; needed where there are no records.
    columns: tuple[str, ...]
    # Keys that a table leaves out; JSON and CSV have them.
    hidden: frozenset[str] = frozenset()
    # There is always exactly one record, and JSON is an object, not a list.
    single: bool = False
    # A table has a line per key, not per record.
    vertical: bool = False
    # Lines for standard error: words left out or inferred.
    notes: tuple[str, ...] = ()
    # Another one, if there are no records.
    empty: str = "nothing found"
    # What JSON has in place of the records, if a table shows only a part.
    document: Record | None = None
    # How a table writes the values of a key, where not as they are.
    texts: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    # Keys whose text a table marks on a terminal, and the keys that say where: a list of
    # objects with "start" and "stop".
    marks: Mapping[str, str] = field(default_factory=dict)
    # Keys whose text stands flush right, as numbers do.
    flush_right: frozenset[str] = frozenset()
    # How a record is written in place of a table, if it is more than a line.
    page: Callable[[Record], str] | None = None

    @property
    def all_notes(self) -> tuple[str, ...]:
        """All lines for standard error."""
        return self.notes if self.records or not self.empty else (*self.notes, self.empty)

    @classmethod
    def one(cls, record: Record) -> Answer:
        """Make the answer that is always one record."""
        return cls((record,), tuple(record), single=True)

    @classmethod
    def facts(cls, record: Record, hidden: Iterable[str] = ()) -> Answer:
        """Make the answer that is one record of many keys."""
        left_out = frozenset(hidden)
        return cls((record,), tuple(record), hidden=left_out, single=True, vertical=True)


_NUMBER = re.compile(r"[+-]?[0-9.,]+(?:[eE][+-]?[0-9]+)?%?")
# Spreadsheets take their wide forms for the same.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


def show(answer: Answer, output: str | None) -> None:
    """Write one answer on standard output and its notes on standard error; None is a table."""
    # First, where a long table would hide them.
    echo_err(*answer.all_notes)
    if output in (None, "table"):
        draw(answer)
    else:
        write(_RENDERERS[output](answer), raw=output == "raw-csv")


def write(text: str, *, raw: bool = False) -> None:
    """Write whole lines of the answer; `raw` ones as they are, whatever they do to a terminal."""
    stream = terminal() if raw else sys.stdout
    stream.write(text)
    stream.flush()


def echo(*lines: str) -> None:
    """Write lines on standard output."""
    for line in lines:
        write(f"{one_line(line)}\n")


def echo_err(*lines: str) -> None:
    """Write lines on standard error."""
    for line in lines:
        sys.stderr.write(f"{one_line(line)}\n")
        sys.stderr.flush()


def error_lines(error: Exception) -> list[str]:
    """Return the lines in which an error is shown: below some queries a mark is at the fault.

    All else is one line, as a name in a message must not look like a line of ours.
    """
    excerpt = error.excerpt if isinstance(error, QueryError) else ""
    reason = str(error).removesuffix(f"\n{excerpt}") if excerpt else str(error)
    return [reason, *excerpt.splitlines()]


def echo_error(error: Exception) -> None:
    """Write an error on standard error, and go on."""
    first, *rest = error_lines(error)
    echo_err(f"Error: {first}", *rest)


def terminal(*, err: bool = False) -> TextIO:
    """Return the stream on which rich draws text that is already safe."""
    stream = sys.stderr if err else sys.stdout
    return cast("TextIO", stream.trusted if isinstance(stream, SafeStream) else stream)


def console(*, err: bool = False) -> Console:
    """Return what rich draws with, on standard output or error."""
    from shutil import get_terminal_size

    from rich.console import Console

    # rich takes COLUMNS as it is, also where that is 0.
    size = get_terminal_size()
    return Console(file=terminal(err=err), width=size.columns, height=size.lines)


def json_line(value: Any, indent: int | None = None) -> str:
    """Write a value as JSON, ended with a line break; what could drive a terminal is escaped."""
    return escaped_json(json.dumps(value, ensure_ascii=False, indent=indent)) + "\n"


def json_array(values: Iterable[Any]) -> str:
    """Write values as a JSON list with one of them a line."""
    lines = ",\n ".join(json_line(value).rstrip("\n") for value in values)
    return f"[{lines}]\n"


def csv_line(cells: Iterable[Any], *, raw: bool = False) -> str:
    """Write one CSV record; a list or an object becomes JSON inside its cell.

    Unless `raw`, what could drive a terminal is escaped, and a text that a spreadsheet would run
    as a formula begins with an apostrophe.
    """
    import csv

    buffer = io.StringIO()
    plain = [_csv_cell(cell, raw=raw) for cell in cells]
    # Of the characters of the line's end, each is quoted in a cell: also a return alone.
    csv.writer(buffer, lineterminator="\r\n").writerow(plain)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def csv_rows(answer: Answer, *first: str, raw: bool = False) -> Iterator[str]:
    """Write every record of an answer as CSV, after the cells `first`; see `csv_line`."""
    for record in answer.records:
        yield csv_line((*first, *(record[name] for name in answer.columns)), raw=raw)


def _csv_cell(cell: Any, *, raw: bool) -> Any:
    if isinstance(cell, dict | list | tuple):
        return json_line(cell).rstrip("\n")
    if raw or not isinstance(cell, str):
        return cell
    runs = _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return visible(f"'{cell}" if runs else cell)


def _json(answer: Answer) -> str:
    if answer.document is not None:
        return json_line(answer.document, indent=2)
    return json_line(answer.records[0], indent=2) if answer.single else json_array(answer.records)


def _jsonl(answer: Answer) -> str:
    records = answer.records if answer.document is None else [answer.document]
    return "".join(map(json_line, records))


def _csv(answer: Answer, *, raw: bool = False) -> str:
    return csv_line(answer.columns, raw=raw) + "".join(csv_rows(answer, raw=raw))


_RENDERERS: dict[str | None, Callable[[Answer], str]] = {
    "json": _json,
    "jsonl": _jsonl,
    "csv": _csv,
    "raw-csv": partial(_csv, raw=True),
}


Rows = list[list[str]]
Marks = dict[tuple[int, int], list[tuple[int, int]]]


def draw(answer: Answer) -> None:
    """Write an answer as a table on standard output; nothing if there are no records."""
    if answer.page is not None:
        write("\n".join(map(answer.page, answer.records)))
        return
    if not answer.records:
        return
    header, rows = _cells(answer)
    if terminal().isatty():
        _draw_rich(header, rows, _numeric(answer), _marks(answer))
    else:
        write(align(header, rows, _numeric(answer)))


def align(header: Sequence[str], rows: Rows, right: Sequence[bool]) -> str:
    """Lay out cells in columns of equal width, two blanks apart; numbers stand flush right."""
    lines = [list(header), *rows] if header else rows
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    return "".join(f"{_aligned(line, widths, right)}\n" for line in lines)


def width(text: str) -> int:
    """Count the places that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_places(character) for character in text)


def _places(character: str) -> int:
    from unicodedata import combining, east_asian_width

    if combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _aligned(line: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = []
    for cell, wide, flush_right in zip(line, widths, right, strict=True):
        space = " " * (wide - width(cell))
        cells.append(space + cell if flush_right else cell + space)
    return "  ".join(cells).rstrip()


def _cells(answer: Answer) -> tuple[list[str], Rows]:
    names = _shown(answer)
    if answer.vertical:
        return [], [[name, _text(answer.records[0][name])] for name in names]
    own = answer.texts
    return names, [
        [_text(own[name](record[name]) if name in own else record[name]) for name in names]
        for record in answer.records
    ]


def _marks(answer: Answer) -> Marks:
    """Return the spans to mark in each cell that has any, by the places of row and column."""
    if answer.vertical:
        return {}
    return {
        (row, column): [(mark["start"], mark["stop"]) for mark in record[answer.marks[name]]]
        for row, record in enumerate(answer.records)
        for column, name in enumerate(_shown(answer))
        if name in answer.marks
    }


def _shown(answer: Answer) -> list[str]:
    """Leave out what is hidden, and titles where no document has one."""
    titled = any(record.get("title") for record in answer.records)
    empty = set() if titled else {"title"}
    return [name for name in answer.columns if name not in answer.hidden | empty]


def _numeric(answer: Answer) -> list[bool]:
    if answer.vertical:
        return [False, False]
    return [
        name in answer.flush_right
        or (
            bool(answer.records)
            and all(isinstance(r[name], int | float | None) for r in answer.records)
            and not any(isinstance(r[name], bool) for r in answer.records)
        )
        for name in _shown(answer)
    ]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, int):
        return f"{value:,}"
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        value = ", ".join(f"{name}={_inner(item)}" for name, item in value.items()) or "-"
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value)) or "-"
    return replaced(" ".join(str(value).split()))


def _inner(value: Any) -> Any:
    return f"({_text(value)})" if isinstance(value, Mapping) else value


def _draw_rich(header: list[str], rows: Rows, right: Sequence[bool], marks: Marks) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if header else None, show_header=bool(header), pad_edge=False)
    for name, flush_right in zip(header or ("", ""), right, strict=True):
        table.add_column(
            name, justify="right" if flush_right else "left", no_wrap=flush_right, overflow="fold"
        )
    for place, row in enumerate(rows):
        cells = list(map(Text, row))
        for column, cell in enumerate(cells):
            for start, stop in marks.get((place, column), ()):
                cell.stylize("bold", start, stop)
        table.add_row(*cells)
    console().print(table)


Entry = tuple[str, Answer | str]
Ask = Callable[[str], Answer]
UNANSWERABLE = (UnknownKeyError, InputError)


def answer(query: str, ask: Ask, output: str | None) -> None:
    """Answer one query, or with `-` every line of standard input.

    In a batch a query that cannot be answered does not stop the others: the reason
    goes to standard error and into JSON, and the command ends with 1.
    """
    if query != "-":
        show(ask(query), output)
        return
    failed: list[str] = []
    _WRITERS[output or "table"](_entries(ask, failed))
    if failed:
        click.get_current_context().exit(1)


def read_lines(report: Callable[[InputError], object] | None = None) -> Iterator[str]:
    """Yield the lines of standard input that are not blank, stripped.

    One that is not UTF-8 is an error, which is raised, or reported so that the others are read.
    """
    for number, raw in enumerate(sys.stdin.buffer, 1):
        try:
            # Only there may be a byte order mark.
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            broken = SourceFormatError("-", "queries must be UTF-8 text", number)
            if report is None:
                raise broken from error
            report(broken)
            continue
        if line:
            yield line


def _entries(ask: Ask, failed: list[str]) -> Iterator[Entry]:
    for query in read_lines():
        found = _attempt(ask, query)
        if isinstance(found, str):
            failed.append(query)
        yield query, found


def _attempt(ask: Ask, query: str) -> Answer | str:
    """Answer a query, or write and return the error message."""
    try:
        found = ask(query)
    except UNANSWERABLE as error:
        echo_error(error)
        return str(error)
    echo_err(*found.all_notes)
    return found


def _write_json(entries: Iterable[Entry]) -> None:
    write(json_array([_combined(*entry) for entry in entries]))


def _write_jsonl(entries: Iterable[Entry]) -> None:
    # Each at once: who reads may wait for it before asking on.
    for entry in entries:
        write(json_line(_combined(*entry)))


def _combined(query: str, found: Answer | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"query": query, "error": found}
    notes = {"notes": list(found.all_notes)} if found.all_notes else {}
    return {"query": query, "results": list(found.records), **notes}


def _write_csv(entries: Iterable[Entry], *, raw: bool = False) -> None:
    for number, (query, found) in enumerate(_answered(entries)):
        header = "" if number else csv_line(("query", *found.columns), raw=raw)
        write(header + "".join(csv_rows(found, query, raw=raw)), raw=raw)


def _write_tables(entries: Iterable[Entry]) -> None:
    for number, (query, found) in enumerate(_answered(entries)):
        echo(*([""] if number else []), query)
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
