"""Which of many analogies are answered rightly, by matrix products over blocks of the vocabulary.

A question needs the cosines of every word with its three words only. So the cosines with the
distinct words of the questions are computed once, a block at a time, and each question combines
three rows of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.evaluation.analogy_contest import Contest
from embedsearch.evaluation.gensim_analogies import GensimAnalogies
from embedsearch.vectors.arrays import row_norms, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._progress import Task
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.evaluation.known_words import KnownWords

METHODS = ("3cosadd", "3cosmul")
# As in gensim: keeps the divisor of 3CosMul away from zero.
_EPSILON = np.float32(1e-6)
_PORTION = 4096
# 16 MB of cosines, and so many questions at a time that their scores stay in the cache.
_COSINES = 1 << 22
_WIDEST = 1 << 13
_BATCH = 64


def right_answers(
    vectors: FloatMatrix, known: KnownWords, questions: IntVector, method: str, task: Task
) -> NDArray[np.bool_]:
    """Tell which questions are answered rightly, as gensim would.

    Where the two best scores are so near that rounding may have ordered them, the question is
    asked again with gensim's own operations.

    Args:
        vectors: `(V, d)`.
        known: The rows that may be answers.
        questions: `(nq, 4)` the first rows of the forms of a, b, c and d.
        method: One of `METHODS`.
        task: Is told of questions answered.

    Returns:
        `(nq,)`; False where a, b or c has a vector of zeros.
    """
    gensim = GensimAnalogies(vectors, known.first_rows, method)
    right = np.zeros(len(questions), np.bool_)
    for start in range(0, len(questions), _PORTION):
        portion = questions[start : start + _PORTION]
        contest = Contest(known, portion)
        has_empty = _compare(vectors[: known.limit], portion, method, contest, task)
        found = contest.wanted > contest.others
        unsure = contest.is_odd | contest.is_close(_rounding(vectors), method == "3cosmul")
        for number in np.flatnonzero(unsure & ~has_empty):
            found[number] = gensim.is_right(portion[number])
        right[start : start + _PORTION] = found & ~has_empty
    return right


def _rounding(vectors: FloatMatrix) -> float:
    """Bound by how much two scores may be ordered wrongly, here or in gensim.

    A float32 product of d terms at length 1 is off by at most d·u, u = 2⁻²⁴ (Higham, "Accuracy
    and Stability of Numerical Algorithms", section 3.1). Each of two scores has three, each of
    them computed twice.
    """
    return float(12 * vectors.shape[1] * 2.0**-24)


def _compare(
    vectors: FloatMatrix, questions: IntVector, method: str, contest: Contest, task: Task
) -> NDArray[np.bool_]:
    """Score all words for all questions; tell which questions have a vector of zeros, `(nq,)`."""
    rows, places = np.unique(questions[:, :3], return_inverse=True)
    places = places.reshape(-1, 3)
    U = _unit(vectors[rows])
    width = min(max(_COSINES // len(U), 1), _WIDEST)
    for start in range(0, len(vectors), width):
        X = _unit(vectors[start : start + width])
        S = U @ X.T
        if method == "3cosmul":
            S = (1 + S) / 2
        _enter_block(S, _empty(X), places, method, contest, start)
        task.advance(len(questions) * len(X) / len(vectors))
    has_empty: NDArray[np.bool_] = np.logical_or.reduce(_empty(U)[places], axis=1)
    return has_empty


def _enter_block(
    S: FloatMatrix,
    empty: NDArray[np.bool_],
    places: IntVector,
    method: str,
    contest: Contest,
    start: int,
) -> None:
    """Combine the cosines `(nw, w)` of a block for every question; empty words never win."""
    marks = contest.marks(start, start + len(empty))
    combine = _added if method == "3cosadd" else _multiplied
    scores, spare = np.empty((2, _BATCH, len(empty)), np.float32)
    for first in range(0, len(places), _BATCH):
        batch = places[first : first + _BATCH]
        T = scores[: len(batch)]
        combine(S, batch, T, spare[: len(batch)])
        T[:, empty] = -np.inf
        contest.enter(first, start, T, marks)


def _added(S: FloatMatrix, places: IntVector, T: FloatMatrix, spare: FloatMatrix) -> None:
    """Put `b + c - a` of rows of `S` into `T`."""
    a, b, c = places.T
    _take(S, b, T)
    T += _take(S, c, spare)
    T -= _take(S, a, spare)


def _multiplied(S: FloatMatrix, places: IntVector, T: FloatMatrix, spare: FloatMatrix) -> None:
    """Put `b * c / (a + 0.000001)` of rows of `S` into `T`."""
    a, b, c = places.T
    _take(S, b, T)
    T *= _take(S, c, spare)
    divisor = _take(S, a, spare)
    divisor += _EPSILON
    T /= divisor


def _take(S: FloatMatrix, rows: IntVector, out: FloatMatrix) -> FloatMatrix:
    # Any other mode would copy through a buffer, to leave `out` alone in case of an error.
    return S.take(rows, axis=0, out=out, mode="clip")


def _empty(X: FloatMatrix) -> NDArray[np.bool_]:
    empty: NDArray[np.bool_] = (X == 0).all(axis=1)
    return empty


def _unit(X: FloatMatrix) -> FloatMatrix:
    return unit_rows(X, row_norms(X))
