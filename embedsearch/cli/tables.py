"""Tables: drawn by rich on a terminal, aligned plain text anywhere else."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from embedsearch.cli.output import console, terminal, write
from embedsearch.cli.streams import replaced

if TYPE_CHECKING:
    from embedsearch.cli.answers import Answer

Rows = list[list[str]]
Marks = dict[tuple[int, int], list[tuple[int, int]]]


def draw(answer: Answer) -> None:
    """Write an answer as a table on standard output."""
    header, rows = _cells(answer)
    if terminal().isatty():
        _draw_rich(header, rows, _numeric(answer), _marks(answer))
    else:
        write(align(header, rows, _numeric(answer)))


def align(header: Sequence[str], rows: Rows, right: Sequence[bool]) -> str:
    """Lay out cells in columns of equal width, two blanks apart.

    Args:
        header: The name of each column; empty for a table without names.
        rows: The cells.
        right: Which columns are numbers, and stand flush right.
    """
    lines = [list(header), *rows] if header else rows
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    return "".join(f"{_aligned(line, widths, right)}\n" for line in lines)


def width(text: str) -> int:
    """Count the places that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_places(character) for character in text)


def _places(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


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
        bool(answer.records)
        and all(isinstance(r[name], int | float | None) for r in answer.records)
        and not any(isinstance(r[name], bool) for r in answer.records)
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
