"""The words and signs of a filter, and errors that point at one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

from embedsearch._errors import QueryError
from embedsearch.store.where.dates import UNQUOTED
from embedsearch.store.where.numerals import NUMERAL

_MOST_CHARACTERS = 100_000
_SHOWN = 60

_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(
    rf"(?P<date>{UNQUOTED})(?![\w.:+\-])"
    rf"|(?P<number>{NUMERAL})(?P<tail>[\w.\-]*)"
    r"|(?P<name>[^\W\d][\w.\-]*)"
    r"|(?P<sign>==|!=|<>|<=|>=|[=<>(),])"
    r"""|(?P<quote>['"`])"""
)
_INSIDE = {
    mark: re.compile(rf"(?:[^{mark}\\]|{mark}{mark}|\\.)*", re.DOTALL) for mark in ("'", '"', "`")
}
_ADVICE = {
    "&": "write and",
    "|": "write or",
    "!": "write not",
    "≠": "write !=",
    "≤": "write <=",
    "≥": "write >=",
    **dict.fromkeys("‘’“”„«»", "text goes in straight quotes, ' or \""),
}


class Kind(Enum):
    """What a token is."""

    NAME = "name"
    QUOTED = "quoted"
    DATE = "date"
    NUMBER = "number"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number, a date, a quoted text or a sign.

    Attributes:
        kind: What it is.
        text: As written, or what stands between the quotes.
        place: Where it begins, counted from 0.
        mark: The quote around it, if there is one.
    """

    kind: Kind
    text: str
    place: int
    mark: str = ""


def tokenize(where: str) -> list[Token]:
    """Cut a filter into tokens; the last is the end.

    Raises:
        QueryError: It is too long, a quote is not closed, or a character has no meaning.
    """
    _check(where)
    tokens: list[Token] = []
    place = _end_of_space(where, 0)
    while place < len(where):
        token, place = _read(where, place)
        tokens.append(token)
        place = _end_of_space(where, place)
    return [*tokens, Token(Kind.END, "", place)]


def fail(where: str, place: int, reason: str) -> NoReturn:
    """Raise a `QueryError` that shows the filter and points at a place in it."""
    raise QueryError.at(where, place, f"the filter, at character {place + 1}: {reason}")


def _check(where: str) -> None:
    if len(where) > _MOST_CHARACTERS:
        raise QueryError(
            f"the filter has {len(where):,} characters; at most {_MOST_CHARACTERS:,} are read"
        )
    try:
        where.encode()
    except UnicodeEncodeError as error:
        # The command line gives halves of surrogate pairs for bytes that are not UTF-8.
        _fail_at_broken(where, error)


def _fail_at_broken(where: str, error: UnicodeEncodeError) -> NoReturn:
    try:
        fail(where, error.start, "this character is broken; write the filter in UTF-8")
    except QueryError as told:
        raise told from error


def _end_of_space(where: str, place: int) -> int:
    found = _SPACE.match(where, place)
    return found.end() if found else place


def _read(where: str, place: int) -> tuple[Token, int]:
    found = _TOKEN.match(where, place)
    if not found:
        other = f"{where[place]!r} has no meaning here; put names that hold it in quotes"
        fail(where, place, _ADVICE.get(where[place], other))
    if found["tail"]:
        fail(
            where,
            place,
            f"this is no number and no date; as text it goes in quotes: '{found[0][:_SHOWN]}'",
        )
    if found["quote"]:
        return _read_quoted(where, place, found["quote"])
    kind = Kind(next(kind for kind in ("date", "number", "name", "sign") if found[kind]))
    return Token(kind, found[0], place), found.end()


def _read_quoted(where: str, place: int, mark: str) -> tuple[Token, int]:
    inside = _INSIDE[mark].match(where, place + 1)
    end = inside.end() if inside else len(where)
    if inside is None or end == len(where):
        fail(where, place, "the quote is not closed")
    text = re.sub(rf"{mark}{mark}|\\([{mark}\\])", lambda found: found[1] or mark, inside[0])
    return Token(Kind.QUOTED, text, place, mark), end + 1
