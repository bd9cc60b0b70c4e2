"""Space is given back, and nothing else is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import embedsearch as es
from embedsearch.index.lexical.storage import read_commit


@pytest.fixture
def shrunk(tmp_path: Path) -> Iterator[es.Workspace]:
    """A trained workspace most of whose documents were deleted since."""
    with es.create(tmp_path / "a.es") as ws:
        ws.add(es.Document(f"d{n}", f"a galaxy of barns, number {n}. " * 20) for n in range(300))
        ws.train("ppmi", vector_size=8, workers=1, min_count=1)
        ws.delete(f"d{n}" for n in range(250))
        ws.add([es.Document("new", "a barn")])
        yield ws


def test_space_is_given_back(shrunk: es.Workspace) -> None:
    before = {mode: shrunk.search("galaxy barn", 60, mode) for mode in ("lexical", "latent")}
    documents = dict(shrunk.documents)
    report = shrunk.compact()
    assert report.after < report.before * 0.85
    assert dict(shrunk.documents) == documents
    for mode, hits in before.items():
        assert {hit.id for hit in shrunk.search("galaxy barn", 60, mode)} == {h.id for h in hits}
    assert shrunk.info().behind == 0
    assert read_commit(shrunk.path / "lexical").deleted == 0
    assert shrunk.verify().sound
    assert shrunk.verify().notes == []
    assert [path.name for path in (shrunk.path / "generations").iterdir()] == ["0002"]


def test_a_second_time_there_is_nothing_to_do(shrunk: es.Workspace) -> None:
    shrunk.compact()
    report = shrunk.compact()
    assert report.done == []
    assert report.after <= report.before


def test_deletions_are_forgotten_when_nobody_follows(shrunk: es.Workspace) -> None:
    with es.open(shrunk.path) as reader:
        assert reader.search("galaxy")
        shrunk.compact()
        assert len(shrunk._session.store.removed_since(0)) == 250
        assert {hit.id for hit in reader.search("galaxy barn", 60)} <= set(reader.documents)
    report = shrunk.compact()
    assert report.done == ["old deletions were forgotten: 250"]
    assert shrunk._session.store.removed_since(0) == []
    assert shrunk.verify().sound
    with es.open(shrunk.path) as reader:
        assert len(reader.search("barn", 60, "lexical")) == 51


def test_a_reader_goes_on_while_all_is_written_anew(shrunk: es.Workspace) -> None:
    with es.open(shrunk.path) as reader:
        before = reader.search("galaxy barn", 60)
        shrunk.compact()
        assert [hit.id for hit in reader.search("galaxy barn", 60)] == [hit.id for hit in before]
        shrunk.add([es.Document("newer", "supernova galaxy")])
        assert reader.search("galaxy supernova", 60, "lexical")[0].id == "newer"


def test_workspaces_of_any_kind_are_compacted(tmp_path: Path) -> None:
    with es.create(tmp_path / "empty.es") as ws:
        ws.compact()
        ws.add([es.Document("a", "text")])
        ws.delete(["a"])
        assert ws.compact().done == ["old deletions were forgotten: 1"]
        assert ws.verify().sound
    with es.create(tmp_path / "vectors.es") as ws:
        ws.add_vectors([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        ws.delete(["1"])
        ws.compact()
        assert len(ws.vectors) == 2
        assert ws.verify().sound
        assert [hit.id for hit in ws.vectors.most_similar("0", topn=5)] == ["2"]


def test_a_reader_may_not(shrunk: es.Workspace) -> None:
    shrunk.close()
    with es.open(shrunk.path) as ws, pytest.raises(es.WorkspaceReadOnlyError):
        ws.compact()
