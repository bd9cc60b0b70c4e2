"""Documents of one set of shingles, taken together: m copies of a text are compared once."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch.search.shingles import Sets

if TYPE_CHECKING:
    from embedsearch._types import IntVector


class EqualSets(NamedTuple):
    """Distinct sets, and the documents that have them.

    Attributes:
        numbers: Of documents, set by set.
        starts: (n + 1,) where those of each set begin in `numbers`.
        sets: The n sets.
    """

    numbers: IntVector
    starts: IntVector
    sets: Sets

    @property
    def copies(self) -> IntVector:
        """(n,) how many documents have each set."""
        return np.diff(self.starts)


def collapsed(numbers: IntVector, sets: Sets) -> EqualSets:
    """Take equal sets for one; `numbers` are those of their documents."""
    first: dict[tuple[int, bytes], int] = {}
    places = np.empty(len(numbers), np.int64)
    for row in range(len(numbers)):
        members = sets.members[sets.starts[row] : sets.starts[row + 1]]
        # A set that has lost members to pruning equals no other.
        alone = row if len(members) < sets.sizes[row] else -1
        digest = blake2b(members.tobytes(), digest_size=16).digest()
        places[row] = first.setdefault((alone, digest), len(first))
    kept = np.unique(places, return_index=True)[1]
    starts = np.concatenate([[0], np.cumsum(np.bincount(places))])
    return EqualSets(numbers[np.argsort(places, kind="stable")], starts, _chosen(sets, kept))


def expanded(owners: EqualSets, rows: IntVector) -> tuple[IntVector, IntVector]:
    """Turn pairs of sets into pairs of documents; a set paired with itself gives each pair once.

    Args:
        owners: Sets and documents.
        rows: (m, 2) pairs of sets.

    Returns:
        (k, 2) pairs of numbers, the lower first, and (k,) the place in `rows` of each.
    """
    one, other = owners.copies[rows].T
    sizes = one * other
    places = np.repeat(np.arange(len(rows)), sizes)
    within = np.arange(len(places)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    first, second = np.divmod(within, other[places])
    once = (rows[places, 0] != rows[places, 1]) | (first < second)
    places, chosen = places[once], np.stack([first[once], second[once]], axis=1)
    pairs = owners.numbers[owners.starts[rows[places]] + chosen]
    return np.sort(pairs, axis=1), places


def _chosen(sets: Sets, rows: IntVector) -> Sets:
    """Return some of the sets; `rows` must rise."""
    lengths = np.diff(sets.starts)
    mask = np.zeros(len(lengths), bool)
    mask[rows] = True
    starts = np.concatenate([[0], np.cumsum(lengths[rows])])
    return Sets(sets.members[np.repeat(mask, lengths)], starts, sets.sizes[rows])
