"""Subwords: the hash and the n-grams of fastText, and what they add to vectors of words."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from gensim.models import FastText
from gensim.models.fasttext_inner import compute_ngrams_bytes, ft_hash_bytes
from hypothesis import given, strategies as st

from embedsearch._errors import ParameterError, VectorError
from embedsearch.vectors.subwords import (
    Subwords,
    active_ngrams,
    compose,
    ngram_ids,
    ngram_sums,
    own_rows,
)

letters = st.characters(exclude_categories=["Cs"])


def empty(min_n: int = 3, max_n: int = 6, bucket: int = 2_000_000) -> Subwords:
    return Subwords(min_n, max_n, bucket, np.empty(0, np.int64), np.empty((0, 4), np.float32))


@cache
def model() -> FastText:
    sentences = [["king", "queen", "kingdom"], ["naïve", "café", "東京都"]] * 20
    return FastText(
        sentences, vector_size=8, min_count=1, bucket=50, min_n=2, max_n=4, epochs=3, workers=1
    )


@given(st.text(letters, max_size=12), st.integers(1, 4), st.integers(1, 6))
def test_the_ngrams_are_those_of_fasttext(word: str, min_n: int, max_n: int) -> None:
    wanted = [ft_hash_bytes(n) % 1000 for n in compute_ngrams_bytes(word, min_n, max_n)]
    assert empty(min_n, max_n, 1000).ngram_ids(word) == wanted


@pytest.mark.parametrize("word", ["queens", "kin", "zebra", "cafés", "東京", "x"])
def test_vectors_of_unknown_words_are_those_of_gensim(word: str) -> None:
    wv = model().wv
    subwords = Subwords(2, 4, 50, np.arange(50), wv.vectors_ngrams)
    np.testing.assert_allclose(subwords.infer(word), wv.get_vector(word), atol=1e-6)


def test_unknown_ngrams_do_not_count() -> None:
    first, _, third = empty(3, 3).ngram_ids("abc")
    rows = np.array(sorted([first, third]))
    vectors = np.eye(2, 4, dtype=np.float32)
    found = Subwords(3, 3, 2_000_000, rows, vectors).infer("abc")
    assert found is not None
    np.testing.assert_allclose(found, [0.5, 0.5, 0, 0])


def test_a_word_without_known_ngrams_has_no_vector() -> None:
    assert empty().infer("word") is None
    assert empty(bucket=0).ngram_ids("word") == []
    assert empty(min_n=9, max_n=9).infer("word") is None


def test_half_a_character_has_ngrams_like_any_other() -> None:
    assert len(empty(3, 3).ngram_ids("\ud800a")) == 2


@pytest.mark.parametrize("ids", [[2, 1], [1, 1], [-1, 1], [1, 50]])
def test_ids_out_of_order_or_range_are_refused(ids: list[int]) -> None:
    with pytest.raises(VectorError, match="ascend"):
        Subwords(2, 4, 50, np.array(ids), np.zeros((2, 4), np.float32))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ParameterError, match="min_n"):
        empty(min_n=0)
    with pytest.raises(ParameterError, match="bucket"):
        empty(bucket=-1)
    with pytest.raises(VectorError, match="do not fit"):
        Subwords(2, 4, 50, np.arange(3), np.zeros((2, 4), np.float32))


def table(ids: list[int], bucket: int = 50, min_n: int = 2, max_n: int = 4) -> Subwords:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(ids), 5)).astype(np.float32)
    return Subwords(min_n, max_n, bucket, np.array(ids, np.int64), vectors)


@given(st.lists(st.text(letters, max_size=9), max_size=5), st.integers(1, 4), st.integers(1, 6))
def test_ngrams_of_many_words_are_those_of_gensim(words: list[str], low: int, high: int) -> None:
    words = [word for word in words if word != "</s>"]
    owners, ids = ngram_ids([word.encode() for word in words], low, high, 1000)
    assert (np.diff(owners) >= 0).all()
    for place, word in enumerate(words):
        wanted = [ft_hash_bytes(n) % 1000 for n in compute_ngrams_bytes(word, low, high)]
        assert sorted(ids[owners == place]) == sorted(wanted)


@given(st.lists(st.binary(max_size=9), max_size=4))
def test_words_that_are_no_text_have_ngrams_too(words: list[bytes]) -> None:
    owners, ids = ngram_ids(words, 1, 3, 7)
    assert len(owners) == len(ids)
    assert all(0 <= row < 7 for row in ids)


def test_the_mark_for_the_end_of_a_line_has_no_ngrams() -> None:
    owners, _ = ngram_ids([b"cat", b"</s>", b"dog"], 3, 3, 100)
    assert set(owners) == {0, 2}


def test_sums_are_those_of_one_word_after_another() -> None:
    subwords = table([1, 2, 3, 5, 8, 13, 21, 34, 40, 49])
    words = ["naïve", "東京都", "", "a", "straße"]
    encoded = [word.encode() for word in words]
    sums, sizes = ngram_sums(encoded, subwords)
    in_pieces, _ = ngram_sums(encoded, subwords, chunk_bytes=8 * 5 * 3)
    np.testing.assert_allclose(in_pieces, sums, atol=1e-12)
    rows = dict(zip(subwords.ids.tolist(), subwords.vectors.astype(np.float64), strict=True))
    for place, word in enumerate(words):
        ids = subwords.ngram_ids(word)
        wanted = sum((rows.get(row, np.zeros(5)) for row in ids), np.zeros(5))
        assert sizes[place] == len(ids)
        np.testing.assert_allclose(sums[place], wanted, atol=1e-12)


def test_own_rows_give_back_the_vectors_that_they_were_found_from() -> None:
    subwords, words = table(list(range(50))), [b"king", b"queen", b"x", b"</s>"]
    vectors = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)
    own = own_rows(vectors, words, subwords)
    np.testing.assert_allclose(compose(own, words, subwords), vectors, atol=1e-6)
    np.testing.assert_array_equal(own[3], vectors[3])


def test_own_rows_beyond_float32_are_refused() -> None:
    vectors = np.full((1, 5), 3e38, np.float32)
    with pytest.raises(VectorError, match="beyond float32"):
        own_rows(vectors, [b"king"], table(list(range(50))))


def test_settings_without_any_ngram_mean_no_ngrams() -> None:
    assert active_ngrams(table([], bucket=0)) is None
    assert active_ngrams(table([1], min_n=3, max_n=2)) is None
    assert active_ngrams(table([1])) is not None
    assert active_ngrams(None) is None
