"""Dates, numbers and the order of values, against Python's own and the words of the guide."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, strategies as st

from embedsearch._fields import distinct_of, period_of, ranks_of, scalars_of


@given(
    st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1)),
    st.none() | st.integers(-23 * 60, 23 * 60),
    st.sampled_from(["days", "hours", "minutes", "seconds", "milliseconds", "microseconds"]),
)
def test_a_moment_is_where_the_clock_of_python_puts_it(
    moment: dt.datetime, minutes: int | None, unit: str
) -> None:
    zone = None if minutes is None else dt.timezone(dt.timedelta(minutes=minutes))
    spec = "auto" if unit == "days" else unit
    text = moment.replace(tzinfo=zone).isoformat(timespec=spec)
    text = text[:10] if unit == "days" else text
    period = period_of(text)
    assert period is not None
    start = dt.datetime.fromisoformat(text)
    start = start.replace(tzinfo=start.tzinfo or dt.timezone.utc)
    since = start - dt.datetime(1, 1, 1, tzinfo=dt.timezone.utc)
    day = 86_400 * 10**9
    assert period.start == since // dt.timedelta(microseconds=1) * 1_000 + day
    length = dt.timedelta(**{unit: 1}) // dt.timedelta(microseconds=1) * 1_000
    assert period.stop - period.start == length


@pytest.mark.parametrize(
    "text",
    [
        "2020-13", "2020-00", "2020-02-30", "0000-01-01", "2020-1-1", "20200101", "2020-W01",
        "2020-01-01T24:00", "2020-01-01T10:60", "2020-01-01T10:00:60", "2020-01-01T10:00+24:00",
        "2020-01-01Z", "2020-01-01T", "2020-01-01T10:00:00.", "٢٠٢٠-٠١-٠١", "2020-01-01x", "",
        "20205", "202", "-2020", "2020-",
    ],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert period_of(text) is None


def test_the_last_day_of_all_has_an_end() -> None:
    for text in ("9999", "9999-12", "9999-12-31", "9999-12-31T23:59:59-23:59"):
        period = period_of(text)
        assert period is not None
        assert period.start < period.stop


# Values in the order that the guide states, with no two that are equal.
NUMBERS = [-3, "-2.5", 0, "7", 10.5, "90", "1e3", 1990, "2001", 10**400]
WITH_DATES = [
    -3, "12", 12.5, "1999", "2000-01-15", "2000-02", 2001, "2001-06-15T10:00", "2001-06-15T11:00Z",
    "2001-06-15T11:00-02:00", "2002-01-01",
]  # fmt: skip
REST = ["", "2001-13", "Äpfel", "apples", "Bean", "éclair", "Zoo", "ωμέγα", False, True]


@given(st.permutations([*NUMBERS, *REST]))
def test_numbers_come_before_texts_and_truths(values: list[object]) -> None:
    assert sorted_by_ranks(values) == [*NUMBERS, *REST]


@given(st.permutations([*WITH_DATES, *REST]))
def test_years_are_dates_where_there_are_other_dates(values: list[object]) -> None:
    assert sorted_by_ranks(values) == [*WITH_DATES, *REST]


def sorted_by_ranks(values: list[object]) -> list[object]:
    pairs = zip(ranks_of(values), values, strict=True)
    return [value for _, value in sorted(pairs, key=lambda pair: pair[0])]


def test_equal_values_share_a_place() -> None:
    assert ranks_of([10, "10", 9, 10.0, " 10 ", "1e1"]) == [1, 1, 0, 1, 1, 1]
    assert ranks_of([1, True, "1"]) == [0, 1, 0]
    assert ranks_of([]) == []


def test_values_that_a_filter_takes_for_the_same_are_one() -> None:
    values = [1990, "a", "1990", 1990.0, True, "A", 1, 1.5, "1.5", "01990", " 1", "1.99e3", "True"]
    distinct, places = distinct_of(values)
    assert distinct == [1990, "a", True, "A", 1, 1.5]
    assert [type(value) for value in distinct][2] is bool
    assert places == [0, 1, 0, 0, 2, 3, 4, 5, 5, 0, 4, 0, 2]


@pytest.mark.parametrize(
    ("value", "scalars"),
    [
        (None, []),
        ("x", ["x"]),
        (False, [False]),
        ([1, [None, "a"], {"b": 2}], [1, "a"]),
        ((1, 2), [1, 2]),
        ({"b": 2}, []),
        ([], []),
    ],
)
def test_scalars_are_what_can_be_compared(value: object, scalars: list[object]) -> None:
    assert scalars_of(value) == scalars
