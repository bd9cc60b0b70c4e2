"""The store: what is added is there, changes are numbered, and failures leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings, strategies as st

from embedsearch import (
    Document,
    InputError,
    ParameterError,
    UnknownDocumentError,
    WorkspaceDamagedError,
)
from embedsearch.store.documents import Changes, DocumentStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    store = DocumentStore(tmp_path / "documents.sqlite", writable=True)
    yield store
    store.close()


def test_documents_come_back_as_they_were_added(store: DocumentStore) -> None:
    document = Document("a/1", "Text\nof two lines", {"year": 1999, "open": True, "x": None}, "T")
    store.add([document])
    assert store.get("a/1") == document


def test_what_changed_is_read_without_going_through_all_documents(tmp_path: Path) -> None:
    def steps(n: int) -> int:
        """Count the instructions of SQLite that it takes to read three changes among n."""
        store = DocumentStore(tmp_path / f"{n}.sqlite", writable=True)
        store.add(Document(str(i), "text " * 50) for i in range(n))
        before, taken = store.change, 0

        def step() -> int:
            nonlocal taken
            taken += 1
            return 0

        store.add([Document("3", "changed"), Document("new", "new")])
        store.delete(["5"])
        store._connection.set_progress_handler(step, 1)
        assert [document.id for _, document in store.changed_since(before)] == ["3", "new"]
        assert store.numbers_since(before) == [4, n + 1]
        assert store.removed_since(before) == [6]
        assert store.count_since(before) == 3
        store.close()
        return taken

    assert steps(400) == steps(100)


def test_adding_says_what_was_new_changed_and_the_same(store: DocumentStore) -> None:
    store.add([Document("a", "one"), Document("b", "two")])
    again = [Document("a", "one"), Document("b", "changed"), Document("c", "three")]
    assert store.add(again) == Changes(added=1, updated=1, unchanged=1)
    assert store.get("b").text == "changed"


def test_every_change_has_the_next_number_and_followers_see_what_came_later(
    store: DocumentStore,
) -> None:
    store.add([Document("a", "one"), Document("b", "two")])
    reached = store.change
    store.add([Document("b", "other"), Document("c", "three")])
    store.delete(["a"])
    assert store.change == reached + 3
    assert {d.id for _, d in store.changed_since(reached)} == {"b", "c"}
    assert store.removed_since(reached) == [1]
    assert store.count_since(reached) == 3


def test_a_number_is_never_used_twice(store: DocumentStore) -> None:
    store.add([Document("a", "one")])
    number = store.number("a")
    store.delete(["a"])
    store.add([Document("a", "one")])
    assert store.number("a") > number


def test_deleting_one_that_is_not_there_deletes_none(store: DocumentStore) -> None:
    store.add([Document("a", "one")])
    with pytest.raises(UnknownDocumentError, match="'z'"):
        store.delete(["a", "z"])
    assert "a" in store
    assert store.change == 1


def test_a_failing_source_leaves_nothing_of_itself(store: DocumentStore) -> None:
    def broken() -> Iterator[Document]:
        yield Document("a", "one")
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        store.add(broken())
    assert len(store) == 0
    assert store.change == 0


def test_an_unknown_document_is_a_key_error_that_suggests_ids(store: DocumentStore) -> None:
    store.add([Document("letters/1899.txt", "x")])
    with pytest.raises(KeyError) as caught:
        store.get("1899")
    assert isinstance(caught.value, UnknownDocumentError)
    assert caught.value.suggestions == ("letters/1899.txt",)


@pytest.mark.parametrize("value", [float("nan"), b"x", {1, 2}, [b"x"], {"a": {1: 2}}])
def test_metadata_that_cannot_be_stored_is_refused(store: DocumentStore, value: object) -> None:
    with pytest.raises(ParameterError, match="of document 'a' must be"):
        store.add([Document("a", "x", {"k": value})])  # type: ignore[dict-item]
    assert len(store) == 0


@pytest.mark.parametrize("given", ["docs/", {"id": "a"}, [("a", "x")], 7, None])
def test_what_is_no_document_is_refused(store: DocumentStore, given: object) -> None:
    with pytest.raises(ParameterError, match=r"must be documents, es.Document\(id, text\), got"):
        store.add(given)  # type: ignore[arg-type]
    assert len(store) == 0


@pytest.mark.parametrize("metadata", [{"k": "a\ud800"}, {"k\udfff": 1}])
def test_metadata_with_a_lone_surrogate_is_refused(
    store: DocumentStore, metadata: dict[str, str | int]
) -> None:
    with pytest.raises(ParameterError, match="valid Unicode") as caught:
        store.add([Document("a", "x", metadata)])
    assert "of document 'a'" in str(caught.value)
    assert len(store) == 0


@pytest.mark.parametrize(("sign", "zeros"), [(1, 4300), (-1, 5000)])
def test_an_integer_that_python_will_not_write_is_refused(
    store: DocumentStore, sign: int, zeros: int
) -> None:
    with pytest.raises(InputError, match="metadata 'k' of document 'a' must have at most 4,300"):
        store.add([Document("a", "x", {"k": sign * 10**zeros})])
    assert len(store) == 0


def test_the_largest_integer_that_json_can_be_read_with_comes_back(store: DocumentStore) -> None:
    largest = 10**4300 - 1
    store.add([Document("a", "x", {"k": largest})])
    assert store.get("a").metadata["k"] == largest


def test_readers_see_what_was_committed_while_a_writer_works(
    store: DocumentStore, tmp_path: Path
) -> None:
    store.add([Document("a", "one")])
    reader = DocumentStore(tmp_path / "documents.sqlite", writable=False)
    with store.transaction():
        store.add([Document("b", "two")])
        assert len(reader) == 1
    assert len(reader) == 2
    reader.close()


def test_a_reader_cannot_write(store: DocumentStore, tmp_path: Path) -> None:
    from embedsearch import WorkspaceReadOnlyError

    reader = DocumentStore(tmp_path / "documents.sqlite", writable=False)
    with pytest.raises(WorkspaceReadOnlyError):
        reader.add([Document("a", "one")])
    reader.close()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "documents.sqlite"
    path.write_bytes(b"not a database at all, but long enough to look like a file" * 100)
    with pytest.raises(WorkspaceDamagedError, match=r"documents\.sqlite is damaged"):
        DocumentStore(path, writable=False)


def test_a_full_disk_is_one_clear_error_and_changes_nothing(store: DocumentStore) -> None:
    from embedsearch import StorageError

    store.add([Document("a", "one")])
    store._connection.execute("PRAGMA max_page_count = 12")
    with pytest.raises(StorageError, match="the disk is full"):
        store.add([Document(str(i), "text " * 1000) for i in range(100)])
    assert list(store.ids()) == ["a"]


documents = st.builds(
    Document,
    id=st.text(min_size=1, max_size=8),
    text=st.text(max_size=30),
    metadata=st.dictionaries(
        st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    ),
    title=st.text(max_size=5),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(documents, max_size=12))
def test_the_store_is_a_dictionary(batch: list[Document]) -> None:
    with TemporaryDirectory() as folder:
        store = DocumentStore(Path(folder) / "documents.sqlite", writable=True)
        store.add(batch)
        expected = {document.id: document for document in batch}
        assert {id: store.get(id) for id in store.ids()} == expected
        store.close()
