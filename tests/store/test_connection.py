"""Only files with our tables, and with numbers that we give, are opened; others are mended."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from embedsearch import Document
from embedsearch._errors import StorageError, WorkspaceDamagedError
from embedsearch.store.connection import SCHEMA, create_tables, foreign_parts, missing_parts
from embedsearch.store.documents import DocumentStore
from embedsearch.store.integrity import database_faults
from embedsearch.store.rows import MOST_NUMBER
from embedsearch.store.salvage import salvage

HUGE = 2**63 - 1
FORGED = {
    f"UPDATE documents SET number = {HUGE} WHERE id = 'b'": f"number of document 'b' is {HUGE}",
    "UPDATE documents SET number = -5 WHERE id = 'b'": "number of document 'b' is -5",
    "UPDATE documents SET number = 0 WHERE id = 'b'": "number of document 'b' is 0",
    f"UPDATE documents SET change = {HUGE} WHERE id = 'b'": "change number of document 'b' is 9",
    "UPDATE documents SET change = -1 WHERE id = 'b'": "change number of document 'b' is -1",
    "UPDATE documents SET change = 1e300 WHERE id = 'b'": "change number of document 'b' is 1e",
    "UPDATE documents SET change = 'x' WHERE id = 'b'": "change number of document 'b' is 'x'",
    "UPDATE documents SET change = x'00' WHERE id = 'b'": "change number of document 'b' is b'",
    "UPDATE documents SET change = 1.5 WHERE id = 'c'": "",
    f"UPDATE latest SET change = {HUGE}": f"number of the last change is {HUGE}",
    f"UPDATE latest SET change = {MOST_NUMBER + 1}": "number of the last change is 90071992547409",
    "UPDATE latest SET change = -3": "number of the last change is -3",
    "UPDATE latest SET change = 1.5": "number of the last change is 1.5",
    "UPDATE latest SET change = 'x'": "number of the last change is 'x'",
    "UPDATE latest SET change = 2": "last change is said to be 2, but there is a change 4",
    "INSERT INTO latest VALUES (4)": "number of the last change is missing, or stored twice",
    "DELETE FROM latest": "last change is (missing|said to be 0, but there is a change 4)",
    f"UPDATE sqlite_sequence SET seq = {HUGE}": f"highest number of a document is {HUGE}",
    "UPDATE sqlite_sequence SET seq = -9": "highest number of a document is -9",
    "UPDATE sqlite_sequence SET seq = 'x'": "highest number of a document is 'x'",
    "UPDATE sqlite_sequence SET seq = NULL": "highest number of a document is None",
    "INSERT INTO sqlite_sequence VALUES ('documents', 3)": "highest number .* is stored twice",
    "DELETE FROM sqlite_sequence": "",
    "UPDATE sqlite_sequence SET seq = 2": "",
    "INSERT INTO deletions VALUES (-3, 1)": "number of the deleted document -3 is -3",
    f"INSERT INTO deletions VALUES ({HUGE}, 2)": f"number of the deleted document {HUGE}",
    f"INSERT INTO deletions VALUES (77, {HUGE})": f"change number .* document 77 is {HUGE}",
    "INSERT INTO deletions VALUES (77, x'01')": "change number of the deleted document 77 is b",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "documents.sqlite"
    store = DocumentStore(path, writable=True)
    store.add(Document(id, f"text of {id}", {"n": 1}) for id in "abc")
    store.delete(["a"])
    store.close()
    return path


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(("statement", "told"), FORGED.items(), ids=range(len(FORGED)))
def test_a_number_out_of_range_is_one_error_and_is_mended(
    made: Path, tmp_path: Path, statement: str, told: str
) -> None:
    path = Path(shutil.copy(made, tmp_path / "documents.sqlite"))
    execute(path, statement)
    # Without an expectation: it harms no question, and only a full check finds it.
    for writable in (False, True) if told else ():
        with pytest.raises(WorkspaceDamagedError, match=f"{told}.*; run `embedsearch verify`"):
            DocumentStore(path, writable=writable)
    assert database_faults(path)
    new = path.with_name("new.sqlite")
    result = salvage(path, new, known=[2, 3], reached=4)
    assert (result.documents, result.lost, result.losses) == (2, [], [])
    assert any("new numbers" in line for line in result.mended) == ("UPDATE doc" in statement)
    assert database_faults(new) == []
    store = DocumentStore(new, writable=True)
    assert {id: store.get(id).text for id in store.ids()} == {"b": "text of b", "c": "text of c"}
    # Who has seen all changes before sees each document that has got a new number.
    assert store.add([Document("d", "text")]).added == 1
    assert store.number("d") > max(store.number("b"), store.number("c"), 3)
    if "documents SET change" in statement:
        number = store.number("b" if "'b'" in statement else "c")
        assert number in store.numbers_since(4)
    store.close()


def test_numbers_that_are_used_up_are_an_error_and_nothing_is_changed(
    made: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(made, tmp_path / "documents.sqlite"))
    for table, column in (("latest", "change"), ("sqlite_sequence", "seq")):
        execute(path, f"UPDATE {table} SET {column} = {MOST_NUMBER - 1}")
        store = DocumentStore(path, writable=True)
        with pytest.raises(StorageError, match=r"used up its numbers.* nothing was changed"):
            store.add([Document("x", "1"), Document("y", "2")])
        assert list(store.ids()) == ["b", "c"]
        assert store.add([Document("x", "1")]).added == 1
        with pytest.raises(StorageError, match="used up its numbers"):
            store.add([Document("y", "2")])
        if table == "latest":
            with pytest.raises(StorageError, match="used up its numbers"):
                store.delete(["x"])
        assert list(store.ids()) == ["b", "c", "x"]
        store.close()
        assert database_faults(path) == []
        path = Path(shutil.copy(made, tmp_path / "documents.sqlite"))


def test_all_tables_are_made_or_none(tmp_path: Path) -> None:
    path = tmp_path / "documents.sqlite"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as connection,
        pytest.raises(sqlite3.OperationalError),
    ):
        create_tables(connection, SCHEMA + "SELECT x FROM nowhere;")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert "documents" in missing_parts(connection)
        create_tables(connection)
        connection.execute("ANALYZE")
        assert missing_parts(connection) == foreign_parts(connection) == []


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
def test_a_store_with_parts_of_others_is_not_opened(
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
