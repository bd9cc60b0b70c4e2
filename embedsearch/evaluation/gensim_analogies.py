"""One analogy answered by the very operations of gensim, so that near ties fall as they do there.

gensim's `KeyedVectors.evaluate_word_analogies` looks at the five best rows that are not those of
a, b and c, and takes the first whose form is not among theirs. For 3CosMul, which gensim never
uses there, the same is done with the scores of its `most_similar_cosmul`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector, IntVector

_LOOKED_AT = 5


class GensimAnalogies:
    """Answers single analogies.

    Args:
        vectors: `(V, d)`.
        first_rows: For each row that may be an answer, the first row of the same form.
        method: "3cosadd" or "3cosmul".
    """

    def __init__(self, vectors: FloatMatrix, first_rows: IntVector, method: str) -> None:
        self._vectors = vectors[: len(first_rows)]
        self._first_rows = first_rows
        self._scores = self._added if method == "3cosadd" else self._multiplied

    def is_right(self, question: IntVector) -> bool:
        """Tell whether the answer to rows a, b, c `(4,)` has the form of the fourth."""
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
