from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from embedsearch.evaluation.significance import bootstrap_interval, holm, permutation_p_values


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
