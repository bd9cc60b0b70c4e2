"""Expanded frequencies, against the formula written out with dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from embedsearch._errors import VectorError
from embedsearch.search.document_expansion import ExpandedDocuments, neighbors_of

TERMS = 25
Counts = NDArray[np.float32]


def drawn(n: int, seed: int) -> tuple[Counts, NDArray[np.int32], NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    counts = random.poisson(0.4, (n, TERMS)).astype(np.float32)
    if n > 2:
        counts[2] = 0
    near = random.integers(0, n, (n, 4)).astype(np.int32)
    return counts, near, random.uniform(-0.3, 1, (n, 4)).astype(np.float32)


def made(n: int = 40) -> ExpandedDocuments:
    counts, near, cosines = drawn(n, 0)
    return ExpandedDocuments.of(csr_matrix(counts), near, cosines)


def by_hand(
    counts: Counts,
    near: NDArray[np.int32],
    cosines: NDArray[np.float32],
    live: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """All expanded frequencies."""
    lengths = counts.sum(axis=1).astype(np.float64)
    found = counts.astype(np.float64)
    for row in range(len(counts)):
        total, weight = np.zeros(TERMS), 0.0
        for other, cosine in zip(near[row], cosines[row], strict=True):
            if live[other]:
                weight += max(float(cosine), 0) ** 2
                total += max(float(cosine), 0) ** 2 * counts[other] / max(lengths[other], 1)
        found[row] += lengths[row] * total / max(weight, 1e-9)
    return found


@pytest.mark.parametrize("deleted", [(), (0, 5, 17)])
def test_frequencies_are_those_of_the_formula(deleted: tuple[int, ...]) -> None:
    live = np.ones(40, bool)
    live[list(deleted)] = False
    rows, terms = np.array([3, 39, 2, 11]), [0, 24, 7]
    found = made().frequencies(terms, rows, live if deleted else None)
    expected = by_hand(*drawn(40, 0), live)
    np.testing.assert_allclose(found, expected[np.ix_(rows, terms)], rtol=2e-3, atol=2e-3)


def test_documents_that_come_later_are_expanded_by_those_of_the_base() -> None:
    counts, near, cosines = drawn(40, 0)
    more, others, likeness = drawn(6, 1)
    others = np.random.default_rng(2).integers(0, 40, others.shape).astype(np.int32)
    documents = made().appended(csr_matrix(more[:2]), others[:2], likeness[:2])
    documents = documents.appended(csr_matrix(more[2:]), others[2:], likeness[2:])
    everything = (
        np.concatenate((counts, more)),
        np.concatenate((near, others)),
        np.concatenate((cosines, likeness)),
    )
    expected = by_hand(*everything, np.ones(46, bool))
    every = documents.frequencies(range(TERMS), np.arange(46))
    np.testing.assert_allclose(every, expected, rtol=2e-3, atol=2e-3)
    live = np.ones(46, bool)
    live[[1, 41, 44]] = False
    order = np.random.default_rng(3).permutation(np.flatnonzero(live))
    stored = documents.to_tensors(order)
    again = ExpandedDocuments.from_tensors(stored, len(order), TERMS)
    assert again is not None
    expected = by_hand(*everything, live)[order]
    found = again.frequencies(range(TERMS), np.arange(len(order)))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)
    tail = np.array([40, 42, 43, 45])
    compact = documents.with_tail(tail)
    rows = np.concatenate((np.arange(40), tail))
    live = np.ones(46, bool)
    live[[41, 44]] = False
    found = compact.frequencies(range(TERMS), np.arange(44))
    np.testing.assert_allclose(found, by_hand(*everything, live)[rows], rtol=2e-3, atol=2e-3)
    np.testing.assert_array_equal(documents.frequencies(range(TERMS), np.arange(46)), every)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_documents_and_none_can_be_expanded(n: int) -> None:
    documents = made(max(n, 1)) if n else made(3).emptied()
    assert len(documents) == n
    assert documents.frequencies([0, 3], np.arange(n)).shape == (n, 2)
    stored = documents.to_tensors(np.arange(n))
    again = ExpandedDocuments.from_tensors(stored, n, TERMS)
    assert again is not None
    assert len(again) == n


def test_what_does_not_belong_to_the_documents_is_damage() -> None:
    stored = made().to_tensors(np.arange(40))
    assert ExpandedDocuments.from_tensors({}, 40, TERMS) is None
    for documents, terms in ((39, TERMS), (40, TERMS - 1)):
        with pytest.raises(VectorError, match="damaged"):
            ExpandedDocuments.from_tensors(stored, documents, terms)
    stored["postings.counts"] = stored["postings.counts"][:-1]
    with pytest.raises(VectorError, match="damaged"):
        ExpandedDocuments.from_tensors(stored, 40, TERMS)


@pytest.mark.parametrize("changed", [[1, *range(1, 26)], [0, 9, 8, *range(9, 32)]])
def test_postings_that_do_not_follow_each_other_are_damage(changed: list[int]) -> None:
    stored = made().to_tensors(np.arange(40))
    bounds = np.array(changed[: TERMS + 1])
    bounds[-1] = len(stored["postings.rows"])
    with pytest.raises(VectorError, match="damaged"):
        ExpandedDocuments.from_tensors({**stored, "postings.bounds": bounds}, 40, TERMS)


def test_neighbours_without_weights_are_damage() -> None:
    stored = made().to_tensors(np.arange(40))
    for weights in (stored["neighbors.weights"][:, :3], stored["neighbors.weights"][:39]):
        with pytest.raises(VectorError, match="damaged"):
            ExpandedDocuments.from_tensors({**stored, "neighbors.weights": weights}, 40, TERMS)


@pytest.mark.parametrize("name", ["neighbors", "postings.rows"])
@pytest.mark.parametrize("row", [40, -1])
def test_rows_of_no_document_are_damage_when_they_are_used(name: str, row: int) -> None:
    stored = made().to_tensors(np.arange(40))
    stored[name] = stored[name].astype(np.int32)
    stored[name].flat[0] = row
    documents = ExpandedDocuments.from_tensors(stored, 40, TERMS)
    assert documents is not None
    with pytest.raises(VectorError, match=r"damaged.*embedsearch verify"):
        documents.frequencies(range(TERMS), np.arange(40))
    with pytest.raises(VectorError, match=r"damaged.*embedsearch verify"):
        documents.to_tensors(np.arange(1, 40) if name == "postings.rows" else np.arange(39))


def test_of_few_documents_a_tenth_are_neighbours() -> None:
    sizes = (0, 1, 19, 20, 105, 199, 200, 1_000_000)
    assert list(map(neighbors_of, sizes)) == [1, 1, 1, 2, 10, 19, 20, 20]


def test_weights_that_are_no_numbers_are_damage_when_they_are_used() -> None:
    stored = made().to_tensors(np.arange(40))
    stored["neighbors.weights"].flat[0] = np.nan
    documents = ExpandedDocuments.from_tensors(stored, 40, TERMS)
    assert documents is not None
    with pytest.raises(VectorError, match=r"damaged.*embedsearch verify"):
        documents.frequencies(range(TERMS), np.arange(40))
    with pytest.raises(VectorError, match=r"damaged.*embedsearch verify"):
        documents.to_tensors(np.arange(39))
