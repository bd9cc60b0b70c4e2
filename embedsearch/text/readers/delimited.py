"""CSV and TSV tables, whose first row names the columns."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from embedsearch._errors import SourceFormatError
from embedsearch.text.reading.columns import ID_NAMES, TEXT_NAMES, TITLE_NAMES
from embedsearch.text.reading.opening import DOCUMENT_LIMIT, Opened
from embedsearch.text.reading.records import Record, RecordKind, found_in_records
from embedsearch.text.reading.values import cell_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.base import Found
    from embedsearch.text.settings import ReadSettings

_LONG_NAME = 80


def read_csv(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield a document for each row; cells are parted by commas, or semicolons or tabs.

    Where the first row has no comma, the more frequent of the other two parts the cells.
    """
    first = source.head(settings.encoding).lstrip("\ufeff").partition("\n")[0]
    delimiter = "," if "," in first else max(";\t,", key=first.count)
    return _read(source, settings, delimiter, csv.QUOTE_MINIMAL)


def read_tsv(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield a document for each row; cells are parted by tabs.

    Quotation marks around cells are removed if they are used as in CSV, and are text if not.
    """
    head = source.head(settings.encoding).lstrip("\ufeff")
    quoting = csv.QUOTE_MINIMAL if _is_quoted(head, source.whole) else csv.QUOTE_NONE
    return _read(source, settings, "\t", quoting)


def _is_quoted(head: str, whole: bool) -> bool:
    lines = head.split("\n") if whole else head.split("\n")[:-1]
    widths = {line.count("\t") for line in lines if line}
    try:
        rows = list(csv.reader((f"{line}\n" for line in lines), delimiter="\t", strict=True))
    except csv.Error:
        # Quotes that do not match: they are text if every line by itself is a row.
        return len(widths) > 1
    return len(widths) > 1 or len({len(row) for row in rows if row}) <= 1


def _read(source: Opened, settings: ReadSettings, delimiter: str, quoting: int) -> Iterator[Found]:
    # The limit is one for the whole process; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), DOCUMENT_LIMIT))
    rows = _rows(source, settings, {"delimiter": delimiter, "quoting": quoting})
    header = next(rows, None)
    if header is None:
        return
    line, cells = header
    if not _names_columns(cells, settings):
        reason = "its first row does not name columns; add such a row"
        raise SourceFormatError(source.name, reason, line)
    names = _unique(cells)
    records = enumerate(_records(source, names, rows), 1)
    kind = RecordKind("row", cell_value, names)
    yield from found_in_records(source, records, kind, settings)


def _rows(
    source: Opened, settings: ReadSettings, dialect: dict[str, Any]
) -> Iterator[tuple[int, list[str]]]:
    """Yield `(line, cells)` of each row that is not empty, by the line on which it begins."""
    lines = (f"{line}\n" for _, line in source.lines(settings.encoding))
    reader = csv.reader(lines, strict=True, **dialect)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        reason = f"broken table: {error}, in the row that begins here; check its quotation marks"
        raise SourceFormatError(source.name, reason, line) from error


def _records(
    source: Opened, names: tuple[str, ...], rows: Iterator[tuple[int, list[str]]]
) -> Iterator[Record]:
    for line, cells in rows:
        if len(cells) > len(names):
            reason = f"the row has {len(cells)} cells, but there are {len(names)} columns"
            raise SourceFormatError(source.name, f"{reason}; quote cells that hold the mark", line)
        # Spreadsheets leave out empty cells at the end of a row.
        yield dict(zip(names, [*cells, *[""] * (len(names) - len(cells))], strict=True))


def _names_columns(cells: list[str], settings: ReadSettings) -> bool:
    known = (*ID_NAMES, *TITLE_NAMES, *TEXT_NAMES, settings.text_column, settings.id_column)
    if any(cell.strip().lower() in known or cell in known for cell in cells):
        return True
    is_data = (
        len(cell) > _LONG_NAME or isinstance(cell_value(cell), int | float) for cell in cells
    )
    return not any(is_data)


def _unique(cells: list[str]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for number, cell in enumerate(cells, 1):
        name = cell.strip() or f"column {number}"
        while name in names:
            name = f"{name}.{number}"
        names[name] = None
    return tuple(names)
