"""How a table is written: its delimiter and quotation marks, detected in its first rows.

Every way of writing that the sample may be in is tried. It is as good as the rows under it fit
the header, and then as their cells look like something by themselves: numbers, dates, names,
nothing that still has quotation marks around it (after van den Burg, Nazábal and Sutton 2019,
"Wrangling messy CSV files by detecting row and type patterns").
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

DELIMITERS = ",;\t|"
# A noncharacter: no text holds it, so that every line is one cell.
NO_DELIMITER = "\U0010ffff"

_SAMPLE_ROWS = 500
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w"])"?\s*', re.IGNORECASE)
_BLANK = re.compile(r'[\s,;|"]*')
_BACKSLASH = re.compile(r'\\(["\\]?)')
_PADDED_QUOTE = re.compile(r'[,;|\t] +"|" +(?:[,;|\t\n]|\Z)')
# Whole numbers and decimals with point or comma, dates, times, and words without spaces.
_TYPED = re.compile(r"[+-]?\d+(?:[.,]\d+)*%?|\d+(?:[-/.:]\d+)+(?:[T ][\d:.]+Z?)?|[\w.@+-]+|")
_PROSE_COMMA = re.compile(r"[,;|]\s")


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""How the rows of a table are written.

    Attributes:
        delimiter: Stands between cells; `NO_DELIMITER` where each row is one cell.
        quote: Stands around cells that hold delimiters or line ends; None where such marks are
            part of the text.
        backslash: Whether `\"` is a quotation mark inside a cell, beside `""`.
        padded: Whether spaces may stand around the quotation marks of a cell.
    """

    delimiter: str
    quote: str | None = '"'
    backslash: bool = False
    padded: bool = False

    def rows(self, lines: Iterable[str], *, strict: bool = True) -> Iterator[list[str]]:
        """Yield the cells of each row; the rows of blank lines are empty.

        Args:
            lines: Without line ends.
            strict: Whether text behind a closing quotation mark is an error.

        Raises:
            csv.Error: Quotation marks do not match.
        """
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
    """What stands where in a table.

    Attributes:
        dialect: How its rows are written.
        skipped: Lines before the first row: a line `sep=;`, blank ones and comments.
        comments: How many of them are comments.
        header: The header, where it is the last of the comments (`#id,text`).
        width: Cells in the longest row of the sample, without empty ones at its end.
    """

    dialect: Dialect
    skipped: int = 0
    comments: int = 0
    header: list[str] | None = None
    width: int = 0


def detect_layout(
    lines: Sequence[str],
    header_rank: Callable[[list[str]], int],
    delimiter: str | None = None,
    usual: str | None = None,
    *,
    whole: bool = True,
) -> Layout:
    """Tell how a table is written.

    Args:
        lines: The first lines, without line ends.
        header_rank: Says how much cells look like the names of columns.
        delimiter: The delimiter, where it is known.
        usual: What it is unless the table itself says otherwise; None tries all.
        whole: Whether these are all lines; if not, the last row may be cut.
    """
    said, skipped, comments = _before_the_header(lines)
    sample, known = lines[skipped:], delimiter or said or usual
    best = _best_trial(sample, header_rank, known, whole)
    dialect, rows = best.dialect, best.rows
    header = _commented_header(dialect, comments, rows, header_rank)
    width = max((len(trimmed(row)) for row in rows), default=0)
    return Layout(dialect, skipped, len(comments) - (header is not None), header, width)


def trimmed(cells: list[str]) -> list[str]:
    """Return cells without the empty ones at their end, as spreadsheets leave them there."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _before_the_header(lines: Sequence[str]) -> tuple[str | None, int, list[str]]:
    """Return the delimiter that a line `sep=` says, the lines before the header, comments."""
    said, skipped = None, 0
    comments: list[str] = []
    for line in lines:
        separator = _SEPARATOR_LINE.fullmatch(line) if said is None and not comments else None
        if separator:
            said = separator[1]
        elif line.startswith("#"):
            comments.append(line)
        elif not _BLANK.fullmatch(line):
            return said, skipped, comments
        skipped += 1
    return said, skipped, comments


def _commented_header(
    dialect: Dialect,
    comments: list[str],
    rows: list[list[str]],
    header_rank: Callable[[list[str]], int],
) -> list[str] | None:
    """Return the cells of the last comment if they rather than the first row are names."""
    if not comments or not rows or len(rows[0]) == 1:
        return None
    line = comments[-1]
    bare = line if line[1:2] == dialect.delimiter else line[1:].lstrip(" ")
    cells = next(dialect.rows([bare], strict=False), [])
    fits = len(cells) == len(rows[0]) and header_rank(cells) > header_rank(rows[0])
    return cells if fits else None


def _best_trial(
    lines: Sequence[str],
    header_rank: Callable[[list[str]], int],
    delimiter: str | None,
    whole: bool,
) -> _Trial:
    text = "\n".join(lines)
    delimiters = [delimiter] if delimiter else [mark for mark in DELIMITERS if mark in text]
    trials = _trials(delimiters, lines, text, whole)
    split = [trial for trial in trials if delimiter or len(trial.header) > 1]
    if not split:
        # A lone word above a table is a title, not the name of one column of lines.
        split = [trial for trial in trials if trial.is_titled_table(header_rank)]
    # The first of equals: the more usual delimiter, the more usual quotation marks.
    split = split or _trials([NO_DELIMITER], lines, text, whole)
    return max(split, key=lambda trial: (trial.fit(), header_rank(trial.header), trial.form()))


def _trials(delimiters: list[str], lines: Sequence[str], text: str, whole: bool) -> list[_Trial]:
    ways = (dialect for delimiter in delimiters for dialect in _ways(delimiter, text))
    trials = [_Trial(dialect, lines, whole) for dialect in ways]
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

    def __init__(self, dialect: Dialect, lines: Sequence[str], whole: bool) -> None:
        self.dialect = dialect
        self.rows, self._broken = _sample_rows(dialect, lines, whole)
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

    def is_titled_table(self, header_rank: Callable[[list[str]], int]) -> bool:
        """Tell whether a header, or rows as regular as those of no prose, follow the first row."""
        widths = {len(row) for row in self.rows[1:]}
        if len(widths) != 1 or 1 in widths:
            return False
        is_regular = len(self.rows) > 3 and 2 not in widths
        is_prose = any(_PROSE_COMMA.search(cell) for cell in self.rows[1])
        return header_rank(self.rows[1]) > 1 or (is_regular and not is_prose)

    def fit(self) -> float:
        """Say how well the rows fit the header, to a tenth: a few odd rows decide nothing."""
        if not self.header:
            return -3.0
        fits = [_fit(row, len(self.header)) for row in self.rows[1:]]
        return round((sum(fits) / len(fits) if fits else 1.0) - self._broken, 1)

    def form(self) -> float:
        """Say how well-formed the cells are."""
        cells = [cell for row in self.rows for cell in row]
        return sum(map(_form, cells)) / max(1, len(cells))


def _sample_rows(
    dialect: Dialect, lines: Sequence[str], whole: bool
) -> tuple[list[list[str]], bool]:
    """Return the first rows, and whether quotation marks among them do not match."""
    rows: list[list[str]] = []
    left = iter(lines)
    try:
        rows += (row for row in islice(dialect.rows(left), _SAMPLE_ROWS) if row)
    except csv.Error:
        # At the end of what is only the beginning, an open cell is none the worse for it.
        return rows, whole or next(left, None) is not None
    return rows, False


def _fit(row: list[str], width: int) -> float:
    if len(row) == width or len(trimmed(row)) <= width < len(row):
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
