"""Doc2Vec as an encoder of search: fitted to the documents, stored, and taken away again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embedsearch as es
from embedsearch._io import with_checksum
from embedsearch.text.corpora.planted import PlantedCorpus
from embedsearch.vectors.tensors import open_tensors, save_tensors

SETTINGS: dict[str, Any] = {"vector_size": 16, "epochs": 2, "workers": 1}
SPEC = "doc2vec:24"


@pytest.fixture(scope="module")
def documents() -> list[es.Document]:
    return [es.Document(d.id, d.text, d.metadata) for d in PlantedCorpus(documents=240)]


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory, documents: list[es.Document]) -> Path:
    """A workspace whose search uses it."""
    folder = tmp_path_factory.mktemp("workspaces")
    source = folder / "texts.txt"
    source.write_text("\n".join(document.text for document in documents))
    es.build(source, folder / "fused.es", split="line", encoders=SPEC, **SETTINGS).close()
    return folder / "fused.es"


@pytest.fixture
def copy(fused: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fused, tmp_path / "copy.es"))


def columns(ws: es.Workspace, spec: str = SPEC) -> slice:
    model = ws._document_search().model
    return next(block.columns for block in model.space.blocks if block.name == spec)


def test_it_is_fitted_weighed_and_told_of(fused: Path, documents: list[es.Document]) -> None:
    topics = {document.text: document.metadata["topic"] for document in documents}
    with es.open(fused) as ws:
        info = ws.info()
        assert (info.encoders, info.missing_encoders) == ([SPEC], [])
        assert SPEC in info.weights
        X = ws._document_search().hybrid().latent.X.base[:, columns(ws)]
        np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-5)
        # By it alone; there are ten topics.
        about = np.array([topics[document.text] for document in ws.documents.values()])
        near = X @ X.T - 2 * np.eye(len(X))
        assert (about[near.argmax(axis=1)] == about).mean() > 0.25
        for query, topic in PlantedCorpus(documents=240).queries():
            for mode in ("auto", "latent", "hybrid"):
                found = [topics[ws.documents[hit.id].text] for hit in ws.search(query, 5, mode)]
                assert found.count(topic) >= 4


def test_what_is_stored_is_what_it_gives_when_it_is_opened_again(fused: Path) -> None:
    with es.open(fused) as ws:
        search = ws._document_search()
        (encoder,) = search.model.space.external
        texts = [document.text for document in ws.documents.values()]
        stored = search.hybrid().latent.X.base[:, columns(ws)]
        assert np.array_equal(encoder.encode_documents(texts), stored)
        query = encoder.encode_queries(["paris france"])
    script = (
        "import sys, embedsearch as es\n"
        "with es.open(sys.argv[1]) as ws:\n"
        "    (encoder,) = ws._document_search().model.space.external\n"
        "    sys.stdout.write(encoder.encode_queries(['paris france']).tobytes().hex())\n"
    )
    command = [sys.executable, "-c", script, str(fused)]
    other = subprocess.run(command, capture_output=True, text=True, check=True)
    assert other.stdout == query.tobytes().hex()


def test_later_documents_get_the_same_vectors(copy: Path) -> None:
    with es.open(copy, "w") as ws:
        first = next(iter(ws.documents))
        ws.add([es.Document("twin", ws.documents[first].text)])
        for _ in range(2):
            latent = ws._document_search().hybrid().latent
            X = latent.X.take(np.array([0, len(latent) - 1]))[:, columns(ws)]
            assert np.array_equal(X[1], X[0])
            hit = ws.documents.most_similar(first, topn=1)[0]
            assert (hit.id, hit.score) == ("twin", pytest.approx(1, abs=1e-4))
            ws.index()
        assert ws.info().behind == 0


def test_it_is_learned_anew_with_the_rest(copy: Path) -> None:
    with es.open(copy, "w") as ws:
        ws.add(es.Document(f"new-{n}", "quark gluon boson lepton " * 5) for n in range(20))
        (encoder,) = ws._document_search().model.space.external
        assert not encoder.encode_queries(["quark gluon"]).any()
        ws.index(refit=True)
        (encoder,) = ws._document_search().model.space.external
        assert encoder.encode_queries(["quark gluon"]).any()


def test_words_and_info_need_no_gensim(fused: Path) -> None:
    script = (
        "import sys, embedsearch as es\n"
        "with es.open(sys.argv[1]) as ws:\n"
        "    ws.info(); ws.search('paris', mode='lexical'); ws.words.most_similar('paris')\n"
        "    sys.stdout.write(str('gensim' in sys.modules))\n"
    )
    command = [sys.executable, "-c", script, str(fused)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout == "False"


@pytest.mark.parametrize("name", ["terms", "outputs", "counts", "settings"])
def test_a_damaged_file_is_told(copy: Path, name: str) -> None:
    (path,) = copy.glob("generations/*/search.safetensors")
    tensors = {key: array.copy() for key, array in open_tensors(path).items()}
    tensors[f"{SPEC}.{name}"] = tensors[f"{SPEC}.{name}"][:-1]
    save_tensors(path, tensors)
    (manifest,) = copy.glob("generations/*/manifest.json")
    facts = json.loads(manifest.read_text())
    facts["files"][path.name]["size"] = path.stat().st_size
    manifest.write_text(json.dumps(with_checksum(facts)))
    with es.open(copy) as ws, pytest.raises(es.WorkspaceDamagedError, match=r"search\.safetensors"):
        ws.search("paris france")


@pytest.mark.parametrize("texts", [[], ["red car"], ["red car", "blue bus"], ["the", "of the"]])
def test_too_few_documents_leave_it_out_until_there_are_more(
    tmp_path: Path, documents: list[es.Document], texts: list[str]
) -> None:
    vectors = es.WordVectors(np.eye(3, dtype=np.float32), ["red", "car", "bus"])
    with es.import_vectors(vectors, tmp_path / "tiny.es") as ws:
        ws.add(es.Document(str(n), text) for n, text in enumerate(texts))
        ws.index(encoders=["doc2vec"])
        info = ws.info()
        assert (info.encoders, info.missing_encoders) == (["doc2vec"], ["doc2vec"])
        assert list(info.evidence["left out"]) == ["doc2vec"]
        assert "doc2vec" not in info.weights
        for mode in ("auto", "latent", "hybrid"):
            assert len(ws.search("red car", mode=mode)) <= len(texts)
        ws.add(documents)
        ws.index()
        info = ws.info()
        assert (info.encoders, info.missing_encoders) == (["doc2vec"], [])
        assert "left out" not in info.evidence
        assert "doc2vec" in info.weights


@pytest.fixture
def few(tmp_path: Path) -> Iterator[es.Workspace]:
    """A handful of documents, searched with it."""
    with es.create(tmp_path / "few.es") as ws:
        ws.add(es.Document(str(n), "red car and blue bus " * (n + 1)) for n in range(5))
        ws.train(encoders=["doc2vec"], min_count=1, **SETTINGS)
        yield ws


def test_of_few_documents_it_is_fitted_but_weighs_nothing(few: es.Workspace) -> None:
    info = few.info()
    assert (info.encoders, info.missing_encoders) == (["doc2vec"], [])
    assert info.weights["doc2vec"] == 0
    assert len(few.search("red car")) == 5


def test_it_stays_when_words_are_trained_anew(few: es.Workspace) -> None:
    few.train(min_count=1, **SETTINGS)
    assert columns(few, "doc2vec").stop - columns(few, "doc2vec").start == 100


def test_it_can_be_changed_and_taken_away(few: es.Workspace) -> None:
    few.index(encoders=["doc2vec:7"])
    assert columns(few, "doc2vec:7").stop - columns(few, "doc2vec:7").start == 7
    few.index(encoders=[])
    info = few.info()
    assert (info.encoders, info.missing_encoders) == ([], [])
    assert set(info.weights) <= {"bm25", "lsa-100", "lsa-300", "words"}
    assert len(few.search("red car")) == 5
    path = max(Path(info.path).glob("generations/*/search.safetensors"))
    assert not [name for name in open_tensors(path) if name.startswith("doc2vec")]


@pytest.mark.parametrize("spec", ["doc2vec:", "doc2vec:0", "doc2vec:big"])
def test_a_size_that_cannot_be_is_refused_before_anything_is_read(
    tmp_path: Path, spec: str
) -> None:
    with pytest.raises(es.ParameterError, match="doc2vec:SIZE"):
        es.build(tmp_path / "not-there", tmp_path / "a.es", encoders=[spec])


def test_long_documents_are_encoded_by_their_passages(
    tmp_path: Path, documents: list[es.Document]
) -> None:
    long = [" ".join(d.text for d in documents[n : n + 12]) for n in range(0, 240, 8)]
    with es.create(tmp_path / "long.es") as ws:
        ws.add(es.Document(str(n), text) for n, text in enumerate(long))
        ws.train(encoders=[SPEC], **SETTINGS)
        search = ws._document_search().hybrid()
        assert len(search.latent.X) > len(long)
        assert search.latent.X.base[:, columns(ws)].any(axis=1).all()
        before = search.latent.X.base[0, columns(ws)]
        ws.add([es.Document("twin", long[0])])
        X = ws._document_search().hybrid().latent.X
        assert (before == X.base[:, columns(ws)]).all(axis=1).sum() == 1
        assert (before == X.tail[:, columns(ws)]).all(axis=1).sum() == 1
        assert ws.documents.most_similar("0", topn=1)[0].id == "twin"
