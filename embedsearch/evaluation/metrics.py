"""Measures of a ranking, as trec_eval computes them.

The names are those of the field: with `r_i` the grade of the document at rank `i` (0 if it is
not relevant), `R` the number of relevant documents and `[...]` 1 or 0,

- `ndcg@k`: the sum of `r_i / log2(i + 1)` over the first `k`, divided by the same of the best
  possible order (Järvelin and Kekäläinen 2002);
- `map`: the sum of precision at each rank with a relevant document, divided by `R`;
- `mrr`: 1 divided by the rank of the first relevant document;
- `recall@k` and `precision@k`: the relevant documents among the first `k`, divided by `R`, or
  by `k`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from embedsearch.evaluation.trec_runs import Ranking, Run

METRICS = ("ndcg@10", "map", "mrr", "recall@10", "recall@100", "precision@10")
"""What is measured by default."""

_ALIASES = {"p": "precision", "r": "recall", "ap": "map", "rr": "mrr"}
_CUT_ALWAYS = ("recall", "precision")
_NAME = re.compile(r"(ndcg|map|ap|mrr|rr|recall|r|precision|p)(?:@([1-9][0-9]{0,5}))?")


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure."""

    kind: str  # "ndcg", "map", "mrr", "recall" or "precision"
    cutoff: int | None = None  # how many documents of a ranking count; None is all of them

    def __str__(self) -> str:
        """Return its name, such as `ndcg@10`."""
        return self.kind if self.cutoff is None else f"{self.kind}@{self.cutoff}"

    def of(self, ranked: NDArray[np.int64], judged: NDArray[np.int64]) -> float:
        """Measure one ranking, from 0 to 1; 0 if no document is relevant.

        `ranked` are the grades of its documents in order, `judged` those of all judged documents;
        none is below 0.
        """
        ranked = ranked[: self.cutoff]
        ranks = np.flatnonzero(ranked) + 1
        if not len(ranks):
            return 0.0
        if self.kind == "ndcg":
            best = np.sort(judged)[::-1][: self.cutoff]
            return _discounted_gain(ranked) / _discounted_gain(best)
        if self.kind == "map":
            precisions = np.arange(1, len(ranks) + 1) / ranks
            return float(precisions.sum() / np.count_nonzero(judged))
        if self.kind == "mrr":
            return float(1 / ranks[0])
        total = self.cutoff if self.kind == "precision" else np.count_nonzero(judged)
        return len(ranks) / int(total or 1)


def parse_metrics(names: Sequence[str]) -> tuple[Measure, ...]:
    """Turn names into measures, each once.

    Args:
        names: `ndcg`, `map` or `mrr`, each with `@k` or without; `recall@k` or `precision@k`.
            `ap`, `rr`, `r@k` and `p@k` are understood too, and capitals.

    Raises:
        ParameterError: There is no such measure, or none was named.
    """
    names = [names] if isinstance(names, str) else names
    if not names:
        raise ParameterError("metrics", "one measure or more", names)
    return tuple(dict.fromkeys(_parse(name) for name in names))


def measure_run(
    run: Run, qrels: Mapping[str, Mapping[str, int]], measures: Sequence[Measure]
) -> NDArray[np.float64]:
    """Measure each query of a run: `(queries, measures)`, in the order of `qrels`.

    The order of a ranking counts, not its scores. A query that is missing or has an empty ranking
    scores 0; one that is not judged is ignored. Grades below 0 count as 0.
    """
    values = np.zeros((len(qrels), len(measures)))
    for row, (query, judgements) in enumerate(qrels.items()):
        ranked, judged = _grades(run.get(query) or (), judgements)
        values[row] = [measure.of(ranked, judged) for measure in measures]
    return values


def _parse(name: str) -> Measure:
    match = _NAME.fullmatch(str(name).strip().lower())
    kind = _ALIASES.get(match[1], match[1]) if match else None
    if match is None or kind is None or (kind in _CUT_ALWAYS and not match[2]):
        allowed = (
            "ndcg, map or mrr (with @k or without), recall@k or precision@k, k below 1,000,000"
        )
        raise ParameterError("metrics", allowed, name)
    return Measure(kind, int(match[2]) if match[2] else None)


def _grades(
    ranking: Ranking, judgements: Mapping[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    ranked = [judgements.get(document, 0) for document, _ in ranking]
    judged = list(judgements.values())
    return np.maximum(np.array(ranked, np.int64), 0), np.maximum(np.array(judged, np.int64), 0)


def _discounted_gain(grades: NDArray[np.int64]) -> float:
    return float((grades / np.log2(np.arange(2, len(grades) + 2))).sum())
