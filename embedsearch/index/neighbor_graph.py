"""The nearest other vectors of each vector of a set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.index.faiss_tools import load_faiss
from embedsearch.index.threads import omp_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix

# Up to so many vectors all are compared.
_COMPARED = 5_000
# Of more, clusters: so many times the root of their number, of which so many are looked into.
_CLUSTERS, _PROBED = 2, 6
_TRAINED_ON_PER_CLUSTER, _ITERATIONS = 20, 5
_BLOCK = 4_096


def neighbor_graph(
    X: FloatMatrix,
    k: int,
    seed: int = 0,
    compared: int = _COMPARED,
    *,
    euclidean: bool = False,
) -> tuple[NDArray[np.int32], FloatMatrix]:
    """Return the rows of the k largest inner products of each of n vectors `(n, d)` with others.

    Both are `(n, k)`, the rows and the products, or if `euclidean` the squared distances of the
    nearest; if there are fewer others, or if fewer than k are found, the row is the vector's own
    and the number 0. Of more vectors than `compared`, those are looked at that are in near
    clusters (`faiss.IndexIVFFlat`).
    """
    n = len(X)
    rows = np.repeat(np.arange(n, dtype=np.int32)[:, np.newaxis], k, axis=1)
    products = np.zeros((n, k), np.float32)
    if n < 2 or not k:
        return rows, products
    index = _index(X, seed, compared, euclidean=euclidean)
    with omp_threads(1):
        for start in range(0, n, _BLOCK):
            stop = min(start + _BLOCK, n)
            found, ids = index.search(np.ascontiguousarray(X[start:stop]), min(k + 1, n))
            others = (ids >= 0) & (ids != np.arange(start, stop)[:, np.newaxis])
            # A vector that is not among its own nearest has one too many.
            nth = np.cumsum(others, axis=1)
            own, column = np.nonzero(others & (nth <= k))
            place = nth[own, column] - 1
            rows[start + own, place] = ids[own, column]
            products[start + own, place] = found[own, column]
    return rows, products


def _index(X: FloatMatrix, seed: int, compared: int, *, euclidean: bool) -> Any:
    faiss = load_faiss()
    n, d = X.shape
    metric = faiss.METRIC_L2 if euclidean else faiss.METRIC_INNER_PRODUCT
    flat = faiss.IndexFlat(d, metric)
    if n <= compared:
        flat.add(np.ascontiguousarray(X))
        return flat
    clusters = int(_CLUSTERS * np.sqrt(n))
    index = faiss.IndexIVFFlat(flat, d, clusters, metric)
    index.cp.seed, index.cp.niter, index.cp.min_points_per_centroid = seed + 1, _ITERATIONS, 1
    some = np.random.default_rng(seed).permutation(n)[: clusters * _TRAINED_ON_PER_CLUSTER]
    with omp_threads(1):
        index.train(np.ascontiguousarray(X[np.sort(some)]))
        index.add(np.ascontiguousarray(X))
    index.nprobe = _PROBED
    return index
