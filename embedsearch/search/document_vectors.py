"""The vectors of all documents, brought up to date with the record."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.search.encoding import full_text
from embedsearch.search.latent_index import LatentIndex
from embedsearch.search.passages import all_pieces, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import Document, FloatMatrix, IntVector
    from embedsearch.index.proposing import Proposer
    from embedsearch.search.encoding import TextEncoder
    from embedsearch.search.model import SearchModel
    from embedsearch.store.documents import DocumentStore

_BLOCK = 1_000

Passages = tuple["FloatMatrix", "IntVector"]
"""The vectors of passages, and where those of each document begin and end."""


@dataclass(frozen=True, slots=True, eq=False)
class DocumentVectors:
    """Document vectors as they follow from the record up to a change number.

    Attributes:
        numbers: (n,) the record's numbers of the documents.
        vectors: (n, d) unit rows, in the space of the words.
        latent: (p, D) their passages in the space of search.
        change: The last change of the record that is in here.
        owners: (n + 1,) where the passages of each document begin and end; None where each has
            one.
        origin: (p,) the place that each passage had when they were stored, -1 for those that
            came later; None where nothing has come.
    """

    numbers: IntVector
    vectors: FloatMatrix
    latent: FloatMatrix
    change: int
    owners: IntVector | None = None
    origin: IntVector | None = None

    def caught_up(
        self, store: DocumentStore, encoder: TextEncoder, model: SearchModel
    ) -> DocumentVectors:
        """Return the vectors after all later changes; itself where there are none.

        Where the record is older than they are, as it was restored, all are made anew.
        """
        latest = store.change
        if latest == self.change:
            return self
        since = self.change if self.change <= latest else 0
        numbers, vectors, latent = _encoded(store, since, encoder, model)
        gone = np.concatenate((numbers, np.asarray(store.removed_since(since), np.int64)))
        keep = ~np.isin(self.numbers, gone) & (since == self.change)
        counts = np.diff(self.bounds)
        passages = np.repeat(keep, counts)
        before = np.arange(len(self.latent)) if self.origin is None else self.origin
        owners = np.cumsum(np.concatenate(([0], counts[keep], *(np.diff(o) for _, o in latent))))
        came = int(owners[-1]) - int(passages.sum())
        return DocumentVectors(
            np.concatenate((self.numbers[keep], numbers)),
            np.concatenate((self.vectors[keep], *vectors)),
            np.concatenate((self.latent[passages], *(X for X, _ in latent))),
            latest,
            owners,
            np.concatenate((before[passages], np.full(came, -1))),
        )

    @property
    def bounds(self) -> IntVector:
        """(n + 1,) where the passages of each document begin and end."""
        return np.arange(len(self.numbers) + 1) if self.owners is None else self.owners

    def index(self, proposer: Proposer | None) -> LatentIndex:
        """Return the index of these vectors.

        Args:
            proposer: That of the vectors as they were stored.
        """
        if proposer is None or self.origin is None:
            return LatentIndex(self.numbers, self.latent, proposer, owners=self.owners)
        places = np.full(len(proposer), -1)
        old = np.flatnonzero(self.origin >= 0)
        places[self.origin[old]] = old
        return LatentIndex(self.numbers, self.latent, proposer, places, self.owners)


def _encoded(
    store: DocumentStore, since: int, encoder: TextEncoder, model: SearchModel
) -> tuple[IntVector, list[FloatMatrix], list[Passages]]:
    """Encode what changed, a block of texts in memory at a time."""
    numbers: list[int] = []
    vectors: list[FloatMatrix] = []
    latent: list[Passages] = []
    changed = store.changed_since(since)
    while block := dict(islice(changed, _BLOCK)):
        documents = list(block.values())
        numbers += block
        vectors += encoder.documents(documents)
        latent += latent_vectors(documents, model)
    return np.asarray(numbers, np.int64), vectors, latent


def latent_vectors(documents: Sequence[Document], model: SearchModel) -> list[Passages]:
    """Encode the passages of documents in the space of search, in blocks."""
    blocks, space = [], model.space
    for start in range(0, len(documents), _BLOCK):
        texts = [full_text(document) for document in documents[start : start + _BLOCK]]
        passages, owners = split(space.terms.documents(map(model.analyzer.words, texts)))
        pieces = all_pieces(texts, owners) if space.external else None
        blocks.append((space.documents(passages.counts, pieces), owners))
    return blocks
