"""The n-grams of a vocabulary are those of single words, which are tested against gensim's."""

from __future__ import annotations

import numpy as np
import pytest

from embedsearch.kernels.ngrams import hashed_ngrams
from embedsearch.vectors.subwords import Subwords

WORDS = ["night", "über", "日本語テキスト", "a", "🦊x", "new_york", "naïve"]


@pytest.mark.parametrize(("min_n", "max_n"), [(3, 6), (1, 3), (2, 4), (3, 3)])
def test_all_words_together_hash_as_each_alone(min_n: int, max_n: int) -> None:
    bucket = 2_000_000
    alone = Subwords(min_n, max_n, bucket, np.empty(0, np.int64), np.empty((0, 0), np.float32))
    expected = [alone.ngram_ids(word) for word in WORDS]
    hashes, sizes = hashed_ngrams([f"<{word}>".encode() for word in WORDS], min_n, max_n)
    assert sizes.tolist() == [len(ids) for ids in expected]
    assert (hashes.astype(np.int64) % bucket).tolist() == [i for ids in expected for i in ids]
