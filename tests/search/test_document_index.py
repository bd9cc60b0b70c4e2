"""Vectors of documents in segments, against plain arrays that are made again at each change."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from embedsearch._types import Document
from embedsearch.index.candidate_index import CandidateIndex
from embedsearch.search.document_expansion import ExpandedDocuments
from embedsearch.search.document_index import (
    DocumentRows,
    DocumentVectors,
    LatentIndex,
    shrinks,
)
from embedsearch.search.latent_space import Block, TextEncoder, full_text, products, split
from embedsearch.search.segments import Growing, Segmented
from embedsearch.store.documents import DocumentStore
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.vectors.rounded import RoundedRows
from embedsearch.vectors.sif import SifEncoder
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, IntVector


def random_rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 5)).astype(np.float32)


def test_appending_moves_few_rows_and_leaves_earlier_states_as_they_are() -> None:
    base, added = random_rows(50), random_rows(2_000, 1)
    base.flags.writeable = False
    states = [Segmented(base)]
    for row in added:
        states.append(states[-1].appended(row[np.newaxis]))
    buffers = {id(state.tail.base): len(state.tail.base) for state in states[1:]}
    assert all(state.base is base for state in states)
    # All that was ever copied from one buffer to a larger one.
    assert sum(buffers.values()) - max(buffers.values()) < 3 * len(added)
    for n in (0, 1, 700, 2_000):
        assert np.array_equal(states[n].tail, added[:n])
        assert states[n].shape == (50 + n, 5)


def test_two_states_that_follow_the_same_one_do_not_share_rows() -> None:
    first = Growing(random_rows(4)).appended(random_rows(1, 1))
    left, right = first.appended(random_rows(2, 2)), first.appended(random_rows(2, 3))
    assert np.array_equal(left.rows, np.concatenate((first.rows, random_rows(2, 2))))
    assert np.array_equal(right.rows, np.concatenate((first.rows, random_rows(2, 3))))


@pytest.mark.parametrize("stored", [0, 1, 30])
def test_rows_and_products_are_those_of_the_whole(stored: int) -> None:
    base, query = random_rows(stored), random_rows(1, 9)[0]
    for tail in (0, 1, 20):
        if not stored + tail:
            continue
        X = Segmented(base).appended(random_rows(tail, 2))
        whole = np.concatenate((base, random_rows(tail, 2)))
        rows = np.random.default_rng(1).integers(0, len(whole), 40)
        assert np.array_equal(X.take(rows), whole[rows])
        np.testing.assert_allclose(X.products(query), whole @ query, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("order", ["ascending", "mixed"])
def test_documents_are_found_after_random_changes(order: str) -> None:
    rng = np.random.default_rng(0)
    numbers = np.arange(5, 105) if order == "ascending" else rng.permutation(np.arange(5, 105))
    counts = rng.integers(1, 4, 100)
    rows = DocumentRows.of(numbers, np.concatenate(([0], np.cumsum(counts))), spare=10)
    # What identifies a row: the number of its document, and how many passages it has.
    expected = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    compactions, before = 0, (rows, dict(expected))
    for step in range(300):
        changed = rng.choice(np.arange(5, 110 + step // 4), 3, replace=False)
        counts = rng.integers(1, 4, 2)
        rows = rows.without(changed).appended(changed[:2], counts)
        expected.pop(int(changed[2]), None)
        expected |= dict(zip(changed[:2].tolist(), counts.tolist(), strict=True))
        if rows.wasted:
            rows, compactions = rows.compacted(), compactions + 1
        if step == 100:
            before = (rows, dict(expected))
    for state, wanted in ((rows, expected), before):
        assert len(state) == len(wanted)
        in_order = state.in_order
        assert state.numbers[in_order].tolist() == sorted(wanted)
        passages, bounds = state.passages(in_order)
        assert np.diff(bounds).tolist() == [wanted[n] for n in sorted(wanted)]
        assert len(set(passages.tolist())) == len(passages)
        assert state.of_passages(passages).tolist() == state.alive.tolist()
        assert state.find(np.array([*sorted(wanted), 3, 10**6])).tolist() == [*in_order, -1, -1]
    assert compactions
    assert rows.size - rows.stored <= 2 * len(rows.tail) + 13


@pytest.fixture(scope="module")
def stored() -> FloatMatrix:
    return np.random.default_rng(0).standard_normal((400, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def candidates(stored: FloatMatrix) -> CandidateIndex:
    # So few clusters that all are looked into; bytes blur who is just within.
    return CandidateIndex.build(stored)


def best(X: FloatMatrix, query: np.ndarray, rows: IntVector, topn: int) -> list[int]:
    scores = X[rows].astype(np.float64) @ query
    return rows[np.argsort(-scores)[:topn]].tolist()


def test_products_are_inner_products(stored: FloatMatrix) -> None:
    query = stored[3]
    np.testing.assert_allclose(products(stored, query), stored @ query, rtol=1e-5, atol=1e-5)


def changed(
    base: FloatMatrix, came: FloatMatrix, gone: IntVector, candidates: CandidateIndex | None
) -> LatentIndex:
    """Index documents of which some are gone, and others came; numbers are rows."""
    rows = DocumentRows.of(np.arange(len(base))).without(gone)
    rows = rows.appended(len(base) + np.arange(len(came)), np.ones(len(came), np.int64))
    return LatentIndex(rows, Segmented(base).appended(came), candidates)


def test_neighbors_do_not_depend_on_what_else_is_gone_or_came(stored: FloatMatrix) -> None:
    candidates, block = CandidateIndex.build(stored), [Block("all", slice(0, stored.shape[1]))]
    some, others = np.array([3, 50, 51, 300]), stored[5:15]
    for clusters in (candidates, None):
        alone = LatentIndex.of(np.arange(400), stored, clusters)
        few = changed(stored, stored[:2], np.zeros(0, np.int64), clusters)
        many = changed(stored, np.concatenate((others, stored[:2])), some, clusters)
        near, cosines = few.neighbors(np.array([400, 401]), block, 20)
        for index, rows in ((alone, [0, 1]), (many, [410, 411])):
            found = index.neighbors(np.array(rows), block, 20)
            np.testing.assert_array_equal(found[0], near)
            np.testing.assert_array_equal(found[1], cosines)
        if clusters is None:
            expected = np.argsort(-(stored[:2] @ stored.T), axis=1, kind="stable")[:, :20]
            np.testing.assert_array_equal(near, expected)


@pytest.mark.parametrize("allowed", [None, np.arange(0, 400, 7)])
def test_near_are_those_that_are_nearest(stored: FloatMatrix, allowed: IntVector | None) -> None:
    index = LatentIndex.of(np.arange(400), stored)
    for query in stored[:10]:
        expected = best(stored, query, np.arange(400) if allowed is None else allowed, 20)
        assert index.nearest(query, 20, allowed)[1].tolist() == expected
        assert index.near(query, 20, allowed).tolist() == expected


def test_those_proposed_are_near_without_being_compared(
    stored: FloatMatrix, candidates: CandidateIndex
) -> None:
    index = LatentIndex.of(np.arange(400), stored, candidates)
    for query in stored[:10]:
        near = index.near(query, 20).tolist()
        assert len(near) == 20
        assert set(best(stored, query, np.arange(400), 10)) <= set(near)
        assert sorted(index.nearest(query, 20)[1].tolist()) == sorted(near)


def test_near_are_found_after_documents_have_come_and_gone(
    stored: FloatMatrix, candidates: CandidateIndex
) -> None:
    came = np.random.default_rng(1).standard_normal((50, 12)).astype(np.float32)
    X = np.concatenate((stored, came))
    index = changed(stored, came, np.arange(1, 400, 2), candidates)
    alive = np.concatenate((np.arange(0, 400, 2), np.arange(400, 450)))
    for query in (*came[:5], *stored[:5]):
        near = index.near(query, 20).tolist()
        assert len(near) == 20
        assert set(best(X, query, alive, 10)) <= set(near) <= set(alive.tolist())


@pytest.fixture
def clustered() -> FloatMatrix:
    """Many documents of 25 topics."""
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((25, 16))
    X = centres[np.arange(3_000) % 25] + 0.5 * rng.standard_normal((3_000, 16))
    return np.asarray(X / np.linalg.norm(X, axis=1, keepdims=True), np.float32)


def test_proposals_miss_few_of_the_nearest_with_and_without_a_filter(
    clustered: FloatMatrix,
) -> None:
    index = LatentIndex.of(
        np.arange(3_000), clustered, CandidateIndex.build(clustered), scanned=100
    )
    everything = np.arange(3_000)
    for allowed in (None, everything[::3], everything[everything % 25 < 3]):
        found, sought = 0, 0
        for query in clustered[::100]:
            expected = best(clustered, query, everything if allowed is None else allowed, 10)
            # Search takes ten of two hundred that are near.
            near = index.near(query, 200, allowed).tolist()
            assert len(near) == len(set(near)) == 200
            found, sought = found + len(set(expected) & set(near)), sought + 10
        assert found / sought > 0.97


def test_a_filter_on_other_topics_than_the_query_still_gives_all_that_is_asked(
    clustered: FloatMatrix,
) -> None:
    index = LatentIndex.of(
        np.arange(3_000), clustered, CandidateIndex.build(clustered), scanned=100
    )
    query = clustered[0]
    allowed = np.flatnonzero(clustered @ query < 0)
    scores, rows = index.nearest(query, 50, allowed)
    assert len(rows) == 50
    assert np.isin(rows, allowed).all()
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    assert len(index.nearest(query, 5_000, allowed)[1]) == len(allowed)


def test_what_is_near_is_found_though_all_that_was_proposed_is_gone(
    clustered: FloatMatrix,
) -> None:
    candidates, query = CandidateIndex.build(clustered), clustered[0]
    gone = np.argsort(-(clustered @ query))[:600]
    later = np.random.default_rng(3).standard_normal((300, 16)).astype(np.float32) / 9
    X = np.concatenate((clustered, later))
    index = changed(clustered, later, gone, candidates)
    alive = np.setdiff1d(np.arange(len(X)), gone)
    expected = best(X, query, alive, 10)
    assert index.nearest(query, 200)[1][:10].tolist() == expected
    allowed = alive[::2]
    expected = best(X, query, allowed, 10)
    assert index.nearest(query, 200, allowed)[1][:10].tolist() == expected


def test_equal_scores_are_ordered_by_number() -> None:
    X = np.ones((50, 7), np.float32)
    numbers = np.random.default_rng(0).permutation(1_000)[:50]
    index = LatentIndex.of(numbers, X)
    _, rows = index.nearest(np.full(7, 0.3, np.float32), 20)
    assert numbers[rows].tolist() == sorted(numbers.tolist())[:20]
    _, rows = index.nearest(np.full(7, 0.3, np.float32), 5, np.arange(10, 30))
    assert numbers[rows].tolist() == sorted(numbers[10:30].tolist())[:5]


def test_rows_are_found_by_number(stored: FloatMatrix) -> None:
    numbers = np.array([40, 7, 900, 12])
    index = LatentIndex.of(numbers, stored[:4])
    assert index.rows.find(np.array([12, 41, 40, 1_000, -3])).tolist() == [3, -1, 0, -1, -1]
    assert LatentIndex.of(numbers[:0], stored[:0]).rows.find(numbers).tolist() == [-1] * 4


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_collections_give_what_there_is(stored: FloatMatrix, n: int) -> None:
    index = LatentIndex.of(np.arange(n), stored[:n])
    scores, rows = index.nearest(stored[0], 10)
    assert (len(scores), sorted(rows.tolist())) == (n, list(range(n)))
    assert len(index.nearest(stored[0], 10, np.zeros(0, np.int64))[1]) == 0


@pytest.fixture
def store(planted: Any, tmp_path: Path) -> Iterator[DocumentStore]:
    store = DocumentStore(tmp_path / "documents.sqlite", writable=True)
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
def vectors(planted: Any, encoder: TextEncoder, store: DocumentStore) -> DocumentVectors:
    encoded = np.concatenate(list(encoder.documents(planted.documents.values())))
    shrink, expanded = planted.shrink, planted.expanded
    return DocumentVectors.of(
        planted.numbers, encoded, planted.X, store.change, shrink=shrink, expanded=expanded
    )


def check(found: DocumentVectors, store: DocumentStore, encoder: TextEncoder, model: Any) -> None:
    """Compare with all documents of the store, encoded at once."""
    documents = dict(store.changed_since(0))
    assert found.change == store.change
    assert len(found) == len(documents)
    order = found.rows.in_order
    assert found.rows.numbers[order].tolist() == list(documents)
    assert found.rows.find(np.array([*documents, 10**9])).tolist() == [*order.tolist(), -1]
    expected = np.concatenate([np.zeros((0, 8)), *encoder.documents(documents.values())])
    np.testing.assert_allclose(found.vectors.take(order), expected, atol=1e-6)
    texts = [full_text(document) for document in documents.values()]
    passages, expected_bounds = split(model.space.terms.documents(map(model.analyzer.words, texts)))
    places, bounds = found.rows.passages(order)
    assert bounds.tolist() == expected_bounds.tolist()
    expected = model.space.documents(passages.counts)
    np.testing.assert_allclose(found.latent.take(places), expected, atol=1e-5)
    expected = shrinks(np.diff(passages.bounds), model.space.statistics.mean_length)
    assert found.shrink is not None
    np.testing.assert_allclose(found.shrink.rows[places], expected, rtol=1e-6)
    check_expanded(found, texts, model)


def check_expanded(found: DocumentVectors, texts: list[str], model: Any) -> None:
    """Compare the words, and the neighbours that exist, with those of the texts."""
    order = found.rows.in_order
    assert found.expanded is not None
    counts = model.space.terms.documents(map(model.analyzer.words, texts)).counts.toarray()
    nobody = Segmented(np.zeros((found.rows.size, 20), np.float16))
    alone = replace(found.expanded, weights=nobody)
    terms = list(range(0, counts.shape[1], 7))
    held = alone.frequencies(terms, order, found.rows.live)
    np.testing.assert_allclose(held, counts[:, terms], rtol=1e-5, atol=1e-5)
    stored = found.expanded.to_tensors(order)
    again = ExpandedDocuments.from_tensors(stored, len(order), counts.shape[1])
    assert again is not None
    np.testing.assert_allclose(
        again.frequencies(terms, np.arange(len(order))),
        found.expanded.frequencies(terms, order, found.rows.live),
        rtol=1e-5,
        atol=1e-5,
    )


def change(store: DocumentStore) -> None:
    ids = list(store.ids())
    store.delete(ids[3:8])
    store.add([Document(ids[20], "the king of france"), Document("new", "galaxy and stars")])
    store.add([Document("empty", ""), Document("gone", "soon")])
    store.add([Document("long", "the king and the queen of rome " * 150)])
    store.delete(["gone"])


def test_vectors_are_those_of_the_store_after_changes(
    planted: Any, vectors: DocumentVectors, encoder: TextEncoder, store: DocumentStore
) -> None:
    assert vectors.updated(store, encoder, planted.model) is vectors
    change(store)
    found = vectors.updated(store, encoder, planted.model)
    check(found, store, encoder, planted.model)
    store.add([Document("newer", "queen"), Document("new", "rome")])
    again = found.updated(store, encoder, planted.model)
    check(again, store, encoder, planted.model)
    assert again.updated(store, encoder, planted.model) is again


def test_many_changes_are_taken_in_blocks(
    planted: Any,
    vectors: DocumentVectors,
    encoder: TextEncoder,
    store: DocumentStore,
) -> None:
    store.add(Document(f"n{n}", f"king {n} of paris") for n in range(10))
    check(vectors.updated(store, encoder, planted.model, 3), store, encoder, planted.model)


def test_an_older_store_has_all_its_documents_encoded_again(
    planted: Any, vectors: DocumentVectors, encoder: TextEncoder, tmp_path: Path
) -> None:
    older = DocumentStore(tmp_path / "older.sqlite", writable=True)
    older.add([Document("other", "the mayor of rome"), Document("one", "stars")])
    found = vectors.updated(older, encoder, planted.model)
    check(found, older, encoder, planted.model)
    older.add([Document("next", "king")])
    check(found.updated(older, encoder, planted.model), older, encoder, planted.model)
    # They are rounded as the stored ones were.
    rounded = RoundedRows.of(np.asarray(vectors.latent.base), np.int16)
    again = replace(vectors, latent=Segmented(rounded)).updated(older, encoder, planted.model)
    first = np.arange(2)
    np.testing.assert_array_equal(
        again.latent.take(first), RoundedRows.of(found.latent.take(first), np.int16)[:]
    )
    older.close()


def test_a_store_that_was_emptied_has_no_vectors(
    planted: Any, vectors: DocumentVectors, encoder: TextEncoder, store: DocumentStore
) -> None:
    store.clear()
    found = vectors.updated(store, encoder, planted.model)
    assert (len(found), found.rows.alive.tolist()) == (0, [])
    assert found.index(None).near(planted.X[0], 5).tolist() == []


def test_clusters_of_stored_vectors_serve_after_changes(
    planted: Any,
    vectors: DocumentVectors,
    encoder: TextEncoder,
    store: DocumentStore,
) -> None:
    candidates = CandidateIndex.build(planted.X)
    change(store)
    found = vectors.updated(store, encoder, planted.model)
    index = found.index(candidates, 50)
    for query in planted.X[::40]:
        alive = found.rows.alive
        scores = index.scores(query, alive)
        expected = set(index.numbers[alive[np.argsort(-scores)[:10]]].tolist())
        near = set(index.numbers[index.near(query, 60)].tolist())
        assert len(near) == 60
        assert len(expected & near) >= 9


@pytest.mark.parametrize("spare", [0, 1_000], ids=["compacted", "as they came"])
def test_documents_that_come_later_borrow_from_those_nearest_to_them(
    planted: Any, vectors: DocumentVectors, encoder: TextEncoder, store: DocumentStore, spare: int
) -> None:
    found = replace(vectors, rows=replace(vectors.rows, spare=spare))
    change(store)
    for turn in range(8):
        store.add([Document("newer", f"queen {turn}"), Document("longer", "rome " * 500)])
        found = found.updated(store, encoder, planted.model)
        assert found.expanded is not None
        first, index = planted.model.space.blocks[0].columns, found.index(None)
        # Stored ones, deleted or not: what else has changed before must not matter.
        stored = np.arange(found.rows.stored)
        means = index.take(stored).means(planted.model.space.blocks)[:, first]
        for row in found.rows.tail.tolist():
            own = index.take(np.array([row])).means(planted.model.space.blocks)[0, first]
            expected = np.sort(means @ own)[::-1][:20]
            near = found.expanded.neighbors.take(np.array([row]))[0]
            assert set(near.tolist()) <= set(stored.tolist())
            weights = found.expanded.weights.take(np.array([row]))[0].astype(np.float64)
            np.testing.assert_allclose(weights, np.maximum(expected, 0) ** 2, atol=2e-3)


@pytest.mark.parametrize("passages", [1, 2])
def test_a_document_that_comes_later_does_not_cost_a_copy_of_all(
    planted: Any, encoder: TextEncoder, store: DocumentStore, passages: int
) -> None:
    n, terms = 20_000, len(planted.model.space.terms)
    latent = np.tile(planted.X, (n // len(planted.X) + 1, 1))[:n]
    documents, numbers = n // passages, 1_000 + np.arange(n // passages)
    expanded = ExpandedDocuments.of(
        csr_matrix((documents, terms)),
        np.zeros((documents, 20), np.int32),
        np.zeros((documents, 20), np.float32),
    )
    found = DocumentVectors.of(
        numbers,
        np.zeros((documents, 8), np.float32),
        latent,
        store.change,
        np.arange(0, n + 1, passages),
        expanded=expanded,
    )
    store.add([Document("new", "king")])
    found = found.updated(store, encoder, planted.model)
    store.add([Document("newer", "queen of france")])
    tracemalloc.start()
    try:
        found = found.updated(store, encoder, planted.model)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < latent.nbytes / 4
    assert found.expanded is not None


def test_documents_that_come_later_are_scored_as_those_stored_without_factors(
    planted: Any, encoder: TextEncoder, store: DocumentStore
) -> None:
    encoded = np.concatenate(list(encoder.documents(planted.documents.values())))
    found = DocumentVectors.of(planted.numbers, encoded, planted.X, store.change)
    store.add([Document("new", "king"), Document("newer", "queen")])
    found = found.updated(store, encoder, planted.model)
    later = found.rows.tail
    cosines = found.latent.take(found.rows.passages(later)[0]) @ planted.X[0]
    scores = found.index(None).scores(planted.X[0], later)
    np.testing.assert_allclose(scores, cosines, rtol=1e-5)


def test_deleted_rows_of_a_tail_make_way_for_others(
    planted: Any, vectors: DocumentVectors, encoder: TextEncoder, store: DocumentStore
) -> None:
    change(store)
    found = vectors.updated(store, encoder, planted.model)
    found = replace(found, rows=replace(found.rows, spare=0))
    for turn in range(8):
        store.add([Document("newer", f"queen {turn}"), Document("new", f"rome {turn}")])
        found = found.updated(store, encoder, planted.model)
    assert found.rows.size < len(found) + 12
    check(found, store, encoder, planted.model)


@pytest.mark.parametrize("ranks", [(), (2,)])
@pytest.mark.parametrize("n", [30, 20_001])
def test_rounded_rows_are_compared_as_what_is_taken_from_them(
    n: int, ranks: tuple[int, ...]
) -> None:
    rounded = replace(RoundedRows.of(random_rows(n), np.int16), ranks=ranks)
    came = replace(RoundedRows.of(random_rows(3, 2), np.int16), ranks=ranks)[:]
    X = Segmented(rounded).appended(came)
    plain = np.concatenate((rounded[:], came))
    rows = np.array([n + 2, 0, n - 1, n])
    np.testing.assert_array_equal(X.take(rows), plain[rows])
    np.testing.assert_array_equal(X.base_columns(2), plain[:n, :2])
    query = np.resize(random_rows(1, 3)[0], 5 + sum(ranks))
    np.testing.assert_allclose(X.products(query), plain @ query, atol=1e-5, rtol=1e-5)
    assert X.shape == plain.shape
    # What is stored later is what was there before.
    np.testing.assert_allclose(rounded.alike(X.tail)[:], X.tail, rtol=1e-6)
