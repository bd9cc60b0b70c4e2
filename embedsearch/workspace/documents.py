"""`Workspace.documents`: the documents as a mapping, documents like documents, duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import BOOLEAN, COUNT, NATURAL, STRING, Instance, Optional, as_count, check
from embedsearch._errors import InputError
from embedsearch._fields import ABSENT, FieldPath
from embedsearch._io import checked_path
from embedsearch._progress import listener_of
from embedsearch._types import (
    Document,
    DocumentList,
    Facet,
    FloatMatrix,
    FloatVector,
    Hits,
    IntVector,
    html_table,
)

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch.search.related import Like
    from embedsearch.store.documents import DocumentStore, Origin
    from embedsearch.workspace.session import Session

# Rows in a notebook.
_SHOWN = 10
_OWN = ("id", "title", "text", "metadata", "source")


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

    def count(self, where: str | None = None) -> int:
        """Count the documents that meet a condition, as for `Workspace.search`; None counts all.

        Raises:
            QueryError: The condition does not parse.
        """
        return len(self._store) if where is None else len(self._store.matching(where))

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

    def facet(self, field: str, where: str | None = None) -> Facet:
        """Count the documents by what they have in a field of their metadata.

        ```python
        shares = {year: share for year, documents, share in ws.documents.facet("year")}
        ```

        Args:
            field: A field, named as in a condition on metadata: `year`, `meta.agent`; or `source`,
                where documents come from, unless metadata have a field of that name.
            where: A condition on metadata, as for `Workspace.search`.

        Raises:
            QueryError: No document has the field, or the condition does not parse.
            ParameterError: `field` or `where` is not a string.
        """
        with self._store.snapshot():
            return self._store.facet(self._numbers(where), field)

    def sample(self, n: int, seed: int | None = None, where: str | None = None) -> DocumentList:
        """Return `n` documents at random, each at most once; all if there are no more.

        Args:
            n: How many.
            seed: The same seed gives the same documents as long as none is added or deleted;
                None gives others each time.
            where: A condition on metadata, as for `Workspace.search`.

        Raises:
            QueryError: The condition does not parse, or names a field that no document has.
            ParameterError: `n` is not 1 or more, `seed` not 0 or more.
        """
        n = as_count("n", n)
        check("seed", seed, Optional(NATURAL))
        with self._store.snapshot():
            numbers = self._numbers(where)
            chosen = np.random.default_rng(seed).permutation(numbers)[:n]
            return self._found(chosen, len(numbers))

    def table(self, documents: Iterable[Document], columns: Iterable[str]) -> list[dict[str, Any]]:
        """Return some fields of documents, a dictionary each; for example for pandas.

        ```python
        first = ws.documents.list(sort="-year", topn=100)
        pandas.DataFrame(ws.documents.table(first, ["id", "title", "year"]))
        ```

        Args:
            documents: Documents of this workspace.
            columns: `id`, `title`, `text`, `metadata`, `source`, and fields of the metadata, named
                as in a condition. A document without a field has None.

        Raises:
            QueryError: No document of the workspace has a field.
            ParameterError: There is something else than documents, or than names.
        """
        check("documents", documents, Instance(Iterable, "documents"))
        check("columns", columns, Instance(Iterable, "names of fields"))
        documents, columns = [*documents], [columns] if isinstance(columns, str) else [*columns]
        for document in documents:
            check("a document", document, Instance(Document, "an es.Document"))
        for name in columns:
            check("a column", name, STRING)
        sources: dict[str, str] = {}
        if "source" in columns:
            sources = self._store.sources_of([document.id for document in documents])
        paths = [(name, FieldPath(name)) for name in columns]
        rows = [
            {name: _value(document, name, path, sources.get(document.id)) for name, path in paths}
            for document in documents
        ]
        for name in columns:
            if name not in _OWN and all(row[name] is None for row in rows):
                # A misspelled name is not an empty column.
                self._store.check_field(name)
        return rows

    def _numbers(self, where: str | None) -> IntVector:
        return self._store.numbers() if where is None else self._store.matching(where)

    def _found(self, numbers: IntVector, total: int) -> DocumentList:
        found = self._store.by_number(numbers.tolist())
        return DocumentList((found[number] for number in numbers.tolist()), total)

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

    # Last: above, `list` is a type.
    def list(
        self,
        where: str | None = None,
        sort: str | None = None,
        topn: int | None = 10,
        offset: int = 0,
    ) -> DocumentList:
        """List documents, by default the first ten in the order of their addition.

        Args:
            where: A condition on metadata, as for `Workspace.search`.
            sort: A field, named as for `facet`: "year", or "-year" for descending order.
                Numbers come first (also texts that spell one), then dates, then texts whatever
                their case and accents, then false and true; descending is the reverse. Years
                count as dates if the field has other dates. A list goes by its least element, or
                descending by its greatest. Documents without a value come last in either order;
                those with equal values stay in the order of their addition.
            topn: How many; None for all.
            offset: How many to leave out before the first.

        Raises:
            QueryError: The condition does not parse, or no document has a field.
            ParameterError: `topn` is not 1 or more, `offset` not 0 or more, or a wrong type.
        """
        check("topn", topn, Optional(COUNT))
        check("offset", offset, NATURAL)
        with self._store.snapshot():
            numbers = self._numbers(where)
            total = len(numbers)
            if sort is not None:
                numbers = self._store.ordered(numbers, sort)
            stop = None if topn is None else int(offset) + int(topn)
            return self._found(numbers[int(offset) : stop], total)


def _value(document: Document, name: str, path: FieldPath, source: str | None) -> Any:
    if name == "metadata":
        return dict(document.metadata)
    if name in _OWN:
        return source if name == "source" else getattr(document, name)
    value = path.value(document.metadata)
    return None if value is ABSENT else value


def delete(
    session: Session,
    ids: Iterable[str] | None,
    where: str | None,
    source: str | Path | None,
    *,
    dry_run: bool,
) -> int:
    """Delete documents by their ids, a condition or their source; see `Workspace.delete`."""
    check("dry_run", dry_run, BOOLEAN)
    store = session.store
    given = [what for what in (ids, where, source) if what is not None]
    if len(given) != 1:
        raise InputError("say which documents to delete: by ids, by where or by source")
    if source is not None:
        from embedsearch.store.ingestion import delete_source
        from embedsearch.text.source_files import CORPUS, STREAM, stored_path

        path = checked_path(source, "source")
        is_file = source != STREAM and not str(source).startswith(CORPUS)
        return delete_source(store, stored_path(path) if is_file else str(source), dry_run=dry_run)
    with store.transaction():
        if where is not None:
            numbers = store.matching(where).tolist()
        else:
            check("ids", ids, Instance(Iterable, "ids of documents"))
            each = [ids] if isinstance(ids, str) else ids or ()
            numbers = list(dict.fromkeys(map(store.number, each)))
        return len(numbers) if dry_run else store.delete_numbers(numbers)
