"""The store: what is added is there, changes are numbered, and failures leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

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


@settings(max_examples=60)
@given(st.lists(documents, max_size=12))
def test_the_store_is_a_dictionary(batch: list[Document]) -> None:
    with TemporaryDirectory() as folder:
        store = DocumentStore(Path(folder) / "documents.sqlite", writable=True)
        store.add(batch)
        expected = {document.id: document for document in batch}
        assert {id: store.get(id) for id in store.ids()} == expected
        store.close()


IDS = st.sampled_from(["a", "b", "c", "d/1", "é"])


class StoreAndDictionary(RuleBasedStateMachine):
    """The store beside a dictionary, which writes down when each document changed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.store = DocumentStore(Path(self.folder.name) / "d.sqlite", writable=True)
        self.texts: dict[str, str] = {}
        self.numbers: dict[str, int] = {}
        self.changed: dict[int, int] = {}
        self.deleted: dict[int, int] = {}
        self.change, self.last_number = 0, 0
        self.add([(id, "one") for id in ("a", "b", "c")])

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(
        batch=st.lists(st.tuples(IDS, st.sampled_from(["one", "two", ""])), min_size=1, max_size=4)
    )
    def add(self, batch: list[tuple[str, str]]) -> None:
        added = updated = unchanged = 0
        for id, text in batch:
            if id in self.texts and self.texts[id] == text:
                unchanged += 1
                continue
            if id in self.texts:
                updated += 1
            else:
                added += 1
                self.last_number += 1
                self.numbers[id] = self.last_number
            self.texts[id] = text
            self.change += 1
            self.changed[self.numbers[id]] = self.change
        found = self.store.add([Document(id, text) for id, text in batch])
        assert found == Changes(added=added, updated=updated, unchanged=unchanged)

    @rule(id=IDS)
    def delete_one(self, id: str) -> None:
        self.delete([id])

    @rule(ids=st.lists(IDS, max_size=3))
    def delete(self, ids: list[str]) -> None:
        if any(id not in self.texts for id in ids):
            with pytest.raises(UnknownDocumentError):
                self.store.delete(ids)
            return
        distinct = list(dict.fromkeys(ids))
        assert self.store.delete(ids) == len(distinct)
        for id in distinct:
            self.change += 1
            self._gone(id)

    @rule()
    def clear(self) -> None:
        self.store.clear()
        self.change += 1
        for id in list(self.texts):
            self._gone(id)

    @rule(kept=st.integers(0, 3))
    def forget_deletions(self, kept: int) -> None:
        until = max(0, self.change - kept)
        forgotten = [number for number, change in self.deleted.items() if change <= until]
        assert self.store.forget_deletions(until) == len(forgotten)
        for number in forgotten:
            del self.deleted[number]

    @rule(batch=st.lists(st.tuples(IDS, st.just("undone")), min_size=1, max_size=3))
    def change_of_mind(self, batch: list[tuple[str, str]]) -> None:
        with suppress(KeyboardInterrupt), self.store.transaction():
            self.store.add([Document(id, text) for id, text in batch])
            with self.store.transaction():
                self.store.delete([batch[0][0]])
            assert self.store.in_transaction
            raise KeyboardInterrupt

    def _gone(self, id: str) -> None:
        del self.texts[id]
        number = self.numbers.pop(id)
        del self.changed[number]
        self.deleted[number] = self.change

    @invariant()
    def all_questions_are_answered_as_by_the_dictionary(self) -> None:
        store, ids = self.store, sorted(self.texts, key=self.numbers.__getitem__)
        assert (list(store.ids()), len(store), store.change) == (ids, len(ids), self.change)
        assert {id: store.get(id).text for id in ids} == self.texts
        assert {id: store.number(id) for id in ids} == self.numbers
        everything = [*self.numbers.values(), *self.deleted, 10**6]
        assert store.ids_of(everything) == {number: id for id, number in self.numbers.items()}
        for since in range(0, self.change + 1, 3):
            later = sorted(number for number, change in self.changed.items() if change > since)
            removed = {number for number, change in self.deleted.items() if change > since}
            assert store.numbers_since(since) == later
            assert [number for number, _ in store.changed_since(since)] == later
            assert set(store.removed_since(since)) == removed
            assert store.count_since(since) == len(later) + len(removed)
            assert store.count_until(since, everything) == len(ids) - len(later)


StoreAndDictionary.TestCase.settings = settings(max_examples=25, stateful_step_count=12)
TestStoreAndDictionary = StoreAndDictionary.TestCase


def test_a_store_behind_the_change_asked_about_has_all_to_tell(store: DocumentStore) -> None:
    store.add([Document("a", "one"), Document("b", "two")])
    store.delete(["a"])
    assert store.count_since(store.change) == 0
    assert store.count_since(store.change + 1) == len(store) == 1


def test_more_documents_than_one_statement_of_sqlite_names_are_read(store: DocumentStore) -> None:
    store.add(Document(f"d{n}", f"text {n}") for n in range(1, 1301))
    store.delete([f"d{n}" for n in (500, 501, 1000, 1001)])
    numbers = list(range(1300, 0, -1))
    held = set(numbers) - {500, 501, 1000, 1001}
    assert store.ids_of(numbers) == {n: f"d{n}" for n in held}
    assert {n: d.text for n, d in store.by_number(numbers).items()} == {
        n: f"text {n}" for n in held
    }
    assert store.count_until(1300, numbers) == len(held)
    assert store.count_until(700, numbers) == 700 - 2
    assert store.by_number([]) == store.ids_of([]) == {}


