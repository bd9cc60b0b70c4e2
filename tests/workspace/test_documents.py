"""Near-duplicates of a workspace by their ids, against sets of shingles compared one by one."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

import embedsearch as es

TEXT = "the quick brown fox jumps over the lazy dog and runs into the dark green wood by the river"
DOCUMENTS = [
    es.Document("one", TEXT),
    es.Document("other", "nothing of this is anywhere else in the whole collection of texts"),
    es.Document("two", TEXT.replace("river", "sea")),
    es.Document("three", TEXT.replace("lazy", "sleepy").replace("dark", "bright")),
    es.Document("four", TEXT, {}, "With a title"),
]


@pytest.fixture
def ws(tmp_path: Path) -> es.Workspace:
    """Documents that nothing was trained on."""
    workspace = es.create(tmp_path / "a.es")
    workspace.add(DOCUMENTS)
    return workspace


def shingles(document: es.Document) -> set[tuple[str, ...]]:
    words = f"{document.title} {document.text}".lower().split()
    return {tuple(words[start : start + 3]) for start in range(len(words) - 2)}


def jaccard(a: es.Document, b: es.Document) -> float:
    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


@pytest.mark.parametrize("threshold", [0.2, 0.6, 0.8, 1.0])
def test_pairs_are_those_of_all_compared_one_by_one(ws: es.Workspace, threshold: float) -> None:
    scores = {(a.id, b.id): jaccard(a, b) for a, b in combinations(DOCUMENTS, 2)}
    expected = {pair: score for pair, score in scores.items() if score >= threshold}
    found = ws.documents.duplicates(threshold)
    assert {(a, b): score for a, b, score in found} == pytest.approx(expected)
    assert [pair.score for pair in found] == sorted(expected.values(), reverse=True)


def test_groups_are_what_pairs_link(ws: es.Workspace) -> None:
    linked = {id for pair in ws.documents.duplicates(0.6) for id in (pair.a, pair.b)}
    assert linked == {"one", "two", "four"}
    assert ws.documents.duplicate_groups(0.6) == [("one", "two", "four")]
    assert ws.documents.duplicate_groups(1.0) == []


@pytest.mark.parametrize("threshold", [0, -0.5, 1.1])
def test_a_threshold_out_of_its_range_is_refused(ws: es.Workspace, threshold: float) -> None:
    with pytest.raises(es.ParameterError, match="threshold must be a number above 0 and at most 1"):
        ws.documents.duplicates(threshold)
    with pytest.raises(es.ParameterError, match="threshold must be a number above 0 and at most 1"):
        ws.documents.duplicate_groups(threshold)


def test_no_documents_have_no_duplicates(tmp_path: Path) -> None:
    with es.create(tmp_path / "empty.es") as ws:
        assert ws.documents.duplicates() == []
        assert ws.documents.duplicate_groups() == []
