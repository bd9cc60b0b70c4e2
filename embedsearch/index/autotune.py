"""From vectors to the parts of an index: one kind, or the one whose queries cost least at a recall.

"auto" takes a graph for queries that come one at a time, and lists of codes for batches, built
with all vectors and searched with the parameters that reach the target. Another kind is built
too only if, at its best, it would cost less than half as much. Samples say little: the fewer
vectors, the farther apart they are, and the harder they are to find (three times as hard for a
graph of a third of 60,000 clustered vectors, half as hard for word vectors).

No time is measured (`cost.py`): the same vectors, seed and threads lead to the same index.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import COUNT, Optional, check
from embedsearch._errors import ParameterError
from embedsearch._messages import shown_bytes
from embedsearch._types import Metric
from embedsearch.index.cost import exact_cost, expected_cost
from embedsearch.index.exact import build_exact
from embedsearch.index.faiss_engine import FaissEngine
from embedsearch.index.faiss_tools import innermost, load_faiss, reason
from embedsearch.index.settings import (
    FOR,
    RECALL,
    Plan,
    lists_for,
    make_index,
    padding,
    plan_for,
    train_index,
)
from embedsearch.index.sources import (
    ArraySource,
    DiskSource,
    HeldOutView,
    NormalizedSource,
)
from embedsearch.index.storage import IndexParts
from embedsearch.index.threads import omp_threads
from embedsearch.index.tuning import (
    FEWEST_QUERIES,
    HeldOutQueries,
    OperatingCurve,
    Tuner,
    TuningReport,
)
from embedsearch.vectors.arrays import as_matrix

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.index.sources import Vectors

# A kind that was asked for is not measured with fewer vectors: a recall would say little, and
# everything is fast.
_FEWEST_MEASURED = 500

# With fewer vectors, "auto" has too few queries to measure by.
_FEWEST = 1_000
# A recall is measured with so many queries at most.
_MOST_QUERIES = 2_000
# Another kind is built if it may be so many times cheaper than the best so far.
_WORTH_BUILDING = 2.0
# The least steps through a graph and lists that a query takes.
_AT_BEST = {"efSearch": 16.0, "nprobe": 4.0, "k_factor": 2.0}

# From so many lists on, comparing a query with all centroids costs more than with their codes.
_MANY_LISTS = 700
_EXACT = "flat"


@dataclass(frozen=True, slots=True)
class AutoLimits:
    """When "auto" measures, and what for."""

    # Up to so many numbers (n · d) search is exact: a query takes about 0.1 ms.
    exact_numbers: int = 1_000_000
    cheaper: float = 2.0  # exact search is given up only for what costs so many times less
    sample: int = 20_000  # so many vectors tell what reaches a recall where memory is too little


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """What kind of index to build and how; see `VectorIndex.build`."""

    metric: Metric
    spec: str
    recall: float
    for_: str = "single"  # what it is for: queries one at a time, or in a "batch"
    memory: int | None
    threads: int | None
    seed: int
    progress: Progress
    queries: ArrayLike | None = None
    limits: AutoLimits = AutoLimits()

    @property
    def batch(self) -> bool:
        """Whether queries will come in batches."""
        return self.for_ == "batch"

    def __post_init__(self) -> None:
        check("recall", self.recall, RECALL)
        check("for_", self.for_, FOR)
        check("threads", self.threads, Optional(COUNT))


def build_parts(source: ArraySource | DiskSource, options: BuildOptions) -> IndexParts:
    """Build an index; the queries are checked even where nothing is measured with them."""
    if options.queries is not None:
        queries = as_matrix(options.queries, "queries", source.shape[1])
        options = replace(options, queries=queries)
    if options.spec == "auto":
        return _AutoBuild(source, options).build()
    plan = plan_for(options.spec, *source.shape)
    if plan.spec == _EXACT:
        report = TuningReport(_EXACT, notes=plan.notes) if plan.notes else None
        return build_exact(source, options.metric, report)
    return _build_planned(source, plan, options)


# One kind that was asked for.


def _build_planned(
    source: ArraySource | DiskSource, plan: Plan, options: BuildOptions
) -> IndexParts:
    vectors = NormalizedSource.fit(source, options.metric)
    curve, notes = None, plan.notes
    try:
        if vectors.shape[0] < _FEWEST_MEASURED:
            with omp_threads(1):
                index = _build_index(vectors, plan.spec, options)
        else:
            queries = _tuning_queries(vectors, options)
            notes += queries.notes
            index, curve = FullBuild(vectors, queries, options).build(plan.spec)
    except RuntimeError as error:
        allowed = f"one that FAISS can fill ({reason(error)})"
        raise ParameterError("spec", allowed, plan.spec) from error
    if curve is None:
        report = TuningReport(plan.spec, notes=notes) if notes else None
        return _faiss_parts(index, vectors, plan.spec, plan.parameters, report=report)
    point = curve.best
    if point.recall < options.recall:
        notes = (*notes, _missed(point.recall, plan.spec, options.recall))
    report = TuningReport(plan.spec, curve=curve, notes=notes)
    return _faiss_parts(index, vectors, plan.spec, point.parameters, point.recall, report)


def _missed(recall: float, spec: str, target: float) -> str:
    return (
        f"{spec} finds {recall:.3f} of the nearest and not {target:g}, however it is searched; "
        "a refinement (a comma and RFlat or Refine(SQ8) at its end) finds more"
    )


def _faiss_parts(
    index: Any,
    vectors: NormalizedSource,
    spec: str,
    parameters: dict[str, float],
    recall: float | None = None,
    report: TuningReport | None = None,
) -> IndexParts:
    preprocessing = vectors.preprocessing
    engine = FaissEngine(index, preprocessing.metric, spec, parameters)
    return IndexParts(engine, preprocessing, recall, report)


def _build_index(vectors: Vectors, spec: str, options: BuildOptions) -> Any:
    index = make_index(spec, vectors.shape[1], options.metric, options.seed)
    train_index(index, vectors, spec, options.seed)
    for block in vectors.blocks():
        index.add(block.X)
    return index


class TuningQueries(NamedTuple):
    """What is asked to measure an index: vectors that were given, or rows of it."""

    given: FloatMatrix | None  # `(nq, d)`, prepared; None if rows are asked for
    rows: IntVector  # ascending, `(nq,)`
    notes: tuple[str, ...] = ()  # what the user should know of them


def _tuning_queries(vectors: NormalizedSource, options: BuildOptions) -> TuningQueries:
    """Draw what indexes of these vectors are measured with."""
    rng = np.random.default_rng([options.seed, 1])
    notes: tuple[str, ...] = ()
    if options.queries is not None:
        source = ArraySource(options.queries, "queries")
        asked = NormalizedSource(source, vectors.preprocessing)
        count = asked.shape[0]
        if count >= FEWEST_QUERIES:
            rows = rng.choice(count, min(count, _MOST_QUERIES), replace=False)
            return TuningQueries(asked.take(rows), np.empty(0, np.int64))
        notes = (f"{count} queries are too few to measure by: rows of X were taken",)
    n = vectors.shape[0]
    # `plan_for` leaves lists that four in five vectors can train.
    rows = rng.choice(n, min(_MOST_QUERIES, max(200, n // 20), n // 5), replace=False)
    return TuningQueries(None, np.sort(rows), notes)


class FullBuild:
    """Builds kinds of index with all vectors, one after the other, and tunes them.

    What costs more than `most` nanoseconds a query is given up.
    """

    def __init__(
        self,
        vectors: NormalizedSource,
        queries: TuningQueries,
        options: BuildOptions,
        most: float = inf,
    ) -> None:
        self._vectors, self._queries, self._options = vectors, queries, options
        self._most = most

    def build(self, spec: str) -> tuple[Any, OperatingCurve]:
        """Train, fill and tune an index; rows that are asked for take no part in the training.

        Nothing in the curve is `chosen` if the index misses the target.
        """
        vectors, options, (given, rows, _) = self._vectors, self._options, self._queries
        index = make_index(spec, vectors.shape[1], options.metric, options.seed)
        with omp_threads(options.threads):
            rest = HeldOutView(vectors, rows)
            train_index(index, rest, spec, options.seed)
            if given is None and isinstance(innermost(index), load_faiss().IndexHNSW):
                return index, self._graph_tuned(index, spec, rest)
            self._fill(index, vectors)
            Q = vectors.take(rows) if given is None else given
            own = rows if given is None else None
            queries = HeldOutQueries(vectors, Q, own, options.metric)
            return index, self._tuned(index, spec, queries)

    def _graph_tuned(self, index: Any, spec: str, rest: HeldOutView) -> OperatingCurve:
        """Tune a graph before the queries are put into it.

        What is in a graph is found through its own links, far more easily than a new query: at
        a recall of 0.98 for rows of the graph, new queries had 0.94. (Lists know no difference.)
        """
        rows = self._queries.rows
        Q = self._vectors.take(rows)
        self._fill(index, rest)
        queries = HeldOutQueries(rest, Q, None, self._options.metric)
        curve = self._tuned(index, spec, queries)
        index.add(Q)
        innermost(index).permute_entries(np.argsort(np.concatenate([rest.rows, rows])))
        return curve

    def _fill(self, index: Any, vectors: Vectors) -> None:
        with self._options.progress.task("index", vectors.shape[0], "vectors") as task:
            for block in vectors.blocks():
                index.add(block.X)
                task.advance(len(block.X))

    def _tuned(self, index: Any, spec: str, queries: HeldOutQueries) -> OperatingCurve:
        tuner = Tuner(index, queries, self._options.batch, self._most)
        with omp_threads(self._options.threads):
            return tuner.curve(spec, tuner.choose(self._options.recall))


# The kinds that "auto" builds.


class Candidate(NamedTuple):
    """A kind of index at a size."""

    spec: str  # FAISS's factory string
    nbytes: int  # the memory that it takes
    # Whether scores are those of the vectors to five digits, whatever the metric.
    precise: bool = True


def candidates(n: int, d: int, metric: Metric, batch: bool) -> list[Candidate]:
    """Return the kinds that are built for n vectors of d dimensions, in the order to try them.

    Bytes: the vectors or their codes; for HNSW `8 M + 4 M / (M - 1) + 12` for links and their
    places; for lists 8 for each id, and the centroids.
    """
    lists, coarse = lists_for(n), _coarse(n, d)
    coded = f"{coarse},PQ{_parts(d)}x4fsr"
    pad, wide = padding(d)
    full, half = 4 * d, 2 * d
    listed = _parts(d) / 2 + 8 + lists * (full + _parts(d) / 2) / max(1, n)
    # Vectors of length 1 lose nothing that counts in half precision, and a query takes a third
    # less.
    unit = metric is Metric.COSINE
    spec = f"{pad}HNSW24,SQfp16" if unit else "HNSW24,Flat"
    graph = Candidate(spec, int(n * ((2 * wide if unit else full) + 208)))
    listing = Candidate(f"{coded},RFlat", int(n * (full + listed)))
    return [
        *((listing, graph) if batch else (graph, listing)),
        Candidate(f"{coded},Refine(SQfp16)", int(n * (half + listed)), False),
        Candidate(f"{coded},Refine(SQ8)", int(n * (d + listed)), False),
        Candidate(f"{pad}SQfp16", n * 2 * wide, False),
        Candidate(f"{pad}SQ8", n * wide, False),
    ]


def lists_spec(n: int, d: int) -> str:
    """Return the factory string for lists of whole vectors."""
    return f"{_coarse(n, d)},Flat"


def _coarse(n: int, d: int) -> str:
    lists = lists_for(n)
    # The centroids are compared by codes first: for one query alone, four times as fast.
    return f"IVF{lists}(PQ{_parts(d)}x4fs,RFlat)" if lists >= _MANY_LISTS else f"IVF{lists}"


def _parts(d: int) -> int:
    """Return into how many parts of two or three dimensions vectors are cut."""
    return next((d // size for size in (2, 3) if d % size == 0), d)


# "auto".


class _Built(NamedTuple):
    index: Any
    curve: OperatingCurve

    @property
    def nanoseconds(self) -> float:
        return 1e3 * self.curve.chosen.microseconds if self.curve.chosen else inf


class _AutoBuild:
    def __init__(self, source: ArraySource | DiskSource, options: BuildOptions) -> None:
        self._source, self._options = source, options
        self._n, self._d = source.shape
        self._kinds = candidates(max(1, self._n), self._d, options.metric, options.batch)
        self._exact_bytes = 4 * self._n * self._d
        self._exact_fits = self._fits(self._exact_bytes)
        self._exact_cost = exact_cost(self._n, self._d, 4 * self._d, options.batch)
        # What costs more than this, in nanoseconds, is not worth an answer missed.
        self._most = self._exact_cost / options.limits.cheaper if self._exact_fits else inf

    def build(self) -> IndexParts:
        why = self._why_exact_at_once()
        if why and self._exact_fits:
            return self._exact_parts(f"{self._n:,} × {self._d}: {why}")
        if self._options.recall == 1 or self._n < _FEWEST:
            raise self._too_little(self._exact_bytes)
        return self._measured()

    def _why_exact_at_once(self) -> str:
        if self._n * self._d <= self._options.limits.exact_numbers:
            return "exact search costs little"
        if self._n < _FEWEST:
            return "there are too few vectors to measure other kinds by"
        return "a recall of 1 is exact search" if self._options.recall == 1 else ""

    def _measured(self) -> IndexParts:
        vectors = NormalizedSource.fit(self._source, self._options.metric)
        queries = _tuning_queries(vectors, self._options)
        best, curves = self._built(FullBuild(vectors, queries, self._options, self._most))
        reasons = self._reasons(curves)
        if best is None or best.curve.chosen is None:
            if not self._exact_fits:
                raise self._too_little(self._least_enough(vectors))
            report = TuningReport(_EXACT, reasons, others=tuple(curves), notes=queries.notes)
            return build_exact(self._source, self._options.metric, report)
        spec, point = best.curve.spec, best.curve.chosen
        others = tuple(curve for curve in curves if curve is not best.curve)
        report = TuningReport(spec, reasons, best.curve, others, queries.notes)
        return _faiss_parts(best.index, vectors, spec, point.parameters, point.recall, report)

    def _built(self, full: FullBuild) -> tuple[_Built | None, list[OperatingCurve]]:
        """Build the kinds that fit and may be much cheaper than those before them.

        Returns the cheapest that reaches the target, if any does, and the curves of all.
        """
        fitting = [kind for kind in self._kinds if self._fits(kind.nbytes)]
        best: _Built | None = None
        curves: list[OperatingCurve] = []
        least = self._most
        for kind in [kind for kind in fitting if kind.precise] or fitting:
            if self._at_best(kind) * (_WORTH_BUILDING if curves else 1) < least:
                built = _Built(*full.build(kind.spec))
                curves.append(built.curve)
                if built.nanoseconds < (best.nanoseconds if best else inf):
                    best = built
                least = min(least, built.nanoseconds)
                del built  # what is not the best would take memory beside the next
        return best, curves

    def _at_best(self, kind: Candidate) -> float:
        index = make_index(kind.spec, self._d, self._options.metric, self._options.seed)
        return expected_cost(index, _AT_BEST, self._options.batch, self._n)

    def _least_enough(self, vectors: NormalizedSource) -> int:
        """Return the memory of the smallest kind that reaches the target among some vectors."""
        rng = np.random.default_rng(self._options.seed)
        size = min(self._n, self._options.limits.sample)
        rows = np.sort(rng.choice(self._n, size, replace=False))
        sample = NormalizedSource.fit(ArraySource(vectors.take(rows)), self._options.metric)
        full = FullBuild(sample, _tuning_queries(sample, self._options), self._options)
        # The same kinds with as many lists as the sample can fill.
        small = candidates(size, self._d, self._options.metric, self._options.batch)
        sizes = [kind.nbytes for kind in self._kinds]
        for nbytes, spec in sorted(zip(sizes, (kind.spec for kind in small), strict=True)):
            if not self._fits(nbytes) and full.build(spec)[1].chosen is not None:
                return min(nbytes, self._exact_bytes)
        return self._exact_bytes

    def _exact_parts(self, reason: str) -> IndexParts:
        return build_exact(self._source, self._options.metric, TuningReport(_EXACT, (reason,)))

    def _fits(self, nbytes: float) -> bool:
        return self._options.memory is None or nbytes <= self._options.memory

    def _too_little(self, needed: float) -> ParameterError:
        allowed = f"{shown_bytes(needed)} or more for a recall of {self._options.recall:g}"
        return ParameterError("memory", allowed, self._options.memory)

    def _reasons(self, curves: list[OperatingCurve]) -> tuple[str, ...]:
        use = "in batches" if self._options.batch else "one at a time"
        exact = f"exact search: {self._exact_cost / 1e3:,.0f} µs a query expected, {use}"
        if not self._exact_fits:
            exact = f"exact search would take {shown_bytes(self._exact_bytes)}"
        return (exact, *(_result(curve, self._options.recall) for curve in curves))


def _result(curve: OperatingCurve, target: float) -> str:
    if curve.chosen is None:
        return f"{curve.spec} does not reach a recall of {target:g}, or costs too much there"
    settings = ", ".join(f"{name} {value:g}" for name, value in curve.chosen.parameters.items())
    return (
        f"{curve.spec}: {curve.chosen.microseconds:,.0f} µs a query expected "
        f"at a recall of {curve.chosen.recall:.3f} ({settings or 'no parameters'})"
    )
