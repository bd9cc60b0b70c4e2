"""Probabilistic latent semantic analysis, by expectation maximization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

from embedsearch._checks import COUNT, Interval, check
from embedsearch._errors import VectorError
from embedsearch.space.base import SpaceTransformer
from embedsearch.space.clusters import seed_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

# Counts whose topics are computed at once.
_BLOCK = 1 << 16
_TINY = 1e-12
_FOLDED_IN = 30


class PLSA(SpaceTransformer):
    """Topics as a mixture: a document has shares of topics, a topic shares of terms.

    Hofmann 1999, "Probabilistic Latent Semantic Analysis". Each round of EM raises the likelihood,
    or leaves it.

    Args:
        n_components: How many topics, k.
        max_iter: Rounds at most.
        tol: Stop when a round raises the mean log likelihood of a word by less.
        random_state: A seed, for the same topics to the bit; None draws one from numpy.

    Attributes:
        components_: (k, V) float64, the shares of terms; each row adds up to 1.
        shares_: (n, k) float64, the shares of topics in the documents of `fit`.
        log_likelihoods_: (n_iter_) of a word, on average, before each round.
        n_iter_: Rounds that were made.
    """

    def __init__(
        self,
        n_components: int = 10,
        *,
        max_iter: int = 50,
        tol: float = 1e-4,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002
        """Find the topics of counts X (n, V), sparse or dense, none below 0; `y` is not used.

        Raises:
            ParameterError: A parameter is out of range.
            VectorError: X is not (n, V), or holds NaN, infinity or numbers below 0.
        """
        check("n_components", self.n_components, COUNT)
        check("max_iter", self.max_iter, COUNT)
        check("tol", self.tol, Interval(0))
        counts = checked_counts(self, X, reset=True)
        n, size = counts.shape
        rng = np.random.default_rng(seed_of(self.random_state))
        phi = rng.dirichlet(np.ones(self.n_components), size)
        phi /= phi.sum(axis=0)
        theta = np.full((n, self.n_components), 1 / self.n_components)
        likelihoods: list[float] = []
        with self._progress.task("topics by PLSA", self.max_iter, "rounds") as task:
            for _ in range(self.max_iter):
                theta, raised, likelihood = expectation(counts, theta, phi)
                sums = raised.sum(axis=0)
                # A topic that no word is of stays as it is.
                phi = np.where(sums > 0, raised / np.where(sums > 0, sums, 1), phi)
                likelihoods.append(likelihood)
                task.advance(1)
                if len(likelihoods) > 1 and likelihoods[-1] - likelihoods[-2] < self.tol:
                    break
        self.components_ = np.ascontiguousarray(phi.T)
        self.shares_, self.log_likelihoods_ = theta, np.array(likelihoods)
        self.n_iter_ = len(likelihoods)
        return self

    def fit_transform(self, X: Any, y: object = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Find the topics of X (n, V), and return the shares of topics as `transform` has them."""
        return self.fit(X).transform(X)

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the shares of the topics in documents (n, V): (n, k), rows that add up to 1.

        The topics stay as they are (folding in). A document without a known term has equal shares.
        """
        check_is_fitted(self)
        return folded_in(checked_counts(self, X, reset=False), self.components_)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64"]
        return tags


def checked_counts(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return counts as `csr_matrix` float64, checked; what is wrong is a `VectorError`."""
    from scipy.sparse import csr_matrix

    try:
        counts = validate_data(estimator, X, reset=reset, accept_sparse="csr", dtype=np.float64)
        check_non_negative(counts, type(estimator).__name__)
    except ValueError as error:
        raise VectorError(str(error)) from error
    return csr_matrix(counts)


def folded_in(counts: Any, components: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shares of given topics `(k, V)` in documents `(n, V)`: (n, k)."""
    k = len(components)
    theta, phi = np.full((counts.shape[0], k), 1 / k), np.ascontiguousarray(components.T)
    for _ in range(_FOLDED_IN):
        theta, _, _ = expectation(counts, theta, phi)
    return theta


def expectation(
    counts: Any, theta: NDArray[np.float64], phi: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Do a round of EM: the new shares `(n, k)`, the sums for terms `(V, k)`, the likelihood.

    `theta` `(n, k)` and `phi` `(V, k)` are those before. The likelihood is the logarithm, of a
    word on average, of what they made of the counts.
    """
    ratio = counts.copy()
    documents = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    logs = 0.0
    for start in range(0, counts.nnz, _BLOCK):
        part = slice(start, start + _BLOCK)
        guess = np.einsum("ik,ik->i", theta[documents[part]], phi[counts.indices[part]])
        guess = np.maximum(guess, _TINY)
        ratio.data[part] = counts.data[part] / guess
        logs += float(counts.data[part] @ np.log(guess))
    shares = theta * (ratio @ phi)
    raised: NDArray[np.float64] = phi * (ratio.T @ theta)
    sums = shares.sum(axis=1, keepdims=True)
    new = np.where(sums > 0, shares / np.where(sums > 0, sums, 1), theta)
    return new, raised, logs / max(float(counts.sum()), _TINY)
