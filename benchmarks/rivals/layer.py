"""What our layer adds: our index, and FAISS reading the very same file, in turn in one process."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

import embedsearch as es
from benchmarks.rivals.faiss_searches import found_rows, search_parameters
from benchmarks.rivals.neighbors import TOPN, serve
from embedsearch.index.faiss_tools import load_faiss

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_SINGLES, _BATCHES = 1000, 15


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Build an index of the first vectors by a `spec`, and time it with one thread."""
    X = np.load(request["vectors"], mmap_mode="r")[: request["most"]]
    Q = np.load(request["queries"])
    metric = "euclidean" if request["euclidean"] else "cosine"
    faiss = load_faiss()
    with threadpool_limits(1), TemporaryDirectory() as folder:
        ours = es.VectorIndex.build(X, metric, spec=request["spec"])
        ours.save(Path(folder) / "index")
        whole = faiss.read_index(str(Path(folder) / "index"))
        # Vectors and queries have length 1 already.
        wrapped = isinstance(whole, faiss.IndexPreTransform)
        raw = faiss.downcast_index(whole.index) if wrapped else whole
        faiss.omp_set_num_threads(1)
        parameters = search_parameters(raw, ours.parameters)
        finds = (partial(found_rows, raw, parameters), partial(_found, ours))
        single = _times(finds, [Q[at % len(Q), np.newaxis] for at in range(_SINGLES)])
        batch = _times(finds, [Q] * _BATCHES)
    return {
        "spec": ours.spec,
        "vectors": len(X),
        "parameters": ours.parameters,
        "single_faiss_us": 1e6 * median(raw for raw, _ in single),
        "single_added_us": 1e6 * median(ours - raw for raw, ours in single),
        "batch_faiss_us": 1e6 * median(raw for raw, _ in batch) / len(Q),
        "batch_ratio": median(ours / raw for raw, ours in batch),
    }


def _found(index: Any, Q: NDArray[np.float32]) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = index.search(Q, TOPN, threads=1)[1]
    return rows


def _times(
    finds: tuple[Callable[..., Any], Callable[..., Any]], queries: list[NDArray[np.float32]]
) -> list[tuple[float, float]]:
    """Return the processor seconds of both for each of the queries; they take turns at first."""
    times = []
    for number, Q in enumerate(queries):
        taken = [0.0, 0.0]
        for which in (0, 1) if number % 2 else (1, 0):
            start = time.process_time()
            finds[which](Q)
            taken[which] = time.process_time() - start
        times.append((taken[0], taken[1]))
    return times


if __name__ == "__main__":
    serve(answer)
