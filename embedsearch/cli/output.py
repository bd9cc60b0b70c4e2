"""Writing: answers on standard output as JSON, JSONL, CSV or a table, all else on standard error.

Every command writes by `write`, `show` and `tell`, and so through `SafeStream`.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any, cast

from embedsearch._errors import QueryError
from embedsearch.cli.streams import SafeStream, escaped_json, one_line, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TextIO

    from rich.console import Console

    from embedsearch.cli.answers import Answer

FORMATS = ("json", "jsonl", "csv", "raw-csv", "table")
_NUMBER = re.compile(r"[+-]?[0-9.,]+(?:[eE][+-]?[0-9]+)?%?")
# Spreadsheets take their wide forms for the same.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


def show(answer: Answer, output: str | None) -> None:
    """Write one answer on standard output and its notes on standard error.

    Args:
        answer: What to write.
        output: One of `FORMATS`; None is a table.
    """
    tell(*answer.notes)
    if output in (None, "table"):
        # It is the only form that depends on where it is written.
        from embedsearch.cli.tables import draw

        draw(answer)
    else:
        write(_RENDERERS[output](answer), raw=output == "raw-csv")


def write(text: str, *, raw: bool = False) -> None:
    """Write a part of the answer on standard output.

    Args:
        text: Whole lines.
        raw: Leave it as it is, whatever it does to a terminal.
    """
    stream = terminal() if raw else sys.stdout
    stream.write(text)
    stream.flush()


def say(*lines: str) -> None:
    """Write lines on standard output."""
    for line in lines:
        write(f"{one_line(line)}\n")


def tell(*lines: str) -> None:
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


def tell_error(error: Exception) -> None:
    """Write what was wrong on standard error, and go on."""
    first, *rest = error_lines(error)
    tell(f"Error: {first}", *rest)


def terminal(*, err: bool = False) -> TextIO:
    """Return where rich draws what was made visible before: standard output, or error."""
    stream = sys.stderr if err else sys.stdout
    return cast("TextIO", stream.trusted if isinstance(stream, SafeStream) else stream)


def console(*, err: bool = False) -> Console:
    """Return what rich draws with, on standard output or error."""
    from rich.console import Console

    # rich takes COLUMNS as it is, also where that is 0.
    size = shutil.get_terminal_size()
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

    Args:
        cells: The values.
        raw: Leave texts as they are. Otherwise what could drive a terminal is escaped, and a
            text that a spreadsheet would run as a formula begins with an apostrophe.
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


def _csv(answer: Answer) -> str:
    return csv_line(answer.columns) + "".join(csv_rows(answer))


def _raw_csv(answer: Answer) -> str:
    return csv_line(answer.columns, raw=True) + "".join(csv_rows(answer, raw=True))


_RENDERERS: dict[str | None, Callable[[Answer], str]] = {
    "json": _json,
    "jsonl": _jsonl,
    "csv": _csv,
    "raw-csv": _raw_csv,
}
