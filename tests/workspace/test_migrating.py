"""Saved examples of every version open, answer, verify and migrate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch.vectors.tensors import open_tensors

EXAMPLES = (
    "v1-before-passages",
    "v1-before-checksums",
    "v1-with-checksums",
    "v1-with-lexical-hashes",
)
ALL = ("v1-before-search", *EXAMPLES)
Unpack = Callable[[str], Path]


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("migrated", [False, True])
def test_examples_open_answer_and_verify(unpacked: Unpack, name: str, migrated: bool) -> None:
    path = unpacked(name)
    if migrated:
        es.migrate(path)
    assert es.verify(path).sound
    with es.open(path) as ws:
        assert len(ws.documents) == 16
        assert ws.documents["later"].text == "the galaxy came later"
        assert "farm-3" not in ws.documents
        assert ws.search("galaxy")[0].id == "later"
        assert ws.words.most_similar("galaxy")[0].word == "comet"
    with es.open(path, "w") as ws:
        ws.add([es.Document("new", "a comet")])
        ws.index()
        assert "new" in [hit.id for hit in ws.search("comet", topn=20)]
    assert es.verify(path).sound


@pytest.mark.parametrize("name", ALL)
def test_a_migrated_example_has_all_that_a_new_one_has(unpacked: Unpack, name: str) -> None:
    path = unpacked(name)
    old = {file.name: file.read_bytes() for file in path.glob("generations/0001/*")}
    report = es.migrate(path)
    assert bool(report.done) == (name != "v1-with-lexical-hashes")
    assert es.migrate(path).done == []
    found = es.verify(path)
    assert found.sound
    for file in (path / "workspace.json", *path.glob("lexical/lexical.json")):
        assert "sha256" in json.loads(file.read_text())
    with es.open(path) as ws:
        assert "sha256" in ws._session.trained().manifest
        assert "later" in [hit.id for hit in ws.search("galaxy")]
    if report.kept is not None:
        kept = Path(report.kept) / "generations" / "0001"
        assert {file.name: file.read_bytes() for file in kept.iterdir()} == old


def test_what_lacks_search_by_meaning_is_told_to_migrate(unpacked: Unpack) -> None:
    path = unpacked("v1-before-search")
    problems = es.verify(path).problems
    assert problems
    assert all("embedsearch migrate" in str(problem) for problem in problems)
    with es.open(path) as ws, pytest.raises(es.WorkspaceDamagedError, match="whether to migrate"):
        ws.search("galaxy")
    before = open_tensors(path / "generations" / "0001" / "words.safetensors")["vectors"].copy()
    es.migrate(path)
    with es.open(path) as ws:
        np.testing.assert_array_equal(ws.words.vectors, before)
        assert ws.words.most_similar("galaxy")


def test_a_damaged_workspace_is_not_migrated(unpacked: Unpack) -> None:
    path = unpacked("v1-before-checksums")
    (path / "generations" / "0001" / "words.faiss").write_bytes(b"damaged")
    with pytest.raises(es.WorkspaceDamagedError, match="embedsearch repair"):
        es.migrate(path)
    assert not list(path.glob("kept-*"))


def test_a_newer_format_is_left_as_it_is(example: Path) -> None:
    state = json.loads((example / "workspace.json").read_text())
    (example / "workspace.json").write_text(json.dumps({**state, "format": 99}))
    for change in (es.migrate, es.repair):
        with pytest.raises(es.WorkspaceVersionError, match="has format 99"):
            change(example)
    assert not list(example.glob("damaged-*"))
