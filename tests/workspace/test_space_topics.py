"""Topics and clusters of a workspace: found, changed, kept, and given to later documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es

THEMES = {
    "air": ["wings", "lift", "drag", "flow", "airfoil", "pressure", "pilot", "engine"],
    "sky": ["moon", "star", "comet", "orbit", "planet", "telescope", "galaxy", "night"],
    "farm": ["cow", "horse", "meadow", "hay", "barn", "milk", "plough", "farmer"],
}


def documents(start: int, count: int) -> list[es.Document]:
    """Return documents, each of words of one theme; farms are half as many, and old."""
    draw, made = np.random.default_rng(start), []
    for n in range(start, start + count):
        theme = ("air", "sky", "farm", "air", "sky")[n % 5]
        text = " ".join(draw.choice(THEMES[theme], 25))
        year = 1900 if theme == "farm" else 2000
        made.append(es.Document(f"d{n}", text, {"theme": theme, "year": year}))
    return made


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("topics") / "s.es"
    with es.create(path) as ws:
        ws.add(documents(0, 100))
        ws.train("ppmi", min_count=1, vector_size=10, workers=1, language="english")
    return path


@pytest.fixture
def ws(path: Path) -> Iterator[es.Workspace]:
    with es.open(path) as opened:
        yield opened


def themes(topics: es.workspace.Topics) -> list[set[str]]:
    """Return the themes that the words of each topic are of."""
    of = {word: theme for theme, words in THEMES.items() for word in words}
    return [{of[each.word] for each in topic.words} for topic in topics]


def test_topics_have_words_documents_and_members(ws: es.Workspace) -> None:
    found = ws.space.topics(3, topn=5)
    assert sorted(map(sorted, themes(found))) == [["air"], ["farm"], ["sky"]]
    assert [topic.size for topic in found] == [40, 40, 20]
    assert [each.id for each in found.assignments] == list(ws.documents)
    of = {next(iter(one)): number for number, one in enumerate(themes(found))}
    for each in found.assignments:
        assert each.topic == of[ws.documents[each.id].metadata["theme"]]
        assert each.membership > 0.9
    for topic in found:
        assert {ws.documents[each.id].metadata["theme"] for each in topic.documents} == (
            themes(found)[topic.number]
        )
    assert found.diversity == 1


def test_words_are_spelled_as_they_mostly_are(ws: es.Workspace) -> None:
    words = {each.word for topic in ws.space.topics(3) for each in topic.words}
    assert "wings" in words
    assert words <= {word for own in THEMES.values() for word in own}


@pytest.mark.parametrize("method", ["plsa", "nmf", "lda"])
def test_other_methods_find_them_too(ws: es.Workspace, method: str) -> None:
    found = ws.space.topics(3, method=method, topn=5, seed=3)
    assert sorted(map(sorted, themes(found))) == [["air"], ["farm"], ["sky"]]


def test_topics_over_a_field(ws: es.Workspace) -> None:
    found = ws.space.topics(3, over="year")
    assert found.values == [1900, 2000]
    np.testing.assert_allclose(found.shares, [[0, 0, 1], [0.5, 0.5, 0]])
    merged = found.merge([[0, 1]])
    np.testing.assert_allclose(merged.shares, [[0, 1], [1, 0]])
    with pytest.raises(es.QueryError, match="no document has the field 'yeer'"):
        ws.space.topics(3, over="yeer")


def test_topics_are_merged_reduced_and_split(ws: es.Workspace) -> None:
    found = ws.space.topics(3)
    merged = found.merge([[0, 1]])
    assert [topic.size for topic in merged] == [80, 20]
    assert len(found.reduce(2)) == 2
    assert sorted(topic.size for topic in merged.split(0)) == [20, 40, 40]


def test_kept_topics_take_later_documents(tmp_path: Path) -> None:
    with es.create(tmp_path / "s.es") as ws:
        ws.add(documents(0, 100))
        ws.train("ppmi", min_count=1, vector_size=10, workers=1, language="english")
        before = ws.space.topics(3)
        before.keep()
        ws.add(documents(100, 10))
    with es.open(tmp_path / "s.es") as ws:
        after = ws.space.kept_topics()
        assert [each.id for each in after.assignments] == list(ws.documents)
        old = {each.id: each.topic for each in before.assignments}
        for each in after.assignments:
            assert old.get(each.id, each.topic) == each.topic
        theme = {topic.number: one for topic, one in zip(after, themes(after), strict=True)}
        later = [each for each in after.assignments if each.id not in old]
        assert len(later) == 10
        for each in later:
            assert theme[each.topic] == {ws.documents[each.id].metadata["theme"]}


def test_without_kept_topics_the_command_is_named(ws: es.Workspace) -> None:
    with pytest.raises(es.WorkspaceError, match="embedsearch topics --keep"):
        ws.space.kept_topics()


def test_topics_of_a_selection(ws: es.Workspace) -> None:
    found = ws.space.topics(2, where="year = 2000")
    assert [topic.size for topic in found] == [40, 40]
    with pytest.raises(es.QueryError, match="not of a selection"):
        found.keep()
    with pytest.raises(es.QueryError, match="no points"):
        ws.space.topics(2, where="year = 1")


@pytest.mark.parametrize("method", ["kmeans", "ward"])
@pytest.mark.parametrize("of", ["documents", "words"])
def test_clusters_of_documents_and_words(ws: es.Workspace, of: str, method: str) -> None:
    found = ws.space.clusters(3, of=of, method=method, topn=5)
    assert len(found) == 3
    assert all(len(one) == 1 for one in themes(found))
    assert sum(topic.size for topic in found) == len(found.assignments)
    with pytest.raises(es.QueryError, match="ask for topics"):
        found.merge([[0, 1]])


def test_clusters_of_vectors_have_members_and_no_words(tmp_path: Path) -> None:
    X = np.repeat(np.eye(3), 10, axis=0) + 0.01
    with es.create(tmp_path / "v.es") as ws:
        ws.add_vectors(X, [es.Document(f"v{n}", "") for n in range(30)])
        found = ws.space.clusters(3, of="vectors")
        assert [(topic.size, topic.words) for topic in found] == [(10, [])] * 3


def test_the_number_is_chosen_if_none_is_given(ws: es.Workspace) -> None:
    assert len(ws.space.topics()) == 3
