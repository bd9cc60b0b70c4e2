"""From vectors to the parts of an index: one kind, or the one that answers fastest at a recall.

"auto" tries kinds of index on a sample of up to 20,000 vectors, each at the parameters that reach
the target there. The time of a query is expected to grow with the number of vectors to a power,
`t(n) = t(s) · (n / s)^growth`. How fast it really grows depends on the vectors: from 20,000 to
320,000 word vectors, 0.4 to 0.9; for clustered vectors 0.2 to 0.4. So of the kinds that are
quickly built, the most promising is built with all vectors, and what it really does decides
whether a graph, which takes 10 to 20 times as long, is worth a trial.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import COUNT, Optional, check
from embedsearch._errors import ParameterError
from embedsearch._messages import shown_bytes
from embedsearch.index.exact import build_exact
from embedsearch.index.faiss_engine import FaissEngine
from embedsearch.index.faiss_tools import load_faiss, reason
from embedsearch.index.settings import RECALL, Plan, lists_for, make_index, plan_for, train_index
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
    OperatingPoint,
    Tuner,
    TuningReport,
)
from embedsearch.vectors.arrays import as_matrix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from embedsearch._progress import Progress, Task
    from embedsearch._types import FloatMatrix, IntVector, Metric
    from embedsearch.index.sources import Vectors

# A kind that was asked for is not measured with fewer vectors: a recall would say little, and
# everything is fast.
_FEWEST_MEASURED = 500
_FEWEST_ASKED, _MOST_ASKED = 100, 1000

# With fewer vectors, "auto" has too little to sample.
_FEWEST = 1_000
_SAMPLE_BYTES = 256 << 20
_MOST_QUERIES, _SAMPLE_QUERIES = 2_000, 1_000
# Times are the best of so many, taken by turns, as other processes disturb them.
_ROUNDS = 3
# Alone, a query is slow for exact search, which batches do not show.
_GENEROUS = 1.5

# From so many lists on, comparing a query with all centroids costs more than with their codes.
_MANY_LISTS = 700
_EXACT = "flat"


@dataclass(frozen=True, slots=True)
class AutoLimits:
    """When "auto" measures, and what for."""

    # Up to so many numbers (n · d) search is exact: a query takes about 1 ms.
    exact_numbers: int = 5_000_000
    sample: int = 20_000  # how many vectors kinds are tried on
    faster: float = 2.0  # exact search is given up only for what is so many times as fast


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """What kind of index to build and how; see `VectorIndex.build`."""

    metric: Metric
    spec: str
    recall: float
    memory: int | None
    threads: int | None
    seed: int
    progress: Progress
    queries: ArrayLike | None = None
    limits: AutoLimits = AutoLimits()

    def __post_init__(self) -> None:
        check("recall", self.recall, RECALL)
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
    curve = None
    try:
        if vectors.shape[0] < _FEWEST_MEASURED:
            with omp_threads(1):
                index = _build_index(vectors, plan.spec, options)
        else:
            queries = _asked_queries(vectors, options)
            index, curve = FullBuild(vectors, queries, options).build(plan.spec)
    except RuntimeError as error:
        allowed = f"one that FAISS can fill ({reason(error)})"
        raise ParameterError("spec", allowed, plan.spec) from error
    if curve is None:
        report = TuningReport(plan.spec, notes=plan.notes) if plan.notes else None
        return _faiss_parts(index, vectors, plan.spec, plan.parameters, report=report)
    point, notes = curve.best, plan.notes
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


def _asked_queries(vectors: NormalizedSource, options: BuildOptions) -> TuningQueries:
    """Draw what a kind that was asked for is measured with."""
    if options.queries is None:
        return TuningQueries(None, _draw_rows(vectors.shape[0], options.seed))
    source = ArraySource(options.queries, "queries")
    given = NormalizedSource(source, vectors.preprocessing)
    rows = _draw_rows(given.shape[0], options.seed)
    return TuningQueries(given.take(rows), np.empty(0, np.int64))


def _draw_rows(count: int, seed: int) -> IntVector:
    many = min(count, max(_FEWEST_ASKED, min(_MOST_ASKED, count // 20)))
    return np.sort(np.random.default_rng([seed, 1]).choice(count, many, replace=False))


class FullBuild:
    """Builds kinds of index with all vectors, one after the other, and tunes them.

    Of the options the threads are for building; queries are asked with one.
    """

    def __init__(
        self,
        vectors: NormalizedSource,
        queries: TuningQueries,
        options: BuildOptions,
        slowest: float = inf,
    ) -> None:
        self._vectors, self._queries, self._options = vectors, queries, options
        self._slowest = slowest

    def build(self, spec: str) -> tuple[Any, OperatingCurve]:
        """Train, fill and tune an index; rows that are asked for take no part in the training.

        Nothing in the curve is `chosen` if the index misses the target.
        """
        vectors, options, (given, rows, _) = self._vectors, self._options, self._queries
        index = make_index(spec, vectors.shape[1], options.metric, options.seed)
        with omp_threads(options.threads):
            rest = HeldOutView(vectors, rows)
            train_index(index, rest, spec, options.seed)
            if given is None and isinstance(index, load_faiss().IndexHNSW):
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
        index.permute_entries(np.argsort(np.concatenate([rest.rows, rows])))
        return curve

    def _fill(self, index: Any, vectors: Vectors) -> None:
        with self._options.progress.task("index", vectors.shape[0], "vectors") as task:
            for block in vectors.blocks():
                index.add(block.X)
                task.advance(len(block.X))

    def _tuned(self, index: Any, spec: str, queries: HeldOutQueries) -> OperatingCurve:
        tuner = Tuner(index, queries, self._slowest)
        with omp_threads(1):
            return tuner.curve(spec, tuner.choose(self._options.recall))


# The kinds that "auto" tries, first on a sample.


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kind of index at a size."""

    name: str  # "hnsw16", "ivf" and so on; the same at every size
    spec: str  # FAISS's factory string at this size
    nbytes: float  # the memory that it takes
    growth: float  # the time of a query grows with the number of vectors to this power
    # How many times faster than others it must be, as it takes so much longer to build.
    handicap: float = 1.0
    exact: bool = True  # whether it compares vectors as they are, in the end

    @property
    def slow(self) -> bool:
        """Whether it takes long to build."""
        return self.handicap > 1


