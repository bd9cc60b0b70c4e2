"""Dates, numbers and the order of values, against Python's own and the words of the guide."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, strategies as st

from embedsearch._fields import period_of


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
