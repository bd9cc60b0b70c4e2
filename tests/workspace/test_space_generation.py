"""Points of a workspace are made up, and paths lead from one to another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch.space.autoencoder import VariationalAutoencoder
from embedsearch.space.options import GENERATORS, PATHS
from tests.workspace.test_space import THEMES, documents, theme_of


@pytest.fixture
def path(tmp_path: Path, trained: Path) -> Path:
    """Return a copy, as what was learned is kept in it."""
    with es.open(trained) as ws:
        ws.backup(tmp_path / "backup")
    es.restore(tmp_path / "backup", tmp_path / "s.es")
    return tmp_path / "s.es"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("space") / "s.es"
    bridges = [
        es.Document("air-sky", " ".join(THEMES["air"] + THEMES["sky"])),
        es.Document("sky-farm", " ".join(THEMES["sky"] + THEMES["farm"])),
    ]
    with es.create(path) as ws:
        ws.add([*documents(), *bridges, *(es.Document(f"e{n}", "moon star") for n in range(10))])
        ws.train("ppmi", min_count=1, vector_size=10, workers=1, language="english")
    return path


@pytest.fixture
def ws(path: Path) -> Iterator[es.Workspace]:
    with es.open(path) as opened:
        yield opened


@pytest.mark.parametrize("method", ["vae", "neighbors"])
def test_what_is_made_up_is_like_the_documents(ws: es.Workspace, method: str) -> None:
    made = ws.space.generate(40, method=method, topn=4)
    assert made.vectors.shape == (40, ws.space.points().vectors.shape[1])
    np.testing.assert_allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-5)
    themes = [theme_of([word.word for word in one.words]) for one in made.samples]
    assert sum(len(each) == 1 for each in themes) > 25
    assert len(set().union(*themes)) == 3
    for one in made.samples:
        near = one.nearest[0]
        assert near.id in ws.documents
        assert near.score > 0.5
    assert made.quality is not None
    assert made.quality.coverage > 0.5


def test_the_quality_is_that_of_points_held_out(ws: es.Workspace) -> None:
    made = ws.space.generate(3, method="gaussian")
    again = ws.space.generate(3, method="gaussian")
    np.testing.assert_array_equal(made.vectors, again.vectors)
    other = ws.space.generate(3, method="gaussian", seed=1)
    assert not np.array_equal(made.vectors, other.vectors)
    assert other.quality == made.quality
    assert made.quality is not None
    assert made.quality.copying > 0.5


def test_what_was_learned_is_kept_until_the_documents_change(path: Path) -> None:
    with es.open(path) as ws:
        first = ws.space.generate(3)
    kept = path / "space" / "generator-vae-documents.safetensors"
    before = kept.stat().st_mtime_ns
    with es.open(path) as ws:
        again = ws.space.generate(3)
        assert kept.stat().st_mtime_ns == before
        np.testing.assert_array_equal(again.vectors, first.vectors)
        assert again.quality == first.quality
    with es.open(path, mode="w") as ws:
        ws.add([es.Document("new", "moon comet orbit")])
        ws.space.generate(1)
    assert kept.stat().st_mtime_ns != before


def test_a_damaged_file_is_made_again(path: Path) -> None:
    with es.open(path) as ws:
        first = ws.space.generate(2)
        kept = path / "space" / "generator-vae-documents.safetensors"
        kept.write_bytes(b"damaged")
        np.testing.assert_array_equal(ws.space.generate(2).vectors, first.vectors)


def test_words_and_own_vectors_are_made_up_too(ws: es.Workspace, tmp_path: Path) -> None:
    made = ws.space.generate(4, of="words", method="neighbors", topn=3)
    assert made.encoder == "words"
    assert made.quality is None
    assert all(one.nearest[0].id in ws.words for one in made.samples)
    X = np.random.default_rng(0).standard_normal((120, 6)).astype(np.float32)
    with es.create(tmp_path / "v.es") as own:
        own.add_vectors(X, [es.Document(f"v{n}", "") for n in range(120)])
        made = own.space.generate(2, of="vectors", method="neighbors")
        assert made.samples[0].words == []
        assert made.samples[0].nearest[0].id.startswith("v")
        path = own.space.path("v1", "v2", of="vectors")
        assert (path.steps[0].name, path.steps[-1].name) == ("v1", "v2")


def test_a_path_along_neighbours_goes_over_the_bridges(ws: es.Workspace) -> None:
    path = ws.space.path("d0", "d2", topn=3, n_neighbors=5)
    names = [step.name for step in path.steps]
    assert (names[0], names[-1]) == ("d0", "d2")
    assert {"air-sky", "sky-farm"} & set(names)
    points = ws.space.points()
    for before, step in zip(path.steps, path.steps[1:], strict=False):
        assert step.step == pytest.approx(float(points[before.name] @ points[step.name]), abs=1e-4)
        assert step.score == pytest.approx(1, abs=1e-4)
    assert theme_of([word.word for word in path.steps[0].words]) == {"air"}
    assert theme_of([word.word for word in path.steps[-1].words]) == {"farm"}
    assert path.weakest is not None
    assert path.weakest.step == min(step.step for step in path.steps[1:] if step.step is not None)


@pytest.mark.parametrize("method", PATHS[1:])
def test_other_paths_have_as_many_places_as_asked_for(ws: es.Workspace, method: str) -> None:
    path = ws.space.path("d0", "d1", method=method, steps=5, topn=4)
    assert (path.method, len(path.steps), len(path.vectors)) == (method, 5, 5)
    assert [path.steps[0].name, path.steps[-1].name] == ["d0", "d1"]
    assert theme_of([word.word for word in path.steps[0].words]) == {"air"}
    assert theme_of([word.word for word in path.steps[-1].words]) == {"sky"}


def test_between_words_there_are_words_and_texts_are_ends_too(ws: es.Workspace) -> None:
    words = ws.space.path("wing", "pilot")
    assert words.encoder == "words"
    assert {step.kind for step in words.steps} == {"word"}
    mixed = ws.space.path("cows and hay", "moon", n_neighbors=4)
    assert [mixed.steps[0].kind, mixed.steps[-1].kind] == ["text", "text"]
    assert {step.kind for step in mixed.steps[1:-1]} == {"document"}


def test_what_cannot_be_done_is_said(ws: es.Workspace) -> None:
    with pytest.raises(es.QueryError, match="both ends"):
        ws.space.path("d0", "d0")
    with pytest.raises(es.QueryError, match="no word of"):
        ws.space.path("d0", "qqq zzz")
    with pytest.raises(es.QueryError, match="not by words"):
        ws.space.generate(of="words", where="n = 1")
    with pytest.raises(es.CorpusTooSmallError, match="there are 1"):
        ws.space.generate(where="n = 1")
    with pytest.raises(es.ParameterError, match=f"one of {', '.join(GENERATORS)}"):
        ws.space.generate(method="diffusion")
    with pytest.raises(es.ParameterError, match="steps"):
        ws.space.path("d0", "d1", steps=1)


def test_few_points_make_points_but_no_quality(ws: es.Workspace) -> None:
    made = ws.space.generate(2, where="n < 4", method="vae")
    assert made.quality is None
    assert len(made.samples) == 2
    assert isinstance(VariationalAutoencoder().fit(ws.space.points()[:2]).sample(1), np.ndarray)