def candidates(n: int, d: int) -> list[Candidate]:
    """Return the kinds that are tried, for n vectors of d dimensions.

    Bytes: the vectors or their codes; for HNSW `8 M + 4 M / (M - 1) + 12` for links and their
    places; for lists 8 for each id, and the centroids.
    """
    lists, coarse, fast = lists_for(n), _coarse(n, d), f"PQ{_parts(d)}x4fsr"
    full, half, codes = 4 * d, 2 * d, _parts(d) / 2
    listed = 8 + lists * (full + codes) / max(1, n)
    tried = [
        Candidate(_EXACT, "Flat", full, 1.0),
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
    """Return the factory string for lists of whole vectors."""
    return f"{_coarse(n, d)},Flat"


def _coarse(n: int, d: int) -> str:
    lists = lists_for(n)
    # The centroids are compared by codes first: for one query alone, four times as fast.
    return f"IVF{lists}(PQ{_parts(d)}x4fs,RFlat)" if lists >= _MANY_LISTS else f"IVF{lists}"


def _parts(d: int) -> int:
    """Return into how many parts of two or three dimensions vectors are cut."""
    return next((d // size for size in (2, 3) if d % size == 0), d)


class PilotResult(NamedTuple):
    """A kind of index, at the size of all vectors, and what it did on the sample."""

    candidate: Candidate
    curve: OperatingCurve

    @property
    def worth(self) -> float:
        """The expected queries a second, less what a long building time takes off."""
        return (self.curve.expected_queries_per_second or 0.0) / self.candidate.handicap


class PilotRun:
    """Kinds of index on a sample, and queries that are not in it.

    Of the options the threads are for building; queries are asked with one.
    """

    def __init__(
        self, sample: ArraySource, Q: FloatMatrix, total: int, options: BuildOptions
    ) -> None:
        self._sample, self._options = sample, options
        self.times = total / sample.shape[0]
        # Of a query in a batch, or a little more; known once exact search was tried.
        self.exact_seconds = inf
        with omp_threads(options.threads):
            self._queries = HeldOutQueries(sample, Q, None, options.metric)

    def run(self, kinds: Iterable[Candidate], task: Task) -> list[PilotResult]:
        """Build and tune each kind on the sample; the speeds are taken by turns at the end."""
        tuned = []
        curves = {}
        for kind in kinds:
            spec = self._small_spec(kind)
            with omp_threads(self._options.threads):
                index = _build_index(self._sample, spec, self._options)
            tuner = Tuner(index, self._queries, self._slowest(kind))
            with omp_threads(1):
                parameters = tuner.choose(self._options.recall)
                curves[kind.name] = tuner.curve(spec, parameters)
            if parameters is not None:
                tuned.append((kind, tuner, parameters))
            if kind.name == _EXACT:
                self.exact_seconds = _GENEROUS * tuner.batch_seconds
            task.advance(1)
        best = self._fastest(tuned)
        return [
            PilotResult(kind, self._extrapolated(kind, curves[kind.name], best.get(kind.name)))
            for kind in kinds
        ]

    def _slowest(self, kind: Candidate) -> float:
        """Return the time of a query at which exact search is expected to be faster with all."""
        if kind.name == _EXACT:
            return inf
        seconds: float = self.exact_seconds * self.times ** (1 - kind.growth)
        return seconds

    def _small_spec(self, kind: Candidate) -> str:
        """Return the factory string of a kind for as many vectors as the sample has."""
        small = candidates(*self._sample.shape)
        return next(candidate.spec for candidate in small if candidate.name == kind.name)

    def _fastest(
        self, tuned: list[tuple[Candidate, Tuner, dict[str, float]]]
    ) -> dict[str, OperatingPoint]:
        best: dict[str, OperatingPoint] = {}
        speed = attrgetter("queries_per_second")
        with omp_threads(1):
            for _ in range(_ROUNDS):
                for kind, tuner, parameters in tuned:
                    point = tuner.point(parameters)
                    best[kind.name] = max(point, best.get(kind.name, point), key=speed)
        return best

    def _extrapolated(
        self, kind: Candidate, curve: OperatingCurve, point: OperatingPoint | None
    ) -> OperatingCurve:
        """Expect the time of a query to grow with the number of vectors to a power."""
        expected = None
        if point is not None:
            expected = point.queries_per_second / self.times**kind.growth
        return replace(
            curve, chosen=point, expected_queries_per_second=expected, nbytes=int(kind.nbytes)
        )


# "auto".


class _Built(NamedTuple):
    index: Any
    curve: OperatingCurve
    slow: bool

    @property
    def speed(self) -> float:
        return self.curve.chosen.queries_per_second if self.curve.chosen else 0.0


class _AutoBuild:
    def __init__(self, source: ArraySource | DiskSource, options: BuildOptions) -> None:
        self._source, self._options = source, options
        self._n, self._d = source.shape
        self._kinds = candidates(max(1, self._n), self._d)
        self._exact = next(kind for kind in self._kinds if kind.name == _EXACT)

    def build(self) -> IndexParts:
        why = self._why_exact_at_once()
        if why and self._fits(self._exact):
            return self._exact_parts(f"{self._n:,} × {self._d}: {why}")
        if self._options.recall == 1 or self._n < _FEWEST:
            raise self._too_little(self._exact.nbytes)
        return self._measured()

    def _why_exact_at_once(self) -> str:
        if self._n * self._d <= self._options.limits.exact_numbers:
            return "exact search costs little"
        if self._n < _FEWEST:
            return "there are too few vectors to measure other kinds by"
        return "a recall of 1 is exact search" if self._options.recall == 1 else ""

    def _measured(self) -> IndexParts:
        vectors = NormalizedSource.fit(self._source, self._options.metric)
        queries = self._queries(vectors)
        pilot = self._pilot(vectors, queries)
        tried = self._run_pilot(pilot)
        slowest = pilot.exact_seconds * pilot.times
        built, seen = self._best(FullBuild(vectors, queries, self._options, slowest), tried)
        target = self._options.recall
        if built is None or not self._is_much_faster(built, tried):
            if not self._fits(self._exact):
                raise self._too_little(self._exact.nbytes)
            why = "nothing else is expected to be twice as fast as exact search at a recall of"
            return self._exact_parts(*seen, f"{why} {target:g}", tried=tried)
        reasons = (*_expectations(tried, self._n, target), *seen)
        spec, point = built.curve.spec, built.curve.chosen or built.curve.points[-1]
        curves = tuple(one.curve for one in tried)
        report = TuningReport(spec, reasons, built.curve, curves, queries.notes)
        return _faiss_parts(built.index, vectors, spec, point.parameters, point.recall, report)

    def _best(self, full: FullBuild, tried: list[PilotResult]) -> tuple[_Built | None, list[str]]:
        """Build what is promising, what is quickly built first; return the fastest, and notes."""
        best: _Built | None = None
        seen = []
        exact = max(one.worth if one.candidate is self._exact else 0.0 for one in tried)
        for one in sorted(tried, key=lambda one: (one.candidate.slow, -one.worth)):
            if one.candidate is self._exact or not self._is_worth_it(one, best, exact):
                continue
            built = _Built(*full.build(one.candidate.spec), one.candidate.slow)
            seen.append(_full_result(built.curve))
            if built.speed > (best.speed if best else 0.0):
                best = built
        return best, seen

    def _is_worth_it(self, one: PilotResult, best: _Built | None, exact: float) -> bool:
        """Whether to build a kind, with what was built so far and the speed of exact search."""
        faster = self._options.limits.faster
        if not one.candidate.slow:
            return best is None and one.worth > exact
        if best is None:
            return one.worth > faster * exact
        return not best.slow and one.worth > max(best.speed, faster * exact)

    def _is_much_faster(self, built: _Built, tried: list[PilotResult]) -> bool:
        exact = (one for one in tried if one.candidate is self._exact)
        return all(built.speed >= self._options.limits.faster * one.worth for one in exact)

    def _run_pilot(self, pilot: PilotRun) -> list[PilotResult]:
        """Try what fits; if none of that reaches the target, say what would."""
        fitting = self._sensible([kind for kind in self._kinds if self._fits(kind)])
        with self._options.progress.task("trying indexes", len(fitting), "kinds") as task:
            tried = pilot.run(fitting, task)
            if any(one.curve.chosen is not None for one in tried):
                return tried
            for kind in sorted(self._kinds, key=lambda kind: kind.nbytes):
                if kind not in fitting and pilot.run([kind], task)[0].curve.chosen is not None:
                    raise self._too_little(kind.nbytes)
        return tried

    def _sensible(self, fitting: list[Candidate]) -> list[Candidate]:
        """Leave out what compares compressed vectors in the end, if memory is enough."""
        fast = [kind for kind in fitting if kind.exact and kind is not self._exact]
        return [kind for kind in fitting if kind.exact] if fast else fitting

    def _pilot(self, vectors: NormalizedSource, queries: TuningQueries) -> PilotRun:
        rng = np.random.default_rng(self._options.seed)
        most = self._options.limits.sample
        size = min(most, self._n - len(queries.rows), _SAMPLE_BYTES // (4 * self._d))
        drawn = rng.choice(self._n, min(self._n, size + len(queries.rows)), replace=False)
        rest = drawn[~np.isin(drawn, queries.rows)]
        sample = vectors.take(np.sort(rest[:size]))
        given = queries.given
        asked = rng.permutation(queries.rows)[:_SAMPLE_QUERIES]
        Q = vectors.take(asked) if given is None else given[:_SAMPLE_QUERIES]
        return PilotRun(ArraySource(sample), Q, self._n, self._options)

    def _queries(self, vectors: NormalizedSource) -> TuningQueries:
        rng = np.random.default_rng([self._options.seed, 1])
        notes: tuple[str, ...] = ()
        if self._options.queries is not None:
            source = ArraySource(self._options.queries, "queries")
            asked = NormalizedSource(source, vectors.preprocessing)
            count = asked.shape[0]
            if count >= FEWEST_QUERIES:
                rows = rng.choice(count, min(count, _MOST_QUERIES), replace=False)
                return TuningQueries(asked.take(rows), np.empty(0, np.int64), notes)
            notes = (f"{count} queries are too few to measure by: rows of X were taken",)
        many = min(_MOST_QUERIES, max(200, self._n // 20), self._n // 4)
        rows = rng.choice(self._n, max(1, many), replace=False)
        return TuningQueries(None, np.sort(rows), notes)

    def _exact_parts(self, *reasons: str, tried: Iterable[PilotResult] = ()) -> IndexParts:
        report = TuningReport(_EXACT, reasons, samples=tuple(one.curve for one in tried))
        return build_exact(self._source, self._options.metric, report)

    def _fits(self, kind: Candidate) -> bool:
        return self._options.memory is None or kind.nbytes <= self._options.memory

    def _too_little(self, needed: float) -> ParameterError:
        allowed = f"{shown_bytes(needed)} or more for a recall of {self._options.recall:g}"
        return ParameterError("memory", allowed, self._options.memory)


def _expectations(tried: list[PilotResult], n: int, target: float) -> list[str]:
    sample = next(one.curve.count for one in tried)
    sentences = [f"{len(tried)} kinds were tried on {sample:,} of {n:,} vectors"]
    for one in sorted(tried, key=lambda one: -one.worth):
        expected, spec = one.curve.expected_queries_per_second, one.candidate.spec
        if expected is None:
            sentences.append(f"{spec} does not reach a recall of {target:g} there")
        else:
            sentences.append(f"{spec}: {expected:,.0f} queries a second expected with all")
    return sentences


def _full_result(curve: OperatingCurve) -> str:
    if curve.chosen is None:
        return f"{curve.spec} does not reach it with all vectors, or too slowly"
    settings = ", ".join(f"{name} {value:g}" for name, value in curve.chosen.parameters.items())
    return (
        f"{curve.spec} with all vectors: {curve.chosen.queries_per_second:,.0f} queries a second "
        f"at a recall of {curve.chosen.recall:.3f} ({settings or 'no parameters'})"
    )
