"""Random numbers and their tables, against what is published and what gensim does."""

from __future__ import annotations

from typing import Any

import numpy as np
from gensim.models import Word2Vec
from hypothesis import given, strategies as st

from embedsearch.kernels.sampling import alias_table, draws, keep_table, noise_table, stream_key


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


def test_words_are_thinned_out_as_in_gensim() -> None:
    counts = {"a": 5000, "b": 300, "c": 40, "d": 7}
    model = Word2Vec(vector_size=2, min_count=1, sample=1e-2)
    model.build_vocab_from_freq(counts)
    wanted = [model.wv.get_vecattr(word, "sample_int") for word in counts]
    got = keep_table(np.array(list(counts.values())), 1e-2)
    np.testing.assert_allclose(got, np.array(wanted, np.float64), rtol=1e-6)
