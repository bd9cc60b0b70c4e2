"""Where documents come from decides what they are: nothing is lost, doubled or replaced unsaid."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es
from embedsearch import Document, DuplicateIdError, ParameterError, SourceError
from embedsearch._progress import SilentProgress
from embedsearch.store.documents import Origin
from embedsearch.store.integrity import database_faults
from embedsearch.store.salvage import salvage

Put = Callable[[str, str], Path]
Add = Callable[..., str]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Write a file below the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[es.Workspace]:
    with es.create(tmp_path / "w.es") as workspace:
        yield workspace


@pytest.fixture
def notes() -> list[str]:
    """What the last `add` noted."""
    return []


@pytest.fixture
def add(ws: es.Workspace, notes: list[str]) -> Add:
    """Add sources; return what was done, without what was not, in the order of `Changes`."""

    def add(*sources: str, stdin: str = "", **options: Any) -> str:
        progress = SilentProgress()
        changes = ws.add_sources(
            sources, progress=progress, stdin=io.BytesIO(stdin.encode()), **options
        )
        notes[:] = [note for note in progress.notes if " from " not in note or "gone" in note]
        facts = changes.to_json()
        facts["left_out"] = len(facts["left_out"])
        return ", ".join(f"{count} {name}" for name, count in facts.items() if count)

    return add


def texts(ws: es.Workspace) -> dict[str, str]:
    return {id: ws.documents[id].text for id in ws.documents}


def rows(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_two_folders_of_one_name_and_files_of_one_name_are_all_kept(
    ws: es.Workspace, put: Put, add: Add, notes: list[str]
) -> None:
    put("x/docs/notes.txt", "bridges")
    put("y/docs/notes.txt", "tunnels")
    put("A/notes.txt", "canals")
    assert add("x/docs") == "1 added"
    assert add("A") == "1 added"
    assert notes == []
    assert add("y/docs") == "1 added, 1 renamed"
    assert notes == [
        "1 document got another id, because the id was taken: 'docs/notes.txt' → 'y/docs/notes.txt'"
    ]
    expected = {
        "docs/notes.txt": "bridges",
        "A/notes.txt": "canals",
        "y/docs/notes.txt": "tunnels",
    }
    assert texts(ws) == expected
    assert add("y/docs", "x/docs", "A") == "3 unchanged"
    assert notes == []
    put("y/docs/notes.txt", "deeper tunnels")
    assert add("x", "y") == "1 updated, 1 unchanged"
    assert texts(ws) == {**expected, "y/docs/notes.txt": "deeper tunnels"}


def test_the_same_file_is_the_same_document_by_whatever_name(
    ws: es.Workspace,
    put: Put,
    add: Add,
    notes: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put("A/notes.txt", "one")
    put("A/sub/rows.jsonl", rows({"text": "two"}, {"text": "three"}))
    (tmp_path / "link").symlink_to("A")
    (tmp_path / "a-link.txt").symlink_to("A/notes.txt")
    assert add("A", "link") == "3 added"
    assert add(".", glob="*.txt") == "1 unchanged, 1 left_out"
    assert "link: it is a link to a folder" in notes[0]
    for name in ("A/../A", "link", str(tmp_path / "A")):
        assert add(name) == "3 unchanged"
    assert add("A/sub/rows.jsonl", "a-link.txt") == "3 unchanged"
    monkeypatch.chdir(tmp_path / "A" / "sub")
    assert add(".") == "2 unchanged"
    assert add("../notes.txt") == "1 unchanged"
    put("A/notes.txt", "changed")
    assert add("../notes.txt") == "1 updated"
    assert list(texts(ws)) == ["A/notes.txt", "A/sub/rows.jsonl:1", "A/sub/rows.jsonl:2"]
    assert ws.documents.source("A/sub/rows.jsonl:2") == Origin(
        str((tmp_path / "A/sub/rows.jsonl").resolve()), ":2"
    )


def test_exports_with_the_same_ids_are_kept_side_by_side(
    ws: es.Workspace, put: Put, add: Add, notes: list[str]
) -> None:
    put("jan.csv", "id,text\n1,one\n2,two\n3,three\n4,four\n5,same\n")
    put("feb.csv", "id,text\n1,eins\n2,zwei\n3,drei\n4,vier\n5,same\n")
    put("y/feb.csv", "id,text\n1,uno\n")
    assert add("jan.csv", "feb.csv") == "9 added, 1 unchanged, 4 renamed"
    assert notes == [
        "4 documents got another id, because the id was taken: "
        "'1' → 'feb.csv:1', '2' → 'feb.csv:2', '3' → 'feb.csv:3', and 1 more"
    ]
    assert add("y/feb.csv") == "1 added, 1 renamed"
    assert {id: ws.documents[id].text for id in ("1", "feb.csv:1", "y/feb.csv:1")} == {
        "1": "one",
        "feb.csv:1": "eins",
        "y/feb.csv:1": "uno",
    }
    assert add("feb.csv", "y/feb.csv", "jan.csv") == "11 unchanged"
    put("feb.csv", "id,text\n5,same\n2,zwo\n1,eins\n")
    assert add("feb.csv") == "1 updated, 2 unchanged, 2 vanished"
    assert ws.documents["feb.csv:2"].text == "zwo"
    assert ws.documents["2"].text == "two"


def test_what_two_sources_have_alike_is_not_lost_when_one_changes(
    ws: es.Workspace, put: Put, add: Add
) -> None:
    put("a.jsonl", rows({"id": "1", "text": "alike"}, {"id": "2", "text": "other"}))
    put("b.jsonl", rows({"id": "1", "text": "alike"}))
    assert add("a.jsonl") == "2 added"
    assert add("b.jsonl") == "1 unchanged"
    put("a.jsonl", rows({"id": "2", "text": "other"}))
    assert add("a.jsonl", prune=True) == "1 unchanged"
    assert texts(ws) == {"1": "alike", "2": "other"}
    put("a.jsonl", rows({"id": "1", "text": "alike"}))
    assert add("a.jsonl") == "1 unchanged, 1 vanished"
    put("a.jsonl", rows({"id": "1", "text": "changed"}))
    assert add("a.jsonl") == "1 added, 1 renamed, 1 vanished"
    assert texts(ws) == {"1": "alike", "2": "other", "a.jsonl:1": "changed"}
    assert add("b.jsonl", "a.jsonl", prune=True) == "2 unchanged, 1 vanished, 1 pruned"
    assert texts(ws) == {"1": "alike", "a.jsonl:1": "changed"}


def test_files_that_were_moved_are_the_same_documents(
    ws: es.Workspace, put: Put, add: Add, tmp_path: Path
) -> None:
    put("old/docs/a.txt", "one")
    assert add("old/docs") == "1 added"
    (tmp_path / "old").rename(tmp_path / "new")
    assert add("new/docs") == "1 unchanged"
    put("new/docs/a.txt", "changed")
    assert add("new/docs") == "1 updated"
    assert texts(ws) == {"docs/a.txt": "changed"}


def test_one_file_may_give_an_id_twice(ws: es.Workspace, put: Put, add: Add) -> None:
    records = [{"id": "1", "text": f"text {n}"} for n in (1, 2, 2, 3)]
    put("f.jsonl", rows(*records, {"id": "1", "text": "text 1"}))
    assert add("f.jsonl") == "4 added, 1 unchanged, 3 renamed"
    found = texts(ws)
    assert found["1"] == "text 1"
    assert set(found.values()) == {"text 1", "text 2", "text 3"}
    before = dict(found)
    summary = add("f.jsonl")
    assert "added" not in summary
    assert "updated" not in summary
    assert texts(ws) == before
    with pytest.raises(DuplicateIdError, match=r"'1' \(f\.jsonl, line 1 and f\.jsonl, line 2\)"):
        add("f.jsonl", on_conflict="error")
    assert texts(ws) == before


def test_streams_are_known_by_what_they_say(ws: es.Workspace, add: Add, notes: list[str]) -> None:
    lines = "one\ntwo\none\none\n"
    assert add("-", stdin=lines, split="line") == "4 added"
    assert notes == []
    assert add("-", stdin=lines, split="line") == "4 unchanged"
    assert add("-", stdin="three\none\n", split="line") == "1 added, 1 unchanged"
    assert sorted(texts(ws).values()) == ["one", "one", "one", "three", "two"]
    ends = sorted(id.partition("~")[2] for id in texts(ws))
    assert ends == ["", "", "", "2", "3"]
    assert add("-", stdin="a whole\ntext\n") == "1 added"
    assert add("-", stdin="another\ntext\n") == "1 added"
    assert len(texts(ws)) == 7
    assert all(ws.documents.source(id) == Origin("-", id) for id in ws.documents)


def test_two_streams_with_the_same_ids_are_two_sources(
    ws: es.Workspace, add: Add, notes: list[str]
) -> None:
    first = rows({"id": "1", "text": "one"}, {"id": "2", "text": "two"})
    second = rows({"id": "1", "text": "eins"}, {"id": "2", "text": "two"})
    assert add("-", stdin=first, format="jsonl") == "2 added"
    assert add("-", stdin=second, format="jsonl") == "1 added, 1 unchanged, 1 renamed"
    assert "'1' → '-:1'" in notes[0]
    assert add("-", stdin=second + first, format="jsonl") == "4 unchanged"
    third = rows({"id": "1", "text": "uno"}, {"id": "1", "text": "due"}, {"id": "1", "text": "uno"})
    assert add("-", stdin=third, format="jsonl") == "3 added, 3 renamed"
    assert {"one", "eins", "uno", "due"} <= set(texts(ws).values())
    before = texts(ws)
    assert add("-", stdin=second, format="jsonl", on_conflict="replace") == (
        "1 updated, 1 unchanged, 1 replaced"
    )
    assert texts(ws) == {**before, "1": "eins"}
    with pytest.raises(DuplicateIdError, match=r"'1' \(- and -, line 1\); give --id-prefix"):
        add("-", stdin=third, format="jsonl", on_conflict="error")


def test_what_happens_to_taken_ids_can_be_chosen(
    ws: es.Workspace, put: Put, add: Add, notes: list[str]
) -> None:
    put("jan.csv", "id,text\n1,one\n2,two\n")
    put("feb.csv", "id,text\n2,zwei\n3,drei\n")
    with pytest.raises(DuplicateIdError) as caught:
        add("jan.csv", "feb.csv", on_conflict="error")
    assert (caught.value.first, caught.value.second) == ("jan.csv, row 2", "feb.csv, row 1")
    assert len(ws.documents) == 0
    assert add("jan.csv") == "2 added"
    with pytest.raises(DuplicateIdError, match=r"jan\.csv and feb\.csv, row 1\)"):
        add("feb.csv", on_conflict="error")
    assert add("feb.csv", id_prefix="feb-") == "2 added"
    assert list(texts(ws)) == ["1", "2", "feb-2", "feb-3"]
    assert add("feb.csv", on_conflict="error") == "2 unchanged"
    put("mar.csv", "id,text\n2,deux\n")
    assert add("mar.csv", on_conflict="replace") == "1 updated, 1 replaced"
    assert notes == ["1 document took the place of one with the same id"]
    assert ws.documents["2"].text == "deux"
    assert add("jan.csv") == "1 added, 1 unchanged, 1 renamed"
    assert ws.documents["2"].text == "deux"
    put("apr.csv", "id,text\n2,quatre\n")
    assert add("apr.csv", id_column="none", id_prefix="p/") == "1 added"
    assert ws.documents["p/apr.csv:1"].metadata == {"id": 2}
    with pytest.raises(ParameterError, match="on_conflict must be one of rename, error, replace"):
        add("apr.csv", on_conflict="merge")
    with pytest.raises(ParameterError, match="settings must be those of ReadSettings"):
        add("apr.csv", on_conflicts="error")


def test_documents_from_python_go_by_their_ids(
    ws: es.Workspace, put: Put, add: Add, notes: list[str]
) -> None:
    put("docs/a.txt", "of the file")
    ws.add([Document("docs/a.txt", "of Python")])
    assert add("docs") == "1 added, 1 renamed"
    assert texts(ws)["docs/a.txt"] == "of Python"
    assert ws.documents.source("docs/a.txt") is None
    (made,) = set(texts(ws)) - {"docs/a.txt"}
    assert ws.add([Document(made, "better")]).updated == 1
    assert add("docs") == "1 added, 1 renamed"
    assert sorted(texts(ws).values()) == ["better", "of Python", "of the file"]
    ws.delete([made])
    put("docs/a.txt", "of Python")
    assert add("docs") == "1 updated"
    assert texts(ws)["docs/a.txt"] == "of Python"


def test_what_is_gone_is_counted_and_removed_only_when_asked(
    ws: es.Workspace, put: Put, add: Add, notes: list[str], tmp_path: Path
) -> None:
    put("docs/a.txt", "a")
    put("docs/b.txt", "b")
    put("docs/sub/c.txt", "c")
    put("docs/r.csv", "id,text\n1,one\n2,two\n")
    put("other/d.txt", "d")
    assert add("docs", "other") == "6 added"
    (tmp_path / "docs/b.txt").unlink()
    shutil.rmtree(tmp_path / "docs/sub")
    put("docs/r.csv", "id,text\n2,zwei\n")
    put("docs/e.txt", "e")
    (tmp_path / "other/d.txt").unlink()
    assert add("docs") == "1 added, 1 updated, 1 unchanged, 3 vanished"
    assert notes == ["3 documents come from files or rows that are gone; --prune removes them"]
    assert len(ws.documents) == 7
    assert add("docs/r.csv") == "1 unchanged, 1 vanished"
    assert add("docs/a.txt") == "1 unchanged"
    assert add("docs", glob="*.csv") == "1 unchanged, 3 vanished"
    assert add("docs", prune=True) == "3 unchanged, 3 vanished, 3 pruned"
    assert set(texts(ws)) == {"docs/a.txt", "2", "other/d.txt", "docs/e.txt"}
    assert add("docs", prune=True) == "3 unchanged"
    with pytest.raises(SourceError, match="has no file"):
        add("other", prune=True)
    shutil.rmtree(tmp_path / "other")
    for options in ({}, {"skip_errors": True}):
        with pytest.raises(es.InputError, match=r"no such file|no text to read"):
            add("other", prune=True, **options)
    assert add("other", "docs", prune=True, skip_errors=True) == "3 unchanged, 1 left_out"
    assert "other/d.txt" in texts(ws)


def test_what_could_not_be_read_is_not_gone(
    ws: es.Workspace, put: Put, add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("docs/a.txt", "a")
    put("docs/rows.jsonl", rows(*({"text": f"text {n}"} for n in range(4))))
    put("docs/later.csv", "id,text\n1,one\n")
    put("docs/closed/c.txt", "c")
    put("docs/link.txt", "d")
    assert add("docs") == "8 added"
    put("docs/rows.jsonl", rows({"text": "text 0"}, {"text": "changed"}) + "{\n")
    put("docs/later.csv", "\0")
    scandir = os.scandir

    def refusing(path: str) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", refusing)
    summary = "1 updated, 3 unchanged, 3 left_out"
    assert add("docs", prune=True) == summary
    assert len(ws.documents) == 8
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert add("docs/rows.jsonl", prune=True, skip_errors=True) == "2 unchanged, 1 left_out"
    put("docs/rows.jsonl", "")
    assert add("docs", prune=True).endswith("4 vanished, 4 pruned, 2 left_out")


def test_names_that_are_no_utf_8_are_two_files(ws: es.Workspace, put: Put, add: Add) -> None:
    folder = os.fsencode(put("docs/a.txt", "plain").parent)
    for name in (b"\xff.txt", b"\xfe.txt", b"\\xff.txt"):
        Path(os.fsdecode(folder + b"/" + name)).write_text(f"text of {name!r}")
    assert add("docs").startswith("4 added")
    assert add("docs") == "4 unchanged"
    Path(os.fsdecode(folder + b"/\xff.txt")).unlink()
    assert add("docs", prune=True) == "3 unchanged, 1 vanished, 1 pruned"


def test_what_the_store_cannot_hold_is_the_fault_of_its_file(
    ws: es.Workspace, put: Put, add: Add
) -> None:
    put("docs/a.txt", "a")
    put("docs/b.jsonl", rows({"id": "1", "text": "b"}, {"id": "x" * 5000, "text": "c"}))
    assert add("docs") == "2 added, 1 left_out"
    (left_out,) = ws.changes.left_out if ws.changes else ()
    assert (Path(left_out.file).name, left_out.kept) == ("b.jsonl", 1)
    assert "at most 4,096 characters" in left_out.reason
    with pytest.raises(SourceError, match=r"b\.jsonl: the id 'x"):
        add("docs/b.jsonl")
    put("new/c.txt", "c")
    with pytest.raises(es.CorpusTooSmallError, match=r"c\.txt: the id 'ppp"):
        add("new", id_prefix="p" * 5000)


def test_given_ids_that_look_like_made_ones_are_kept_apart(
    ws: es.Workspace, put: Put, add: Add
) -> None:
    records = [{"text": "1"}, {"id": "m.jsonl:1", "text": "2"}, {"id": ":1", "text": "3"}]
    put("m.jsonl", rows(*records, {"id": "2", "text": "4"}, {"text": "5"}))
    assert add("m.jsonl") == "5 added, 1 renamed"
    before = texts(ws)
    assert sorted(before.values()) == ["1", "2", "3", "4", "5"]
    assert add("m.jsonl") == "5 unchanged"
    put("m.jsonl", rows(*reversed(records)))
    add("m.jsonl", prune=True)
    assert sorted(texts(ws).values()) == ["1", "2", "3"]


def test_the_same_id_many_times_costs_no_more_than_each(ws: es.Workspace, put: Put) -> None:
    put("f.jsonl", rows(*({"id": "1", "text": f"text {n}"} for n in range(300))))
    steps: dict[int, int] = {}
    for size in (150, 300):
        count = 0

        def step(_: str) -> None:
            nonlocal count
            count += 1

        connection = ws._session.store._connection
        text = Path("f.jsonl").read_text().splitlines(keepends=True)[:size]
        stdin = io.BytesIO("".join(text).encode())
        connection.set_trace_callback(step)
        ws.add_sources("-", stdin=stdin, format="jsonl")
        connection.set_trace_callback(None)
        steps[size] = count
        ws.delete(list(ws.documents))
    assert steps[300] < 2.2 * steps[150]


def test_a_salvaged_store_still_knows_where_documents_are_from(
    ws: es.Workspace, put: Put, add: Add, tmp_path: Path
) -> None:
    put("docs/a.txt", "a")
    put("docs/r.jsonl", rows({"id": "1", "text": "one"}, {"id": "2", "text": "two"}))
    assert add("docs") == "3 added"
    ws.close()
    new = tmp_path / "new.sqlite"
    salvage(tmp_path / "w.es" / "documents.sqlite", new)
    assert database_faults(new) == []
    new.replace(tmp_path / "w.es" / "documents.sqlite")
    put("docs/r.jsonl", rows({"id": "1", "text": "eins"}, {"id": "2", "text": "two"}))
    with es.open(tmp_path / "w.es", "w") as again:
        changes = again.add_sources("docs")
        assert (changes.updated, changes.unchanged, changes.added) == (1, 2, 0)


def test_origins_that_cannot_have_been_written_do_no_harm(
    put: Put, ws: es.Workspace, add: Add, tmp_path: Path
) -> None:
    put("docs/a.txt", "a")
    put("docs/b.txt", "b")
    assert add("docs") == "2 added"
    ws.close()
    database = tmp_path / "w.es" / "documents.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE origins SET origin = ? WHERE number = 1", (2**62,))
        connection.execute("INSERT INTO origins VALUES (7, 99, 'x', 1), (8, 3, 'y', 77)")
        connection.execute("INSERT INTO sources VALUES (3, x'00ff')")
        connection.execute("UPDATE origins_since SET number = 'x'")
        connection.commit()
    assert any("lead nowhere" in fault for fault in database_faults(database))
    with es.open(tmp_path / "w.es", "w") as again:
        put("docs/a.txt", "changed")
        changes = again.add_sources("docs", prune=True)
        assert (changes.updated, changes.unchanged, changes.pruned) == (1, 1, 0)


@pytest.mark.parametrize(
    "forged",
    [
        "UPDATE sources SET path = CAST(x'ff41' AS TEXT)",
        "UPDATE sources SET source = -4 WHERE source = 1",
        "UPDATE origins SET key = CAST(x'ff41' AS TEXT) WHERE number = 1",
        "UPDATE origins SET key = x'00' WHERE number = 1",
        "UPDATE origins SET source = 1.5 WHERE number = 1",
        "UPDATE origins SET number = 'x' WHERE number = 1",
        "DELETE FROM origins_since",
        "INSERT INTO origins_since VALUES (9, 9)",
        "UPDATE origins_since SET number = -5",
    ],
)
def test_forged_origins_are_noticed_and_mended(
    put: Put, ws: es.Workspace, add: Add, tmp_path: Path, forged: str
) -> None:
    put("docs/a.txt", "a")
    put("docs/b.txt", "b")
    add("docs")
    ws.close()
    with closing(sqlite3.connect(tmp_path / "w.es" / "documents.sqlite")) as connection:
        connection.execute(forged)
        connection.commit()
    assert es.verify(tmp_path / "w.es").of("record")
    assert es.repair(tmp_path / "w.es").complete
    assert es.verify(tmp_path / "w.es").sound
    with es.open(tmp_path / "w.es", "w") as again:
        changes = again.add_sources("docs", prune=True)
        assert (changes.unchanged, changes.pruned, len(again.documents)) == (2, 0, 2)


def test_origins_of_a_path_that_is_not_utf8_are_salvaged(ws: es.Workspace, tmp_path: Path) -> None:
    ws.add([es.Document("1", "one")])
    ws.close()
    database, new = tmp_path / "w.es" / "documents.sqlite", tmp_path / "new.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO sources VALUES (1, x'2fff')")
        connection.execute("INSERT INTO origins VALUES (1, 1, '1', 1)")
        connection.commit()
    salvage(database, new)
    with closing(sqlite3.connect(new)) as connection:
        found = connection.execute("SELECT path, key, number FROM origins JOIN sources")
        assert found.fetchall() == [(b"/\xff", "1", 1)]


def test_corpora_are_sources_too(ws: es.Workspace, add: Add) -> None:
    assert add("corpus:lantern-bay").endswith("added")
    count = len(ws.documents)
    assert add("corpus:lantern-bay") == f"{count} unchanged"
    first = next(iter(ws.documents))
    assert ws.documents.source(first) == Origin("corpus:lantern-bay", first)


def test_prune_keeps_what_a_glob_passes_over_in_an_archive(
    put: Put, ws: es.Workspace, add: Add
) -> None:
    path = put("x.zip", "")

    def pack(**files: str) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name.replace("_", "."), text)

    pack(a_txt="A", b_md="B")
    assert add("x.zip") == "2 added"
    assert add("x.zip", glob="*.md", prune=True) == "1 unchanged"
    pack(b_md="B")
    assert add("x.zip", prune=True) == "1 unchanged, 1 vanished, 1 pruned"
    assert texts(ws) == {"x.zip/b.md": "B"}
