"""For each analogy the score of its own answer and the best score of any other word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.evaluation.known_words import KnownWords

# gensim looks at five words besides a, b and c themselves.
_LOOKED_AT = 5


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """The words that each question has itself, in all their forms.

    Attributes:
        questions: Which question, `(m,)`.
        rows: Which word, `(m,)`.
        wanted: Whether it is the answer, `(m,)`.
    """

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


class Contest:
    """Keeps the two scores of each question while the vocabulary passes by in blocks.

    "Queen" is as right an answer as "queen", and no variant of a, b or c is an answer.

    Args:
        known: The rows that may be answers.
        questions: `(nq, 4)` the first rows of the forms of a, b, c and d.

    Attributes:
        wanted: The best score of a form of d, `(nq,)`.
        others: The best score of a word that is no form of a, b, c or d, `(nq,)`.
        is_odd: Where gensim's choice depends on more than these two: d is one of a, b and c, or
            these have so many forms that they may be all that gensim looks at, `(nq,)`.
    """

    def __init__(self, known: KnownWords, questions: IntVector) -> None:
        nq = len(questions)
        self.wanted = np.full(nq, -np.inf, np.float32)
        self.others = np.full(nq, -np.inf, np.float32)
        owners, rows = known.variants(questions.ravel())
        marks = Marks(owners // 4, rows, owners % 4 == 3)
        self._marks = marks.by(rows)
        own_forms = np.bincount(marks.questions[~marks.wanted], minlength=nq)
        is_own = (questions[:, :3] == questions[:, 3:]).any(axis=1)
        self.is_odd = is_own | (own_forms >= 3 + _LOOKED_AT)

    def marks(self, start: int, stop: int) -> Marks:
        """Return the marks on rows from `start` to before `stop`, ordered by question."""
        part = self._marks.between(self._marks.rows, start, stop)
        return part.by(part.questions)

    def enter(self, first: int, start: int, scores: FloatMatrix, marks: Marks) -> None:
        """Take scores `(n, w)` of questions from `first` on with words from `start` on.

        Args:
            first: The first question.
            start: The row of the first word.
            scores: Are changed.
            marks: Of these words at least, ordered by question.
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
        """Tell where the two scores differ by no more than rounding may explain, `(nq,)`."""
        scale = np.maximum(abs(self.wanted), abs(self.others)) if relative else 1.0
        with np.errstate(invalid="ignore"):
            close: NDArray[np.bool_] = abs(self.wanted - self.others) <= tolerance * scale
        return close
