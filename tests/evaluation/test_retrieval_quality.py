"""Retrieval: measures, how sure they are, and reports, against formulas and other programs."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.metrics import ndcg_score

from embedsearch._errors import InputError, ParameterError
from embedsearch._progress import SilentProgress
from embedsearch.evaluation.collections import Collection, read_run, write_run
from embedsearch.evaluation.retrieval_quality import (
    METRICS,
    bootstrap_interval,
    holm,
    measure_run,
    parse_metrics,
    permutation_p_values,
    retrieval,
)

TEXTS = {f"d{number}": f"text {number}" for number in range(60)}


class Noisy:
    """A search of made-up documents: text n answers query n, more or less.

    Args:
        noise: How much the scores are blurred.
        silent: Queries that are not answered.
    """

    def __init__(self, noise: float, silent: Sequence[int] = ()) -> None:
        self._noise, self._silent = noise, silent
        self.asked: list[tuple[list[str], int]] = []

    def scores(self, number: int) -> np.ndarray:
        rng = np.random.default_rng([number, int(100 * self._noise)])
        return -np.abs(np.arange(len(TEXTS)) - number) + rng.normal(0, self._noise, len(TEXTS))

    def __call__(self, queries: Sequence[str], topn: int) -> list[list[tuple[str, float]]]:
        self.asked.append((list(queries), topn))
        return [self._ranking(int(query.split()[1]), topn) for query in queries]

    def _ranking(self, number: int, topn: int) -> list[tuple[str, float]]:
        scores = self.scores(number)
        order = np.argsort(-scores)[: 0 if number in self._silent else topn]
        return [(f"d{document}", float(scores[document])) for document in order]


@pytest.fixture(scope="module")
def collection() -> Collection:
    """40 queries; for query n, text n is very relevant and its neighbours are relevant."""
    numbers = range(1, 41)
    queries = {f"q{n}": f"query {n}" for n in numbers}
    qrels = {f"q{n}": {f"d{n}": 2, f"d{n - 1}": 1, f"d{n + 1}": 1, "d50": 0} for n in numbers}
    return Collection(queries, qrels, "test", notes=("as read",))


def test_ndcg_is_that_of_scikit_learn(collection: Collection) -> None:
    search = Noisy(3)
    truth = [[grades.get(id, 0) for id in TEXTS] for grades in collection.qrels.values()]
    scores = [search.scores(number) for number in range(1, 41)]
    report = retrieval({"noisy": search}, collection, metrics=["ndcg@10", "ndcg"])
    means = report.modes[0].means
    assert means["ndcg@10"] == pytest.approx(ndcg_score(truth, scores, k=10))
    assert means["ndcg"] == pytest.approx(ndcg_score(truth, scores))
    per_query = [ndcg_score([t], [s], k=10) for t, s in zip(truth, scores)]
    assert [row["ndcg@10"] for row in report.modes[0].per_query.values()] == pytest.approx(
        per_query
    )


def test_one_search_has_its_measures_at_the_top_of_the_json(collection: Collection) -> None:
    report = retrieval({"noisy": Noisy(3)}, collection)
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert {name: told[name] for name in METRICS} == report.modes[0].means
    assert told["modes"]["noisy"]["map"] == told["map"]
    assert told["ci"]["map"] == list(report.modes[0].intervals["map"])
    assert (told["queries"], told["split"], told["topn"]) == (40, "test", 1000)
    assert told["comparisons"] == []
    assert told["notes"] == ["as read"]


def test_intervals_and_tests_are_those_of_the_values_by_query(collection: Collection) -> None:
    searchers = {"poor": Noisy(9), "good": Noisy(1), "fair": Noisy(7)}
    report = retrieval(searchers, collection, metrics=["ndcg@10", "map"], seed=4)
    values = {
        result.mode: np.array([list(row.values()) for row in result.per_query.values()])
        for result in report.modes
    }
    for result in report.modes:
        expected = bootstrap_interval(values[result.mode], seed=4)
        np.testing.assert_array_equal(list(result.intervals.values()), expected)
    less = {mode: values[mode] - values["poor"] for mode in ("good", "fair")}
    p = {mode: permutation_p_values(difference, seed=4) for mode, difference in less.items()}
    for comparison in report.comparisons:
        found, mode = comparison.differences["map"], comparison.mode
        assert comparison.baseline == "poor"
        assert found.mean == pytest.approx(less[mode][:, 1].mean())
        assert found.p == p[mode][1]
        assert found.p_holm == dict(zip(p, holm([p["good"][1], p["fair"][1]])))[mode]
        assert found.better == (less[mode][:, 1] > 0).sum()
        assert found.worse == (less[mode][:, 1] < 0).sum()
        assert found.interval == tuple(bootstrap_interval(less[mode], seed=4)[1])
    good, fair = (comparison.differences["ndcg@10"] for comparison in report.comparisons)
    assert good.p_holm < 0.001 < fair.p_holm
    assert good.interval[0] > 0


def test_several_searches_are_compared_with_the_baseline(collection: Collection) -> None:
    searchers = {"a": Noisy(9), "b": Noisy(1)}
    report = retrieval(searchers, collection, baseline="b")
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert list(told["modes"]) == ["a", "b"]
    assert "map" not in told
    (comparison,) = told["comparisons"]
    assert (comparison["mode"], comparison["baseline"]) == ("a", "b")
    difference = told["modes"]["a"]["mrr"] - told["modes"]["b"]["mrr"]
    assert comparison["metrics"]["mrr"]["difference"] == pytest.approx(difference)
    rows = report.rows()
    assert [row["p (ndcg@10)"] for row in rows] == [
        comparison["metrics"]["ndcg@10"]["p_holm"],
        None,
    ]
    assert [list(row) for row in rows] == [["mode", *METRICS, "p (ndcg@10)", "ms/query"]] * 2
    low, high = told["modes"]["a"]["ci"]["map"]
    assert rows[0]["map"] == f"{told['modes']['a']['map']:.3f} ± {(high - low) / 2:.3f}"
    assert "<td>a</td>" in report._repr_html_()


def test_queries_are_asked_in_batches_and_once(collection: Collection) -> None:
    search, progress = Noisy(1), SilentProgress()
    retrieval({"noisy": search}, collection, topn=150, progress=progress)
    assert [topn for _, topn in search.asked] == [150] * len(search.asked)
    asked = [query for batch, _ in search.asked for query in batch]
    assert asked == list(collection.queries.values())


def test_a_query_without_an_answer_scores_0(collection: Collection) -> None:
    silent = Noisy(0.1, silent=[1, 2, 3, 4, 5, 6, 7, 8])
    report = retrieval({"silent": silent, "all": Noisy(0.1)}, collection, metrics=["mrr"])
    silent_result, all_result = report.modes
    assert (silent_result.unanswered, all_result.unanswered) == (8, 0)
    assert all_result.means["mrr"] == 1
    assert silent_result.means["mrr"] == pytest.approx(32 / 40)
    assert silent_result.per_query["q1"] == {"mrr": 0.0}


def test_more_than_topn_documents_are_cut_off(collection: Collection) -> None:
    def all_of_them(queries: Sequence[str], topn: int) -> list[list[tuple[str, float]]]:
        return Noisy(20)(queries, len(TEXTS))

    cut = retrieval({"all": all_of_them}, collection, metrics=["map"], topn=5).modes[0]
    deep = retrieval({"all": all_of_them}, collection, metrics=["map@5"]).modes[0]
    assert {len(ranking) for ranking in cut.run.values()} == {5}
    assert cut.means["map"] == deep.means["map@5"] > 0


def test_a_run_from_a_file_is_evaluated_like_the_search(
    collection: Collection, tmp_path: Path
) -> None:
    report = retrieval({"noisy": Noisy(3)}, collection)
    path = write_run({**report.modes[0].run, "other": [("d1", 1.0)]}, tmp_path / "noisy.run")
    read = retrieval({"file": read_run(path), "again": Noisy(3)}, collection)
    assert read.modes[0].per_query == report.modes[0].per_query
    assert read.modes[0].seconds is None
    assert read.comparisons[0].differences["map"].p == 1
    assert read.notes[-1] == "file: queries of the run without judgements left out: 1"


def test_a_single_query_has_no_interval() -> None:
    one = Collection({"q1": "query 1"}, {"q1": {"d1": 1}})
    told = retrieval({"a": Noisy(0.1), "b": Noisy(9)}, one).to_json()
    assert json.loads(json.dumps(told, allow_nan=False))["modes"]["a"]["ci"]["map"] is None
    assert told["comparisons"][0]["metrics"]["map"]["p"] == 1


def test_judged_documents_that_are_not_here_count_as_missed(collection: Collection) -> None:
    known = set(TEXTS) - {"d50", "d7"}
    report = retrieval({"noisy": Noisy(1)}, collection, known_ids=known)
    assert report.notes == (
        "as read",
        "of 43 judged documents, these are not here and count as missed: 'd50', 'd7'",
    )
    assert report.modes[0].means == retrieval({"noisy": Noisy(1)}, collection).modes[0].means


def test_a_workspace_of_other_documents_is_an_error_with_advice(collection: Collection) -> None:
    with pytest.raises(InputError, match=r"none of the 43 judged documents .* keep their ids"):
        retrieval({"noisy": Noisy(1)}, collection, known_ids={"a.txt:1"})


def test_answers_that_are_not_rankings_are_errors(collection: Collection) -> None:
    twice = {query: [("d1", 2.0), ("d2", 1.5), ("d1", 1.0)] for query in collection.queries}
    with pytest.raises(InputError, match=r"mine gives document 'd1' twice for query 'q1'"):
        retrieval({"mine": twice}, collection)
    with pytest.raises(InputError, match="mine answered 1 of 32 queries"):
        retrieval({"mine": lambda queries, topn: [[]]}, collection)
    with pytest.raises(InputError, match=r"the run mine answers no query .* has 'q1', the run 'x'"):
        retrieval({"mine": {"x": [("d1", 1.0)]}}, collection)


def test_settings_are_checked(collection: Collection) -> None:
    searchers = {"noisy": Noisy(1)}
    with pytest.raises(ParameterError, match="topn must be at least 100, for recall@100, got 10"):
        retrieval(searchers, collection, topn=10)
    with pytest.raises(ParameterError, match="baseline must be one of 'noisy', got 'other'"):
        retrieval(searchers, collection, baseline="other")
    with pytest.raises(ParameterError, match="one search or more"):
        retrieval({}, collection)
    with pytest.raises(ParameterError, match="metrics must be"):
        retrieval(searchers, collection, metrics=["beauty"])
    with pytest.raises(InputError, match="the collection has no queries"):
        retrieval(searchers, Collection({}, {}))


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


@settings(max_examples=100)
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


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """200 queries, three measures."""
    rng = np.random.default_rng(3)
    return np.stack([rng.beta(2, 3, 200), rng.random(200) < 0.1, rng.exponential(1, 200)], axis=1)


def test_intervals_are_percentiles_of_drawn_means(values: np.ndarray) -> None:
    found = bootstrap_interval(values)
    rng = np.random.default_rng(17)
    for measure, ends in zip(values.T, found):
        means = np.array([rng.choice(measure, len(measure)).mean() for _ in range(30_000)])
        # In shares of the resamples, as means of few distinct values come in steps; 0.006 at
        # the tail is a tenth of a standard error.
        for end, share in zip(ends, (0.025, 0.975)):
            assert np.mean(means < end) - 0.006 <= share <= np.mean(means <= end) + 0.006


def test_the_interval_of_few_queries_is_that_of_all_their_resamples() -> None:
    values = np.array([[0.0], [0.2], [1.0]])
    means = sorted(np.mean(drawn) for drawn in product(values[:, 0], repeat=3))
    for place in (0, 3, 9):
        # In the middle of the share that one of the 27 resamples has.
        tail = (place + 0.5) / 27
        found = bootstrap_interval(values, confidence=1 - 2 * tail, resamples=30_000)
        np.testing.assert_allclose(found, [[means[place], means[-1 - place]]], atol=1e-12)


def test_one_query_has_no_interval() -> None:
    assert np.isnan(bootstrap_interval(np.array([[0.5, 0.1]]))).all()


def test_a_seed_gives_the_same_interval_whatever_else_is_measured(values: np.ndarray) -> None:
    alone = bootstrap_interval(values[:, :1], seed=7)
    np.testing.assert_allclose(bootstrap_interval(values, seed=7)[:1], alone, rtol=1e-12)
    assert not np.allclose(bootstrap_interval(values, seed=8)[:1], alone, rtol=1e-12)


def flipped_p(a: np.ndarray, signs: np.ndarray) -> float:
    """Swapping the two values of a query turns the sign of its difference."""
    means = (signs * a).mean(axis=1).round(12)
    observed = a.mean().round(12)
    return float(min(1, 2 * min(np.mean(means >= observed), np.mean(means <= observed))))


@pytest.mark.parametrize("n", [2, 6, 13])
def test_p_values_of_few_queries_are_exact(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.4, 1, (n, 2)).round(1)
    signs = np.array(list(product([-1, 1], repeat=n)))
    expected = [flipped_p(column, signs) for column in differences.T]
    np.testing.assert_allclose(permutation_p_values(differences), expected, rtol=1e-12)


def test_p_values_of_many_queries_are_estimates(values: np.ndarray) -> None:
    differences = values - np.random.default_rng(9).permutation(values) + [0.03, 0.05, 0.1]
    signs = np.random.default_rng(21).choice([-1, 1], (50_000, len(values)))
    expected = np.array([flipped_p(column, signs) for column in differences.T])
    # Of twice a share.
    error = np.sqrt(2 * expected * (1 - expected / 2) / 10_000)
    assert (np.abs(permutation_p_values(differences) - expected) < 5 * error).all()
    assert (expected > 0.001).all()


def test_equal_searches_have_the_p_value_1_and_far_ones_never_0() -> None:
    assert permutation_p_values(np.zeros((30, 1))).tolist() == [1.0]
    assert permutation_p_values(np.ones((30, 1))).tolist() == [pytest.approx(2 / 10_001)]
    assert permutation_p_values(np.ones((1, 1))).tolist() == [1.0]
    assert permutation_p_values(np.ones((5, 1))).tolist() == [2 / 2**5]


def test_holm_multiplies_by_the_number_of_hypotheses_left() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []
