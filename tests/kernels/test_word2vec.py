"""The compiled models against numpy twins, and against gensim where neither draws anything."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from gensim.models import FastText, Word2Vec

from embedsearch.kernels._simd import Floats, aligned, unroll
from embedsearch.kernels.sampling import Piece, Text, alias_table, keep_table
from embedsearch.kernels.word2vec import (
    Cbow,
    SkipGram,
    Step,
    SubwordCbow,
    SubwordSkipGram,
    compose,
    loss,
    pair_loss,
    scores,
    sigmoid,
    train,
)

KEY = np.uint64(0xC0FFEE)
ALPHA = np.float32(0.05)
N_OUT = unroll(5)
# What gensim is given.
DIM = 16
GENTLE = 0.001
SENTENCE = ["ones", "twos", "ones", "four"]
SETTINGS = {
    "vector_size": DIM,
    "window": 1,
    "negative": 5,
    "sample": 0,
    "min_count": 1,
    "workers": 1,
    "alpha": GENTLE,
    "min_alpha": GENTLE,
}


def step(window: int) -> Step:
    return Step(window, ALPHA, False, N_OUT)


def close(actual: Any, wanted: Any) -> None:
    np.testing.assert_allclose(actual, wanted, atol=2e-5, rtol=1e-4)


# 21 targets are more than registers hold, on any processor.
@pytest.mark.parametrize(
    ("dim", "negative", "window", "stop"), [(10, 5, 5, 2991), (40, 5, 50, 400), (16, 20, 8, 900)]
)
def test_skipgram_trains_as_its_twin(
    text: Any, twins: Any, matrices: Any, dim: int, negative: int, window: int, stop: int
) -> None:
    x, y = matrices(dim)
    tx, ty = x.copy(), y.copy()
    train(SkipGram(x, y), text, Piece(7, stop, KEY), Step(window, ALPHA, False, unroll(negative)))
    twins.train_skipgram(tx, ty, text, 7, stop, window, 0.05, int(KEY), negative)
    close(x, tx)
    close(y, ty)
    assert not x[:, dim:].any()
    assert not y[:, dim:].any()


@pytest.mark.parametrize("cbow_mean", [False, True])
def test_cbow_trains_as_its_twin(text: Any, twins: Any, matrices: Any, cbow_mean: bool) -> None:
    x, y = matrices(20)
    tx, ty = x.copy(), y.copy()
    train(Cbow(x, y, cbow_mean), text, Piece(0, 3000, KEY), step(4))
    twins.train_cbow(tx, ty, text, cbow_mean, 0, 3000, 4, 0.05, int(KEY), 5)
    close(x, tx)
    close(y, ty)


# None is skip-gram.
@pytest.mark.parametrize("window", [3, 20])
@pytest.mark.parametrize("cbow_mean", [None, False, True])
def test_subwords_train_as_their_twin(
    text: Any, twins: Any, matrices: Any, spelling: Any, cbow_mean: bool | None, window: int
) -> None:
    first, rows, lists = spelling
    x, y = matrices(20, rows=100)
    tx, ty = x.copy(), y.copy()
    model: SubwordSkipGram | SubwordCbow = SubwordSkipGram(x, y, first, rows)
    bag = {}
    if cbow_mean is not None:
        model = SubwordCbow(x, y, first, rows, cbow_mean)
        bag = {"train": partial(twins.cbow_step, cbow_mean=cbow_mean)}
    train(model, text, Piece(0, 3000, KEY), step(window)._replace(alpha=np.float32(0.01)))
    twins.train_subword(tx, ty, text, lists, 0, 3000, window, 0.01, int(KEY), 5, **bag)
    close(x, tx)
    close(y, ty)


def test_a_word_is_composed_of_the_mean_of_its_rows(matrices: Any, spelling: Any) -> None:
    first, rows, lists = spelling
    x, y = matrices(20, rows=100)
    words = aligned(len(lists), 20)
    compose(SubwordSkipGram(x, y, first, rows), words)
    close(words, [x[row].mean(axis=0) for row in lists])


def test_one_thread_gives_the_same_bytes_twice(text: Any, matrices: Any) -> None:
    trained = []
    for _ in range(2):
        x, y = matrices(20)
        train(SkipGram(x, y), text, Piece(0, 3000, KEY), step(5))
        trained.append(x.tobytes() + y.tobytes())
    assert trained[0] == trained[1]


def test_the_loss_is_that_of_the_probabilities(text: Any, twins: Any, matrices: Any) -> None:
    x, y = matrices(16)
    wanted, pairs = 0.0, 0
    _, _, key = twins.blocks(0, 300, int(KEY))[0]
    tokens, found = twins.windows(text, 0, 300, 2, key, 5)
    for _, context, targets in found:
        p = twins.sigmoid(x[[tokens[j].word for j in context]] @ y[targets].T).astype(float)
        wanted -= np.log(p[:, 0]).sum() + np.log(1 - p[:, 1:]).sum()
        pairs += len(context)
    total, n = loss(SkipGram(x, y), text, Piece(0, 300, KEY), step(2))
    assert n == pairs
    assert total == pytest.approx(wanted, rel=1e-4)


def test_the_loss_of_cbow_is_that_of_the_sum(text: Any, twins: Any, matrices: Any) -> None:
    x, y = matrices(16)
    wanted, n_windows = 0.0, 0
    _, _, key = twins.blocks(0, 300, int(KEY))[0]
    tokens, found = twins.windows(text, 0, 300, 2, key, 5)
    for _, context, targets in found:
        if context:
            h = x[[tokens[j].word for j in context]].sum(axis=0)
            p = twins.sigmoid(h @ y[targets].T).astype(float)
            wanted -= np.log(p[0]) + np.log(1 - p[1:]).sum()
            n_windows += 1
    total, n = loss(Cbow(x, y, False), text, Piece(0, 300, KEY), step(2))
    assert n == n_windows
    assert total == pytest.approx(wanted, rel=1e-4)


def test_words_of_one_row_have_the_loss_of_words(text: Any, matrices: Any) -> None:
    x, y = matrices(16)
    first, rows = np.arange(61), np.arange(60, dtype=np.int32)
    piece = Piece(0, 900, KEY)
    for subword, plain in (
        (SubwordSkipGram(x, y, first, rows), SkipGram(x, y)),
        (SubwordCbow(x, y, first, rows, True), Cbow(x, y, True)),
    ):
        got, wanted = (loss(model, text, piece, step(3)) for model in (subword, plain))
        assert got == pytest.approx(wanted, rel=1e-6)


def test_measuring_the_loss_changes_nothing(text: Any, matrices: Any, spelling: Any) -> None:
    first, rows, _ = spelling
    x, y = matrices(16, rows=100)
    before = x.copy(), y.copy()
    models = (
        SkipGram(x, y),
        Cbow(x, y, True),
        SubwordSkipGram(x, y, first, rows),
        SubwordCbow(x, y, first, rows, True),
    )
    for model in models:
        loss(model, text, Piece(0, 900, KEY), step(3))
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_training_lowers_the_loss_of_what_was_trained(text: Any, matrices: Any) -> None:
    model, piece = SkipGram(*matrices(16)), Piece(0, 3000, np.uint64(1))
    before, pairs = loss(model, text, piece, step(5))
    for epoch in range(3):
        train(model, text, piece._replace(key=np.uint64(10 + epoch)), step(5))
    after, _ = loss(model, text, piece, step(5))
    assert after < 0.9 * before
    assert pairs > 3000


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


def train_gensim(model: Any) -> None:
    model.train([SENTENCE], total_examples=1, epochs=1)


def sentence(model: Any) -> tuple[Text, Piece, Step]:
    ids = np.array([model.wv.key_to_index[word] for word in SENTENCE], np.int32)
    keep, noise = keep_table(np.ones(4, np.int64), 0), alias_table(np.array([0.0, 0, 0, 1]))
    ids.flags.writeable = False
    text = Text(ids, np.array([0, 4]), keep, noise)
    return text, Piece(0, 4, np.uint64(3)), Step(1, np.float32(GENTLE), False, N_OUT)


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
    train_gensim(model)
    train(SkipGram(x, y) if sg else Cbow(x, y, bool(cbow_mean)), *sentence(model))
    same_change(x, old[0], model.wv.vectors, old[2])
    same_change(y, old[1], model.syn1neg, old[3])


@pytest.mark.parametrize(("sg", "cbow_mean"), [(1, 1), (0, 1)])
def test_a_sentence_moves_ngrams_as_in_gensim(sg: int, cbow_mean: int) -> None:
    model = fixed(FastText(**SETTINGS, sg=sg, cbow_mean=cbow_mean, min_n=3, max_n=4, bucket=50))
    wv = model.wv
    wv.vectors_ngrams[:] = np.random.default_rng(5).normal(0, 0.3, wv.vectors_ngrams.shape)
    lists = [[i, *(4 + np.array(wv.buckets_word[i]))] for i in range(4)]
    first = np.cumsum([0, *(len(rows) for rows in lists)])
    rows = np.concatenate(lists).astype(np.int32)
    before = np.vstack([wv.vectors_vocab, wv.vectors_ngrams])
    x, y, old_y = padded(before), padded(model.syn1neg), model.syn1neg.copy()
    old = x.copy(), y.copy()
    train_gensim(model)
    ours = SubwordSkipGram(x, y, first, rows) if sg else SubwordCbow(x, y, first, rows, True)
    train(ours, *sentence(model))
    after = np.vstack([wv.vectors_vocab, wv.vectors_ngrams])
    same_change(x, old[0], after, before)
    # A word and 7 n-grams: in skip-gram gensim divides their sum by 7, fastText and we by 8.
    same_change(old[1] + (y - old[1]) * (8 / 7 if sg else 1), old[1], model.syn1neg, old_y)


def test_the_sigmoid_is_right_to_the_fifth_digit() -> None:
    wanted = np.linspace(-9, 9, 1001, dtype=np.float32)
    f = scores(wanted.size)
    f[: wanted.size] = wanted
    sigmoid(f, wanted.size)
    exact = 1 / (1 + np.exp(-np.clip(wanted, -6, 6).astype(float)))
    np.testing.assert_allclose(f[: wanted.size], exact, atol=2e-5)


@pytest.mark.parametrize("n_out", [2, 6, 64, 65, 1001])
def test_the_loss_of_many_targets_does_not_overflow(n_out: int) -> None:
    p = np.random.default_rng(n_out).uniform(0.0025, 0.9975, (3, n_out)).astype(np.float32)
    exact = p.astype(float)
    wanted = -np.log(exact[:, 0]).sum() - np.log(1 - exact[:, 1:]).sum()
    assert pair_loss(p.ravel(), 3, n_out) == pytest.approx(wanted, rel=1e-5)
