"""Vectors of the user's own: `Workspace.add_vectors` and `Workspace.vectors`."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import embedsearch as es

Matrix = NDArray[np.float32]
N, D = 300, 12


@pytest.fixture(scope="module", name="X")
def vectors() -> Matrix:
    return np.random.default_rng(7).normal(size=(N, D)).astype(np.float32)


def documents(n: int = N, first: int = 0) -> list[es.Document]:
    return [
        es.Document(f"d{i}", f"text {i}", {"part": i % 3, "big": i >= 150}, f"title {i}")
        for i in range(first, first + n)
    ]


def best(X: Matrix, q: Matrix, k: int, allowed: list[int] | None = None) -> list[int]:
    """The rows nearest by the cosine, worked out by NumPy alone."""
    X, q = X.astype(np.float64), q.astype(np.float64)
    scores = X @ q / np.linalg.norm(X, axis=1) / np.linalg.norm(q)
    rows = range(len(X)) if allowed is None else allowed
    return sorted(rows, key=lambda row: -scores[row])[:k]


@pytest.fixture
def filled(tmp_path: Path, X: Matrix) -> Path:
    path = tmp_path / "vectors.es"
    with es.create(path) as ws:
        assert ws.add_vectors(X, documents()) == N
    return path


def test_the_nearest_are_those_that_numpy_finds(filled: Path, X: Matrix) -> None:
    q = np.linspace(-1, 1, D)
    with es.open(filled) as ws:
        hits = ws.vectors.search(q, 5)
        assert [hit.id for hit in hits] == [f"d{row}" for row in best(X, q, 5)]
        top = ws.documents[hits[0].id]
        assert (hits[0].title, dict(hits[0].metadata)) == (top.title, dict(top.metadata))
        assert hits[0].snippet == top.text
        expected = X[best(X, q, 1)[0]] @ q / np.linalg.norm(X[best(X, q, 1)[0]])
        assert hits[0].score == pytest.approx(expected / np.linalg.norm(q), abs=1e-6)


def test_a_batch_gives_what_single_queries_give(filled: Path, X: Matrix) -> None:
    with es.open(filled) as ws:
        batch = ws.vectors.search_batch(X[:4], 3)
        assert batch == [ws.vectors.search(x, 3) for x in X[:4]]
        with pytest.raises(es.QueryError, match="expected one vector, got 4"):
            ws.vectors.search(X[:4])


def test_vectors_are_kept_as_they_were_given(filled: Path, X: Matrix) -> None:
    with es.open(filled) as ws:
        assert len(ws.vectors) == N
        assert list(ws.vectors) == [f"d{i}" for i in range(N)]
        assert "d5" in ws.vectors
        assert "e5" not in ws.vectors
        assert np.array_equal(ws.vectors.vector("d5"), X[5])
        assert repr(ws.vectors) == "VectorCollection(300 × 12, cosine)"
        assert "300 vectors × 12" in repr(ws)


@pytest.mark.parametrize("spec", ["auto", "hnsw", "ivf", "int8"])
def test_a_condition_is_met_by_all_and_leaves_out_none(
    tmp_path: Path, X: Matrix, spec: str
) -> None:
    with es.create(tmp_path / "v.es") as ws:
        ws.add_vectors(X, documents(), spec=spec)
        hits = ws.vectors.search(X[0], 200, where="part = 2")
        assert {hit.id for hit in hits} == {f"d{i}" for i in range(2, N, 3)}
        assert len(hits) == 100
        assert ws.vectors.search(X[0], where="part = 7") == []


def test_documents_are_like_others_but_not_among_them(filled: Path, X: Matrix) -> None:
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    with es.open(filled) as ws:
        hits = ws.vectors.most_similar("d3", topn=4)
        assert [hit.id for hit in hits] == [f"d{row}" for row in best(X, X[3], 5)[1:]]
        query = 0.75 * units[3] + 0.25 * units[4] - 0.5 * units[5]
        wanted = [row for row in best(X, query, 9) if row not in (3, 4, 5)][:4]
        hits = ws.vectors.most_similar([("d3", 3), "d4"], ["d5"], 4)
        assert [hit.id for hit in hits] == [f"d{row}" for row in wanted]
        hits = ws.vectors.most_similar("d3", topn=2, where="big = true")
        allowed = list(range(150, N))
        assert [hit.id for hit in hits] == [f"d{row}" for row in best(X, X[3], 2, allowed)]


def test_examples_that_cannot_be_used_are_refused(filled: Path, X: Matrix) -> None:
    with es.open(filled, "w") as ws:
        ws.add([es.Document("plain", "no vector")])
        ws.add_vectors(np.zeros((1, D)), ["null"], update=True)
        with pytest.raises(es.QueryError, match="'plain' has no vector"):
            ws.vectors.most_similar("plain")
        with pytest.raises(es.UnknownDocumentError):
            ws.vectors.most_similar("absent")
        with pytest.raises(es.QueryError, match="zeros"):
            ws.vectors.most_similar("null")
        with pytest.raises(es.QueryError, match="like and among"):
            ws.vectors.most_similar("d1", "d1")
        with pytest.raises(es.QueryError, match="at least one"):
            ws.vectors.most_similar([])
        with pytest.raises(es.ParameterError, match="vectors"):
            ws.vectors.most_similar(es.Document("x", "text"))  # type: ignore[arg-type]
        with pytest.raises(es.VectorError, match="12 dimensions"):
            ws.vectors.search(X[0, :5])


@pytest.mark.parametrize("metric", ["ip", "euclidean"])
def test_other_metrics_measure_as_numpy_does(tmp_path: Path, X: Matrix, metric: str) -> None:
    with es.create(tmp_path / "v.es") as ws:
        ws.add_vectors(X, metric=metric)
        hits = ws.vectors.search(X[9], 6)
        exact = X.astype(np.float64)
        scores = exact @ exact[9] if metric == "ip" else -np.linalg.norm(exact - exact[9], axis=1)
        order = np.argsort(-scores)[:6]
        assert [hit.id for hit in hits] == [str(row) for row in order]
        assert [hit.score for hit in hits] == pytest.approx(scores[order], abs=1e-5)


@pytest.mark.parametrize("spec", ["auto", "hnsw", "ivf"])
def test_more_are_added_and_known_ones_replaced(tmp_path: Path, X: Matrix, spec: str) -> None:
    with es.create(tmp_path / "v.es") as ws:
        ws.add_vectors(X[:200], documents(200), spec=spec)
        ws.delete(["d7"])
        arriving = np.concatenate([-X[[10]], X[200:]])
        rows = ["d10", *documents(100, 200)]
        assert ws.add_vectors(arriving, rows, update=True) == N - 1
        assert ws.documents["d10"].title == "title 10"
        assert np.array_equal(ws.vectors.vector("d10"), -X[10])
        assert ws.vectors.search(-X[10], 1)[0].id == "d10"
        assert ws.vectors.search(X[250], 1)[0].id == "d250"
        assert "d7" not in {hit.id for hit in ws.vectors.search(X[7], N)}
        assert len(ws.vectors.search(X[7], 1_000)) == N - 1
        assert ws.info().vectors["recall"] > 0.95  # type: ignore[index]
        assert [p.name for p in (ws.path / "vectors").iterdir()] == ["0002"]


def test_rows_without_ids_are_numbered_on(tmp_path: Path, X: Matrix) -> None:
    with es.create(tmp_path / "v.es") as ws:
        ws.add_vectors(X[:3])
        ws.delete(["2"])
        ws.add_vectors(X[3:5], update=True)
        assert list(ws.vectors) == ["0", "1", "3", "4"]
        assert np.array_equal(ws.vectors.vector("4"), X[4])


def test_deleted_documents_are_not_found_and_leave_when_indexed(filled: Path, X: Matrix) -> None:
    with es.open(filled, "w") as ws, es.open(filled) as reader:
        assert reader.vectors.search(X[3], 1)[0].id == "d3"
        ws.delete(["d3", "d4"])
        for seen in (ws, reader):
            assert "d3" not in {hit.id for hit in seen.vectors.search(X[3], N)}
            assert len(seen.vectors) == N - 2
        assert ws.index() == 2
        assert ws.index() == 0
        assert len(ws.vectors.index) == N - 2
        assert reader.vectors.search(X[5], 1)[0].id == "d5"


def test_a_deleted_document_that_is_added_again_has_no_vector(filled: Path) -> None:
    with es.open(filled, "w") as ws:
        ws.delete(["d3"])
        ws.add([es.Document("d3", "back")])
        assert "d3" not in ws.vectors


def test_vectors_may_join_documents_that_are_there(tmp_path: Path, X: Matrix) -> None:
    with es.create(tmp_path / "v.es") as ws:
        ws.add(documents(5))
        ws.add_vectors(X[:3], ["d4", "d2", "new"])
        assert ws.documents["d4"].text == "text 4"
        assert ws.documents["new"].text == ""
        assert np.array_equal(ws.vectors.vector("d4"), X[0])
        assert np.array_equal(ws.vectors.vector("d2"), X[1])
        assert ws.vectors.search(X[0], 1)[0].id == "d4"
        assert "d0" not in ws.vectors


def test_the_index_can_be_made_anew(filled: Path, X: Matrix) -> None:
    with es.open(filled, "w") as ws:
        before = [hit.id for hit in ws.vectors.search(X[1], 3)]
        ws.index(spec="hnsw")
        facts = ws.info().vectors
        assert facts is not None
        assert facts["spec"].startswith("HNSW")
        assert facts["recall"] > 0.95
        assert [hit.id for hit in ws.vectors.search(X[1], 3)] == before
        ws.add_vectors(X[:1], ["again"], update=True)
        assert ws.info().vectors["spec"].startswith("HNSW")  # type: ignore[index]


def test_other_settings_have_to_fit(filled: Path, X: Matrix) -> None:
    with es.open(filled, "w") as ws:
        with pytest.raises(es.WorkspaceExistsError, match="--update"):
            ws.add_vectors(X)
        with pytest.raises(es.ParameterError, match="'cosine' as before"):
            ws.add_vectors(X, update=True, metric="ip")
        with pytest.raises(es.VectorError, match=r"have 5 dimensions, those .* have 12"):
            ws.add_vectors(X[:, :5], update=True)
        with pytest.raises(es.ParameterError, match="recall"):
            ws.index(recall=2)
        with pytest.raises(es.ParameterError, match="spec"):
            ws.index(spec="HNSW3x,nonsense")
        assert len(ws.vectors) == N


def test_what_cannot_be_used_changes_nothing(tmp_path: Path, X: Matrix) -> None:
    bad = X.copy()
    bad[123, 4] = np.nan
    with es.create(tmp_path / "v.es") as ws:
        for vectors, rows, error, told in [
            (bad, documents(), es.VectorError, "row 123 .* NaN"),
            (X, documents(N - 1), es.InputError, "rows has 299 rows, X 300 vectors"),
            (X, documents(N + 2), es.InputError, "rows has 302 rows, X 300 vectors"),
            (X, ["a"] * N, es.DuplicateIdError, "'a' .row 0 and row 1."),
            (X, 5, es.ParameterError, "rows must be"),
            (X, [None] * N, es.ParameterError, "row 0"),
            (X, [""] * N, es.InputError, "id"),
            (X[:0], None, es.VectorError, "no vectors"),
            (np.array(["a"]), None, es.VectorError, "real numbers"),
        ]:
            with pytest.raises(error, match=told):
                ws.add_vectors(vectors, rows)  # type: ignore[arg-type]
        assert len(ws.documents) == 0
        assert sorted(p.name for p in ws.path.iterdir() if p.is_dir()) in ([], ["tmp"])
        with pytest.raises(es.NotTrainedError, match="import --vectors"):
            _ = ws.vectors
        ws.add_vectors(X, documents())
        assert len(ws.vectors) == N


def test_a_damaged_index_is_noticed(filled: Path, X: Matrix) -> None:
    file = filled / "vectors" / "0001" / "vectors.faiss"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)
    with es.open(filled) as ws, pytest.raises(es.WorkspaceDamagedError, match=r"vectors\.faiss"):
        ws.vectors.search(X[0])
    file.write_bytes(content[:100])
    with pytest.raises(es.WorkspaceDamagedError, match="has 100 bytes"):
        es.open(filled)


def test_an_index_of_another_state_is_refused(filled: Path, X: Matrix) -> None:
    file = filled / "vectors" / "0001" / "vectors.faiss"
    other = es.VectorIndex.build(X[::-1].copy(), spec="flat", ids=np.arange(1, N + 1))
    size = file.stat().st_size
    other.save(file)
    assert file.stat().st_size == size
    with es.open(filled) as ws, pytest.raises(es.WorkspaceDamagedError, match="expected"):
        ws.vectors.search(X[0])


def test_vectors_that_are_missing_are_named(filled: Path) -> None:
    (filled / "vectors" / "0001" / "manifest.json").unlink()
    with pytest.raises(es.WorkspaceDamagedError, match="import the vectors again"):
        es.open(filled)


def test_a_text_model_and_vectors_live_side_by_side(tmp_path: Path) -> None:
    words = ("cow horse sheep", "star planet moon")
    texts = [f"the {words[i % 2]} and the {words[i % 2]}" for i in range(40)]
    with es.create(tmp_path / "v.es") as ws:
        ws.add(es.Document(str(i), text) for i, text in enumerate(texts))
        ws.add_vectors(np.eye(40, 8) + 0.1)
        assert ws.goes_by_vectors
        ws.train(min_count=1, vector_size=8, epochs=1)
        assert not ws.goes_by_vectors
        assert len(ws.vectors) == 40
        ws.index(spec="hnsw")
        assert set(ws.indexes()) == {"words", "vectors"}
        assert ws.search("cow", 1)[0].snippet
        ws.replace_all([es.Document("a", " ".join(texts))], min_count=1, epochs=1)
        with pytest.raises(es.NotTrainedError):
            _ = ws.vectors
        assert not list((ws.path / "vectors").iterdir())


def test_threads_may_ask_at_the_same_time(filled: Path, X: Matrix) -> None:
    with es.open(filled) as ws:
        alone = [ws.vectors.search(x, 5, "part < 2") for x in X[:64]]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda x: ws.vectors.search(x, 5, "part < 2"), X[:64]))
    assert together == alone


def test_files_of_the_state_are_what_the_format_says(filled: Path, X: Matrix) -> None:
    folder = filled / "vectors" / "0001"
    assert sorted(p.name for p in folder.iterdir()) == [
        "manifest.json",
        "vectors.faiss",
        "vectors.safetensors",
    ]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {name: manifest[name] for name in ("metric", "count", "dimension", "change")} == {
        "metric": "cosine",
        "count": N,
        "dimension": D,
        "change": N,
    }
    assert json.loads((filled / "workspace.json").read_text())["vectors"] == 1
    content = (folder / "vectors.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    begin, end = json.loads(content[8 : 8 + length])["vectors"]["data_offsets"]
    stored = np.frombuffer(content[8 + length + begin : 8 + length + end], "<f4")
    assert np.array_equal(stored.reshape(N, D), X)
