"""The least parameters at which an index finds what it shall."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embedsearch._types import Metric
from embedsearch.index._space import Space
from embedsearch.index.blocks import as_source
from embedsearch.index.heldout import HeldOut
from embedsearch.index.making import made, train
from embedsearch.index.preparation import Prepared
from embedsearch.index.selecting import search_parameters
from embedsearch.index.tuning import Tuner, knobs_of

N, D = 8000, 16


@pytest.fixture(scope="module")
def vectors() -> Prepared:
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((60, D))
    X = centers[rng.integers(0, 60, N)] + 0.6 * rng.standard_normal((N, D))
    return Prepared(as_source(X), Space(Metric.EUCLIDEAN))


@pytest.fixture(scope="module")
def held_out(vectors: Prepared) -> HeldOut:
    rows = np.random.default_rng(1).choice(N, 800, replace=False)
    return HeldOut(vectors, vectors.take(rows), rows, Metric.EUCLIDEAN)


def filled(vectors: Prepared, spec: str) -> Any:
    index = made(spec, D, Metric.EUCLIDEAN, 0)
    train(index, vectors, spec, 0)
    index.add(vectors.take(np.arange(N)))
    return index


def recall(index: Any, held_out: HeldOut, parameters: dict[str, float]) -> float:
    settings = search_parameters(index, parameters)
    return float(
        held_out.recalls(index.search(held_out.Q, held_out.wanted, params=settings)[1]).mean()
    )


@pytest.mark.parametrize("spec", ["IVF128,Flat", "HNSW8,Flat", "IVF128,SQ8"])
@pytest.mark.parametrize("target", [0.8, 0.95])
def test_the_least_that_will_do_is_chosen(
    vectors: Prepared, held_out: HeldOut, spec: str, target: float
) -> None:
    index = filled(vectors, spec)
    chosen = Tuner(index, held_out).choose(target)
    assert chosen is not None
    (name, value) = next(iter(chosen.items()))
    assert recall(index, held_out, chosen) >= target
    if value > knobs_of(index).least:
        assert recall(index, held_out, {name: int(0.7 * value)}) < target + 0.02


def test_a_higher_target_never_takes_less(vectors: Prepared, held_out: HeldOut) -> None:
    index = filled(vectors, "IVF128,Flat")
    tuner = Tuner(index, held_out)
    probes = [tuner.choose(target) for target in (0.5, 0.7, 0.9, 0.95, 0.99)]
    values = [chosen["nprobe"] for chosen in probes if chosen]
    assert values == sorted(values)
    assert len(values) == 5
    assert values[0] < values[-1]


def test_the_choice_does_not_depend_on_time(vectors: Prepared, held_out: HeldOut) -> None:
    index = filled(vectors, "IVF128,PQ8x4fsr,RFlat")
    chosen = [Tuner(index, held_out).choose(0.95) for _ in range(3)]
    assert chosen[0] is not None
    assert chosen[0] == chosen[1] == chosen[2]
    assert set(chosen[0]) == {"nprobe", "k_factor"}
    assert recall(index, held_out, chosen[0]) >= 0.95


def test_what_compression_cannot_reach_is_not_promised(
    vectors: Prepared, held_out: HeldOut
) -> None:
    tuner = Tuner(filled(vectors, "IVF64,PQ2"), held_out)
    assert tuner.choose(0.95) is None
    curve = tuner.curve("IVF64,PQ2", None)
    assert curve.chosen is None
    assert max(point.recall for point in curve.points) < 0.95


def test_the_curve_has_what_was_measured(vectors: Prepared, held_out: HeldOut) -> None:
    index = filled(vectors, "IVF128,Flat")
    tuner = Tuner(index, held_out)
    curve = tuner.curve("IVF128,Flat", tuner.choose(0.9))
    assert (curve.spec, curve.count) == ("IVF128,Flat", N)
    assert curve.chosen in curve.points
    recalls = [point.recall for point in curve.points]
    np.testing.assert_allclose(recalls, np.maximum.accumulate(recalls), atol=0.02)
    for point in curve.points:
        assert point.recall <= recall(index, held_out, point.parameters) + 1e-9
        assert point.queries_per_second * point.cpu_seconds == pytest.approx(1000)


def test_an_index_without_parameters_is_measured_as_it_is(
    vectors: Prepared, held_out: HeldOut
) -> None:
    tuner = Tuner(filled(vectors, "Flat"), held_out)
    assert tuner.choose(0.99) == {}
    assert tuner.point({}).recall == 1.0
