"""What filters mean, one row of the guide's table after the other."""

from __future__ import annotations

import datetime as dt
import random
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from embedsearch import Document, QueryError
from embedsearch._fields import Period, period_of
from embedsearch.store.documents import DocumentStore
from embedsearch.store.filter_parser import Among, Field
from embedsearch.store.filters import Calendar, predicate_for

DOCUMENTS = [
    Document("a", "x", {"year": 1985, "lang": "en", "open": True, "pub date": "1985-03-01"}),
    Document("b", "x", {"year": "1999", "lang": "de", "open": "TRUE", "score": 0.5}, "On Birds"),
    Document("c", "x", {"year": 2005.5, "lang": "EN", "open": False, "zip": "02134"}, "on fish"),
    Document("d", "x", {"year": "unknown", "lang": None, "open": 1, "zip": 10001}, "50% off_"),
    Document("e", "x", {"title": "Straße 5", "id": 17, "pub date": "2001-12-31"}, "ignored"),
]

MEANINGS = [
    ("year > 1990", "bc"),
    ("year >= '1985'", "abcd"),
    ("year = 1999 or year = 1985.0", "ab"),
    ("year = '1985'", "a"),
    ("year == 1_", None),
    ("not year > 1990", "ade"),
    ("year between 1985 and 2000", "ab"),
    ("year not between 1985 and 2000", "cde"),
    ("lang = 'en'", "a"),
    ("lang != 'en'", "bcde"),
    ("lang <> 'en'", "bcde"),
    ('lang = "en"', "a"),
    ("lang in ('en', 'de')", "ab"),
    ("lang not in ('en', 'de')", "cde"),
    ("lang in ('en', null)", "ade"),
    ("lang is null", "de"),
    ("lang = null", "de"),
    ("lang is not null and lang != null", "abc"),
    ("lang exists", "abc"),
    ("exists lang", "abc"),
    ("exists(lang) and not exists (zip)", "ab"),
    ("lang < 'a'", "c"),
    ("open = true", "ab"),
    ("open = false", "c"),
    ("open = 'true'", "a"),
    ("open in (true, 1)", "abd"),
    ("open != TRUE", "cde"),
    ("zip = '02134'", "c"),
    ("zip = 2134", "c"),
    ("zip = '2134'", ""),
    ("zip = '10001'", "d"),
    ("zip like '1%'", "d"),
    ("zip contains '0'", "cd"),
    ("score contains '.5'", "b"),
    ("open like '%'", "bd"),
    ("lang like 'E_'", "ac"),
    ("lang not like 'e_'", "bde"),
    ("lang contains 'E'", "abc"),
    ("title contains 'STRASSE'", "e"),
    ("title like '50\\% %\\_'", "d"),
    ("title like 'on%s'", "b"),
    ("title is null", "a"),
    ("title = 'ignored'", ""),
    ("id = 17", "e"),
    ("id in ('a', 'e')", "a"),
    ('"pub date" >= \'1990-01-01\'', "e"),
    ("`pub date` < '1990'", "a"),
    ("'pub date' exists", "ae"),
    ("LANG = 'en'", None),
    ("lang = 'de' or lang = 'EN' and year > 3000", "b"),
    ("(lang = 'de' or lang = 'EN') and year > 3000", ""),
    ("NOT lang = 'en' AnD noT (year>1990)", "de"),
    ("year < 99999999999999999999999999", "abc"),
    ("year > -1e300", "abc"),
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentStore]:
    store = DocumentStore(tmp_path_factory.mktemp("where") / "documents.sqlite", writable=True)
    store.add(DOCUMENTS)
    yield store
    store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    store = DocumentStore(tmp_path / "documents.sqlite", writable=True)
    yield store
    store.close()


def ids(store: DocumentStore, where: str) -> str:
    numbers = store.matching(where)
    documents = store.by_number(numbers.tolist())
    return "".join(documents[number].id for number in numbers.tolist())


@pytest.mark.parametrize(("where", "expected"), MEANINGS)
def test_a_filter_means_what_the_guide_says(
    filled: DocumentStore, where: str, expected: str | None
) -> None:
    if expected is None:
        with pytest.raises(QueryError):
            filled.matching(where)
    else:
        assert ids(filled, where) == expected


def test_numbers_are_ascending_int64_and_cannot_be_changed(filled: DocumentStore) -> None:
    numbers = filled.matching("year exists")
    assert numbers.dtype == np.int64
    assert numbers.tolist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="read-only"):
        numbers[0] = 7


