"""Skip-gram and CBOW, each also with n-grams, with negative sampling: one step, three walks.

The negatives of a centre are shared by its window. A model is a tuple of its matrices; `train`
is compiled for the type of model it is given.

Sources: Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space"
(CBOW) and "Distributed Representations of Words and Phrases and their Compositionality"
(skip-gram); Ji et al. 2016, "Parallelizing Word2Vec in Shared and Distributed Memory" (shared
negatives); Rengasamy et al. 2017, "Optimizing Word2Vec Performance on Multicore Systems" (context
combining); Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information" (n-grams).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch.kernels._jit import jit
from embedsearch.kernels._simd import dots, gather, prefetch, scatter, update
from embedsearch.kernels.sampling import (
    BLOCK,
    GOLDEN,
    Piece,
    context,
    draw,
    fetch_targets,
    fetch_word,
    mix,
    room,
)

if TYPE_CHECKING:
    from embedsearch.kernels._simd import Floats, Ids, Offsets
    from embedsearch.kernels.sampling import Extent, Text, Windows

# How many windows ahead rows are fetched into the cache. A window of CBOW takes less time than one
# of skip-gram, so they must be asked for earlier.
_AHEAD = 2
_AHEAD_CBOW = 4
# All of a window at once diverged from a window of 10 on, in texts of up to 200 words at alpha 0.1;
# six at once only in one of two words. It takes a tenth more time than ten.
TOGETHER = 6
# Places that stay for long do not know what the others do to the n-grams that they share: without
# this, windows of 50 diverged on real text at alpha 0.1.
LIFE = 16


class SkipGram(NamedTuple):
    """Each word of a window predicts the centre."""

    x: Floats  # input matrix, of `fresh_vectors`: `(V, width)` float32
    y: Floats  # output matrix, of `aligned`: `(V, width)` float32


class Cbow(NamedTuple):
    """The words of a window together predict the centre; gradients are gensim's and word2vec's."""

    x: Floats
    y: Floats
    # gensim's `cbow_mean`: True averages the vectors of the context and gives the whole gradient of
    # the average to each of them; False sums them, and gives each its share.
    mean: bool


class SubwordSkipGram(NamedTuple):
    """Skip-gram whose input vector is the mean of a word's row and the rows of its n-grams."""

    x: Floats  # input matrix, of words and n-grams: `(V + n-grams, width)` float32
    y: Floats  # output matrix, of words: `(V, width)` float32
    first: Offsets  # where the rows of each word begin in `rows`, and the end: `(V + 1,)` int64
    rows: Ids  # rows of x, `(first[V],)` int32: for each word its own, then those of its n-grams


class SubwordCbow(NamedTuple):
    """CBOW of words that are composed as in `SubwordSkipGram`."""

    x: Floats
    y: Floats
    first: Offsets
    rows: Ids
    mean: bool  # as in `Cbow`


Subword = SubwordSkipGram | SubwordCbow
Model = SkipGram | Cbow | Subword


class Step(NamedTuple):
    """How a model is trained."""

    window: int
    alpha: np.float32
    loss: bool  # whether to sum the loss, measured while training; see `loss` for one that compares
    n_out: tuple[int, ...]  # `unroll(negative)`, for one negative or more


# Floats of the widest vector, AVX-512: code for vectors writes all of one.
_VECTOR = 16
# 1 - p is at least 0.0025, so a product of so many is far above the smallest float64.
_FACTORS = 64


@jit(allocates=True)
def scores(n: int) -> Floats:
    """Return zeros, room for n scores and for what vector code may write behind them."""
    return np.zeros(n + 2 * _VECTOR, np.float32)


@jit(fastmath=True)
def sigmoid(f: Floats, n: int) -> None:
    """Replace `f[:n]` by `1 / (1 + exp(-f))`, f clipped at ±6 as in word2vec.

    By tanh(f / 2), Lambert's continued fraction cut after the seventh term: the error is below
    1e-5. n is rounded up to 16; the inner loop has a fixed length so that it becomes one vector.
    """
    for start in range(0, n, _VECTOR):
        for lane in range(_VECTOR):
            i = np.uint64(start + lane)
            x = max(np.float32(-3.0), min(np.float32(3.0), f[i] * np.float32(0.5)))
            s = x * x
            p = np.float32(135135) + s * (np.float32(17325) + s * (np.float32(378) + s))
            q = np.float32(135135) + s * (
                np.float32(62370) + s * (np.float32(3150) + s * np.float32(28))
            )
            f[i] = np.float32(0.5) + np.float32(0.5) * x * p / q


