"""Which of many analogies are answered correctly, as gensim would say.

A question needs the cosines of every word with its three words only. So the cosines with the
distinct words of the questions are computed once, for a block of the vocabulary at a time, and
each question combines three rows of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.vectors.arrays import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._progress import Task
    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.evaluation.word_sets import RestrictedVocabulary

METHODS = ("3cosadd", "3cosmul")

# gensim looks at five words besides a, b and c themselves.
_LOOKED_AT = 5
# As in gensim: keeps the divisor of 3CosMul away from zero.
_EPSILON = np.float32(1e-6)


@dataclass(frozen=True, slots=True)
class Blocks:
    """How much is computed at a time; results do not depend on it."""

    questions: int = 4096  # questions whose words are looked up together
    cosines: int = 1 << 22  # cosines in memory: 16 MB
    width: int = 1 << 13  # words of the vocabulary in a block, at most
    batch: int = 64  # so many questions that their scores stay in the processor's cache


class GensimAnalogies:
    """Answers single analogies by the very operations of gensim, so that near ties end as there.

    gensim's `KeyedVectors.evaluate_word_analogies` looks at the five best rows that are not those
    of a, b and c, and takes the first whose form is not among theirs. For 3CosMul, which gensim
    never uses there, the same is done with the scores of its `most_similar_cosmul`.

    `first_rows` has, for each row that may be an answer, the first row of the same form.
    """

    def __init__(self, vectors: FloatMatrix, first_rows: IntVector, method: str) -> None:
        self._vectors = vectors[: len(first_rows)]
        self._first_rows = first_rows
        self._scores = self._added if method == "3cosadd" else self._multiplied

    def is_right(self, question: IntVector) -> bool:
        """Whether the answer to rows a, b, c of a question `(4,)` has the form of the fourth."""
        a, b, c, wanted = question.tolist()
        best = _best(self._scores(a, b, c), _LOOKED_AT + 3)
        left = [row for row in best.tolist() if row not in (a, b, c)][:_LOOKED_AT]
        forms = self._first_rows[left].tolist()
        # Where all of them are variants of the question's own words, gensim takes the last.
        found = next((form for form in forms if form not in (a, b, c)), forms[-1] if forms else -1)
        return bool(found == wanted)

    @cached_property
    def _norms(self) -> FloatVector:
        norms: FloatVector = np.linalg.norm(self._vectors, axis=1)
        return norms

    def _unit(self, row: int) -> FloatVector:
        unit: FloatVector = self._vectors[row] / self._norms[row]
        return unit

    def _cosines(self, vector: FloatVector) -> NDArray[np.floating]:
        with np.errstate(invalid="ignore", divide="ignore"):
            cosines: NDArray[np.floating] = np.dot(self._vectors, vector) / self._norms
        return cosines

    def _added(self, a: int, b: int, c: int) -> NDArray[np.floating]:
        from scipy.linalg.blas import dnrm2, dscal

        total = np.zeros(self._vectors.shape[1], np.float32)
        for row, weight in ((b, 1.0), (c, 1.0), (a, -1.0)):
            total += weight * self._unit(row)
        # A float64 scalar: what this gives in float32 differs between NumPy 1 and 2, as there.
        mean = total / np.float64(3)
        length = dnrm2(mean)
        unit = dscal(1.0 / length, mean) if length > 0 else mean
        return self._cosines(unit.astype(mean.dtype).astype(np.float32))

    def _multiplied(self, a: int, b: int, c: int) -> NDArray[np.floating]:
        near_b, near_c, near_a = ((1 + self._cosines(self._unit(row))) / 2 for row in (b, c, a))
        scores: NDArray[np.floating] = np.prod([near_b, near_c], axis=0) / (near_a + 0.000001)
        return scores


def _best(scores: NDArray[np.floating], topn: int) -> NDArray[np.intp]:
    """Return the rows of the `topn` highest scores, ordered as gensim's `matutils.argsort` does."""
    lowest = -scores
    if topn >= lowest.size:
        return np.argsort(lowest)[:topn]
    some = np.argpartition(lowest, topn)[:topn]
    return some.take(np.argsort(lowest.take(some)))


# Arrays cannot be compared as one.
@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """The words `(m,)` that occur in questions `(m,)`, in all forms; `wanted` marks answers."""

    questions: IntVector
    rows: IntVector
    wanted: NDArray[np.bool_]

    def by(self, keys: IntVector) -> Marks:
        """Return the same in the order of `keys` `(m,)`."""
        order = np.argsort(keys, kind="stable")
        return Marks(self.questions[order], self.rows[order], self.wanted[order])

    def between(self, keys: IntVector, start: int, stop: int) -> Marks:
        """Return those with keys from `start` to before `stop`; `keys` `(m,)` must be sorted."""
        first, last = np.searchsorted(keys, [start, stop])
        part = slice(first, last)
        return Marks(self.questions[part], self.rows[part], self.wanted[part])


