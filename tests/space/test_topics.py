"""Topics against planted ones, and their words against the formula."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix, vstack
from sklearn.metrics import adjusted_rand_score

from embedsearch._errors import InputError, ParameterError, QueryError, VectorError
from embedsearch.space.options import TOPIC_METHODS
from embedsearch.space.topics import TopicModel
from tests.space.checks import estimator_checks

K, WORDS, SHARED = 4, 15, 10
SIZES = (60, 50, 40, 30)
LABELS = np.repeat(np.arange(K), SIZES)


def counts(labels: Any = LABELS, seed: int = 0) -> Any:
    """Return counts: 15 words of each topic, then 10 that all have."""
    rng = np.random.default_rng(seed)
    made = rng.poisson(0.02, (len(labels), K * WORDS + SHARED)).astype(float)
    for row, label in enumerate(labels):
        made[row, label * WORDS : (label + 1) * WORDS] += rng.poisson(1, WORDS)
    made[:, K * WORDS :] += rng.poisson(1, (len(labels), SHARED))
    return csr_matrix(made)


@pytest.fixture(scope="module")
def model() -> TopicModel:
    return TopicModel(K, random_state=0).fit(counts())


@pytest.mark.parametrize(
    ("estimator", "check"),
    list(estimator_checks(TopicModel(3, random_state=0), TopicModel(2, method="nmf"))),
)
def test_scikit_learn_finds_nothing_wrong(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("method", TOPIC_METHODS)
def test_planted_topics_are_found_by_every_method(method: str) -> None:
    found = TopicModel(K, method=method, random_state=0).fit(counts())
    # The first axis of LSA is what all documents share.
    least = 0.4 if method == "lsa" else 0.9
    assert adjusted_rand_score(LABELS, found.labels_) > least
    shares = found.transform(counts())
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-4)
    assert (shares >= 0).all()
    assert found.fits_.mean() > 0.9


def test_the_words_of_a_topic_are_its_own_and_the_largest_topic_is_the_first(
    model: TopicModel,
) -> None:
    for number, terms in enumerate(model.top_terms(8)):
        assert {column // WORDS for column, _ in terms} == {number}
        weights = [weight for _, weight in terms]
        assert weights == sorted(weights, reverse=True)
    assert model.sizes_.tolist() == list(SIZES)


def test_weights_are_shares_of_the_divergence(model: TopicModel) -> None:
    X = counts()
    present = (X.toarray() > 0).astype(float)
    df = present.sum(axis=0)
    idf = np.log1p((len(LABELS) - df + 0.5) / (df + 0.5))
    weights = present * idf**0.75
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    shares = model.transform(X)
    np.testing.assert_array_equal(shares.argmax(axis=1), LABELS)
    units = (model._bm25(X) @ model.projection_).astype(float)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    q = weights.sum(axis=0) / weights.sum()
    for topic in range(K):
        own = topic == LABELS
        center = units[own].sum(axis=0)
        cosines = units[own] @ (center / np.linalg.norm(center))
        p = (weights[own] * cosines[:, np.newaxis] ** 2).sum(axis=0)
        p /= p.sum()
        terms = np.where(p > q, p * np.log(np.maximum(p, 1e-300) / q), 0)
        np.testing.assert_allclose(model.topic_terms_[topic], terms / terms.sum(), atol=1e-5)


def test_vectors_that_are_given_are_clustered() -> None:
    vectors = np.eye(K)[LABELS] + 0.1 * np.random.default_rng(0).standard_normal((len(LABELS), K))
    found = TopicModel(K, random_state=0).fit(counts(), vectors=vectors)
    assert adjusted_rand_score(LABELS, found.labels_) == 1
    np.testing.assert_array_equal(found.predict(counts(), vectors=vectors), found.labels_)
    np.testing.assert_array_equal(found.fits(counts(), vectors=vectors), found.fits_)
    with pytest.raises(ParameterError, match="vectors must be given"):
        found.predict(counts())
    with pytest.raises(VectorError, match="180 documents, got 3 vectors"):
        found.predict(counts(), vectors=vectors[:3])
    with pytest.raises(VectorError, match="must have 4 dimensions, got 2"):
        found.predict(counts(), vectors=vectors[:, :2])


def test_a_stranger_fits_nowhere_but_has_a_nearest_topic(model: TopicModel) -> None:
    mixed = csr_matrix(np.tile([1.0] * 3 + [0.0] * 12, K).tolist() + [0.0] * SHARED)
    empty = csr_matrix((1, K * WORDS + SHARED))
    X = vstack([counts()[:5], mixed, empty]).tocsr()
    assert model.fits(X).tolist() == [True] * 5 + [False] * 2
    assert set(model.predict(X).tolist()) <= set(range(K))


def test_merged_topics_are_those_of_both(model: TopicModel) -> None:
    merged = model.merge([[0, 3]])
    assert merged.sizes_.tolist() == [90, 50, 40]
    np.testing.assert_array_equal(merged.labels_ == 0, np.isin(model.labels_, [0, 3]))
    np.testing.assert_allclose(merged.masses_[0], model.masses_[[0, 3]].sum(axis=0))
    assert {column // WORDS for column, _ in merged.top_terms(28)[0]} == {0, 3}
    np.testing.assert_array_equal(merged.predict(counts()), merged.labels_)
    assert model.sizes_.tolist() == list(SIZES)


def test_topics_that_are_alike_are_merged_first() -> None:
    vectors = np.array([[1, 0, 0], [0.9, 0.4, 0], [0, 0, 1], [0, 1, -0.9]])[LABELS]
    vectors = vectors + 0.01 * np.random.default_rng(0).standard_normal(vectors.shape)
    found = TopicModel(K, random_state=0).fit(counts(), vectors=vectors)
    assert found.reduce(3).sizes_.tolist() == [110, 40, 30]
    assert found.reduce(1).sizes_.tolist() == [180]
    with pytest.raises(ParameterError, match="at most 4"):
        found.reduce(5)


def test_a_topic_that_is_split_leaves_the_others(model: TopicModel) -> None:
    back = model.merge([[0, 1]]).split(0, counts(), 2)
    assert adjusted_rand_score(LABELS, back.labels_) == 1
    assert back.sizes_.tolist() == [60, 40, 30, 50]
    with pytest.raises(InputError, match="fitted on 180 documents, got 2"):
        model.split(0, counts()[:2])


def test_shares_over_years(model: TopicModel) -> None:
    years = [None if row == 0 else 2000 + row % 2 for row in range(len(LABELS))]
    values, shares = model.over(years)
    assert values == [2000, 2001]
    odd = np.array([row % 2 == 1 for row in range(len(LABELS))])
    np.testing.assert_allclose(shares[1], np.bincount(LABELS[odd]) / odd.sum())
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    with pytest.raises(InputError, match="got 2 values"):
        model.over([1, 2])
    with pytest.raises(InputError, match="one kind"):
        model.over([1, "a"] * 90)


@pytest.mark.parametrize("method", TOPIC_METHODS)
def test_a_model_comes_back_from_json_and_arrays(method: str) -> None:
    made = TopicModel(3, method=method, random_state=1).fit(counts())
    facts, tensors = made.state()
    again = TopicModel.restore(json.loads(json.dumps(facts)), tensors)
    later = counts(seed=7)
    np.testing.assert_array_equal(again.transform(later), made.transform(later))
    assert again.top_terms() == made.top_terms()


@pytest.mark.parametrize("method", TOPIC_METHODS)
def test_the_same_seed_gives_the_same_to_the_bit(method: str) -> None:
    first, again = (
        TopicModel(3, method=method, random_state=2).fit(counts()).topic_terms_ for _ in range(2)
    )
    assert first.tobytes() == again.tobytes()


def test_what_cannot_be_done_is_said(model: TopicModel) -> None:
    with pytest.raises(ParameterError, match="method"):
        TopicModel(method="magic").fit(counts())
    with pytest.raises(ParameterError, match="n_topics must be given"):
        TopicModel(None, method="nmf").fit(counts())
    with pytest.raises(InputError, match="n_samples=2 documents, fewer than n_topics=3"):
        TopicModel(3, method="plsa").fit(counts()[:2])
    with pytest.raises(ParameterError, match="each in one group"):
        model.merge([[0, 1], [1, 2]])
    with pytest.raises(ParameterError, match=r"groups\[0\]"):
        model.merge([[0, 9]])
    other = TopicModel(2, method="lsa").fit(counts())
    with pytest.raises(QueryError, match="cannot be merged"):
        other.merge([[0, 1]])


def test_documents_without_terms_have_topics_too() -> None:
    found = TopicModel(1).fit(csr_matrix((5, 3)))
    assert found.labels_.tolist() == [0] * 5
    assert not found.fits_.any()
    assert found.top_terms() == [[]]
