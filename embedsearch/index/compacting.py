"""FAISS indexes without the vectors that were deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.index._faiss import load_faiss, reason
from embedsearch.index.selecting import innermost

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import IntVector

_BLOCK = 1 << 14


def without_deleted(index: Any, alive: NDArray[np.bool_], spec: str) -> Any:
    """Make an index of what is alive; the one that was given stays as it is.

    Codes are taken over as they are, so that compressed vectors lose nothing more. Graphs are
    made anew from the vectors in them.

    Args:
        index: A FAISS index.
        alive: A boolean for each position.
        spec: FAISS's factory string, for messages.

    Raises:
        VectorError: A kind of index that can neither drop vectors nor give them back.
    """
    faiss = load_faiss()
    try:
        copy = _copied(index)
        if isinstance(innermost(index), faiss.IndexHNSW | faiss.IndexNSG):
            copy.reset()
            for block in _blocks(np.flatnonzero(alive)):
                copy.add(index.reconstruct_batch(block))
        else:
            _drop(copy, alive, np.cumsum(alive) - 1)
    except RuntimeError as error:
        raise VectorError(
            f"{spec} cannot drop vectors ({reason(error)}); build the index again without them"
        ) from error
    if copy.ntotal != np.count_nonzero(alive):
        raise VectorError(f"{spec} does not drop vectors; build the index again without them")
    return copy


def _copied(index: Any) -> Any:
    faiss = load_faiss()
    try:
        return faiss.clone_index(index)
    except RuntimeError:
        return faiss.deserialize_index(faiss.serialize_index(index))


def _blocks(positions: IntVector) -> list[IntVector]:
    return [positions[start : start + _BLOCK] for start in range(0, len(positions), _BLOCK)]


def _drop(index: Any, alive: NDArray[np.bool_], renumbered: IntVector) -> None:
    faiss = load_faiss()
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        _drop(index.index, alive, renumbered)
        index.ntotal = index.index.ntotal
    elif isinstance(index, faiss.IndexRefine):
        for part in (index.base_index, index.refine_index):
            _drop(part, alive, renumbered)
        index.ntotal = index.base_index.ntotal
    else:
        if isinstance(index, faiss.IndexIVF):
            index.set_direct_map_type(faiss.DirectMap.NoMap)
        kept = faiss.IDSelectorBitmap(np.packbits(alive, bitorder="little"))
        index.remove_ids(faiss.IDSelectorNot(kept))
        if isinstance(index, faiss.IndexIVF):
            _renumber(index, renumbered)


def _renumber(index: Any, renumbered: IntVector) -> None:
    """Give vectors in lists the positions that they have now."""
    faiss = load_faiss()
    # Fast scans of FAISS 1.11 do not count what is removed.
    sizes = [index.invlists.list_size(number) for number in range(index.nlist)]
    index.ntotal = sum(sizes)
    for number, size in enumerate(sizes):
        if size:
            positions = faiss.rev_swig_ptr(index.invlists.get_ids(number), size)
            positions[:] = renumbered[positions]
