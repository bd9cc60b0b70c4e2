"""What a workspace writes and says of an index of vectors."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._types import Metric
from embedsearch.evaluation.recall import nearest
from embedsearch.index.vector_index import VectorIndex

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.index.settings import IndexSettings

_DECIMALS = 4
# 2,000 neighbours give a recall of 0.95 a standard error of 0.005 (binomial), enough to compare it.
_NEAREST, _QUERIES = 10, 200


def save_index(
    index: VectorIndex, settings: IndexSettings, path: Path, recall: float | None
) -> dict[str, Any]:
    """Write an index, and return what a manifest says of it.

    What was asked (`settings`); `spec`, `parameters` and `recall` of what that led to; `bytes` in
    memory; and the `digest` that identifies the file.
    """
    digest = index.save(path)
    return {
        "settings": asdict(settings),
        "spec": index.spec,
        "parameters": index.parameters,
        "recall": None if recall is None else round(recall, _DECIMALS),
        "bytes": index.nbytes,
        "digest": digest,
    }


def build_index(
    X: FloatMatrix,
    settings: IndexSettings,
    path: Path,
    progress: Progress,
    metric: Metric = Metric.COSINE,
    ids: IntVector | None = None,
) -> dict[str, Any]:
    """Index vectors `(n, d)`, measure and write that; see `save_index`."""
    options = settings.options(X.size)
    index = VectorIndex.build(X, metric, ids=ids, progress=progress, **options)
    recall = measured_recall(index, X, ids) if index.recall is None else index.recall
    return save_index(index, settings, path, recall)


def measured_recall(
    index: VectorIndex, X: FloatMatrix, ids: IntVector | None = None
) -> float | None:
    """Measure what share of the 10 nearest an index finds, for 200 of its own vectors.

    No vector counts as its own neighbour; None if there are too few to ask.
    """
    if index.spec == "flat" or len(X) <= _NEAREST:
        return index.recall
    exact = VectorIndex.build(X, index.metric, "flat", ids=ids)
    count = min(len(X), _QUERIES)
    rows = np.sort(np.random.default_rng(0).choice(len(X), count, replace=False))
    own = rows if ids is None else ids[rows]
    wanted = nearest(exact, X[rows], own, _NEAREST)[1]
    found = nearest(index, X[rows], own, _NEAREST)[1]
    right = [np.isin(some, all_).sum() for some, all_ in zip(found, wanted, strict=True)]
    return float(sum(right)) / wanted.size


def index_info(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `info` says of an index, from what the manifest does."""
    known = {name: facts.get(name) for name in ("spec", "parameters", "recall", "bytes")}
    return known if facts else {"spec": "flat", "parameters": {}, "recall": 1.0, "bytes": None}
