"""Candidates for a search by inner product, found fast and not exactly: the caller scores them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.index.faiss_tools import load_faiss
from embedsearch.index.storage import read_index_file, write_faiss, write_index_file

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.vectors.rounded import RoundedRows

# FAISS warns of fewer than 39; more vectors move the centroids little.
_TRAINED_ON_PER_LIST = 40
# Of the 20 nearest, 96 % were among 100 candidates from 24 of 200 clusters, 90 % from 12; 48 take
# half as long again for 98 % (40,000 planted vectors of 100 dimensions).
_PROBED = 24
# FAISS compares bytes with vector instructions only if dimensions are a multiple of this:
# 500 dimensions take fourteen times as long as 512.
_MULTIPLE = 16
_BLOCK = 10_000


class CandidateIndex:
    """Clusters of vectors in a byte a dimension; a query looks into the nearest clusters.

    `faiss.IndexIVFScalarQuantizer` (Jégou, Douze and Schmid 2011, without residuals).
    """

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def build(cls, X: FloatMatrix | RoundedRows, seed: int = 0) -> CandidateIndex:
        """Cluster vectors `(n, d)`; there are about as many clusters as vectors in each."""
        faiss = load_faiss()
        n, dimension = X.shape[0], -(-X.shape[1] // _MULTIPLE) * _MULTIPLE
        lists = max(1, int(np.sqrt(n)))
        inner = faiss.METRIC_INNER_PRODUCT
        coarse = faiss.IndexFlatIP(dimension)
        bits = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(coarse, dimension, lists, bits, inner, False)
        index.cp.seed, index.cp.niter = seed + 1, 6
        # FAISS would print a warning if there are fewer than 39.
        index.cp.min_points_per_centroid = 1
        some = min(n, lists * _TRAINED_ON_PER_LIST)
        rows = np.sort(np.random.default_rng(seed).permutation(n)[:some])
        index.train(_padded(X[rows], dimension))
        for start in range(0, n, _BLOCK):
            index.add(_padded(X[start : start + _BLOCK], dimension))
        return cls(index)

    @classmethod
    def load(cls, path: Path) -> CandidateIndex:
        """Open what `save` wrote; the lists stay in the file."""
        faiss = load_faiss()
        read_index_file(path, verify=False)
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
        except RuntimeError as error:
            raise VectorError(f"{path}: damaged: not a FAISS index") from error
        if not isinstance(index, faiss.IndexIVFScalarQuantizer):
            raise VectorError(f"{path}: damaged: another kind of index")
        # By default FAISS starts 32 threads for each query to read ahead.
        faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0
        return cls(index)

    def save(self, path: Path) -> None:
        """Write the index to a file."""
        write_index_file(path, partial(write_faiss, self._index), {"kind": "proposer"}, {})

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, query: FloatVector, topn: int, allowed: IntVector | None = None) -> IntVector:
        """Return rows that are likely to have the largest inner products with a query `(d,)`.

        `allowed` rows ascend; None allows all.
        """
        faiss = load_faiss()
        settings = {"nprobe": min(_PROBED, int(self._index.nlist))}
        if allowed is not None:
            mask = np.zeros(len(self), bool)
            mask[allowed] = True
            settings["sel"] = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        parameters = faiss.SearchParametersIVF(**settings)
        queries = _padded(query.reshape(1, -1), int(self._index.d))
        _, rows = self._index.search(queries, topn, params=parameters)
        found: IntVector = rows[0][rows[0] >= 0]
        return found


def _padded(X: FloatMatrix, dimension: int) -> FloatMatrix:
    """Add columns of zeros, which change no inner product."""
    wide = np.zeros((len(X), dimension), np.float32)
    wide[:, : X.shape[1]] = X
    return wide
