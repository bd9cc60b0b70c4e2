"""The user's own vectors, as far as they are left of a damaged folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._types import FloatMatrix, IntVector, Metric
from embedsearch.vectors.tensors import save_tensors
from embedsearch.workspace.healing import as_object, healed, read_facts
from embedsearch.workspace.indexing import measured_recall, save_index
from embedsearch.workspace.publishing import publish_vectors, reuse
from embedsearch.workspace.rebuilding import index_settings
from embedsearch.workspace.recovering import (
    Tensors,
    agreeing,
    is_exact,
    recovered_tensors,
    rows_back,
    sound_index,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch.index.settings import IndexSettings
    from embedsearch.index.vector_index import VectorIndex
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.layout import Layout, VectorsLayout


@dataclass(slots=True, eq=False)
class RecoveredVectors:
    """What is left, ready to be published.

    Attributes:
        number: Of the folder it comes from.
        numbers: The record's numbers of their documents, ascending, `(n,)`.
        vectors: `(n, d)`.
        facts: What the new manifest says, but for the index.
        settings: What kind of index was asked for.
        path: The file, where all of it is what was written.
        lost: The numbers of documents whose vectors are lost.
        nameless: How many more are lost.
        rounded: The numbers of those that the index gave back but for rounding or length.
        notes: What else is to be said, a sentence each.
    """

    number: int
    numbers: IntVector
    vectors: FloatMatrix
    facts: dict[str, Any]
    settings: IndexSettings
    path: Path | None
    lost: list[int] = field(default_factory=list)
    nameless: int = 0
    rounded: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing is lost."""
        return not (self.lost or self.nameless or self.rounded)

    def publish(self, layout: Layout, progress: Progress) -> int:
        """Publish them with a new index; return the number to be named."""
        numbers, X = self.numbers, self.vectors

        def write(files: VectorsLayout) -> dict[str, Any]:
            if self.path is not None:
                reuse(self.path, files.tensors)
            else:
                save_tensors(files.tensors, {"numbers": numbers, "vectors": X}, {})
            made = self.settings.build(X, progress, Metric(self.facts["metric"]), numbers)
            recall = measured_recall(made, X, numbers) if made.recall is None else made.recall
            indexed = save_index(made, self.settings, files.index, recall)
            return {**self.facts, "built": len(numbers), "index": indexed}

        return publish_vectors(layout, write)


def recover_vectors(
    layout: Layout, number: int, store: DocumentStore, scratch: Path
) -> RecoveredVectors | None:
    """Find out what is left of a folder of vectors.

    Args:
        layout: The workspace.
        number: That of the folder.
        store: The record, in the state that it is to have.
        scratch: A folder for copies.

    Returns:
        None if not a single vector is left.
    """
    files = layout.vectors_of(number)
    facts, trusted = read_facts(files.manifest)
    entries, given = as_object(facts.get("files")), as_object(facts.get("index"))
    index = sound_index(files.index, given.get("digest") if trusted else None)
    entry = as_object(entries.get(files.tensors.name)) or None
    file = healed(files.tensors, entry, scratch / files.tensors.name)
    found = recovered_tensors(file, _shapes(facts, index))
    if found is None or not _fits(found):
        found = _of_index(index)
    if found is None:
        return None
    numbers, named = _numbers_back(found, index, np.array(store.numbers_since(0), np.int64))
    X, sound = found.arrays["vectors"], found.sound["vectors"]
    if not found.compared and index is not None and is_exact(index):
        sound = agreeing(X, index, numbers)
    rows = rows_back(X, sound, index, np.where(named, numbers, -1))
    keep = named & rows.known & np.isfinite(rows.vectors).all(axis=1)
    if not keep.any():
        return None
    whole = file is not None and file.whole and keep.all()
    recovered = RecoveredVectors(
        number,
        numbers[keep],
        rows.vectors if keep.all() else rows.vectors[keep],
        _facts(facts, trusted, index, numbers[keep], X.shape[1], store.change),
        index_settings(given),
        file.path if whole and file is not None else None,
        lost=numbers[named & ~keep].tolist(),
        nameless=int((~named).sum()),
        rounded=numbers[keep & rows.rounded].tolist(),
    )
    recovered.notes += _notes(facts, trusted, index, found)
    return recovered


