"""Random numbers, tables, start vectors and probabilities, against what is published."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedsearch.kernels.matrices import PAD, aligned, fresh_vectors
from embedsearch.kernels.sampling import alias_table, draws, keep_table, noise_table, stream_key
from embedsearch.kernels.scores import pair_loss, scores, sigmoid


def test_draws_are_those_of_splitmix64() -> None:
    # The first outputs of the generator of Java and of Vigna's C code for this seed.
    assert draws(1234567, 1, 5).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_a_draw_depends_on_its_number_alone() -> None:
    np.testing.assert_array_equal(draws(7, -3, 10)[3:], draws(7, 0, 7))


def test_streams_of_neighbours_are_unrelated() -> None:
    keys = [stream_key(seed, epoch, at) for seed in range(9) for epoch in range(9) for at in (0, 1)]
    assert len(set(keys)) == len(keys)
    bits = np.unpackbits(np.array(keys, np.uint64).view(np.uint8).reshape(-1, 8), axis=1)
    np.testing.assert_allclose(bits.mean(axis=0), 0.5, atol=0.15)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50).filter(lambda w: sum(w) > 1e-3))
def test_an_alias_table_has_the_shares_it_was_given(weights: list[float]) -> None:
    table = alias_table(np.array(weights))
    alias, own = (table >> np.uint64(32)).astype(int), (table & np.uint64(2**32 - 1)) / (2**32 - 1)
    share = own + np.bincount(alias, 1 - own, minlength=len(weights))
    np.testing.assert_allclose(share / len(weights), np.array(weights) / sum(weights), atol=1e-6)


def test_noise_is_drawn_by_the_power_of_the_count(twins: Any) -> None:
    counts = np.array([1, 16, 81, 256])
    drawn = [twins.pick(noise_table(counts), z) for z in draws(5, 0, 10_000).tolist()]
    share = np.bincount(drawn, minlength=4) / len(drawn)
    np.testing.assert_allclose(share, np.array([1, 8, 27, 64]) / 100, atol=0.01)


def test_a_negative_exponent_prefers_rare_words() -> None:
    table = noise_table(np.array([10**9, 1]), -10.0)
    assert table[0] >> np.uint64(32) == 1
    assert table[0] & np.uint64(2**32 - 1) == 0


def test_without_sampling_every_word_is_kept() -> None:
    assert (keep_table(np.array([1, 10**9]), 0) == 2**32 - 1).all()


@pytest.mark.parametrize("width", [1, 16, 100, 300])
def test_rows_start_on_cache_lines_and_end_in_zeros(width: int) -> None:
    x = fresh_vectors(7, width, seed=3)
    assert x.shape == (7, -(-width // PAD) * PAD)
    assert x.strides[0] % 64 == 0
    assert x.ctypes.data % 64 == 0
    assert not x[:, width:].any()
    assert not aligned(7, width).any()


def test_fresh_vectors_are_uniform_and_follow_the_seed() -> None:
    x = fresh_vectors(5000, 20, seed=1)[:, :20]
    assert np.abs(x).max() <= 1 / 40
    assert x.std() == pytest.approx(1 / 40 / np.sqrt(3), rel=0.01)
    np.testing.assert_array_equal(x[:10], fresh_vectors(10, 20, seed=1)[:, :20])
    assert (x[:10] != fresh_vectors(10, 20, seed=2)[:, :20]).any()


def test_a_large_matrix_begins_as_a_small_one() -> None:
    # Both sides of where the random numbers are fetched anew.
    x = fresh_vectors(1 << 16, 100, seed=1)
    np.testing.assert_array_equal(x[:50_000], fresh_vectors(50_000, 100, seed=1))


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
