"""Documents, words and vectors that do not belong to the others of a workspace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch.vectors.arrays import unit_rows
from tests.workspace.test_space import documents

STRANGER = "zither dulcimer wing accordion fiddle moon"
OTHERS = {
    "stranger": STRANGER,
    "again": STRANGER,
    "empty": "",
    "one": "moon",
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("outliers") / "o.es"
    with es.create(path) as ws:
        ws.add(documents())
        ws.add(es.Document(id, text, {"n": 1_000}) for id, text in OTHERS.items())
        ws.train("ppmi", min_count=1, vector_size=10, workers=1, language="english")
    return path


@pytest.fixture
def ws(path: Path) -> Iterator[es.Workspace]:
    with es.open(path) as opened:
        yield opened


def test_a_stranger_is_found_with_its_copy_and_its_own_words(ws: es.Workspace) -> None:
    found = ws.space.outliers(topn=2)
    assert {each.id for each in found} == {"stranger", "again"}
    first = found[0]
    assert {each.word for each in first.words[:2]} <= {"zither", "dulcimer", "accordion", "fiddle"}
    assert (first.title, first.p_value) == (STRANGER, pytest.approx(2 / 93))
    assert found.compared == 93
    assert found.empty == ["empty"]
    assert (found.reference, found.chosen, found.unseen) == (None, None, 0)
    assert found[0].score >= found[1].score > ws.space.outliers(topn=3)[2].score
    assert any("ranks" in note for note in found.notes)
    assert any("left out: 1 (empty)" in note for note in found.notes)


def test_words_are_those_that_neighbours_have_least_of(ws: es.Workspace) -> None:
    counts = ws.space.term_counts().counts
    points = ws.space.points()
    P = ws.space.readout(points.encoder).weights(np.eye(points.vectors.shape[1], dtype="f")).T
    n, lengths = len(points), np.asarray(counts.sum(axis=1)).ravel()
    df = np.asarray((counts > 0).sum(axis=0)).ravel()
    idf = np.log1p((n - df + 0.5) / (df + 0.5))
    counts = counts.toarray()
    norms = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())[:, np.newaxis]
    U = unit_rows(idf * counts * 2.2 / (counts + norms))
    X = U @ P
    for each in ws.space.outliers(topn=93):
        row = points.row(each.id)
        assert each.explained == pytest.approx(np.square(X[row]).sum(), abs=0.01)
        products = X @ X[row]
        products[[row, *np.flatnonzero(points.vectors @ points.vectors[row] > 0.99)]] = -1
        near = np.argsort(-products, kind="stable")[:30]
        rest = np.where(U[row] > 0, U[row] - X[near].mean(axis=0) @ P.T, 0)
        assert each.words[0].weight == pytest.approx(rest.max(), abs=0.02)
        document = ws.documents[each.id]
        assert each.words[0].word in f"{document.title} {document.text}".casefold()


def test_documents_are_compared_with_a_reference(ws: es.Workspace) -> None:
    found = ws.space.outliers(reference="n < 60", topn=40)
    assert (found.compared, found.reference) == (33, 60)
    assert {found[0].id, found[1].id} == {"stranger", "again"}
    assert found[0].p_value == pytest.approx(1 / 61)
    chosen = ws.space.outliers(reference="n < 60", alpha=0.3)
    assert chosen.chosen == len(chosen)
    assert {"stranger", "again"} <= {each.id for each in chosen}
    assert all(each.p_value < 0.3 for each in chosen)
    only = ws.space.outliers(where="n < 80", reference="n < 60", topn=40)
    assert {each.id for each in only} == {f"d{n}" for n in range(60, 80)}
    assert ws.space.outliers(where="n < 50", reference="n < 60").outliers == []


@pytest.mark.parametrize("method", ["lof", "forest", "reconstruction"])
def test_each_method_answers_for_documents_and_words(ws: es.Workspace, method: str) -> None:
    for of, count in (("documents", 93), ("words", len(ws.space.points("words")))):
        found = ws.space.outliers(of, method=method, topn=3)
        assert (found.of, found.method, found.compared) == (of, method, count)
        scores = [each.score for each in found]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("method", ["auto", "lof", "forest", "reconstruction"])
def test_a_vector_far_from_the_others_is_found(tmp_path: Path, method: str, metric: str) -> None:
    X = np.random.default_rng(0).standard_normal((80, 5)) * [1, 1, 1, 0.1, 0.1] + [4, 0, 0, 0, 0]
    X[3] = [-2, 0, 0, 5, -5]
    with es.create(tmp_path / "v.es") as ws:
        ws.add_vectors(X, [es.Document(f"v{n}", "", {"n": n}) for n in range(80)], metric=metric)
        found = ws.space.outliers("vectors", method=method, topn=1)
        assert (found[0].id, found.encoder, found.compared) == ("v3", "vectors", 80)
        found = ws.space.outliers("vectors", method=method, reference="n > 9", alpha=0.2)
        assert found[0].id == "v3"


def test_words_are_outliers_without_words_of_their_own(ws: es.Workspace) -> None:
    words = ws.space.outliers("words", topn=100)
    assert {each.id for each in words} == set(ws.space.points("words").names)
    assert all(each.words == [] and each.explained is None for each in words)
    assert len(words[0].nearest) == 3


def test_documents_that_the_space_has_not_seen_are_said(path: Path, tmp_path: Path) -> None:
    with es.open(path) as ws:
        ws.backup(tmp_path / "b.tar")
    with es.restore(tmp_path / "b.tar", tmp_path / "later.es") as ws:
        ws.add([es.Document("late", "a hurdy-gurdy by moonlight and a moon and a star")])
        found = ws.space.outliers(topn=1)
        assert found.unseen == 1
        assert any("train first" in note for note in found.notes)


def test_the_odd_one_out(ws: es.Workspace) -> None:
    assert ws.space.odd_one_out(["cow", "moon", "hay", "barn"]) == "moon"
    assert ws.space.odd_one_out(["d0", "d3", "d6", "d1"]) == "d1"
    assert ws.space.odd_one_out(["wing", "lift", "cow"], encoder="words") == "cow"
    points = ws.space.points(encoder=ws.space.usual_encoder)
    ids = [f"d{n}" for n in (0, 1, 3, 4, 6, 7, 11)]
    X = np.stack([points[id] for id in ids])
    mean = [np.mean([a @ b for j, b in enumerate(X) if j != i]) for i, a in enumerate(X)]
    assert ws.space.odd_one_out(ids) == ids[int(np.argmin(mean))]


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda s: s.outliers("topics"), es.ParameterError, "of must be one of"),
        (lambda s: s.outliers(method="knn"), es.ParameterError, "method must be one of"),
        (lambda s: s.outliers(alpha=0.1), es.ParameterError, "without a reference"),
        (lambda s: s.outliers(alpha=2, reference="n < 9"), es.ParameterError, "alpha"),
        (lambda s: s.outliers("words", where="n > 3"), es.ParameterError, "no metadata"),
        (lambda s: s.outliers(where="n = 5"), es.QueryError, "there are 1 documents"),
        (lambda s: s.outliers(reference="n = 5"), es.QueryError, "the reference has 1"),
        (lambda s: s.outliers(reference="n > 5000"), es.QueryError, "nothing meets"),
        (lambda s: s.odd_one_out(["cow", "hay"]), es.QueryError, "three or more"),
        (lambda s: s.odd_one_out(["cow", "hay", "qqq"]), es.UnknownWordError, "qqq"),
        (lambda s: s.odd_one_out(["d0", "d1", "qqq"]), es.QueryError, "no word of 'qqq'"),
    ],
)
def test_what_has_no_outliers_is_named(
    ws: es.Workspace, ask, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        ask(ws.space)


def test_identical_documents_have_no_outliers(tmp_path: Path) -> None:
    with es.create(tmp_path / "i.es") as ws:
        ws.add(es.Document(f"d{n}", "cow hay barn milk") for n in range(12))
        ws.train("ppmi", min_count=1, vector_size=4, workers=1)
        found = ws.space.outliers()
        assert [each.p_value for each in found] == [1.0] * 10
