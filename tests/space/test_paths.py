"""Paths between points, where it is known how they must go."""

from __future__ import annotations

import json

import numpy as np
import pytest

import embedsearch as es
from embedsearch.space.autoencoder import Autoencoder
from embedsearch.space.paths import (
    along_neighbors,
    path_of,
    spherical,
    straight,
    through_codes,
)
from embedsearch.space.points import Points
from embedsearch.space.readout import WeightedWord


def ring(n: int, d: int = 2) -> np.ndarray:
    """Return points at equal angles on a circle."""
    angles = 2 * np.pi * np.arange(n) / n
    return np.column_stack((np.cos(angles), np.sin(angles), *np.zeros((d - 2, n))))


def test_a_straight_path_has_equal_steps() -> None:
    found = straight([1, 0, 2], [3, 4, 2], 5)
    np.testing.assert_allclose(found, [[1, 0, 2], [1.5, 1, 2], [2, 2, 2], [2.5, 3, 2], [3, 4, 2]])


def test_a_spherical_path_goes_along_the_ring() -> None:
    circle = ring(12)
    np.testing.assert_allclose(spherical(circle[1], circle[5], 5), circle[1:6], atol=1e-6)
    longer = spherical(2 * circle[0], 4 * circle[2], 3)
    np.testing.assert_allclose(longer[1], 3 * circle[1], atol=1e-6)


def test_between_points_in_one_direction_an_arc_is_a_line() -> None:
    np.testing.assert_allclose(spherical([1, 1], [3, 3], 3), [[1, 1], [2, 2], [3, 3]], atol=1e-6)
    near = np.array([1, 1e-6])
    np.testing.assert_allclose(spherical([1, 0], near, 3)[1], [1, 5e-7], atol=1e-9)


def test_a_path_through_codes_stays_on_the_curve_that_was_learned() -> None:
    t = np.random.default_rng(0).uniform(0, np.pi, 2_000)
    arc = np.column_stack((np.cos(t), np.sin(t)))
    model = Autoencoder(1, hidden=32, epochs=60, batch_size=64).fit(arc)
    found = through_codes([1, 0], [-1, 0], model, 9)
    np.testing.assert_array_equal(found[[0, -1]], [[1, 0], [-1, 0]])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=0.05)
    assert (np.diff(found[:, 0]) < 0).all()
    assert not straight([1, 0], [-1, 0], 9)[4].any()


def test_along_neighbours_the_shorter_way_around_a_ring_is_taken() -> None:
    found = along_neighbors(ring(20), 18, 4, n_neighbors=2)
    assert found.rows == [18, 19, 0, 1, 2, 3, 4]
    np.testing.assert_allclose(found.cosines, [np.cos(np.pi / 10)] * 6, rtol=1e-5)
    assert found.n_neighbors == 2


def test_along_neighbours_a_gap_is_gone_around() -> None:
    open_ring = np.delete(ring(40), [1, 2, 3], axis=0)
    found = along_neighbors(open_ring, 0, 1, n_neighbors=2)
    assert found.rows == [0, *range(36, 0, -1)]
    joined = along_neighbors(open_ring, 0, 1, n_neighbors=10)
    assert joined.rows == [0, 1]


def test_it_is_the_shortest_of_all_ways() -> None:
    X = np.random.default_rng(0).standard_normal((40, 3))
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    cosines = units @ units.T - 2 * np.eye(40)
    near = np.argsort(-cosines, axis=1)[:, :4]
    costs = np.full((40, 40), np.inf)
    for row in range(40):
        for other in near[row]:
            costs[row, other] = costs[other, row] = 1 - cosines[row, other]
    for middle in range(40):  # Floyd and Warshall
        costs = np.minimum(costs, costs[:, [middle]] + costs[middle])
    for end in range(1, 40):
        found = along_neighbors(X, 0, end, n_neighbors=4)
        assert sum(1 - cosine for cosine in found.cosines) == pytest.approx(costs[0, end], abs=1e-5)


def test_more_neighbours_are_taken_until_two_groups_are_joined() -> None:
    draw = np.random.default_rng(0)
    X = np.concatenate([center + 0.05 * draw.standard_normal((8, 2)) for center in np.eye(2)])
    found = along_neighbors(X, 0, 15, n_neighbors=2)
    assert found.n_neighbors == 8
    assert min(found.cosines) < 0.5
    assert along_neighbors(X, 3, 3).rows == [3]


def test_identical_points_are_a_way() -> None:
    X = np.ones((6, 3))
    assert along_neighbors(X, 0, 5).rows == [0, 5]


def test_a_path_names_what_it_passes() -> None:
    circle = ring(9)
    names = [f"p{n}" for n in range(9)]
    points = Points.of(names, circle.astype(np.float32), "word", "words")
    vectors = spherical(circle[0], circle[4], 5)
    words = [[WeightedWord(f"w{n}", 1.0)] for n in range(5)]
    path = path_of("spherical", points, vectors, words)
    assert [step.name for step in path.steps] == names[:5]
    assert str(path) == "p0 → p1 → p2 → p3 → p4"
    np.testing.assert_allclose([step.score for step in path.steps], 1, atol=1e-6)
    assert [step.position for step in path.steps] == [0, 0.25, 0.5, 0.75, 1]
    assert path.steps[0].step is None
    assert path.steps[1].step == pytest.approx(np.cos(2 * np.pi / 9))
    found = json.loads(json.dumps(path.to_json()))
    assert found["steps"][2]["words"] == [{"word": "w2", "weight": 1.0}]
    assert "w2" in path._repr_html_()


def test_between_points_the_nearest_is_named_but_no_end_and_the_weakest_step_is_found() -> None:
    points = Points.of([*"abc"], np.array([[1, 0], [0, 1], [1, 1.2]], np.float32), "word", "words")
    path = path_of("straight", points, np.array([[1, 0], [1, 0.1], [0, 1]], np.float32), [[]] * 3)
    assert [step.name for step in path.steps] == ["a", "c", "b"]
    assert path.weakest is path.steps[2]
    assert path.to_json()["weakest"] == 2


def test_wrong_ends_are_named() -> None:
    with pytest.raises(es.QueryError, match="opposite"):
        spherical([1, 0], [-1, 0])
    with pytest.raises(es.VectorError, match="length 0"):
        spherical([0, 0], [1, 0])
    with pytest.raises(es.VectorError, match="one dimension"):
        straight([1, 0], [1, 0, 0])
    with pytest.raises(es.VectorError, match="NaN"):
        straight([1, np.nan], [1, 0])
    with pytest.raises(es.ParameterError, match="steps"):
        straight([1, 0], [0, 1], 1)
    with pytest.raises(es.ParameterError, match="end must be"):
        along_neighbors(ring(4), 0, 4)
    with pytest.raises(es.QueryError, match="length 0"):
        along_neighbors([[1, 0], [0, 0], [1, 1]], 0, 1)
    with pytest.raises(es.QueryError, match="no way"):
        along_neighbors([[1, 0], [0, 1], [0, 2]], 0, 1)
    groups = np.repeat(np.eye(2), 200, axis=0)
    groups[:, 0] += np.tile(np.linspace(0, 0.1, 200), 2)
    with pytest.raises(es.QueryError, match="even by 160 neighbours"):
        along_neighbors(groups, 0, 399)
