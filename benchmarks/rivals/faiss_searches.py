"""Searches of FAISS's indexes, which do not import FAISS: how it waits is settled at its import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.rivals.neighbors import TOPN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def search_parameters(index: Any, parameters: dict[str, Any]) -> Any:
    """Return `nprobe`, `efSearch` and `k_factor` as FAISS takes them for one search."""
    import faiss

    if not parameters:
        return None
    if isinstance(index, faiss.IndexRefine):
        inner = {name: value for name, value in parameters.items() if name != "k_factor"}
        base = search_parameters(faiss.downcast_index(index.base_index), inner)
        factor = parameters.get("k_factor", 1)
        return faiss.IndexRefineSearchParameters(k_factor=factor, base_index_params=base)
    if isinstance(index, faiss.IndexPreTransform):
        inner = search_parameters(faiss.downcast_index(index.index), parameters)
        return faiss.SearchParametersPreTransform(index_params=inner)
    if isinstance(index, faiss.IndexHNSW):
        return faiss.SearchParametersHNSW(efSearch=int(parameters["efSearch"]))
    return faiss.SearchParametersIVF(nprobe=int(parameters["nprobe"]))


def found_rows(index: Any, parameters: Any, Q: NDArray[np.float32]) -> NDArray[np.int64]:
    """Search, and return the rows alone."""
    rows: NDArray[np.int64] = index.search(Q, TOPN, params=parameters)[1]
    return rows