def _shapes(facts: dict[str, Any], index: VectorIndex | None) -> list[Any]:
    """Say how many numbers and vectors of which dimension the file may have."""
    sizes = [(facts.get("count"), facts.get("dimension"))]
    sizes += [] if index is None else [(len(index), index.dimension)]
    return [
        {"numbers": ("int64", (n,)), "vectors": ("float32", (n, d))}
        for n, d in sizes
        if type(n) is int and type(d) is int and 0 < n < 1 << 40 and 0 < d < 1 << 20
    ]


def _fits(found: Tensors) -> bool:
    numbers, X = found.arrays.get("numbers"), found.arrays.get("vectors")
    if numbers is None or X is None or X.ndim != 2 or numbers.shape != X.shape[:1]:
        return False
    return numbers.dtype == np.int64 and X.dtype == np.float32


def _of_index(index: VectorIndex | None) -> Tensors | None:
    """Begin with nothing but the ids of an index that can give its vectors back."""
    if index is None or not is_exact(index):
        return None
    ids = np.sort(index.ids)
    X: NDArray[Any] = np.zeros((len(ids), index.dimension), np.float32)
    arrays: dict[str, NDArray[Any]] = {"numbers": ids, "vectors": X}
    sound = {"numbers": np.ones(len(ids), np.bool_), "vectors": np.zeros(len(ids), np.bool_)}
    return Tensors(arrays, sound, compared=True)


def _numbers_back(
    found: Tensors, index: VectorIndex | None, known: IntVector
) -> tuple[IntVector, NDArray[np.bool_]]:
    """Return the numbers of the documents, and which of them are sure."""
    numbers, sound = np.array(found.arrays["numbers"]), found.sound["numbers"].copy()
    ascending = bool((np.diff(numbers) > 0).all())
    if sound.all() and ascending:
        return numbers, sound
    if index is not None and len(index) == len(numbers):
        ids = np.sort(index.ids)
        if not found.compared or (ids == numbers)[sound].all():
            return ids, np.ones_like(sound)
    if not found.compared:
        return numbers, sound & ascending
    bounds = np.flatnonzero(np.diff(np.r_[True, sound, True].astype(np.int8)))
    for start, end in bounds.reshape(-1, 2).tolist():
        low = numbers[start - 1] if start else 0
        high = numbers[end] if end < len(numbers) else np.iinfo(np.int64).max
        between = known[(known > low) & (known < high)]
        # As many documents as places: each has its own.
        if len(between) == end - start:
            numbers[start:end], sound[start:end] = between, True
    return numbers, sound


def _facts(
    facts: dict[str, Any],
    trusted: bool,
    index: VectorIndex | None,
    numbers: IntVector,
    dimension: int,
    change: int,
) -> dict[str, Any]:
    """Return what a manifest says, with what is not sure derived from the rest."""
    metric, following, reached = (facts.get(n) for n in ("metric", "following", "change"))
    if not trusted and index is not None:
        metric = index.metric.value
    valid = metric in [each.value for each in Metric]
    usable = type(following) is int and following >= 0
    # What was deleted before a change that is too low is looked up once more, and no harm.
    sure = trusted and type(reached) is int and reached <= change
    return {
        "change": reached if sure else 0,
        "metric": metric if valid else Metric.COSINE.value,
        "count": len(numbers),
        "dimension": dimension,
        "following": following if usable and trusted else int(numbers[-1]) + 1,
    }


def _notes(
    facts: dict[str, Any], trusted: bool, index: VectorIndex | None, found: Tensors
) -> list[str]:
    notes = []
    if not trusted and index is None and facts.get("metric") not in [m.value for m in Metric]:
        notes.append("how nearness is measured was lost; the cosine is taken")
    if not found.compared and index is None:
        notes.append("nothing was left to compare your vectors with; they are taken as they are")
    if index is not None and not is_exact(index) and not found.sound["vectors"].all():
        notes.append(f"an index of the kind {index.spec} has codes of vectors, not the vectors")
    return notes
