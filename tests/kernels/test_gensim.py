"""A sentence moves the vectors as it does in gensim, where neither draws anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gensim.models import FastText, Word2Vec

from embedsearch.kernels import cbow, skipgram, subword
from embedsearch.kernels._simd import unroll
from embedsearch.kernels.matrices import Floats, aligned
from embedsearch.kernels.sampling import alias_table, keep_table

DIM = 16
ALPHA = 0.001
SENTENCE = ["ones", "twos", "ones", "four"]
SETTINGS = {
    "vector_size": DIM,
    "window": 1,
    "negative": 5,
    "sample": 0,
    "min_count": 1,
    "workers": 1,
    "alpha": ALPHA,
    "min_alpha": ALPHA,
}


def fixed(model: Any) -> Any:
    """Give a model random vectors, and noise that is always its last word, `noise`."""
    rng = np.random.default_rng(2)
    model.build_vocab_from_freq({"ones": 9, "twos": 8, "four": 7, "noise": 6})
    model.syn1neg[:] = rng.normal(0, 0.3, model.syn1neg.shape)
    for vectors in {id(v): v for v in (model.wv.vectors, vectors_of(model))}.values():
        vectors[:] = rng.normal(0, 0.3, vectors.shape)
    model.cum_table[:-1] = 0
    return model


def vectors_of(model: Any) -> Any:
    return getattr(model.wv, "vectors_vocab", model.wv.vectors)


def padded(matrix: Floats) -> Floats:
    x = aligned(len(matrix), DIM)
    x[:, :DIM] = matrix
    return x


def trained(model: Any) -> None:
    model.train([SENTENCE], total_examples=1, epochs=1)


def piece(model: Any) -> tuple[Any, ...]:
    ids = np.array([model.wv.key_to_index[word] for word in SENTENCE], np.int32)
    keep, table = keep_table(np.ones(4, np.int64), 0), alias_table(np.array([0.0, 0, 0, 1]))
    ids.flags.writeable = False
    return (ids, np.array([0, 4]), 0, 4, keep, table, 1, np.float32(ALPHA), np.uint64(3))


def same_change(x: Floats, before: Floats, wanted: Floats, wanted_before: Floats) -> None:
    """Compare to a fiftieth: gensim's sigmoid is a table, whose place for 0 holds 0.494."""
    change, wanted_change = x[:, :DIM] - before[:, :DIM], wanted - wanted_before
    assert np.abs(wanted_change).max() > 1e-4
    np.testing.assert_allclose(change, wanted_change, atol=0.02 * np.abs(wanted_change).max())


@pytest.mark.parametrize(("sg", "cbow_mean"), [(1, 1), (0, 1), (0, 0)])
def test_a_sentence_moves_words_as_in_gensim(sg: int, cbow_mean: int) -> None:
    model = fixed(Word2Vec(**SETTINGS, sg=sg, cbow_mean=cbow_mean))
    x, y = padded(model.wv.vectors), padded(model.syn1neg)
    old = x.copy(), y.copy(), model.wv.vectors.copy(), model.syn1neg.copy()
    trained(model)
    if sg:
        skipgram.train(x, y, *piece(model), False, unroll(5))
    else:
        cbow.train(x, y, *piece(model), bool(cbow_mean), False, unroll(5))
    same_change(x, old[0], model.wv.vectors, old[2])
    same_change(y, old[1], model.syn1neg, old[3])


def test_a_sentence_moves_ngrams_as_in_gensim() -> None:
    model = fixed(FastText(**SETTINGS, sg=1, min_n=3, max_n=4, bucket=50))
    wv = model.wv
    wv.vectors_ngrams[:] = np.random.default_rng(5).normal(0, 0.3, wv.vectors_ngrams.shape)
    lists = [[i, *(4 + np.array(wv.buckets_word[i]))] for i in range(4)]
    first = np.cumsum([0, *(len(rows) for rows in lists)])
    rows = np.concatenate(lists).astype(np.int32)
    before = np.vstack([wv.vectors_vocab, wv.vectors_ngrams])
    x, y, old_y = padded(before), padded(model.syn1neg), model.syn1neg.copy()
    old = x.copy(), y.copy()
    trained(model)
    subword.train(x, y, first, rows, *piece(model), False, unroll(5))
    after = np.vstack([wv.vectors_vocab, wv.vectors_ngrams])
    same_change(x, old[0], after, before)
    # A word and 7 n-grams: gensim divides their sum by 7, fastText and we by 8.
    same_change(old[1] + (y - old[1]) * 8 / 7, old[1], model.syn1neg, old_y)


def test_words_are_thinned_out_as_in_gensim() -> None:
    counts = {"a": 5000, "b": 300, "c": 40, "d": 7}
    model = Word2Vec(vector_size=2, min_count=1, sample=1e-2)
    model.build_vocab_from_freq(counts)
    wanted = [model.wv.get_vecattr(word, "sample_int") for word in counts]
    got = keep_table(np.array(list(counts.values())), 1e-2)
    np.testing.assert_allclose(got, np.array(wanted, np.float64), rtol=1e-6)
