"""How filters are read: the tree, the place of each mistake, and limits."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from embedsearch import ParameterError, QueryError
from embedsearch.store.filter_parser import (
    Among,
    And,
    Contains,
    Field,
    Like,
    Not,
    Or,
    Ordered,
    parse_where,
)


def test_and_binds_before_or_and_not_before_both() -> None:
    assert parse_where("a = 1 or not b < 2 and c like 'x'") == Or(
        (
            Among(Field("a", 0), (1,)),
            And((Not(Ordered(Field("b", 13), "<", 2)), Like(Field("c", 23), "x"))),
        )
    )


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("+.5", 0.5),
        ("7.", 7.0),
        ("1E3", 1000.0),
        (str(2**70), 2**70),
        ("true", True),
        ("False", False),
        ("NULL", None),
        ("'it''s'", "it's"),
        (r"'it\'s'", "it's"),
        (r"'C:\dir\\'", "C:\\dir\\"),
        ('"it\'s"', "it's"),
        (r'"say \"so\""', 'say "so"'),
        ("''", ""),
        ("'a\nb'", "a\nb"),
        ("'\0🙂'", "\0🙂"),
    ],
)
def test_values_are_read(written: str, value: object) -> None:
    tree = parse_where(f"f = {written}")
    assert tree == Among(Field("f", 0), (value,))  # type: ignore[arg-type]
    assert isinstance(tree, Among)
    assert type(tree.values[0]) is type(value)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("publication.year", "publication.year"),
        ("e-mail_2", "e-mail_2"),
        ("größe", "größe"),
        ('"publication year"', "publication year"),
        ("`in`", "in"),
        ('"say ""so"""', 'say "so"'),
        ('"$[0].x"', "$[0].x"),
        ('"true"', "true"),
    ],
)
def test_names_are_read(written: str, name: str) -> None:
    assert parse_where(f"{written} contains'x'") == Contains(Field(name, 0), "x")


