"""The user's own vectors: as they are stored, and questions about them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import as_count
from embedsearch._errors import ParameterError, QueryError, VectorError
from embedsearch._types import Document, FloatMatrix, FloatVector, Hit, Hits, IntVector, Metric
from embedsearch.index.engine import weighted_query
from embedsearch.index.settings import IndexSettings
from embedsearch.search.related import UNLIKE, as_examples, check_apart
from embedsearch.vectors.arrays import places_of
from embedsearch.vectors.tensors import open_tensors
from embedsearch.workspace.generation import ArtifactFolder
from embedsearch.workspace.schemas import VECTORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from embedsearch.index.vector_index import VectorIndex
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.layout import Layout, VectorsLayout

    Like = str | tuple[str, float]

# Characters of a text that are shown with a hit, as there are no words to cut a snippet around;
# and ids that are looked up at once while iterating.
_BEGINNING, _BATCH = 240, 500


class StoredVectors(ArtifactFolder):
    """One state of the user's own vectors, mapped."""

    def __init__(self, layout: Layout, number: int) -> None:
        self.files: VectorsLayout = layout.vectors_of(number)
        super().__init__(layout, number, self.files.manifest, VECTORS)

    def __len__(self) -> int:
        return int(self._entry("count"))

    @property
    def dimension(self) -> int:
        """The number of dimensions, d."""
        return int(self._entry("dimension"))

    @property
    def following(self) -> int:
        """The number of the next row that has no id."""
        return int(self._entry("following"))

    @property
    def built(self) -> int:
        """How many vectors there were when the index was last built."""
        return int(self._entry("built"))

    @property
    def index_facts(self) -> dict[str, Any]:
        """What `save_index` returned."""
        return dict(self._entry("index"))

    @cached_property
    def metric(self) -> Metric:
        """How nearness is measured."""
        with self._intact(self.files.manifest):
            return Metric(self._entry("metric"))

    @cached_property
    def settings(self) -> IndexSettings:
        """What kind of index was asked for."""
        with self._intact(self.files.manifest):
            return IndexSettings.from_facts(self.index_facts)

    @property
    def numbers(self) -> IntVector:
        """The numbers of their documents, `(n,)`, ascending."""
        return self._arrays[0]

    @property
    def vectors(self) -> FloatMatrix:
        """The vectors as they were given, `(n, d)` float32."""
        return self._arrays[1]

    @cached_property
    def index(self) -> VectorIndex:
        """Their index; its ids are the numbers."""
        return self._opened_index("vectors", self.files.index, self.index_facts.get("digest"))

    def rows(self, numbers: IntVector) -> IntVector:
        """Find the rows of documents `(m,)` by their numbers; -1 for those without a vector."""
        places, known = places_of(self.numbers, numbers)
        return np.where(known, places, -1)

    def removed(self, store: DocumentStore) -> IntVector:
        """List the numbers whose documents were deleted, ascending."""
        if store.change < self.change:
            # Older documents were restored: they cannot tell what was deleted.
            return np.setdiff1d(self.numbers, np.array(store.numbers_since(0), np.int64))
        gone = np.array(sorted(store.removed_since(self.change)), np.int64)
        return gone[self.rows(gone) >= 0]

    @cached_property
    def _arrays(self) -> tuple[IntVector, FloatMatrix]:
        with self._intact(self.files.tensors):
            tensors = open_tensors(self.files.tensors)
            numbers, vectors = tensors["numbers"], tensors["vectors"]
            shape = (len(self), self.dimension)
            fits = numbers.dtype == np.int64 and vectors.dtype == np.float32
            if not fits or numbers.shape != shape[:1] or vectors.shape != shape:
                raise VectorError(f"its arrays are {numbers.shape} and {vectors.shape}")
            if not (numbers[1:] > numbers[:-1]).all():
                raise VectorError("its numbers are not ascending")
            return numbers, vectors


class _Among(NamedTuple):
    """A mask of what may be found, and the condition and deletions that it was made for."""

    matching: IntVector | None
    gone: IntVector
    mask: NDArray[np.bool_]


