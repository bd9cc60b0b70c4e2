"""The n-grams of many words at once: those of gensim, and what they add to vectors."""

from __future__ import annotations

import numpy as np
import pytest
from gensim.models.fasttext_inner import compute_ngrams_bytes, ft_hash_bytes
from hypothesis import given, strategies as st

from embedsearch._errors import VectorError
from embedsearch.vectors.formats.fasttext_ngrams import (
    composed,
    in_use,
    ngram_ids,
    ngram_sums,
    own_rows,
)
from embedsearch.vectors.subwords import Subwords

letters = st.characters(exclude_categories=["Cs"])


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


def test_sums_are_those_of_one_word_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    subwords = table([1, 2, 3, 5, 8, 13, 21, 34, 40, 49])
    words = ["naïve", "東京都", "", "a", "straße"]
    sums, sizes = ngram_sums([word.encode() for word in words], subwords)
    monkeypatch.setattr("embedsearch.vectors.formats.fasttext_ngrams._CHUNK_BYTES", 8 * 5 * 3)
    in_pieces, _ = ngram_sums([word.encode() for word in words], subwords)
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
    np.testing.assert_allclose(composed(own, words, subwords), vectors, atol=1e-6)
    np.testing.assert_array_equal(own[3], vectors[3])


def test_own_rows_beyond_float32_are_refused() -> None:
    vectors = np.full((1, 5), 3e38, np.float32)
    with pytest.raises(VectorError, match="beyond float32"):
        own_rows(vectors, [b"king"], table(list(range(50))))


def test_settings_without_any_ngram_mean_no_ngrams() -> None:
    assert in_use(table([], bucket=0)) is None
    assert in_use(table([1], min_n=3, max_n=2)) is None
    assert in_use(table([1])) is not None
    assert in_use(None) is None