@jit()
def pair_loss(p: Floats, n_rows: int, n_out: int) -> float:
    """Sum -log of the probability of the truth, in nats: p of positives, 1 - p of negatives.

    `p` has `n_out` probabilities for each context word, the positive one first.
    """
    total = 0.0
    for c in range(n_rows):
        product = np.float64(p[c * n_out])
        for k in range(1, n_out):
            product *= np.float64(1.0) - p[c * n_out + k]
            # One logarithm for many factors.
            if k % _FACTORS == 0:
                total -= np.log(product)
                product = 1.0
        total -= np.log(product)
    return total


@jit(fastmath=True)
def train_words(
    x: Floats,
    y: Floats,
    rows: Ids,
    begin: int,
    n: int,
    targets: Ids,
    at: int,
    f: Floats,
    step: Step,
) -> float:
    """Train context words at once: all gradients from the vectors as they were, then the updates.

    The words are `rows[begin : begin + n]`, rows of x; their targets, rows of y, begin at `at`
    with the centre. `f` is room for n * len(step.n_out) scores. Returns the summed loss, or 0.
    """
    alpha, k_out = step.alpha, np.int64(len(step.n_out))
    for c in range(n):
        dots(x, np.uint32(rows[begin + c]), y, targets, at, f, c * k_out, step.n_out)
    sigmoid(f, n * k_out)
    total = pair_loss(f, n, k_out) if step.loss else 0.0
    for j in range(n * k_out):
        f[j] *= -alpha
    for c in range(n):
        f[c * k_out] += alpha
    update(x, rows, begin, n, y, targets, at, f, step.n_out)
    return total


