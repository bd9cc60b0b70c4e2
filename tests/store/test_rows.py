"""Documents and rows: each comes back as it was, and what neither may hold is refused by name."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedsearch._errors import InputError, ParameterError
from embedsearch._types import Document
from embedsearch.store import rows
from embedsearch.store.documents import DocumentStore
from embedsearch.store.rows import (
    BrokenRowError,
    content_digest,
    metadata_json,
    parse_many,
    parse_metadata,
    to_document,
    to_row,
)

HUGE = 10**5000


def nested(inner: Any, depth: int, *, named: bool = False) -> Any:
    for _ in range(depth):
        inner = {"k": inner} if named else [inner]
    return inner


VALUES = {
    "a set": ({HUGE}, "'k' of document 'a' must be a string, a finite.* got <class 'set'>"),
    "an integer of too many digits": ([HUGE], "'k' of document 'a' must have at most 4,300 digits"),
    "one in a mapping": ({"n": (HUGE,)}, "'k.n' of document 'a' must have at most 4,300 digits"),
    "lists nested deeply": (nested(1, 100_000), "'k' of .* must be nested at most 32 deep, got 33"),
    "mappings": (nested(1, 100_000, named=True), "'k' of .* must be nested at most 32 deep"),
    "a number that is none": ([float("nan")], "'k' of document 'a' must be a string.* got nan"),
    "an infinite number": ({"n": float("-inf")}, "'k.n' of document 'a' must .* got -inf"),
    "a name that is none": ({"n": {1: 2}}, "name of document 'a' must be a string, got 1"),
    "broken text": ([{"n": "a\ud800"}], "'k.n' of document 'a' must be valid Unicode"),
    "a broken name": ({"\ud800": 1}, ".* of document 'a' must be valid Unicode"),
    "bytes": ([b"x"], "'k' of document 'a' must be a string"),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    store = DocumentStore(tmp_path / "documents.sqlite", writable=True)
    yield store
    store.close()


@pytest.mark.parametrize(("value", "told"), VALUES.values(), ids=VALUES)
def test_a_bad_value_is_refused_and_nothing_of_its_batch_is_kept(
    store: DocumentStore, value: Any, told: str
) -> None:
    store.add([Document("old", "x")])
    batch = [Document("old", "changed"), Document("b", "y"), Document("a", "x", {"k": value})]
    with pytest.raises(InputError, match=f"^a?.?metadata {told}"):
        store.add(batch)
    assert list(store.ids()) == ["old"]
    assert store.get("old").text == "x"
    assert (store.change, store.in_transaction) == (1, False)


@pytest.mark.parametrize("depth", [33, 50, 200, 300, 400, 500, 900, 990, 1000, 1010])
def test_nesting_of_any_depth_is_one_error(depth: int) -> None:
    with pytest.raises(ParameterError, match="metadata 'k' of document 'a'"):
        to_row(Document("a", "x", {"k": nested(1, depth)}))


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (Document(HUGE, "x"), "the id of a document"),  # type: ignore[arg-type]
        (Document("a", [HUGE]), "the text of document 'a'"),  # type: ignore[arg-type]
        (Document("a", "x", {}, None), "the title of document 'a'"),  # type: ignore[arg-type]
        (Document("a", "x", {}, HUGE), "the title of document 'a'"),  # type: ignore[arg-type]
        (Document("a", "x", None), "the metadata of document 'a'"),  # type: ignore[arg-type]
        (Document("a", "x", [HUGE]), "the metadata of document 'a'"),  # type: ignore[arg-type]
        (
            Document("a", "x", {(HUGE,): 1}),  # type: ignore[dict-item]
            "a metadata name of document 'a'",
        ),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(document: Document, place: str) -> None:
    with pytest.raises(ParameterError, match=f"^{place} must be a"):
        to_row(document)


def test_a_row_is_read_back_as_the_document() -> None:
    document = Document("a", "x", {"year": 2**70, "score": -0.5, "open": False, "by": None}, "T")
    assert to_document(*to_row(document)[:4]) == document


def test_the_digest_is_that_of_the_rows() -> None:
    row = to_row(Document("ä", "text\0of it", {"b": 1, "a": "ü"}, "title"))
    assert content_digest(*(part.encode() for part in row[1:4])) == row[4]


LARGEST: dict[str, tuple[Any, Any]] = {
    "id": (lambda n: Document("i" * (rows.MOST_ID + n), "x"), "the id 'iiii"),
    "title": (
        lambda n: Document("a", "x", {}, "t" * (rows.MOST_TITLE + n)),
        "the title of document 'a' must be at most 100,000 characters long, got 100001",
    ),
    "metadata": (
        lambda n: Document("a", "x", {"k": "v" * (rows.MOST_METADATA - 8 + n)}),
        "the metadata of document 'a' must be at most 1,000,000 characters long, got 1000001",
    ),
    "names": (
        lambda n: Document("a", "x", {"k" * (rows.MOST_NAME + n): 1}),
        "the metadata name 'kkkk",
    ),
    "entries": (
        lambda n: Document("a", "x", {f"k{i}": 1 for i in range(rows.MOST_FIELDS + n)}),
        "the metadata of document 'a' must be at most 10,000 entries, got 10001",
    ),
    "entries of lists and objects": (
        lambda n: Document("a", "x", {"k": [{"n": i} for i in range(4_999)], "l": [1] * n}),
        "the metadata of document 'a' must be at most 10,000 entries, got 10001",
    ),
    "names within": (
        lambda n: Document("a", "x", {"k": [{"k" * (rows.MOST_NAME + n): 1}]}),
        "the metadata name 'kkkk",
    ),
    "depth": (
        lambda n: Document(
            "a", "x", json.loads('{"k":' * (32 + n) + '{"a":[]}'[5:] + "}" * (31 + n))
        ),
        "metadata 'k' of document 'a' must be nested at most 32 deep, got 33",
    ),
}


@pytest.mark.parametrize(("make", "told"), LARGEST.values(), ids=LARGEST)
def test_the_largest_is_kept_and_one_more_is_refused(
    store: DocumentStore, make: Any, told: str
) -> None:
    largest = make(0)
    store.add([largest])
    assert store.get(largest.id) == largest
    with pytest.raises(ParameterError) as caught:
        store.add([Document("b", "y"), make(1)])
    assert str(caught.value).startswith(told)
    assert len(str(caught.value)) < 300
    assert list(store.ids()) == [largest.id]


def test_a_text_may_have_100_million_characters_and_no_more() -> None:
    assert to_row(Document("a", "x" * rows.MOST_TEXT))[0] == "a"
    with pytest.raises(ParameterError, match="text of document 'b' must be at most 100,000,000 ch"):
        to_row(Document("b", "x" * (rows.MOST_TEXT + 1)))


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


@settings(max_examples=40)
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
    ("{} {}", "something follows"),
    ('{"a":1}]', "something follows"),
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
