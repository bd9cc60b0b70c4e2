"""Document vectors that follow the record, held against encoding everything anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedsearch._types import Document
from embedsearch.index.candidate_index import CandidateIndex
from embedsearch.search.document_vectors import DocumentVectors
from embedsearch.search.encoding import TextEncoder, full_text
from embedsearch.search.passages import split
from embedsearch.store.documents import DocumentStore
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import TokenizerSettings
from embedsearch.vectors.sif import SifEncoder
from embedsearch.vectors.word_vectors import WordVectors


@pytest.fixture
def store(planted: Any, tmp_path: Path) -> Iterator[DocumentStore]:
    store = DocumentStore(tmp_path / "record.sqlite", writable=True)
    store.add(planted.documents.values())
    yield store
    store.close()


@pytest.fixture(scope="module")
def encoder(planted: Any) -> TextEncoder:
    words = [term for term in planted.terms.terms if term.isalpha()]
    vectors = np.random.default_rng(0).standard_normal((len(words), 8)).astype(np.float32)
    sif = SifEncoder(vectors, np.arange(len(words), 0, -1))
    return TextEncoder(TextProcessor(TokenizerSettings()), WordVectors(vectors, words), sif)


@pytest.fixture
def stored(planted: Any, encoder: TextEncoder, store: DocumentStore) -> DocumentVectors:
    vectors = np.concatenate(list(encoder.documents(planted.documents.values())))
    return DocumentVectors.of(planted.numbers, vectors, planted.X, store.change)


def check(found: DocumentVectors, store: DocumentStore, encoder: TextEncoder, model: Any) -> None:
    """Compare with all documents of the record, encoded at once."""
    documents = dict(store.changed_since(0))
    assert found.change == store.change
    assert len(found) == len(documents)
    order = found.rows.in_order
    assert found.rows.numbers[order].tolist() == list(documents)
    assert found.rows.find(np.array([*documents, 10**9])).tolist() == [*order.tolist(), -1]
    expected = np.concatenate([np.zeros((0, 8)), *encoder.documents(documents.values())])
    np.testing.assert_allclose(found.vectors.take(order), expected, atol=1e-6)
    texts = [full_text(document) for document in documents.values()]
    passages, owners = split(model.space.terms.documents(map(model.analyzer.words, texts)))
    places, bounds = found.rows.passages(order)
    assert bounds.tolist() == owners.tolist()
    expected = model.space.documents(passages.counts)
    np.testing.assert_allclose(found.latent.take(places), expected, atol=1e-5)


def change(store: DocumentStore) -> None:
    ids = list(store.ids())
    store.delete(ids[3:8])
    store.add([Document(ids[20], "the king of france"), Document("new", "galaxy and stars")])
    store.add([Document("empty", ""), Document("gone", "soon")])
    store.add([Document("long", "the king and the queen of rome " * 150)])
    store.delete(["gone"])


def test_vectors_are_those_of_the_record_after_changes(
    planted: Any, stored: DocumentVectors, encoder: TextEncoder, store: DocumentStore
) -> None:
    assert stored.caught_up(store, encoder, planted.model) is stored
    change(store)
    found = stored.caught_up(store, encoder, planted.model)
    check(found, store, encoder, planted.model)
    store.add([Document("newer", "queen"), Document("new", "rome")])
    again = found.caught_up(store, encoder, planted.model)
    check(again, store, encoder, planted.model)
    assert again.caught_up(store, encoder, planted.model) is again


def test_many_changes_are_taken_in_blocks(
    planted: Any,
    stored: DocumentVectors,
    encoder: TextEncoder,
    store: DocumentStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("embedsearch.search.document_vectors._BLOCK", 3)
    store.add(Document(f"n{n}", f"king {n} of paris") for n in range(10))
    check(stored.caught_up(store, encoder, planted.model), store, encoder, planted.model)


def test_an_older_record_has_all_its_documents_encoded_anew(
    planted: Any, stored: DocumentVectors, encoder: TextEncoder, tmp_path: Path
) -> None:
    older = DocumentStore(tmp_path / "older.sqlite", writable=True)
    older.add([Document("other", "the mayor of rome"), Document("one", "stars")])
    found = stored.caught_up(older, encoder, planted.model)
    check(found, older, encoder, planted.model)
    older.add([Document("next", "king")])
    check(found.caught_up(older, encoder, planted.model), older, encoder, planted.model)
    older.close()


def test_a_record_that_was_emptied_has_no_vectors(
    planted: Any, stored: DocumentVectors, encoder: TextEncoder, store: DocumentStore
) -> None:
    store.clear()
    found = stored.caught_up(store, encoder, planted.model)
    assert (len(found), found.rows.alive.tolist()) == (0, [])
    assert found.index(None).near(planted.X[0], 5).tolist() == []


def test_clusters_of_stored_vectors_serve_after_changes(
    planted: Any,
    stored: DocumentVectors,
    encoder: TextEncoder,
    store: DocumentStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("embedsearch.search.latent_index.SCANNED", 50)
    proposer = CandidateIndex.build(planted.X)
    change(store)
    found = stored.caught_up(store, encoder, planted.model)
    index = found.index(proposer)
    for query in planted.X[::40]:
        alive = found.rows.alive
        scores = index.scores(query, alive)
        expected = set(index.numbers[alive[np.argsort(-scores)[:10]]].tolist())
        near = set(index.numbers[index.near(query, 60)].tolist())
        assert len(near) == 60
        assert len(expected & near) >= 9
