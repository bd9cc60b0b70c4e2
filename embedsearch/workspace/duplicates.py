"""Documents of the record that are nearly the same, by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from embedsearch._progress import SilentProgress
from embedsearch.search.duplicates import duplicate_groups, near_duplicates
from embedsearch.search.latent_space import full_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._progress import Progress
    from embedsearch.store.documents import DocumentStore


class DuplicatePair(NamedTuple):
    """Two documents that are nearly the same.

    Attributes:
        a: The id of the one that was added first.
        b: The id of the other.
        score: The share of their runs of words that both have; 1 where all are the same.
    """

    a: str
    b: str
    score: float


def duplicate_pairs(
    store: DocumentStore, threshold: float, progress: Progress | None
) -> list[DuplicatePair]:
    """See `Documents.duplicates`."""
    found = near_duplicates(_texts(store), threshold, progress or SilentProgress())
    ids = store.ids_of(sorted({n for pair in found for n in (pair.number_a, pair.number_b)}))
    # Another process may delete some meanwhile.
    return [DuplicatePair(ids[a], ids[b], s) for a, b, s in found if a in ids and b in ids]


def duplicate_ids(
    store: DocumentStore, threshold: float, progress: Progress | None
) -> list[tuple[str, ...]]:
    """See `Documents.duplicate_groups`."""
    found = duplicate_groups(_texts(store), threshold, progress or SilentProgress())
    ids = store.ids_of(sorted({number for group in found for number in group}))
    kept = [tuple(ids[number] for number in group if number in ids) for group in found]
    return [group for group in kept if len(group) > 1]


def _texts(store: DocumentStore) -> Iterator[tuple[int, str]]:
    return ((number, full_text(document)) for number, document in store.changed_since(0))