def test_whole_numbers_are_exact_however_large(store: DocumentStore) -> None:
    store.add(Document(str(k), "x", {"n": 10**25 + k}) for k in range(3))
    assert ids(store, f"n = {10**25 + 1}") == "1"
    assert ids(store, f"n > {10**25}") == "12"
    assert ids(store, "n < 1e26") == "012"


def test_simple_filters_agree_with_the_functions_of_sqlite(store: DocumentStore) -> None:
    store.add(
        Document(f"d{k}", "x", {"year": 1900 + k * 7 % 100, "lang": ("en", "de", "fr")[k % 3]})
        for k in range(200)
    )
    with sqlite3.connect(store.path) as other:
        rows = other.execute(
            "SELECT number FROM documents WHERE json_extract(metadata, '$.year') BETWEEN 1930"
            " AND 1980 AND json_extract(metadata, '$.lang') <> 'en' ORDER BY number"
        ).fetchall()
    other.close()
    found = store.matching("year between 1930 and 1980 and lang != 'en'")
    assert found.tolist() == [row[0] for row in rows]
    assert len(rows) > 20


def test_an_answer_follows_every_change(store: DocumentStore) -> None:
    store.add([Document("a", "x", {"n": 1}), Document("b", "x", {"n": 2})])
    assert ids(store, "n > 1") == "b"
    store.add([Document("a", "x", {"n": 3})])
    assert ids(store, "n > 1") == "ab"
    store.delete(["b"])
    assert ids(store, "n > 1") == "a"
    assert ids(store, "n > 1 and id exists") == "a"


def test_a_reader_sees_what_another_process_wrote(store: DocumentStore) -> None:
    store.add([Document("a", "x", {"n": 1, "m": 1})])
    reader = DocumentStore(store.path, writable=False)
    assert ids(reader, "n = 1") == "a"
    store.add([Document("b", "x", {"n": 1, "m": 1})])
    assert ids(reader, "m = 1 and n = 1") == "ab"
    reader.close()


def test_a_change_that_was_undone_leaves_no_trace(store: DocumentStore) -> None:
    store.add([Document("a", "x", {"n": 1})])

    def add_and_fail() -> None:
        with store.transaction():
            store.add([Document("b", "x", {"n": 1})])
            assert ids(store, "n = 1") == "ab"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_and_fail()
    store.add([Document("c", "x", {"n": 1})])
    assert ids(store, "n = 1") == "ac"


def test_more_fields_and_filters_than_are_kept_are_answered_too(store: DocumentStore) -> None:
    store.add([Document("a", "x", {f"f{k}": k for k in range(60)})])
    for k in range(60):
        assert ids(store, f"f{k} = {k}") == "a"
    assert ids(store, " and ".join(f"f{k} = {k}" for k in range(60))) == "a"


def test_without_documents_nothing_matches_and_no_field_is_wrong(store: DocumentStore) -> None:
    assert store.matching("anything = 1").tolist() == []


def test_a_field_that_no_document_has_is_named_with_those_that_there_are(
    filled: DocumentStore,
) -> None:
    with pytest.raises(QueryError) as caught:
        filled.matching("lang = 'en' and Yaer > 1990")
    message, shown, pointer = str(caught.value).splitlines()
    assert "at character 17: no document has a field 'Yaer'; did you mean 'year'?" in message
    assert all(repr(name) in message for name in ("lang", "pub date", "score", "id", "title"))
    assert shown[pointer.index("^") :].startswith("Yaer")


def test_fields_are_listed_by_frequency_and_then_by_name(store: DocumentStore) -> None:
    names = [f"field {n}" for n in "hbgafced"]
    store.add([Document("a", "x", {"z": 1, **dict.fromkeys(names, 1)}), Document("b", "x")])
    store.add([Document("c", "x", {names[-1]: 1})])
    with pytest.raises(QueryError) as caught:
        store.matching("qqq = 1")
    listed = str(caught.value).splitlines()[0].partition("the fields are ")[2]
    expected = [names[-1], *sorted(names[:-1]), "z", "id", "title", "source"]
    assert listed == ", ".join(map(repr, expected))


def test_a_field_that_is_null_everywhere_is_known(store: DocumentStore) -> None:
    store.add([Document("a", "x", {"n": None})])
    assert ids(store, "n is null") == "a"


