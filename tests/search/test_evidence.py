"""Ranking by the lower end of a cosine's interval, against brute force."""

from __future__ import annotations

from math import atanh, sqrt, tanh

import numpy as np
import pytest

from embedsearch._errors import ParameterError
from embedsearch.index.vector_index import VectorIndex
from embedsearch.search.evidence import AUTO_Z, Evidence, as_z, query_variance


@pytest.mark.parametrize(
    ("evidence", "z"), [("auto", AUTO_Z), (0, 0.0), (2, 2.0), (np.float32(1), 1.0)]
)
def test_evidence_is_a_number_of_standard_errors(evidence: float | str, z: float) -> None:
    assert as_z(evidence) == z


@pytest.mark.parametrize("evidence", [-1, "none", True, float("nan"), float("inf"), [1], "1"])
def test_other_evidence_is_refused(evidence: object) -> None:
    with pytest.raises(ParameterError, match="evidence"):
        as_z(evidence)  # type: ignore[arg-type]


def test_the_default_is_a_one_sided_bound_of_95_percent() -> None:
    draws = np.random.default_rng(0).standard_normal(200_000)
    assert np.mean(draws > -AUTO_Z) == pytest.approx(0.95, abs=0.002)


def test_the_interval_is_fishers() -> None:
    low, high = Evidence([4, 100], 1 / 25, 2.0).interval([0.5, 0.5], [0, 1])
    reach = 2 * sqrt(1 / 4 + 1 / 25)
    assert low[0] == pytest.approx(tanh(atanh(0.5) - reach))
    assert high[0] == pytest.approx(tanh(atanh(0.5) + reach))
    assert low[1] > low[0]
    assert high[1] < high[0]


def test_a_word_counts_as_seen_once_at_least() -> None:
    low, _ = Evidence([0, 1], 0.0, 1.0).interval([0.5, 0.5], [0, 1])
    assert low[0] == low[1]
    assert query_variance([0], [1.0]) == 1.0


def test_a_cosine_of_one_has_an_interval() -> None:
    low, high = Evidence([3, 3], 0.1, AUTO_Z).interval([1.0, -1.0], [0, 1])
    assert np.isfinite([low, high]).all()
    assert -1 <= low[1] < low[0] <= high[0] <= 1


def test_the_variance_of_a_sum_is_that_of_its_parts() -> None:
    assert query_variance([10], [1.0]) == pytest.approx(0.1)
    assert query_variance([10], [-3.0]) == pytest.approx(0.1)
    assert query_variance([10, 20, None], [1.0, -2.0, 1.0]) == pytest.approx((0.1 + 4 / 20) / 6)


@pytest.mark.parametrize("z", [0.0, 0.5, AUTO_Z, 3.0, 50.0])
@pytest.mark.parametrize("topn", [1, 10, 3_000])
@pytest.mark.parametrize("variance", [0.0, 1e-4, 1.0])
def test_the_best_are_those_of_brute_force(z: float, topn: int, variance: float) -> None:
    rng = np.random.default_rng(3)
    # Near the query there are many rare words, and few frequent ones.
    X = rng.standard_normal((5_000, 8)).astype(np.float32)
    counts = np.maximum((20_000 / (1 + rng.permutation(5_000))).astype(np.int64), 1)
    query = X[7]
    cosines = X @ query / np.linalg.norm(X, axis=1) / np.linalg.norm(query)
    middle = np.arctanh(np.clip(cosines.astype(np.float64), -1 + 1e-7, 1 - 1e-7))
    low = middle - z * np.sqrt(1 / counts + variance)
    rows, scores = Evidence(counts, variance, z).best(
        VectorIndex.build(X, spec="flat"), query, topn, None
    )
    expected = np.sort(low[cosines > 0])[::-1][:topn]
    np.testing.assert_allclose(expected, low[rows], atol=1e-4)
    np.testing.assert_allclose(scores, cosines[rows], atol=1e-5)


def test_the_best_are_looked_for_among_the_given_rows() -> None:
    X = np.random.default_rng(0).uniform(0, 1, (3_000, 5)).astype(np.float32)
    index = VectorIndex.build(X, spec="flat")
    rows, _ = Evidence(np.full(3_000, 9), 0.1, 1.0).best(index, X[0], 2_000, range(700))
    assert sorted(rows) == list(range(700))


def test_rows_that_are_left_out_are_not_found() -> None:
    X = np.random.default_rng(0).uniform(0, 1, (3_000, 5)).astype(np.float32)
    index, counts = VectorIndex.build(X, spec="flat"), np.arange(3_000, 0, -1)
    mask = np.arange(3_000) % 3 == 0
    every, _ = Evidence(counts, 0.1, 1.0).best(index, X[0], 3_000, None)
    for topn in (5, 1_000, 3_000):
        rows, _ = Evidence(counts, 0.1, 1.0, mask).best(index, X[0], topn, None)
        assert rows.tolist() == every[~mask[every]][:topn].tolist()
