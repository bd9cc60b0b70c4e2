"""Vectors to search among, held-out ones to search by, and the truth about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.vectors.arrays import row_norms, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, IntVector

TOPN = 10
_BLOCK = 1 << 16
_TRUTH_BLOCK, _SPARE = 1 << 13, 40


class Clustered:
    """Vectors of 1,000 planted clusters, the same for a seed however many are drawn.

    The sizes of clusters fall with rank as (rank + 10)^-1.1: the first has 3 % of all vectors,
    the last 0.02 %. Centres are normal with standard deviations that fall as rank^-0.5 in turned
    axes. Around its centre a cluster is normal with a covariance of rank d / 4 and a width of its
    own (log-normal), beside a little noise in all directions. So neighbours lie in a space of
    fewer dimensions than d, in dense and in thin places, and clusters overlap.

    Args:
        dimension: d.
        seed: Of everything drawn.
    """

    clusters = 1000

    def __init__(self, dimension: int, seed: int = 0) -> None:
        self.dimension, self._seed = dimension, seed
        rng = np.random.default_rng(seed)
        rank = max(2, dimension // 4)
        shares = (np.arange(self.clusters) + 10.0) ** -1.1
        self._shares = shares / shares.sum()
        turned = np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
        spread = np.arange(1, dimension + 1) ** -0.5
        centres = rng.normal(size=(self.clusters, dimension)) * spread @ turned
        self._centres = (centres / np.sqrt(np.sum(spread**2))).astype(np.float32)
        widths = np.exp(0.4 * rng.normal(size=(self.clusters, 1, 1)))
        factors = widths * rng.normal(size=(self.clusters, rank, dimension))
        self._factors = (factors / np.sqrt(rank * dimension)).astype(np.float32)
        self._noise = np.float32(0.3 / np.sqrt(dimension))

    def block(self, number: int, count: int = _BLOCK) -> FloatMatrix:
        """Draw the first `count` vectors, at most 65,536, of a block."""
        rng = np.random.default_rng([self._seed, number])
        which = rng.choice(self.clusters, size=_BLOCK, p=self._shares)
        inner = rng.standard_normal((_BLOCK, self._factors.shape[1]), np.float32)
        drawn = self._noise * rng.standard_normal((_BLOCK, self.dimension), np.float32)
        drawn += self._centres[which]
        order = np.argsort(which, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(which[order])) + 1):
            drawn[rows] += inner[rows] @ self._factors[which[rows[0]]]
        return drawn[:count]

    def write(self, path: Path, count: int) -> None:
        """Write so many vectors to a file of NumPy's."""
        shape = (count, self.dimension)
        out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        for start in range(0, count, _BLOCK):
            out[start : start + _BLOCK] = self.block(start // _BLOCK, min(_BLOCK, count - start))
        out.flush()


def open_vectors(name: str) -> NDArray[np.float32]:
    """Map vectors from a file: `FILE.npy`, or `FILE.safetensors:NAME` (`vectors` if left out)."""
    file, _, tensor = name.partition(".safetensors:")
    if file == name and not name.endswith(".safetensors"):
        mapped: NDArray[np.float32] = np.load(name, mmap_mode="r", allow_pickle=False)
        return mapped
    from safetensors.numpy import load_file

    path = Path(f"{file}.safetensors" if tensor else name)
    return load_file(path)[tensor or "vectors"]


def split(
    X: NDArray[np.float32], folder: Path, queries: int, unit: bool, seed: int = 0
) -> tuple[Path, Path]:
    """Write vectors of X to `vectors.npy`, but for some at random, which go to `queries.npy`.

    Args:
        X: `(n, d)`, possibly mapped.
        folder: Where the files go.
        queries: How many are held out.
        unit: Bring all to length 1, for the cosine.
        seed: Of the draw.
    """
    held = np.sort(np.random.default_rng(seed).permutation(len(X))[:queries])
    kept = np.ones(len(X), bool)
    kept[held] = False
    vectors, asked = folder / "vectors.npy", folder / "queries.npy"
    shape = (int(kept.sum()), X.shape[1])
    out = np.lib.format.open_memmap(vectors, mode="w+", dtype=np.float32, shape=shape)
    end = 0
    for start in range(0, len(X), _BLOCK):
        block = X[start : start + _BLOCK][kept[start : start + _BLOCK]]
        out[end : end + len(block)] = _scaled(block, unit)
        end += len(block)
    out.flush()
    np.save(asked, _scaled(X[held], unit))
    return vectors, asked


def _scaled(X: NDArray[np.float32], unit: bool) -> FloatMatrix:
    wide = np.ascontiguousarray(X, np.float32)
    return unit_rows(wide, row_norms(wide)) if unit else wide


class Truth:
    """The exact scores of the ten nearest of each query, by NumPy alone.

    Args:
        X: `(n, d)`, n at least 10, possibly mapped.
        Q: `(nq, d)`.
        euclidean: Compare by distance, not by inner product.
    """

    def __init__(self, X: NDArray[np.float32], Q: FloatMatrix, euclidean: bool) -> None:
        self._X, self._Q, self._euclidean = X, Q, euclidean
        rows = np.empty((len(Q), 0), np.int64)
        rough = np.empty((len(Q), 0), np.float32)
        for start in range(0, len(X), _TRUTH_BLOCK):
            scores = self._rough(np.asarray(X[start : start + _TRUTH_BLOCK]))
            rough = np.hstack((rough, scores))
            new = np.broadcast_to(np.arange(start, start + scores.shape[1]), scores.shape)
            rows = np.hstack((rows, new))
            if rows.shape[1] > _SPARE:
                best = np.argpartition(-rough, _SPARE, axis=1)[:, :_SPARE]
                rough, rows = (np.take_along_axis(a, best, axis=1) for a in (rough, rows))
        self._tenth = np.sort(self._scores(rows), axis=1)[:, -TOPN]

    def recall(self, found: IntVector) -> float:
        """Return the mean share of the ten nearest that rows found `(nq, 10)` are; -1 is none.

        A row counts if its exact score is no lower, but for rounding, than that of the tenth.
        """
        border = self._tenth - 1e-6 * np.maximum(1, np.abs(self._tenth))
        right = (self._scores(found) >= border[:, np.newaxis]) & (found >= 0)
        again = np.sort(found, axis=1)
        if ((again[:, 1:] == again[:, :-1]) & (again[:, 1:] >= 0)).any():
            raise ValueError("a row was found twice for one query")
        return float(right.mean())

    def _rough(self, block: FloatMatrix) -> FloatMatrix:
        products: FloatMatrix = self._Q @ block.T
        return 2 * products - np.sum(block**2, axis=1) if self._euclidean else products

    def _scores(self, rows: IntVector) -> NDArray[np.float64]:
        found = np.asarray(self._X[rows.ravel()], np.float64).reshape(*rows.shape, -1)
        queries = self._Q[:, np.newaxis].astype(np.float64)
        if self._euclidean:
            return -np.sqrt(np.sum((found - queries) ** 2, axis=-1))
        return np.sum(found * queries, axis=-1)
