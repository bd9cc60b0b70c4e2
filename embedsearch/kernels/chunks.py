"""Compiled loops of `embedsearch.text.stream_writer`: bytes to chunk numbers to token numbers.

Chunks are kept in an open-addressing hash table (linear probing, Fowler-Noll-Vo's FNV-1a).
An entry of the table is 0 where it is free; otherwise its upper half is the lower half of
the chunk's hash, and its lower half the chunk's number plus 1. The spelling of chunk n is
`arena[bounds[n]:bounds[n + 1]]`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from embedsearch.kernels._jit import jit

SEPARATOR, LEADING, TRAILING = 1, 2, 4
LONGEST = 64
_SKIPPED = SEPARATOR | LEADING
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@jit()
def hash_of(text: Any, first: int, last: int, spelling: Any, row: int) -> Any:
    """Return the hash of `text[first:last]`, spelled by the table at `spelling[row:]`."""
    value = np.uint64(0xCBF29CE484222325)
    for i in range(first, last):
        value = (value ^ np.uint64(spelling[row + text[i]])) * np.uint64(0x100000001B3)
    value ^= value >> _HALF
    return value * np.uint64(0x9E3779B97F4A7C15)


@jit()
def is_entry(
    entry: Any, value: Any, text: Any, first: int, last: int, spelling: Any, row: int,
    arena: Any, bounds: Any,
) -> Any:  # fmt: skip
    """Say whether an entry of the table is the chunk `text[first:last]` with this hash."""
    number = np.int64(entry & _LOW) - 1
    start, length = np.int64(bounds[number]), last - first
    i = 0
    if (entry >> _HALF) == (value & _LOW) and bounds[number + 1] - start == length:
        while i < length and arena[start + i] == spelling[row + text[first + i]]:
            i += 1
    return i == length


@jit()
def slot_of(
    value: Any, text: Any, first: int, last: int, spelling: Any, row: int,
    table: Any, arena: Any, bounds: Any,
) -> Any:  # fmt: skip
    """Return where in the table a chunk is, or the free slot where it belongs."""
    mask = np.uint64(len(table) - 1)
    slot = (value >> _HALF) & mask
    while table[slot] != 0 and not is_entry(
        table[slot], value, text, first, last, spelling, row, arena, bounds
    ):
        slot = (slot + np.uint64(1)) & mask
    return slot


@jit()
def enter(
    slot: Any, value: Any, text: Any, first: int, last: int, spelling: Any, row: int,
    table: Any, arena: Any, bounds: Any, found: Any, state: Any,
) -> None:  # fmt: skip
    """Give the next number to a chunk; one longer than `LONGEST` is not looked up again."""
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
def cut(
    text: Any, ends: Any, kinds: Any, spelling: Any, table: Any, arena: Any, bounds: Any,
    state: Any, chunks: Any, chunk_ends: Any, found: Any,
) -> None:  # fmt: skip
    """Cut texts into chunks and number them.

    Args:
        text: (n,) uint8, the UTF-8 bytes of all texts, one behind the other.
        ends: (t,) where each text ends.
        kinds: (256,) what a byte is: `SEPARATOR`, `LEADING`, `TRAILING`, or none of these.
        spelling: (512,) how a byte is spelled in a chunk of ASCII alone, and then in another.
        table: (a power of 2,) uint64.
        arena: Bytes of all chunks; has room for n more.
        bounds: Where each chunk begins in the arena; has room for n / 2 + t more.
        state: The number of chunks, before and after; and the number of new ones, after.
        chunks: Receives the number of each chunk.
        chunk_ends: (t,) receives where the chunks of each text end.
        found: Receives start and end of each new chunk in the text.
    """
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
            value = hash_of(text, at, last, spelling, row)
            slot = slot_of(value, text, at, last, spelling, row, table, arena, bounds)
            chunks[out] = state[0]
            if table[slot] == 0:
                enter(
                    slot, value, text, at, last, spelling, row, table, arena, bounds, found, state
                )
            else:
                chunks[out] = np.int64(table[slot] & _LOW) - 1
            out += 1
            at = end
        chunk_ends[place] = out


@jit()
def expand(chunks: Any, chunk_ends: Any, firsts: Any, ids: Any, out: Any, ends: Any) -> Any:
    """Replace chunks by the numbers of their tokens, as far as there is room.

    Args:
        chunks: Numbers of chunks.
        chunk_ends: (t,) where the chunks of each text end.
        firsts: Where the tokens of each chunk begin in `ids`; one longer than the chunks.
        ids: Numbers of tokens.
        out: Receives the numbers of all tokens.
        ends: (t,) receives where the tokens of each text end.

    Returns:
        The number of tokens; where it is more than `out` has room for, `out` is not complete.
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
