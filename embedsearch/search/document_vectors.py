"""The vectors of all documents, brought up to date with the record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.search.encoding import full_text
from embedsearch.search.latent_index import LatentIndex
from embedsearch.search.passages import all_pieces, split
from embedsearch.search.segments import DocumentRows, Segmented

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedsearch._types import Document, FloatMatrix, IntVector
    from embedsearch.index.candidate_index import CandidateIndex
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
        rows: Which rows the documents have.
        vectors: (r, d) unit rows, in the space of the words.
        latent: (p, D) the passages of the rows in the space of search.
        change: The last change of the record that is in here.
    """

    rows: DocumentRows
    vectors: Segmented
    latent: Segmented
    change: int

    @classmethod
    def of(
        cls,
        numbers: IntVector,
        vectors: FloatMatrix,
        latent: FloatMatrix,
        change: int,
        owners: IntVector | None = None,
    ) -> DocumentVectors:
        """Make those of n documents, mapped or in memory.

        Args:
            numbers: (n,) the record's numbers of the documents.
            vectors: (n, d).
            latent: (p, D).
            change: The last change of the record that is in them.
            owners: (n + 1,) where the passages of each document begin and end; None where each
                has one.
        """
        rows = DocumentRows.of(numbers, owners)
        return cls(rows, Segmented(vectors), Segmented(latent), change)

    def __len__(self) -> int:
        return len(self.rows)

    def caught_up(
        self, store: DocumentStore, encoder: TextEncoder, model: SearchModel
    ) -> DocumentVectors:
        """Return the vectors after all later changes; itself where there are none.

        It costs what the changes do, and a byte for each document. Where the record is older
        than they are, as it was restored, all are made again.
        """
        latest = store.change
        if latest == self.change:
            return self
        found = self if self.change <= latest else self._none()
        since = found.change
        removed = np.asarray(store.removed_since(since), np.int64)
        found = replace(found, rows=found.rows.without(removed))
        changed = store.changed_since(since)
        while block := dict(islice(changed, _BLOCK)):
            found = found.changed(block, encoder, model)
        return replace(found.compacted(), change=latest)

    def index(self, proposer: CandidateIndex | None) -> LatentIndex:
        """Return the index of these vectors.

        Args:
            proposer: That of the vectors as they were stored.
        """
        return LatentIndex(self.rows, self.latent, proposer if self.rows.stored else None)

    def changed(
        self, documents: Mapping[int, Document], encoder: TextEncoder, model: SearchModel
    ) -> DocumentVectors:
        """Return them with documents that came or changed, by their numbers."""
        texts, numbers = list(documents.values()), np.fromiter(documents, np.int64)
        rows, vectors, latent = self.rows.without(numbers), self.vectors, self.latent
        counts: list[IntVector] = []
        for encoded in encoder.documents(texts):
            vectors = vectors.appended(encoded)
        for passages, owners in latent_vectors(texts, model):
            latent = latent.appended(passages)
            counts.append(np.diff(owners))
        rows = rows.appended(numbers, np.concatenate(counts))
        return replace(self, rows=rows, vectors=vectors, latent=latent)

    def compacted(self) -> DocumentVectors:
        """Return them without dead rows in the tail, where these are most of it."""
        if not self.rows.wasted:
            return self
        tail = self.rows.later
        vectors = self.vectors.with_tail(tail)
        latent = self.latent.with_tail(self.rows.passages(tail)[0])
        return replace(self, rows=self.rows.compacted(), vectors=vectors, latent=latent)

    def _none(self) -> DocumentVectors:
        """Return those of a record without documents."""
        none = np.zeros(0, np.int64)
        return DocumentVectors.of(none, self.vectors.base[:0], self.latent.base[:0], 0)


def latent_vectors(documents: Sequence[Document], model: SearchModel) -> list[Passages]:
    """Encode the passages of documents in the space of search, in blocks."""
    blocks, space = [], model.space
    for start in range(0, len(documents), _BLOCK):
        texts = [full_text(document) for document in documents[start : start + _BLOCK]]
        passages, owners = split(space.terms.documents(map(model.analyzer.words, texts)))
        pieces = all_pieces(texts, owners) if space.external else None
        blocks.append((space.documents(passages.counts, pieces), owners))
    return blocks
