"""Results about the space are kept, and are never taken for those of another generation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch.workspace.session import Session
from embedsearch.workspace.space_results import keep, kept, results

TEXTS = ["king troy war", "atom water structure", "achilles king atom"]
FACTS = {"words": ["œil", "king"], "seed": 3}
TENSORS = {"X": np.arange(6, dtype=np.float32).reshape(2, 3), "labels": np.array([1, 0])}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "r.es"
    with es.create(path) as ws:
        ws.add(es.Document(f"d{n}", TEXTS[n % 3]) for n in range(9))
        ws.train("ppmi", min_count=1, vector_size=4, workers=1)
    return path


@pytest.fixture
def session(path: Path) -> Iterator[Session]:
    opened = Session(path)
    yield opened
    opened.close()


def test_a_reader_keeps_a_result_and_another_reads_it(session: Session, path: Path) -> None:
    keep(session, "map", FACTS, TENSORS)
    keep(session, "map", {**FACTS, "seed": 4}, TENSORS)
    other = Session(path)
    found = kept(other, "map", "map")
    assert found.facts == {**FACTS, "seed": 4}
    np.testing.assert_array_equal(found.tensors["X"], TENSORS["X"])
    assert (found.generation, found.change) == (1, 9)
    assert results(other.layout) == ["map"]
    other.close()
    assert es.verify(path).sound


def test_what_is_missing_or_of_another_generation_says_how_to_make_it(path: Path) -> None:
    with es.open(path, "w") as ws:
        with pytest.raises(es.WorkspaceError, match="has no topics yet; make it with: embedsearch"):
            kept(ws._session, "topics", "topics")
        keep(ws._session, "topics", FACTS, TENSORS)
        ws.train("ppmi", min_count=1, vector_size=5, workers=1)
        with pytest.raises(es.WorkspaceError, match="of generation 1, and the vectors are of gen"):
            kept(ws._session, "topics", "topics")


@pytest.mark.parametrize("place", [0.2, 0.5, 0.99])
def test_a_damaged_result_is_named_and_put_aside(path: Path, place: float) -> None:
    session = Session(path)
    keep(session, "map", FACTS, TENSORS)
    file = path / "space" / "map.safetensors"
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 4
    file.write_bytes(content)
    with pytest.raises(es.WorkspaceDamagedError, match="is damaged"):
        kept(session, "map", "map")
    session.close()
    found = es.verify(path)
    assert [problem.part for problem in found.problems] == ["space"]
    es.repair(path)
    assert es.verify(path).sound
    assert not file.exists()


def test_results_are_in_backups(session: Session, path: Path, tmp_path: Path) -> None:
    keep(session, "map", FACTS, TENSORS)
    with es.open(path) as ws:
        ws.backup(tmp_path / "b.tar")
    with es.restore(tmp_path / "b.tar", tmp_path / "again.es") as ws:
        assert kept(ws._session, "map", "map").facts == FACTS


@pytest.mark.parametrize("name", ["", "../x", "Map", "a" * 51, 3])
def test_names_are_plain(session: Session, name: str) -> None:
    with pytest.raises(es.ParameterError, match="small letters"):
        keep(session, name, {}, {})


def test_what_a_killed_process_left_is_no_foreign_file(session: Session, path: Path) -> None:
    keep(session, "map", FACTS, TENSORS)
    left = path / "space" / "map.safetensors.12.new"
    left.write_bytes(b"half")
    with es.open(path) as ws:
        assert kept(ws._session, "map", "map").facts == FACTS
