"""Recommendation: what somebody who has read these will read next, by what others have read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from embedsearch._checks import COUNT, Interval, check
from embedsearch._errors import VectorError
from embedsearch._processes import one_blas_thread
from embedsearch.space.base import SpaceTransformer
from embedsearch.vectors.arrays import as_matrix, best_first, unit_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from embedsearch._types import FloatMatrix

    Floats = NDArray[np.floating[Any]]

# Steps of conjugate gradients an iteration: with the last one's answer as the start, more gain
# nothing (Takács, Pilászy and Tikk 2011). Elsewhere as many as it takes, and in float64.
_STEPS = 3
# Of the squared residual, to the right-hand side.
_CONVERGED = 1e-20
# Interactions at a time, so that their factors stay in the processor's cache.
_AT_ONCE = 8_192
# Of the regression of factors on content, to its mean eigenvalue.
_RIDGE = 1e-2


class ImplicitFactors(SpaceTransformer):
    """Factors of users and items, by who has read, bought or heard what.

    Matrix factorisation of implicit feedback by alternating least squares (Hu, Koren and Volinsky
    2008): with the preference 1 for what a user has read and 0 for all else, and the confidence
    `1 + alpha * weight`, the scores are the products of two factors that fit the preferences
    best. No user is stored: each, known or new, is folded in from what they have read.

    With the items' vectors as `content`, their factors are drawn to a linear function of these,
    which gives items that nobody has read yet a factor, too (after collaborative topic regression,
    Wang and Blei 2011).

    Args:
        n_factors: The dimensions f.
        regularization: Of the squared factors; above 0. Also how strongly content draws.
        alpha: How much one interaction adds to the confidence.
        iterations: How often both sides are fitted.
        random_state: The seed of the first factors.

    Attributes:
        item_factors_: (n_items, f) float32.
        seen_: (n_items,) whether anybody has read it.
        content_map_: (d, f) from content to factors; without content (0, f).
    """

    def __init__(
        self,
        n_factors: int = 64,
        regularization: float = 20.0,
        alpha: float = 10.0,
        iterations: int = 15,
        random_state: Any = 0,
    ) -> None:
        self.n_factors, self.regularization, self.alpha = n_factors, regularization, alpha
        self.iterations, self.random_state = iterations, random_state

    def fit(self, X: Any, y: object = None, *, content: ArrayLike | None = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Learn from interactions.

        X is (n_users, n_items), a scipy sparse matrix or an array: weights above 0 for what a user
        has read, below 0 for what they have refused, 0 for all else. `content` is (n_items, d).

        Raises:
            ParameterError: A parameter is out of range.
            VectorError: An array has a wrong shape, or holds NaN or infinity.
        """
        check("n_factors", self.n_factors, COUNT)
        check("regularization", self.regularization, Interval(0, open_least=True))
        check("alpha", self.alpha, Interval(0))
        check("iterations", self.iterations, COUNT)
        R = self._interactions(X, reset=True)
        A = None if content is None else as_matrix(content, "content")
        if A is not None and len(A) != R.shape[1]:
            raise VectorError(
                f"content must have a row for each of {R.shape[1]} items, got {len(A)}"
            )
        self.seen_ = R.getnnz(axis=0) > 0
        seen = R[:, self.seen_]
        by_item = seen.T.tocsr()
        draw = check_random_state(self.random_state)
        Y: Floats = (0.01 * draw.standard_normal((seen.shape[1], self.n_factors))).astype(
            np.float32
        )
        U: Floats = np.zeros((R.shape[0], self.n_factors), np.float32)
        W: Floats = np.zeros((0 if A is None else A.shape[1], self.n_factors), np.float32)
        prior = None
        regression = None if A is None else _regression(A[self.seen_])
        with one_blas_thread(), self._progress.task("factors", self.iterations, "rounds") as task:
            for _ in range(self.iterations):
                U = self._solved(seen, Y, U, _STEPS)
                Y = self._solved(by_item, U, Y, _STEPS, prior)
                if A is not None and regression is not None:
                    W = regression @ Y
                    prior = A[self.seen_] @ W
                task.advance(1)
        self.content_map_ = W
        self.item_factors_ = np.zeros((R.shape[1], self.n_factors), np.float32)
        if A is not None:
            self.item_factors_[:] = A @ W
        self.item_factors_[self.seen_] = Y
        return self

    def transform(self, X: Any) -> FloatMatrix:
        """Return the factors (n_users, f) of users, by their interactions (n_users, n_items)."""
        check_is_fitted(self)
        R = self._interactions(X)
        Y = self.item_factors_.astype(np.float64)
        with one_blas_thread():
            start = np.zeros((R.shape[0], Y.shape[1]))
            U = self._solved(R, Y, start, 10 * Y.shape[1], counted=self.seen_)
        return U.astype(np.float32)

    def inverse_transform(self, U: ArrayLike) -> FloatMatrix:
        """Return the scores (n_users, n_items) of all items for users' factors (n_users, f)."""
        check_is_fitted(self)
        scores: FloatMatrix = as_matrix(U, "U", self.item_factors_.shape[1]) @ self.item_factors_.T
        return scores

    def recommend(self, X: Any, topn: int = 10) -> tuple[NDArray[np.int64], FloatMatrix]:
        """Return the items to read next (n_users, topn) and their scores, best first.

        What a user has read or refused is left out. If too few are left, the rest is item -1 with
        the score -inf.

        Raises:
            ParameterError: `topn` is not 1 or more.
            VectorError: X has a wrong shape, or holds NaN or infinity.
        """
        check("topn", topn, COUNT)
        R = self._interactions(X)
        scores = self.inverse_transform(self.transform(R))
        users = np.repeat(np.arange(R.shape[0]), np.diff(R.indptr))
        scores[users, R.indices] = -np.inf
        return _best(scores, topn)

    def similar_items(
        self, items: ArrayLike, topn: int = 10
    ) -> tuple[NDArray[np.int64], FloatMatrix]:
        """Return the items (n, topn) most like some, and the cosines of their factors.

        Raises:
            ParameterError: `topn` is not 1 or more, or an item is not a row of `item_factors_`.
        """
        check_is_fitted(self)
        check("topn", topn, COUNT)
        rows = np.atleast_1d(np.asarray(items))
        for row in rows.tolist():
            check("an item", row, Interval(0, len(self.item_factors_) - 1, whole=True))
        units = unit_rows(self.item_factors_)
        scores = units[rows] @ units.T
        scores[np.arange(len(rows)), rows] = -np.inf
        return _best(scores, topn)

    def contributions(self, X: Any, items: ArrayLike) -> Floats:
        """Return what each thing read adds to the scores of items, for one user: (n, n_items).

        The rows add up to the scores: the factor of a user is a linear function of what they have
        read (Hu, Koren and Volinsky 2008, section 5).

        Args:
            X: (1, n_items) what the user has read.
            items: (n,) those whose scores are explained.
        """
        check_is_fitted(self)
        R = self._interactions(X)
        check("the number of users", R.shape[0], Interval(1, 1, whole=True))
        Y = self.item_factors_.astype(np.float64)
        read, weights = R.indices, R.data
        counted, own = Y[self.seen_], Y[read]
        matrix = counted.T @ counted + self.regularization * np.eye(Y.shape[1])
        matrix += own.T @ (self.alpha * np.abs(weights)[:, np.newaxis] * own)
        to_factor = np.linalg.solve(matrix, (own * _pulls(weights, self.alpha)[:, np.newaxis]).T)
        found: Floats = np.zeros((len(np.atleast_1d(items)), len(Y)))
        found[:, read] = Y[np.atleast_1d(items)] @ to_factor
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _interactions(self, X: Any, *, reset: bool = False) -> Any:
        R = sparse.csr_matrix(self._points(X, reset=reset, accept_sparse="csr"))
        R.sum_duplicates()
        R.eliminate_zeros()
        return R

    def _solved(
        self,
        R: Any,
        Y: Floats,
        start: Floats,
        steps: int,
        prior: Floats | None = None,
        counted: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """Return the factors (n, f) that fit rows R (n, m) best, given those of the columns Y.

        Each is the solution of `(Y'Y + Y'(C - 1)Y + regularization) x = Y'Cp`, with the
        confidences C and preferences p of its row, by conjugate gradients. A prior (n, f) is
        where factors are drawn to in place of 0. Only columns that are `counted` are
        preferences of 0 where a row has nothing; None for all.
        """
        zeros = Y if counted is None else Y[counted]
        gram = zeros.T @ zeros
        gram[np.diag_indices_from(gram)] += Y.dtype.type(self.regularization)
        found = np.empty_like(start)
        bounds = np.searchsorted(R.indptr, np.arange(_AT_ONCE, R.nnz + _AT_ONCE, _AT_ONCE))
        first = 0
        for last in [*np.unique(bounds).tolist(), R.shape[0]]:
            rows = slice(first, min(last, R.shape[0]))
            if rows.start < rows.stop:
                drawn = None if prior is None else self.regularization * prior[rows]
                found[rows] = self._conjugate_gradients(
                    R[rows], Y, gram, start[rows].copy(), steps, drawn
                )
            first = max(first, last)
        return found

    def _conjugate_gradients(
        self, R: Any, Y: Floats, gram: Floats, x: Floats, steps: int, drawn: Floats | None
    ) -> Floats:
        own = Y[R.indices]
        row_of = np.repeat(np.arange(R.shape[0]), np.diff(R.indptr))
        extra = (self.alpha * np.abs(R.data)).astype(Y.dtype)

        def times(values: Floats) -> Floats:
            """Return the sum of the factors of each row's columns, times values (nnz,)."""
            total: Floats = sparse.csr_matrix((values, R.indices, R.indptr), R.shape) @ Y
            return total

        def product(v: Floats) -> Floats:
            dots = np.einsum("ij,ij->i", v[row_of], own)
            whole: Floats = v @ gram
            whole += times(extra * dots)
            return whole

        b = times(_pulls(R.data, self.alpha).astype(Y.dtype))
        if drawn is not None:
            b += drawn
        r = b - product(x)
        p, squares = r.copy(), _squares(r)
        least = _CONVERGED * _squares(b)
        for _ in range(steps):
            if (squares <= least).all():
                break
            image = product(p)
            # A row that is solved stays: its direction is 0.
            length = squares / np.maximum(np.einsum("ij,ij->i", p, image), _TINY)
            x += length[:, np.newaxis] * p
            r -= length[:, np.newaxis] * image
            new = _squares(r)
            p *= np.where(squares > least, new / np.maximum(squares, _TINY), 0)[:, np.newaxis]
            p += r
            squares = new
        return x


_TINY = np.finfo(np.float32).tiny


def _squares(x: Floats) -> Floats:
    found: Floats = np.einsum("ij,ij->i", x, x)
    return found


def _pulls(weights: Floats, alpha: float) -> Floats:
    """Return confidence times preference."""
    pulls: Floats = np.where(weights > 0, 1 + alpha * weights, 0)
    return pulls


def _regression(A: FloatMatrix) -> FloatMatrix:
    """Return what makes of targets (n, f) the map (d, f) from A (n, d) that fits them best."""
    gram = A.T @ A
    gram[np.diag_indices_from(gram)] += np.float32(_RIDGE) * max(np.trace(gram) / len(gram), _TINY)
    found: FloatMatrix = np.linalg.solve(gram, A.T)
    return found


def _best(scores: FloatMatrix, topn: int) -> tuple[NDArray[np.int64], FloatMatrix]:
    columns = np.arange(scores.shape[1])
    topn = min(topn, len(columns))
    items = np.full((len(scores), topn), -1, np.int64)
    for row, values in enumerate(scores):
        items[row] = best_first(values, columns, topn)
    found: FloatMatrix = np.take_along_axis(scores, items, axis=1)
    return np.where(np.isneginf(found), -1, items), found
