"""FAISS, imported when first needed, and what its indexes are asked about themselves.

Untyped: FAISS's own types leave out what its Python wrappers add.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, IntVector

# Queries times dimensions. FAISS 1.15 has 128,000 and so leaves most batches to slower loops;
# from 20, the default of versions that counted queries alone, single queries would be slower.
_MATRIX_PRODUCTS_FROM = 4_096
_WAITING = "OMP_WAIT_POLICY"
# Vectors that are read back at once: 1.6 MB at 100 dimensions.
_BLOCK = 1 << 14


@cache
def load_faiss() -> Any:
    """Import FAISS, and let all but small batches be compared by matrix products."""
    faiss = _import_waiting_idly()
    threshold = faiss.cvar.distance_compute_blas_threshold
    faiss.cvar.distance_compute_blas_threshold = min(threshold, _MATRIX_PRODUCTS_FROM)
    return faiss


def _import_waiting_idly() -> Any:
    """Import FAISS so that its threads sleep, not spin, while they wait for one another.

    Spinning takes the cores from the very threads that are waited for, once others use them
    too: a batch took 20 times as long. OpenMP reads this setting when it is loaded, only then.
    """
    if _WAITING in os.environ:
        return import_module("faiss")
    os.environ[_WAITING] = "passive"
    try:
        return import_module("faiss")
    finally:
        del os.environ[_WAITING]


def reason(error: BaseException) -> str:
    """Return what FAISS found wrong, without the C++ around it."""
    # FAISS begins with a C++ signature and a source line; the reason comes last.
    return str(error).strip().rpartition("\n")[2].rpartition(": ")[2] or type(error).__name__


def innermost(index: Any) -> Any:
    """Return the index inside transformations and refinements."""
    faiss = load_faiss()
    index = faiss.downcast_index(index)
    while isinstance(index, faiss.IndexPreTransform | faiss.IndexRefine):
        refined = isinstance(index, faiss.IndexRefine)
        index = faiss.downcast_index(index.base_index if refined else index.index)
    return index


def scans_residuals(inner: Any) -> bool:
    """Whether an innermost index scans codes of 4 bits that are relative to centroids."""
    fast = isinstance(inner, load_faiss().IndexIVFFastScan)
    return fast and bool(inner.by_residual)


def scans_residuals_soundly() -> bool:
    """Whether such codes may be searched with parameters of a call.

    Before FAISS 1.13 that wrote beyond its tables.
    """
    version = load_faiss().__version__.split(".")
    return (int(version[0]), int(version[1])) >= (1, 13)


def search_parameters(index: Any, settings: Mapping[str, float], selector: Any = None) -> Any:
    """Return FAISS's search parameters for an index; None if there is nothing to say.

    They belong to one call, so that searches in several threads do not see one another's. Settings
    that the index does not have are passed over.
    """
    faiss = load_faiss()
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        inner = search_parameters(index.index, settings, selector)
        return inner and faiss.SearchParametersPreTransform(index_params=inner)
    if isinstance(index, faiss.IndexRefine):
        inner = search_parameters(index.base_index, settings, selector)
        factor = float(settings.get("k_factor", index.k_factor))
        return faiss.IndexRefineSearchParameters(k_factor=factor, base_index_params=inner)
    # FAISS's wrappers take no None for a selector.
    chosen = {} if selector is None else {"sel": selector}
    if isinstance(index, faiss.IndexIVF):
        return faiss.SearchParametersIVF(nprobe=int(settings.get("nprobe", index.nprobe)), **chosen)
    if isinstance(index, faiss.IndexHNSW):
        width = int(settings.get("efSearch", index.hnsw.efSearch))
        return faiss.SearchParametersHNSW(efSearch=width, **chosen)
    return faiss.SearchParameters(**chosen) if chosen else None


def search_one(
    index: Any, q: FloatMatrix, k: int, parameters: Any = None
) -> tuple[FloatMatrix, IntVector]:
    """Search for one query `(1, d)` without FAISS's wrapper, which takes 4 µs: `(1, k)` each."""
    pointer = load_faiss().swig_ptr
    scores, rows = np.empty((1, k), np.float32), np.empty((1, k), np.int64)
    index.search_c(1, pointer(q), k, pointer(scores), pointer(rows), parameters)
    return scores, rows


