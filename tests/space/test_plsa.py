"""PLSA against a slow reading of its formulas, and scikit-learn's NMF."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.decomposition import NMF

from embedsearch._errors import ParameterError, VectorError
from embedsearch.space.plsa import PLSA, expectation
from tests.space.checks import estimator_checks


def counts(n: int = 30, size: int = 40, k: int = 3, seed: int = 0) -> Any:
    """Return counts of documents, each of the words of one topic."""
    rng = np.random.default_rng(seed)
    made = np.zeros((n, size))
    for row in range(n):
        start = row % k * (size // k)
        made[row, start : start + size // k] = rng.poisson(2, size // k)
    return csr_matrix(made)


@pytest.mark.parametrize(("estimator", "check"), list(estimator_checks(PLSA(2, random_state=0))))
def test_scikit_learn_finds_nothing_wrong(estimator: Any, check: Any) -> None:
    check(estimator)


def test_a_round_is_that_of_the_formulas() -> None:
    rng = np.random.default_rng(0)
    X = csr_matrix(rng.poisson(1, (6, 9)).astype(float))
    theta, phi = rng.dirichlet(np.ones(3), 6), rng.dirichlet(np.ones(9), 3).T
    dense = X.toarray()
    posterior = theta[:, np.newaxis, :] * phi[np.newaxis]
    total = posterior.sum(axis=2)
    expected = dense[:, :, np.newaxis] * posterior / total[:, :, np.newaxis]
    shares = expected.sum(axis=1)
    new, raised, likelihood = expectation(X, theta, phi)
    np.testing.assert_allclose(new, shares / shares.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(raised, expected.sum(axis=0))
    assert likelihood == pytest.approx((dense * np.log(total)).sum() / dense.sum())


def test_the_likelihood_never_falls() -> None:
    X = csr_matrix(np.random.default_rng(0).poisson(0.5, (80, 60)))
    values = PLSA(8, max_iter=80, tol=0, random_state=0).fit(X).log_likelihoods_
    assert len(values) > 10
    assert (np.diff(values) >= -1e-12).all()


def test_it_reaches_the_optimum_of_nmf_under_kullback_and_leibler() -> None:
    X = counts()
    ours = PLSA(3, max_iter=2000, tol=0, random_state=1).fit(X)
    nmf = NMF(3, beta_loss="kullback-leibler", solver="mu", max_iter=2000, tol=0, random_state=0)
    W = nmf.fit_transform(X)
    guess = W @ nmf.components_
    guess /= guess.sum(axis=1, keepdims=True)
    dense = X.toarray()
    theirs = (dense * np.log(np.where(dense > 0, guess, 1))).sum() / dense.sum()
    assert ours.log_likelihoods_[-1] == pytest.approx(theirs, abs=1e-3)


def test_planted_topics_are_found_and_later_documents_placed() -> None:
    X = counts()
    model = PLSA(3, max_iter=200, random_state=1).fit(X)
    own = model.transform(counts(seed=5)).argmax(axis=1)
    assert len(set(own[:3])) == 3
    np.testing.assert_array_equal(own, np.tile(own[:3], 10))
    np.testing.assert_allclose(model.components_.sum(axis=1), 1)
    np.testing.assert_allclose(model.transform(csr_matrix((1, 40))), 1 / 3)


def test_the_same_seed_gives_the_same_to_the_bit() -> None:
    first, again = (PLSA(3, random_state=4).fit(counts()).components_ for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_what_cannot_be_counts_is_said() -> None:
    with pytest.raises(VectorError, match="Negative values"):
        PLSA(1).fit([[1.0, -1.0]])
    with pytest.raises(ParameterError, match="n_components"):
        PLSA(0).fit(counts())
