"""SplitMix64 as a counter-based generator: draw i of a stream is `mix(key + i * GOLDEN)`.

A draw depends on its number only, so loops over draws vectorise, and numpy reproduces them
exactly.

Source: Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators"; the
finaliser is variant 13 of Stafford 2011, "Better Bit Mixing".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from embedsearch._compiling.jit import inline

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