def takes_selector(index: Any) -> bool:
    """Whether searches of an index can be limited to some positions: it is tried."""
    faiss = load_faiss()
    none = faiss.IDSelectorRange(0, 0)
    try:
        found = index.search(
            np.zeros((1, index.d), np.float32), 1, params=search_parameters(index, {}, none)
        )[1]
    except RuntimeError:
        return False
    return bool((found < 0).all())


def nbytes_of(index: Any) -> int:
    """Add up the memory of an index: codes, ids, centroids, links, matrices; in bytes."""
    faiss = load_faiss()
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        chain = (index.chain.at(i) for i in range(index.chain.size()))
        return nbytes_of(index.index) + sum(4 * int(step.d_in * step.d_out) for step in chain)
    if isinstance(index, faiss.IndexRefine):
        return nbytes_of(index.base_index) + nbytes_of(index.refine_index)
    if isinstance(index, faiss.IndexIVF):
        entries = sum(index.invlists.list_size(number) for number in range(index.nlist))
        # Eight bytes for each id.
        lists = int(entries * (index.code_size + 8))
        return lists + nbytes_of(index.quantizer) + _codebook_nbytes(index)
    if isinstance(index, faiss.IndexHNSW):
        graph = index.hnsw
        links = 4 * graph.neighbors.size() + 8 * graph.offsets.size() + 4 * graph.levels.size()
        return int(links) + nbytes_of(index.storage)
    return int(index.ntotal * code_size(index)) + _codebook_nbytes(index)


def _codebook_nbytes(index: Any) -> int:
    centroids = getattr(getattr(index, "pq", None), "centroids", None)
    return 0 if centroids is None else 4 * int(centroids.size())


def code_size(index: Any) -> int:
    """Return the bytes that an index keeps of each vector, without links and ids."""
    try:
        return int(index.sa_code_size())
    except RuntimeError:
        return 4 * int(index.d)


def without_deleted(index: Any, alive: NDArray[np.bool_], spec: str) -> Any:
    """Return a new index of the vectors at positions that are `alive`, in the same order.

    Codes are taken over as they are, so that compressed vectors lose nothing more. Graphs are
    built again from the vectors in them.
    """
    faiss = load_faiss()
    try:
        copy = _copied(index)
        if isinstance(innermost(index), faiss.IndexHNSW | faiss.IndexNSG):
            copy.reset()
            positions = np.flatnonzero(alive)
            for start in range(0, len(positions), _BLOCK):
                copy.add(index.reconstruct_batch(positions[start : start + _BLOCK]))
        else:
            _drop(copy, alive, np.cumsum(alive) - 1)
    except RuntimeError as error:
        raise VectorError(
            f"{spec} cannot drop vectors ({reason(error)}); build the index again without them"
        ) from error
    # Some kinds remove nothing and raise nothing.
    if copy.ntotal != np.count_nonzero(alive):
        raise VectorError(f"{spec} does not drop vectors; build the index again without them")
    return copy


def _copied(index: Any) -> Any:
    faiss = load_faiss()
    try:
        return faiss.clone_index(index)
    except RuntimeError:
        # FAISS clones fewer kinds than it writes.
        return faiss.deserialize_index(faiss.serialize_index(index))


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
        lists = isinstance(index, faiss.IndexIVF)
        if lists:
            # FAISS removes from lists only if it keeps no map from ids to places.
            index.set_direct_map_type(faiss.DirectMap.NoMap)
        staying = faiss.IDSelectorBitmap(np.packbits(alive, bitorder="little"))
        index.remove_ids(faiss.IDSelectorNot(staying))
        if lists:
            _renumber(index, renumbered)


def _renumber(index: Any, renumbered: IntVector) -> None:
    """Give vectors in lists their new positions: FAISS leaves them the old ones."""
    faiss = load_faiss()
    # Fast scans of FAISS 1.11 do not count what is removed.
    sizes = [index.invlists.list_size(number) for number in range(index.nlist)]
    index.ntotal = sum(sizes)
    for number, size in enumerate(sizes):
        if size:
            positions = faiss.rev_swig_ptr(index.invlists.get_ids(number), size)
            positions[:] = renumbered[positions]
