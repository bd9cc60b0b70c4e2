"""The distance of movers, against assignments and against arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from embedsearch.search.word_movers import movers_distance


@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_equal_masses_are_the_best_assignment(size: int) -> None:
    rng = np.random.default_rng(size)
    X, Y = rng.standard_normal((2, size, 4))
    even = np.full(size, 1 / size)
    costs = cdist(X, Y)
    wanted = costs[linear_sum_assignment(costs)].sum() / size
    assert movers_distance(X, even, Y, even) == pytest.approx(wanted)


def test_unequal_masses_on_a_line_are_the_area_between_their_sums() -> None:
    places = np.arange(6, dtype=float)
    p = np.array([3, 0, 1, 0, 0, 0]) / 4
    q = np.array([0, 1, 0, 0, 2, 1]) / 4
    wanted = np.abs(np.cumsum(p) - np.cumsum(q))[:-1].sum()
    X = places[:, np.newaxis]
    found = movers_distance(X[p > 0], p[p > 0], X[q > 0], q[q > 0])
    assert found == pytest.approx(wanted)
    assert movers_distance(X[q > 0], q[q > 0], X[p > 0], p[p > 0]) == pytest.approx(wanted)
    assert movers_distance(X[p > 0], p[p > 0], X[p > 0], p[p > 0]) == 0
