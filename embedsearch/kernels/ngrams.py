"""The n-grams of a whole vocabulary, hashed as fastText does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.kernels._jit import jit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_OFFSET, _PRIME = np.uint32(2166136261), np.uint32(16777619)
_CONTINUATION = 0x80


@jit()
def hash_word(text: Any, first: int, last: int, min_n: int, max_n: int, out: Any, at: int) -> int:
    """Write the hashes of the n-grams of text[first:last] to out[at:]; return where they end.

    Bytes are sign-extended before they enter the hash, and a bound alone is no n-gram: both as
    in fastText.
    """
    for start in range(first, last):
        if text[start] & 0xC0 == _CONTINUATION:
            continue
        value, length, end = _OFFSET, 0, start
        while end < last and length < max_n:
            value = np.uint32((value ^ np.uint32(np.int32(np.int8(text[end])))) * _PRIME)
            end += 1
            while end < last and text[end] & 0xC0 == _CONTINUATION:
                value = np.uint32((value ^ np.uint32(np.int32(np.int8(text[end])))) * _PRIME)
                end += 1
            length += 1
            bound = length == 1 and (start == first or end == last)
            if length >= min_n and not bound:
                out[at] = value
                at += 1
    return at


@jit()
def hash_all(text: Any, ends: Any, min_n: int, max_n: int, out: Any, sizes: Any) -> int:
    """Hash the words that end at `ends`; sizes[w] becomes the n-grams of word w."""
    at = first = 0
    for word in range(len(ends)):
        after = hash_word(text, first, ends[word], min_n, max_n, out, at)
        sizes[word] = after - at
        at, first = after, ends[word]
    return at


def hashed_ngrams(
    pieces: Sequence[bytes], min_n: int, max_n: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the hashes of all n-grams, word after word, and how many each has.

    Pieces are words between `<` and `>`, in UTF-8; an empty one has none.
    """
    text = np.frombuffer(b"".join(pieces), np.uint8)
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    out = np.empty(len(text) * max(0, max_n - min_n + 1), np.uint32)
    sizes = np.empty(len(pieces), np.int64)
    return out[: hash_all(text, ends, min_n, max_n, out, sizes)].copy(), sizes
