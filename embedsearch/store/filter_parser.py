"""Parses a filter into a tree: tokens, grammar, limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias, cast

from embedsearch._errors import ParameterError, QueryError
from embedsearch._fields import NUMERAL, Date, number_of, period_of
from embedsearch._messages import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embedsearch._types import MetadataScalar

UNQUOTED_DATE = (
    r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?:[Tt][0-9]{2}"
    r"(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?)?"
)
"""A date in a filter without quotes: at least a month, and no space."""

Kind = Literal["name", "quoted", "date", "number", "sign", "end"]
Order = Literal["<", "<=", ">", ">="]
Bound: TypeAlias = "str | int | float | Date"
Value: TypeAlias = "MetadataScalar | Date"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the metadata, or the `id` or `title` of the document, at a place in the filter.

    The name is a key of the metadata, or the way to one in a nested object: `meta.agent`.
    """

    name: str
    place: int = 0


@dataclass(frozen=True, slots=True)
class Among:
    """The field equals one of the values; None stands for a field that does not exist."""

    field: Field
    values: tuple[Value, ...]

    @property
    def is_of_existence(self) -> bool:
        """Whether it only asks if the field exists."""
        return self.values == (None,)


@dataclass(frozen=True, slots=True)
class Ordered:
    """The field is below or above a value."""

    field: Field
    order: Order
    value: Bound


@dataclass(frozen=True, slots=True)
class Between:
    """The field is from one value to another, both included."""

    field: Field
    lowest: Bound
    highest: Bound


