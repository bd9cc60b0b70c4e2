"""What a query is expected to cost, from the kind of an index and its parameters alone.

Nothing is timed: the same vectors lead to the same index whatever else the machine does. The
constants are nanoseconds fitted to queries among 60,000 × 128 and 400,000 × 50 vectors with one
thread on a busy machine (AVX2). Only their ratios matter for what is chosen.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING, Any

from embedsearch.index.faiss_tools import code_size, innermost, load_faiss

if TYPE_CHECKING:
    from collections.abc import Mapping

# How many neighbours recalls and costs are measured by.
TOPN = 10
_PER_BYTE_IN_ORDER = 0.05
# To a vector somewhere else in memory, and for each byte of it.
_JUMP, _PER_BYTE = 50.0, 0.2
# Matrix products compare a batch with all vectors.
_PER_NUMBER_OF_A_BATCH = 0.025
# For each list and dimension: tables of the distances between parts of a query and codes.
_TABLES = 5.0
# A step through a graph meets so many of the links of a vector for the first time.
_NEW_PER_LINK = 0.28
# For a query alone, and what lists take of each query of a batch.
_GRAPH_ALONE, _LISTS_ALONE, _LISTS_IN_BATCH = 8_000.0, 60_000.0, 8_000.0


def expected_cost(
    index: Any, parameters: Mapping[str, float], batch: bool, n: int | None = None
) -> float:
    """Return the expected nanoseconds of a query for ten answers from a FAISS index.

    `parameters` are `nprobe`, `efSearch` and `k_factor`; of a `batch`, or of a query alone; of an
    index of n vectors, None for as many as it has.
    """
    faiss, inner = load_faiss(), innermost(index)
    n = int(index.ntotal) if n is None else n
    d, code, refined = int(inner.d), code_size(inner), 0.0
    if isinstance(faiss.downcast_index(index), faiss.IndexRefine):
        refined = parameters.get("k_factor", 1.0) * TOPN * (_JUMP + _PER_BYTE * 4 * d)
    if isinstance(inner, faiss.IndexHNSW):
        code = code_size(faiss.downcast_index(inner.storage))
        return refined + graph_cost(n, code, int(inner.hnsw.nb_neighbors(0)), parameters, batch)
    if isinstance(inner, faiss.IndexIVF):
        scanned = n / max(1, int(inner.nlist)) * code * _PER_BYTE_IN_ORDER
        # Whole vectors and those of one byte a number need no tables.
        tables = 0.0 if code >= d else d * _TABLES
        each = _JUMP + scanned + tables
        call = _LISTS_IN_BATCH if batch else _LISTS_ALONE
        return refined + call + parameters.get("nprobe", 1.0) * each
    return refined + exact_cost(n, d, code, batch)


def exact_cost(n: int, d: int, code: float, batch: bool) -> float:
    """Return the cost of comparing with all n vectors, which take `code` bytes each."""
    by_products = batch and code == 4 * d
    return n * (d * _PER_NUMBER_OF_A_BATCH if by_products else code * _PER_BYTE_IN_ORDER)


def graph_cost(
    n: int, code: float, links: int, parameters: Mapping[str, float], batch: bool
) -> float:
    """Return the cost of the steps through a graph in which a vector has up to `links` links."""
    steps = parameters.get("efSearch", float(TOPN)) + log2(max(2, n))
    compared = steps * links * _NEW_PER_LINK
    return (0.0 if batch else _GRAPH_ALONE) + compared * (_JUMP + _PER_BYTE * code)
