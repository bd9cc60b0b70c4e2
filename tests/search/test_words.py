"""Word queries: every number is held against gensim's KeyedVectors on the same vectors."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors, Word2Vec

from embedsearch._errors import ParameterError, QueryError, UnknownWordError, VectorError
from embedsearch.index.vector_index import VectorIndex
from embedsearch.search.words import WordQueries
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedsearch._types import Neighbors, WordNeighbors


def random_vectors() -> KeyedVectors:
    kv = KeyedVectors(20)
    X = np.random.default_rng(0).standard_normal((300, 20)).astype(np.float32)
    X *= np.random.default_rng(1).uniform(0.1, 9, (300, 1)).astype(np.float32)
    kv.add_vectors([f"w{i}" for i in range(300)], X)
    return kv


def trained_vectors() -> KeyedVectors:
    rng = np.random.default_rng(2)
    topics = [[f"w{i}" for i in range(start, start + 30)] for start in range(0, 120, 30)]
    sentences = [rng.choice(topics[i % 4], 8).tolist() for i in range(400)]
    return Word2Vec(sentences, vector_size=16, min_count=1, epochs=5, workers=1, seed=3).wv


@cache
def gensim_vectors(name: str) -> KeyedVectors:
    return random_vectors() if name == "random" else trained_vectors()


def words_of(kv: KeyedVectors) -> WordQueries:
    vectors = WordVectors(kv.vectors, kv.index_to_key)
    return WordQueries(
        vectors, lambda: VectorIndex.build(vectors.vectors), lambda w: w.lower() or None
    )


@pytest.fixture(params=["random", "trained"])
def kv(request: pytest.FixtureRequest) -> KeyedVectors:
    return gensim_vectors(request.param)


@pytest.fixture
def words(kv: KeyedVectors) -> WordQueries:
    return words_of(kv)


@pytest.fixture
def some() -> WordQueries:
    return words_of(gensim_vectors("random"))


def same(ours: Neighbors, theirs: list[tuple[str, float]]) -> None:
    assert [word for word, _ in ours] == [word for word, _ in theirs]
    np.testing.assert_allclose(
        [score for _, score in ours], [score for _, score in theirs], rtol=1e-5, atol=1e-5
    )


QUERIES = [
    (["w1"], []),
    ("w1", None),
    (["w1", "w2"], ["w3"]),
    (["w1"], ["w2", "w3"]),
    ([], ["w5"]),
    ([("w1", 0.5), ("w2", 2.0)], [("w3", -0.25)]),
    (["w1", "w1", "w2"], ["w4"]),
    ([("w9", 1)], "w7"),
]


@pytest.mark.parametrize(("positive", "negative"), QUERIES)
def test_most_similar_is_that_of_gensim(
    kv: KeyedVectors, words: WordQueries, positive: object, negative: object
) -> None:
    for topn in (1, 10, 10_000):
        same(
            words.most_similar(positive, negative, topn), kv.most_similar(positive, negative, topn)
        )


def test_given_vectors_keep_their_length_among_words(kv: KeyedVectors, words: WordQueries) -> None:
    vector = kv.vectors[7] * 3
    for positive in ([vector], ["w1", vector], [(vector, 0.3), "w2"], vector):
        same(words.most_similar(positive, ["w3"]), kv.most_similar(positive, ["w3"]))
    same(words.similar_by_vector(vector), kv.similar_by_vector(vector))
    assert words.similar_by_vector(vector.tolist())[0].word == kv.index_to_key[7]


def test_a_restricted_vocabulary_is_that_of_gensim(kv: KeyedVectors, words: WordQueries) -> None:
    for rows in (1, 3, 40, 10_000):
        theirs = kv.most_similar("w1", "w2", restrict_vocab=min(rows, len(kv)))
        same(words.most_similar("w1", "w2", restrict_vocab=rows), theirs)
    same(words.similar_by_word("w4", 5, 50), kv.similar_by_word("w4", 5, 50))


# gensim's own method calls one that it has deprecated.
@pytest.mark.filterwarnings("ignore:Call to deprecated `init_sims`:DeprecationWarning")
@pytest.mark.parametrize(
    ("positive", "negative"), [("w1", "w2"), (["w1", "w2"], ["w3"]), (["w1"], [])]
)
def test_cosmul_is_that_of_gensim(
    kv: KeyedVectors, words: WordQueries, positive: object, negative: object
) -> None:
    for topn in (3, 10_000):
        theirs = kv.most_similar_cosmul(positive, negative, topn)
        same(words.most_similar_cosmul(positive, negative, topn), theirs)


def test_a_weight_of_cosmul_is_a_power(some: WordQueries) -> None:
    twice = some.most_similar_cosmul(["w1", "w1", "w2"], ["w3"], topn=50)
    same(some.most_similar_cosmul([("w1", 2), "w2"], ["w3"], topn=50), twice)


def test_comparisons_are_those_of_gensim(kv: KeyedVectors, words: WordQueries) -> None:
    for a, b in [("w1", "w2"), ("w3", "w3"), ("w5", "w80")]:
        assert words.similarity(a, b) == pytest.approx(float(kv.similarity(a, b)), abs=1e-5)
        assert words.distance(a, b) == pytest.approx(float(kv.distance(a, b)), abs=1e-5)
        assert words.closer_than(a, b) == kv.closer_than(a, b)
        assert words.rank(a, b) == kv.rank(a, b)
    lists = ["w1", "w2"], ["w3", "w4", "w5"]
    assert words.n_similarity(*lists) == pytest.approx(float(kv.n_similarity(*lists)), abs=1e-5)
    np.testing.assert_allclose(words.distances("w1"), kv.distances("w1"), atol=1e-5)
    np.testing.assert_allclose(
        words.distances(kv["w1"], lists[1]), kv.distances(kv["w1"], lists[1]), atol=1e-5
    )
    assert words.most_similar_to_given("w1", lists[1]) == kv.most_similar_to_given("w1", lists[1])


def test_the_odd_one_out_is_that_of_gensim(kv: KeyedVectors, words: WordQueries) -> None:
    for i in range(0, 100, 5):
        group = [f"w{j}" for j in range(i, i + 5)]
        assert words.doesnt_match(group) == kv.doesnt_match(group)
        ours, theirs = words.rank_by_centrality(group), kv.rank_by_centrality(group)
        assert [word for _, word in ours] == [word for _, word in theirs]


def test_mean_vectors_are_those_of_gensim(kv: KeyedVectors, words: WordQueries) -> None:
    keys, weights = ["w1", kv.vectors[3], "absent", "w2"], [1.0, -2.0, 4.0, 0.5]
    for pre in (True, False):
        for post in (True, False):
            theirs = kv.get_mean_vector(keys, weights, pre, post)
            np.testing.assert_allclose(
                words.get_mean_vector(keys, weights, pre, post), theirs, atol=1e-5
            )
    with pytest.raises(UnknownWordError):
        words.get_mean_vector(keys, ignore_missing=False)
    with pytest.raises(QueryError):
        words.get_mean_vector(keys, [1.0])


def test_vectors_are_those_of_gensim(kv: KeyedVectors, words: WordQueries) -> None:
    np.testing.assert_array_equal(words["w5"], kv["w5"])
    np.testing.assert_array_equal(words[["w5", "w2"]], kv[["w5", "w2"]])
    np.testing.assert_allclose(words.get_vector("w5", norm=True), kv.get_vector("w5", True), 1e-6)
    assert words[[]].shape == (0, kv.vector_size)
    with pytest.raises(ValueError, match="read-only"):
        words["w5"][0] = 1


def test_the_vocabulary_is_that_of_gensim(kv: KeyedVectors, words: WordQueries) -> None:
    assert (words.index_to_key, words.key_to_index) == (kv.index_to_key, kv.key_to_index)
    assert list(words) == kv.index_to_key
    assert (len(words), words.vector_size) == (len(kv), kv.vector_size)
    np.testing.assert_array_equal(words.vectors, kv.vectors)


def test_a_batch_answers_as_its_words_do_alone(words: WordQueries) -> None:
    asked = ["w3", "W4", "w3"]
    assert words.most_similar_batch(asked, topn=7) == [words.most_similar(w, topn=7) for w in asked]
    assert words.most_similar_batch([]) == []


def test_euclidean_neighbours_are_those_of_numpy(kv: KeyedVectors, words: WordQueries) -> None:
    a, b, c = (kv[w].astype(np.float64) for w in ("w1", "w2", "w3"))
    asked = [
        ((["w1"], []), a),
        ((["w1", "w3"], []), (a + c) / 2),
        ((["w1", "w3"], ["w2"]), a - b + c),
        (([("w1", 3), "w3"], []), (3 * a + c) / 4),
        (([], ["w2"]), -b),
        (("w2", "w1"), b - a),
    ]
    for (positive, negative), point in asked:
        scores = -np.linalg.norm(kv.vectors.astype(np.float64) - point, axis=1)
        used = {w[0] if isinstance(w, tuple) else w for w in [*positive, *negative]}
        if isinstance(positive, str):
            used = {positive, negative}
        order = [i for i in np.argsort(-scores) if kv.index_to_key[i] not in used][:10]
        found = words.most_similar(positive, negative, metric="euclidean")
        same(found, [(kv.index_to_key[i], scores[i]) for i in order])


def test_an_analogy_is_the_sum_that_it_says(words: WordQueries) -> None:
    def as_pairs(found: WordNeighbors) -> list[tuple[str, float]]:
        return [near[:2] for near in found]

    plain = words.most_similar(["w1", "w3"], ["w2"])
    assert as_pairs(words.analogy("w1 - w2 + w3")) == plain
    assert as_pairs(words.analogy(["w2", "w1", "w3"])) == plain
    weighted = words.most_similar([("w1", 0.5), ("w3", 2)], [("w2", -3)], topn=4)
    assert as_pairs(words.analogy("0.5*w1 - 3 * w2 + 2*w3", topn=4)) == weighted
    product = words.most_similar_cosmul(["w1", "w3"], ["w2"])
    assert as_pairs(words.analogy("w1 - w2 + w3", method="3cosmul")) == product


@pytest.fixture(scope="module")
def counted() -> WordQueries:
    """WordQueries of which most were seen a few times."""
    rng = np.random.default_rng(5)
    counts = np.maximum(3_000 // np.arange(1, 2_001), 1)
    vectors = WordVectors(
        rng.standard_normal((2_000, 10)).astype(np.float32), [f"w{i}" for i in range(2_000)], counts
    )
    return WordQueries(vectors, VectorIndex.build(vectors.vectors), str)


def by_evidence(
    words: WordQueries, query: np.ndarray, parts: dict[str, float], z: float
) -> list[tuple[str, float, int, float, float]]:
    """Rank all words by the formula, a word at a time."""
    count = words.get_count
    total = sum(weight**2 for weight in parts.values())
    variance = sum(weight**2 / (count(word) or 1) for word, weight in parts.items()) / total
    rows = []
    for word in words:
        vector = words[word].astype(np.float64)
        cosine = vector @ query / np.linalg.norm(vector) / np.linalg.norm(query)
        reach = z * math.sqrt(1 / (count(word) or 1) + variance)
        ends = (math.tanh(math.atanh(cosine) + sign * reach) for sign in (-1, 1))
        if word not in parts and cosine > 0:
            rows.append((word, cosine, count(word) or 0, *ends))
    return sorted(rows, key=lambda row: -row[3])


def assert_neighbors(found: WordNeighbors, expected: list[Any]) -> None:
    assert [near.word for near in found] == [row[0] for row in expected]
    np.testing.assert_allclose(
        [near[1:] for near in found], [row[1:] for row in expected], atol=2e-5
    )


@pytest.mark.parametrize("z", [0.5, 1.645, 3.0])
@pytest.mark.parametrize("word", ["w0", "w40", "w1999"])
def test_neighbors_are_ranked_by_the_lower_end_of_their_interval(
    counted: WordQueries, word: str, z: float
) -> None:
    expected = by_evidence(counted, counted[word], {word: 1.0}, z)
    assert_neighbors(counted.neighbors(word, topn=50, evidence=z), expected[:50])
    plain = counted.most_similar(word, topn=50, evidence=z)
    assert plain == [near[:2] for near in counted.neighbors(word, topn=50, evidence=z)]


def test_the_words_of_a_sum_are_as_sure_as_their_weights_say(counted: WordQueries) -> None:
    parts = {"w3": 2.0, "w1500": -0.5, "w8": 1.0}
    unit = {word: counted.get_vector(word, norm=True) for word in parts}
    query = np.sum([weight * unit[word] for word, weight in parts.items()], axis=0)
    expected = by_evidence(counted, query, parts, 1.645)[:10]
    assert_neighbors(counted.neighbors([("w3", 2), "w8"], [("w1500", -0.5)]), expected)
    assert_neighbors(counted.analogy("2*w3 - 0.5*w1500 + w8"), expected)


def test_without_evidence_the_cosine_ranks(counted: WordQueries) -> None:
    plain = counted.most_similar("w7", topn=20)
    assert [near[:2] for near in counted.neighbors("w7", topn=20, evidence=0)] == plain
    found = counted.neighbors("w7", topn=20)
    assert [near.word for near in found] != [word for word, _ in plain]
    assert sum(near.count or 0 for near in found) > sum(counted.get_count(w) or 0 for w, _ in plain)


def test_stop_words_are_left_out_unless_asked_for(counted: WordQueries) -> None:
    words = WordQueries(
        WordVectors(counted.vectors, counted.index_to_key, counted.counts),
        counted.index,
        str,
        lambda: ["w0", "w5", "absent"],
    )
    left = [near for near in counted.neighbors("w7", topn=50) if near.word not in ("w0", "w5")]
    assert words.neighbors("w7", topn=48) == left[:48]
    assert words.neighbors("w7", topn=50, evidence=0) == counted.neighbors(
        "w7", topn=50, evidence=0
    )
    assert words.neighbors("w5", topn=50) == counted.neighbors("w5", topn=50)


def test_without_counts_neighbors_are_ranked_by_the_cosine(some: WordQueries) -> None:
    found = some.neighbors("w1", topn=4)
    assert [near[:2] for near in found] == some.most_similar("w1", topn=4)
    assert {near[2:] for near in found} == {(None, None, None)}


def test_a_given_vector_is_no_estimate(counted: WordQueries) -> None:
    found = counted.neighbors(counted["w9"] * 3, topn=1_999)
    assert found[0].word == "w9"
    reach = 1.645 / math.sqrt(found[5].count or 1)
    assert found[5].low == pytest.approx(math.tanh(math.atanh(found[5].score) - reach), abs=1e-5)


def test_all_words_are_ranked_where_so_many_are_asked_for(counted: WordQueries) -> None:
    assert len(counted.neighbors("w9", topn=5_000, evidence=0)) == 1_999
    found = counted.neighbors("w9", topn=5_000)
    assert {near.word for near in found} == {
        word for word, score in counted.most_similar("w9", topn=2_000) if score > 0
    }
    assert {near.word for near in counted.neighbors("w9", restrict_vocab=4, evidence=0)} == {
        "w0",
        "w1",
        "w2",
        "w3",
    }


def test_evidence_goes_with_cosines_only(counted: WordQueries) -> None:
    with pytest.raises(ParameterError, match="evidence"):
        counted.most_similar("w9", metric="euclidean", evidence=1)
    with pytest.raises(ParameterError, match="evidence"):
        counted.neighbors("w9", evidence="much")


def test_scores_and_words_are_plain_values(some: WordQueries) -> None:
    (word, score), *_ = some.most_similar("w1")
    assert (type(word), type(score)) == (str, float)
    assert type(some.similarity("w1", "w2")) is float
    assert repr(some) == "Words(300 × 20: w0, w1, w2, ...)"


@pytest.mark.parametrize("topn", [-3, 1.5, "3", True])
def test_a_count_that_is_none_is_refused(some: WordQueries, topn: object) -> None:
    for ask in (some.similar_by_word, some.most_similar_cosmul, some.most_similar_batch):
        with pytest.raises(ParameterError, match="topn"):
            ask("w1", topn=topn)


@pytest.mark.filterwarnings("ignore:Call to deprecated `init_sims`:DeprecationWarning")
def test_without_a_count_all_scores_are_those_of_gensim(
    kv: KeyedVectors, words: WordQueries
) -> None:
    for asked in ({"positive": "w1"}, {"positive": ["w1", "w2"], "negative": [("w3", -0.5)]}):
        theirs = kv.most_similar(**asked, topn=None)
        np.testing.assert_allclose(words.most_similar(**asked, topn=None), theirs, atol=1e-5)
    theirs = kv.most_similar("w1", topn=None, restrict_vocab=7)
    np.testing.assert_allclose(words.similar_by_key("w1", None, 7), theirs, atol=1e-5)
    theirs = kv.similar_by_vector(kv.vectors[3], None)
    np.testing.assert_allclose(words.similar_by_vector(kv.vectors[3], None), theirs, atol=1e-5)
    theirs = kv.most_similar_cosmul("w1", "w2", None)
    found = words.most_similar_cosmul("w1", "w2", topn=None)
    np.testing.assert_allclose(found, theirs, rtol=1e-4)
    for ask in (words.most_similar, words.similar_by_key, words.most_similar_cosmul):
        assert ask("w1", topn=0) == kv.most_similar("w1", topn=0) == []


def test_without_a_count_euclidean_scores_are_those_of_numpy(words: WordQueries) -> None:
    found = words.most_similar("w1", topn=None, clip_start=5, metric="euclidean")
    wanted = -np.linalg.norm(words.vectors[5:] - words["w1"], axis=1)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("clips", [(20, None), (0, 15), (7, 40), (0, 0), (0, 99_999)])
def test_clipped_rows_are_those_of_gensim(
    kv: KeyedVectors, words: WordQueries, clips: tuple[int, int | None]
) -> None:
    same(words.most_similar("w9", None, 8, *clips), kv.most_similar("w9", None, 8, *clips))
    restricted = kv.most_similar("w9", None, 8, *clips, 12)
    same(words.most_similar("w9", None, 8, *clips, 12), restricted)
    theirs = kv.most_similar("w9", None, None, *clips)
    found = words.most_similar("w9", topn=None, clip_start=clips[0], clip_end=clips[1])
    np.testing.assert_allclose(found, theirs, atol=1e-5)
    with pytest.raises(ParameterError, match="clip_start"):
        words.most_similar("w9", clip_start=-1)
    assert words.most_similar("w9", clip_start=10_000) == []


class Reversed:
    """An index of another library: it gives the rows from the end."""

    def __init__(self, kv: KeyedVectors) -> None:
        self._kv = kv

    def most_similar(self, vector: np.ndarray, num_neighbors: int) -> list[tuple[str, float]]:
        scores = self._kv.cosine_similarities(vector, self._kv.vectors).tolist()
        return list(zip(self._kv.index_to_key, scores, strict=True))[: -num_neighbors - 1 : -1]


def test_an_index_of_another_library_answers_as_in_gensim(
    kv: KeyedVectors, words: WordQueries
) -> None:
    other = Reversed(kv)
    asked = (["w1", "w2"], ["w3"], 6)
    same(words.most_similar(*asked, indexer=other), kv.most_similar(*asked, indexer=other))


def test_empty_questions_are_refused(some: WordQueries) -> None:
    for ask in (
        some.most_similar,
        lambda: some.most_similar([], []),
        lambda: some.most_similar_cosmul([], ["w1"]),
        lambda: some.most_similar(""),
        lambda: some.most_similar("w1", "w1"),
        lambda: some.similar_by_vector(np.zeros(20)),
        lambda: some.doesnt_match(["w1", "w2"]),
        lambda: some.doesnt_match("w1 w2 w3"),
        lambda: some.n_similarity([], ["w1"]),
        lambda: some.rank_by_centrality([]),
        lambda: some.most_similar_to_given("w1", []),
        lambda: some.analogy(["w1", "w2"]),
        lambda: some.most_similar([3]),
        lambda: some[3],
    ):
        with pytest.raises((QueryError, VectorError)):
            ask()


@pytest.mark.parametrize("vector", [np.full(20, np.nan), np.ones(19), np.ones((2, 20)), [np.inf]])
def test_vectors_that_do_not_fit_are_refused(some: WordQueries, vector: object) -> None:
    with pytest.raises((VectorError, QueryError)):
        some.similar_by_vector(vector)


def test_settings_out_of_range_are_refused(some: WordQueries) -> None:
    with pytest.raises(ParameterError, match="metric"):
        some.most_similar("w1", metric="ip")
    with pytest.raises(ParameterError, match="metric"):
        some.most_similar("w1", metric="manhattan")
    with pytest.raises(ParameterError, match="restrict_vocab"):
        some.most_similar("w1", restrict_vocab=0)
    with pytest.raises(ParameterError, match="method"):
        some.analogy("w1 - w2", method="add")
    with pytest.raises(ParameterError, match="weight"):
        some.most_similar([("w1", float("nan"))])


def test_words_with_zero_vectors_are_like_nothing() -> None:
    vectors = WordVectors(np.array([[1, 0], [0, 0], [1, 1]], np.float32), ["a", "zero", "b"])
    words = WordQueries(vectors, VectorIndex.build(vectors.vectors), str)
    assert words.similarity("a", "zero") == 0
    assert dict(words.most_similar("a"))["zero"] == 0
    assert words.closer_than("a", "zero") == ["b"]
    assert words.most_similar_cosmul("a")[-1].word == "zero"
    with pytest.raises(QueryError, match="zero"):
        words.most_similar("zero")


VOCABULARY = ["the", "king", "queen", "woman", "Paris", "kind", "mother-in-law", "kong", "man"]


def normalize(word: str) -> str | None:
    return word.strip().lower() or None


def plain_words() -> WordQueries:
    X = np.random.default_rng(0).standard_normal((len(VOCABULARY), 5)).astype(np.float32)
    counts = np.array([900, 80, 70, 60, 50, 40, 30, 20, 10])
    vectors = WordVectors(X, VOCABULARY, counts)
    return WordQueries(vectors, VectorIndex.build(X), normalize)


def test_a_query_word_is_treated_like_the_corpus() -> None:
    words = plain_words()
    assert words.most_similar(" KING ") == words.most_similar("king")
    assert "king" not in [word for word, _ in words.most_similar("KING", topn=100)]
    assert ("King" in words, "Paris" in words, "paris" in words) == (True, True, False)
    assert 3 not in words


def test_a_word_is_looked_up_as_it_is_first() -> None:
    np.testing.assert_array_equal(plain_words()["Paris"], plain_words().vectors[4])


def test_an_unknown_word_comes_with_spellings() -> None:
    words = plain_words()
    with pytest.raises(UnknownWordError, match="did you mean 'king'") as caught:
        words.most_similar("kng")
    assert (caught.value.word, caught.value.suggestions[:2]) == ("kng", ("king", "kong"))
    for ask in (words.similarity, words.closer_than, words.rank, words.distance):
        with pytest.raises(KeyError):
            ask("king", "qeen")
    with pytest.raises(UnknownWordError, match="queen"):
        words.doesnt_match(["king", "qeen", "man"])


def test_an_expression_without_its_spaces_is_understood_in_the_error() -> None:
    with pytest.raises(UnknownWordError, match="did you mean 'king - man'"):
        plain_words().analogy("king-man")
    with pytest.raises(UnknownWordError, match=r"the analogy is 'king \+ man \+ woman'"):
        plain_words().most_similar("king man woman")
    with pytest.raises(UnknownWordError, match=r"did you mean 'king \+ woman'"):
        plain_words().analogy("king+woman")
    assert plain_words().analogy("mother-in-law - man")


def test_an_empty_word_is_no_unknown_word() -> None:
    with pytest.raises(QueryError, match="empty"):
        plain_words().most_similar("  ")


def test_counts_are_told() -> None:
    words = plain_words()
    assert (words.get_count("king"), words.get_count("KING")) == (80, 80)
    with pytest.raises(UnknownWordError):
        words.get_count("kng")


def test_an_inferred_word_is_answered_as_by_gensim_and_marked() -> None:
    sentences = [["king", "queen", "kingdom", "man"], ["cat", "dog", "cats", "dogs"]] * 30
    wv = FastText(sentences, vector_size=8, min_count=1, bucket=200, epochs=2, workers=1).wv
    subwords = Subwords(wv.min_n, wv.max_n, 200, np.arange(200), wv.vectors_ngrams)
    vectors = WordVectors(wv.vectors, wv.index_to_key, subwords=subwords)
    words = WordQueries(vectors, VectorIndex.build(wv.vectors), normalize)
    for asked in (["kingdoms"], ["kingdoms", "cat"]):
        ours, theirs = words.most_similar(asked), wv.most_similar(asked)
        assert [word for word, _ in ours] == [word for word, _ in theirs]
        np.testing.assert_allclose([s for _, s in ours], [s for _, s in theirs], atol=1e-5)
        assert ours.inferred == ("kingdoms",)
    assert words.most_similar("king").inferred == ()
    known, unknown = words.most_similar_batch(["king", "kingdoms"])
    assert (known.inferred, unknown.inferred) == ((), ("kingdoms",))
    assert words.similarity("kingdoms", "cat") == pytest.approx(
        float(wv.similarity("kingdoms", "cat")), abs=1e-5
    )
    distances = wv.distances(wv["kingdoms"])
    nearer = [w for w, d in zip(wv.index_to_key, distances, strict=True) if d < distances[0]]
    assert words.closer_than("kingdoms", wv.index_to_key[0]) == nearer
    assert "kingdoms" not in words
    with pytest.raises(UnknownWordError):
        words.get_count("kingdoms")


@pytest.mark.parametrize("weight", [math.nan, math.inf, 1e39, -1e200])
def test_a_weight_must_be_one_that_can_be_added_up(some: WordQueries, weight: float) -> None:
    for ask in (some.most_similar, some.neighbors, some.most_similar_cosmul):
        with pytest.raises(ParameterError, match="weight"):
            ask([("w1", weight), "w2"])
