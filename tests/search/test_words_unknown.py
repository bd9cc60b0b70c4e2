"""Words that the vocabulary does not have: treated like the corpus, inferred, or suggested."""

from __future__ import annotations

import numpy as np
import pytest
from gensim.models import FastText
from hypothesis import given, strategies as st

from embedsearch._errors import QueryError, UnknownWordError
from embedsearch.index.vector_index import VectorIndex
from embedsearch.search.suggest import Speller, edit_distances, suggest
from embedsearch.search.words import Words
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.word_vectors import WordVectors

VOCABULARY = ["the", "king", "queen", "woman", "Paris", "kind", "mother-in-law", "kong", "man"]


def normalize(word: str) -> str | None:
    return word.strip().lower() or None


def plain_words() -> Words:
    X = np.random.default_rng(0).standard_normal((len(VOCABULARY), 5)).astype(np.float32)
    counts = np.array([900, 80, 70, 60, 50, 40, 30, 20, 10])
    vectors = WordVectors(X, VOCABULARY, counts)
    return Words(vectors, VectorIndex.build(X), normalize)


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
    words = Words(vectors, VectorIndex.build(wv.vectors), normalize)
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


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("kign", "king"), ("queeen", "queen"), ("wman", "woman"), ("PARIZ", "Paris"), ("teh", "the")],
)
def test_slips_of_the_finger_are_mended(wrong: str, right: str) -> None:
    assert Speller(VOCABULARY).suggest(wrong)[0] == right


def test_of_equal_spellings_the_frequent_word_comes_first() -> None:
    names = ["bat", "cat", "hat", "rat"]
    assert Speller(names, np.array([1, 5, 1000, 50])).suggest("zat") == ["hat", "rat", "cat", "bat"]


def test_words_far_from_all_get_no_suggestions() -> None:
    speller = Speller(["king", "", "东京"])
    for word in ("xylophone", "", "k" * 1_000_000, "\ud800"):
        assert speller.suggest(word) == []
    assert Speller([]).suggest("king") == []


def test_no_more_are_suggested_than_asked_for() -> None:
    vectors = WordVectors(np.ones((30, 2), np.float32), [f"word{i}" for i in range(30)])
    assert len(suggest("word", vectors)) == 5
    assert suggest("word", vectors, topn=2) == ["word0", "word1"]


def distance(one: str, other: str) -> int:
    """Restate the recurrence of optimal string alignment, letter by letter."""
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            ways = [
                table[i - 1, j] + 1,
                table[i, j - 1] + 1,
                table[i - 1, j - 1] + (one[i - 1] != other[j - 1]),
            ]
            if one[i - 2 : i] == other[j - 2 : j][::-1] and i > 1 and j > 1:
                ways.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(ways)
    return table[len(one), len(other)]


short = st.text("abc", min_size=1, max_size=7)


@given(short, short)
def test_the_distance_is_that_of_its_definition(one: str, other: str) -> None:
    codes = [np.array([[ord(letter) for letter in word]], np.uint32) for word in (one, other)]
    assert edit_distances(codes[0], codes[1][0]).tolist() == [distance(one, other)]


@given(st.lists(short, min_size=1, max_size=20, unique=True), short)
def test_the_sieve_loses_no_near_word(words: list[str], target: str) -> None:
    reach = 1 if len(target) <= 3 else 2
    near = {word for word in words if distance(word, target) <= reach}
    assert set(Speller(words).suggest(target, topn=100)) == near
