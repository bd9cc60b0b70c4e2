"""Filters, order and counts on nested objects, lists and dates, as the guide says."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedsearch import Document, QueryError
from embedsearch._fields import ABSENT, FieldPath
from embedsearch.store.columns import read_table
from embedsearch.store.documents import DocumentStore

DOCUMENTS = [
    Document(
        "a",
        "x",
        {
            "meta": {"agent": "bob", "at": {"place": "Ulm", "year": 1999}, "a b": 1},
            "tags": ["x", "Yes", 7],
            "authors": [{"name": "Ann", "born": 1960}, {"name": "Bob", "born": 1990}],
            "date": "2020-06-15",
            "n": [1, 100],
        },
    ),
    Document(
        "b",
        "x",
        {
            "meta": {"agent": "al", "at": None},
            "meta.agent": "flat",
            "tags": [],
            "date": "2020-01-01T23:30:00-05:00",
            "n": 50,
        },
    ),
    Document(
        "c", "x", {"meta": "none", "tags": "x", "date": "unknown", "n": [[1, 50], [None], "60"]}
    ),
    Document("d", "x", {"tags": None, "date": "2021-03-04T05:00Z", "year": 2020, "only": {}}),
    Document("e", "x", {"date": "2020-01-01", "tags": [None], "only": {"in": {"b": 1}}}),
    Document("f", "x", {"date": 2019, "list": [{"k": 1}, {"k": 2}], "a.b": {"c": 1}}),
]

MEANINGS = [
    ("meta.agent = 'bob'", "a"),
    ("meta.agent = 'flat'", "b"),
    ("meta.agent = 'al'", ""),
    ("meta.agent != 'bob'", "bcdef"),
    ("meta.at.place like 'u%'", "a"),
    ("meta.at.year > 1990", "a"),
    ("meta.at is null", "bcdef"),
    ("meta.at exists", "a"),
    ("`meta.a b` = 1", "a"),
    ("\"meta.a b\" = '1'", "a"),
    ("meta = 'none'", "c"),
    ("meta exists", "abc"),
    ("meta is null", "def"),
    ("authors.name = 'Bob'", "a"),
    ("authors.name in ('Cy', 'Ann')", "a"),
    ("authors.born < 1970 and authors.born > 1980", "a"),
    ("authors.born between 1970 and 1980", ""),
    ("authors exists", "a"),
    ("only.in.b = 1", "e"),
    ("list.k > 1", "f"),
    ("a.b.c = 1", "f"),
    ("'x' in tags", "ac"),
    ("tags = 'x'", "ac"),
    ("'x' not in tags", "bdef"),
    ("tags != 'x'", "bdef"),
    ("7 in tags", "a"),
    ("'7' in tags", "a"),
    ("tags contains 'YE'", "a"),
    ("tags like 'y__'", "a"),
    ("tags > 6", "a"),
    ("tags is null", "df"),
    ("null in tags", "df"),
    ("tags exists", "abce"),
    ("n between 40 and 60", "bc"),
    ("n not between 40 and 60", "adef"),
    ("n = 60", "c"),
    ("n > 60", "a"),
    ("date > 2020-01-01", "abd"),
    ("date >= 2020-01-01", "abde"),
    ("date = 2020-01-01", "e"),
    ("date = 2020-01", "be"),
    ("date = 2020-01-02T04:30Z", "b"),
    ("date = '2020-01-02T05:30:00+01:00'", "b"),
    ("date = 2020", "abe"),
    ("date = '2020'", "abe"),
    ("date in (2020-06, 2021)", "ad"),
    ("date not in (2020-06, 2021)", "bcef"),
    ("2020-06 in date", "a"),
    ("date < 2020-01-02", "ef"),
    ("date < 2020", "f"),
    ("date <= 2020", "abef"),
    ("date > 2020", "d"),
    ("date between 2020-01-02 and 2020-06", "ab"),
    ("date >= '2020-06'", "acd"),
    ("date >= 2020-06", "ad"),
    ("date <= 2020-06", "abef"),
    ("date < '2020-06-15T00:00'", "bef"),
    ("date = 'unknown'", "c"),
    ("date contains '2020-'", "abe"),
    ("year < 2020-02", "d"),
    ("year = 2020-01", ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentStore]:
    store = DocumentStore(tmp_path_factory.mktemp("where") / "documents.sqlite", writable=True)
    store.add(DOCUMENTS)
    yield store
    store.close()


@pytest.mark.parametrize(("where", "expected"), MEANINGS)
def test_a_filter_means_what_the_guide_says(
    store: DocumentStore, where: str, expected: str
) -> None:
    numbers = store.matching(where).tolist()
    assert "".join(store.ids_of(numbers)[number] for number in numbers) == expected


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("year = 1 and only = 'x'", "14: 'only' is an object.* within it are 'only.in"),
        ("authors = 'Ann'", "1: 'authors' is an object.*'authors.born', 'authors.name'"),
        ("only contains 'x'", "1: 'only' is an object"),
        ("only in ('x', null)", "1: 'only' is an object"),
        ("meta.agnt = 1", "1: no document has a field 'meta.agnt'; did you mean 'meta.agent'"),
        ("meto exists", "1: .*did you mean 'meta'"),
        ("meta.agent.name = 1", "1: no document has a field 'meta.agent.name'"),
        ("tags.x = 1", "1: no document has a field 'tags.x'"),
        ("m" + ".a" * 40_000 + " = 1", "1: no document has a field"),
    ],
)
def test_a_field_that_cannot_be_compared_is_pointed_at(
    store: DocumentStore, where: str, told: str
) -> None:
    with pytest.raises(QueryError, match=f"^the filter, at character {told}") as caught:
        store.matching(where)
    assert len(str(caught.value)) < 600


keys = st.text("a.", min_size=1, max_size=4)
trees = st.recursive(
    st.integers(0, 3) | st.none(),
    lambda inner: st.dictionaries(keys, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=10,
)


def found(value: Any, parts: list[str]) -> list[Any]:
    """What a name leads to, in a list, by trying the longest keys first."""
    if not parts:
        return [value]
    if isinstance(value, list):
        some = [each[0] for part in value if (each := found(part, parts))]
        return [some] if some else []
    if isinstance(value, dict):
        for size in range(len(parts), 0, -1):
            key = ".".join(parts[:size])
            if key in value and (each := found(value[key], parts[size:])):
                return each
    return []


@given(st.dictionaries(keys, trees, max_size=3), keys)
def test_a_path_leads_where_trying_every_key_does(metadata: dict[str, Any], name: str) -> None:
    value = FieldPath(name).value(metadata)
    assert ([] if value is ABSENT else [value]) == found(metadata, name.split("."))


# In the order of the guide; equal values are written together, so that they share a place.
ORDER = [[-2], ["3", 3], [10, "10"], ["1990", 1990], ["apple"], ["Éa"], ["Zoo"], [False], [True]]
PLACES = [(value, place) for place, equal in enumerate(ORDER) for value in equal]
values_of_field = st.recursive(
    st.none() | st.sampled_from(PLACES), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)


def without_places(value: Any) -> Any:
    if isinstance(value, list):
        return [without_places(part) for part in value]
    return value and value[0]


def places_in(value: Any) -> list[int]:
    if isinstance(value, list):
        return [place for part in value for place in places_in(part)]
    return [] if value is None else [value[1]]


@settings(max_examples=50)
@given(
    st.lists(values_of_field, min_size=1, max_size=12),
    st.lists(values_of_field, max_size=4),
    st.sets(st.integers(0, 11)),
)
def test_order_and_counts_are_those_of_going_through_all(
    first: list[Any], later: list[Any], some: set[int]
) -> None:
    """Also of some documents only, and after some have changed."""
    with (
        TemporaryDirectory() as folder,
        closing(DocumentStore(Path(folder) / "documents.sqlite", writable=True)) as store,
    ):
        for values in (first, [*later, *first[len(later) :]]):
            store.add(
                Document(f"d{n}", "x", {"f": without_places(value), "all": 1})
                for n, value in enumerate(values)
            )
            # Numbers count from 1.
            places = {n + 1: places_in(values[n]) for n in sorted(some) if n < len(values)}
            check_order_and_counts(store, places)


def check_order_and_counts(store: DocumentStore, places: dict[int, list[int]]) -> None:
    numbers = np.array([*places], dtype=np.int64)
    for sort, sign, end in (("f", 1, min), ("-f", -1, max)):
        keys = {n: (not each, sign * end(each or [0])) for n, each in places.items()}
        assert store.ordered(numbers, sort).tolist() == sorted(places, key=keys.__getitem__)
    facet = store.facet(numbers, "f")
    counts = Counter(place for each in places.values() for place in set(each))
    expected = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    without = sum(not each for each in places.values())
    assert [(value if value is None else place_of(value), count) for value, count, _ in facet] == [
        *expected,
        *([(None, without)] if without else []),
    ]
    assert facet.total == len(places)


def place_of(value: Any) -> int:
    return next(n for v, n in PLACES if v == value and type(v) is type(value))


def test_what_has_no_order_is_an_error(store: DocumentStore) -> None:
    numbers = store.numbers()
    for ask in (store.facet, store.ordered):
        with pytest.raises(QueryError, match=r"^'only' is an object, .* within it are 'only.in'"):
            ask(numbers, "only")
        with pytest.raises(QueryError, match=r"^no document has a field 'dat'; did you mean 'date"):
            ask(numbers, "dat")
    # Some documents have a text there, others an object.
    assert store.facet(numbers, "meta") == [("none", 1, 1 / 6), (None, 5, 5 / 6)]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("tags", [("a", "x"), ("a", "Yes"), ("a", 7), ("c", "x")]),
        ("n", [("b", 50), ("a", 1), ("a", 100), ("c", 1), ("c", 50), ("c", "60")]),
        ("authors.name", [("a", "Ann"), ("a", "Bob")]),
        ("meta", [("c", "none")]),
        ("nothing", []),
    ],
)
def test_every_value_of_a_document_is_listed(
    store: DocumentStore, name: str, values: list[tuple[str, object]]
) -> None:
    column = read_table(store.database, [name]).columns[name]
    assert sorted(("abcdef"[place], str(value)) for place, value in column.pairs()) == sorted(
        (id, str(value)) for id, value in values
    )


def test_naming_the_fields_takes_bounded_memory(tmp_path: Path) -> None:
    """Each name is as long as all above it together: a few small records would fill memory."""
    with closing(DocumentStore(tmp_path / "documents.sqlite", writable=True)) as store:
        for number in range(3):
            value: dict[str, Any] = {f"{number}.{leaf}": 1 for leaf in range(3_000)}
            for level in range(30):
                value = {chr(97 + level) * 300: value}
            store.add([Document(f"d{number}", "x", {"here": {"within": 1}, **value})])
        tracemalloc.start()
        with pytest.raises(QueryError, match=r"did you mean 'here.within'\?"):
            store.matching("here.witin = 1")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # All of them have 80 million characters.
    assert most < 10_000_000
