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
_NEAREST, _QUERIES = 10, 200


def write_index(
    path: Path,
    X: FloatMatrix,
    settings: IndexSettings,
    progress: Progress,
    metric: Metric = Metric.COSINE,
    ids: IntVector | None = None,
) -> dict[str, Any]:
    """Build an index of vectors `(n, d)`, measure its recall and save it.

    Returns:
        What `save_index` does.
    """
    index = settings.build(X, progress, metric, ids)
    # "auto" has measured it already.
    recall = measured_recall(index, X, ids) if index.recall is None else index.recall
    return save_index(index, settings, path, recall)


def save_index(
    index: VectorIndex, settings: IndexSettings, path: Path, recall: float | None
) -> dict[str, Any]:
    """Write an index, and return what a manifest says of it.

    Args:
        index: The index.
        settings: What was asked.
        path: The file.
        recall: What was measured.

    Returns:
        `settings`; `spec`, `parameters` and `recall` of what they led to; its `bytes` in memory;
        and the `digest` by which it is known again.
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


def measured_recall(
    index: VectorIndex, X: FloatMatrix, ids: IntVector | None = None
) -> float | None:
    """Measure what share of the 10 nearest an index finds, for 200 of its own vectors.

    Args:
        index: The index.
        X: Its vectors, `(n, d)`.
        ids: Their ids, `(n,)`; None for rows.

    Returns:
        The mean share, each vector not counting as its own neighbour; None if there are too few
        vectors to ask.
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
