"""CSV and TSV tables, whose first row names the columns."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.text.readers.dialects import (
    NO_DELIMITER,
    Dialect,
    Layout,
    detect_layout,
    trimmed,
)
from embedsearch.text.reading.columns import ID_NAMES, TEXT_NAMES, TITLE_NAMES
from embedsearch.text.reading.notices import counted
from embedsearch.text.reading.opening import DOCUMENT_LIMIT, Opened
from embedsearch.text.reading.records import Record, RecordKind, found_in_records
from embedsearch.text.reading.values import cell_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.base import Found
    from embedsearch.text.settings import ReadSettings

_LONG_NAME = 80
_LOOKED_AT = 2**18
_FEW_LINES, _LINES_LOOKED_AT = 4, 100
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?")
_SPOKEN = {
    ",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "spaces"
}  # fmt: skip


def read_csv(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield a document for each row; the delimiter is that of the settings, or is detected."""
    return _read(source, settings, None, ",")


def read_tsv(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield a document for each row; cells are separated by tabs, or as the settings say.

    Quotation marks around cells are removed if they are used as in CSV, and are text if not.
    """
    return _read(source, settings, "\t", "\t")


def _read(
    source: Opened, settings: ReadSettings, default: str | None, usual: str
) -> Iterator[Found]:
    # The limit is one for the whole process; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), DOCUMENT_LIMIT))
    layout = _layout(source, settings, default)
    rows = _rows(source, settings, layout)
    header = (layout.skipped, layout.header) if layout.header else next(rows, None)
    if header is None:
        return
    line, cells = header
    if not _header_rank(cells, settings):
        reason = "its first row does not name columns; add such a row"
        raise SourceFormatError(source.name, reason, line)
    _say(source, layout, usual)
    names = _unique(cells)
    # A spreadsheet's empty columns at the end are columns only if there is something in them.
    shown = names[: max(len(trimmed(cells)), min(layout.width, len(names)))]
    records = enumerate(_records(source, names, len(shown), rows), 1)
    kind = RecordKind("row", cell_value, shown)
    yield from found_in_records(source, records, kind, settings)


def _layout(source: Opened, settings: ReadSettings, default: str | None) -> Layout:
    head = source.head(settings.encoding).lstrip("\ufeff")
    lines = re.split("\r\n?|\n", head[:_LOOKED_AT])
    whole = source.whole and len(head) <= _LOOKED_AT
    if not whole and len(lines) > 1:
        lines.pop()
    return detect_layout(
        lines,
        lambda cells: _header_rank(cells, settings),
        settings.delimiter,
        default,
        whole=whole,
    )


def _say(source: Opened, layout: Layout, usual: str) -> None:
    delimiter = layout.dialect.delimiter
    if delimiter not in (usual, NO_DELIMITER):
        spoken = _SPOKEN.get(delimiter, repr(delimiter))
        kind = "with another delimiter than usual"
        source.notices.few(kind, source.name, f"cells are separated by {spoken}")
    if layout.comments:
        what = counted(layout.comments, "comment line")
        message = f"passed over {what} before the header"
        source.notices.few("with comments before the header", source.name, message)


def _rows(
    source: Opened, settings: ReadSettings, layout: Layout
) -> Iterator[tuple[int, list[str]]]:
    """Yield `(line, cells)` of each row that is not empty, by the line on which it begins."""
    held: list[str] = []
    lines = _lines(source, settings.encoding, layout.skipped, held)
    line = layout.skipped + 1
    try:
        for cells in layout.dialect.rows(lines):
            if cells:
                yield line, cells
            if len(held) > _FEW_LINES:
                _doubt(source, layout, line, held)
            line += len(held)
            held.clear()
    except csv.Error as error:
        raise _broken(source, layout.dialect, str(error), line, held) from error


def _doubt(source: Opened, layout: Layout, line: int, held: list[str]) -> None:
    """Note a row whose lines are each a row of its own: a quotation mark may not be closed."""
    inner = held[1:-1][:_LINES_LOOKED_AT]
    widths = {len(next(layout.dialect.rows([text], strict=False), [])) for text in inner}
    if layout.width > 1 and widths == {layout.width}:
        what = f"lines {line} to {line + len(held) - 1} are one row"
        message = f"{what}; is a quotation mark not closed there?"
        source.notices.few("with rows inside a cell", source.name, message)


def _lines(source: Opened, encoding: str | None, skipped: int, held: list[str]) -> Iterator[str]:
    """Yield the lines of a table; those of the row that is being read are also in `held`."""
    for number, line in source.lines(encoding):
        if number <= skipped:
            continue
        if "\0" in line:
            reason = "holds a NUL character; name the encoding if it is UTF-16, or repair the file"
            raise SourceFormatError(source.name, reason, number)
        held.append(line)
        yield line


def _broken(
    source: Opened, dialect: Dialect, error: str, line: int, held: list[str]
) -> SourceFormatError:
    """Return the error for a row that cannot be read, by the line where its open cell begins."""
    if "field limit" in error:
        reason = f"a cell of the row that begins here has more than {DOCUMENT_LIMIT:,} characters"
        return SourceFormatError(source.name, f"{reason}; close its quotation marks", line)
    at_end = "unexpected end" in error
    before = held if at_end else held[:-1]
    for cells in dialect.rows(before, strict=False):
        # The last cell goes on to the last of these lines.
        line += len(before) - cells[-1].count("\n") if before else 0
    if at_end:
        error = "a quotation mark opens a cell here and is never closed"
    elif "expected after" in error:
        error = "text follows the quotation mark that closes a cell"
    reason = f"broken table: {error}; check the quotation marks of this row"
    return SourceFormatError(source.name, reason, line)


def _records(
    source: Opened, names: tuple[str, ...], shown: int, rows: Iterator[tuple[int, list[str]]]
) -> Iterator[Record]:
    for line, row in rows:
        cells = trimmed(row)
        if len(cells) > len(names):
            columns = counted(len(names), "column")
            reason = f"the row has {len(cells)} cells, but the header has {columns}"
            advice = "quote cells that hold the delimiter, or name another delimiter"
            raise SourceFormatError(source.name, f"{reason}; {advice}", line)
        cells += [""] * (shown - len(cells))
        yield dict(zip(names, cells, strict=False))


def _header_rank(cells: list[str], settings: ReadSettings) -> int:
    """Return 2 where a cell is the known name of a column, 1 where all may be names, else 0."""
    known = (*ID_NAMES, *TITLE_NAMES, *TEXT_NAMES, settings.text_column, settings.id_column)
    if any(cell.strip().lower() in known or cell in known for cell in cells):
        return 2
    return int(not any(map(_is_data, cells)))


def _is_data(cell: str) -> bool:
    is_number = isinstance(cell_value(cell), int | float)
    return is_number or len(cell) > _LONG_NAME or _DATE.fullmatch(cell.strip()) is not None


def _unique(cells: list[str]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for number, cell in enumerate(cells, 1):
        name = cell.strip() or f"column {number}"
        while name in names:
            name = f"{name}.{number}"
        names[name] = None
    return tuple(names)
