"""The user's own vectors as far as they are left; rows of damaged tensors and of their index."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import EmbedSearchError
from embedsearch._types import FloatMatrix, IntVector, Metric
from embedsearch.index.settings import IndexSettings
from embedsearch.index.vector_index import VectorIndex
from embedsearch.search.options import METRICS
from embedsearch.vectors.tensors import data_start, open_tensors, restore_header, save_tensors
from embedsearch.workspace.indexing import build_index
from embedsearch.workspace.maintenance.file_recovery import RecoveredManifest
from embedsearch.workspace.publishing import publish_vectors, reuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.layout import Layout, VectorsLayout
    from embedsearch.workspace.maintenance.file_recovery import RecoveredFile

    Shapes = Mapping[str, tuple[str, tuple[int, ...]]]

# Kinds of index that keep vectors as they are, or at length 1; others keep codes.
_EXACT = re.compile(r"flat|HNSW\d+(,Flat)?|IVF\d+(_HNSW\d+)?,Flat", re.IGNORECASE)
# By how much float32 rounding may change a number, relative to the largest of its vector.
_ROUNDING = 1e-5
# Enough rows for a median; reading all of a mapped file would take minutes.
_SAMPLE = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class RecoveredTensors:
    """The arrays of a damaged file, damaged bytes included."""

    arrays: dict[str, NDArray[Any]]
    # Which rows of each are what was written.
    sound: dict[str, NDArray[np.bool_]]
    # Whether there was anything to compare them with.
    compared: bool


@dataclass(frozen=True, slots=True, eq=False)
class RecoveredRows:
    """Vectors `(n, d)` as far as they are known."""

    vectors: FloatMatrix
    # (n,): they are finite, and what was written or taken from an index.
    known: NDArray[np.bool_]
    # (n,): they are so but for rounding, or for their length.
    rounded: NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class RecoveredVectors:
    """The user's own vectors, ready to be published."""

    # Of the folder that they come from.
    number: int
    # Of their documents, ascending, (n,).
    numbers: IntVector
    vectors: FloatMatrix
    # What the new manifest says, except of the index.
    facts: dict[str, Any]
    settings: IndexSettings
    # The file, if all of it is what was written.
    path: Path | None
    # Numbers of documents; `nameless` counts those that are not known.
    lost: list[int] = field(default_factory=list)
    nameless: int = 0
    # Numbers of those whose vectors the index has, but for rounding or length.
    rounded: list[int] = field(default_factory=list)
    # What else the report says, a sentence each.
    notes: list[str] = field(default_factory=list)

    def publish(self, layout: Layout, progress: Progress) -> int:
        """Publish them with a new index; return the new number."""
        numbers, X = self.numbers, self.vectors

        def write(files: VectorsLayout) -> dict[str, Any]:
            if self.path is not None:
                reuse(self.path, files.tensors)
            else:
                save_tensors(files.tensors, {"numbers": numbers, "vectors": X}, {})
            metric = Metric(self.facts["metric"])
            index = build_index(X, self.settings, files.index, progress, metric, numbers)
            return {**self.facts, "built": len(numbers), "index": index}

        return publish_vectors(layout, write)


def recover_vectors(
    layout: Layout, number: int, store: DocumentStore, scratch: Path
) -> RecoveredVectors | None:
    """Find out what is left of a folder of vectors; None if not a single one is.

    `store` must already have the documents that it is to have; copies go to `scratch`.
    """
    files = layout.vectors_of(number)
    manifest = RecoveredManifest.read(files.manifest)
    index = recover_index(files.index, manifest, "index")
    file = manifest.file(files.tensors, scratch)
    found = recover_tensors(file, _shapes(manifest, index))
    if found is None or not _fits(found):
        found = tensors_of(index)
    if found is None:
        return None
    numbers, named = _recover_numbers(found, index, np.array(store.numbers_since(0), np.int64))
    rows = recover_rows(found, index, np.where(named, numbers, -1))
    keep = named & rows.known
    if not keep.any():
        return None
    intact = file is not None and file.intact and keep.all()
    return RecoveredVectors(
        number,
        numbers[keep],
        rows.vectors if keep.all() else rows.vectors[keep],
        _facts(manifest, index, numbers[keep], rows.vectors.shape[1], store.change),
        index_settings(manifest.section("index")),
        file.path if intact and file is not None else None,
        lost=numbers[named & ~keep].tolist(),
        nameless=int((~named).sum()),
        rounded=numbers[keep & rows.rounded].tolist(),
        notes=_notes(manifest, index, found),
    )


