"""Pairs of sets that have much in common: a join by prefixes that misses none.

Sets are slices of one array of ranks: the rarest member of all sets is 0. Rows are sets in the
order of their sizes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from embedsearch.kernels._jit import jit

# Far more than the error of rounding, far less than one member.
_SLACK = 1e-6


@jit()
def tally(members: Any, table: Any) -> None:
    """Count members up to two, each in the slot of its lowest bits; slots may be shared."""
    mask = np.uint64(len(table) - 1)
    for member in members:
        slot = member & mask
        table[slot] = min(table[slot] + 1, 2)


@jit()
def prune(members: Any, starts: Any, needs: Any, table: Any, left: Any) -> int:
    """Remove members that were counted once, and sets that have too few others.

    Args:
        members: Of all sets; those that are left move to the front.
        starts: (n + 1,) where sets begin, before and after.
        needs: (n,) how many members must be left of a set, 1 or more.
        table: What `tally` filled.
        left: (n,) filled with the rows of the sets that are left.

    Returns:
        How many sets are left.
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
def candidates(
    x: int, members: Any, starts: Any, sizes: Any, heads: Any, rows: Any, places: Any,
    threshold: float, shared: Any, touched: Any,
) -> int:  # fmt: skip
    """Find the smaller sets that share a member of their prefix with that of row x.

    Arguments as for `join`. Returns how many rows were written to `touched`; `shared` is above 0
    for those that may be similar enough.
    """
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
    x: int, end: int, members: Any, starts: Any, sizes: Any, heads: Any, rows: Any, places: Any,
    threshold: float, forest: bool, parents: Any, shared: Any, touched: Any,
    found: Any, scores: Any,
) -> Any:  # fmt: skip
    """Find the partners of rows x to `end` among the rows before them.

    Args:
        x: The first row.
        end: Behind the last row.
        members: Ranks of all sets, rising within a set.
        starts: (n + 1,) where sets begin.
        sizes: (n,) of the whole sets; rising.
        heads: (ranks, 2) where the postings of a member begin and end; those of sets that are
            too small for all that follow are passed over for good.
        rows: Postings: the sets that have the member in their prefix, rising.
        places: Postings: its place in the set.
        threshold: The least Jaccard similarity.
        forest: Pass over pairs that are linked already by other pairs.
        parents: (n,) the trees of linked rows.
        shared: (n,) zeros, before and after.
        touched: (n,) for use within.
        found: (room, 2) filled with pairs of rows; there is room for all of one row at least.
        scores: (room,) filled with their similarities.

    Returns:
        The next row, and how many pairs there are.
    """
    pairs, ratio = 0, threshold / (1 + threshold)
    while x < end and len(scores) - pairs >= x:
        count = candidates(
            x, members, starts, sizes, heads, rows, places, threshold, shared, touched
        )
        for y in touched[:count]:
            worth, shared[y] = shared[y] > 0, 0
            if not worth or (forest and root(x, parents) == root(y, parents)):
                continue
            both = sizes[x] + sizes[y]
            need = np.int64(np.ceil(ratio * both - _SLACK))
            common = overlap(members, starts[x], starts[x + 1], starts[y], starts[y + 1], need)
            if common > 0 and common / (both - common) >= threshold:
                found[pairs, 0], found[pairs, 1] = x, y
                scores[pairs] = common / (both - common)
                parents[root(x, parents)] = root(y, parents)
                pairs += 1
        x += 1
    return x, pairs