@jit(fastmath=True)
def train_window(
    x: Floats, y: Floats, rows: Ids, size: int, targets: Ids, at: int, f: Floats, step: Step
) -> float:
    """Train one window, `rows[:size]`, in equal portions of TOGETHER words at most.

    Gradients of many words at once overshoot, the more so the more often a word is among them.
    Arguments and result are those of `train_words`.
    """
    total, count = 0.0, -(-size // TOGETHER)
    for i in range(count):
        begin, end = i * size // count, (i + 1) * size // count
        total += train_words(x, y, rows, begin, end - begin, targets, at, f, step)
    return total


@jit(fastmath=True, allocates=True)
def _walk_skipgram(
    model: SkipGram, drawn: Windows, extent: Extent, step: Step
) -> tuple[float, int]:
    (x, y), window, k_out = model, step.window, np.int64(len(step.n_out))
    rows, f = np.empty(2 * window + 1, np.int32), scores(2 * window * k_out)
    total, pairs = 0.0, 0
    for c in range(extent.centres):
        fetch_targets(y, drawn, c + _AHEAD, extent.centres, k_out)
        fetch_word(x, drawn, c + _AHEAD + 2 * window, extent.end)
        size = context(drawn, c, window, rows)
        total += train_window(x, y, rows, size, drawn.targets, c * k_out, f, step)
        pairs += size
    return total, pairs


class Bag(NamedTuple):
    """Room for the vector that a window of CBOW becomes."""

    h: Floats  # (1, width)
    before: Floats  # (1, width) what h was
    row: Ids  # (1,) the only row of h
    f: Floats  # its scores


@jit(allocates=True)
def bag(width: int, k_out: int) -> Bag:
    """Return room for a vector, and its scores with so many targets."""
    h = np.zeros((1, width), np.float32)
    return Bag(h, np.zeros_like(h), np.zeros(1, np.int32), scores(k_out))


@jit(fastmath=True)
def train_bag(
    model: Cbow, rows: Ids, size: int, targets: Ids, at: int, step: Step, bag: Bag
) -> tuple[float, int]:
    """Train one window of CBOW, if it has a context; other arguments are those of `train_window`.

    Returns the summed loss, or 0, and how many windows were trained.
    """
    if size == 0:
        return 0.0, 0
    (x, y, mean), (h, before, row, f) = model, bag
    share, full = np.float32(1.0) / np.float32(size), np.float32(1.0)
    gather(x, rows, 0, size, share if mean else full, h, before, 0)
    total = train_words(h, y, row, 0, 1, targets, at, f, step)
    scatter(x, rows, 0, size, full if mean else share, h, before, 0)
    return total, 1


@jit(fastmath=True, allocates=True)
def _walk_cbow(model: Cbow, drawn: Windows, extent: Extent, step: Step) -> tuple[float, int]:
    (x, y, _), window, k_out = model, step.window, np.int64(len(step.n_out))
    rows, room_of_window = np.empty(2 * window + 1, np.int32), bag(x.shape[1], k_out)
    total, windows = 0.0, 0
    for c in range(extent.centres):
        fetch_targets(y, drawn, c + _AHEAD_CBOW, extent.centres, k_out)
        fetch_word(x, drawn, c + _AHEAD_CBOW + 2 * window, extent.end)
        size = context(drawn, c, window, rows)
        part, n = train_bag(model, rows, size, drawn.targets, c * k_out, step, room_of_window)
        total += part
        windows += n
    return total, windows


class Ring(NamedTuple):
    """The places of the text that are in the window, composed: place p is row p % (2 window + 1).

    A place is composed when it enters the window, and trained through all the windows that it
    belongs to. Its change is given in full to each of its rows when it leaves, or after LIFE
    windows, when it is composed again. gensim's FastText does the same after every pair, or
    window of CBOW: the mean then moves by that change.
    """

    h: Floats  # (2 window + 1, width)
    before: Floats  # what they were when they were composed


@jit(allocates=True)
def _ring(window: int, width: int) -> Ring:
    h = np.zeros((2 * window + 1, width), np.float32)
    return Ring(h, np.zeros_like(h))


@jit(fastmath=True, allocates=True)
def _walk_subword_skipgram(
    model: SubwordSkipGram, drawn: Windows, extent: Extent, step: Step
) -> tuple[float, int]:
    y, window, k_out = model.y, step.window, np.int64(len(step.n_out))
    ring, f = _ring(window, y.shape[1]), scores(2 * window * k_out)
    slots, total, pairs = np.empty(2 * window + 1, np.int32), 0.0, 0
    for c in range(extent.centres):
        fetch_targets(y, drawn, c + _AHEAD, extent.centres, k_out)
        _slide(model, drawn, extent, c, ring)
        size = _slots(drawn, c, window, slots)
        total += train_window(ring.h, y, slots, size, drawn.targets, c * k_out, f, step)
        pairs += size
    _empty(model, drawn, extent, ring)
    return total, pairs


@jit(fastmath=True, allocates=True)
def _walk_subword_cbow(
    model: SubwordCbow, drawn: Windows, extent: Extent, step: Step
) -> tuple[float, int]:
    y, window, k_out = model.y, step.window, np.int64(len(step.n_out))
    ring, room_of_window = _ring(window, y.shape[1]), bag(y.shape[1], k_out)
    composed = Cbow(ring.h, y, model.mean)
    slots, total, windows = np.empty(2 * window + 1, np.int32), 0.0, 0
    for c in range(extent.centres):
        fetch_targets(y, drawn, c + _AHEAD, extent.centres, k_out)
        _slide(model, drawn, extent, c, ring)
        size = _slots(drawn, c, window, slots)
        part, n = train_bag(composed, slots, size, drawn.targets, c * k_out, step, room_of_window)
        total += part
        windows += n
    _empty(model, drawn, extent, ring)
    return total, windows


@jit(fastmath=True)
def _slide(model: Subword, drawn: Windows, extent: Extent, c: int, ring: Ring) -> None:
    """Move the ring from the window of one centre to that of the next, c."""
    h, before = ring
    size = len(h)
    first, end = max(extent.begin, c), min(extent.end, c + size)
    _fetch_rows(model, drawn, c + size, extent.end)
    if c > extent.begin:
        _leave(model, drawn.words[c - 1], h, before, (c - 1) % size)
    for place in range(max(first, c + size - 1) if c else first, end):
        _mean(model, drawn.words[place], h, before, place % size)
    for place in range(c + size - 1 - LIFE, first - 1, -LIFE):
        if place < end:
            _leave(model, drawn.words[place], h, before, place % size)
            _mean(model, drawn.words[place], h, before, place % size)


@jit(fastmath=True)
def _empty(model: Subword, drawn: Windows, extent: Extent, ring: Ring) -> None:
    """Let all places leave that are in the window of the last centre."""
    h, before = ring
    c, size = extent.centres - 1, len(h)
    for place in range(max(extent.begin, c), min(extent.end, c + size)):
        _leave(model, drawn.words[place], h, before, place % size)


@jit(fastmath=True)
def _mean(model: Subword, word: int, h: Floats, copy: Floats, slot: int) -> None:
    begin = model.first[word]
    size = model.first[word + 1] - begin
    share = np.float32(1.0) / np.float32(size)
    gather(model.x, model.rows, begin, size, share, h, copy, slot)


@jit(fastmath=True)
def _leave(model: Subword, word: int, h: Floats, before: Floats, slot: int) -> None:
    begin = model.first[word]
    size = model.first[word + 1] - begin
    scatter(model.x, model.rows, begin, size, np.float32(1.0), h, before, slot)


@jit()
def _slots(drawn: Windows, c: int, window: int, slots: Ids) -> int:
    size, ring = 0, 2 * window + 1
    for j in range(drawn.low[c], drawn.high[c]):
        slots[size] = j % ring
        size += j != c + window
    return size


@jit()
def _fetch_rows(model: Subword, drawn: Windows, place: int, end: int) -> None:
    if place < end:
        word = drawn.words[place]
        for r in range(model.first[word], model.first[word + 1]):
            prefetch(model.x, np.uint32(model.rows[r]))


def _compiled(walk: Any) -> Any:
    # The same loop over the blocks of a piece for each way to walk. One function that finds the way
    # by the type of the model (numba's `overload`) takes a fifth longer to compile.

    @jit(fastmath=True, allocates=True)
    def train(model: Model, text: Text, piece: Piece, step: Step) -> tuple[float, int]:
        start, stop, key = piece
        k_out = np.int64(len(step.n_out))
        drawn = room(min(BLOCK, stop - start), step.window, k_out)
        total, terms = 0.0, 0
        for first in range(start, stop, BLOCK):
            key = mix(key + GOLDEN)
            block = Piece(first, min(stop, first + BLOCK), key)
            extent = draw(text, block, step.window, k_out, drawn)
            part, count = walk(model, drawn, extent, step)
            total += part
            terms += count
        return total, terms

    return train


_WALKS: dict[type[Model], Any] = {
    SkipGram: _walk_skipgram,
    Cbow: _walk_cbow,
    SubwordSkipGram: _walk_subword_skipgram,
    SubwordCbow: _walk_subword_cbow,
}
_TRAIN: dict[type[Model], Any] = {model: _compiled(walk) for model, walk in _WALKS.items()}


def walk(model: Model, drawn: Windows, extent: Extent, step: Step) -> tuple[float, int]:
    """Train the windows that were drawn, in place; return the summed loss or 0, and its terms.

    Terms are pairs of context word and centre, or with CBOW windows that have a context.
    """
    trained: tuple[float, int] = _WALKS[type(model)](model, drawn, extent, step)
    return trained


def train(model: Model, text: Text, piece: Piece, step: Step) -> tuple[float, int]:
    """Train on a piece of text, in place; the result is that of `walk`.

    Nothing is checked: an id of a word that has no row is an access outside the matrix.
    """
    trained: tuple[float, int] = _TRAIN[type(model)](model, text, piece, step)
    return trained


def loss(model: Model, text: Text, piece: Piece, step: Step) -> tuple[float, int]:
    """Measure the loss on text that was kept out of training: that of `train`, with a rate of zero.

    The same key gives the same windows and negatives, so that two moments of a model are compared
    on the same sample. Vectors do not change, but are written: nobody else may train meanwhile.
    """
    still = step._replace(alpha=np.float32(0.0), loss=True)
    return train(model, text, piece, still)


@jit(fastmath=True)
def compose(model: Subword, out: Floats) -> None:
    """Write the vector of every word to `out`, `(words, width)`: the mean of its rows."""
    for word in range(len(model.first) - 1):
        _mean(model, word, out, out, word)
