"""`Workspace.documents`: the documents as a mapping, documents like documents, duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._progress import listener_of
from embedsearch._types import Document, FloatMatrix, FloatVector, Hits, html_table

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.search.related import Like
    from embedsearch.store.documents import DocumentStore, Origin
    from embedsearch.workspace.session import Session

# Rows in a notebook.
_SHOWN = 10


class DuplicatePair(NamedTuple):
    """Two documents that are nearly the same.

    Attributes:
        a: The id of the one that was added first.
        b: The id of the other.
        score: The share of their runs of words that both have; 1 if all are the same.
    """

    a: str
    b: str
    score: float


class Documents(Mapping[str, Document]):
    """Documents by id, in the order of their addition."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def _store(self) -> DocumentStore:
        return self._session.store

    def __getitem__(self, id: str) -> Document:
        return self._store.get(id)

    def __iter__(self) -> Iterator[str]:
        return self._store.ids()

    def __len__(self) -> int:
        return len(self._store)

    def __contains__(self, id: object) -> bool:
        return id in self._store

    def source(self, id: str) -> Origin | None:
        """Return where a document is from: `source` and `key`; None where that is not known.

        `source` is the real path of a file, `-` for standard input, or `corpus:NAME`. `key` is
        what the document is called there: its id, `:7` for the row, line or paragraph, or
        nothing where the file is one document. One that was added from Python has neither.

        Raises:
            UnknownDocumentError: There is none of this id.
        """
        return self._store.origin(id)

    def most_similar(
        self,
        positive: Like | Iterable[Like],
        negative: Like | Iterable[Like] = (),
        topn: int = 10,
        where: str | None = None,
    ) -> Hits:
        """Find the documents that are like some, and less like others.

        With what somebody has read as `positive`, these are what to read next. How like two
        documents are is the mean of their cosines by all encoders of search and by word
        vectors: 1 for the same words, about 0 for documents that have nothing in common. The
        score is half the weighted mean of that over the positive examples and half the greatest,
        less half of what the same sum is over the negative ones.

        ```python
        ws.documents.most_similar("a1", topn=5)
        ws.documents.most_similar(["a1", ("b2", 0.5)], negative=["c3"], where="year > 1990")
        ws.documents.most_similar(es.Document("", "a text that is in no workspace"))
        ```

        Args:
            positive: An id, a `Document` that need not be in the workspace, a pair of either
                with a weight above 0, or a list of these. They are not among the hits.
            negative: The same.
            topn: How many hits.
            where: A condition on metadata, as for `Workspace.search`.

        Raises:
            UnknownDocumentError: There is none of an id.
            QueryError: No positive example has known words, or one is negative too.
            ParameterError: An example or a weight cannot be used.
            NotTrainedError: The workspace has no vectors yet.
        """
        return self._session.search().most_similar(positive, negative, topn, where)

    def duplicates(
        self, threshold: float = 0.8, progress: Progress | None = None
    ) -> list[DuplicatePair]:
        """List the pairs of documents that are nearly the same, the most alike first.

        The score is the share of runs of three words that both have, among all that one of them
        has (Broder 1997): 0.8 lets one word in about thirty differ. No pair is missed. Titles
        count; nothing needs to be trained.

        Raises:
            ParameterError: `threshold`, the lowest score, is not above 0 and up to 1.
            InputError: There are more than five million pairs; ask for `duplicate_groups`.
        """
        from embedsearch.search.duplicates import near_duplicates

        pairs = near_duplicates(self._texts(), threshold, listener_of(progress))
        ids = self._store.ids_of(sorted({number for a, b, _ in pairs for number in (a, b)}))
        # Another process may delete some meanwhile.
        return [DuplicatePair(ids[a], ids[b], s) for a, b, s in pairs if a in ids and b in ids]

    def duplicate_groups(
        self, threshold: float = 0.8, progress: Progress | None = None
    ) -> list[tuple[str, ...]]:
        """Group the documents that `duplicates` links, directly or through others.

        Each has the ids of two or more documents in the order of their addition; the largest
        groups come first. `threshold` is as for `duplicates`.
        """
        from embedsearch.search.duplicates import duplicate_groups

        found = duplicate_groups(self._texts(), threshold, listener_of(progress))
        ids = self._store.ids_of(sorted({number for group in found for number in group}))
        groups = [tuple(ids[number] for number in group if number in ids) for group in found]
        return [group for group in groups if len(group) > 1]

    def _texts(self) -> Iterator[tuple[int, str]]:
        from embedsearch.search.latent_space import full_text

        return ((number, full_text(document)) for number, document in self._store.changed_since(0))

    def vector(self, id: str) -> FloatVector:
        """Return the (d,) vector of a document in the space of words: float32, unit length."""
        return self._session.search().vector(id)

    @property
    def vectors(self) -> FloatMatrix:
        """The vectors of all documents, (n, d) float32 of unit length, in the order of the ids."""
        return self._session.search().matrix()

    def __repr__(self) -> str:
        return f"Documents({len(self):,})"

    def _repr_html_(self) -> str:
        first = [self[id] for id in islice(self, _SHOWN)]
        rows = [(d.id, d.title, " ".join(d.text[:160].split())) for d in first]
        return f"<p>{len(self):,} documents</p>" + html_table(("id", "title", "text"), rows)
