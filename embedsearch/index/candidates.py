"""The kinds of index that "auto" tries, what each takes, and how it grows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._types import Metric
from embedsearch.index._faiss import load_faiss

if TYPE_CHECKING:
    from embedsearch.index.heldout import Vectors

EXACT = "flat"
_EF_CONSTRUCTION = 200
# How many times as many centroids are compared exactly as lists are looked into.
_COARSE_FACTOR = 4
_FEWEST_PER_LIST = 39
_TRAINED_ON_PER_LIST = 64
_ROUNDS = 10
_MANY_LISTS = 700


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kind of index at a size.

    Attributes:
        name: "hnsw16", "ivf" and so on; the same at every size.
        spec: FAISS's factory string at this size.
        nbytes: What it takes.
        growth: The time of a query grows with the number of vectors to this power.
        handicap: How many times faster than others it must be, as it takes so much longer to
            build.
        exact: Whether it compares vectors as they are, in the end.
    """

    name: str
    spec: str
    nbytes: float
    growth: float
    handicap: float = 1.0
    exact: bool = True

    @property
    def slow(self) -> bool:
        """Whether it takes long to build."""
        return self.handicap > 1


def candidates(n: int, d: int) -> list[Candidate]:
    """List the kinds that are tried, for n vectors of d dimensions.

    Bytes: the vectors or their codes; for HNSW `8 M + 4 M / (M - 1) + 12` for links and their
    places; for lists 8 for each id, and the centroids.
    """
    lists, coarse, fast = lists_for(n), _lists(n, d), f"PQ{_parts(d)}x4fsr"
    full, half, codes = 4 * d, 2 * d, _parts(d) / 2
    listed = 8 + lists * (full + codes) / max(1, n)
    tried = [
        Candidate(EXACT, "Flat", full, 1.0),
        Candidate("hnsw16", "HNSW16,Flat", full + 142, 0.4, 1.25),
        Candidate("hnsw32", "HNSW32,Flat", full + 274, 0.4, 1.4),
        Candidate("ivf", lists_spec(n, d), full + listed, 0.6),
        Candidate("ivfpq", f"{coarse},{fast},RFlat", full + codes + listed, 0.4),
        Candidate(
            "ivfpq-fp16", f"{coarse},{fast},Refine(SQfp16)", half + codes + listed, 0.4, 1, False
        ),
        Candidate("ivfpq-int8", f"{coarse},{fast},Refine(SQ8)", d + codes + listed, 0.4, 1, False),
        Candidate("ivf-fp16", f"{coarse},SQfp16", half + listed, 0.6, 1, False),
        Candidate("ivf-int8", f"{coarse},SQ8", d + listed, 0.6, 1, False),
        Candidate("fp16", "SQfp16", half, 1.0, 1, False),
        Candidate("int8", "SQ8", d, 1.0, 1, False),
    ]
    return [replace(kind, nbytes=int(kind.nbytes * n)) for kind in tried]


def lists_spec(n: int, d: int) -> str:
    """Give the factory string for lists of whole vectors."""
    return f"{_lists(n, d)},Flat"


def lists_for(n: int) -> int:
    """Say into how many lists n vectors are put: `4 √n`, each of 39 vectors or more."""
    return max(1, min(round(4 * sqrt(n)), n // _FEWEST_PER_LIST))


def assembled(spec: str, d: int, metric: Metric, seed: int) -> Any:
    """Make an empty FAISS index, with the settings that a factory string has no word for."""
    faiss = load_faiss()
    euclidean = metric is Metric.EUCLIDEAN
    kind = faiss.METRIC_L2 if euclidean else faiss.METRIC_INNER_PRODUCT
    index = faiss.index_factory(d, spec, kind)
    if isinstance(index, faiss.IndexHNSW):
        index.hnsw.efConstruction = _EF_CONSTRUCTION
    lists = faiss.try_extract_index_ivf(index)
    if lists is not None:
        lists = faiss.downcast_index(lists)
        _settle(lists, seed)
    return index


def trained(index: Any, vectors: Vectors, seed: int) -> Any:
    """Train a FAISS index on as many vectors as it needs, drawn at random."""
    faiss = load_faiss()
    if index.is_trained:
        return index
    lists = faiss.try_extract_index_ivf(index)
    many = _TRAINED_ON_PER_LIST * (lists.nlist if lists is not None else 256)
    n = vectors.shape[0]
    rows = np.random.default_rng(seed).choice(n, min(n, max(many, 1 << 14)), replace=False)
    index.train(vectors.take(np.sort(rows)))
    return index


def _settle(lists: Any, seed: int) -> None:
    faiss = load_faiss()
    lists.cp.seed, lists.cp.niter = seed + 1, _ROUNDS
    # FAISS would print a warning where there are fewer than 39.
    lists.cp.min_points_per_centroid = 1
    lists.cp.max_points_per_centroid = _TRAINED_ON_PER_LIST
    coarse = faiss.downcast_index(lists.quantizer)
    if isinstance(coarse, faiss.IndexRefine):
        coarse.k_factor = _COARSE_FACTOR


def _lists(n: int, d: int) -> str:
    lists = lists_for(n)
    # The centroids are compared by codes first: for one query alone, four times as fast.
    return f"IVF{lists}(PQ{_parts(d)}x4fs,RFlat)" if lists >= _MANY_LISTS else f"IVF{lists}"


def _parts(d: int) -> int:
    """Say into how many parts of two or three dimensions vectors are cut."""
    return next((d // size for size in (2, 3) if d % size == 0), d)
