"""Collections that are tiny, or searched before anything was learned from them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import embedsearch as es
from embedsearch.text.corpora.planted import PlantedCorpus

MODES = ("auto", "lexical", "latent", "hybrid", "rrf")


@pytest.fixture
def vectors() -> es.WordVectors:
    words = ["red", "blue", "green", "car", "bus", "sky", "北京", "大学", "学生"]
    random = np.random.default_rng(0).standard_normal((len(words), 6))
    return es.WordVectors(random.astype(np.float32), words)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["red car"],
        ["red car", "blue bus"],
        ["red car", "", "blue sky", "  ", "green bus"],
        ["red car under a blue sky"] * 12,
        ["red"] * 5,
        ["red", "red red", "red red red"],
        ["the of and", "the"],
        ["北京大学", "大学学生", "red car", "北京学生"],
        ["."],
    ],
    ids=repr,
)
@pytest.mark.parametrize("indexed", [True, False])
def test_tiny_collections_are_searched_in_every_mode(
    tmp_path: Path, vectors: es.WordVectors, texts: list[str], indexed: bool
) -> None:
    with es.import_vectors(vectors, tmp_path / "tiny.es") as ws:
        ws.add(es.Document(str(n), text) for n, text in enumerate(texts))
        if indexed:
            ws.index(refit=True)
        for mode in MODES:
            for text in ("red car", "大学", "bus -red", "+red sky", '"red car"'):
                check_tiny(ws, texts, text, mode)


def check_tiny(ws: es.Workspace, texts: list[str], text: str, mode: str) -> None:
    for topn in (1, 3, 100):
        try:
            hits = ws.search(text, topn, mode)
        except es.UnknownWordError:
            # Pairs of letters of 大学 are words only where the vectors or a document has them.
            assert mode == "lexical"
            return
        found = [hit.id for hit in hits]
        assert len(found) == len(set(found)) <= min(topn, len(texts))
        assert all(hit.score == hit.score and abs(hit.score) < 1e4 for hit in hits)
        if text == "red car" and mode != "lexical" and any("red" in t for t in texts):
            assert len(found) == min(topn, len(texts))
        if text == "bus -red":
            assert not any("red" in texts[int(id)] for id in found)
        if text == "+red sky":
            assert all("red" in texts[int(id)] for id in found)


def test_imported_vectors_find_documents_by_meaning_before_anything_is_learned(
    tmp_path: Path, planted: Path
) -> None:
    with es.open(planted) as source:
        vectors = source.model().vectors
        with es.import_vectors(vectors, tmp_path / "imported.es") as ws:
            ws.add(islice(source.documents.values(), 200))
            queries, right = PlantedCorpus().queries(), 0
            for text, topic in queries:
                found = [hit.id for hit in ws.search(text, 3, "latent")]
                right += sum(ws.documents[id].metadata["topic"] == topic for id in found)
            assert right > 0.9 * 3 * len(queries)


@pytest.mark.parametrize("tokenizer", [{"stem": "english"}, {"stem": "porter"}])
def test_stems_are_taken_once_for_documents_and_queries(
    tmp_path: Path, tokenizer: dict[str, str]
) -> None:
    # Words whose stem has another stem of its own.
    words = "generalizations conditionally communistic nationalities abilities adhesions"
    texts = [f"{word} stand beside the {word} and {other}." for word, other in pairs(words)]
    with es.create(tmp_path / "stems.es") as ws:
        ws.add(es.Document(str(n), text * 3) for n, text in enumerate(texts))
        ws.train("ppmi", vector_size=4, min_count=1, workers=1, language="english", **tokenizer)
        search = ws._session.search()
        known = search.model.space.terms.columns
        for text in texts:
            assert set(search.model.analyzer.words(text)) <= set(known)


def pairs(words: str) -> Iterator[tuple[str, str]]:
    each = words.split()
    return zip(each, each[1:] + each[:1])
