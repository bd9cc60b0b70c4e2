"""Subwords: fastText's hash, its n-grams, and its vectors of unknown words."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from gensim.models import FastText
from gensim.models.fasttext_inner import compute_ngrams_bytes, ft_hash_bytes
from hypothesis import given, strategies as st

from embedsearch._errors import ParameterError, VectorError
from embedsearch.vectors.subwords import Subwords, ngram_hash

letters = st.characters(exclude_categories=["Cs"])


def empty(min_n: int = 3, max_n: int = 6, bucket: int = 2_000_000) -> Subwords:
    return Subwords(min_n, max_n, bucket, np.empty(0, np.int64), np.empty((0, 4), np.float32))


@cache
def model() -> FastText:
    sentences = [["king", "queen", "kingdom"], ["naïve", "café", "東京都"]] * 20
    return FastText(
        sentences, vector_size=8, min_count=1, bucket=50, min_n=2, max_n=4, epochs=3, workers=1
    )


@given(st.binary(max_size=30))
def test_the_hash_is_that_of_fasttext(ngram: bytes) -> None:
    assert ngram_hash(ngram) == ft_hash_bytes(ngram)


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
