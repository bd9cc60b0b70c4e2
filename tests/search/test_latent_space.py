"""The space of search, held against sums over all documents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embedsearch._errors import VectorError
from embedsearch.search.fitting import fit_space
from embedsearch.search.latent_space import LatentSpace, Spreads, Terms, rocchio
from embedsearch.vectors.encoders import CheckedEncoder, load_encoder
from embedsearch.vectors.sparse import TermStatistics


class Lengths:
    """Encodes a text by how long it is; queries the other way round."""

    def encode_documents(self, texts: list[str]) -> list[list[float]]:
        return [[len(text), 1.0] for text in texts]

    def encode_queries(self, texts: list[str]) -> list[list[float]]:
        return [[1.0, len(text)] for text in texts]


def test_encoders_stand_side_by_side(planted: Any) -> None:
    space = planted.model.space
    assert [block.name for block in space.blocks] == [e.name for e in space.linear]
    counts = planted.counted.counts
    for encoder, block in zip(space.linear, space.blocks):
        expected = encoder.documents(counts, space.statistics)
        np.testing.assert_allclose(planted.X[:, block.columns], expected, atol=1e-6)


def test_large_collections_are_encoded_in_blocks(planted: Any) -> None:
    found = planted.model.space.linear_documents(planted.counted.counts, at_once=7)
    np.testing.assert_allclose(found, planted.X, atol=1e-5)


def test_encoders_that_are_plugged_in_come_last(planted: Any) -> None:
    space = planted.model.space
    wider = LatentSpace(
        space.terms, space.statistics, space.linear, [CheckedEncoder(Lengths(), "lengths")]
    )
    counts = planted.counted.counts[:2]
    X, Q = wider.documents(counts, ["abc", ""]), wider.queries(counts, ["", "ab"])
    assert wider.blocks[-1].name == "lengths"
    np.testing.assert_allclose(X[:, -2:], [[3 / 10**0.5, 1 / 10**0.5], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(Q[:, -2:], [[1, 0], [1 / 5**0.5, 2 / 5**0.5]], atol=1e-6)
    np.testing.assert_allclose(X[:, :-2], planted.X[:2], atol=1e-5)


def test_documents_of_one_topic_are_near_each_other(planted: Any) -> None:
    topics = np.array([d.metadata["topic"] for d in planted.documents.values()])
    for block in planted.model.space.blocks:
        X = planted.X[:, block.columns]
        cosines = X @ X.T
        same = topics[:, None] == topics[None, :]
        assert cosines[same].mean() > cosines[~same].mean() + 0.05, block.name


def test_spreads_of_cosines_are_their_standard_deviations(planted: Any) -> None:
    space, spreads = planted.model.space, planted.model.spreads
    queries = space.linear_queries(planted.counted.counts[:20])
    for place, block in enumerate(space.blocks):
        for query in queries[:, block.columns]:
            scores = planted.X[:, block.columns].astype(np.float64) @ query * planted.shrink
            assert spreads.latent(query, place) == pytest.approx(scores.std(), rel=1e-3)


def test_the_spread_of_one_word_is_that_of_its_bm25(planted: Any) -> None:
    statistics, spreads = planted.model.space.statistics, planted.model.spreads
    weights = statistics.bm25(planted.counted.counts).toarray().astype(np.float64)
    for column in range(0, len(planted.terms), 9):
        found = spreads.lexical([column], np.array([2.0], np.float32))
        assert found == pytest.approx(2 * weights[:, column].std(), rel=1e-3, abs=1e-4)
    variances = weights.var(axis=0)[[3, 8]]
    found = spreads.lexical([3, 8], np.array([1, 3], np.float32))
    assert found == pytest.approx(np.sqrt(variances @ [1, 9]), rel=1e-3)


def test_documents_that_are_the_same_have_no_spread() -> None:
    terms = Terms([f"w{n}" for n in range(40)])
    same = terms.documents([terms.terms] * 60)
    statistics = TermStatistics.of(same.counts)
    random = np.random.default_rng(0).standard_normal((40, 20)).astype(np.float32)
    space = fit_space(same, terms, statistics, lambda _: random)
    X = space.linear_documents(same.counts)
    spreads = Spreads.of(X, space.blocks, statistics.bm25(same.counts))
    query = space.linear_queries(same.counts[:1])[0]
    for place, block in enumerate(space.blocks):
        assert spreads.latent(query[block.columns], place) < 1e-6


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_a_space_can_be_learned_from_few_documents(planted: Any, n: int) -> None:
    some = planted.counted.take(np.arange(n))
    vectors = planted.term_vectors
    statistics = TermStatistics.of(some.counts)
    space = fit_space(some, planted.terms, statistics, lambda _: vectors)
    X = space.linear_documents(some.counts)
    spreads = Spreads.of(X, space.blocks, statistics.bm25(some.counts))
    assert X.shape == (n, sum(encoder.dimension for encoder in space.linear))
    assert np.isfinite(X).all()
    assert all(np.isfinite(c).all() for c in spreads.covariances)
    assert [b.name for b in space.blocks] == (["lsa-100", "words"] if n else ["words"])


def test_nothing_is_learned_from_documents_without_words() -> None:
    terms = Terms(["a"])
    nothing = terms.documents([[], [], []])
    space = fit_space(nothing, terms, TermStatistics.of(nothing.counts), lambda _: np.zeros((1, 3)))
    assert space.blocks == []
    assert space.linear_documents(nothing.counts).shape == (3, 0)


def test_of_many_documents_a_sample_is_fitted_to(planted: Any) -> None:
    seen = []

    def vectors(documents: Any) -> Any:
        seen.append(len(documents))
        return planted.term_vectors

    statistics = planted.model.space.statistics
    space = fit_space(planted.counted, planted.terms, statistics, vectors, most=100)
    assert seen == [100]
    assert space.linear[0].dimension <= 100


def test_a_query_moves_towards_documents(planted: Any) -> None:
    space = planted.model.space
    query = space.linear_queries(planted.counted.counts[:1])[0]
    first = planted.X[[5, 9, 11]]
    found = rocchio(query, space.blocks, first)
    for block in space.blocks:
        towards = query[block.columns] + 0.7 * first[:, block.columns].mean(axis=0)
        expected = towards / np.linalg.norm(towards)
        np.testing.assert_allclose(found[block.columns], expected, atol=1e-6)


def test_long_indices_give_the_same_vectors(planted: Any) -> None:
    long = planted.counted.counts.copy()
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype(np.int64)
    space = planted.model.space
    np.testing.assert_allclose(space.linear_documents(long), planted.X, atol=1e-6)
    np.testing.assert_array_equal(
        space.linear_queries(long[:5]), space.linear_queries(planted.counted.counts[:5])
    )


def test_a_model_comes_back(planted: Any) -> None:
    from embedsearch.search.model import restore_model

    model = planted.model
    back = restore_model(model.to_json(), model.to_tensors(), planted.terms, load_encoder)
    counts = planted.counted.counts
    np.testing.assert_allclose(back.space.linear_documents(counts), planted.X, atol=1e-6)
    assert back.mean_length == model.mean_length
    with pytest.raises(ValueError, match="1 terms"):
        restore_model(model.to_json(), model.to_tensors(), Terms(["one"]), load_encoder)


def test_nan_in_a_model_is_damage(planted: Any) -> None:
    from embedsearch.search.model import restore_model

    values, tensors = planted.model.to_json(), planted.model.to_tensors()
    factors = [name for name in tensors if name.endswith(".factors")]
    assert len(factors) == 2
    for name in (*factors, "statistics.idf", "covariance.0"):
        damaged = tensors[name].copy()
        damaged.flat[0] = np.nan
        with pytest.raises(VectorError, match=f"damaged: {name} has NaN"):
            restore_model(values, {**tensors, name: damaged}, planted.terms, load_encoder)
