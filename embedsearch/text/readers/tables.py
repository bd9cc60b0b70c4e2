"""Tables whose first row names the columns: CSV and TSV however they are written, and Parquet.

Of CSV, delimiter and quotation marks are detected in the first rows. Every way of writing that
the sample may be in is tried. It is as good as the rows under it fit the header, and then as
their cells look like something by themselves: numbers, dates, names, nothing that still has
quotation marks around it (after van den Burg, Nazábal and Sutton 2019, "Wrangling messy CSV files
by detecting row and type patterns").
"""

from __future__ import annotations

import csv
import re
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from embedsearch._errors import MissingExtraError, SourceError, SourceFormatError
from embedsearch._messages import counted
from embedsearch.text.records import (
    ID_NAMES,
    TEXT_NAMES,
    TITLE_NAMES,
    Record,
    RecordKind,
    cell_value,
    read_records,
)
from embedsearch.text.source_stream import DOCUMENT_LIMIT, SourceStream, too_long

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import ReadDocument


# A longer cell is data, not the name of a column.
_LONG_NAME = 80
_SAMPLE = 2**18
# A cell of up to four lines is common. Of a longer one, so many lines are compared with rows.
_FEW_LINES, _LINES_COMPARED = 4, 100
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?")
_DELIMITER_NAMES = {
    ",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "spaces"
}  # fmt: skip

_DELIMITERS = ",;\t|"
# A noncharacter: no text holds it, so that every line is one cell.
_NO_DELIMITER = "\U0010ffff"

_SAMPLE_ROWS = 500
# What Excel writes and reads before the header.
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w"])"?\s*', re.IGNORECASE)
_BLANK = re.compile(r'[\s,;|"]*')
_BACKSLASH = re.compile(r'\\(["\\]?)')
_PADDED_QUOTE = re.compile(r'[,;|\t] +"|" +(?:[,;|\t\n]|\Z)')
# Whole numbers and decimals with point or comma, dates, times, and words without spaces.
_TYPED = re.compile(r"[+-]?\d+(?:[.,]\d+)*%?|\d+(?:[-/.:]\d+)+(?:[T ][\d:.]+Z?)?|[\w.@+-]+|")
# In prose a space follows each of these marks; in a table it rarely does.
_PROSE_COMMA = re.compile(r"[,;|]\s")

# Rows of Parquet; all their values are Python objects at once.
_BATCH = 512
# Batches of more bytes are turned into values row by row.
_AT_ONCE = 2**24
_ROW_LIMIT = 4 * DOCUMENT_LIMIT
# Apart from those of pyarrow itself: names that are not UTF-8, dates that Python does not have.
_PARSER_ERRORS = (ArithmeticError, LookupError, MemoryError, OSError, TypeError, ValueError)


