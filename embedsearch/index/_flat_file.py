"""Files that FAISS alone wrote: exact indexes from before the files described themselves.

Nothing in them tells whether they are whole, so their layout is compared with their size before
FAISS reads them: it would allocate what a damaged size says.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO

from embedsearch._types import FloatVector, Metric
from embedsearch.index._faiss import load_faiss

if TYPE_CHECKING:
    from pathlib import Path

# Dimension, count, two numbers without a meaning, whether it is trained, the metric.
_HEADER = struct.Struct("<iqqq?i")
_COUNT = struct.Struct("<q")
_FLAT = (b"IxFI", b"IxF2")
_LARGEST_DIMENSION = 1 << 20


def is_whole_flat_file(path: Path) -> bool:
    """Say whether a file has the layout of an exact index, and the size that follows from it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            kind = file.read(4)
            if kind == b"IxPT":
                _skip_transform(file)
                kind = file.read(4)
            return kind in _FLAT and _fits(file, size)
        except (struct.error, ValueError):
            return False


def recognise(index: Any) -> tuple[Any, Metric, FloatVector | None] | None:
    """Give the `faiss.IndexFlat` of an index, its metric and its centre; None for other kinds."""
    faiss = load_faiss()
    transform = None
    if isinstance(index, faiss.IndexPreTransform) and index.chain.size() == 1:
        transform = faiss.downcast_VectorTransform(index.chain.at(0))
        flat = faiss.downcast_index(index.index)
        # The inner index lives in the outer one and would vanish with it.
        flat.referenced_objects = [index]
    else:
        flat = index
    if not isinstance(flat, faiss.IndexFlat):
        return None
    inner = flat.metric_type == faiss.METRIC_INNER_PRODUCT
    if transform is None:
        return flat, Metric.INNER_PRODUCT if inner else Metric.EUCLIDEAN, None
    if isinstance(transform, faiss.NormalizationTransform) and inner:
        return flat, Metric.COSINE, None
    if isinstance(transform, faiss.CenteringTransform) and not inner:
        center: FloatVector = faiss.vector_to_array(transform.mean)
        return (flat, Metric.EUCLIDEAN, center) if len(center) == flat.d else None
    return None


def _skip_transform(file: BinaryIO) -> None:
    """Go past a header and one normalization or centring."""
    _read(file, _HEADER)
    (transforms,) = _read(file, struct.Struct("<i"))
    kind = file.read(4)
    if transforms != 1 or kind not in (b"VNrm", b"VCnt"):
        raise ValueError(kind)
    if kind == b"VNrm":
        file.seek(4, 1)
    else:
        (length,) = _read(file, _COUNT)
        if not 0 < length < _LARGEST_DIMENSION:
            raise ValueError(length)
        file.seek(4 * length, 1)
    _read(file, struct.Struct("<ii?"))


def _fits(file: BinaryIO, size: int) -> bool:
    dimension, count = _read(file, _HEADER)[:2]
    (numbers,) = _read(file, _COUNT)
    if not (0 < dimension < _LARGEST_DIMENSION and count >= 0):
        return False
    return bool(numbers == dimension * count and file.tell() + 4 * numbers == size)


def _read(file: BinaryIO, layout: struct.Struct) -> tuple[Any, ...]:
    return layout.unpack(file.read(layout.size))