@pytest.mark.parametrize(
    ("written", "field", "values"),
    [
        ("'x' in tags", Field("tags", 7), ("x",)),
        ("7 in meta.sizes", Field("meta.sizes", 5), (7,)),
        ("null in tags", Field("tags", 8), (None,)),
        ("'x' in 'tags'", Field("tags", 7), ("x",)),
        ("'x' in ('tags')", Field("x", 0), ("tags",)),
        ("'x' in(1)", Field("x", 0), (1,)),
    ],
)
def test_a_value_may_come_first(written: str, field: Field, values: tuple[object, ...]) -> None:
    assert parse_where(written) == Among(field, values)  # type: ignore[arg-type]
    assert parse_where(written.replace(" in", " NOT in")) == Not(
        Among(Field(field.name, field.place + 4 * (field.place > 0)), values)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("where", "place", "reason"),
    [
        ("lang = en", 8, "text goes in quotes: 'en'"),
        ("lang = `en`", 8, "text goes in quotes: 'en'"),
        ("lang", 5, "expected a comparison"),
        ("lang = ", 8, "expected a value"),
        ("lang like 5", 11, "`like` needs a text"),
        ("year > null", 8, "have no order"),
        ("year between 1 and true", 20, "have no order"),
        ("year between 1, 2", 15, "expected `and`"),
        ("year not 5", 10, "expected a comparison"),
        ("year is 5", 9, "expected `null`"),
        ("year in 5", 9, "expected `(`"),
        ("year in ()", 10, "expected a value"),
        ("year in (1, 2", 14, "expected `)`"),
        ("1990 < year", 1, "expected a field: it comes first"),
        ("between = 1", 1, 'in quotes: "between"'),
        ("(year = 1", 10, "expected `)`"),
        ("year = 1)", 9, "expected `and`, `or` or the end"),
        ("year = 1 lang = 'x'", 10, "expected `and`, `or` or the end"),
        ("day = 1990-02-30", 7, "no such date; as text it goes in quotes: '1990-02-30'"),
        ("day = 1990-01-1", 7, "no number and no date; as text it goes in quotes: '1990-01-1'"),
        ("day = 1990-01-01T25", 7, "no such date"),
        ("day like 1990-01", 10, "`like` needs a text"),
        ("1990-01 < day", 1, "expected a field: it comes first"),
        ("'x' in", 7, "expected a field"),
        ("'x' not in 5", 12, "expected a field"),
        ("`x` in tags", 8, "expected `(`"),
        ("year = 12abc", 8, "this is no number"),
        ("year = 1e999", 8, "too large"),
        ("year = " + "9" * 5000, 8, "too large"),
        ("year = inf", 8, "expected a value"),
        ("year = nan", 8, "expected a value"),
        ("year = 'x", 8, "not closed"),
        ("a = 1 && b = 2", 7, "write and"),
        ("year ≥ 1990", 6, "write >="),
        ("lang = “en”", 8, "straight quotes"),
        ("a = 1; DROP TABLE documents", 6, "has no meaning"),
        ("a = '\udcff'", 6, "is broken"),
        ("and", 1, "expected a field"),
    ],
)
def test_a_mistake_is_pointed_at(where: str, place: int, reason: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_where(where)
    message, shown, pointer = str(caught.value).splitlines()
    assert message.startswith(f"the filter, at character {place}: ")
    assert reason in message
    if len(where) < 60:
        assert shown == f"  {where}".replace("\udcff", " ")
        assert pointer == " " * (place + 1) + "^"


@pytest.mark.parametrize("where", ["", " \n\t"])
def test_an_empty_filter_gets_an_example(where: str) -> None:
    with pytest.raises(QueryError, match="empty; write for example: year > 1990"):
        parse_where(where)


@pytest.mark.parametrize("where", [None, 7, ["a = 1"], b"a = 1"])
def test_what_is_not_a_string_is_refused(where: object) -> None:
    with pytest.raises(ParameterError, match="where must be a string"):
        parse_where(where)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("(" * 10_000, "more than 50 parentheses"),
        ("not " * 10_000 + "a = 1", "more than 50 parentheses or `not`"),
        ("a = 1 or " * 10_000 + "a = 1", "more than 100 comparisons"),
        ("a = 1 or " * 100 + "a = 1", "more than 100 comparisons"),
        (f"a in ({'1,' * 20_000}1)", "more than 5000 values"),
        ("a = '" + "x" * 1_000_000 + "'", "has 1,000,006 characters; at most 100,000"),
        ("'" * 99_999, "not closed|expected"),
        ("a like '%" + "a_" * 501 + "%'", "more than 1,000 characters of patterns with `_`"),
        (" or ".join(["a like '%" + "a_" * 50 + "%'"] * 11), "more than 1,000 characters of"),
    ],
)
def test_what_is_too_large_is_refused(where: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason) as caught:
        parse_where(where)
    assert len(str(caught.value)) < 400


def test_the_limits_themselves_are_allowed() -> None:
    assert parse_where("(" * 50 + "a = 1" + ")" * 50) == Among(Field("a", 50), (1,))
    several = parse_where(" or ".join(["a = 1"] * 100))
    assert several == Or(tuple(Among(Field("a", 9 * place), (1,)) for place in range(100)))
    found = parse_where(f"a in ({','.join(map(str, range(5000)))})")
    assert isinstance(found, Among)
    assert found.values == tuple(range(5000))
    # One after the other, or at a known place: all these take linear time.
    for pattern in ("%a" * 5_000, "a_" * 5_000 + "%" + "b_" * 5_000, "%" + "a_" * 500 + "%"):
        assert parse_where(f"a like '{pattern}'") == Like(Field("a"), pattern)


SIGNS = ["(", ")", ",", "=", "!=", "<", ">=", "'", '"', "`", "\\"]
WORDS = [
    "a",
    "1",
    "-2.5e3",
    "'x'",
    '"y"',
    "and",
    "or",
    "not",
    "in",
    "between",
    "like",
    "is",
    "null",
]


@given(st.lists(st.sampled_from(SIGNS + WORDS) | st.text(max_size=3), max_size=12), st.booleans())
def test_whatever_is_written_is_read_or_refused_in_one_way(pieces: list[str], apart: bool) -> None:
    try:
        parse_where((" " if apart else "").join(pieces))
        message = "the filter is read"
    except QueryError as error:
        message = str(error)
    assert message.startswith("the filter")
    assert len(message.splitlines()) in (1, 3)
