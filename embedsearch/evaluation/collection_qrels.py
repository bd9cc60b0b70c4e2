"""Judgements of relevance, in the layouts of BEIR and of TREC."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._errors import SourceFormatError
from embedsearch.evaluation.lines import numbered_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GRADE_LIMIT = 10_000
"""The highest grade: trec_eval keeps a table with a place for each, however few are used."""

Qrels = dict[str, dict[str, int]]

_GRADE = re.compile(r"[+-]?[0-9]{1,9}(?:\.0*)?", re.ASCII)


class _Judgement(NamedTuple):
    line: int
    query: str
    document: str
    grade: int


class _Layout(NamedTuple):
    separator: str | None
    columns: int


def read_qrels(path: Path) -> tuple[Qrels, list[str]]:
    """Read judgements: `query, document, grade` (BEIR) or `query, 0, document, grade` (TREC).

    BEIR's columns have tabs between them and a header above them, TREC's any white space and no
    header; the first line tells. A grade is a whole number, above 0 for a relevant document. A
    pair that is judged twice alike counts once.

    Args:
        path: The file; `.gz`, `.bz2`, `.xz` and `.zst` are read too.

    Returns:
        The grade by query and document, in the order of the file, and notes.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceFormatError: A line is malformed, a pair has two grades, or nothing is judged.
    """
    qrels: Qrels = {}
    count = 0
    for judgement in _judgements(path):
        _add(qrels, judgement, path)
        count += 1
    if not count:
        reason = "holds no judgements; it should have lines of query, document and grade"
        raise SourceFormatError(path, reason)
    return qrels, _notes(qrels, count)


def _add(qrels: Qrels, new: _Judgement, path: Path) -> None:
    known = qrels.setdefault(new.query, {}).setdefault(new.document, new.grade)
    if known != new.grade:
        pair = f"document {new.document!r} for query {new.query!r}"
        reason = f"grades {pair} {new.grade}, and an earlier line {known}; remove one of them"
        raise SourceFormatError(path, reason, new.line)


def _notes(qrels: Qrels, count: int) -> list[str]:
    grades = [grade for judged in qrels.values() for grade in judged.values()]
    negative = sum(grade < 0 for grade in grades)
    notes = []
    if count > len(grades):
        notes.append(f"judgements that stand twice and count once: {count - len(grades):,}")
    if negative:
        notes.append(f"judgements below 0, which count as not relevant: {negative:,}")
    return notes


def _judgements(path: Path) -> Iterator[_Judgement]:
    layout = None
    for number, line in numbered_lines(path):
        if layout is None:
            layout = _layout(path, number, line)
            if _is_header(line, layout):
                continue
        yield _judgement(path, number, _fields(line, layout), layout.columns)


def _judgement(path: Path, line: int, fields: list[str], columns: int) -> _Judgement:
    if len(fields) != columns:
        reason = f"has {len(fields)} columns where the first line has {columns}; repair the line"
        raise SourceFormatError(path, reason, line)
    query, document, grade = fields[0], fields[-2], fields[-1]
    if not (query and document):
        raise SourceFormatError(path, "has no id of a query or a document; repair the line", line)
    return _Judgement(line, query, document, _grade(path, line, grade))


def _layout(path: Path, number: int, line: str) -> _Layout:
    for separator in ("\t", None):
        columns = len(_fields(line, _Layout(separator, 0)))
        if columns in (3, 4):
            return _Layout(separator, columns)
    reason = "is not a judgement: neither query, document, grade nor query, 0, document, grade"
    raise SourceFormatError(path, reason, number)


def _is_header(line: str, layout: _Layout) -> bool:
    last = _fields(line, layout)[-1]
    return layout.columns == 3 and not any(sign.isdigit() for sign in last)


def _fields(line: str, layout: _Layout) -> list[str]:
    return [field.strip() for field in line.split(layout.separator)]


def _grade(path: Path, line: int, text: str) -> int:
    grade = int(text.partition(".")[0]) if _GRADE.fullmatch(text) else None
    if grade is None or abs(grade) > GRADE_LIMIT:
        reason = f"the grade must be a whole number of at most {GRADE_LIMIT:,}, got {text[:40]!r}"
        raise SourceFormatError(path, reason, line)
    return grade
