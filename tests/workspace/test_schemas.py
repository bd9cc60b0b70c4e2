"""Small files are compared as a whole when they are read: one error that names file and field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import embedsearch as es
from embedsearch._io import with_checksum

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST = "generations/0001/manifest.json"
# What was wrong once, each of a kind: where, and what is there instead.
FITTING = {dict: ("tokenizer",), list: ("encoders",)}
WRONG = (None, "x", -1, [], {"a": 1}, 10**30)


def places_of(values: dict[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        yield (*at, name)
        if isinstance(value, dict):
            yield from places_of(value, (*at, name))


def use(path: Path) -> None:
    with es.open(path) as ws:
        ws.info()
        ws.words.most_similar("galaxy")
        ws.search("galaxy")
    with es.open(path, "w") as ws:
        ws.index()


@pytest.mark.parametrize("name", ["workspace.json", MANIFEST, "lexical/lexical.json"])
def test_a_key_that_is_gone_is_our_error_or_changes_nothing(example: Path, name: str) -> None:
    file = example / name
    sound = json.loads(file.read_text())
    noticed = 0
    for place in places_of(sound):
        values = json.loads(json.dumps(sound))
        inner = values
        for step in place[:-1]:
            inner = inner[step]
        inner[f"{place[-1]}x"] = inner.pop(place[-1])
        for checksum in (False, True):
            file.write_text(json.dumps(with_checksum(values) if checksum else values))
            try:
                with es.open(example) as ws:
                    ws.info()
            except es.WorkspaceDamagedError as error:
                noticed += 1
                assert file.parent.name in str(error), place  # noqa: PT017
            if not checksum and len(place) == 1 and "sha256" in values:
                assert not es.verify(example, quick=True).sound
    file.write_text(json.dumps(sound))
    assert noticed or name.startswith("lexical")
    use(example)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (("training", "documents"), "training.documents"),
        (("training", "parameters", "vector_size"), "vector_size"),
        (("change",), "change"),
        (("files", "words.faiss", "size"), "files['words.faiss'].size"),
        (("files",), "files"),
        (("search", "encoders"), "search.encoders"),
        (("word_index", "digest"), "word_index.digest"),
        (("tokenizer",), "tokenizer"),
    ],
)
def test_a_value_of_another_kind_is_named(example: Path, place: tuple[str, ...], told: str) -> None:
    file = example / MANIFEST
    values = json.loads(file.read_text())
    inner = values
    for step in place[:-1]:
        inner = inner[step]
    for wrong in WRONG:
        if place[-1] in FITTING.get(type(wrong), ()):
            continue
        inner[place[-1]] = wrong
        file.write_text(json.dumps(with_checksum(values)))
        for mode in "rw":
            with pytest.raises(es.WorkspaceDamagedError) as caught:
                es.open(example, mode)
            assert MANIFEST in str(caught.value)
            assert told in str(caught.value)
        assert any(told in str(problem) for problem in es.verify(example, quick=True).problems)


def test_a_manifest_with_another_checksum_is_not_believed(example: Path) -> None:
    file = example / MANIFEST
    file.write_text(file.read_text().replace('"change": 16', '"change": 15'))
    with pytest.raises(es.WorkspaceDamagedError, match="its checksum does not match"):
        es.open(example)
    state = example / "workspace.json"
    state.write_text(state.read_text().replace('"lowercase": true', '"lowercase": false'))
    with pytest.raises(es.WorkspaceDamagedError, match=r"workspace\.json is damaged"):
        es.open(example)