class VectorCollection:
    """Vectors of images, texts or anything, each with its document.

    A deleted document is no longer found; `Workspace.index` frees its place.
    Several threads may ask at the same time.
    """

    def __init__(self, store: DocumentStore, stored: StoredVectors) -> None:
        self._store, self._stored = store, stored
        self._lost: tuple[int, IntVector] = (stored.change, np.empty(0, np.int64))
        self._among: _Among | None = None

    def __len__(self) -> int:
        return len(self._stored) - len(self._gone())

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and id in self._store and self._row(id) >= 0

    def __iter__(self) -> Iterator[str]:
        numbers = np.setdiff1d(self._stored.numbers, self._gone(), assume_unique=True)
        for start in range(0, len(numbers), _BATCH):
            some = numbers[start : start + _BATCH].tolist()
            ids = self._store.ids_of(some)
            yield from (ids[number] for number in some if number in ids)

    def __repr__(self) -> str:
        return f"VectorCollection({len(self):,} × {self.vector_size}, {self.metric.value})"

    @property
    def vector_size(self) -> int:
        """The number of dimensions, d."""
        return self._stored.dimension

    @property
    def metric(self) -> Metric:
        """How nearness is measured."""
        return self._stored.metric

    @property
    def index(self) -> VectorIndex:
        """The index. Its ids are numbers of documents; it may still have deleted ones."""
        return self._stored.index

    def vector(self, id: str) -> FloatVector:
        """Return the vector of a document as it was given, `(d,)` float32, read-only.

        Raises:
            UnknownDocumentError: There is no such document.
            QueryError: It has no vector.
        """
        row = self._row(id)
        if row < 0:
            raise QueryError(f"the document {id!r} has no vector")
        vector: FloatVector = self._stored.vectors[row]
        return vector

    def search(self, q: ArrayLike, topn: int = 10, where: str | None = None) -> Hits:
        """Find the vectors nearest to one `(d,)`, which need not be in the workspace.

        `where` is a condition on metadata, as for `Workspace.search`.

        Raises:
            VectorError: The wrong dimension, NaN or infinity.
            QueryError: The condition does not parse.
            ParameterError: `topn` is not 1 or more.
        """
        found = self.search_batch(q, topn, where)
        if len(found) != 1:
            raise QueryError(f"expected one vector, got {len(found)}; see search_batch")
        return found[0]

    def search_batch(self, Q: ArrayLike, topn: int = 10, where: str | None = None) -> list[Hits]:
        """Find the vectors nearest to each of several, `(nq, d)`; see `search`."""
        scores, numbers = self.index.search(Q, topn, self._allowed(where))
        return [self._hits(*one) for one in zip(scores, numbers, strict=True)]

    def most_similar(
        self,
        positive: Like | Iterable[Like],
        negative: Like | Iterable[Like] = (),
        topn: int = 10,
        where: str | None = None,
    ) -> Hits:
        """Find what is nearest to the weighted mean of some documents.

        Under the cosine each is taken at length 1, so that none counts for its length.

        Args:
            positive: An id, a pair of an id and a weight above 0, or a list of these. They are
                not among the hits.
            negative: The same, less half of whose mean is taken away.
            topn: How many hits.
            where: As for `search`.

        Raises:
            UnknownDocumentError: There is none of an id.
            QueryError: A document has no vector, is in both lists, or all cancel out.
            ParameterError: An example or a weight cannot be used.
        """
        topn = as_count("topn", topn)
        like, unlike = _listed(positive, "positive"), _listed(negative, "negative")
        check_apart(like, unlike)
        if not like:
            raise QueryError("give at least one document to be like")
        ids = [id for id, _ in (*like, *unlike)]
        weights = np.concatenate([_shares(like), -UNLIKE * _shares(unlike)])
        query = weighted_query(self._stack(ids), weights, self.metric, self.vector_size)
        if self.metric is Metric.COSINE and not query.any():
            raise QueryError("the vectors are zeros, or add up to zero, to which nothing is near")
        scores, numbers = self.index.search(query, topn + len(set(ids)), self._allowed(where))
        own = [self._store.number(id) for id in ids]
        others = ~np.isin(numbers[0], own)
        return self._hits(scores[0][others][:topn], numbers[0][others][:topn])

    def _stack(self, ids: list[str]) -> FloatMatrix:
        return np.array([self.vector(id) for id in ids])

    def _row(self, id: str) -> int:
        number = np.array([self._store.number(id)])
        return int(self._stored.rows(number)[0])

    def _allowed(self, where: str | None) -> NDArray[np.bool_] | None:
        """Return whether each vector of the index may be found; None for all."""
        gone = self._gone()
        matching = None if where is None else self._store.matching(where)
        if matching is None and not len(gone):
            return None
        among = self._among
        # The store returns the same array for the same condition until it changes.
        if among is None or among.matching is not matching or among.gone is not gone:
            ids = self.index.ids
            mask = ~np.isin(ids, gone)
            if matching is not None:
                mask &= np.isin(ids, matching)
            among = self._among = _Among(matching, gone, mask)
        return among.mask

    def _gone(self) -> IntVector:
        """Return the numbers of deleted documents."""
        change, gone = self._lost
        if change != self._store.change:
            change = self._store.change
            gone = self._stored.removed(self._store)
            # One assignment, so that other threads see both or neither.
            self._lost = change, gone
        return gone

    def _hits(self, scores: FloatVector, numbers: IntVector) -> Hits:
        documents = self._store.by_number(numbers.tolist())
        sources = self._store.sources_of([document.id for document in documents.values()])
        pairs = zip(scores.tolist(), numbers.tolist(), strict=True)
        found = ((documents[number], score) for score, number in pairs if number in documents)
        return Hits(_hit(document, score, sources.get(document.id)) for document, score in found)


def _hit(document: Document, score: float, source: str | None) -> Hit:
    # A distance of 0, negated, would be shown as -0.
    score += 0.0
    beginning = " ".join(document.text[: 2 * _BEGINNING].split())[:_BEGINNING]
    metadata = document.metadata
    return Hit(document.id, score, document.title, beginning, metadata, source=source)


def _listed(given: Like | Iterable[Like], name: str) -> list[tuple[str, float]]:
    ids = []
    for example, weight in as_examples(given, name):
        if not isinstance(example, str):
            raise ParameterError(f"each of {name}", "an id; `search` takes vectors", example)
        ids.append((example, weight))
    return ids


def _shares(examples: list[tuple[str, float]]) -> FloatVector:
    """Return the weights of examples, as shares of their sum."""
    weights = np.array([weight for _, weight in examples], np.float32)
    shares: FloatVector = weights / (weights.sum() or 1)
    return shares
