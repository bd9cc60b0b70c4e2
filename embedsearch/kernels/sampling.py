"""SplitMix64 as a counter-based generator: draw i of a stream is `mix(key + i * GOLDEN)`.

A draw depends on its number only, so loops over draws vectorise, and numpy reproduces them
exactly.

Source: Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators"; the
finaliser is variant 13 of Stafford 2011, "Better Bit Mixing".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from embedsearch.kernels._jit import inline

if TYPE_CHECKING:
    from embedsearch.kernels.matrices import Keep, Offsets, Table


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
