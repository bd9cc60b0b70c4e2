"""The vectors of all documents, brought up to date with the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.search.encoding import TextEncoder
    from embedsearch.store.documents import DocumentStore


@dataclass(frozen=True, slots=True, eq=False)
class DocumentVectors:
    """Document vectors as they follow from the record up to a change number.

    Attributes:
        numbers: (n,) the record's numbers of the documents.
        vectors: (n, d) unit rows.
        change: The last change of the record that is in here.
    """

    numbers: IntVector
    vectors: FloatMatrix
    change: int

    def caught_up(self, store: DocumentStore, encoder: TextEncoder) -> DocumentVectors:
        """Return the vectors after all later changes; itself where there are none."""
        latest = store.change
        if latest == self.change:
            return self
        changed = dict(store.changed_since(self.change))
        numbers = np.fromiter(changed, np.int64, len(changed))
        gone = np.concatenate((numbers, np.asarray(store.removed_since(self.change), np.int64)))
        keep = ~np.isin(self.numbers, gone)
        fresh = list(encoder.documents(changed.values()))
        return DocumentVectors(
            np.concatenate((self.numbers[keep], numbers)),
            np.concatenate((self.vectors[keep], *fresh)),
            latest,
        )
