"""What training draws: random numbers, tables of words, and the windows and negatives of a text.

The generator is SplitMix64, counter-based: draw i of a stream is `mix(key + i * GOLDEN)`. A draw
depends on its number only, so loops over draws vectorise, and numpy reproduces them exactly.
Windows and negatives are drawn before any of them is trained, so that the rows of the next ones
can be fetched into the cache in time.

Source: Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators"; the
finaliser is variant 13 of Stafford 2011, "Better Bit Mixing".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from embedsearch.kernels._jit import inline, jit
from embedsearch.kernels._simd import prefetch

if TYPE_CHECKING:
    from embedsearch.kernels._simd import Floats, Ids, Keep, Offsets, Table


GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)


def _mix(z: Any) -> Any:
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


mix: Any = inline(_mix)


def draws(key: int, first: int, n: int) -> npt.NDArray[np.uint64]:
    """Return draws `first` to `first + n` of the stream `key`, `(n,)` uint64.

    Counters are modulo 2**64, so `first` may be negative.
    """
    counter = np.uint64(first % 2**64) + np.arange(n, dtype=np.uint64)
    drawn: npt.NDArray[np.uint64] = _mix(np.uint64(key) + counter * GOLDEN)
    return drawn


def stream_key(seed: int, *path: int) -> int:
    """Return a key for the stream at `path` (epoch, piece, ...), unrelated to its siblings'."""
    key = np.array([seed % 2**64], dtype=np.uint64)
    for step in path:
        key = _mix(key + np.uint64(step + 1) * np.array([GOLDEN]))
    return int(key[0])


LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
_MOST = 2**32 - 1


def keep_table(counts: Offsets, sample: float) -> Keep:
    """Return how likely a token is to survive the thinning out of frequent words.

    gensim's formula: `min(1, sqrt(r) + r)`, r being `sample * tokens / count`; a sample of 0 keeps
    all. `(V,)` uint32: a token is kept if a 32-bit draw does not exceed this.
    """
    if sample <= 0:
        return np.full(counts.size, _MOST, np.uint32)
    ratio = sample * counts.sum() / np.maximum(counts, 1)
    p = np.minimum(np.sqrt(ratio) + ratio, 1.0)
    table: Keep = (p * _MOST).astype(np.uint32)
    return table


def noise_table(counts: Offsets, ns_exponent: float = 0.75) -> Table:
    """Return the alias table of `counts ** ns_exponent` (Mikolov et al. 2013), `(V,)` uint64.

    Words of count 0 are never drawn: they came with imported vectors, and are not in the corpus.
    """
    # Relative to the largest, so that no power overflows.
    powers = (np.maximum(counts, 1) / counts.max()) ** ns_exponent
    return alias_table(np.where(counts > 0, powers, 0.0))


def alias_table(weights: npt.NDArray[Any]) -> Table:
    """Return a table to draw from any distribution with one lookup, by Walker's method.

    `(V,)` uint64, `alias << 32 | threshold`; `pick` draws from it. Weights need not sum to 1.
    Source: Vose 1991, "A Linear Algorithm for Generating Random Numbers With a Given
    Distribution".
    """
    p = np.asarray(weights, np.float64)
    share = (p * (p.size / p.sum())).tolist()
    small = [i for i, s in enumerate(share) if s < 1.0]
    large = [i for i, s in enumerate(share) if s >= 1.0]
    alias = list(range(p.size))
    while small and large:
        less, more = small.pop(), large[-1]
        alias[less] = more
        share[more] -= 1.0 - share[less]
        if share[more] < 1.0:
            small.append(large.pop())
    for i in small + large:
        share[i] = 1.0
    threshold = (np.minimum(share, 1.0) * _MOST).astype(np.uint64)
    table: Table = (np.array(alias, np.uint64) << HALF) | threshold
    return table


def _pick(table: Any, z: Any) -> Any:
    i = ((z >> HALF) * np.uint64(table.size)) >> HALF
    entry = table[i]
    return np.int32(i) if (z & LOW) <= (entry & LOW) else np.int32(entry >> HALF)


# pick(table, z): the word that a 64-bit draw z stands for, int32.
pick: Any = inline(_pick)


BLOCK = 2048
# With this in its key, the negatives have a stream of draws apart from that of the windows.
TARGET_STREAM = np.uint64(0xD1B54A32D192ED03)


class Text(NamedTuple):
    """What is trained on."""

    ids: Ids  # words as rows of the matrices, `(n,)` int32; may be a read-only memory map
    offsets: Offsets  # where documents begin, and the end: `(documents + 1,)` int64, 0 to n
    keep: Keep  # of `keep_table`, `(V,)` uint32
    noise: Table  # of `noise_table`, `(V,)` uint64


class Piece(NamedTuple):
    """A stretch of a text, and the random numbers for it."""

    # Tokens from `start` to before `stop` are centres. If these cut a document in two, context is
    # taken from the other side of the cut as well.
    start: int
    stop: int
    # Of the random numbers: see `stream_key`. Each piece needs its own.
    key: np.uint64


class Windows(NamedTuple):
    """Room for the windows of up to `size` tokens that are kept, the centres."""

    # `(size + 2 * window,)` int32. Centre i is word `window + i`; before the first and behind the
    # last are up to `window` words of context.
    words: Ids
    low: Ids  # where the window of centre i begins in words, `(size,)` int32
    high: Ids  # where it ends, exclusive, `(size,)` int32
    targets: Ids  # `(size * n_out,)` int32: for each centre itself, then its negatives


