"""Nested metadata from a file to a filter and to every form of an answer."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch._types import Hits
from embedsearch.cli.output import show
from embedsearch.cli.queries import documents_found

RECORDS = [
    {
        "id": f"n{k}",
        "text": f"a galaxy of {k} stars",
        "meta": {"agent": name, "at": {"year": 2000 + k}},
        "tags": ["x", name],
        "metadata": {"date": f"2020-0{k + 1}-15"},
        "kind": {"name": name[:1]},
    }
    for k, name in enumerate(("bob", "ann", "bea", "al"))
]


@pytest.fixture
def filled(example: Path) -> Path:
    source = example.with_name("nested.jsonl")
    source.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    with es.open(example, "w") as ws:
        ws.add_sources(str(source))
    return example


def test_a_file_with_nested_metadata_can_be_asked(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {}
    with es.open(filled) as ws:
        for where in (
            "meta.agent = 'bob'",
            "'ann' in tags and meta.at.year = 2001",
            "date >= 2020-03 and 'x' in tags",
        ):
            found[where] = sorted(hit.id for hit in ws.search("galaxy", where=where))
        hits = ws.search("galaxy", topn=1, where="meta.agent = 'bob'")
    assert list(found.values()) == [["n0"], ["n1"], ["n2", "n3"]]
    expected = {
        "date": "2020-01-15",
        "kind": {"name": "b"},
        "meta": {"agent": "bob", "at": {"year": 2000}},
        "tags": ["x", "bob"],
    }
    assert hits[0].metadata == expected
    for output, read in (
        ("json", lambda text: json.loads(text)[0]["metadata"]),
        ("csv", lambda text: json.loads(next(csv.DictReader(io.StringIO(text)))["metadata"])),
    ):
        show(documents_found(Hits(hits)), output)
        assert read(capsys.readouterr().out) == expected


def test_a_label_may_be_within_an_object_but_is_one_value(filled: Path) -> None:
    with es.open(filled) as ws:
        report = ws.evaluate.classification("metadata.kind.name", folds=2)
        assert sorted(report.notes) == []
        for name, what in (("tags", "a list"), ("meta", "an object")):
            with pytest.raises(es.InputError, match=f"'{name}' of document 'n0' is {what}"):
                ws.evaluate.classification(name)
        with pytest.raises(es.InputError, match="no document of the workspace"):
            ws.evaluate.classification("meta.none")