def test_of_similar_ids_the_shortest_three_are_suggested(store: DocumentStore) -> None:
    ids = ["notes/long-name/a_b.txt", "a_b", "xa_bx", "a_b.txt", "axb", "a%b", r"a\b"]
    store.add(Document(id, "x") for id in ids)
    assert store.similar_ids("a_b") == ["a_b", "xa_bx", "a_b.txt"]
    # What stands for any text in SQL stands for itself here.
    assert store.similar_ids("a%b") == ["a%b"]
    assert store.similar_ids(r"a\b") == [r"a\b"]
    assert store.similar_ids("__b") == ["a_b"]
    for no_id in ("", None, 5):
        assert store.similar_ids(no_id) == []


@pytest.mark.parametrize(
    ("id", "near"),
    [
        ("achiles-3", ["achilles-3"]),
        ("Achilles-3", ["achilles-3"]),
        ("achilles_3", ["achilles-3"]),
        ("cahilles-3", ["achilles-3"]),
        ("troy-12", ["troy-1", "troy-2"]),
        ("sparta-12", []),
        ("x1", []),
        ("achilles-3" * 30, []),
    ],
)
def test_ids_that_are_spelled_alike_are_suggested(
    store: DocumentStore, id: str, near: list[str]
) -> None:
    store.add(Document(known, "x") for known in ("troy-1", "achilles-3", "troy-2", "y1"))
    assert store.similar_ids(id) == near


def test_sources_are_those_of_the_first_origin(store: DocumentStore) -> None:
    store.add(Document(id, "x") for id in "abc")
    for source, path in ((1, "one.txt"), (2, b"two\xff.txt")):
        store.database.execute("INSERT INTO sources VALUES (?, ?)", source, path)
    for source, id in ((2, "a"), (1, "a"), (1, "b")):
        number = store.number(id)
        store.database.execute("INSERT INTO origins VALUES (NULL, ?, ?, ?)", source, id, number)
    assert store.sources_of(["a", "b", "c", "d"]) == {"a": "two\\xff.txt", "b": "one.txt"}


def test_an_id_that_is_nearly_right_is_suggested(store: DocumentStore) -> None:
    store.add(Document(id, "x") for id in ("docs/one.txt", "docs/two.txt", "12345", "a1"))
    assert store.similar_ids("docs/twoo.txt") == ["docs/two.txt"]
    assert store.similar_ids("docs/noe.txt")[0] == "docs/one.txt"
    # A number, or a short id, is no slip of the finger.
    assert store.similar_ids("12346") == store.similar_ids("b1") == []


def test_a_snapshot_stays_what_it_is_while_another_writes(
    store: DocumentStore, tmp_path: Path
) -> None:
    store.add([Document("a", "one")])
    reader = DocumentStore(tmp_path / "documents.sqlite", writable=False)
    with reader.snapshot():
        assert reader.in_snapshot
        store.add([Document("a", "other"), Document("b", "two")])
        with reader.snapshot():
            assert (reader.change, list(reader.ids())) == (1, ["a"])
        # The inner one has not ended it.
        assert reader.in_snapshot
        assert (reader.change, reader.get("a").text) == (1, "one")
        copied: list[float] = []
        reader.copy_to(tmp_path / "copy.sqlite", copied.append)
    assert not reader.in_snapshot
    assert (reader.change, reader.get("a").text) == (3, "other")
    reader.close()
    copy = DocumentStore(tmp_path / "copy.sqlite", writable=False)
    assert (copy.change, [d.text for _, d in copy.changed_since(0)]) == (1, ["one"])
    copy.close()
    assert sum(copied) == (tmp_path / "copy.sqlite").stat().st_size
    assert min(copied) >= 0


def test_a_filter_answers_for_the_present_state_even_if_that_is_undone(
    store: DocumentStore,
) -> None:
    store.add([Document("a", "x", {"n": 1}), Document("b", "x", {"n": 2})])
    assert store.matching("n >= 2").tolist() == [2]
    with suppress(KeyboardInterrupt), store.transaction():
        store.add([Document("c", "x", {"n": 3})])
        assert store.matching("n >= 2").tolist() == [2, 3]
        raise KeyboardInterrupt
    # Another change gets the number of the one that was undone.
    store.add([Document("d", "x", {"n": 0})])
    assert store.matching("n >= 2").tolist() == [2]
    assert store.matching("n < 2").tolist() == [1, 3]
    with pytest.raises(ValueError, match="read-only"):
        store.matching("n < 2")[0] = 9


def test_compacting_gives_back_the_place_of_what_was_deleted(
    store: DocumentStore, tmp_path: Path
) -> None:
    store.add(Document(str(n), f"{n} " * 2000) for n in range(300))
    store.delete([str(n) for n in range(1, 300)])
    store.compact()
    assert (tmp_path / "documents.sqlite").stat().st_size < 200_000
    assert (tmp_path / "documents.sqlite-wal").stat().st_size == 0
    assert list(store.ids()) == ["0"]
    assert store.get("0").text == "0 " * 2000


def test_an_id_that_is_no_unicode_is_refused_and_never_found(store: DocumentStore) -> None:
    store.add([Document("?", "one")])
    for id in ("\udc80", "a\ud800"):
        with pytest.raises(ParameterError, match="surrogates"):
            store.add([Document("good", "x"), Document(id, "two")])
        assert id not in store
        with pytest.raises(UnknownDocumentError):
            store.number(id)
    assert list(store.ids()) == ["?"]
