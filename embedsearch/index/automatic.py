"""The index that answers fastest at a recall, found by measuring on the vectors themselves.

Kinds of index are tried on a sample of up to 20,000 vectors, each at the parameters that reach
the target there. The time of a query is expected to grow with the number of vectors to a power,
`t(n) = t(s) · (n / s)^growth`. How fast it really grows depends on the vectors: from 20,000 to
320,000 word vectors, 0.4 to 0.9; for clustered vectors 0.2 to 0.4. So of the kinds that are
quickly built, the most promising is built with all vectors, and what it really does decides
whether a graph, which takes 10 to 20 times as long, is worth a trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import as_bytes
from embedsearch._errors import ParameterError
from embedsearch._messages import shown_bytes
from embedsearch._progress import SilentProgress
from embedsearch.index._space import Space
from embedsearch.index.blocks import ArraySource, as_source
from embedsearch.index.candidates import EXACT, Candidate, candidates
from embedsearch.index.choice import Choice, Curve
from embedsearch.index.heldout import FEWEST_QUERIES
from embedsearch.index.preparation import Prepared
from embedsearch.index.trial import Trial, Tried
from embedsearch.index.whole import Queries, Whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector, Metric
    from embedsearch.index.base import VectorIndex

# So many numbers are compared in about a millisecond.
_LITTLE = 5_000_000
_SAMPLE, _FEWEST = 20_000, 1_000
_SAMPLE_BYTES = 256 << 20
_MOST_QUERIES = 2_000
_SAMPLE_QUERIES = 1_000
# Exact search is given up for nothing less.
_FASTER = 2.0


def build_auto(
    source: ArrayLike | str | Path | ArraySource,
    metric: Metric,
    recall: float = 0.95,
    memory: int | str | None = None,
    ids: IntVector | None = None,
    queries: ArrayLike | None = None,
    threads: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> VectorIndex:
    """Build the index that answers fastest at a recall; see `VectorIndex.build`.

    Raises:
        VectorError: Vectors or queries have the wrong shape, NaN or infinity.
        ParameterError: A setting out of range, or a memory limit that nothing fits.
    """
    source = as_source(source)
    return _Automatic(source, metric, recall, memory, ids, queries, threads, seed, progress).build()


class _Built(NamedTuple):
    index: Any
    curve: Curve
    slow: bool

    @property
    def speed(self) -> float:
        return self.curve.chosen.queries_per_second if self.curve.chosen else 0.0


class _Automatic:
    def __init__(
        self,
        source: ArraySource,
        metric: Metric,
        recall: float,
        memory: int | str | None,
        ids: IntVector | None,
        queries: ArrayLike | None,
        threads: int | None,
        seed: int,
        progress: Progress | None,
    ) -> None:
        self._recall = as_recall(recall)
        self._memory = None if memory is None else as_bytes("memory", memory)
        self._source, self._metric, self._ids = source, metric, ids
        self._threads, self._seed = threads, seed
        self._progress = progress or SilentProgress()
        self._asked = queries
        self._n, self._d = source.shape
        self._kinds = candidates(max(1, self._n), self._d)
        self._exact = next(kind for kind in self._kinds if kind.name == EXACT)

    def build(self) -> VectorIndex:
        little = self._n * self._d <= _LITTLE
        if self._fits(self._exact) and (little or self._recall == 1):
            why = "exact search costs little" if little else "a recall of 1 is exact search"
            return self._flat(f"{self._n:,} × {self._d}: {why}")
        if self._recall == 1 or self._n < _FEWEST:
            raise self._too_little(self._exact.nbytes)
        return self._measured()

    def _measured(self) -> VectorIndex:
        vectors = Prepared(self._source, Space.fitting(self._source, self._metric))
        queries = self._queries(vectors)
        trial = self._trial(vectors, queries)
        tried = self._tried(trial)
        slowest = trial.exact_seconds * trial.times
        whole = Whole(
            vectors, queries, self._recall, self._seed, self._threads, self._progress, slowest
        )
        built, seen = self._best(whole, tried)
        if built is None or not self._much_faster(built, tried):
            if not self._fits(self._exact):
                raise self._too_little(self._exact.nbytes)
            return self._flat(*seen, _why_exact(self._recall), tried=tried)
        reasons = (*_expectations(tried, self._n, self._recall), *seen)
        choice = Choice(built.curve.spec, reasons, built.curve, _curves(tried), queries.notes)
        return self._wrapped(built, vectors.space, choice)

    def _best(self, whole: Whole, tried: list[Tried]) -> tuple[_Built | None, list[str]]:
        """Build what is promising, what is quickly built first; keep the fastest, tell of all."""
        best: _Built | None = None
        seen = []
        exact = max(one.worth if one.candidate is self._exact else 0.0 for one in tried)
        for one in sorted(tried, key=lambda one: (one.candidate.slow, -one.worth)):
            if one.candidate is self._exact or not _worth_it(one, best, exact):
                continue
            built = _Built(*whole.build(one.candidate.spec), one.candidate.slow)
            seen.append(_measured(built.curve))
            if built.speed > (best.speed if best else 0.0):
                best = built
        return best, seen

    def _tried(self, trial: Trial) -> list[Tried]:
        """Try what fits; where none of that reaches the target, say what would."""
        fitting = self._sensible([kind for kind in self._kinds if self._fits(kind)])
        with self._progress.task("trying indexes", len(fitting), "kinds") as task:
            tried = trial.run(fitting, task)
            if any(one.curve.chosen is not None for one in tried):
                return tried
            for kind in sorted(self._kinds, key=lambda kind: kind.nbytes):
                if kind not in fitting and trial.run([kind], task)[0].curve.chosen is not None:
                    raise self._too_little(kind.nbytes)
        return tried

    def _sensible(self, fitting: list[Candidate]) -> list[Candidate]:
        """Leave out what compares compressed vectors in the end, where memory is enough."""
        fast = [kind for kind in fitting if kind.exact and kind is not self._exact]
        return [kind for kind in fitting if kind.exact] if fast else fitting

    def _trial(self, vectors: Prepared, queries: Queries) -> Trial:
        rng = np.random.default_rng(self._seed)
        size = min(_SAMPLE, self._n - len(queries.rows), _SAMPLE_BYTES // (4 * self._d))
        drawn = rng.choice(self._n, min(self._n, size + len(queries.rows)), replace=False)
        rest = drawn[~np.isin(drawn, queries.rows)]
        sample = vectors.take(np.sort(rest[:size]))
        given = queries.given
        asked = rng.permutation(queries.rows)[:_SAMPLE_QUERIES]
        Q = vectors.take(asked) if given is None else given[:_SAMPLE_QUERIES]
        return Trial(
            ArraySource(sample),
            Q,
            self._metric,
            self._n,
            self._recall,
            self._seed,
            self._threads,
        )

    def _queries(self, vectors: Prepared) -> Queries:
        rng = np.random.default_rng([self._seed, 1])
        notes: tuple[str, ...] = ()
        if self._asked is not None:
            asked = Prepared(as_source(self._asked, "queries", self._d), vectors.space)
            count = asked.shape[0]
            if count >= FEWEST_QUERIES:
                rows = rng.choice(count, min(count, _MOST_QUERIES), replace=False)
                return Queries(asked.take(rows), np.empty(0, np.int64), notes)
            notes = (f"{count} queries are too few to measure by: rows of X were taken",)
        many = min(_MOST_QUERIES, max(200, self._n // 20), self._n // 4)
        rows = rng.choice(self._n, max(1, many), replace=False)
        return Queries(None, np.sort(rows), notes)

    def _much_faster(self, built: _Built, tried: list[Tried]) -> bool:
        exact = (one for one in tried if one.candidate is self._exact)
        return all(built.speed >= _FASTER * one.worth for one in exact)

    def _wrapped(self, built: _Built, space: Space, choice: Choice) -> VectorIndex:
        from embedsearch.index.approximate import ApproximateIndex

        chosen = built.curve.points[-1] if built.curve.chosen is None else built.curve.chosen
        return ApproximateIndex(
            built.index,
            space,
            choice.spec,
            parameters=chosen.parameters,
            recall=chosen.recall,
            choice=choice,
            ids=self._ids,
        )

    def _flat(self, *reasons: str, tried: list[Tried] | None = None) -> VectorIndex:
        from embedsearch.index.flat import FlatIndex

        choice = Choice("flat", reasons, samples=_curves(tried or []))
        return FlatIndex.build(self._source, self._metric, ids=self._ids, choice=choice)

    def _fits(self, kind: Candidate) -> bool:
        return self._memory is None or kind.nbytes <= self._memory

    def _too_little(self, needed: float) -> ParameterError:
        allowed = f"{shown_bytes(needed)} or more for a recall of {self._recall:g}"
        return ParameterError("memory", allowed, self._memory)


def as_recall(recall: float) -> float:
    """Check a target.

    Raises:
        ParameterError: Not a number above 0 and at most 1.
    """
    if isinstance(recall, bool) or not isinstance(recall, int | float) or not 0 < recall <= 1:
        raise ParameterError("recall", "a number above 0, at most 1", recall)
    return float(recall)


def _worth_it(one: Tried, best: _Built | None, exact: float) -> bool:
    """Say whether to build a kind, with what was built so far and the speed of exact search."""
    if not one.candidate.slow:
        return best is None and one.worth > exact
    if best is None:
        return one.worth > _FASTER * exact
    return not best.slow and one.worth > max(best.speed, _FASTER * exact)


def _curves(tried: list[Tried]) -> tuple[Curve, ...]:
    return tuple(one.curve for one in tried)


def _expectations(tried: list[Tried], n: int, target: float) -> list[str]:
    sample = next(one.curve.count for one in tried)
    sentences = [f"{len(tried)} kinds were tried on {sample:,} of {n:,} vectors"]
    for one in sorted(tried, key=lambda one: -one.worth):
        expected, spec = one.curve.expected_queries_per_second, one.candidate.spec
        if expected is None:
            sentences.append(f"{spec} does not reach a recall of {target:g} there")
        else:
            sentences.append(f"{spec}: {expected:,.0f} queries a second expected with all")
    return sentences


def _measured(curve: Curve) -> str:
    if curve.chosen is None:
        return f"{curve.spec} does not reach it with all vectors, or too slowly"
    settings = ", ".join(f"{name} {value:g}" for name, value in curve.chosen.parameters.items())
    return (
        f"{curve.spec} with all vectors: {curve.chosen.queries_per_second:,.0f} queries a second "
        f"at a recall of {curve.chosen.recall:.3f} ({settings or 'no parameters'})"
    )


def _why_exact(target: float) -> str:
    return f"nothing else is expected to be twice as fast as exact search at a recall of {target:g}"
