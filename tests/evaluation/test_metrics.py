from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedsearch._errors import ParameterError
from embedsearch.evaluation.metrics import METRICS, measure_run, parse_metrics

Qrels = dict[str, dict[str, int]]
Run = dict[str, list[tuple[str, float]]]

_ALL = (*METRICS, "ndcg", "ndcg@3", "map@5", "mrr@2", "recall@1", "precision@3")
_DOCUMENTS = [f"d{number}" for number in range(12)]


def by_formula(name: str, grades: dict[str, int], ranking: list[str]) -> float:
    """The definitions of the module's docstring, written out."""
    kind, _, cut = name.partition("@")
    cutoff = int(cut) if cut else 10**6
    relevant = sum(grade > 0 for grade in grades.values())
    gains = [max(grades.get(document, 0), 0) for document in ranking][:cutoff]
    best = sorted((max(grade, 0) for grade in grades.values()), reverse=True)[:cutoff]
    places = [rank for rank, gain in enumerate(gains, 1) if gain]
    if not places:
        return 0.0
    if kind == "ndcg":
        sums = [sum(g / math.log2(i + 1) for i, g in enumerate(x, 1)) for x in (gains, best)]
        return sums[0] / sums[1]
    precisions = [found / rank for found, rank in enumerate(places, 1)]
    return {
        "map": sum(precisions) / relevant,
        "mrr": 1 / places[0],
        "recall": len(places) / relevant,
        "precision": len(places) / cutoff,
    }[kind]


@settings(max_examples=100, deadline=None)
@given(
    grades=st.dictionaries(st.sampled_from(_DOCUMENTS), st.integers(-2, 4), min_size=1),
    ranking=st.permutations(_DOCUMENTS).flatmap(
        lambda ids: st.integers(0, len(ids)).map(lambda n: ids[:n])
    ),
)
def test_the_values_follow_the_formulas(grades: dict[str, int], ranking: list[str]) -> None:
    run = {"q": [(document, 0.5) for document in ranking]}
    values = measure_run(run, {"q": grades}, parse_metrics(_ALL))
    expected = [by_formula(name, grades, ranking) for name in _ALL]
    np.testing.assert_allclose(values, [expected], atol=1e-12)


@pytest.fixture
def searched() -> tuple[Qrels, Run]:
    """15 queries with graded judgements, and rankings of up to 150 of 300 documents."""
    rng = np.random.default_rng(5)
    qrels: Qrels = {}
    run: Run = {}
    for number in range(15):
        judged = rng.choice(300, rng.integers(1, 30), replace=False)
        qrels[f"q{number}"] = {f"d{n}": int(rng.integers(0, 4)) for n in judged}
        qrels[f"q{number}"]["d-1"] = 1
        found = rng.choice(300, rng.integers(1, 150), replace=False)
        run[f"q{number}"] = [(f"d{n}", float(-rank)) for rank, n in enumerate(found)]
    return qrels, run


_RANX = """
import json, sys, ranx
given = json.load(sys.stdin)
run = {query: dict(ranking) for query, ranking in given["run"].items()}
qrels = ranx.Qrels(given["qrels"])
print(json.dumps(ranx.evaluate(qrels, ranx.Run(run), given["metrics"])))
"""


def test_the_means_are_those_of_ranx(searched: tuple[Qrels, Run]) -> None:
    qrels, run = searched
    # Its functions take half a minute to compile, and a few queries do not need that.
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    given = json.dumps({"qrels": qrels, "run": run, "metrics": METRICS})
    command = [sys.executable, "-c", _RANX]
    told = subprocess.run(
        command, input=given, env=environment, capture_output=True, text=True, check=True
    )
    means = measure_run(run, qrels, parse_metrics(METRICS)).mean(axis=0)
    expected = json.loads(told.stdout)
    assert dict(zip(METRICS, means)) == pytest.approx(expected, abs=1e-12)
    assert 0.01 < min(means) < max(means) < 0.99


def test_the_values_are_those_of_trec_eval(searched: tuple[Qrels, Run]) -> None:
    qrels, run = searched
    for query in ("q0", "q1"):
        qrels[query]["d-2"] = -1
        del run[query][3:]
    scores = {query: dict(ranking) for query, ranking in run.items()}
    names = [name for name in _ALL if name != "mrr@2"]
    kinds = {"ndcg": "nDCG", "map": "AP", "mrr": "RR", "recall": "R", "precision": "P"}
    theirs = [
        ir_measures.parse_measure(kinds[kind] + cut)
        for kind, cut in (
            (name.partition("@")[0], "".join(name.partition("@")[1:])) for name in names
        )
    ]
    found = ir_measures.pytrec_eval.iter_calc(theirs, qrels, scores)
    expected = {(one.query_id, str(one.measure)): one.value for one in found}
    values = measure_run(run, qrels, parse_metrics(names))
    for query, row in zip(qrels, values, strict=True):
        told = [expected[query, str(measure)] for measure in theirs]
        np.testing.assert_allclose(row, told, atol=1e-9)


def test_the_order_counts_and_not_the_scores_or_ids(searched: tuple[Qrels, Run]) -> None:
    qrels, run = searched
    tied = {query: [(document, 1.0) for document, _ in ranking] for query, ranking in run.items()}
    rising = {query: [(d, -score) for d, score in ranking] for query, ranking in run.items()}
    measures = parse_metrics(METRICS)
    expected = measure_run(run, qrels, measures)
    np.testing.assert_array_equal(measure_run(tied, qrels, measures), expected)
    np.testing.assert_array_equal(measure_run(rising, qrels, measures), expected)


def test_ids_that_c_would_cut_short_are_kept_apart() -> None:
    run = {"q\0a": [("d\0a", 2.0), ("d\0b", 1.0)], "q\0b": [("\ud800", 1.0)]}
    qrels = {"q\0a": {"d\0b": 1}, "q\0b": {"\ud800": 1}}
    np.testing.assert_array_equal(measure_run(run, qrels, parse_metrics(["mrr"])), [[0.5], [1]])


def test_queries_without_an_answer_or_a_relevant_document_score_0() -> None:
    qrels = {"a": {"d": 1}, "b": {"d": 1}, "c": {"d": 0}, "e": {"d": 1}, "f": {}}
    run = {"b": [], "c": [("d", 1.0)], "e": [("d", 1.0)], "f": [("d", 1.0)], "other": [("d", 1.0)]}
    values = measure_run(run, qrels, parse_metrics(METRICS))
    np.testing.assert_array_equal(values, np.outer([0, 0, 0, 1, 0], [1, 1, 1, 1, 1, 0.1]))


def test_names_are_understood_in_other_spellings() -> None:
    names = ["nDCG@10", " MAP ", "ap", "RR", "R@5", "P@7", "recall@5"]
    found = [str(measure) for measure in parse_metrics(names)]
    assert found == ["ndcg@10", "map", "mrr", "recall@5", "precision@7"]
    assert [str(measure) for measure in parse_metrics("ndcg@3")] == ["ndcg@3"]


@pytest.mark.parametrize(
    "name", ["", "accuracy", "ndcg@0", "ndcg@", "recall", "precision", "map@x", "ndcg@9999999"]
)
def test_an_unknown_measure_is_an_error_that_names_those_there_are(name: str) -> None:
    with pytest.raises(ParameterError, match=r"ndcg, map or mrr .* recall@k or precision@k"):
        parse_metrics(["map", name])


def test_something_must_be_measured() -> None:
    with pytest.raises(ParameterError, match="one measure or more"):
        parse_metrics([])
