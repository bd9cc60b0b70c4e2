"""Long documents in a workspace: found, explained and kept by their passages."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch._io import with_checksum
from embedsearch.vectors.tensors import open_tensors, save_tensors

FARM = ["barn", "hay", "milk", "meadow", "goat", "sheep", "farmer", "wool", "fence"]
SKY = ["telescope", "orbit", "comet", "night", "planet", "star", "moon", "eclipse", "nebula"]
ROAD = ["car", "wheel", "brake", "driver", "engine", "truck", "bridge", "lane", "petrol"]
SEA = ["ship", "harbour", "wave", "sailor", "anchor", "tide", "gull", "reef", "deck"]


NAMES = ("farm", "sky", "road", "sea")


def text_about(words: list[str], length: int, seed: int) -> str:
    choose = random.Random(seed)  # noqa: S311 - sentences, not secrets
    return " ".join(choose.choice(words) for _ in range(length))


def documents() -> list[es.Document]:
    short = [
        es.Document(f"{name}-{i}", text_about(words, 40, 50 * place + i))
        for place, (name, words) in enumerate(zip(NAMES, (FARM, SKY, ROAD, SEA), strict=True))
        for i in range(12)
    ]
    # A page on the sky in a book on farms.
    book = " ".join([text_about(FARM, 1200, 1), text_about(SKY, 100, 2), text_about(FARM, 1200, 3)])
    return [*short, es.Document("book", book), es.Document("farms", text_about(FARM, 2500, 4))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.es"
    with es.create(path) as ws:
        ws.add(documents())
        ws.train("ppmi", vector_size=8, min_count=1)
    return path


def order(ws: es.Workspace, query: str) -> list[str]:
    return [hit.id for hit in ws.search(query, topn=60, mode="latent")]


def test_a_page_within_a_long_document_is_found_by_meaning(made: Path) -> None:
    with es.open(made) as ws:
        found = order(ws, "nebula")
        assert "book" in found[:13]
        assert "farms" not in found[:13]
        book = next(
            hit
            for hit in ws.search("nebula", topn=60, mode="latent", explain=True)
            if hit.id == "book"
        )
        assert book.explanation is not None
        parts = sum(part.contribution for part in book.explanation.parts)
        assert parts + book.explanation.rest == pytest.approx(book.score, abs=1e-5)
        assert abs(book.explanation.rest) < 0.05


def test_documents_that_come_later_have_passages_too(made: Path, tmp_path: Path) -> None:
    with es.create(tmp_path / "later.es") as ws:
        ws.add(document for document in documents() if document.id != "book")
        ws.train("ppmi", vector_size=8, min_count=1)
        ws.add(document for document in documents() if document.id == "book")
        assert "book" in order(ws, "nebula")[:13]
        scores = {hit.id: hit.score for hit in ws.search("nebula", topn=60, mode="latent")}
        ws.index()
        again = {hit.id: hit.score for hit in ws.search("nebula", topn=60, mode="latent")}
        assert again == pytest.approx(scores, abs=1e-5)
        ws.delete(["book"])
        assert "book" not in order(ws, "nebula")


def generation(path: Path) -> Path:
    (found,) = (path / "generations").iterdir()
    return found


def rewrite(path: Path, **changed: np.ndarray | None) -> None:
    """Change what is in the file of document vectors, and what the manifest says of it."""
    file = generation(path) / "documents.safetensors"
    tensors = {name: np.array(array) for name, array in open_tensors(file).items()}
    kept = {name: array for name, array in {**tensors, **changed}.items() if array is not None}
    file.unlink()
    save_tensors(file, kept, {})
    manifest = generation(path) / "manifest.json"
    said = json.loads(manifest.read_text())
    said["files"]["documents.safetensors"]["size"] = file.stat().st_size
    manifest.write_text(json.dumps(with_checksum(said)))


def test_a_workspace_from_before_there_were_passages_opens(tmp_path: Path) -> None:
    path = tmp_path / "old.es"
    with es.create(path) as ws:
        ws.add(document for document in documents() if len(document.text) < 1000)
        ws.train("ppmi", vector_size=8, min_count=1)
        before = order(ws, "nebula")
    rewrite(path, owners=None)
    with es.open(path, mode="w") as ws:
        assert order(ws, "nebula") == before
        ws.add(document for document in documents() if document.id == "book")
        assert "book" in order(ws, "nebula")[:13]


def test_passages_that_belong_to_no_document_are_told_of(tmp_path: Path) -> None:
    path = tmp_path / "damaged.es"
    with es.create(path) as ws:
        ws.add(documents())
        ws.train("ppmi", vector_size=8, min_count=1)
    rewrite(path, owners=np.arange(len(documents()) + 1))
    with es.open(path) as ws, pytest.raises(es.WorkspaceDamagedError, match="passages"):
        ws.search("nebula")
