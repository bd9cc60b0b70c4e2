"""What can be read of a damaged database is kept, and what cannot is named."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from embedsearch import Document
from embedsearch.store.documents import DocumentStore
from embedsearch.store.integrity import database_faults
from embedsearch.store.salvage import salvage

PAGE = 4096


def documents() -> list[Document]:
    lengths = (1, 30, 300, 3000)
    return [
        Document(f"id-{n}", f"text {n} " * lengths[n % 4], {"n": n}, f"Title {n}")
        for n in range(120)
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with pages of all kinds, and rows that were deleted and replaced."""
    path = tmp_path_factory.mktemp("made") / "database.sqlite"
    store = DocumentStore(path, writable=True)
    store.add(Document(d.id, f"before {d.text}") for d in documents())
    store.add([*documents(), Document("gone", "gone " * 4000)])
    store.delete(["gone"])
    store.close()
    return path


@pytest.fixture
def database(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path / "database.sqlite"))


def read(path: Path) -> dict[str, Document]:
    assert database_faults(path) == []
    store = DocumentStore(path, writable=False)
    found = {id: store.get(id) for id in store.ids()}
    store.close()
    return found


def numbers(path: Path) -> tuple[list[int], list[int], int]:
    store = DocumentStore(path, writable=False)
    facts = store.numbers_since(0), sorted(store.removed_since(0)), store.change
    store.close()
    return facts


def test_a_sound_store_comes_back_with_its_numbers_and_changes(database: Path) -> None:
    result = salvage(database, new := database.with_name("new.sqlite"))
    assert (result.documents, result.lost, result.nameless, result.doubtful) == (120, [], 0, [])
    assert read(new) == {d.id: d for d in documents()}
    assert numbers(new)[:2] == numbers(database)[:2]
    old, fresh = (DocumentStore(p, writable=False) for p in (database, new))
    for change in range(0, 250, 10):
        assert fresh.numbers_since(change) == old.numbers_since(change)
    old.close()
    fresh.close()


def test_without_its_first_page_nothing_is_lost(database: Path) -> None:
    database.write_bytes(bytes(PAGE) + database.read_bytes()[PAGE:])
    salvage(database, new := database.with_name("new.sqlite"))
    assert read(new) == {d.id: d for d in documents()}


def test_whatever_pages_are_gone_each_document_is_kept_as_it_was_or_named(database: Path) -> None:
    sound, expected = database.read_bytes(), {d.id: d for d in documents()}
    choose, kept = random.Random(5), 0  # noqa: S311 - places, not secrets
    for trial in range(8):
        damaged = bytearray(sound)
        for page in choose.sample(range(len(sound) // PAGE), 3):
            damaged[page * PAGE : (page + 1) * PAGE] = choose.randbytes(PAGE)
        database.write_bytes(damaged)
        known = range(1, 121)
        result = salvage(database, new := database.with_name(f"{trial}.sqlite"), known=known)
        found = read(new)
        kept += len(found)
        assert {id: expected[id] for id in found} == found
        assert result.documents == len(found)
        assert len(found) + len(result.lost) + result.nameless == 120
        assert set(result.lost) <= set(expected) - set(found)
    assert kept > 8 * 110


def test_transactions_behind_a_damaged_one_in_the_log_are_kept(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path / "a.sqlite", writable=True)
    for document in documents()[:30]:
        store.add([document])
    for ending in ("", "-wal"):
        shutil.copy(tmp_path / f"a.sqlite{ending}", tmp_path / f"b.sqlite{ending}")
    store.close()
    log = tmp_path / "b.sqlite-wal"
    damaged = bytearray(log.read_bytes())
    damaged[len(damaged) // 3] ^= 4
    log.write_bytes(damaged)
    by_sqlite = Path(shutil.copytree(tmp_path, tmp_path / "other")) / "b.sqlite"
    assert len(DocumentStore(by_sqlite, writable=False)) < 25
    result = salvage(tmp_path / "b.sqlite", tmp_path / "new.sqlite")
    assert result.documents >= 29
    assert set(read(tmp_path / "new.sqlite")) <= {d.id for d in documents()}


def test_a_store_that_has_lost_changes_starts_again_beyond_them(database: Path) -> None:
    change = numbers(database)[2]
    salvage(database, new := database.with_name("new.sqlite"), known=[1, 999], reached=change + 50)
    store = DocumentStore(new, writable=False)
    # All that follows from the database is to see every document again, and that one is gone.
    assert len(store.numbers_since(change + 50)) == 120
    assert store.removed_since(change + 50) == [999]
    store.close()


def test_of_a_file_and_a_log_that_are_not_of_one_store_the_file_is_kept(
    database: Path, tmp_path: Path
) -> None:
    for name, made in (
        ("fewer", [Document(f"x{n}", "foreign " * n) for n in range(1, 40)]),
        ("of the same ids", [Document(d.id, f"other {d.text}") for d in documents()[30:90]]),
        ("more", [Document(f"y{n}", "foreign " * 400) for n in range(300)]),
    ):
        other = DocumentStore(tmp_path / f"{name}.sqlite", writable=True)
        other.add(made)
        shutil.copy(tmp_path / f"{name}.sqlite-wal", tmp_path / "database.sqlite-wal")
        other.close()
        new = tmp_path / f"{name}-new.sqlite"
        result = salvage(database, new)
        assert read(new) == {d.id: d for d in documents()}, name
        assert (result.documents, result.lost, result.doubtful) == (120, [], [])
        (note,) = result.notes
        assert note.startswith("the log of the database is that of another"), name


def test_the_log_of_the_store_itself_is_read_with_its_deletions(
    database: Path, tmp_path: Path
) -> None:
    store = DocumentStore(database, writable=True)
    store.add([Document("late", "late")])
    store.delete([f"id-{n}" for n in range(60)])
    copies = [
        shutil.copy(tmp_path / f"database.sqlite{e}", tmp_path / f"c{e}") for e in ("", "-wal")
    ]
    store.close()
    result = salvage(Path(copies[0]), tmp_path / "new.sqlite")
    assert (result.documents, result.notes) == (61, [])
    assert "late" in read(tmp_path / "new.sqlite")


def test_numbers_are_not_used_again(database: Path) -> None:
    highest = max(map(max, numbers(database)[:2]))
    salvage(database, new := database.with_name("new.sqlite"))
    store = DocumentStore(new, writable=True)
    store.add([Document("next", "text")])
    assert store.number("next") > highest
    store.close()


def test_a_missing_store_gives_an_empty_one(tmp_path: Path) -> None:
    result = salvage(tmp_path / "none.sqlite", tmp_path / "new.sqlite", known=[4, 5], reached=9)
    assert (result.documents, result.nameless) == (0, 2)
    assert read(tmp_path / "new.sqlite") == {}


def test_an_id_in_two_forms_is_told(database: Path) -> None:
    content = database.read_bytes()
    place = content.index(b"id-17Title 17")
    database.write_bytes(content[:place] + b"id-7!" + content[place + 5 :])
    result = salvage(database, database.with_name("new.sqlite"))
    assert result.doubtful == ["id-7!"]
