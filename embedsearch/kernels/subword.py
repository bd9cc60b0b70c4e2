"""Skip-gram whose input vector is the mean of a word's row and the rows of its n-grams.

A place of the text is composed once, when it enters the window, and trained in a ring buffer
through all the windows that it belongs to. Its change is given in full to each of its rows when
it leaves, or after LIFE windows, when it is composed anew. gensim's FastText does the same after
every pair: the mean then moves by that change.

Source: Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.kernels._jit import jit
from embedsearch.kernels._simd import gather, prefetch, scatter
from embedsearch.kernels.sampling import GOLDEN, mix
from embedsearch.kernels.scores import scores
from embedsearch.kernels.skipgram import portions
from embedsearch.kernels.windows import BLOCK, draw, fetch_targets, room

if TYPE_CHECKING:
    from embedsearch.kernels.matrices import Floats, Ids, Keep, Offsets, Table
    from embedsearch.kernels.windows import Windows

_AHEAD = 2
# Places that stay for long do not know what the others do to the n-grams that they share: without
# this, windows of 50 diverged on real text at alpha 0.1.
LIFE = 16


@jit(fastmath=True)
def compose(x: Floats, first: Offsets, rows: Ids, out: Floats) -> None:
    """Write the vector of every word to `out`, `(words, width)`: the mean of its rows.

    Args:
        x: Input matrix, of words and n-grams.
        first: See `train`.
        rows: See `train`.
        out: Of `aligned`, as wide as x.
    """
    for word in range(len(first) - 1):
        _mean(x, first, rows, word, out, out, word)


@jit(fastmath=True, allocates=True)
def walk(
    x: Floats,
    y: Floats,
    first: Offsets,
    rows: Ids,
    drawn: Windows,
    n: int,
    begin: int,
    end: int,
    window: int,
    alpha: float,
    loss: bool,
    n_out: tuple[int, ...],
) -> tuple[float, int]:
    """Train the windows that were drawn.

    Args:
        x: Input matrix, of words and n-grams.
        y: Output matrix, of words.
        first: See `train`.
        rows: See `train`.
        drawn: The windows.
        n: How many centres they have.
        begin: Where their words begin.
        end: Where they end.
        window: The largest distance.
        alpha: The learning rate, float32.
        loss: Whether to sum the loss.
        n_out: Of `unroll`.

    Returns:
        Summed loss or 0, pairs of context word and centre.
    """
    k_out, ring = np.int64(len(n_out)), 2 * window + 1
    slots, f = np.empty(ring, np.int32), scores(2 * window * k_out)
    h = np.zeros((ring, x.shape[1]), np.float32)
    before = np.zeros_like(h)
    total, pairs, oldest, next_in = 0.0, 0, begin, begin
    for c in range(n):
        fetch_targets(y, drawn, c + _AHEAD, n, k_out)
        _fetch_rows(x, first, rows, drawn, c + 1 + 2 * window, end)
        for place in range(oldest, c):
            _leave(x, first, rows, drawn.words[place], h, before, place % ring)
        oldest = max(oldest, c)
        for place in range(next_in, min(end, c + 2 * window + 1)):
            _mean(x, first, rows, drawn.words[place], h, before, place % ring)
            next_in = place + 1
        for place in range(c + 2 * window - LIFE, oldest - 1, -LIFE):
            if place < next_in:
                _leave(x, first, rows, drawn.words[place], h, before, place % ring)
                _mean(x, first, rows, drawn.words[place], h, before, place % ring)
        size = _slots(drawn, c, window, ring, slots)
        total += portions(h, y, slots, size, drawn.targets, c * k_out, f, alpha, loss, n_out)
        pairs += size
    for place in range(oldest, next_in):
        _leave(x, first, rows, drawn.words[place], h, before, place % ring)
    return total, pairs


@jit(fastmath=True, allocates=True)
def train(
    x: Floats,
    y: Floats,
    first: Offsets,
    rows: Ids,
    ids: Ids,
    offsets: Offsets,
    start: int,
    stop: int,
    keep: Keep,
    table: Table,
    window: int,
    alpha: float,
    key: int,
    loss: bool,
    n_out: tuple[int, ...],
) -> tuple[float, int]:
    """Train on a piece of text, in place, as `skipgram.train` does.

    Args:
        x: Input matrix, of words and n-grams: `(V + n-grams, width)` float32.
        y: Output matrix, of words: `(V, width)` float32.
        first: Where the rows of each word begin in `rows`, and the end: `(V + 1,)` int64.
        rows: Rows of x, `(first[V],)` int32: for each word its own, then those of its n-grams.
        ids: See `skipgram.train`.
        offsets: See there.
        start: See there.
        stop: See there.
        keep: See there.
        table: See there.
        window: See there.
        alpha: See there.
        key: See there.
        loss: See there.
        n_out: See there.

    Returns:
        Summed loss in nats, or 0 without `loss`; pairs of context word and centre.
    """
    k_out = np.int64(len(n_out))
    drawn = room(min(BLOCK, stop - start), window, k_out)
    total, pairs = 0.0, 0
    for low in range(start, stop, BLOCK):
        key = mix(key + GOLDEN)
        high = min(stop, low + BLOCK)
        n, begin, end = draw(ids, offsets, low, high, keep, table, window, key, k_out, drawn)
        part, count = walk(x, y, first, rows, drawn, n, begin, end, window, alpha, loss, n_out)
        total += part
        pairs += count
    return total, pairs


@jit(fastmath=True)
def _mean(
    x: Floats, first: Offsets, rows: Ids, word: int, h: Floats, copy: Floats, slot: int
) -> None:
    size = first[word + 1] - first[word]
    share = np.float32(1.0) / np.float32(size)
    gather(x, rows, first[word], size, share, h, copy, slot)


@jit(fastmath=True)
def _leave(
    x: Floats, first: Offsets, rows: Ids, word: int, h: Floats, before: Floats, slot: int
) -> None:
    size = first[word + 1] - first[word]
    scatter(x, rows, first[word], size, np.float32(1.0), h, before, slot)


@jit()
def _slots(drawn: Windows, c: int, window: int, ring: int, slots: Ids) -> int:
    size = 0
    for j in range(drawn.low[c], drawn.high[c]):
        slots[size] = j % ring
        size += j != c + window
    return size


@jit()
def _fetch_rows(x: Floats, first: Offsets, rows: Ids, drawn: Windows, place: int, end: int) -> None:
    if place < end:
        word = drawn.words[place]
        for r in range(first[word], first[word + 1]):
            prefetch(x, np.uint32(rows[r]))
