"""What a file says of an index, beside the vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._types import Metric
from embedsearch.index._files import damaged
from embedsearch.index._space import Space
from embedsearch.index.identified import Identified

if TYPE_CHECKING:
    from embedsearch.index._files import IndexFile
    from embedsearch.index.kept import KeptIndex


def described(index: KeptIndex, space: Space, names: Identified) -> dict[str, Any]:
    """Say in plain values all that FAISS's part of the file does not."""
    center = space.center
    return {
        "kind": index.kind,
        "spec": index.spec,
        "metric": index.metric.value,
        "dimension": index.dimension,
        "count": len(index),
        "total": names.total,
        "following": names.following,
        "center": None if center is None else [float(value) for value in center],
        "parameters": dict(index.parameters),
        "recall": index.recall,
        "choice": None if index.choice is None else index.choice.to_json(),
    }


def space_of(file: IndexFile) -> Space:
    """Read the metric and the centre.

    Raises:
        VectorError: They are not what `described` writes.
    """
    description = file.description
    try:
        metric = Metric(description["metric"])
        given = description["center"]
        center = None if given is None else np.array(given, np.float32)
        dimension = description["dimension"]
    except (KeyError, ValueError, TypeError) as error:
        raise damaged(file.path, "its metric or centre cannot be read") from error
    if center is not None and center.shape != (dimension,):
        raise damaged(file.path, "its centre has another dimension than its vectors")
    return Space(metric, center)


def names_of(file: IndexFile, index: Any) -> Identified:
    """Read the ids, and compare them with what FAISS has.

    Args:
        file: The file.
        index: FAISS's part of it.

    Raises:
        VectorError: They do not fit.
    """
    description, arrays = file.description, file.arrays
    total, deleted = int(index.ntotal), arrays.get("deleted")
    ids = arrays.get("ids")
    mask = None
    if deleted is not None:
        mask = np.unpackbits(deleted, count=total, bitorder="little").astype(bool)
    fits = (
        description.get("total") == total
        and description.get("dimension") == index.d
        and (ids is None or len(ids) == total)
        and (deleted is None or len(deleted) == (total + 7) // 8)
    )
    if not fits:
        raise damaged(file.path, "its ids do not fit its vectors")
    return Identified(total, ids, mask, int(description.get("following", 0)))
