"""The memory that FAISS indexes take."""

from __future__ import annotations

from typing import Any

import numpy as np

from embedsearch.index._faiss import load_faiss


def nbytes_of(index: Any) -> int:
    """Add up what an index keeps: codes, ids, centroids, links, matrices; in bytes."""
    faiss = load_faiss()
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        chain = (index.chain.at(i) for i in range(index.chain.size()))
        return nbytes_of(index.index) + sum(4 * int(step.d_in * step.d_out) for step in chain)
    if isinstance(index, faiss.IndexRefine):
        return nbytes_of(index.base_index) + nbytes_of(index.refine_index)
    if isinstance(index, faiss.IndexIVF):
        return _lists(index) + nbytes_of(index.quantizer) + _centroids(index)
    if isinstance(index, faiss.IndexHNSW):
        graph = index.hnsw
        links = 4 * graph.neighbors.size() + 8 * graph.offsets.size() + 4 * graph.levels.size()
        return int(links) + nbytes_of(index.storage)
    return int(index.ntotal * _code_size(index)) + _centroids(index)


def _lists(index: Any) -> int:
    lists = index.invlists
    sizes = np.array([lists.list_size(i) for i in range(index.nlist)], np.int64)
    return int(sizes.sum() * (index.code_size + 8))


def _centroids(index: Any) -> int:
    centroids = getattr(getattr(index, "pq", None), "centroids", None)
    return 0 if centroids is None else 4 * int(centroids.size())


def _code_size(index: Any) -> int:
    try:
        return int(index.sa_code_size())
    except RuntimeError:
        return 4 * int(index.d)
