"""Documents that a record cannot hold are refused by name, however hard they are to show."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from embedsearch._errors import InputError, ParameterError, WorkspaceDamagedError
from embedsearch._types import Document
from embedsearch.store.documents import DocumentStore
from embedsearch.store.schema import to_document, to_row

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


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER own AFTER INSERT ON documents BEGIN DELETE FROM documents; END",
        "CREATE VIEW own AS SELECT 1",
        "CREATE TABLE own (x)",
        "ALTER TABLE documents ADD COLUMN own TEXT DEFAULT (random())",
    ],
)
def test_a_record_with_parts_of_others_is_not_opened(
    tmp_path: Path, statement: str, writable: bool
) -> None:
    path = tmp_path / "documents.sqlite"
    DocumentStore(path, writable=True).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ANALYZE")
        connection.commit()
    DocumentStore(path, writable=writable).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()
    with pytest.raises(WorkspaceDamagedError, match=r"did not make: (own|documents)"):
        DocumentStore(path, writable=writable)
