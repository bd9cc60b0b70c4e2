"""The least parameters at which an index reaches a recall, by what, and how it is reported."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from embedsearch._errors import VectorError
from embedsearch._types import Metric
from embedsearch.index.engine import Preprocessing
from embedsearch.index.faiss_tools import search_parameters
from embedsearch.index.settings import make_index, train_index
from embedsearch.index.sources import NormalizedSource, as_source
from embedsearch.index.tuning import (
    HeldOutQueries,
    OperatingCurve,
    OperatingPoint,
    Tuner,
    TuningReport,
    knobs_of,
)

N, D = 8000, 16


@pytest.fixture(scope="module")
def vectors() -> NormalizedSource:
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((60, D))
    X = centers[rng.integers(0, 60, N)] + 0.6 * rng.standard_normal((N, D))
    return NormalizedSource(as_source(X), Preprocessing(Metric.EUCLIDEAN))


@pytest.fixture(scope="module")
def held_out(vectors: NormalizedSource) -> HeldOutQueries:
    rows = np.random.default_rng(1).choice(N, 800, replace=False)
    return HeldOutQueries(vectors, vectors.take(rows), rows, Metric.EUCLIDEAN)


def filled(vectors: NormalizedSource, spec: str) -> Any:
    index = make_index(spec, D, Metric.EUCLIDEAN, 0)
    train_index(index, vectors, spec, 0)
    index.add(vectors.take(np.arange(N)))
    return index


def recall(index: Any, held_out: HeldOutQueries, parameters: dict[str, float]) -> float:
    settings = search_parameters(index, parameters)
    return float(
        held_out.recalls(index.search(held_out.Q, held_out.wanted, params=settings)[1]).mean()
    )


@pytest.mark.parametrize("spec", ["IVF128,Flat", "HNSW8,Flat", "IVF128,SQ8"])
@pytest.mark.parametrize("target", [0.8, 0.95])
def test_the_least_that_will_do_is_chosen(
    vectors: NormalizedSource, held_out: HeldOutQueries, spec: str, target: float
) -> None:
    index = filled(vectors, spec)
    chosen = Tuner(index, held_out).choose(target)
    assert chosen is not None
    (name, value) = next(iter(chosen.items()))
    assert recall(index, held_out, chosen) >= target
    if value > knobs_of(index).least:
        assert recall(index, held_out, {name: int(0.7 * value)}) < target + 0.02


def test_a_higher_target_never_takes_less(
    vectors: NormalizedSource, held_out: HeldOutQueries
) -> None:
    index = filled(vectors, "IVF128,Flat")
    tuner = Tuner(index, held_out)
    probes = [tuner.choose(target) for target in (0.5, 0.7, 0.9, 0.95, 0.99)]
    values = [chosen["nprobe"] for chosen in probes if chosen]
    assert values == sorted(values)
    assert len(values) == 5
    assert values[0] < values[-1]


def test_the_choice_does_not_depend_on_time(
    vectors: NormalizedSource, held_out: HeldOutQueries
) -> None:
    index = filled(vectors, "IVF128,PQ8x4fsr,RFlat")
    chosen = [Tuner(index, held_out).choose(0.95) for _ in range(3)]
    assert chosen[0] is not None
    assert chosen[0] == chosen[1] == chosen[2]
    assert set(chosen[0]) == {"nprobe", "k_factor"}
    assert recall(index, held_out, chosen[0]) >= 0.95


def test_what_compression_cannot_reach_is_not_promised(
    vectors: NormalizedSource, held_out: HeldOutQueries
) -> None:
    tuner = Tuner(filled(vectors, "IVF64,PQ2"), held_out)
    assert tuner.choose(0.95) is None
    curve = tuner.curve("IVF64,PQ2", None)
    assert curve.chosen is None
    assert max(point.recall for point in curve.points) < 0.95


def test_the_curve_has_what_was_measured(
    vectors: NormalizedSource, held_out: HeldOutQueries
) -> None:
    index = filled(vectors, "IVF128,Flat")
    tuner = Tuner(index, held_out)
    curve = tuner.curve("IVF128,Flat", tuner.choose(0.9))
    assert (curve.spec, curve.count) == ("IVF128,Flat", N)
    assert curve.chosen in curve.points
    recalls = [point.recall for point in curve.points]
    np.testing.assert_allclose(recalls, np.maximum.accumulate(recalls), atol=0.02)
    for point in curve.points:
        assert point.recall == pytest.approx(recall(index, held_out, point.parameters))
    costs = [point.microseconds for point in sorted(curve.points, key=by_probes)]
    assert costs == sorted(costs)


def by_probes(point: OperatingPoint) -> float:
    return point.parameters["nprobe"]


def test_an_index_without_parameters_is_measured_as_it_is(
    vectors: NormalizedSource, held_out: HeldOutQueries
) -> None:
    tuner = Tuner(filled(vectors, "Flat"), held_out)
    assert tuner.choose(0.99) == {}
    assert tuner.curve("Flat", {}).best.recall == 1.0


# Queries with their exact answers.

METRICS = [Metric.COSINE, Metric.INNER_PRODUCT, Metric.EUCLIDEAN]


def prepared(X: np.ndarray, metric: Metric) -> NormalizedSource:
    return NormalizedSource.fit(as_source(X), metric)


def ranked(Q: np.ndarray, X: np.ndarray, metric: Metric) -> np.ndarray:
    A, B = Q.astype(np.float64), X.astype(np.float64)
    if metric is Metric.EUCLIDEAN:
        return np.argsort(((A[:, None] - B) ** 2).sum(axis=2), axis=1, kind="stable")
    if metric is Metric.COSINE:
        B /= np.linalg.norm(B, axis=1, keepdims=True)
    return np.argsort(-A @ B.T, axis=1, kind="stable")


@pytest.mark.parametrize("metric", METRICS)
def test_exact_answers_have_a_recall_of_one(metric: Metric) -> None:
    rng = np.random.default_rng(0)
    X, Q = rng.standard_normal((500, 8)) + 3, rng.standard_normal((60, 8)) + 3
    vectors, queries = prepared(X, metric), prepared(Q, metric)
    queries.preprocessing = vectors.preprocessing
    held_out = HeldOutQueries(vectors, queries.take(np.arange(60)), None, metric)
    best = ranked(Q, X, metric)
    assert held_out.recalls(best[:, :10]).tolist() == [1.0] * 60
    half = np.hstack([best[:, :5], best[:, 200:204], np.full((60, 1), -1)])
    assert held_out.recalls(half).tolist() == [0.5] * 60


@pytest.mark.parametrize("metric", METRICS)
def test_a_row_is_not_its_own_neighbour(metric: Metric) -> None:
    X = np.random.default_rng(1).standard_normal((400, 6))
    rows = np.arange(0, 400, 7)
    vectors = prepared(X, metric)
    held_out = HeldOutQueries(vectors, vectors.take(rows), rows, metric)
    best = ranked(X[rows], X, metric)
    others = np.array([order[order != row] for order, row in zip(best, rows)])
    assert held_out.wanted == 11
    with_own = np.hstack([rows[:, None], others[:, :10]])
    without_own = others[:, :11]
    for answers in (with_own, without_own):
        assert (held_out.recalls(answers) == 1).all()


def test_one_of_many_equal_vectors_is_as_good_as_another() -> None:
    X = np.repeat(np.random.default_rng(2).standard_normal((5, 4)), 40, axis=0)
    Q = X[::40] + 0.01
    held_out = HeldOutQueries(
        prepared(X, Metric.EUCLIDEAN), Q.astype(np.float32), None, Metric.EUCLIDEAN
    )
    last_ones = np.array([np.arange(40 * i + 30, 40 * i + 40) for i in range(5)])
    assert (held_out.recalls(last_ones) == 1).all()
    assert (held_out.recalls(np.roll(last_ones, 1, axis=0)) == 0).all()


def test_queries_with_a_copy_are_left_out_where_enough_remain() -> None:
    X = np.random.default_rng(3).standard_normal((300, 4))
    X[200:] = X[:100]
    rows = np.arange(0, 300, 2)
    vectors = prepared(X, Metric.EUCLIDEAN)
    held_out = HeldOutQueries(vectors, vectors.take(rows), rows, Metric.EUCLIDEAN)
    np.testing.assert_array_equal(held_out.Q, vectors.take(np.arange(100, 200, 2)))
    few = rows[rows < 160]
    assert len(HeldOutQueries(vectors, vectors.take(few), few, Metric.EUCLIDEAN).Q) == len(few)


# Reports in plain values.

POINTS = (
    OperatingPoint({"nprobe": 2}, 0.91, 110.0),
    OperatingPoint({"nprobe": 8}, 0.97, 250.0),
)
CURVE = OperatingCurve("IVF64,Flat", 5000, POINTS, POINTS[1])
REPORT = TuningReport(
    "IVF64,Flat", ("fast",), CURVE, (CURVE, OperatingCurve("Flat", 10, ())), ("few",)
)


@pytest.mark.parametrize("report", [REPORT, TuningReport("flat")])
def test_json_keeps_all(report: TuningReport) -> None:
    assert TuningReport.from_json(json.loads(json.dumps(report.to_json()))) == report


@pytest.mark.parametrize(
    "damage",
    [
        {"reasons": None},
        {"curve": 3},
        {"others": [{}]},
        {"curve": {**asdict(CURVE), "points": [{"parameters": {"nprobe": "8"}}]}},
    ],
)
def test_other_json_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(VectorError, match="report"):
        TuningReport.from_json({**REPORT.to_json(), **damage})
    with pytest.raises(VectorError, match="report"):
        TuningReport.from_json({})
