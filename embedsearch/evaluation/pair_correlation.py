"""How well the cosines of words agree with what people say of their likeness."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from embedsearch.evaluation.base import Report, number
from embedsearch.evaluation.known_words import KnownWords
from embedsearch.evaluation.pair_file import read_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.evaluation.pair_file import JudgedPair
    from embedsearch.vectors.word_vectors import WordVectors


class Correlation(NamedTuple):
    """A coefficient and its two-sided p-value; None where they are not defined."""

    value: float | None
    p: float | None


_NONE = Correlation(None, None)


@dataclass(frozen=True, slots=True)
class PairReport(Report):
    """Correlations of cosines with human judgements.

    Attributes:
        source: The file of pairs.
        spearman: Rank correlation.
        pearson: Linear correlation.
        pairs: Pairs in the file.
        known: Pairs whose two words are known.
        unknown_words: The words that are not, each once, as the file has them.
        unknown: What was done with the other pairs: "left out" or "counted as similarity 0".
        restrict_vocab: How many of the first words were known.
        case_insensitive: Whether words that differ only in case were the same.
        notes: See `Report`.
    """

    kind: ClassVar[str] = "pairs"
    source: str
    spearman: Correlation
    pearson: Correlation
    pairs: int
    known: int
    unknown_words: tuple[str, ...]
    unknown: str
    restrict_vocab: int
    case_insensitive: bool
    notes: tuple[str, ...]

    @property
    def coverage(self) -> float:
        """The share of pairs whose two words are known."""
        return self.known / self.pairs

    def to_json(self) -> dict[str, Any]:
        """See `Report.to_json`."""
        return {
            "kind": self.kind,
            "source": self.source,
            **self.rows()[0],
            "unknown": self.unknown,
            "unknown_words": list(self.unknown_words),
            "restrict_vocab": self.restrict_vocab,
            "case_insensitive": self.case_insensitive,
            "notes": list(self.notes),
        }

    def rows(self) -> list[dict[str, Any]]:
        """See `Report.rows`: one line."""
        return [
            {
                "spearman": self.spearman.value,
                "spearman_p": self.spearman.p,
                "pearson": self.pearson.value,
                "pearson_p": self.pearson.p,
                "pairs": self.pairs,
                "known": self.known,
                "coverage": self.coverage,
            }
        ]


def pairs(
    vectors: WordVectors,
    path: str | Path,
    *,
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
    encoding: str = "utf-8",
) -> PairReport:
    """Correlate the cosines of pairs of words with human judgements of their likeness.

    The numbers are those of gensim's `evaluate_word_pairs`. A word whose vector is zero has the
    cosine 0 with every word.

    Args:
        vectors: Word vectors, the most frequent words first.
        path: Judged pairs; the layout is told from the file (`pair_file.read_pairs`).
        restrict_vocab: Know only so many of the first words; None knows all.
        case_insensitive: Take words that differ only in case for the same, the first of them.
        dummy4unknown: Count pairs with an unknown word as of similarity 0; otherwise they are
            left out.
        encoding: Of the file.

    Raises:
        ParameterError: A setting out of range.
        SourceError: The file is missing, cannot be read or is not in a layout; names the line.
    """
    known = KnownWords(vectors, restrict_vocab, case_insensitive)
    judged, tagged = read_pairs(path, encoding)
    rows = [(known.row(pair.first), known.row(pair.second)) for pair in judged]
    is_known = np.array([None not in pair for pair in rows])
    cosines = np.zeros(len(judged), np.float32)
    cosines[is_known] = _cosines(vectors.vectors, [pair for pair in rows if None not in pair])
    human = np.array([pair.score for pair in judged])
    used = slice(None) if dummy4unknown else is_known
    spearman, pearson, undefined = _correlations(human[used], cosines[used])
    unknown = "counted as similarity 0" if dummy4unknown else "left out"
    return PairReport(
        source=str(path),
        spearman=spearman,
        pearson=pearson,
        pairs=len(judged),
        known=int(is_known.sum()),
        unknown_words=_unknown_words(judged, known),
        unknown=unknown,
        restrict_vocab=known.limit,
        case_insensitive=case_insensitive,
        notes=(*_notes(int((~is_known).sum()), unknown, tagged), *undefined),
    )


def _cosines(vectors: FloatMatrix, rows: Sequence[tuple[int | None, int | None]]) -> FloatVector:
    """Compare pairs of rows in float64; rounded, so that equal pairs tie: `(n,)`."""
    X = vectors[np.array(rows, np.int64).reshape(-1, 2)].astype(np.float64)
    lengths = np.sqrt(np.square(X).sum(axis=2).prod(axis=1))
    products = X.prod(axis=1).sum(axis=1)
    cosines: FloatVector = np.where(lengths > 0, products / np.where(lengths > 0, lengths, 1), 0)
    return cosines.astype(np.float32)


def _correlations(
    human: NDArray[np.float64], ours: FloatVector
) -> tuple[Correlation, Correlation, tuple[str, ...]]:
    """Return Spearman's and Pearson's correlation; a note where they are not defined."""
    from scipy import stats

    if len(ours) < 2:
        return _NONE, _NONE, (f"a correlation needs two pairs, here {_are(len(ours))} known",)
    if not np.ptp(human) or not np.ptp(ours):
        whose = "judgements" if not np.ptp(human) else "cosines"
        return _NONE, _NONE, (f"all {whose} are equal: there is no correlation",)
    with warnings.catch_warnings():
        # Nearly equal values: the coefficient is given all the same.
        warnings.simplefilter("ignore")
        spearman, pearson = stats.spearmanr(human, ours), stats.pearsonr(human, ours)
    return _plain(spearman), _plain(pearson), ()


def _plain(result: Any) -> Correlation:
    return Correlation(number(result.statistic), number(result.pvalue))


def _are(count: int) -> str:
    return "one is" if count == 1 else "none is"


def _unknown_words(judged: Sequence[JudgedPair], known: KnownWords) -> tuple[str, ...]:
    words = dict.fromkeys(word for pair in judged for word in pair[:2])
    return tuple(word for word in words if known.row(word) is None)


def _notes(unknown_pairs: int, unknown: str, tagged: bool) -> tuple[str, ...]:
    notes = []
    if unknown_pairs:
        notes.append(
            f"pairs with a word that the vectors do not have, {unknown}: {unknown_pairs:,}"
        )
    if tagged:
        notes.append("the tags of the words (-n, -v, -j) were taken off")
    return tuple(notes)
