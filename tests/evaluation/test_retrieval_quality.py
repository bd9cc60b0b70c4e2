from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from embedsearch._errors import InputError, ParameterError
from embedsearch._progress import SilentProgress
from embedsearch.evaluation.collections import Collection
from embedsearch.evaluation.metrics import METRICS
from embedsearch.evaluation.retrieval_quality import retrieval
from embedsearch.evaluation.significance import bootstrap_interval, holm, permutation_p_values
from embedsearch.evaluation.trec_runs import read_run, write_run

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
