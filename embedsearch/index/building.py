"""From vectors, a specification or a file to the index that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch._progress import SilentProgress
from embedsearch.index._faiss import reason
from embedsearch.index._space import Space
from embedsearch.index.approximate import ApproximateIndex
from embedsearch.index.automatic import as_recall, build_auto
from embedsearch.index.base import as_metric
from embedsearch.index.blocks import as_source
from embedsearch.index.choice import Choice, Curve, Point
from embedsearch.index.flat import FlatIndex
from embedsearch.index.identified import as_distinct_ids
from embedsearch.index.making import made, train
from embedsearch.index.preparation import Prepared
from embedsearch.index.specs import Plan, planned
from embedsearch.index.threads import as_threads, omp_threads
from embedsearch.index.whole import Queries, Whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector, Metric
    from embedsearch.index.base import VectorIndex
    from embedsearch.index.blocks import ArraySource

# With fewer vectors a recall would say little, and everything is fast.
_FEWEST_MEASURED = 500
_FEWEST_QUERIES, _MOST_QUERIES = 100, 1000


def build_index(
    X: ArrayLike | str | Path | ArraySource,
    metric: Metric | str,
    spec: str,
    recall: float,
    memory: int | str | None,
    ids: ArrayLike | None,
    queries: ArrayLike | None,
    threads: int | None,
    seed: int,
    progress: Progress | None,
) -> VectorIndex:
    """See `VectorIndex.build`."""
    metric, threads = as_metric(metric), as_threads(threads)
    source = as_source(X)
    given = None if ids is None else as_distinct_ids(ids, source.shape[0])
    if spec == "auto":
        return build_auto(source, metric, recall, memory, given, queries, threads, seed, progress)
    plan = planned(spec, *source.shape)
    if plan.spec == "flat":
        choice = Choice("flat", notes=plan.notes) if plan.notes else None
        return FlatIndex.build(source, metric, given, choice)
    listener = progress or SilentProgress()
    target = as_recall(recall)
    return _built(source, metric, plan, target, given, queries, threads, seed, listener)


def _built(
    source: ArraySource,
    metric: Metric,
    plan: Plan,
    recall: float,
    ids: IntVector | None,
    queries: ArrayLike | None,
    threads: int | None,
    seed: int,
    progress: Progress,
) -> ApproximateIndex:
    vectors = Prepared(source, Space.fitting(source, metric))
    whole = _whole(vectors, queries, recall, threads, seed, progress)
    try:
        index, curve = whole.build(plan.spec) if whole else (_filled(vectors, plan, seed), None)
    except RuntimeError as error:
        allowed = f"one that FAISS can fill ({reason(error)})"
        raise ParameterError("spec", allowed, plan.spec) from error
    point = _best(curve)
    parameters = plan.parameters if point is None else point.parameters
    notes = plan.notes + _missed(point, plan.spec, recall)
    choice = Choice(plan.spec, curve=curve, notes=notes) if curve or notes else None
    measured = None if point is None else point.recall
    return ApproximateIndex(index, vectors.space, plan.spec, parameters, measured, choice, ids)


def _whole(
    vectors: Prepared,
    queries: ArrayLike | None,
    recall: float,
    threads: int | None,
    seed: int,
    progress: Progress,
) -> Whole | None:
    """Prepare to measure an index; None where there are too few vectors for it."""
    n, d = vectors.shape
    if n < _FEWEST_MEASURED:
        return None
    asked = Queries(None, _drawn(n, seed))
    if queries is not None:
        given = Prepared(as_source(queries, "queries", d), vectors.space)
        rows = _drawn(given.shape[0], seed)
        asked = Queries(given.take(rows), np.empty(0, np.int64))
    return Whole(vectors, asked, recall, seed, threads, progress)


def _drawn(count: int, seed: int) -> IntVector:
    many = min(count, max(_FEWEST_QUERIES, min(_MOST_QUERIES, count // 20)))
    return np.sort(np.random.default_rng([seed, 1]).choice(count, many, replace=False))


def _filled(vectors: Prepared, plan: Plan, seed: int) -> Any:
    index = made(plan.spec, vectors.shape[1], vectors.space.metric, seed)
    with omp_threads(1):
        train(index, vectors, plan.spec, seed)
        for block in vectors.blocks():
            index.add(block.X)
    return index


def _best(curve: Curve | None) -> Point | None:
    """Give the point that reaches the target, or else the one that comes nearest."""
    if curve is None:
        return None
    return curve.chosen or max(curve.points, key=lambda point: point.recall)


def _missed(point: Point | None, spec: str, recall: float) -> tuple[str, ...]:
    if point is None or point.recall >= recall:
        return ()
    return (
        f"{spec} finds {point.recall:.3f} of the nearest and not {recall:g}, however it is "
        "searched; a refinement (a comma and RFlat or Refine(SQ8) at its end) finds more",
    )
