"""`Workspace.documents`: the documents as a mapping, and documents like a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from embedsearch._types import Document, FloatMatrix, FloatVector, Hits, html_table

if TYPE_CHECKING:
    from embedsearch.search.documents import DocumentSearch
    from embedsearch.store.documents import DocumentStore

_SHOWN = 10


class Documents(Mapping[str, Document]):
    """Documents by id, in the order of their addition."""

    def __init__(self, store: DocumentStore, search: Callable[[], DocumentSearch]) -> None:
        self._store, self._search = store, search

    def __getitem__(self, id: str) -> Document:
        return self._store.get(id)

    def __iter__(self) -> Iterator[str]:
        return self._store.ids()

    def __len__(self) -> int:
        return len(self._store)

    def __contains__(self, id: object) -> bool:
        return id in self._store

    def most_similar(self, id: str, topn: int = 10) -> Hits:
        """Find the documents nearest to a document, by the cosine of their vectors.

        Args:
            id: The document; it is not among the hits.
            topn: How many hits.

        Raises:
            UnknownDocumentError: There is none of this id.
            NotTrainedError: The workspace has no vectors yet.
        """
        return self._search().most_similar(id, topn)

    def vector(self, id: str) -> FloatVector:
        """Return the (d,) vector of a document: float32, unit length."""
        return self._search().vector(id)

    @property
    def vectors(self) -> FloatMatrix:
        """The vectors of all documents, (n, d) float32 of unit length, in the order of the ids."""
        return self._search().matrix()

    def __repr__(self) -> str:
        return f"Documents({len(self):,})"

    def _repr_html_(self) -> str:
        first = [self[id] for id in islice(self, _SHOWN)]
        rows = [(d.id, d.title, " ".join(d.text[:160].split())) for d in first]
        return f"<p>{len(self):,} documents</p>" + html_table(("id", "title", "text"), rows)
