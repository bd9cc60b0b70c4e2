"""Pairs of sets that have much in common: a join by prefixes that misses none.

Sets are slices of one array of ranks: the rarest member of all sets is 0. Rows are sets in the
order of their sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch.kernels._jit import jit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import IntVector

# Far more than the error of rounding, far less than one member.
_SLACK = 1e-6


class RankedSets(NamedTuple):
    """Sets in the order of their sizes."""

    members: NDArray[np.uint32]  # ranks of all sets, rising within a set
    starts: IntVector  # (n + 1,) where sets begin
    sizes: IntVector  # (n,) of the whole sets; rising


class Postings(NamedTuple):
    """Which rows have a member in their prefix, and where."""

    # (ranks, 2) where the postings of a member begin and end; those of sets that are too small
    # for all that follow are passed over for good.
    heads: IntVector
    rows: NDArray[np.int32]  # the sets that have the member in their prefix, rising
    places: NDArray[np.int32]  # its place in the set


class Scratch(NamedTuple):
    """What a join remembers of rows, `(n,)` each."""

    parents: IntVector  # the trees of linked rows
    shared: NDArray[np.int32]  # zeros, before and after
    touched: NDArray[np.int32]  # for use within


class Pairs(NamedTuple):
    """Some of the pairs of a join: (m, 2) rows of the two sets, and (m,) their similarity."""

    rows: IntVector
    scores: NDArray[np.float64]


@jit()
def tally(members: Any, table: Any) -> None:
    """Count members up to two, each in the slot of its lowest bits; slots may be shared."""
    mask = np.uint64(len(table) - 1)
    for member in members:
        slot = member & mask
        table[slot] = min(table[slot] + 1, 2)


@jit()
def prune(members: Any, starts: Any, needs: Any, table: Any, left: Any) -> int:
    """Remove members that were counted once, and sets that keep fewer than `needs`, 1 or more.

    What is left moves to the front of `members` and `starts`, and `left` receives its rows.
    Returns how many sets are left.
    """
    mask = np.uint64(len(table) - 1)
    rows, size, first = 0, 0, starts[0]
    starts[0] = 0
    for row in range(len(needs)):
        last, end = starts[row + 1], size
        for i in range(first, last):
            if table[members[i] & mask] > 1:
                members[end] = members[i]
                end += 1
        first = last
        if end - size >= needs[row]:
            left[rows], size, rows = row, end, rows + 1
            starts[rows] = size
    return rows


@jit()
def root(row: int, parents: Any) -> int:
    """Return the root of the tree that a row is in, and shorten the way there."""
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


@jit()
def overlap(members: Any, i: int, i_end: int, j: int, j_end: int, need: int) -> int:
    """Count the members that two slices share; -1 once there can no more be `need` of them."""
    common = 0
    while i < i_end and j < j_end:
        if common + min(i_end - i, j_end - j) < need:
            return -1
        one, other = members[i], members[j]
        common += one == other
        i += one <= other
        j += other <= one
    return common if common >= need else -1


@jit()
def candidates(x: int, sets: Any, postings: Any, threshold: float, scratch: Any) -> int:
    """Write the smaller sets that share a member of their prefix with row x to `touched`.

    Returns how many; `shared` is above 0 for those that may be similar enough.
    """
    members, starts, sizes = sets
    heads, rows, places = postings
    shared, touched = scratch.shared, scratch.touched
    found, size = 0, sizes[x]
    smallest = np.ceil(threshold * size - _SLACK)
    kept = starts[x + 1] - starts[x]
    ratio = threshold / (1 + threshold)
    for place in range(min(kept, kept - np.int64(smallest) + 1)):
        member = members[starts[x] + place]
        at, end = heads[member, 0], heads[member, 1]
        while at < end and sizes[rows[at]] < smallest:
            at += 1
        heads[member, 0] = at
        while at < end and rows[at] < x:
            y = rows[at]
            if shared[y] == 0:
                touched[found] = y
                found += 1
            left = min(kept - place, starts[y + 1] - starts[y] - places[at])
            enough = shared[y] + left >= ratio * (size + sizes[y]) - _SLACK
            shared[y] = shared[y] + 1 if shared[y] >= 0 and enough else -1
            at += 1
    return found


@jit()
def join(
    block: tuple[int, int], sets: Any, postings: Any, limit: Any, scratch: Any, pairs: Any
) -> Any:
    """Find the partners of the rows of a block among the rows before them.

    `limit` is the least Jaccard similarity, and whether to pass over pairs that are linked already
    by other pairs. `pairs` has room for all of one row at least. Returns the next row, and how
    many pairs there are.
    """
    x, end = block
    threshold, forest = limit
    members, starts, sizes = sets
    parents, shared, touched = scratch
    found, scores = pairs
    size, ratio = 0, threshold / (1 + threshold)
    while x < end and len(scores) - size >= x:
        count = candidates(x, sets, postings, threshold, scratch)
        for y in touched[:count]:
            worth, shared[y] = shared[y] > 0, 0
            if not worth or (forest and root(x, parents) == root(y, parents)):
                continue
            both = sizes[x] + sizes[y]
            need = np.int64(np.ceil(ratio * both - _SLACK))
            common = overlap(members, starts[x], starts[x + 1], starts[y], starts[y + 1], need)
            if common > 0 and common / (both - common) >= threshold:
                found[size, 0], found[size, 1] = x, y
                scores[size] = common / (both - common)
                parents[root(x, parents)] = root(y, parents)
                size += 1
        x += 1
    return x, size
