"""The kernels again in plain numpy, one pair of short loops each, with the same draws.

Slow, and meant to be read: the tests hold the compiled kernels against these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from embedsearch.kernels._simd import group_size
from embedsearch.kernels.sampling import GOLDEN, Text, draws
from embedsearch.kernels.word2vec import LIFE, TOGETHER

Floats = npt.NDArray[np.float32]
BLOCK = 2048
_TARGET_STREAM = 0xD1B54A32D192ED03
_MASK = 2**32 - 1


class Token(NamedTuple):
    """A token that subsampling kept."""

    word: int
    document: int
    draw: int


class Window(NamedTuple):
    """A centre, its context as places in the list of tokens, and the words to be predicted."""

    centre: int
    context: list[int]
    targets: list[int]


def sigmoid(f: Floats) -> Floats:
    return (1 / (1 + np.exp(-np.clip(f, -6, 6)))).astype(np.float32)


def pick(table: npt.NDArray[np.uint64], z: int) -> int:
    i = (z >> 32) * table.size >> 32
    alias, threshold = divmod(int(table[i]), 2**32)
    return i if (z & _MASK) <= threshold else alias


def next_key(z: int) -> int:
    return int(draws(z, 1, 1)[0])


def blocks(start: int, stop: int, key: int) -> list[tuple[int, int, int]]:
    """The first and last token of every block, and its key."""
    out = []
    for first in range(start, stop, BLOCK):
        key = next_key(key)
        out.append((first, min(stop, first + BLOCK), key))
    return out


def windows(
    text: Text, start: int, stop: int, window: int, key: int, negative: int
) -> tuple[list[Token], list[Window]]:
    """The tokens that are kept around start .. stop, and a window for each of them within."""
    tokens, n_before, n = _tokens(text, start, stop, window, key)
    n_out = negative + 1
    noise = draws(key ^ _TARGET_STREAM, 0, n * n_out).tolist()
    found = []
    for i, (centre, document, draw) in enumerate(tokens[n_before : n_before + n]):
        place, reach = n_before + i, 1 + ((draw >> 32) * window >> 32)
        around = range(max(0, place - reach), min(len(tokens), place + reach + 1))
        context = [j for j in around if j != place and tokens[j].document == document]
        negatives = [_other(text, centre, z) for z in noise[i * n_out + 1 : (i + 1) * n_out]]
        found.append(Window(place, context, [centre, *negatives]))
    return tokens, found


def _other(text: Text, centre: int, z: int) -> int:
    word = pick(text.noise, z)
    return pick(text.noise, next_key((z - int(GOLDEN)) % 2**64)) if word == centre else word


def _tokens(
    text: Text, start: int, stop: int, window: int, key: int
) -> tuple[list[Token], int, int]:
    def kept(t: int) -> list[Token]:
        draw, word = int(draws(key, t - start, 1)[0]), int(text.ids[t])
        document = int(np.searchsorted(text.offsets, t, side="right"))
        return [Token(word, document, draw)] if (draw & _MASK) <= int(text.keep[word]) else []

    def first_kept(places: range) -> list[Token]:
        found: list[Token] = []
        for t in places:
            if len(found) < window:
                found += kept(t)
        return found

    centres = [token for t in range(start, stop) for token in kept(t)]
    floor = text.offsets[text.offsets <= start].max()
    ceiling = text.offsets[text.offsets >= stop].min()
    before = first_kept(range(start - 1, max(floor, start - BLOCK) - 1, -1))[::-1]
    after = first_kept(range(stop, min(ceiling, stop + BLOCK)))
    return before + centres + after, len(before), len(centres)


def step(x: Floats, y: Floats, context: list[int], targets: list[int], alpha: float) -> None:
    """All gradients from the vectors as they were, then both updates."""
    label = np.eye(1, len(targets), dtype=np.float32)
    g = np.float32(alpha) * (label - sigmoid(x[context] @ y[targets].T))
    size = group_size(len(targets))
    for k in range(0, len(targets), size):
        group, part = targets[k : k + size], g[:, k : k + size]
        old, delta = y[group], np.zeros_like(y[group])
        for c, word in enumerate(context):
            delta += np.outer(part[c], x[word])
            x[word] += part[c] @ old
        np.add.at(y, group, delta)


def portions(x: Floats, y: Floats, context: list[int], targets: list[int], alpha: float) -> None:
    """One window, a portion after the other."""
    n, size = -(-len(context) // TOGETHER), len(context)
    for i in range(n):
        step(x, y, context[i * size // n : (i + 1) * size // n], targets, alpha)


def train_skipgram(x: Floats, y: Floats, text: Text, *piece: Any) -> None:
    start, stop, window, alpha, key, negative = piece
    for first, last, block_key in blocks(start, stop, key):
        tokens, found = windows(text, first, last, window, block_key, negative)
        for _, context, targets in found:
            portions(x, y, [tokens[j].word for j in context], targets, alpha)


def train_cbow(x: Floats, y: Floats, text: Text, cbow_mean: bool, *piece: Any) -> None:
    start, stop, window, alpha, key, negative = piece
    for first, last, block_key in blocks(start, stop, key):
        tokens, found = windows(text, first, last, window, block_key, negative)
        for _, context, targets in found:
            cbow_step(x, y, [tokens[j].word for j in context], targets, alpha, cbow_mean)


def cbow_step(
    x: Floats, y: Floats, words: list[int], targets: list[int], alpha: float, cbow_mean: bool
) -> None:
    """One window of CBOW, if it has a context."""
    if not words:
        return
    h = x[words].sum(axis=0, keepdims=True) / (len(words) if cbow_mean else 1)
    before = h.copy()
    step(h, y, [0], targets, alpha)
    for word in words:
        x[word] += (h[0] - before[0]) / (1 if cbow_mean else len(words))


class Composed:
    """The vectors of tokens, means of rows; a change of the rows comes when the token leaves."""

    def __init__(self, x: Floats, rows: list[list[int]], tokens: list[Token]) -> None:
        self.x, self.rows = x, [rows[token.word] for token in tokens]
        self.h: dict[int, Floats] = {}
        self.entered: dict[int, Floats] = {}

    def enter(self, j: int) -> None:
        self.h[j] = self.x[self.rows[j]].mean(axis=0)
        self.entered[j] = self.h[j].copy()

    def leave(self, j: int) -> None:
        change = self.h.pop(j) - self.entered[j]
        for row in self.rows[j]:
            self.x[row] += change

    def move(self, centre: int, window: int) -> None:
        """Let tokens leave and enter around the next centre, and renew one that is old."""
        for j in sorted(j for j in self.h if j < centre - window):
            self.leave(j)
        for j in range(max(0, centre - window), min(len(self.rows), centre + window + 1)):
            if j not in self.entered:
                self.enter(j)
        for j in range(centre + window - LIFE, centre - window - 1, -LIFE):
            if j in self.h:
                self.leave(j)
                self.enter(j)


def train_subword(
    x: Floats,
    y: Floats,
    text: Text,
    rows: list[list[int]],
    *piece: Any,
    train: Callable[..., None] = portions,
) -> None:
    """A word is the mean of `x[rows[word]]` from its first window to its last."""
    start, stop, window, alpha, key, negative = piece
    for first, last, block_key in blocks(start, stop, key):
        tokens, found = windows(text, first, last, window, block_key, negative)
        composed = Composed(x, rows, tokens)
        for centre, context, targets in found:
            composed.move(centre, window)
            local = np.array([composed.h[j] for j in context], np.float32)
            train(local, y, list(range(len(context))), targets, alpha)
            composed.h.update(zip(context, local, strict=True))
        for j in sorted(composed.h):
            composed.leave(j)
