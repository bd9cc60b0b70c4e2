"""Axes from poles and labels, and axes that the points have by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import embedsearch as es
from embedsearch.space.axes import IndependentAxes, SemanticAxis, coherence
from embedsearch.vectors.arrays import unit_rows
from tests.space.checks import estimator_checks


@pytest.mark.parametrize(
    ("estimator", "check"), list(estimator_checks(SemanticAxis(), IndependentAxes(n_runs=2)))
)
def test_scikit_learn_accepts_it(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def planted(
    n: int = 400, d: int = 12, seed: int = 0, gap: float = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Return points at one of two sides of a direction, and the sides: -1 or 1."""
    draw = np.random.default_rng(seed)
    sides = draw.choice([-1, 1], n)
    X = draw.standard_normal((n, d))
    X[:, 0] += gap * sides
    return X.astype(np.float32), sides


def test_an_axis_leads_from_one_pole_to_the_other() -> None:
    negative, positive = np.array([[0, 1.0, 0]]), np.array([[0, 0, 2.0]])
    axis = SemanticAxis(refine=False).fit_poles(negative, positive, np.eye(3))
    np.testing.assert_allclose(axis.axis_, [0, -(0.5**0.5), 0.5**0.5], atol=1e-6)
    found = axis.transform(np.array([[5, 0.3, 0.3], [0, 1, 0], [0, 0, 1]]))[:, 0]
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found[1] == pytest.approx(-found[2])
    assert (axis.agreement_, axis.p_value_) == (pytest.approx(float("nan"), nan_ok=True), 1.0)


def test_refined_it_finds_the_sides_that_poor_poles_only_hint_at() -> None:
    X, sides = planted(gap=2)
    draw = np.random.default_rng(1)
    hint = np.eye(12)[0] + 0.4 * draw.standard_normal(12)
    poles = -hint[np.newaxis], hint[np.newaxis]
    plain = SemanticAxis(refine=False).fit_poles(*poles, X)
    refined = SemanticAxis().fit_poles(*poles, X)
    before, after = (roc_auc_score(sides, a.transform(X)[:, 0]) for a in (plain, refined))
    assert 1 - after < 0.7 * (1 - before)
    assert abs(refined.axis_[0]) > 0.9
    assert np.mean(np.sign(refined.transform(X)[:, 0]) == sides) > 0.93


def test_labels_give_an_axis_and_what_is_removed_is_gone() -> None:
    X, sides = planted()
    axis = SemanticAxis().fit(X, sides)
    rest = axis.remove(X)
    np.testing.assert_allclose(rest @ axis.axis_, 0, atol=1e-5)
    assert roc_auc_score(sides, X[:, 0]) > 0.99
    assert roc_auc_score(sides, rest[:, 0]) < 0.75


def test_poles_that_agree_are_told_from_poles_of_chance() -> None:
    X, sides = planted(800, 60)
    true = SemanticAxis().fit_poles(X[sides < 0][:6], X[sides > 0][:6], X)
    assert true.agreement_ > 0.2
    assert true.p_value_ < 0.05
    draw = np.random.default_rng(2)
    chance = [draw.choice(len(X), 12, replace=False) for _ in range(20)]
    p_values = [SemanticAxis().fit_poles(X[c[:6]], X[c[6:]], X).p_value_ for c in chance]
    assert np.mean(np.array(p_values) < 0.05) <= 0.25
    assert np.median(p_values) > 0.1


def sparse_sources(n: int = 3_000, k: int = 6, d: int = 10, seed: int = 0) -> Any:
    """Return points made of a few sources, each of which is far out for few points, and those."""
    draw = np.random.default_rng(seed)
    S = draw.exponential(1, (n, k)) * (draw.random((n, k)) < 0.15) + 0.05 * draw.random((n, k))
    mixing = draw.standard_normal((k, d))
    return (S @ mixing).astype(np.float32), S, mixing


def test_independent_axes_find_the_sources_that_the_points_are_made_of() -> None:
    X, S, mixing = sparse_sources()
    axes = IndependentAxes(n_components=6).fit(X)
    cosines = np.corrcoef(axes.transform(X).T, S.T)[:6, 6:]
    # Each axis is one source, the right way round.
    assert sorted(cosines.argmax(axis=1)) == list(range(6))
    assert cosines.max(axis=1).min() > 0.97
    directions = unit_rows(axes.mixing_) @ unit_rows(mixing).T
    assert directions.max(axis=1).min() > 0.97
    assert (axes.skewness_[:-1] >= axes.skewness_[1:]).all()
    np.testing.assert_allclose(axes.transform(X).std(axis=0), 1, atol=1e-2)
    np.testing.assert_allclose(axes.inverse_transform(axes.transform(X)), X, atol=1e-2)


def test_axes_that_do_not_come_back_are_left_out() -> None:
    X, _, _ = sparse_sources()
    draw = np.random.default_rng(5)
    # Among Gaussian directions no axis is better than another.
    X = np.concatenate((X, draw.standard_normal((len(X), 20)).astype(np.float32)), axis=1)
    axes = IndependentAxes(n_components=26, n_runs=6).fit(X)
    assert axes.n_found_ == 26
    assert 6 <= len(axes.components_) < 16
    assert np.abs(unit_rows(axes.mixing_)[:6, :10]).max(axis=1).min() > 0.3


def test_an_axis_is_the_same_after_it_was_saved() -> None:
    X, sides = planted(60)
    for axes in (SemanticAxis().fit(X, sides), IndependentAxes(n_components=3).fit(X)):
        again = type(axes).restore(*axes.state())
        np.testing.assert_array_equal(again.transform(X), axes.transform(X))


def test_coherence_is_the_mean_cosine_of_those_farthest_out() -> None:
    X = np.array([[1, 0], [1, 0], [0, 1], [-1, 0]], np.float32)
    positions = np.array([3.0, 2.0, 1.0, 0.0])
    assert coherence(X, positions, 2) == pytest.approx(1)
    assert coherence(X, positions, 3) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("fit", "error", "says"),
    [
        (
            lambda X, y: SemanticAxis().fit(X, np.ones(len(X))),
            es.ParameterError,
            "least for one pole",
        ),
        (lambda X, y: SemanticAxis().fit_poles(X[:1], X[:1], X), es.QueryError, "same place"),
        (lambda X, y: SemanticAxis(share=0.7).fit(X, y), es.ParameterError, "share"),
        (lambda X, y: SemanticAxis().fit(X * np.nan, y), es.VectorError, "NaN"),
        (lambda X, y: IndependentAxes(n_runs=0).fit(X), es.ParameterError, "n_runs"),
        (lambda X, y: IndependentAxes().fit(X[:1]), es.VectorError, "minimum of 2"),
        (lambda X, y: IndependentAxes(n_components="x").fit(X), es.ParameterError, "n_compon"),
    ],
)
def test_what_has_no_axis_is_named(fit: Any, error: type[Exception], says: str) -> None:
    X, sides = planted(40)
    with pytest.raises(error, match=says):
        fit(X, sides)


@pytest.mark.parametrize("X", [np.ones((5, 3)), np.zeros((4, 2)), np.ones((2, 6))])
def test_identical_points_have_axes_without_a_position(X: np.ndarray) -> None:
    axes = IndependentAxes(n_runs=2).fit(X)
    assert np.isfinite(axes.transform(X)).all()
    poles = np.array([[1.0] + [0] * (X.shape[1] - 1)]), np.array([[0.0] * (X.shape[1] - 1) + [1]])
    assert np.isfinite(SemanticAxis().fit_poles(*poles, X).transform(X)).all()
