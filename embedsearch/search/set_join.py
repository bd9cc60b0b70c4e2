"""All pairs of sets whose Jaccard similarity reaches a threshold, without trying all pairs.

An exact join by filters that lose no pair: Bayardo, Ma and Srikant, "Scaling Up All Pairs
Similarity Search" (WWW 2007), and Xiao, Wang, Lin and Yu, "Efficient Similarity Joins for
Near-Duplicate Detection" (WWW 2008, PPJoin). Sets x and y of similarity t or more share at least
`t·max(|x|, |y|)` and `t/(1+t)·(|x|+|y|)` members. So with members in one order, rare ones first,
the first `|x| - t·|x| + 1` of x and the first `|y| - 2t/(1+t)·|y| + 1` of the smaller set y have
one in common, and only sets that share one of these rare members are compared.

A member that no other set has can be in no overlap; a set with too many of these has no partner
and is dropped at once, which may leave others without a partner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch.search.shingles import Sets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector

_SLACK = 1e-6
_SLOTS_PER_MEMBER = 4
_WORTHWHILE = 0.9
_BLOCK = 1 << 12
_ROOM = 1 << 18
_LOW = np.uint64((1 << 32) - 1)


class Pairs(NamedTuple):
    """Some of the pairs of a join.

    Attributes:
        rows: (m, 2) places of the two sets in what was joined.
        scores: (m,) their Jaccard similarity.
    """

    rows: IntVector
    scores: NDArray[np.float64]


class _Index(NamedTuple):
    """Which rows have a member in their prefix, and where; see `join_kernel.join`."""

    heads: IntVector
    rows: NDArray[np.int32]
    places: NDArray[np.int32]


def pruned(sets: Sets, threshold: float) -> tuple[IntVector, Sets]:
    """Drop members that no other set has, and sets that can have no partner.

    Whether a member is alone is told by a table of 4 to 8 bytes a member; a slot that two members
    share keeps a member for nothing. `sets.members` is overwritten.

    Returns:
        The rows of the sets that are left, and these.
    """
    from embedsearch.kernels.set_join import prune, tally

    members, starts = sets.members, sets.starts.copy()
    rows, before = np.arange(len(sets.sizes)), -1
    while before < 0 or len(members) < _WORTHWHILE * before:
        before = len(members)
        table = np.zeros(1 << (_SLOTS_PER_MEMBER * before).bit_length(), np.uint8)
        tally(members, table)
        kept = np.empty(len(rows), np.int64)
        needs = _least(threshold, sets.sizes[rows])
        count = prune(members, starts, needs, table, kept)
        rows, starts = rows[kept[:count]], starts[: count + 1]
        members = members[: starts[-1]]
    return rows, Sets(members.copy(), starts, sets.sizes[rows])


def joined(
    sets: Sets, threshold: float, progress: Progress, *, forest: bool = False
) -> Iterator[Pairs]:
    """Yield all pairs of sets that are similar, each once.

    Besides the pairs under way it takes about 40 bytes for each member that several sets have.
    Where m sets are much alike it compares them all, which takes time in proportion to m².

    Args:
        sets: Distinct members within a set; empty sets have no partner.
        threshold: The least similarity, above 0.
        progress: Hears of sets looked at.
        forest: Leave out pairs that are linked already by others: what is left is fewer pairs
            than sets, and links the same sets.
    """
    kept, rest = pruned(sets._replace(members=sets.members.copy()), threshold)
    order = np.argsort(rest.sizes, kind="stable")
    ranked = _ranked(rest, order)
    found = _blocks(ranked, _indexed(ranked, threshold), threshold, forest, progress)
    for rows, scores in found:
        yield Pairs(kept[order][rows], scores)


def _least(share: float, sizes: IntVector) -> IntVector:
    """Return the least whole numbers from `share` of each size, one at least."""
    least: IntVector = np.maximum(np.ceil(share * sizes - _SLACK), 1).astype(np.int64)
    return least


def _ranked(sets: Sets, order: IntVector) -> Sets:
    """Put sets into an order, and the rank of its frequency for each member, rare ones first."""
    _, inverse, counts = np.unique(sets.members, return_inverse=True, return_counts=True)
    ranks = np.empty(len(counts), np.uint64)
    ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts), dtype=np.uint64)
    lengths = np.diff(sets.starts)
    places = np.empty(len(order), np.uint64)
    places[order] = np.arange(len(order), dtype=np.uint64)
    keys = (np.repeat(places, lengths) << np.uint64(32)) | ranks[inverse]
    keys.sort()
    starts = np.concatenate([[0], np.cumsum(lengths[order])])
    return Sets(keys & _LOW, starts, sets.sizes[order])


def _indexed(sets: Sets, threshold: float) -> _Index:
    lengths = np.diff(sets.starts)
    share = 2 * threshold / (1 + threshold)
    prefixes = np.clip(lengths - _least(share, sets.sizes) + 1, 0, lengths)
    rows = np.repeat(np.arange(len(lengths), dtype=np.int32), prefixes)
    begins = np.cumsum(prefixes) - prefixes
    places = np.arange(len(rows)) - np.repeat(begins, prefixes)
    members = sets.members[sets.starts[rows] + places].astype(np.int64)
    order = np.argsort(members, kind="stable")
    distinct = int(sets.members.max()) + 1 if len(sets.members) else 0
    ends = np.cumsum(np.bincount(members, minlength=distinct))
    heads = np.stack([np.concatenate([[0], ends[:-1]])[: len(ends)], ends], axis=1)
    return _Index(heads, rows[order], places[order].astype(np.int32))


def _blocks(
    sets: Sets, index: _Index, threshold: float, forest: bool, progress: Progress
) -> Iterator[Pairs]:
    from embedsearch.kernels.set_join import join

    n, row = len(sets.sizes), 0
    members = sets.members.astype(np.uint32)
    parents, shared, touched = np.arange(n), np.zeros(n, np.int32), np.empty(n, np.int32)
    found, scores = np.empty((max(_ROOM, n), 2), np.int64), np.empty(max(_ROOM, n))
    with progress.task("duplicates", n, "documents") as task:
        while row < n:
            end = min(row + _BLOCK, n)
            after, count = join(
                row, end, members, sets.starts, sets.sizes, *index,
                threshold, forest, parents, shared, touched, found, scores,
            )  # fmt: skip
            task.advance(after - row)
            row = after
            yield Pairs(found[:count].copy(), scores[:count].copy())
