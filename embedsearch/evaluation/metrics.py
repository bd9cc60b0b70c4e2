"""Measures of a ranking, computed by trec_eval's own code through ir-measures.

The names are those of the field: with `r_i` the grade of the document at rank `i` (0 where it is
not relevant), `R` the number of relevant documents and `[...]` 1 or 0,

- `ndcg@k`: the sum of `r_i / log2(i + 1)` over the first `k`, divided by the same of the best
  order there is (Järvelin and Kekäläinen 2002);
- `map`: the sum of precision at each rank where a relevant document stands, divided by `R`;
- `mrr`: 1 divided by the rank of the first relevant document;
- `recall@k` and `precision@k`: the relevant documents among the first `k`, divided by `R`, or
  by `k`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from embedsearch.evaluation.trec_run import Ranking, Run

METRICS = ("ndcg@10", "map", "mrr", "recall@10", "recall@100", "precision@10")
"""What is measured where nothing else is asked for."""

_ALIASES = {"p": "precision", "r": "recall", "ap": "map", "rr": "mrr"}
_CUT_ALWAYS = ("recall", "precision")
_NAME = re.compile(r"(ndcg|map|ap|mrr|rr|recall|r|precision|p)(?:@([1-9][0-9]{0,5}))?")


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure.

    Attributes:
        kind: "ndcg", "map", "mrr", "recall" or "precision".
        cutoff: How many documents of a ranking count; None is all of them.
    """

    kind: str
    cutoff: int | None = None

    def __str__(self) -> str:
        """Return its name, such as `ndcg@10`."""
        return self.kind if self.cutoff is None else f"{self.kind}@{self.cutoff}"


def parse_metrics(names: Sequence[str]) -> tuple[Measure, ...]:
    """Turn names into measures, without those that stand twice.

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


def _parse(name: str) -> Measure:
    match = _NAME.fullmatch(str(name).strip().lower())
    kind = _ALIASES.get(match[1], match[1]) if match else None
    if match is None or kind is None or (kind in _CUT_ALWAYS and not match[2]):
        allowed = (
            "ndcg, map or mrr (with @k or without), recall@k or precision@k, k below 1,000,000"
        )
        raise ParameterError("metrics", allowed, name)
    return Measure(kind, int(match[2]) if match[2] else None)


def measure_run(
    run: Run, qrels: Mapping[str, Mapping[str, int]], measures: Sequence[Measure]
) -> NDArray[np.float64]:
    """Measure each query of a run.

    Args:
        run: The rankings. Their order counts, not their scores. A query that is missing, or has
            an empty ranking, scores 0; one that is not judged is passed over.
        qrels: The grade by query and document; grades below 0 count as 0.
        measures: What to measure.

    Returns:
        The values, `(number of queries, number of measures)`, in the order of `qrels`.
    """
    from ir_measures import pytrec_eval

    queries = list(qrels)
    grades: dict[str, dict[str, int]] = {}
    scores: dict[str, dict[str, float]] = {}
    for row, query in enumerate(queries):
        if run.get(query) and qrels[query]:
            grades[str(row)], scores[str(row)] = _renamed(qrels[query], run[query])
    columns = [_as_ir_measure(measure) for measure in measures]
    found = {column: np.zeros(len(queries)) for column in columns}
    if grades:
        for result in pytrec_eval.evaluator(list(found), grades).iter_calc(scores):
            found[result.measure][int(result.query_id)] = result.value
    values = [_cut(found[column], of) for column, of in zip(columns, measures, strict=True)]
    return np.stack(values, axis=1)


def _renamed(
    judged: Mapping[str, int], ranking: Ranking
) -> tuple[dict[str, int], dict[str, float]]:
    """Return grades and scores of one query, as trec_eval cannot misunderstand them.

    It takes an id as a C string, which ends at a zero byte; so documents get numbers. It reads
    scores as float32 and orders equal ones by id; so the last score is 1, and each before it is
    1 more.
    """
    numbers = {document: str(number) for number, document in enumerate(judged)}
    grades = {numbers[document]: max(int(grade), 0) for document, grade in judged.items()}
    last = len(ranking)
    scores = {
        numbers.get(document, f"-{rank}"): float(last - rank)
        for rank, (document, _) in enumerate(ranking)
    }
    return grades, scores


def _as_ir_measure(measure: Measure) -> Any:
    import ir_measures

    kinds = {"ndcg": "nDCG", "map": "AP", "mrr": "RR", "recall": "R", "precision": "P"}
    made = getattr(ir_measures, kinds[measure.kind])
    return made if measure.cutoff is None or measure.kind == "mrr" else made @ measure.cutoff


def _cut(values: NDArray[np.float64], measure: Measure) -> NDArray[np.float64]:
    if measure.kind != "mrr" or measure.cutoff is None:
        return values
    # trec_eval has no cut for it, but its value tells the rank.
    return np.where(np.rint(1 / np.maximum(values, 1e-9)) <= measure.cutoff, values, 0)
