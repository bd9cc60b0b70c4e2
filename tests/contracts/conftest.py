"""Indexes of every kind over the same vectors, for the checks that all of them must pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from embedsearch.index.vector_index import VectorIndex

Floats = NDArray[np.float32]
METRICS = ("cosine", "ip", "euclidean")
N, D, NQ = 1200, 24, 40


class Kind(NamedTuple):
    """A kind of index and what it promises.

    Attributes:
        floor: The least recall@10 on these vectors.
        held: How exactly it holds vectors: "exactly", "nearly" or "roughly".
        scored: Whether scores are those of the vectors that it holds, not estimates.
    """

    spec: str
    floor: float
    held: str = "exactly"
    scored: bool = True


KINDS = (
    Kind("flat", 1.0),
    Kind("auto", 1.0),
    Kind("hnsw", 0.95),
    Kind("ivf", 0.93),
    Kind("fp16", 0.99, "nearly"),
    Kind("int8", 0.93, "nearly"),
    Kind("pq", 0.4, "roughly"),
    Kind("ivfpq", 0.5, "roughly"),
    Kind("rabitq", 0.4, "roughly", False),
    Kind("HNSW16,SQ8", 0.9, "nearly"),
    Kind("OPQ6,IVF16,PQ6", 0.4, "roughly"),
    Kind("IVF20_HNSW16,SQfp16", 0.93, "nearly"),
    Kind("PQ12x4fs", 0.35, "roughly", False),
    Kind("PQ12x4fs,RFlat", 0.93),
    Kind("IVF16,PQ12x4fsr,Refine(SQfp16)", 0.93, "nearly"),
    Kind("IVF16,RaBitQ,RFlat", 0.93),
)


# Each kind under one metric, and what most people use under all of them.
CASES = [
    (kind, metric)
    for place, kind in enumerate(KINDS)
    for metric in (METRICS if place < 4 else [METRICS[place % len(METRICS)]])
]


@pytest.fixture(scope="session", params=CASES, ids=lambda case: f"{case[0].spec}-{case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[Kind, str]:
    found: tuple[Kind, str] = request.param
    return found


@pytest.fixture(scope="session")
def kind(case: tuple[Kind, str]) -> Kind:
    return case[0]


@pytest.fixture(scope="session")
def metric(case: tuple[Kind, str]) -> str:
    return case[1]


def _clustered(n: int, seed: int) -> Floats:
    centres = np.random.default_rng(99).standard_normal((30, D))
    rng = np.random.default_rng(seed)
    around = 0.5 * rng.standard_normal((n, D))
    return (centres[rng.integers(0, 30, n)] + around).astype(np.float32)


@pytest.fixture(name="X", scope="session")
def vectors() -> Floats:
    return _clustered(N, 0)


@pytest.fixture(name="Q", scope="session")
def queries() -> Floats:
    return _clustered(NQ, 1)


@pytest.fixture(scope="session")
def files(X: Floats, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind, str], Path]:
    """Give the file of an index over `X`; it is built once."""
    folder = tmp_path_factory.mktemp("indexes")
    made: dict[tuple[str, str], Path] = {}

    def file(kind: Kind, metric: str) -> Path:
        key = kind.spec, metric
        if key not in made:
            made[key] = folder / f"{len(made)}.faiss"
            VectorIndex.build(X, metric, kind.spec, threads=1).save(made[key])
        return made[key]

    return file


@pytest.fixture(scope="session")
def index(kind: Kind, metric: str, files: Callable[[Kind, str], Path]) -> VectorIndex:
    """An index over `X` that tests do not change."""
    return VectorIndex.load(files(kind, metric))


@pytest.fixture
def own(kind: Kind, metric: str, files: Callable[[Kind, str], Path]) -> VectorIndex:
    """An index over `X` that a test may change."""
    return VectorIndex.load(files(kind, metric))


@pytest.fixture(scope="session")
def truth() -> Callable[..., NDArray[np.float64]]:
    """Score vectors against queries, in float64."""

    def scores(X: Floats, Q: Floats, metric: str) -> NDArray[np.float64]:
        A, B = Q.astype(np.float64), X.astype(np.float64)
        if metric == "euclidean":
            return -np.linalg.norm(A[:, np.newaxis] - B[np.newaxis], axis=2)
        if metric == "cosine":
            A = A / np.maximum(np.linalg.norm(A, axis=1, keepdims=True), 1e-300)
            B = B / np.maximum(np.linalg.norm(B, axis=1, keepdims=True), 1e-300)
        return A @ B.T

    return scores
