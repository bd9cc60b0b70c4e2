"""Random numbers and their tables, against what is published and what gensim does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import Word2Vec
from hypothesis import given, settings, strategies as st

from embedsearch.kernels._simd import Floats, aligned, fresh_vectors, unroll
from embedsearch.kernels.sampling import (
    BLOCK,
    Piece,
    Text,
    alias_table,
    draw,
    draws,
    keep_table,
    noise_table,
    room,
    stream_key,
)
from embedsearch.kernels.word2vec import SkipGram, Step, loss, train


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


KEY = np.uint64(5)


def text_of(lengths: list[int], words: int, sample: float = 0.0) -> Text:
    """A text of documents of these lengths."""
    rng = np.random.default_rng(words)
    ids = rng.integers(0, words, sum(lengths)).astype(np.int32)
    ids.flags.writeable = False
    offsets = np.cumsum([0, *lengths]).astype(np.int64)
    counts = np.bincount(ids, minlength=words) + 1
    return Text(ids, offsets, keep_table(counts, sample), noise_table(counts))


def drawn(text: Any, start: int, stop: int, window: int) -> list[tuple[list[int], list[int]]]:
    """The context words and the targets of every centre."""
    room_for = room(stop - start, window, 6)
    n, begin, end = draw(text, Piece(start, stop, KEY), window, 6, room_for)
    found = []
    for c in range(n):
        low, high = int(room_for.low[c]), int(room_for.high[c])
        assert begin <= low <= c + window < high <= end
        words = room_for.words[low:high].tolist()
        del words[c + window - low]
        found.append((words, room_for.targets[6 * c : 6 * c + 6].tolist()))
    return found


def untrained(words: int) -> tuple[Floats, Floats]:
    return fresh_vectors(words, 8, 1), aligned(words, 8)


def step(window: int, *, loss: bool = False) -> Step:
    return Step(window, np.float32(0.025), loss, unroll(5))


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=8),
    words=st.integers(2, 40),
    sample=st.sampled_from([0.0, 1e-3, 0.1]),
    window=st.sampled_from([1, 2, 5, 50]),
    cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_windows_are_those_of_the_twin(
    twins: Any,
    lengths: list[int],
    words: int,
    sample: float,
    window: int,
    cuts: tuple[float, float],
) -> None:
    text = text_of(lengths, words, sample)
    start, stop = (int(cut * len(text.ids)) for cut in sorted(cuts))
    tokens, found = twins.windows(text, start, stop, window, int(KEY), 5)
    wanted = [([tokens[j].word for j in context], targets) for _, context, targets in found]
    assert drawn(text, start, stop, window) == wanted


def test_cutting_a_document_loses_no_context() -> None:
    text = text_of([600], 30)
    for window in (1, 5, 50):
        middle = drawn(text, 200, 400, window)
        sizes = [len(context) for context, _ in middle]
        whole = drawn(text, 200, 600, window)[:200]
        assert sizes == [len(context) for context, _ in whole]
        assert min(sizes) >= 2


def test_context_stays_within_the_document() -> None:
    # Every document has a word of its own, so a foreign word would show.
    lengths = [1, 7, 0, 30, 0, 0, 2, 3000]
    text = text_of(lengths, 8)
    own = np.repeat(np.arange(8, dtype=np.int32), lengths)
    for context, targets in drawn(text._replace(ids=own), 0, len(own), 5):
        assert set(context) <= {targets[0]}


def test_a_document_of_one_word_has_no_context() -> None:
    assert [context for context, _ in drawn(text_of([1] * 9, 4), 0, 9, 5)] == [[]] * 9


def test_windows_of_all_sizes_are_equally_likely() -> None:
    reach = [len(context) // 2 for context, _ in drawn(text_of([16_000], 9), 100, 15_900, 4)]
    share = np.bincount(reach, minlength=5)[1:] / len(reach)
    np.testing.assert_allclose(share, 0.25, atol=0.02)


def test_words_survive_as_often_as_the_table_says() -> None:
    text = text_of([20_000], 3, sample=0.05)
    kept = np.bincount([t[0] for _, t in drawn(text, 0, 20_000, 1)], minlength=3)
    share = kept / np.bincount(text.ids, minlength=3)
    np.testing.assert_allclose(share, text.keep / 2**32, atol=0.01)
    assert share.max() < 0.7


def test_a_negative_is_seldom_the_centre() -> None:
    targets = np.array([t for _, t in drawn(text_of([8_000], 2), 0, 8_000, 1)])
    # Of two words each is drawn half of the time, and drawn again if it is the centre.
    assert (targets[:, 1:] == targets[:, :1]).mean() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("window", [1, 50])
def test_a_vocabulary_of_two_words_trains(window: int) -> None:
    text = text_of([3 * BLOCK], 2)
    x, y = untrained(2)
    _, pairs = train(SkipGram(x, y), text, Piece(0, 3 * BLOCK, KEY), step(window))
    assert pairs == pytest.approx(3 * BLOCK * (window + 1), rel=0.05)
    assert np.isfinite(x).all()
    assert np.isfinite(y).all()


def test_a_text_that_is_thinned_out_entirely_trains_nothing() -> None:
    text = text_of([5000], 20)._replace(keep=np.zeros(20, np.uint32))
    x, y = untrained(20)
    before, piece = x.copy(), Piece(0, 5000, KEY)
    assert train(SkipGram(x, y), text, piece, step(5, loss=True)) == (0.0, 0)
    assert loss(SkipGram(x, y), text, piece, step(5)) == (0.0, 0)
    np.testing.assert_array_equal(x, before)


def test_a_text_on_disk_trains_as_one_in_memory(tmp_path: Path) -> None:
    text = text_of([700, 900], 20)
    text.ids.tofile(tmp_path / "ids")
    mapped = np.memmap(tmp_path / "ids", np.int32, mode="r")
    trained = []
    for ids in (text.ids, mapped):
        x, y = untrained(20)
        train(SkipGram(x, y), text._replace(ids=ids), Piece(0, 1600, KEY), step(5))
        trained.append(x.tobytes())
    assert trained[0] == trained[1]