class BestScores:
    """For each question the score of its own answer and the best score of any other word.

    "Queen" is as right an answer as "queen", and no variant of a, b or c is an answer.

    Questions are `(nq, 4)`, the first rows of the forms of a, b, c and d.
    """

    def __init__(self, vocabulary: RestrictedVocabulary, questions: IntVector) -> None:
        nq = len(questions)
        self.wanted = np.full(nq, -np.inf, np.float32)
        self.others = np.full(nq, -np.inf, np.float32)
        owners, rows = vocabulary.variants(questions.ravel())
        marks = Marks(owners // 4, rows, owners % 4 == 3)
        self._marks = marks.by(rows)
        # gensim's choice depends on more than two scores if d is one of a, b and c, or if these
        # have so many forms that they may be all that gensim looks at.
        own_forms = np.bincount(marks.questions[~marks.wanted], minlength=nq)
        is_own = (questions[:, :3] == questions[:, 3:]).any(axis=1)
        self.is_odd = is_own | (own_forms >= 3 + _LOOKED_AT)

    def marks(self, start: int, stop: int) -> Marks:
        """Return the marks on rows from `start` to before `stop`, ordered by question."""
        part = self._marks.between(self._marks.rows, start, stop)
        return part.by(part.questions)

    def update(self, first: int, start: int, scores: FloatMatrix, marks: Marks) -> None:
        """Take scores `(n, w)`, and change them, of questions from `first` and words from `start`.

        The marks are those of these words at least, ordered by question.
        """
        last = first + len(scores)
        part = marks.between(marks.questions, first, last)
        place = part.questions - first, part.rows - start
        asked = part.questions[part.wanted]
        np.maximum.at(self.wanted, asked, scores[place][part.wanted])
        scores[place] = -np.inf
        others = self.others[first:last]
        np.maximum(others, scores.max(axis=1), out=others)

    def is_close(self, tolerance: float, relative: bool) -> NDArray[np.bool_]:
        """Where the two scores differ by no more than rounding may explain, `(nq,)`."""
        scale = np.maximum(abs(self.wanted), abs(self.others)) if relative else 1.0
        with np.errstate(invalid="ignore"):
            close: NDArray[np.bool_] = abs(self.wanted - self.others) <= tolerance * scale
        return close


def right_answers(
    vectors: FloatMatrix,
    vocabulary: RestrictedVocabulary,
    questions: IntVector,
    method: str,
    task: Task,
    *,
    blocks: Blocks = Blocks(),
    tolerance: float | None = None,
) -> NDArray[np.bool_]:
    """Return which questions are answered correctly, as gensim would say, `(nq,)`.

    If the two best scores are so near that rounding may have ordered them, the question is asked
    again with gensim's own operations. It is never right if a, b or c has a vector of zeros.

    Two scores further apart than `tolerance` are in order; None takes the bound of float32.
    """
    tolerance = _rounding(vectors.shape[1]) if tolerance is None else tolerance
    gensim = GensimAnalogies(vectors, vocabulary.first_rows, method)
    scorer = _Scorer(vectors[: vocabulary.limit], method, blocks)
    right = np.zeros(len(questions), np.bool_)
    for start in range(0, len(questions), blocks.questions):
        portion = questions[start : start + blocks.questions]
        best = BestScores(vocabulary, portion)
        has_empty = scorer.compare(portion, best, task)
        found = best.wanted > best.others
        unsure = best.is_odd | best.is_close(tolerance, method == "3cosmul")
        for number in np.flatnonzero(unsure & ~has_empty):
            found[number] = gensim.is_right(portion[number])
        right[start : start + blocks.questions] = found & ~has_empty
    return right


def _rounding(dimension: int) -> float:
    """Bound the difference below which two scores may be ordered wrongly, here or in gensim.

    A float32 product of d terms at length 1 is off by at most d·u, u = 2⁻²⁴ (Higham, "Accuracy
    and Stability of Numerical Algorithms", section 3.1). Each of two scores has three, each of
    them computed twice.
    """
    return float(12 * dimension * 2.0**-24)


class _Scorer:
    """Scores all words for many questions, block by block."""

    def __init__(self, vectors: FloatMatrix, method: str, blocks: Blocks) -> None:
        self._vectors, self._method, self._blocks = vectors, method, blocks

    def compare(self, questions: IntVector, best: BestScores, task: Task) -> NDArray[np.bool_]:
        """Update the best scores; return which questions have a vector of zeros, `(nq,)`."""
        rows, places = np.unique(questions[:, :3], return_inverse=True)
        places = places.reshape(-1, 3)
        U = unit_rows(self._vectors[rows])
        width = min(max(self._blocks.cosines // len(U), 1), self._blocks.width)
        for start in range(0, len(self._vectors), width):
            X = unit_rows(self._vectors[start : start + width])
            S = U @ X.T
            if self._method == "3cosmul":
                S = (1 + S) / 2
            self._update(best, S, _empty(X), places, start)
            task.advance(len(questions) * len(X) / len(self._vectors))
        has_empty: NDArray[np.bool_] = np.logical_or.reduce(_empty(U)[places], axis=1)
        return has_empty

    def _update(
        self,
        best: BestScores,
        S: FloatMatrix,
        empty: NDArray[np.bool_],
        places: IntVector,
        start: int,
    ) -> None:
        """Combine the cosines `(nw, w)` of a block for every question; empty words never win."""
        marks = best.marks(start, start + len(empty))
        combine = _added if self._method == "3cosadd" else _multiplied
        batch = self._blocks.batch
        scores, spare = np.empty((2, batch, len(empty)), np.float32)
        for first in range(0, len(places), batch):
            some = places[first : first + batch]
            T = scores[: len(some)]
            combine(S, some, T, spare[: len(some)])
            T[:, empty] = -np.inf
            best.update(first, start, T, marks)


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