def index_settings(facts: Any) -> IndexSettings:
    """Return what kind of index a damaged manifest asks for; the default if it cannot say."""
    try:
        settings = IndexSettings.from_facts(facts)
        settings.check()
    except (EmbedSearchError, TypeError, AttributeError):
        return IndexSettings()
    return settings


def recover_tensors(
    file: RecoveredFile | None, candidates: Iterable[Shapes] = ()
) -> RecoveredTensors | None:
    """Open a damaged file; None if not even its header is known.

    The candidates say what may have been in it, for a header that cannot be read.
    """
    if file is None:
        return None
    arrays = _try_open(file.path)
    if arrays is None or not file.sound(0, data_start(file.path), 1)[0]:
        if not any(restore_header(file.path, shapes) for shapes in candidates):
            return None
        arrays = _try_open(file.path)
    if arrays is None:
        return None
    sound, begin = {}, data_start(file.path)
    for name, array in arrays.items():
        count = len(array) if array.ndim else 0
        sound[name] = file.sound(begin, array.nbytes // max(count, 1), count)
        begin += array.nbytes
    return RecoveredTensors(arrays, sound, file.compared)


def _try_open(path: Path) -> dict[str, NDArray[Any]] | None:
    try:
        return open_tensors(path)
    except (EmbedSearchError, OSError, ValueError):
        return None


def recover_index(path: Path, manifest: RecoveredManifest, section: str) -> VectorIndex | None:
    """Open an index if all of it is what was written, and what the manifest says if it can."""
    expected = manifest.section(section).get("digest") if manifest.trusted else None
    try:
        return VectorIndex.load(path, mapped=False, verify=True, expected=expected)
    except (EmbedSearchError, OSError, ValueError):
        return None


def _is_exact(index: VectorIndex) -> bool:
    return _EXACT.fullmatch(index.spec) is not None


def tensors_of(index: VectorIndex | None) -> RecoveredTensors | None:
    """Begin with the ids of an index that can give its vectors back, and no row of a file."""
    if index is None or not _is_exact(index):
        return None
    ids = np.sort(index.ids)
    X = np.zeros((len(ids), index.dimension), np.float32)
    sound = {"numbers": np.ones(len(ids), np.bool_), "vectors": np.zeros(len(ids), np.bool_)}
    return RecoveredTensors({"numbers": ids, "vectors": X}, sound, compared=True)


def recover_rows(
    found: RecoveredTensors, index: VectorIndex | None, ids: IntVector
) -> RecoveredRows:
    """Take damaged rows from a sound index that has them, too; an id is -1 if it is not known."""
    X, sound = found.arrays["vectors"], found.sound["vectors"]
    rounded = np.zeros(len(X), np.bool_)
    if index is None or not _is_exact(index) or index.dimension != X.shape[1]:
        return RecoveredRows(X, sound & np.isfinite(X).all(axis=1), rounded)
    # Without checksums to compare with, a row is what was written if the index says the same.
    sound = sound if found.compared else _agreeing(X, index, ids)
    if not sound.all():
        known, vectors, usual = sound.copy(), np.array(X, np.float32), _usual_length(X, sound)
        for row in np.flatnonzero(~sound):
            if (id := int(ids[row])) in index:
                held = index.vector(id)
                vectors[row], rounded[row] = _merge(X[row], held, index.metric, usual)
                known[row] = True
        X, sound = vectors, known
    return RecoveredRows(X, sound & np.isfinite(X).all(axis=1), rounded)


def _agreeing(X: FloatMatrix, index: VectorIndex, ids: IntVector) -> NDArray[np.bool_]:
    """Return which rows an index has, too, except for rounding and, by the cosine, their length."""
    found = np.zeros(len(X), np.bool_)
    for row, id in enumerate(ids.tolist()):
        if id in index:
            merged, rounded = _merge(X[row], index.vector(id), index.metric, 1.0)
            found[row] = not rounded and np.array_equal(merged, X[row])
    return found


def _merge(
    row: NDArray[np.float32], held: NDArray[np.float32], metric: Metric, usual: float
) -> tuple[NDArray[np.float32], bool]:
    """Return a damaged row by an index, and whether rounding or length may differ."""
    if metric is Metric.INNER_PRODUCT or not held.any():
        return held, False
    length = 1.0
    if metric is Metric.COSINE:
        length = _length(row, held) or usual
        if abs(length - 1) < _ROUNDING:
            length = 1.0
    expected = (held * np.float32(length)).astype(np.float32)
    with np.errstate(all="ignore"):
        near = np.abs(row - expected) <= _ROUNDING * np.abs(expected).max()
    # A number that differs by rounding only is more likely what was written than the index is.
    return np.where(near, row, expected).astype(np.float32), not near.all()


def _length(row: NDArray[np.float32], unit: NDArray[np.float32]) -> float | None:
    """Return the length of a row by most of its numbers, which agree; None if they do not."""
    # Small numbers have large relative errors, and their ratios say nothing.
    large = np.abs(unit) > 0.01 * np.abs(unit).max()
    with np.errstate(all="ignore"):
        ratios = row[large].astype(np.float64) / unit[large]
        ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
        if not len(ratios):
            return None
        middle = float(np.median(ratios))
        agreeing = np.abs(ratios - middle) <= _ROUNDING * middle * 10
    return middle if agreeing.sum() > large.sum() / 2 else None


def _usual_length(X: FloatMatrix, sound: NDArray[np.bool_]) -> float:
    rows = np.flatnonzero(sound)[:_SAMPLE]
    if not len(rows):
        return 1.0
    return float(np.median(np.linalg.norm(X[rows].astype(np.float64), axis=1))) or 1.0


def _shapes(manifest: RecoveredManifest, index: VectorIndex | None) -> list[Shapes]:
    """Return the shapes that the arrays of the file may have."""
    sizes = [(manifest.values.get("count"), manifest.values.get("dimension"))]
    sizes += [] if index is None else [(len(index), index.dimension)]
    return [
        {"numbers": ("int64", (n,)), "vectors": ("float32", (n, d))}
        for n, d in sizes
        if type(n) is int and type(d) is int and 0 < n < 1 << 40 and 0 < d < 1 << 20
    ]


def _fits(found: RecoveredTensors) -> bool:
    numbers, X = found.arrays.get("numbers"), found.arrays.get("vectors")
    if numbers is None or X is None or X.ndim != 2 or numbers.shape != X.shape[:1]:
        return False
    return numbers.dtype == np.int64 and X.dtype == np.float32


def _recover_numbers(
    found: RecoveredTensors, index: VectorIndex | None, known: IntVector
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
    manifest: RecoveredManifest,
    index: VectorIndex | None,
    numbers: IntVector,
    dimension: int,
    change: int,
) -> dict[str, Any]:
    """Return what a manifest says, with what is not sure derived from the rest."""
    trusted, facts = manifest.trusted, manifest.values
    metric, following, reached = (facts.get(n) for n in ("metric", "following", "change"))
    if not trusted and index is not None:
        metric = index.metric.value
    usable = type(following) is int and following >= 0
    # A change that is too low does no harm: what was deleted since is looked up again.
    sure = trusted and type(reached) is int and reached <= change
    return {
        "change": reached if sure else 0,
        "metric": metric if metric in METRICS else Metric.COSINE.value,
        "count": len(numbers),
        "dimension": dimension,
        "following": following if usable and trusted else int(numbers[-1]) + 1,
    }


def _notes(
    manifest: RecoveredManifest, index: VectorIndex | None, found: RecoveredTensors
) -> list[str]:
    notes = []
    if not manifest.trusted and index is None and manifest.values.get("metric") not in METRICS:
        notes.append("how nearness is measured was lost; the cosine is taken")
    if not found.compared and index is None:
        notes.append("nothing was left to compare your vectors with; they are taken as they are")
    if index is not None and not _is_exact(index) and not found.sound["vectors"].all():
        notes.append(f"an index of the kind {index.spec} has codes of vectors, not the vectors")
    return notes
