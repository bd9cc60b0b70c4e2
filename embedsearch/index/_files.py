"""Flat indexes as files of FAISS, complete enough for FAISS alone to use them rightly.

The cosine is kept as "scale to length 1, then inner product", and shifted Euclidean vectors as
"subtract the mean, then Euclidean distance": whoever opens the file with `faiss.read_index` and
searches it gets the same neighbours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from embedsearch._errors import StorageError, VectorError
from embedsearch._types import FloatMatrix, FloatVector, Metric
from embedsearch.index._faiss import load_faiss


def write_flat(path: str | Path, flat: Any, metric: Metric, center: FloatVector | None) -> None:
    """Write a `faiss.IndexFlat` with what must be done to vectors before they reach it.

    Raises:
        StorageError: The file cannot be written.
    """
    faiss = load_faiss()

    transform = _transform(flat.d, metric, center)
    index = faiss.IndexPreTransform(transform, flat) if transform is not None else flat
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise StorageError(path, f"the index cannot be written ({_reason(error)})") from error


def read_flat(path: str | Path, mapped: bool) -> tuple[Any, Metric, FloatVector | None]:
    """Read what `write_flat` wrote: the `faiss.IndexFlat`, its metric and its centre.

    Raises:
        VectorError: The file is damaged or holds another kind of index.
        OSError: The file cannot be opened.
    """
    faiss = load_faiss()

    with Path(path).open("rb"):
        pass
    index = _read(path, mapped=True)
    if not mapped:
        index = _read(path, mapped=False)
    transform = None
    if isinstance(index, faiss.IndexPreTransform) and index.chain.size() == 1:
        transform = faiss.downcast_VectorTransform(index.chain.at(0))
        flat = faiss.downcast_index(index.index)
        # The inner index lives in the outer one and would vanish with it.
        flat.referenced_objects = [index]
    else:
        flat = index
    known = _recognise(flat, transform)
    if known is None or stored_vectors(flat).nbytes > Path(path).stat().st_size:
        raise VectorError(f"{path}: damaged, or not an exact index written by embedsearch")
    return flat, *known


def _read(path: str | Path, mapped: bool) -> Any:
    # Mapping compares promised sizes with the file; reading allocates them, however absurd, so
    # it comes second. Mapping of flat indexes came with FAISS 1.11; older ones read the file.
    faiss = load_faiss()
    try:
        return faiss.read_index(str(path), getattr(faiss, "IO_FLAG_MMAP_IFC", 0) if mapped else 0)
    except (RuntimeError, MemoryError) as error:
        raise VectorError(f"{path}: damaged: not a FAISS index ({_reason(error)})") from error


def stored_vectors(flat: Any) -> FloatMatrix:
    """View the vectors inside a `faiss.IndexFlat`, `(n, d)`; valid while it lives."""
    faiss = load_faiss()

    if not flat.ntotal:
        return np.empty((0, flat.d), dtype=np.float32)
    view: FloatMatrix = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)
    view.flags.writeable = False
    return view.reshape(flat.ntotal, flat.d)


def _transform(dimension: int, metric: Metric, center: FloatVector | None) -> Any:
    faiss = load_faiss()

    if metric is Metric.COSINE:
        return faiss.NormalizationTransform(dimension, 2.0)
    if center is None:
        return None
    centering = faiss.CenteringTransform(dimension)
    faiss.copy_array_to_vector(center, centering.mean)
    centering.is_trained = True
    return centering


def _recognise(flat: Any, transform: Any) -> tuple[Metric, FloatVector | None] | None:
    faiss = load_faiss()

    if not isinstance(flat, faiss.IndexFlat):
        return None
    inner = flat.metric_type == faiss.METRIC_INNER_PRODUCT
    if transform is None:
        return (Metric.INNER_PRODUCT if inner else Metric.EUCLIDEAN), None
    if isinstance(transform, faiss.NormalizationTransform) and inner:
        return Metric.COSINE, None
    if isinstance(transform, faiss.CenteringTransform) and not inner:
        center: FloatVector = faiss.vector_to_array(transform.mean)
        return (Metric.EUCLIDEAN, center) if len(center) == flat.d else None
    return None


def _reason(error: BaseException) -> str:
    # FAISS begins with a C++ signature and a source line; the reason comes last.
    return str(error).strip().rpartition("\n")[2].rpartition(": ")[2] or type(error).__name__
