"""What is drawn for a stretch of text: exactly what the twin draws, and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedsearch.kernels._simd import unroll
from embedsearch.kernels.matrices import Floats, aligned, fresh_vectors
from embedsearch.kernels.sampling import keep_table, noise_table
from embedsearch.kernels.windows import BLOCK, Piece, Text, draw, room
from embedsearch.kernels.word2vec import SkipGram, Step, loss, train

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


@settings(deadline=None, max_examples=60)
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