def read_csv(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield a document for each row; the delimiter is that of the settings, or is detected."""
    return _read(source, settings, None, ",")


def read_tsv(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield a document for each row; cells are separated by tabs, or as the settings say.

    Quotation marks around cells are removed if they are used as in CSV, and are text if not.
    """
    return _read(source, settings, "\t", "\t")


def _read(
    source: SourceStream, settings: ReadSettings, default: str | None, usual: str
) -> Iterator[ReadDocument]:
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
    _report(source, layout, usual)
    names = _unique(cells)
    # A spreadsheet's empty columns at the end are columns only if there is something in them.
    shown = names[: max(len(trim(cells)), min(layout.width, len(names)))]
    records = enumerate(_records(source, names, len(shown), rows), 1)
    kind = RecordKind("row", cell_value, shown)
    yield from read_records(source, records, kind, settings)


def _layout(source: SourceStream, settings: ReadSettings, usual: str | None) -> Layout:
    """Find how a table is written; its delimiter is `usual` unless it says otherwise itself."""
    head = source.head(settings.encoding).lstrip("\ufeff")
    lines = re.split("\r\n?|\n", head[:_SAMPLE])
    complete = source.is_complete and len(head) <= _SAMPLE
    if not complete and len(lines) > 1:
        lines.pop()
    stated, skipped, comments = _before_the_header(lines)
    delimiter = settings.delimiter or stated or usual
    best = _best_trial(lines[skipped:], settings, delimiter, complete)
    header = _commented_header(best, comments, settings)
    width = max((len(trim(row)) for row in best.rows), default=0)
    return Layout(best.dialect, skipped, len(comments) - (header is not None), header, width)


def _report(source: SourceStream, layout: Layout, usual: str) -> None:
    delimiter = layout.dialect.delimiter
    if delimiter not in (usual, _NO_DELIMITER):
        separators = _DELIMITER_NAMES.get(delimiter, repr(delimiter))
        kind = "with another delimiter than usual"
        source.notices.few(kind, source.name, f"cells are separated by {separators}")
    if layout.comments:
        what = counted(layout.comments, "comment line")
        message = f"skipped {what} before the header"
        source.notices.few("with comments before the header", source.name, message)


def _rows(
    source: SourceStream, settings: ReadSettings, layout: Layout
) -> Iterator[tuple[int, list[str]]]:
    """Yield `(line, cells)` of each row that is not empty, by the line on which it begins."""
    lines_of_row: list[str] = []
    lines = _lines(source, settings.encoding, layout.skipped, lines_of_row)
    line = layout.skipped + 1
    try:
        for cells in layout.dialect.rows(lines):
            if cells:
                yield line, cells
            if len(lines_of_row) > _FEW_LINES:
                _doubt(source, layout, line, lines_of_row)
            line += len(lines_of_row)
            lines_of_row.clear()
    except csv.Error as error:
        raise _broken(source, layout.dialect, str(error), line, lines_of_row) from error


def _doubt(source: SourceStream, layout: Layout, line: int, lines: list[str]) -> None:
    """Report a row whose lines look like rows: a quotation mark may not be closed."""
    inner = lines[1:-1][:_LINES_COMPARED]
    widths = {len(next(layout.dialect.rows([text], strict=False), [])) for text in inner}
    if layout.width > 1 and widths == {layout.width}:
        what = f"lines {line} to {line + len(lines) - 1} are one row"
        message = f"{what}; is a quotation mark not closed there?"
        source.notices.few("with rows inside a cell", source.name, message)


def _lines(
    source: SourceStream, encoding: str | None, skipped: int, row: list[str]
) -> Iterator[str]:
    """Yield the lines of a table, and add them to `row`, which has those of the present row."""
    for number, line in source.lines(encoding):
        if number <= skipped:
            continue
        if "\0" in line:
            reason = "holds a NUL character; name the encoding if it is UTF-16, or repair the file"
            raise SourceFormatError(source.name, reason, number)
        row.append(line)
        yield line


def _broken(
    source: SourceStream, dialect: Dialect, error: str, line: int, lines: list[str]
) -> SourceFormatError:
    """Return the error for a row that cannot be read, by the line where its open cell begins."""
    if "field limit" in error:
        reason = f"a cell of the row that begins here has more than {DOCUMENT_LIMIT:,} characters"
        return SourceFormatError(source.name, f"{reason}; close its quotation marks", line)
    at_end = "unexpected end" in error
    before = lines if at_end else lines[:-1]
    for cells in dialect.rows(before, strict=False):
        # The last cell continues to the last of these lines.
        line += len(before) - cells[-1].count("\n") if before else 0
    if at_end:
        error = "a quotation mark opens a cell here and is never closed"
    elif "expected after" in error:
        error = "text follows the quotation mark that closes a cell"
    reason = f"broken table: {error}; check the quotation marks of this row"
    return SourceFormatError(source.name, reason, line)


def _records(
    source: SourceStream, names: tuple[str, ...], width: int, rows: Iterator[tuple[int, list[str]]]
) -> Iterator[Record]:
    for line, row in rows:
        cells = trim(row)
        if len(cells) > len(names):
            columns = counted(len(names), "column")
            reason = f"the row has {len(cells)} cells, but the header has {columns}"
            advice = "quote cells that hold the delimiter, or name another delimiter"
            raise SourceFormatError(source.name, f"{reason}; {advice}", line)
        cells += [""] * (width - len(cells))
        yield dict(zip(names, cells, strict=False))


def _header_rank(cells: list[str], settings: ReadSettings) -> int:
    """Return 2 if a cell is the known name of a column, 1 if all may be names, else 0."""
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


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""How the rows of a table are written."""

    delimiter: str  # stands between cells; `_NO_DELIMITER` if each row is one cell
    # Stands around cells that hold delimiters or line ends; None if such marks are part of the
    # text.
    quote: str | None = '"'
    backslash: bool = False  # whether `\"` is a quotation mark inside a cell, as `""` is
    padded: bool = False  # whether spaces may stand around the quotation marks of a cell

    def rows(self, lines: Iterable[str], *, strict: bool = True) -> Iterator[list[str]]:
        """Yield the cells of each row, none for a blank line; may raise `csv.Error`."""
        if self.backslash:
            lines = (_BACKSLASH.sub(_only_quotes_escaped, line) for line in lines)
        if self.padded:
            behind = re.compile(rf'" +(?={re.escape(self.delimiter)}|\Z)')
            lines = (behind.sub('"', line) for line in lines)
        options: dict[str, Any] = {"quoting": csv.QUOTE_NONE}
        if self.quote is not None:
            options = {"quotechar": self.quote, "escapechar": "\\" if self.backslash else None}
        return csv.reader(
            (f"{line}\n" for line in lines),
            delimiter=self.delimiter,
            skipinitialspace=self.padded,
            strict=strict,
            **options,
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a table."""

    dialect: Dialect
    skipped: int = 0  # lines before the first row: a line `sep=;`, blank ones and comments
    comments: int = 0  # how many of them are comments
    header: list[str] | None = None  # the header, if it is the last of the comments (`#id,text`)
    width: int = 0  # cells in the longest row of the sample, without empty ones at its end


def trim(cells: list[str]) -> list[str]:
    """Return cells without the empty ones at their end, as spreadsheets leave them there."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _before_the_header(lines: Sequence[str]) -> tuple[str | None, int, list[str]]:
    """Return the delimiter of a line `sep=`, the number of lines before the header, comments."""
    stated, skipped = None, 0
    comments: list[str] = []
    for line in lines:
        separator = _SEPARATOR_LINE.fullmatch(line) if stated is None and not comments else None
        if separator:
            stated = separator[1]
        elif line.startswith("#"):
            comments.append(line)
        elif not _BLANK.fullmatch(line):
            return stated, skipped, comments
        skipped += 1
    return stated, skipped, comments


def _commented_header(
    best: _Trial, comments: list[str], settings: ReadSettings
) -> list[str] | None:
    """Return the cells of the last comment if they rather than the first row are names."""
    if not comments or len(best.header) <= 1:
        return None
    line = comments[-1]
    bare = line if line[1:2] == best.dialect.delimiter else line[1:].lstrip(" ")
    cells = next(best.dialect.rows([bare], strict=False), [])
    ranks = _header_rank(cells, settings), _header_rank(best.header, settings)
    return cells if len(cells) == len(best.header) and ranks[0] > ranks[1] else None


def _best_trial(
    lines: Sequence[str], settings: ReadSettings, delimiter: str | None, complete: bool
) -> _Trial:
    text = "\n".join(lines)
    delimiters = [delimiter] if delimiter else [mark for mark in _DELIMITERS if mark in text]
    trials = _trials(delimiters, lines, text, complete)
    split = [trial for trial in trials if delimiter or len(trial.header) > 1]
    if not split:
        # A lone word above a table is a title, not the name of one column of lines.
        split = [trial for trial in trials if trial.is_titled_table(settings)]
    split = split or _trials([_NO_DELIMITER], lines, text, complete)
    # The first of equals: the more usual delimiter, the more usual quotation marks.
    return max(
        split, key=lambda trial: (trial.fit(), _header_rank(trial.header, settings), trial.form())
    )


def _trials(delimiters: list[str], lines: Sequence[str], text: str, complete: bool) -> list[_Trial]:
    ways = (dialect for delimiter in delimiters for dialect in _ways(delimiter, text))
    trials = [_Trial(dialect, lines, complete) for dialect in ways]
    return [trial for trial in trials if not trial.cuts_quotes]


def _ways(delimiter: str, text: str) -> list[Dialect]:
    """Return the dialects with a delimiter that are worth a trial, the usual one first."""
    ways = [Dialect(delimiter)]
    if '"' in text:
        if _PADDED_QUOTE.search(text):
            ways.append(Dialect(delimiter, padded=True))
        if '\\"' in text:
            ways.append(Dialect(delimiter, backslash=True))
        ways.append(Dialect(delimiter, None))
    elif "'" in text:
        ways.append(Dialect(delimiter, "'"))
    return ways


class _Trial:
    """A sample read in some dialect."""

    def __init__(self, dialect: Dialect, lines: Sequence[str], complete: bool) -> None:
        self.dialect = dialect
        self.rows, self._broken = _sample_rows(dialect, lines, complete)
        self.header = self.rows[0] if self.rows else []

    @property
    def cuts_quotes(self) -> bool:
        """Whether marks that are around cells would become part of the text.

        In TSV alone they often are: there a mark that is never closed is text.
        """
        if self.dialect.quote is not None or self.dialect.delimiter == "\t":
            return False
        if any(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in self.header):
            return True
        return any(_is_unclosed(cell) for row in self.rows for cell in row)

    def is_titled_table(self, settings: ReadSettings) -> bool:
        """Return whether a header, or rows more regular than prose, follow the first row."""
        widths = {len(row) for row in self.rows[1:]}
        if len(widths) != 1 or 1 in widths:
            return False
        is_regular = len(self.rows) > 3 and 2 not in widths
        is_prose = any(_PROSE_COMMA.search(cell) for cell in self.rows[1])
        return _header_rank(self.rows[1], settings) > 1 or (is_regular and not is_prose)

    def fit(self) -> float:
        """Return how well the rows fit the header, to a tenth: a few odd rows decide nothing."""
        if not self.header:
            return -3.0
        fits = [_fit(row, len(self.header)) for row in self.rows[1:]]
        return round((sum(fits) / len(fits) if fits else 1.0) - self._broken, 1)

    def form(self) -> float:
        """Return how well-formed the cells are."""
        cells = [cell for row in self.rows for cell in row]
        return sum(map(_form, cells)) / max(1, len(cells))


def _sample_rows(
    dialect: Dialect, lines: Sequence[str], complete: bool
) -> tuple[list[list[str]], bool]:
    """Return the first rows, and whether quotation marks among them do not match."""
    rows: list[list[str]] = []
    left = iter(lines)
    try:
        rows += (row for row in islice(dialect.rows(left), _SAMPLE_ROWS) if row)
    except csv.Error:
        # A cell may be open at the end of a sample that is only the beginning.
        return rows, complete or next(left, None) is not None
    return rows, False


def _fit(row: list[str], width: int) -> float:
    if len(row) == width or len(trim(row)) <= width < len(row):
        return 1.0
    if len(row) > width:
        return -1.0
    return 0.5 if len(row) > 1 else 0.0


def _form(cell: str) -> float:
    bare = cell.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
        return 0.0
    if _TYPED.fullmatch(bare):
        return 1.0
    return 0.5 if cell[:1] != " " else 0.25


def _is_unclosed(cell: str) -> bool:
    return cell.startswith('"') and cell.count('"') % 2 == 1


def _only_quotes_escaped(escape: re.Match[str]) -> str:
    # The csv module drops every backslash that escapes something; those of paths are text.
    return escape[0] if escape[1] else "\\\\"


def read_parquet(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield a document for each row; rows are read in batches."""
    pa, pq = import_arrow("reading Parquet")
    with source.seekable() as file, arrow_errors(source.name, pa):
        names = [field.name for field in pq.read_schema(file) if _is_text(field.type)]
        # As text each row of a batch would have its own copy of what the file has once.
        table = pq.ParquetFile(file, read_dictionary=names)
        kind = RecordKind("row", names=tuple(table.schema_arrow.names))
        rows = enumerate(_parquet_rows(source.name, table), 1)
        yield from read_records(source, rows, kind, settings)


def import_arrow(what: str) -> tuple[Any, Any]:
    """Return `pyarrow` and `pyarrow.parquet`; `what` is what they are needed for."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(what, "parquet") from error
    return pa, pq


@contextmanager
def arrow_errors(name: str | Path, pa: Any) -> Iterator[None]:
    """Raise our errors in place of those of pyarrow."""
    try:
        yield
    except SourceError:
        raise
    except (pa.ArrowException, *_PARSER_ERRORS) as error:
        reason = f"the Parquet file is damaged or not supported ({error}); write it again"
        raise SourceFormatError(name, reason) from error


def _parquet_rows(name: str, table: Any) -> Iterator[Record]:
    for batch in table.iter_batches(batch_size=_BATCH):
        if _size(batch) <= _AT_ONCE:
            yield from batch.to_pylist()
            continue
        for start in range(len(batch)):
            row = batch.slice(start, 1)
            if row.nbytes > _ROW_LIMIT:
                raise too_long(name, _ROW_LIMIT, "bytes")
            yield from row.to_pylist()


def _is_text(type_: Any) -> bool:
    return str(type_) in ("string", "large_string", "binary", "large_binary")


def _size(batch: Any) -> int:
    """Return the most bytes that the values of a batch have, each by itself."""
    size = 0
    for column in batch.columns:
        words = getattr(column, "dictionary", None)
        if words is None:
            size += column.nbytes
        elif len(words):
            size += max(len(word.as_buffer() or b"") for word in words) * len(batch)
    return size
