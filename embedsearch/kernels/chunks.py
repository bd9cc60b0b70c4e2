"""From bytes to the numbers of chunks, and from those to the ids of tokens.

Chunks are kept in an open-addressing hash table (linear probing, Fowler-Noll-Vo's FNV-1a).
An entry of the table is 0 if it is free; otherwise its upper half is the lower half of
the chunk's hash, and its lower half the chunk's number plus 1. The spelling of chunk n is
`arena[bounds[n]:bounds[n + 1]]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch.kernels._jit import jit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import IntVector

SEPARATOR, LEADING, TRAILING = 1, 2, 4
LONGEST = 64
_SKIPPED = SEPARATOR | LEADING
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


class Texts(NamedTuple):
    """Texts, one behind the other: (n,) bytes of UTF-8, and (t,) where each text ends."""

    text: NDArray[np.uint8]
    ends: IntVector


class Alphabet(NamedTuple):
    """What bytes are."""

    kinds: NDArray[np.uint8]  # (256,) `SEPARATOR`, `LEADING`, `TRAILING`, or none of these
    # (512,) how a byte is spelled in a chunk of ASCII alone, and then in another.
    spelling: NDArray[np.uint8]


class Chunk(NamedTuple):
    """`text[first:last]`, spelled by the table at `spelling[row:]`."""

    text: NDArray[np.uint8]
    first: int
    last: int
    spelling: NDArray[np.uint8]
    row: int


class ChunkTable(NamedTuple):
    """All chunks that have a number; see above."""

    table: NDArray[np.uint64]  # entries, a power of 2
    arena: NDArray[np.uint8]  # bytes of all chunks; `cut` needs room for n more
    # Where each chunk begins in the arena; `cut` needs room for n / 2 + t more.
    bounds: NDArray[np.int32]
    state: IntVector  # the number of chunks, before and after `cut`; and of new ones, after


class TextChunks(NamedTuple):
    """What `cut` fills."""

    chunks: NDArray[np.int32]  # the number of each chunk
    ends: IntVector  # (t,) where the chunks of each text end
    found: IntVector  # (new, 2) start and end of each new chunk in the text


@jit()
def hash_of(chunk: Any) -> Any:
    """Return the hash of a chunk."""
    text, first, last, spelling, row = chunk
    value = np.uint64(0xCBF29CE484222325)
    for i in range(first, last):
        value = (value ^ np.uint64(spelling[row + text[i]])) * np.uint64(0x100000001B3)
    value ^= value >> _HALF
    return value * np.uint64(0x9E3779B97F4A7C15)


@jit()
def is_entry(entry: Any, value: Any, chunk: Any, known: Any) -> Any:
    """Compare an entry of the table with a chunk of this hash."""
    text, first, last, spelling, row = chunk
    arena, bounds = known.arena, known.bounds
    number = np.int64(entry & _LOW) - 1
    start, length = np.int64(bounds[number]), last - first
    i = 0
    if (entry >> _HALF) == (value & _LOW) and bounds[number + 1] - start == length:
        while i < length and arena[start + i] == spelling[row + text[first + i]]:
            i += 1
    return i == length


@jit()
def slot_of(value: Any, chunk: Any, known: Any) -> Any:
    """Return the slot of a chunk in the table, or the free one for it."""
    table = known.table
    mask = np.uint64(len(table) - 1)
    slot = (value >> _HALF) & mask
    while table[slot] != 0 and not is_entry(table[slot], value, chunk, known):
        slot = (slot + np.uint64(1)) & mask
    return slot


@jit()
def enter(slot: Any, value: Any, chunk: Any, known: Any, found: Any) -> None:
    """Give the next number to a chunk; one longer than `LONGEST` is not looked up again."""
    text, first, last, spelling, row = chunk
    table, arena, bounds, state = known
    number, new = state[0], state[1]
    start = np.int64(bounds[number])
    length = last - first if last - first <= LONGEST else 0
    if length:
        table[slot] = (value << _HALF) | np.uint64(number + 1)
    for i in range(length):
        arena[start + i] = spelling[row + text[first + i]]
    bounds[number + 1] = start + length
    found[new, 0], found[new, 1] = first, last
    state[0], state[1] = number + 1, new + 1


@jit()
def cut(texts: Any, alphabet: Any, known: Any, filled: Any) -> None:
    """Cut `Texts` into chunks, number them by a `ChunkTable`, and fill `TextChunks`."""
    text, ends = texts
    kinds, spelling = alphabet
    table, state = known.table, known.state
    chunks, chunk_ends, found = filled
    at = out = 0
    state[1] = 0
    for place in range(len(ends)):
        stop = ends[place]
        while at < stop:
            if kinds[text[at]] & _SKIPPED:
                at += 1
                continue
            end, seen = at, np.uint8(0)
            while end < stop and not kinds[text[end]] & SEPARATOR:
                seen |= text[end]
                end += 1
            last = end
            while kinds[text[last - 1]] & TRAILING:
                last -= 1
            row = (np.int64(seen) >> 7) << 8
            chunk = Chunk(text, at, last, spelling, row)
            value = hash_of(chunk)
            slot = slot_of(value, chunk, known)
            chunks[out] = state[0]
            if table[slot] == 0:
                enter(slot, value, chunk, known, found)
            else:
                chunks[out] = np.int64(table[slot] & _LOW) - 1
            out += 1
            at = end
        chunk_ends[place] = out


@jit()
def expand(chunks: Any, chunk_ends: Any, firsts: Any, ids: Any, out: Any, ends: Any) -> Any:
    """Write the ids of the tokens of chunks to `out`, and where those of each text end.

    The tokens of chunk c are `ids[firsts[c] : firsts[c + 1]]`. Returns how many there are; if
    `out` has room for fewer, it is not complete.
    """
    at = done = 0
    for place in range(len(chunk_ends)):
        for i in range(done, chunk_ends[place]):
            for k in range(firsts[chunks[i]], firsts[chunks[i] + 1]):
                if at < len(out):
                    out[at] = ids[k]
                at += 1
        done = chunk_ends[place]
        ends[place] = at
    return at


@jit()
def tally(ids: Any, counts: Any) -> None:
    """Add 1 to the count of each of `ids`."""
    for i in range(len(ids)):
        counts[ids[i]] += 1
