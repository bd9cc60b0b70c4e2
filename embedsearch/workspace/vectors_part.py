"""Vectors that were made elsewhere, of anything, as a part of a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._errors import NotTrainedError, WorkspaceExistsError
from embedsearch._progress import Progress, SilentProgress
from embedsearch.index.settings import IndexSettings, changed_index
from embedsearch.workspace.opened import OpenWorkspace

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from embedsearch._types import Metric
    from embedsearch.workspace.stored_vectors import StoredVectors
    from embedsearch.workspace.vector_collection import VectorCollection
    from embedsearch.workspace.vector_rows import Rows


class VectorWorkspace(OpenWorkspace):
    """Takes and searches the user's own vectors; see `Workspace`."""

    @property
    def vectors(self) -> VectorCollection:
        """The user's own vectors, which `add_vectors` added.

        Raises:
            NotTrainedError: There are none.
        """
        from embedsearch.workspace.vector_collection import VectorCollection

        stored = self._stored
        if stored is None:
            advice = f"embedsearch import --vectors FILE -w {self.path}"
            raise NotTrainedError(self.path, f"has no vectors of its own; import some: {advice}")
        kept = self._collected
        if kept is None or kept[0] is not stored:
            kept = self._collected = stored, VectorCollection(self._store, stored)
        return kept[1]

    @property
    def goes_by_vectors(self) -> bool:
        """Whether documents are like others by the user's own vectors: there is nothing else."""
        return self._stored is not None and self._generation is None

    def add_vectors(
        self,
        X: ArrayLike | str | Path,
        rows: Rows = None,
        *,
        update: bool = False,
        metric: Metric | str | None = None,
        spec: str | None = None,
        recall: float | None = None,
        memory: int | str | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Add vectors that were made elsewhere, of images, texts or anything.

        Each belongs to a document of the record, which is made if it is not there: it may have
        a title, a text and metadata, or nothing but its id. All are added, or, if anything
        fails, none.

        Args:
            X: `(n, d)`: an array, or a file (`.npy`, `.safetensors`); see `VectorIndex.build`.
            rows: What goes with each vector: a file of JSON lines, in which "id" (or "_id"),
                "title" and "text" are the document's, and all else is metadata; or documents or
                ids. None numbers the rows from 0. A document that is there keeps what it has
                where a row has nothing but its id.
            update: Add to the vectors that there are; one whose id is there takes its place.
            metric: "cosine" (None), "ip" or "euclidean"; with `update`, as before.
            spec: What kind of index; see `Workspace.index`.
            recall: See `Workspace.index`.
            memory: See `Workspace.index`.
            progress: A listener.

        Returns:
            How many vectors there are.

        Raises:
            WorkspaceExistsError: There are vectors, and `update` is off.
            VectorError: The wrong shape or dimension, NaN or infinity.
            InputError: There are more rows than vectors, or fewer, or two have one id.
            SourceError: A file cannot be read.
            ParameterError: A setting is out of its range.
        """
        self._check_writable()
        self._name_vectors(self._added(X, rows, update, metric, spec, recall, memory, progress))
        return len(self.vectors)

    def _added(
        self,
        X: ArrayLike | str | Path,
        rows: Rows,
        update: bool,
        metric: Metric | str | None,
        spec: str | None,
        recall: float | None,
        memory: int | str | None,
        progress: Progress | None,
    ) -> int:
        from embedsearch.workspace.vector_writing import VectorWriter, settled_metric

        previous = self._stored if self._stored is not None and len(self.vectors) else None
        if previous is not None and not update:
            raise WorkspaceExistsError(self.path, "has vectors already; add to them with --update")
        before = IndexSettings() if previous is None else previous.settings
        settings = changed_index(before, spec, recall, memory)
        measured = settled_metric(metric, previous)
        listener = progress or SilentProgress()
        writer = VectorWriter(self._layout, self._store, previous, measured, settings, listener)
        return writer.add(X, rows)

    def _index_vectors(
        self,
        spec: str | None,
        recall: float | None,
        memory: int | str | None,
        progress: Progress,
    ) -> int:
        """Leave out what was deleted, and build another index if it is asked for."""
        if self._stored is None:
            return 0
        settings = changed_index(self._stored.settings, spec, recall, memory)
        gone = len(self._stored.removed(self._store))
        if gone or settings != self._stored.settings:
            self._name_vectors(self._rewritten(self._stored, settings, progress))
        return gone

    def _rewritten(self, stored: StoredVectors, settings: IndexSettings, progress: Progress) -> int:
        from embedsearch.workspace.vector_writing import VectorWriter

        return VectorWriter(
            self._layout, self._store, stored, stored.metric, settings, progress
        ).rewrite()