class Extent(NamedTuple):
    """How much of the room was filled: the number of centres, where words begin and end."""

    centres: int
    begin: int
    end: int


@jit(allocates=True)
def room(size: int, window: int, n_out: int) -> Windows:
    """Return room for the windows of `size` tokens."""
    words, targets = np.empty(size + 2 * window, np.int32), np.empty(size * n_out, np.int32)
    return Windows(words, np.empty(size, np.int32), np.empty(size, np.int32), targets)


@jit()
def draw(text: Text, piece: Piece, window: int, n_out: int, drawn: Windows) -> Extent:
    """Draw the windows of the tokens of a piece, which are the centres.

    Context is also taken from before and behind the piece, within the document and at most
    BLOCK tokens away, so that cutting a text into blocks loses none of it. Such a token is kept
    or not by a draw of this block, apart from the draw that decides on it as a centre.

    Draw t of the stream `key` serves token `start + t`: its low half decides whether the token
    is kept, its high half the size of the window, 1 to `window`.
    """
    start, stop, key = piece
    document = np.searchsorted(text.offsets, start, side="right") - 1
    floor = max(text.offsets[document], start - BLOCK)
    begin = _look_back(text, piece, floor, window, drawn.words)
    lowest, at, end, position = begin, window, window, start
    while position < stop:
        ceiling = text.offsets[document + 1]
        last = min(stop, ceiling)
        first = at
        at = _centres(text, piece, position, last, window, drawn, at)
        end = at
        if last < ceiling:
            ceiling = min(ceiling, stop + BLOCK)
            end = _look_ahead(text, piece, ceiling, window, drawn.words, at)
        _clip(drawn, first - window, at - window, window, lowest, end)
        lowest, position, document = at, last, document + 1
    n = at - window
    _targets(drawn, n, text.noise, window, key ^ TARGET_STREAM, n_out)
    return Extent(n, begin, end)


@jit()
def fetch_targets(y: Floats, drawn: Windows, c: int, n: int, n_out: int) -> None:
    """Ask for the output rows of centre c, if it is one of the n."""
    if c < n:
        for k in range(c * n_out, (c + 1) * n_out):
            prefetch(y, np.uint32(drawn.targets[k]))


@jit()
def fetch_word(x: Floats, drawn: Windows, at: int, end: int) -> None:
    """Ask for the input row of the word at a place, if it is before the end."""
    if at < end:
        prefetch(x, np.uint32(drawn.words[at]))


@jit()
def context(drawn: Windows, c: int, window: int, rows: Ids) -> int:
    """Write the words around centre c to `rows`, `(2 * window + 1,)`; return how many."""
    size = 0
    for j in range(drawn.low[c], drawn.high[c]):
        rows[size] = drawn.words[j]
        size += j != c + window
    return size


@jit()
def _look_back(text: Text, piece: Piece, floor: int, window: int, words: Ids) -> int:
    # Up to `window` words from before the first centre, to the left of it.
    at, t = window, piece.start
    while t > floor and at > 0:
        t -= 1
        word = text.ids[t]
        z = mix(piece.key + np.uint64(t - piece.start) * GOLDEN)
        if (z & LOW) <= np.uint64(text.keep[word]):
            at -= 1
            words[at] = word
    return at


@jit()
def _look_ahead(text: Text, piece: Piece, ceiling: int, window: int, words: Ids, at: int) -> int:
    # Up to `window` words from behind the last centre, to the right of it.
    t, end = piece.stop, at + window
    while t < ceiling and at < end:
        word = text.ids[t]
        z = mix(piece.key + np.uint64(t - piece.start) * GOLDEN)
        if (z & LOW) <= np.uint64(text.keep[word]):
            words[at] = word
            at += 1
        t += 1
    return at


@jit()
def _centres(
    text: Text, piece: Piece, first: int, last: int, window: int, drawn: Windows, at: int
) -> int:
    # The tokens of one document; `high` holds the reach of each for the moment.
    for t in range(first, last):
        z = mix(piece.key + np.uint64(t - piece.start) * GOLDEN)
        word = text.ids[t]
        drawn.words[at] = word
        reach = ((z >> HALF) * np.uint64(window)) >> HALF
        drawn.high[at - window] = np.int32(1) + np.int32(reach)
        at += (z & LOW) <= np.uint64(text.keep[word])
    return at


@jit()
def _clip(drawn: Windows, first: int, last: int, window: int, lowest: int, end: int) -> None:
    for i in range(first, last):
        reach = drawn.high[i]
        drawn.low[i] = max(lowest, i + window - reach)
        drawn.high[i] = min(end, i + window + reach + 1)


@jit()
def _targets(drawn: Windows, n: int, noise: Table, window: int, key: int, n_out: int) -> None:
    # Draw i * n_out + k serves target k of centre i; a negative that is the centre is drawn again.
    for i in range(n):
        centre = drawn.words[window + i]
        at = i * n_out
        drawn.targets[at] = centre
        for k in range(1, n_out):
            z = mix(key + np.uint64(at + k) * GOLDEN)
            word = pick(noise, z)
            if word == centre:
                word = pick(noise, mix(z))
            drawn.targets[at + k] = word
