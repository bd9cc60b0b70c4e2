"""Document vectors against what people think: the Lee corpus."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embedsearch._errors import SourceFormatError, VectorError
from embedsearch.evaluation.base import Report, number
from embedsearch.text.corpora import Place, locate
from embedsearch.vectors.arrays import as_measured_matrix, unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

_DOCUMENTS = 50
_PLACE = Place(kind="gensim", files=("lee.cor", "similarities0-1.txt"))


@dataclass(frozen=True)
class LeeReport(Report):
    """How well the cosines of document vectors agree with human judgements.

    Attributes:
        pearson: Pearson's correlation over all pairs; None if all cosines are the same.
        spearman: The same of their ranks.
        documents: How many documents there are.
        pairs: How many pairs.
        notes: What was left out or assumed, a line each.
    """

    kind: ClassVar[str] = "documents"
    pearson: float | None
    spearman: float | None
    documents: int
    pairs: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the correlations, the counts and the notes."""
        return {**asdict(self), "notes": list(self.notes)}

    def rows(self) -> list[dict[str, Any]]:
        """Return one line."""
        counts = {"documents": self.documents, "pairs": self.pairs}
        return [{"set": "lee", **counts, "pearson": self.pearson, "spearman": self.spearman}]


def lee(encode: Callable[[Sequence[str]], ArrayLike]) -> LeeReport:
    """Compare the cosines of document vectors with human similarities, on the Lee corpus.

    The corpus has 50 short news reports, and for each of their 1,225 pairs the mean of what
    several of 83 people thought. M. D. Lee, B. M. Pincombe and M. B. Welsh (2005, "An empirical
    evaluation of models of text document similarity") report that one person's judgements
    correlate with another's at about 0.6 (Pearson), that latent semantic analysis reached
    about 0.6 too, and the models of words and of n-grams closer to 0.5. The files come with
    gensim.

    Args:
        encode: Turns texts into vectors, `(n, d)`.

    Raises:
        SourceNotFoundError: gensim's test data are missing.
        VectorError: The vectors are not 50 rows of finite numbers.
    """
    texts, human = _corpus()
    X, norms = as_measured_matrix(encode(texts), "the document vectors")
    if len(X) != len(texts):
        raise VectorError(
            f"encode must return {len(texts)} vectors for as many texts, not {len(X)}"
        )
    upper = np.triu_indices(len(texts), 1)
    unit = unit_rows(X, norms).astype(np.float64)
    cosines, judged = (unit @ unit.T)[upper], human[upper]
    pearson, spearman = _correlations(cosines, judged)
    notes = []
    if not norms.all():
        notes.append(f"documents with a vector of zeros, whose cosines are 0: {(norms == 0).sum()}")
    if pearson is None:
        notes.append("all cosines are the same, so that nothing correlates with them")
    return LeeReport(pearson, spearman, len(texts), len(judged), tuple(notes))


def _correlations(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[float | None, float | None]:
    # Below the precision of float32 there is only noise to correlate.
    if np.ptp(a) < 1e-6:
        return None, None
    from scipy.stats import rankdata

    pearson = np.corrcoef(a, b)[0, 1]
    return number(pearson), number(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def _corpus() -> tuple[list[str], NDArray[np.float64]]:
    texts_path, human_path = locate(_PLACE)
    # The texts have a pound sign of ISO 8859-1.
    texts = texts_path.read_text(encoding="latin-1").splitlines()
    human = _table(human_path)
    if len(texts) != _DOCUMENTS or human.shape != (_DOCUMENTS, _DOCUMENTS):
        reason = f"holds other than {_DOCUMENTS} documents; reinstall gensim"
        raise SourceFormatError(texts_path.parent, reason)
    return texts, human


def _table(path: Path) -> NDArray[np.float64]:
    try:
        return np.loadtxt(path, dtype=np.float64, ndmin=2)
    except ValueError as error:
        raise SourceFormatError(path, f"is no table of numbers ({error})") from error
