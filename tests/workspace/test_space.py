"""Points of a workspace, and what they say in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es

THEMES = {
    "air": ["wing", "lift", "drag", "flow", "airfoil", "pressure", "pilot", "engine"],
    "sky": ["moon", "star", "comet", "orbit", "planet", "telescope", "galaxy", "night"],
    "farm": ["cow", "horse", "meadow", "hay", "barn", "milk", "plough", "farmer"],
}


def documents(seed: int = 0) -> list[es.Document]:
    """Return 90 documents, each of words of one theme."""
    draw, made = np.random.default_rng(seed), []
    for n in range(90):
        theme = list(THEMES)[n % 3]
        text = " ".join(draw.choice(THEMES[theme], 25))
        title = theme.title() if n < 45 else ""
        made.append(es.Document(f"d{n}", text, {"theme": theme, "n": n}, title=title))
    return made


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("space") / "s.es"
    with es.create(path) as ws:
        ws.add(documents())
        ws.train("ppmi", min_count=1, vector_size=10, workers=1, language="english")
    return path


@pytest.fixture
def ws(path: Path) -> Iterator[es.Workspace]:
    with es.open(path) as opened:
        yield opened


def theme_of(words: list[str]) -> set[str]:
    return {theme for theme, own in THEMES.items() for word in words if word in own}


def test_documents_are_points_in_the_order_of_their_ids(ws: es.Workspace) -> None:
    points = ws.space.points()
    assert points.names == tuple(ws.documents)
    assert (points.encoder, set(points.kinds)) == ("lsa-100", {"document"})
    np.testing.assert_allclose(np.linalg.norm(points.vectors, axis=1), 1, atol=1e-4)
    assert points.titles[0] == "Air"
    assert points.titles[50].endswith("…")
    assert points.titles[50][:-1] in ws.documents["d50"].text
    few = ws.space.points(where="theme = 'sky'")
    assert few.names == tuple(f"d{n}" for n in range(1, 90, 3))
    np.testing.assert_array_equal(few.vectors, points.vectors[1::3])


def test_words_are_points_of_two_spaces(ws: es.Workspace) -> None:
    words = ws.space.points("words")
    assert (words.encoder, len(words)) == ("words", 27)
    np.testing.assert_array_equal(words["moon"], ws.words["moon"])
    assert ws.space.points("words", topn=3).names == words.names[:3]
    both = ws.space.points(["words", "documents"])
    assert set(both.kinds) == {"word", "document"}
    near = both.names[int(np.argmax(both.vectors[27:] @ both["cow"])) + 27]
    assert "cow" in ws.documents[near].text


def test_documents_in_the_space_of_the_words_are_those_of_the_documents(ws: es.Workspace) -> None:
    points = ws.space.points(encoder="words")
    np.testing.assert_array_equal(points.vectors, ws.documents.vectors)


def test_a_document_is_described_by_its_own_words(ws: es.Workspace) -> None:
    found = ws.space.describe("d1", topn=5)
    words = [each.word for each in found.words]
    assert found.what == "the document d1"
    assert found.method == "back-projection"
    assert set(words) <= {"sky", *ws.documents["d1"].text.split()}
    assert "d1" not in [each.id for each in found.documents]
    assert {ws.documents[each.id].metadata["theme"] for each in found.documents} == {"sky"}
    assert str(found) == ", ".join(words)


@pytest.mark.parametrize("encoder", ["lsa-100", "words"])
def test_words_texts_and_their_mean_are_described(ws: es.Workspace, encoder: str) -> None:
    for what in ("wing", "wings of a pilot", ["wing", "drag"], ["d0", "d3"]):
        found = ws.space.describe(what, topn=4, encoder=encoder)
        assert theme_of([each.word for each in found.words]) == {"air"}
        assert found.opposite == []


def test_a_direction_has_two_ends(ws: es.Workspace) -> None:
    found = ws.space.describe(["cow", "hay"], minus=["moon", "star"], topn=2)
    assert found.what == "from the word moon and the word star to the word cow and the word hay"
    assert theme_of([each.word for each in found.words]) == {"farm"}
    assert theme_of([each.word for each in found.opposite]) == {"sky"}
    assert {ws.documents[each.id].metadata["theme"] for each in found.opposite_documents} == {"sky"}


def test_a_selection_is_described_against_the_others(ws: es.Workspace) -> None:
    found = ws.space.describe(where="theme = 'farm'", topn=4)
    assert theme_of([each.word for each in found.words]) == {"farm"}
    assert theme_of([each.word for each in found.opposite]) <= {"air", "sky"}


def test_vectors_are_described_in_the_space_they_fit(ws: es.Workspace) -> None:
    points = ws.space.points("words")
    assert ws.space.describe(points["moon"], topn=1).words[0].word == "moon"
    assert ws.space.describe(ws.words["moon"], topn=1).encoder == "words"
    stars = ws.space.points(where="theme = 'sky'")
    found = ws.space.describe(stars, topn=4)
    assert (found.what, found.encoder) == ("30 points", "lsa-100")
    assert theme_of([each.word for each in found.words]) == {"sky"}
    again = ws.space.describe(stars.vectors, topn=4, encoder="lsa-100")
    assert again.words == found.words


def test_terms_are_spelled_as_words(ws: es.Workspace) -> None:
    counts, terms = ws.space.term_counts()
    assert counts.shape == (90, len(terms))
    column = terms.index("comet")
    assert counts[:, column].sum() == sum(d.text.split().count("comet") for d in documents())
    airs = ws.space.term_counts(where="theme = 'air'").counts
    np.testing.assert_array_equal(airs.toarray(), counts.toarray()[::3])
    # Of `galaxy` the stem is `galaxi`.
    assert ws.space.spelled(["galaxi", "moon", "unknown"]) == ["galaxy", "moon", "unknown"]


def test_later_documents_are_points_too(path: Path, tmp_path: Path) -> None:
    with es.restore(backup(path, tmp_path), tmp_path / "later.es") as ws:
        ws.add([es.Document("late", "milk and hay for the cow in the barn")])
        ws.delete(["d0"])
        points = ws.space.points()
        assert points.names[-1] == "late"
        assert "d0" not in points.names
        assert theme_of([each.word for each in ws.space.describe("late").words]) == {"farm"}


def backup(path: Path, folder: Path) -> Path:
    target = folder / "copy.tar"
    with es.open(path) as ws:
        ws.backup(target)
    return target


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda s: s.describe("nothing known here at all xyz"), es.QueryError, "no word of"),
        (lambda s: s.describe("x9", kind="document"), es.UnknownDocumentError, "x9"),
        (lambda s: s.describe("moo", kind="word"), es.UnknownWordError, "moon"),
        (lambda s: s.describe("cow", minus="cow"), es.QueryError, "same place"),
        (lambda s: s.describe(where="n >= 0"), es.QueryError, "all documents meet"),
        (lambda s: s.describe(where="n > 900"), es.QueryError, "no document meets"),
        (lambda s: s.describe(np.ones(7)), es.VectorError, "no encoder has 7 dimensions"),
        (lambda s: s.describe([float("nan")] * 10), es.VectorError, "NaN"),
        (lambda s: s.describe(np.ones(7), encoder="words"), es.VectorError, "10 dimensions"),
        (lambda s: s.describe(), es.ParameterError, "what must be given"),
        (lambda s: s.describe([]), es.InputError, "what"),
        (lambda s: s.describe("cow", encoder="bert"), es.ParameterError, "lsa-100"),
        (lambda s: s.points("topics"), es.ParameterError, "one of documents"),
        (lambda s: s.points("vectors"), es.NotTrainedError, "no vectors of its own"),
        (lambda s: s.points(["words", "vectors"]), es.QueryError, "space of their own"),
        (lambda s: s.points(3), es.ParameterError, "one of documents"),
    ],
)
def test_what_cannot_be_described_is_named(
    ws: es.Workspace, ask, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        ask(ws.space)


def test_a_workspace_of_words_alone_has_their_space(tmp_path: Path) -> None:
    with es.create(tmp_path / "w.es") as ws:
        ws.add(documents())
        ws.train("ppmi", min_count=1, vector_size=10, workers=1, search=False)
        assert ws.space.encoders == ["words"]
        assert theme_of([each.word for each in ws.space.describe("cow", topn=3).words]) == {"farm"}
        with pytest.raises(es.NotTrainedError, match="words alone"):
            ws.space.points()


def test_an_axis_between_words_places_documents(ws: es.Workspace) -> None:
    axis = ws.space.axis(["cow", "hay", "barn"], ["moon", "star", "orbit"], topn=4)
    assert theme_of([each.word for each in axis.words]) == {"farm"}
    assert theme_of([each.word for each in axis.opposite]) == {"sky"}
    themes = [ws.documents[each.id].metadata["theme"] for each in axis.documents]
    assert set(themes) == {"farm"}
    assert axis.model is not None
    places = axis.model.transform(ws.space.points(encoder=axis.encoder))[:, 0]
    mean = {theme: places[at::3].mean() for at, theme in enumerate(THEMES)}
    assert mean["sky"] < mean["air"] < mean["farm"]
    assert str(axis).count("↔") == 1


def test_an_axis_between_conditions_and_among_words(ws: es.Workspace) -> None:
    axis = ws.space.axis(
        positive_where="theme = 'air'", negative_where="theme = 'farm'", of="words", topn=4
    )
    assert theme_of([each.id for each in axis.documents]) == {"air"}
    assert theme_of([each.id for each in axis.opposite_documents]) == {"farm"}
    assert axis.p_value is not None
    assert axis.p_value < 0.05


@pytest.mark.parametrize("method", ["ica", "pca"])
def test_the_axes_of_the_documents_are_the_themes(ws: es.Workspace, method: str) -> None:
    found = ws.space.axes("documents", method=method, n_components=2, topn=4)
    for axis in found:
        assert len(theme_of([each.word for each in axis.words])) == 1
    assert len({str(axis) for axis in found}) == len(found)


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda s: s.axis(["cow"]), es.ParameterError, "negative must be given"),
        (lambda s: s.axis(["cow"], ["cow"]), es.QueryError, "same place"),
        (lambda s: s.axis(["cow"], ["xyzzy"]), es.QueryError, "no word of 'xyzzy'"),
        (lambda s: s.axis([], ["cow"]), es.QueryError, "a pole needs"),
        (lambda s: s.axis(["cow"], negative_where="n > 999"), es.QueryError, "no document meets"),
        (lambda s: s.axis(["cow"], ["hay"], negative_where="n > 1"), es.ParameterError, "negative"),
        (lambda s: s.axes("words", where="n > 1"), es.ParameterError, "words have no metadata"),
        (lambda s: s.axes(where=None, method="tsne"), es.ParameterError, "one of ica, pca"),
        (lambda s: s.axes("documents", where="n < 2"), es.QueryError, "at least three"),
    ],
)
def test_what_has_no_axis_is_named(
    ws: es.Workspace, ask, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        ask(ws.space)