def random_documents(choose: random.Random, count: int) -> Iterator[Document]:
    for _ in range(count):
        n, lang = choose.randrange(10), choose.choice(["en", "de", None])
        metadata: dict[str, Any] = {"n": n + choose.choice([0, 0.5]), "lang": lang} if n else {}
        if n > 5:
            metadata["lang"] = choose.sample(["en", "de", "fr"], n % 3)
        yield Document(f"d{choose.randrange(60)}", f"text {n}", metadata, f"T{n}")


def test_after_random_changes_columns_are_those_that_are_read_again(tmp_path: Path) -> None:
    filters = ("n < 5 and lang = 'en'", "n > 3 or lang is null", "title = 'T3'", "id >= 'd2'")
    choose = random.Random(1)  # noqa: S311 - documents, not secrets
    statements = list[str]()
    path = tmp_path / "documents.sqlite"
    writer, reader = DocumentStore(path, writable=True), DocumentStore(path, writable=False)
    for store in (writer, reader):
        store._filters.spare = 5
        store._connection.set_trace_callback(statements.append)
    writer.add(random_documents(choose, 80))
    for step in range(60):
        if step % 3 == 2:
            writer.delete(choose.sample(list(writer.ids()), 2))
        else:
            writer.add(random_documents(choose, 2))
        if step == 41:
            # Readers who have not seen the deletions that are forgotten read all again.
            writer.forget_deletions(writer.change)
        if step % 7 == 6:
            with suppress(ZeroDivisionError), writer.transaction():
                writer.add([Document("undone", "x", {"n": 1, "lang": "en"})])
                assert writer.number("undone") in writer.matching(filters[0])
                raise ZeroDivisionError
        once = DocumentStore(path, writable=False)
        expected = [once.matching(where).tolist() for where in filters]
        once.close()
        statements.clear()
        for store in (writer, reader):
            assert [store.matching(where).tolist() for where in filters] == expected
        # The first time each field is read, and after that what changed.
        reads = [each for each in statements if "metadata" in each and "change >" not in each]
        assert (not reads) == (step not in (0, 41)), step
    writer.close()
    reader.close()


def test_following_a_change_does_not_go_through_all_documents(tmp_path: Path) -> None:
    def steps(n: int) -> int:
        """Count the instructions of SQLite of a filter after one change."""
        store, taken = DocumentStore(tmp_path / f"{n}.sqlite", writable=True), 0

        def step() -> int:
            nonlocal taken
            taken += 1
            return 0

        store.add(Document(str(i), "x", {"n": i % 7}) for i in range(n))
        assert len(store.matching("n = 3"))
        store.add([Document("new", "x", {"n": 3})])
        store._connection.set_progress_handler(step, 1)
        assert store.number("new") in store.matching("n = 3")
        store.close()
        return taken

    assert steps(700) == steps(70)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9))),
    st.tuples(st.integers(0, 20), st.integers(1, 9)),
)
def test_a_calendar_agrees_with_looking_at_each(
    drawn: list[tuple[int, int]], tried: tuple[int, int]
) -> None:
    periods = [Period(start, start + length) for start, length in drawn]
    one = Period(tried[0], sum(tried))
    expected = any(each.start <= one.start and one.stop <= each.stop for each in periods)
    assert Calendar(periods).has(one) == expected


def test_many_dates_are_compared_in_the_logarithm_of_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []
    real = period_of
    monkeypatch.setattr(
        "embedsearch.store.filters.period_of", lambda value: calls.append(1) or real(value)
    )
    days = [(dt.date(2000, 1, 1) + dt.timedelta(k)).isoformat() for k in range(3_000)]
    passes = predicate_for(Among(Field("day"), tuple(f"{day}T10" for day in days)))
    assert not any(map(passes, days))
    assert len(calls) == 6_000


COMMAS = [Document("a", "x", {"price": "3,50"}), Document("b", "x", {"price": "4"})]


@pytest.mark.parametrize("where", ["price > 3", "price between 1 and 5", "not price <= 3.5"])
def test_numbers_with_commas_are_not_compared_in_silence(tmp_path: Path, where: str) -> None:
    store = DocumentStore(tmp_path / "documents.sqlite", writable=True)
    store.add(COMMAS)
    with pytest.raises(QueryError, match="'price' has numbers with commas, such as '3,50'"):
        store.matching(where)
    assert len(store.matching("price = 4")) == len(store.matching("price like '%,%'")) == 1
    assert len(store.matching("price > '3'")) == 2
    store.add([Document("a", "x", {"price": "3.50"})])
    assert len(store.matching(where)) == 2 - where.startswith("not")
    store.close()
