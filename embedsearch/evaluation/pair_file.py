"""Reading pairs of words that people have judged, in the layouts of the usual sets."""

from __future__ import annotations

import csv
import re
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._errors import SourceFormatError
from embedsearch.evaluation.lines import numbered_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# The lemma form of MEN: sun-n, run-v, red-j.
_TAGGED = re.compile(r".+-[nvj]")


class JudgedPair(NamedTuple):
    """Two words and how alike people find them; higher is more alike."""

    first: str
    second: str
    score: float


class _Line(NamedTuple):
    number: int
    fields: list[str]


def read_pairs(path: str | Path, encoding: str = "utf-8") -> tuple[list[JudgedPair], bool]:
    """Read judged pairs: two words, then the judgement, then anything.

    The layout is told from the file. Fields are parted by tabs, semicolons, commas or white
    space, whichever the first line has two of. The judgement is the first number after the two
    words, always in the same column; a first line that has none there is a header. Lines that
    begin with `#` are comments. Where every word has a tag as in the lemma form of MEN (`-n`,
    `-v`, `-j`), the tags are taken off.

    So are read: WordSim-353 (Finkelstein et al. 2002), SimLex-999 (Hill et al. 2015), MEN (Bruni
    et al. 2014), SimVerb-3500, RG-65, MTurk-771, RareWords.

    Args:
        path: The file, which may be compressed.
        encoding: Of its text.

    Returns:
        The pairs, in order, and whether tags were taken off.

    Raises:
        SourceError: The file is missing, is not text in the encoding, has a line of another
            layout or has no pair.
        ParameterError: No such encoding.
    """
    lines = [one for one in numbered_lines(path, encoding) if not one[1].startswith("#")]
    if not lines:
        raise SourceFormatError(path, "holds no pairs; a line has two words and a number")
    delimiter = _delimiter(lines[0][1])
    table = [_Line(number, _fields(line, delimiter, path, number)) for number, line in lines]
    column = _score_column(table[min(1, len(table) - 1)], path)
    if len(table) > 1 and _number(table[0].fields, column) is None:
        del table[0]
    pairs = [_pair(line, column, path) for line in table]
    tagged = all(_TAGGED.fullmatch(word) for pair in pairs for word in pair[:2])
    return [_untagged(pair) for pair in pairs] if tagged else pairs, tagged


def _delimiter(line: str) -> str | None:
    return next((sign for sign in "\t;," if line.count(sign) > 1), None)


def _fields(line: str, delimiter: str | None, path: str | Path, number: int) -> list[str]:
    if delimiter in (None, "\t"):
        return [field.strip() for field in line.split(delimiter)]
    try:
        # The csv module undoes quotes.
        fields = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise SourceFormatError(path, f"is not separated values: {error}", number) from error
    return [field.strip() for field in fields]


def _score_column(line: _Line, path: str | Path) -> int:
    columns = range(2, len(line.fields))
    found = next((one for one in columns if _number(line.fields, one) is not None), None)
    if found is None:
        reason = "no number follows two words; the layouts are `word word number`, parted by tabs"
        raise SourceFormatError(path, f"{reason}, semicolons, commas or white space", line.number)
    return found


def _number(fields: Sequence[str], column: int) -> float | None:
    if column >= len(fields) or "_" in fields[column]:
        return None
    try:
        return float(fields[column])
    except ValueError:
        return None


def _pair(line: _Line, column: int, path: str | Path) -> JudgedPair:
    score = _number(line.fields, column)
    if score is None or not isfinite(score):
        got = repr(line.fields[column]) if column < len(line.fields) else "nothing"
        reason = f"column {column + 1} must be a number, the judgement, got {got}"
        raise SourceFormatError(path, f"{reason}; mend the line, or remove it", line.number)
    first, second = line.fields[:2]
    if not first or not second:
        raise SourceFormatError(path, "a word is empty; mend the line", line.number)
    return JudgedPair(first, second, score)


def _untagged(pair: JudgedPair) -> JudgedPair:
    return JudgedPair(pair.first[:-2], pair.second[:-2], pair.score)
