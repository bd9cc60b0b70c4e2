"""Nested metadata comes back as it was given, and what is no metadata is not taken for it."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedsearch._types import Document
from embedsearch.store.metadata import BrokenRowError, metadata_json, parse_many, parse_metadata

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | names
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=12
)
metadata = st.dictionaries(names, values)


@settings(max_examples=40, deadline=None)
@given(st.lists(metadata, min_size=1, max_size=3))
def test_what_was_written_is_read(drawn: list[dict[str, Any]]) -> None:
    written = [metadata_json(Document("a", "x", each)) for each in drawn]
    assert [parse_metadata(each) for each in written] == drawn
    assert parse_many(written) == drawn


def test_the_order_of_names_makes_no_difference_at_any_depth() -> None:
    one = metadata_json(Document("a", "x", {"k": {"b": [{"d": 1, "c": 2}], "a": 1}, "j": 1}))
    other = metadata_json(Document("a", "x", {"j": 1, "k": {"a": 1, "b": [{"c": 2, "d": 1}]}}))
    assert one == other == '{"j":1,"k":{"a":1,"b":[{"c":2,"d":1}]}}'


def test_dates_tuples_and_numbers_of_numpy_become_what_json_has() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    given: dict[str, Any] = {
        "day": dt.date(2020, 6, 1),
        "at": [dt.datetime(2020, 6, 1, 12, 30, tzinfo=zone), dt.time(7, 5)],
        "numbers": (np.int64(7), np.float32(0.5), np.bool_(True)),
    }
    assert parse_metadata(metadata_json(Document("a", "x", given))) == {
        "day": "2020-06-01",
        "at": ["2020-06-01T12:30:00+02:00", "07:05:00"],
        "numbers": [7, 0.5, True],
    }


def test_what_holds_itself_or_the_same_very_often_is_refused() -> None:
    own: dict[str, Any] = {}
    own["own"] = own
    shared: list[Any] = [1]
    for _ in range(30):
        shared = [shared] * 10
    for value, told in ((own, "nested at most 32 deep"), ({"k": shared}, "10,000 entries")):
        with pytest.raises(ValueError, match=told):
            metadata_json(Document("a", "x", value))


BROKEN: list[tuple[object, str]] = [
    (None, "not text"),
    (b"{}", "not text"),
    (7, "not text"),
    ("", "not JSON"),
    ("{", "not JSON"),
    ("{} {}", "something behind"),
    ('{"a":1}]', "something behind"),
    ("[]", "no object but a list"),
    ('"{}"', "no object but a text"),
    ("null", "no object but null"),
    ("true", "no object but a boolean"),
    ("17", "no object but a number"),
    ('{"a":NaN}', "NaN"),
    ('{"a":[-Infinity]}', "-Infinity"),
    ('{"a":1e999}', "not finite"),
    ('{"a":' + "9" * 5_000 + "}", "not JSON"),
    ('{"a":' + "[" * 33 + "]" * 33 + "}", "more than 32 deep"),
    ('{"a":' * 500 + "1" + "}" * 500, "more than 32 deep"),
    ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "more than 32 deep"),
    ('{"a":' * 100_000, "more than 32 deep|not JSON"),
    ('{"a":"\\ud800"}', "not valid Unicode"),
    ('{"\\udfff":1}', "not valid Unicode"),
]


@pytest.mark.parametrize(("written", "told"), BROKEN, ids=range(len(BROKEN)))
def test_what_we_never_write_is_one_error(written: Any, told: str) -> None:
    with pytest.raises(BrokenRowError, match=told):
        parse_metadata(written)


def test_many_are_read_only_if_each_can_be() -> None:
    # What is left is not finite or not Unicode, which no filter minds.
    harmless = ("not finite", "not valid Unicode")
    for written, told in BROKEN:
        assert (parse_many(["{}", written, "{}"]) is None) == (told not in harmless)  # type: ignore[list-item]


def test_brackets_in_text_are_no_depth() -> None:
    text = "[" * 500 + "{" * 500
    assert parse_metadata(json.dumps({"a": text})) == {"a": text}
    assert parse_metadata('{"a":"\\\\ud800"}') == {"a": "\\ud800"}
