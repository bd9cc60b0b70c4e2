"""What FAISS is told with a search: how wide to look, and among which vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.index._faiss import load_faiss

if TYPE_CHECKING:
    from collections.abc import Mapping


def innermost(index: Any) -> Any:
    """Give the index inside transformations and refinements."""
    faiss = load_faiss()
    index = faiss.downcast_index(index)
    while isinstance(index, faiss.IndexPreTransform | faiss.IndexRefine):
        refined = isinstance(index, faiss.IndexRefine)
        index = faiss.downcast_index(index.base_index if refined else index.index)
    return index


def scans_residuals(inner: Any) -> bool:
    """Say whether an innermost index scans codes of 4 bits that are relative to centroids."""
    fast = isinstance(inner, load_faiss().IndexIVFFastScan)
    return fast and bool(inner.by_residual)


def search_parameters(index: Any, settings: Mapping[str, float], selector: Any = None) -> Any:
    """Make FAISS's search parameters for an index; None where there is nothing to say.

    They belong to one call or are only read, so that searches in several threads do not see
    one another's.

    Args:
        index: A FAISS index.
        settings: `nprobe`, `efSearch`, `k_factor`; those that the index does not have are
            passed over.
        selector: FAISS's selector of positions; None for all.
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


def takes_selector(index: Any) -> bool:
    """Try whether an index can be told among which vectors to look."""
    faiss = load_faiss()
    none = faiss.IDSelectorRange(0, 0)
    try:
        found = index.search(
            np.zeros((1, index.d), np.float32), 1, params=search_parameters(index, {}, none)
        )[1]
    except RuntimeError:
        return False
    return bool((found < 0).all())
