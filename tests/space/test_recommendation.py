"""Factors of what users have read, against the closed form of the paper."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import embedsearch as es
from embedsearch.space.recommendation import ImplicitFactors
from tests.space.checks import estimator_checks


@pytest.mark.parametrize(
    ("estimator", "check"), list(estimator_checks(ImplicitFactors(n_factors=3, iterations=3)))
)
def test_scikit_learn_accepts_it(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def tastes(n_users: int = 120, n_items: int = 60, seed: int = 0) -> tuple[Any, np.ndarray]:
    """Return interactions of users who read a third of the items of one of three kinds."""
    draw = np.random.default_rng(seed)
    kinds = np.arange(n_items) % 3
    likes = draw.integers(3, size=n_users)
    R = (kinds[np.newaxis] == likes[:, np.newaxis]) & (draw.random((n_users, n_items)) < 0.4)
    return sparse.csr_matrix(R.astype(np.float32)), kinds


def closed_form(R: np.ndarray, Y: np.ndarray, regularization: float, alpha: float) -> np.ndarray:
    """Return factors of users as equation 4 of Hu, Koren and Volinsky has them."""
    found = []
    for row in R.astype(np.float64):
        confidence, preference = np.diag(1 + alpha * np.abs(row)), (row > 0).astype(np.float64)
        matrix = Y.T @ confidence @ Y + regularization * np.eye(Y.shape[1])
        found.append(np.linalg.solve(matrix, Y.T @ confidence @ preference))
    return np.array(found)


def loss(R: np.ndarray, model: ImplicitFactors) -> float:
    U, Y = model.transform(R).astype(np.float64), model.item_factors_.astype(np.float64)
    errors = (1 + model.alpha * R) * ((R > 0) - U @ Y.T) ** 2
    return float(errors.sum() + model.regularization * ((U**2).sum() + (Y**2).sum()))


def test_users_are_folded_in_by_the_closed_form() -> None:
    R, _ = tastes()
    R.data[:2] = -2.0, 3.5
    model = ImplicitFactors(8, 0.5, 3.0).fit(R)
    expected = closed_form(R.toarray(), model.item_factors_.astype(np.float64), 0.5, 3.0)
    np.testing.assert_allclose(model.transform(R), expected, atol=1e-5)


def test_it_ends_where_alternating_closed_forms_end() -> None:
    R, _ = tastes()
    dense, draw = R.toarray(), np.random.default_rng(3)
    Y = draw.standard_normal((R.shape[1], 3))
    for _ in range(60):
        U = closed_form(dense, Y, 1.0, 2.0)
        Y = closed_form(dense.T, U, 1.0, 2.0)
    model = ImplicitFactors(3, 1.0, 2.0, iterations=60).fit(R)
    np.testing.assert_allclose(model.inverse_transform(model.transform(R)), U @ Y.T, atol=0.02)


def test_more_rounds_never_fit_worse() -> None:
    R, _ = tastes()
    losses = [loss(R.toarray(), ImplicitFactors(6, iterations=n).fit(R)) for n in (1, 2, 4, 8, 16)]
    assert all(b <= a * (1 + 1e-4) for a, b in pairwise(losses))


def test_it_recommends_what_users_of_the_same_taste_read() -> None:
    R, kinds = tastes()
    model = ImplicitFactors(3, 1.0).fit(R)
    items, scores = model.recommend(R, 3)
    dense = R.toarray()
    for user, row in enumerate(items):
        assert set(kinds[row]) == set(kinds[dense[user] > 0])
        assert not dense[user, row].any()
    assert (np.diff(scores, axis=1) <= 0).all()
    similar, cosines = model.similar_items([0, 1], 5)
    assert (kinds[similar] == [[0], [1]]).all()
    assert cosines.min() > 0.5
    assert 0 not in similar[0]


def test_a_new_user_with_little_left_to_read_gets_what_is_left() -> None:
    model = ImplicitFactors(2).fit(np.eye(3))
    items, scores = model.recommend(np.array([[1, 1, 0]]), 10)
    assert items.tolist() == [[2, -1, -1]]
    assert np.isneginf(scores[0, 1:]).all()


def test_what_was_refused_counts_against_its_like() -> None:
    R, kinds = tastes()
    model = ImplicitFactors(3, 1.0).fit(R)
    liked, refused = np.zeros((2, 1, R.shape[1]))
    liked[0, [0, 1]] = 1
    refused[0, [0, 1]] = 1, -1
    scores = [model.inverse_transform(model.transform(row))[0] for row in (liked, refused)]
    assert scores[1][kinds == 1].mean() < scores[0][kinds == 1].mean() / 2
    assert 1 not in model.recommend(refused, 50)[0]


def test_contributions_add_up_to_the_scores() -> None:
    R, _ = tastes()
    model = ImplicitFactors(3, 1.0).fit(R)
    read = np.zeros((1, R.shape[1]))
    read[0, [0, 3, 1]] = 1
    found = model.contributions(read, [6, 4])
    expected = model.inverse_transform(model.transform(read))[0, [6, 4]]
    np.testing.assert_allclose(found.sum(axis=1), expected, atol=1e-5)
    assert found[0].argmax() in (0, 3)
    assert found[1].argmax() == 1
    assert not found[:, 10:].any()


def test_items_that_nobody_has_read_are_placed_by_their_content() -> None:
    R, kinds = tastes()
    content = np.eye(3)[kinds] + 0.1 * np.random.default_rng(1).standard_normal((len(kinds), 3))
    dense = R.toarray()
    dense[:, :6] = 0
    model = ImplicitFactors(3, 1.0).fit(dense, content=content)
    assert model.seen_.tolist() == [False] * 6 + [True] * 54
    scores = model.inverse_transform(model.transform(dense))
    for user, row in enumerate(dense):
        own = kinds[np.flatnonzero(row)[0]]
        assert kinds[scores[user, :6].argmax()] == own
    # Without content there is nothing to place them by.
    assert not ImplicitFactors(8).fit(dense).item_factors_[:6].any()


def test_it_is_the_same_after_it_was_saved() -> None:
    R, _ = tastes()
    model = ImplicitFactors(4).fit(R)
    again = ImplicitFactors.restore(*model.state())
    np.testing.assert_array_equal(again.transform(R), model.transform(R))


@pytest.mark.parametrize("R", [np.zeros((3, 4)), np.ones((1, 4)), np.ones((5, 1)), np.eye(2)])
def test_little_to_learn_from_gives_finite_factors(R: np.ndarray) -> None:
    model = ImplicitFactors(8).fit(R)
    assert np.isfinite(model.item_factors_).all()
    assert np.isfinite(model.transform(R)).all()


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda m, R: ImplicitFactors(0).fit(R), es.ParameterError, "n_factors"),
        (lambda m, R: ImplicitFactors(regularization=0).fit(R), es.ParameterError, "regulariz"),
        (lambda m, R: ImplicitFactors(alpha="x").fit(R), es.ParameterError, "alpha"),
        (lambda m, R: m.fit(R * np.nan), es.VectorError, "NaN"),
        (lambda m, R: m.fit(R, content=np.ones((3, 2))), es.VectorError, "content"),
        (lambda m, R: m.transform(R[:, :5]), es.VectorError, "features"),
        (lambda m, R: m.recommend(R, 0), es.ParameterError, "topn"),
        (lambda m, R: m.similar_items([60]), es.ParameterError, "an item"),
        (lambda m, R: m.contributions(R, [0]), es.ParameterError, "number of users"),
        (lambda m, R: m.inverse_transform(np.ones((1, 9))), es.VectorError, "dimensions"),
    ],
)
def test_what_cannot_be_used_is_named(ask: Any, error: type[Exception], says: str) -> None:
    R = tastes()[0].toarray()
    model = ImplicitFactors(4).fit(R)
    with pytest.raises(error, match=says):
        ask(model, R)
