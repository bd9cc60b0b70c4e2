"""The Word Mover's Distance: what it costs to move the words of one text to those of another.

Kusner, Sun, Kolkin and Weinberger, "From Word Embeddings To Document Distances", ICML 2015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def movers_distance(
    X: NDArray[np.float64], p: NDArray[np.float64], Y: NDArray[np.float64], q: NDArray[np.float64]
) -> float:
    """Return the least cost of moving masses `p` `(n,)` at `X` `(n, d)` to `q` `(m,)` at `Y`.

    Moving a mass costs its Euclidean way; `p` and `q` each add up to 1.
    """
    from scipy.optimize import linprog
    from scipy.sparse import eye, kron, vstack
    from scipy.spatial.distance import cdist

    n, m = len(p), len(q)
    costs = cdist(X, Y)
    # One row for each word that gives and each that takes; the last follows from the others.
    leaving, arriving = kron(eye(n), np.ones((1, m))), kron(np.ones((1, n)), eye(m))
    totals = vstack([leaving, arriving]).tocsr()[:-1]
    solved = linprog(costs.ravel(), A_eq=totals, b_eq=np.concatenate([p, q])[:-1], method="highs")
    return max(0.0, float(solved.fun))
