"""Random filters against a slow evaluator that follows the guide document by document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from embedsearch import Document
from embedsearch.store.documents import DocumentStore
from embedsearch.store.filter_parser import Field, Like
from embedsearch.store.filters import predicate_for

NAMES = [
    "year",
    "lang",
    "a b",
    'q"u',
    "b\\s",
    "title",
    "id",
    "in",
    "",
    "🙂",
    "n\0",
    'a"."b',
    "$[0]",
]
DATES = {
    "2020-01": ("2020-01-01T00", "2020-02-01T00"),
    " 2020-01-31": ("2020-01-31T00", "2020-02-01T00"),
    "2020-01-31T23:00-02:00": ("2020-02-01T01:00", "2020-02-01T01:01"),
    "2020-02-01 01:00:30": ("2020-02-01T01:00:30", "2020-02-01T01:00:31"),
    "1990-12-31T10Z": ("1990-12-31T10", "1990-12-31T11"),
}
TEXTS = [
    *DATES,
    "2020",
    "2020-02-30",
    "en",
    "EN",
    "",
    "1990",
    " 7 ",
    "007",
    "0.5",
    "1e3",
    "true",
    "False",
    "ß",
    "a%b",
    "a_b\\",
]
HOSTILE = [
    "'; DROP TABLE documents; --",
    '"',
    "'",
    "\\",
    "\\'",
    "\0",
    "a\0b",
    "%",
    "_",
    "$",
    "null",
]

texts = st.sampled_from(TEXTS + HOSTILE) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=4
)
numbers = st.sampled_from(
    [0, 1, -1, 7, 1990, 2020, 0.5, -0.5, 1000.0, 2**53 + 1, 2.0**53, 10**30]
) | (st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False))
values = st.none() | st.booleans() | numbers | texts
names = st.sampled_from(NAMES)
orders = st.sampled_from(["<", "<=", ">", ">="])
held = values | st.lists(values, max_size=3)
documents = st.tuples(st.dictionaries(names, held), st.sampled_from(["", "en", "7", "A title"]))
patterns = st.text("a%_b\\1.🙂", max_size=6) | texts

comparisons = st.one_of(
    st.tuples(st.just("in"), names, st.lists(values, min_size=1, max_size=3)),
    st.tuples(st.just("not in"), names, st.lists(values, min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["=", "!="]), names, values),
    st.tuples(orders, names, numbers | texts),
    st.tuples(st.just("between"), names, numbers | texts, numbers | texts),
    st.tuples(st.sampled_from(["like", "contains"]), names, patterns),
)
expressions = st.recursive(
    comparisons,
    lambda parts: st.one_of(
        st.tuples(st.just("not"), parts),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(parts, min_size=2, max_size=3)),
    ),
    max_leaves=6,
)


def written(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, str):
        return repr(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def name_written(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '""') + '"'


def rendered(expression: Any) -> str:
    word, *rest = expression
    if word == "not":
        return f"not ({rendered(rest[0])})"
    if word in ("and", "or"):
        return f" {word} ".join(f"({rendered(part)})" for part in rest[0])
    name, *values = rest
    if word == "between":
        return f"{name_written(name)} between {written(values[0])} and {written(values[1])}"
    if word in ("in", "not in"):
        return f"{name_written(name)} {word} ({', '.join(map(written, values[0]))})"
    return f"{name_written(name)} {word} {written(values[0])}"


def number(value: object) -> Fraction | None:
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"[+-]?[0-9]+", text):
            return Fraction(text)
        if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
            return None
        return Fraction(float(text))
    return Fraction(value)  # type: ignore[arg-type]


def truth(value: object) -> bool | None:
    return {"true": True, "false": False}.get(str(value).lower())


def year(value: object) -> tuple[datetime, datetime] | None:
    """Return the first moment of the year that a value may mean, and that after its last."""
    is_text = isinstance(value, str) and re.fullmatch(r"\s*[0-9]{4}\s*", value)
    if not is_text and (type(value) is not int or not 1000 <= value <= 9999):
        return None
    number = int(value)  # type: ignore[call-overload]
    return (datetime(number, 1, 1), datetime(number + 1, 1, 1)) if 0 < number < 9999 else None


def period(value: object) -> tuple[datetime, datetime] | None:
    if isinstance(value, str) and value in DATES:
        start, stop = map(datetime.fromisoformat, DATES[value])
        return start, stop
    return year(value)


def equal(value: object, wanted: object) -> bool:
    own, other = period(value), period(wanted)
    if own and other and not year(value) and other[0] <= own[0] and own[1] <= other[1]:
        return True
    if value is None or wanted is None:
        return value is wanted
    if isinstance(value, str) and isinstance(wanted, str):
        return value == wanted
    if isinstance(value, bool) or isinstance(wanted, bool):
        return truth(value) is not None and truth(value) == truth(wanted)
    return number(value) is not None and number(value) == number(wanted)


def below(one: object, other: object) -> bool:
    """Whether both can be compared and the first is the lower one."""
    if {type(one), type(other)} & {type(None), bool}:
        return False
    if isinstance(one, str) and isinstance(other, str):
        return one < other
    a, b = number(one), number(other)
    return a is not None and b is not None and a < b


def comparable(one: object, other: object) -> bool:
    return below(one, other) or below(other, one) or (
        not {type(one), type(other)} & {type(None), bool} and equal(one, other)
    )  # fmt: skip


def like(text: str, pattern: str) -> bool:
    @cache
    def rest(t: int, p: int) -> bool:
        if p == len(pattern):
            return t == len(text)
        if pattern[p] == "%":
            return rest(t, p + 1) or (t < len(text) and rest(t + 1, p))
        step = 2 if pattern[p : p + 2] in ("\\%", "\\_", "\\\\") else 1
        wanted = pattern[p + step - 1]
        fits = t < len(text) and (text[t] == wanted or (wanted == "_" and step == 1))
        return fits and rest(t + 1, p + step)

    return rest(0, 0)


def passes(expression: Any, document: Document) -> bool:
    word, *rest = expression
    if word == "not":
        return not passes(rest[0], document)
    if word == "and":
        return all(passes(part, document) for part in rest[0])
    if word == "or":
        return any(passes(part, document) for part in rest[0])
    name, *operands = rest
    value: Any = document.metadata.get(name)
    if value is None and name in ("id", "title"):
        value = getattr(document, name) or None
    if word in ("!=", "not in"):
        return not holds("=" if word == "!=" else "in", value, operands)
    return holds(word, value, operands)


def holds(word: str, value: Any, operands: list[Any]) -> bool:
    if isinstance(value, list):
        return any(compared(word, each, operands) for each in value if each is not None)
    return compared(word, value, operands)


def compared(word: str, value: Any, operands: list[Any]) -> bool:
    wanted = operands[0]
    if word in ("like", "contains"):
        if value is None or isinstance(value, bool):
            return False
        text, pattern = str(value).casefold(), wanted.casefold()
        return like(text, pattern) if word == "like" else pattern in text
    if word == "in":
        return any(equal(value, one) for one in wanted)
    if word == "=":
        return equal(value, wanted)
    if word == "between":
        return compared(">=", value, operands) and compared("<=", value, operands[1:])
    own, other = period(value), period(wanted)
    if own and other and not (year(value) and year(wanted)):
        edge = other[0] if word in ("<", ">=") else other[1]
        return (own[0] < edge) == (word in ("<", "<="))
    if not comparable(value, wanted):
        return False
    lower, higher = below(value, wanted), below(wanted, value)
    return {"<": lower, ">": higher, "<=": not higher, ">=": not lower}[word]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentStore]:
    store = DocumentStore(tmp_path_factory.mktemp("oracle") / "documents.sqlite", writable=True)
    yield store
    store.close()


@settings(max_examples=60)
@given(st.lists(documents, min_size=1, max_size=8), st.lists(expressions, min_size=5, max_size=12))
def test_every_filter_lets_through_what_the_evaluator_does(
    store: DocumentStore, drawn: list[tuple[dict[str, Any], str]], tried: list[Any]
) -> None:
    everything = [Document("all", "x", dict.fromkeys(NAMES))]
    everything += [Document(f"d{k}", "x", data, title) for k, (data, title) in enumerate(drawn)]
    store.clear()
    store.add(everything)
    for expression in tried:
        where = rendered(expression)
        numbers = store.matching(where).tolist()
        found = {document.id for document in store.by_number(numbers).values()}
        assert found == {one.id for one in everything if passes(expression, one)}, where


@settings(max_examples=200)
@given(patterns, st.text("ab1.🙂%_\\", max_size=8))
def test_patterns_agree_with_trying_every_way(pattern: str, text: str) -> None:
    assert predicate_for(Like(Field("f"), pattern))(text) == like(
        text.casefold(), pattern.casefold()
    )


@pytest.mark.parametrize("pattern", ["%a" * 2000 + "%b", "%_a" * 2000, "a%" * 2000 + "b"])
def test_a_pattern_made_to_be_slow_is_answered(pattern: str) -> None:
    assert not predicate_for(Like(Field("f"), pattern))("a" * 3000 + "c")
