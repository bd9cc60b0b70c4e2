"""Maps of a workspace: their regions in words, colours, and documents placed on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch._errors import ParameterError, QueryError, WorkspaceError
from tests.workspace.test_space import THEMES, documents, theme_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("maps") / "s.es"
    with es.create(path) as ws:
        ws.add(documents())
        ws.train("ppmi", min_count=1, vector_size=10, workers=1, language="english")
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "s.es"))


@pytest.fixture
def ws(path: Path) -> Iterator[es.Workspace]:
    with es.open(path, "w") as opened:
        yield opened


def test_regions_are_said_in_the_words_of_their_documents(ws: es.Workspace) -> None:
    found = ws.space.map(n_regions=3)
    assert found.method == "tsne"
    assert found.embedding.shape == (90, 2)
    assert [region.size for region in found.regions] == [30, 30, 30]
    themes = [theme_of(region.label.split(", ")) for region in found.regions]
    assert sorted(map(tuple, themes)) == sorted((theme,) for theme in THEMES)
    # By default each region has its colour.
    assert set(found.group_names) == {region.label for region in found.regions}
    assert len(set(found.groups[::3].tolist())) == 1


def test_colours_are_those_of_a_field(ws: es.Workspace) -> None:
    by_theme = ws.space.map(method="pca", color="theme")
    assert sorted(by_theme.group_names) == sorted(THEMES)
    assert [by_theme.group_names[group] for group in by_theme.groups[:3]] == list(THEMES)
    by_number = ws.space.map(method="pca", color="n")
    assert by_number.group_names[by_number.groups[0]] == "0 to 11.125"
    assert set(np.bincount(by_number.groups).tolist()) == {11, 12}
    with pytest.raises(QueryError, match="theem"):
        ws.space.map(method="pca", color="theem")


def test_words_and_documents_are_on_one_map(ws: es.Workspace) -> None:
    found = ws.space.map(["words", "documents"], n_regions=3, color="theme")
    kinds = found.points.kinds
    assert {"word", "document"} == set(kinds)
    assert "word" in found.group_names
    # Words lie among the documents of their theme.
    for theme, words in THEMES.items():
        own = [row for row, name in enumerate(found.points.names) if name in words]
        documents_of = [r for r, g in enumerate(found.groups) if found.group_names[g] == theme]
        middle = found.embedding[documents_of].mean(axis=0)
        others = found.embedding.mean(axis=0)
        near = np.linalg.norm(found.embedding[own] - middle, axis=1).mean()
        assert near < np.linalg.norm(found.embedding[own] - others, axis=1).mean()


def test_new_documents_are_placed_and_the_others_stay(ws: es.Workspace, path: Path) -> None:
    with pytest.raises(WorkspaceError, match="embedsearch map"):
        ws.space.place_on_map()
    before = ws.space.map(n_regions=3, color="theme")
    ws.add([es.Document("new", "comet orbit moon star galaxy night", {"theme": "sky"})])
    ws.delete(["d0"])
    with es.open(path) as reader:
        after = reader.space.place_on_map(color="theme")
    assert after.notes == ("1 of 90 points are new on the map",)
    rows = {name: row for row, name in enumerate(before.points.names)}
    for row, name in enumerate(after.points.names):
        if name != "new":
            np.testing.assert_array_equal(after.embedding[row], before.embedding[rows[name]])
    place = after.embedding[after.points.row("new")]
    sky = [g for g, name in enumerate(after.group_names) if name == "sky"]
    nearest = np.argsort(np.linalg.norm(after.embedding - place, axis=1))[1:6]
    assert set(after.groups[nearest].tolist()) == set(sky)
    assert len(after.faithfulness) == 90
    ws.train("ppmi", min_count=1, vector_size=10, workers=1, language="english")
    with pytest.raises(WorkspaceError, match="generation"):
        ws.space.place_on_map()


def test_what_is_not_allowed_is_an_error(ws: es.Workspace) -> None:
    with pytest.raises(ParameterError, match="tsne, localmap"):
        ws.space.map(method="mds")
    with pytest.raises(QueryError, match="nothing to put on a map"):
        ws.space.map(where="n > 1000")
