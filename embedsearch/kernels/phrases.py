"""Compiled loops of `embedsearch.text.phrases`: counting candidates, and joining phrases.

A candidate is a word, up to two connectors, and a word. Its key is
`(first * types + second) * gaps + gap`, where the gap is 0, c or `c * (k + 1) + d` for
connectors c and d of 1 to k, and `gaps` is `(k + 1) ** 2`. Tables are open-addressing hash
tables (linear probing) of keys + 1; 0 is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch.kernels._jit import jit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import IntVector

_PART_BITS = np.uint64(40)


class WordKinds(NamedTuple):
    """Which words can be in a phrase."""

    # (types,) 0 for a word that can be part of a phrase, -1 for another word, c for a connector.
    kinds: NDArray[np.int16]
    base: int  # connectors + 1


class Part(NamedTuple):
    """The keys whose hash leaves a remainder, `part`, when divided by `parts`."""

    part: int
    parts: int


class KeyTable(NamedTuple):
    """A hash table of keys; by slot how often each occurs, or the type that it becomes."""

    keys: IntVector
    values: NDArray[np.int32]


@jit()
def hash_of(key: Any) -> Any:
    """Return a hash of a key (the finalizer of MurmurHash3)."""
    value = np.uint64(key)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@jit()
def slot_of(key: Any, value: Any, keys: Any) -> Any:
    """Return the place of a key in a table, or the free one for it."""
    mask = np.uint64(len(keys) - 1)
    slot = value & mask
    while keys[slot] != 0 and keys[slot] != key + 1:
        slot = (slot + np.uint64(1)) & mask
    return slot


@jit()
def widened(gap: int, connector: int, base: int) -> Any:
    """Return the gap with one more connector, or -1 if it has two already."""
    return gap * base + connector if gap < base else -1


@jit()
def add(key: Any, part: Any, table: Any) -> Any:
    """Count a key if it belongs to the part; return 1 if the table had not had it, else 0."""
    value = hash_of(key)
    if (value >> _PART_BITS) % np.uint64(part.parts) != np.uint64(part.part):
        return 0
    keys, counts = table
    slot = slot_of(key, value, keys)
    new = 1 if keys[slot] == 0 else 0
    keys[slot] = key + 1
    counts[slot] += 1
    return new


@jit()
def count(tokens: Any, ends: Any, words: Any, part: Any, table: Any, state: Any) -> Any:
    """Count the candidates of one part of all keys in a stretch, in which documents end at `ends`.

    `state` is the first word of the current candidate or -1, its gap, and the entries of the
    table. Returns False if that is full: of 8 slots 5 at most are filled, as probing gets slow.
    """
    kinds, base = words
    at, place, most = 0, 0, len(table.keys) * 5 // 8
    while at < len(tokens) and state[2] < most:
        while place < len(ends) and ends[place] <= at:
            state[0], place = -1, place + 1
        token = tokens[at]
        kind = kinds[token]
        if kind > 0:
            state[1] = widened(state[1], kind, base)
            state[0] = state[0] if state[1] >= 0 else -1
        else:
            if kind == 0 and state[0] >= 0:
                key = (state[0] * len(kinds) + token) * base * base + state[1]
                state[2] += add(key, part, table)
            state[0], state[1] = token if kind == 0 else -1, 0
        at += 1
    if len(ends) and ends[-1] == len(tokens):
        state[0] = -1
    return at == len(tokens)


@jit()
def fill(phrases: Any, types: Any, table: Any) -> None:
    """Put phrases, and the type that each becomes, into an empty table."""
    keys, joined = table
    for i in range(len(phrases)):
        slot = slot_of(phrases[i], hash_of(phrases[i]), keys)
        keys[slot] = phrases[i] + 1
        joined[slot] = types[i]


@jit()
def phrase_slot(first: int, token: int, gap: int, words: Any, keys: Any) -> Any:
    """Return the place of a phrase in its table, or -1."""
    kinds, base = words
    if first < 0 or kinds[token] < 0:
        return np.int64(-1)
    key = (first * len(kinds) + token) * base * base + gap
    slot = np.int64(slot_of(key, hash_of(key), keys))
    return slot if keys[slot] != 0 else np.int64(-1)


@jit()
def join(tokens: Any, ends: Any, words: Any, table: Any) -> Any:
    """Join phrases of a stretch in place, greedily from the left; return how many types are left.

    `table` has the type that each phrase becomes; `ends`, where documents end, moves along.
    """
    kinds, base = words
    keys, joined = table
    size = place = gap = start = 0
    first = np.int64(-1)
    for at in range(len(tokens)):
        while place < len(ends) and ends[place] <= at:
            ends[place], first, place = size, np.int64(-1), place + 1
        token = np.int64(tokens[at])
        tokens[size] = token
        size += 1
        if kinds[token] > 0:
            gap = widened(gap, kinds[token], base)
            first = first if gap >= 0 else np.int64(-1)
            continue
        slot = phrase_slot(first, token, gap, words, keys)
        if slot >= 0:
            tokens[start] = joined[slot]
            size = start + 1
        first = token if slot < 0 and kinds[token] == 0 else np.int64(-1)
        start, gap = size - 1, 0
    while place < len(ends):
        ends[place], place = size, place + 1
    return size
