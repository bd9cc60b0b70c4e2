"""Rows that hold what we never write, with a digest that fits: one error, told, and mended."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import embedsearch as es
from embedsearch.store.integrity import content_digest

# A tuple holds the bytes of a text.
FORGED: dict[str, tuple[str, object]] = {
    "no-json": ("metadata", "not json"),
    "empty": ("metadata", ""),
    "list": ("metadata", "[1]"),
    "number": ("metadata", "7"),
    "null": ("metadata", "null"),
    "deep": ("metadata", '{"year":1,"a":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "deep-too": ("metadata", '{"a":' * 500 + "1" + "}" * 500),
    "digits": ("metadata", '{"year":1,"a":' + "9" * 5_000 + "}"),
    "nan": ("metadata", '{"year":1,"a":[NaN]}'),
    "infinite": ("metadata", '{"year":1,"a":1e999}'),
    "surrogate": ("metadata", '{"year":1,"a":"\\ud800"}'),
    "metadata-blob": ("metadata", b'{"year":1}'),
    "metadata-bytes": ("metadata", (b'{"year":1,"a":"\xff"}',)),
    "title-blob": ("title", b"a title"),
    "title-bytes": ("title", (b"a \xff title",)),
    "text-blob": ("text", b"a text of the galaxy"),
    "text-bytes": ("text", (b"a text of the galaxy \xc3",)),
    "id-blob": ("id", b"id-blob"),
    "id-bytes": ("id", (b"id-bytes\xff",)),
    "id-empty": ("id", ""),
}
BEYOND: dict[str, tuple[str, object]] = {
    "title-long": ("title", "t" * 100_001),
    "entries": ("metadata", '{"year":1,"a":[' + "1," * 10_000 + "1]}"),
    "id-long": ("id", "id-long" * 1_000),
}
LOSSLESS = {"metadata-blob", "title-blob", "text-blob", "id-blob", "id-empty", "id-long"}


def forge(path: Path, id: str, column: str, value: object) -> None:
    with closing(sqlite3.connect(path / "documents.sqlite")) as connection:
        (number,) = connection.execute("SELECT number FROM documents WHERE id = ?", [id]).fetchone()
        mark, value = ("CAST(? AS TEXT)", value[0]) if isinstance(value, tuple) else ("?", value)
        update = f"UPDATE documents SET {column} = {mark} WHERE number = ?"
        connection.execute(update, (value, number))
        connection.text_factory = bytes
        query = "SELECT title, text, metadata FROM documents WHERE number = ?"
        row = connection.execute(query, (number,)).fetchone()
        digest = content_digest(*row)
        connection.execute("UPDATE documents SET digest = ? WHERE number = ?", (digest, number))
        connection.commit()


def questions(ws: es.Workspace, id: str) -> dict[str, Callable[[], Any]]:
    return {
        "get": lambda: ws.documents[id],
        "ids": lambda: list(ws.documents),
        "search": lambda: ws.search("galaxy", topn=30),
        "lexical": lambda: ws.search("galaxy text", topn=30, mode="lexical"),
        "where": lambda: ws.search("galaxy", where="year = 1"),
        "where on titles": lambda: ws.search("galaxy", where="title != 'x' and id != 'y'"),
        "where in order": lambda: ws.search("galaxy", where="title > 5 or id < 7"),
        "where on nothing": lambda: ws.search("galaxy", where="nothing = 1"),
        "related": lambda: ws.documents.most_similar(id, topn=30),
        "duplicates": lambda: list(ws.documents.duplicates()),
        "vectors": lambda: ws.documents.vectors,
        "info": ws.info,
        "export": lambda: ws.export(ws.path.parent / "out.txt", what="documents", overwrite=True),
        "backup": lambda: ws.backup(ws.path.parent / "a.backup", overwrite=True),
    }


def changes(ws: es.Workspace, id: str) -> dict[str, Callable[[], Any]]:
    return {
        "add": lambda: ws.add([es.Document("late", "a late galaxy")]),
        "index": ws.index,
        "compact": ws.compact,
        "train": lambda: ws.train(vector_size=5, epochs=1),
        "delete": lambda: ws.delete([id]),
    }


def asked(path: Path, id: str, mode: str) -> dict[str, str]:
    """Return what was told of damage; any other error is raised, but for an id that is gone."""
    with es.open(path, mode) as ws:
        asked = (changes if mode == "w" else questions)(ws, id)
        answers = {name: answer(ask) for name, ask in asked.items()}
    return {name: told for name, told in answers.items() if told is not None}


def answer(ask: Callable[[], Any]) -> str | None:
    try:
        ask()
    except es.WorkspaceDamagedError as error:
        return str(error)
    except (es.UnknownDocumentError, es.QueryError):
        return None
    return None


@pytest.fixture
def forged(example: Path) -> Path:
    """A workspace with a document to forge, and its lexical index not yet up to it."""
    with es.open(example, "w") as ws:
        ws.add([es.Document("forged", "a text of the galaxy", {"year": 1}, "A title")])
    return example


def test_every_question_on_a_forged_row_is_answered_or_one_error(
    forged: Path, tmp_path: Path
) -> None:
    for name, (column, value) in {**FORGED, **BEYOND}.items():
        path = Path(shutil.copytree(forged, tmp_path / "copy.es"))
        forge(path, "forged", column, value)
        shown = {"id-empty": "''"}.get(name, name if column == "id" else "forged")
        assert any(shown in problem.what for problem in es.verify(path).of("record")), name
        told = {**asked(path, "forged", "r"), **asked(path, "forged", "w")}
        assert bool(told) == (name in FORGED), name
        for error in told.values():
            assert shown in error, name
            assert "cannot be read" in error
            assert error.endswith("or restore a backup")
        if name in FORGED:
            assert {"duplicates", "index"} <= told.keys(), name
        if name in ("id-blob", "title-blob"):
            assert "where in order" in told, name
        shutil.rmtree(path)


def test_repair_keeps_the_text_of_each_and_says_what_was_lost(example: Path) -> None:
    everything = {**FORGED, **BEYOND}
    with es.open(example, "w") as ws:
        others = {id: ws.documents[id] for id in ws.documents}
        ws.add(
            es.Document(name, f"a text of the galaxy {name}", {"year": 1}, "A title")
            for name in everything
        )
    for name, (column, value) in everything.items():
        forge(example, name, column, value)
    with closing(sqlite3.connect(example / "documents.sqlite")) as connection:
        connection.execute(f"UPDATE documents SET number = {2**63 - 1} WHERE id = 'deep'")
        connection.execute("UPDATE documents SET change = -4 WHERE id = 'list'")
        connection.commit()
    dry = es.repair(example, dry_run=True)
    report = es.repair(example)
    assert dry.lost_parts == report.lost_parts
    assert (report.lost, report.nameless, report.remaining) == ([], 0, [])
    assert es.verify(example).sound
    lost, done = "\n".join(report.lost_parts), "\n".join(report.done)
    for name in everything:
        assert (f"'{name}" in lost) == (name not in LOSSLESS), name
    assert "new numbers of themselves or of their changes got: 'list', 'deep'" in done
    assert "stored as text is text now, in the documents: 'metadata-blob', " in done
    assert done.count("'document-") == 2
    with es.open(example) as ws:
        found = {id: ws.documents[id] for id in ws.documents}
        assert len(ws.search("galaxy", topn=50, where="year exists or year is null")) >= 20
    assert others.items() <= found.items()
    assert len(found) == len(others) + len(everything)
    for name in everything.keys() - {"id-bytes", "id-empty", "id-long"}:
        document = found[name]
        expected = f"a text of the galaxy {name}"
        if everything[name][0] == "text":
            expected = "a text of the galaxy" + " \ufffd" * (name == "text-bytes")
        assert document.text == expected
        assert document.metadata.get("year", 1) == 1
    for name in ("digits", "nan", "infinite", "surrogate", "metadata-blob", "entries"):
        assert dict(found[name].metadata) == {"year": 1}, name
    assert found["metadata-bytes"].metadata["a"] == "\ufffd"
    assert found["id-bytes\ufffd"].title == "A title"
    assert found["title-long"].title == "t" * 100_000
