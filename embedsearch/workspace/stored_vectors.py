"""Vectors that the user brought, as they were published."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch._types import FloatMatrix, IntVector, Metric
from embedsearch.index.settings import IndexSettings
from embedsearch.vectors.tensors import open_tensors
from embedsearch.workspace.published import Published
from embedsearch.workspace.schemas import VECTORS

if TYPE_CHECKING:
    from embedsearch.index.vector_index import VectorIndex
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.layout import Layout, VectorsLayout


class StoredVectors(Published):
    """One state of the user's own vectors, mapped.

    Raises:
        FileNotFoundError: It is not there (any more).
        WorkspaceDamagedError: A file is missing, or has another size than the manifest says.
    """

    def __init__(self, layout: Layout, number: int) -> None:
        self.files: VectorsLayout = layout.vectors_of(number)
        super().__init__(layout, number, self.files.manifest, VECTORS)

    def __len__(self) -> int:
        return int(self._entry("count"))

    @property
    def change(self) -> int:
        """The change number of the record at which it was written."""
        return int(self._entry("change"))

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
        """How many vectors there were when the index was last made anew."""
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
        """The record's numbers of their documents, `(n,)`, ascending."""
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
        if not len(self.numbers):
            return np.full(len(numbers), -1)
        places = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return np.where(self.numbers[places] == numbers, places, -1)

    def removed(self, store: DocumentStore) -> IntVector:
        """List the numbers whose documents are no longer in the record, ascending."""
        if store.change < self.change:
            # An older record was restored: it cannot tell what it has lost.
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
