"""The compiled models against their numpy twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embedsearch.kernels import cbow, heldout, skipgram, subword
from embedsearch.kernels._simd import unroll
from embedsearch.kernels.matrices import aligned

KEY = 0xC0FFEE
ALPHA = np.float32(0.05)
N_OUT = unroll(5)


def piece(text: Any, start: int, stop: int, window: int) -> tuple[Any, ...]:
    return (text.ids, text.offsets, start, stop, text.keep, text.table, window)


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
    rest = (ALPHA, np.uint64(KEY), False, unroll(negative))
    skipgram.train(x, y, *piece(text, 7, stop, window), *rest)
    twins.train_skipgram(tx, ty, text, 7, stop, window, 0.05, KEY, negative)
    close(x, tx)
    close(y, ty)
    assert not x[:, dim:].any()
    assert not y[:, dim:].any()


@pytest.mark.parametrize("cbow_mean", [False, True])
def test_cbow_trains_as_its_twin(text: Any, twins: Any, matrices: Any, cbow_mean: bool) -> None:
    x, y = matrices(20)
    tx, ty = x.copy(), y.copy()
    rest = (ALPHA, np.uint64(KEY), cbow_mean, False, N_OUT)
    cbow.train(x, y, *piece(text, 0, 3000, 4), *rest)
    twins.train_cbow(tx, ty, text, cbow_mean, 0, 3000, 4, 0.05, KEY, 5)
    close(x, tx)
    close(y, ty)


@pytest.mark.parametrize("window", [3, 20])
def test_subwords_train_as_their_twin(
    text: Any, twins: Any, matrices: Any, spelling: Any, window: int
) -> None:
    first, rows, lists = spelling
    x, y = matrices(20, rows=100)
    tx, ty = x.copy(), y.copy()
    rest = (np.float32(0.01), np.uint64(KEY), False, N_OUT)
    subword.train(x, y, first, rows, *piece(text, 0, 3000, window), *rest)
    twins.train_subword(tx, ty, text, lists, 0, 3000, window, 0.01, KEY, 5)
    close(x, tx)
    close(y, ty)


def test_a_word_is_composed_of_the_mean_of_its_rows(matrices: Any, spelling: Any) -> None:
    first, rows, lists = spelling
    x, _ = matrices(20, rows=100)
    words = aligned(len(lists), 20)
    subword.compose(x, first, rows, words)
    close(words, [x[row].mean(axis=0) for row in lists])


def test_one_thread_gives_the_same_bytes_twice(text: Any, matrices: Any) -> None:
    trained = []
    for _ in range(2):
        x, y = matrices(20)
        skipgram.train(x, y, *piece(text, 0, 3000, 5), ALPHA, np.uint64(KEY), False, N_OUT)
        trained.append(x.tobytes() + y.tobytes())
    assert trained[0] == trained[1]


def test_the_loss_is_that_of_the_probabilities(text: Any, twins: Any, matrices: Any) -> None:
    x, y = matrices(16)
    wanted, pairs = 0.0, 0
    _, _, key = twins.blocks(0, 300, KEY)[0]
    tokens, found = twins.windows(text, 0, 300, 2, key, 5)
    for _, context, targets in found:
        p = twins.sigmoid(x[[tokens[j].word for j in context]] @ y[targets].T).astype(float)
        wanted -= np.log(p[:, 0]).sum() + np.log(1 - p[:, 1:]).sum()
        pairs += len(context)
    total, n = heldout.loss(x, y, *piece(text, 0, 300, 2), np.uint64(KEY), N_OUT)
    assert n == pairs
    assert total == pytest.approx(wanted, rel=1e-4)


def test_the_loss_of_cbow_is_that_of_the_sum(text: Any, twins: Any, matrices: Any) -> None:
    x, y = matrices(16)
    wanted, n_windows = 0.0, 0
    _, _, key = twins.blocks(0, 300, KEY)[0]
    tokens, found = twins.windows(text, 0, 300, 2, key, 5)
    for _, context, targets in found:
        if context:
            h = x[[tokens[j].word for j in context]].sum(axis=0)
            p = twins.sigmoid(h @ y[targets].T).astype(float)
            wanted -= np.log(p[0]) + np.log(1 - p[1:]).sum()
            n_windows += 1
    total, n = heldout.cbow_loss(x, y, *piece(text, 0, 300, 2), np.uint64(KEY), False, N_OUT)
    assert n == n_windows
    assert total == pytest.approx(wanted, rel=1e-4)


def test_words_of_one_row_have_the_loss_of_skipgram(text: Any, matrices: Any) -> None:
    x, y = matrices(16)
    first, rows = np.arange(61), np.arange(60, dtype=np.int32)
    place = piece(text, 0, 900, 3)
    got = heldout.subword_loss(x, y, first, rows, *place, np.uint64(KEY), N_OUT)
    wanted = heldout.loss(x, y, *place, np.uint64(KEY), N_OUT)
    assert got == pytest.approx(wanted, rel=1e-6)


def test_measuring_the_loss_changes_nothing(text: Any, matrices: Any, spelling: Any) -> None:
    first, rows, _ = spelling
    x, y = matrices(16, rows=100)
    before = x.copy(), y.copy()
    place, rest = piece(text, 0, 900, 3), (np.uint64(KEY), N_OUT)
    heldout.loss(x, y, *place, *rest)
    heldout.cbow_loss(x, y, *place, np.uint64(KEY), True, N_OUT)
    heldout.subword_loss(x, y, first, rows, *place, *rest)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_training_lowers_the_loss_of_what_was_trained(text: Any, matrices: Any) -> None:
    x, y = matrices(16)
    place = piece(text, 0, 3000, 5)
    before, pairs = heldout.loss(x, y, *place, np.uint64(1), N_OUT)
    for epoch in range(3):
        skipgram.train(x, y, *place, ALPHA, np.uint64(10 + epoch), False, N_OUT)
    after, _ = heldout.loss(x, y, *place, np.uint64(1), N_OUT)
    assert after < 0.9 * before
    assert pairs > 3000