@dataclass(frozen=True, slots=True)
class Like:
    """The field matches a pattern, in which `%` is any text and `_` any character."""

    field: Field
    pattern: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The field contains a text."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """The part is false."""

    part: Condition


@dataclass(frozen=True, slots=True)
class And:
    """All parts are true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part is true."""

    parts: tuple[Condition, ...]


Comparison = Among | Ordered | Between | Like | Contains
Condition = Comparison | Not | And | Or


def comparisons_of(condition: Condition) -> Iterator[Comparison]:
    """Yield the comparisons in a condition, from left to right."""
    if isinstance(condition, Not):
        yield from comparisons_of(condition.part)
    elif isinstance(condition, And | Or):
        for part in condition.parts:
            yield from comparisons_of(part)
    else:
        yield condition


# Limits for filters of strangers, far above those that people write. A comparison costs a pass over
# the distinct values of a field, a level of nesting a few frames of the stack.
_MOST_CHARACTERS = 100_000

_TOKEN = re.compile(
    rf"(?P<date>{UNQUOTED_DATE})(?![\w.:+\-])"
    rf"|(?P<number>{NUMERAL})(?P<tail>[\w.\-]*)"
    r"|(?P<name>[^\W\d][\w.\-]*)"
    r"|(?P<sign>==|!=|<>|<=|>=|[=<>(),])"
    r"""|(?P<quote>['"`])"""
)
_KINDS: tuple[Kind, ...] = ("date", "number", "name", "sign")
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


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number, a date, a text in quotes or a sign; `mark` is the quote around a text."""

    kind: Kind
    text: str
    place: int
    mark: str = ""


def tokenize(where: str) -> list[Token]:
    """Cut a filter into tokens; the last is the end."""
    _check_text(where)
    tokens: list[Token] = []
    place = 0
    while place < len(where):
        if where[place].isspace():
            place += 1
        else:
            token, place = _read(where, place)
            tokens.append(token)
    return [*tokens, Token("end", "", place)]


def filter_error(where: str, place: int, reason: str) -> QueryError:
    """Return the error that shows a filter and points at a place in it."""
    return QueryError.at(where, place, f"the filter, at character {place + 1}: {reason}")


def _check_text(where: str) -> None:
    if len(where) > _MOST_CHARACTERS:
        raise QueryError(
            f"the filter has {len(where):,} characters; at most {_MOST_CHARACTERS:,} are read"
        )
    try:
        where.encode()
    except UnicodeEncodeError as error:
        # The command line gives halves of surrogate pairs for bytes that are not UTF-8.
        reason = "this character is broken; write the filter in UTF-8"
        raise filter_error(where, error.start, reason) from error


def _read(where: str, place: int) -> tuple[Token, int]:
    found = _TOKEN.match(where, place)
    if not found:
        other = f"{where[place]!r} has no meaning here; put names that hold it in quotes"
        raise filter_error(where, place, _ADVICE.get(where[place], other))
    if found["tail"]:
        reason = f"this is no number and no date; as text it goes in quotes: '{cut(found[0])}'"
        raise filter_error(where, place, reason)
    if found["quote"]:
        return _read_quoted(where, place, found["quote"])
    kind = next(kind for kind in _KINDS if found[kind])
    return Token(kind, found[0], place), found.end()


def _read_quoted(where: str, place: int, mark: str) -> tuple[Token, int]:
    inside = _INSIDE[mark].match(where, place + 1)
    end = inside.end() if inside else len(where)
    if inside is None or end == len(where):
        raise filter_error(where, place, "the quote is not closed")
    text = re.sub(rf"{mark}{mark}|\\([{mark}\\])", lambda found: found[1] or mark, inside[0])
    return Token("quoted", text, place, mark), end + 1


_MOST_NESTED = 50
_MOST_COMPARISONS = 100
_MOST_VALUES = 5_000
# Characters of pieces with `_`: looking for one takes its length times that of the text.
_MOST_GAPPED = 1_000

_CONSTANTS: dict[str, MetadataScalar] = {"true": True, "false": False, "null": None}
_OPERATORS = ("in", "between", "like", "contains")
_KEYWORDS = {"and", "or", "not", "is", "exists", *_OPERATORS, *_CONSTANTS}


def parse_where(where: str) -> Condition:
    """Parse a filter such as `year > 1990 and lang in ('en', 'de')`, by the grammar of the guide.

    A field is a bare name of letters, digits, `_`, `.` and `-`, or any name in quotes. A quote
    within quotes is doubled or has a backslash before it. A `QueryError` points at the place.
    """
    if not isinstance(where, str):
        raise ParameterError("where", "a string such as \"year > 1990 and lang = 'en'\"", where)
    if not where.strip():
        raise QueryError("the filter is empty; write for example: year > 1990 and lang = 'en'")
    return _Parser(where).parse()


class _Parser:
    """A parser by recursive descent: one method for each rule of the grammar."""

    def __init__(self, where: str) -> None:
        self._where, self._tokens = where, tokenize(where)
        self._next = self._nested = self._comparisons = self._values = self._gapped = 0

    def parse(self) -> Condition:
        condition = self._any_of()
        if self._token.kind != "end":
            self._fail("expected `and`, `or` or the end")
        return condition

    def _any_of(self) -> Condition:
        return self._joined("or", self._all_of, Or)

    def _all_of(self) -> Condition:
        return self._joined("and", self._one, And)

    def _joined(self, word: str, part: Callable[[], Condition], join: type[And | Or]) -> Condition:
        parts = [part()]
        while self._take(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else join(tuple(parts))

    def _one(self) -> Condition:
        if self._nested > _MOST_NESTED:
            self._fail(f"more than {_MOST_NESTED} parentheses or `not` within each other")
        self._nested += 1
        if self._take("not"):
            condition: Condition = Not(self._one())
        elif self._take("("):
            condition = self._any_of()
            self._need(")")
        else:
            condition = self._comparison()
        self._nested -= 1
        return condition

    def _comparison(self) -> Condition:
        self._comparisons += 1
        if self._comparisons > _MOST_COMPARISONS:
            self._fail(f"more than {_MOST_COMPARISONS} comparisons")
        if self._take("exists"):
            return Not(Among(self._field_in_parentheses(), (None,)))
        if self._is_value_first():
            return self._value_in_field()
        field = self._field()
        if self._token.kind == "sign":
            return self._by_sign(field)
        if self._take("exists"):
            return Not(Among(field, (None,)))
        if self._take("is"):
            negated = self._take("not")
            self._need("null")
            return _negated(Among(field, (None,)), negated)
        return self._by_word(field)

    def _is_value_first(self) -> bool:
        """Whether what comes next is `'value' in field`, and not `'field' in ('value')`."""
        token = self._token
        is_value = token.kind in ("number", "date") or self._word in _CONSTANTS
        if not is_value and (token.kind != "quoted" or token.mark == "`"):
            return False
        # The last token is the end, and none of these.
        words = [_as_word(token) for token in self._tokens[self._next + 1 : self._next + 4]]
        words = words[1:] if words[:1] == ["not"] else words
        return words[:1] == ["in"] and words[1:2] != ["("]

    def _value_in_field(self) -> Condition:
        value = self._value()
        negated = self._take("not")
        self._need("in")
        return _negated(Among(self._field(), (value,)), negated)

    def _by_sign(self, field: Field) -> Condition:
        sign = self._token.text
        if sign in "(),":
            self._fail_for_operator()
        self._next += 1
        if sign in ("=", "==", "!=", "<>"):
            return _negated(Among(field, (self._value(),)), sign in ("!=", "<>"))
        return Ordered(field, cast("Order", sign), self._bound())

    def _by_word(self, field: Field) -> Condition:
        negated = self._take("not")
        word = self._word
        if word not in _OPERATORS:
            self._fail_for_operator()
        self._next += 1
        if word == "in":
            return _negated(Among(field, self._list()), negated)
        if word == "between":
            return _negated(self._range(field), negated)
        if word == "like":
            return _negated(Like(field, self._pattern()), negated)
        return _negated(Contains(field, self._text(word)), negated)

    def _range(self, field: Field) -> Condition:
        lowest = self._bound()
        self._need("and")
        return Between(field, lowest, self._bound())

    def _list(self) -> tuple[Value, ...]:
        self._need("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._need(")")
        return tuple(values)

    def _field_in_parentheses(self) -> Field:
        closes = self._take("(")
        field = self._field()
        if closes:
            self._need(")")
        return field

    def _field(self) -> Field:
        token = self._token
        if token.kind in ("number", "date"):
            self._fail("expected a field: it comes first, as in year > 1990")
        if token.kind not in ("name", "quoted"):
            self._fail("expected a field")
        if self._word in _KEYWORDS:
            self._fail(f'expected a field; a field of this name goes in quotes: "{token.text}"')
        self._next += 1
        return Field(token.text, token.place)

    def _bound(self) -> Bound:
        place = self._token.place
        value = self._value()
        if value is None or isinstance(value, bool):
            self._fail("true, false and null have no order; use = or !=", place)
        return value

    def _text(self, word: str) -> str:
        place = self._token.place
        value = self._value()
        if not isinstance(value, str):
            self._fail(f"`{word}` needs a text in quotes", place)
        return value

    def _pattern(self) -> str:
        place = self._token.place
        pattern = self._text("like")
        self._gapped += sum(len(piece) for piece in pattern.split("%")[1:-1] if "_" in piece)
        if self._gapped > _MOST_GAPPED:
            reason = f"more than {_MOST_GAPPED:,} characters of patterns with `_` between two `%`"
            self._fail(reason, place)
        return pattern

    def _value(self) -> Value:
        self._values += 1
        if self._values > _MOST_VALUES:
            self._fail(f"more than {_MOST_VALUES} values")
        token = self._token
        if token.kind == "number":
            return self._number(token)
        if token.kind == "date":
            return self._date(token)
        is_text = token.kind == "quoted" and token.mark != "`"
        if not is_text and self._word not in _CONSTANTS:
            self._fail_for_value(token)
        self._next += 1
        return token.text if is_text else _CONSTANTS[_as_word(token)]

    def _number(self, token: Token) -> int | float:
        number = number_of(token.text)
        if number is None:
            self._fail("the number is too large; numbers reach to 1.8e308")
        self._next += 1
        return number

    def _date(self, token: Token) -> Date:
        period = period_of(token.text)
        if period is None:
            self._fail(f"there is no such date; as text it goes in quotes: {token.text!r}")
        self._next += 1
        return Date(token.text, period)

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    @property
    def _word(self) -> str:
        return _as_word(self._token)

    def _take(self, word: str) -> bool:
        taken = self._word == word
        self._next += taken
        return taken

    def _need(self, word: str) -> None:
        if not self._take(word):
            self._fail(f"expected `{word}`")

    def _fail(self, reason: str, place: int | None = None) -> NoReturn:
        raise filter_error(self._where, self._token.place if place is None else place, reason)

    def _fail_for_operator(self) -> NoReturn:
        self._fail("expected a comparison: = != < <= > >= in between like contains is exists")

    def _fail_for_value(self, token: Token) -> NoReturn:
        if token.kind == "name" or token.mark:
            self._fail(f"expected a value; text goes in quotes: {token.text[:40]!r}")
        self._fail("expected a value: a number, a date, a text in quotes, true, false or null")


def _as_word(token: Token) -> str:
    return token.text.lower() if token.kind in ("name", "sign") else ""


def _negated(condition: Condition, negated: bool) -> Condition:
    return Not(condition) if negated else condition
