"""How well cosines agree with what people say: of pairs of words, and of the Lee documents."""

from __future__ import annotations

import csv
import re
import warnings
from dataclasses import asdict, dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from embedsearch._checks import BOOLEAN, check
from embedsearch._errors import ParameterError, SourceFormatError, VectorError
from embedsearch.evaluation.base import Report, number
from embedsearch.evaluation.files import numbered_lines
from embedsearch.evaluation.word_sets import RestrictedVocabulary
from embedsearch.text.corpora import Place, locate
from embedsearch.vectors.arrays import as_measured_matrix, unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.vectors.word_vectors import WordVectors


# The lemma form of MEN: sun-n, run-v, red-j.
_TAGGED = re.compile(r".+-[nvj]")


class JudgedPair(NamedTuple):
    """Two words and how similar people find them; higher is more similar."""

    first: str
    second: str
    score: float


class _Line(NamedTuple):
    number: int
    fields: list[str]


def read_pairs(path: str | Path, encoding: str = "utf-8") -> tuple[list[JudgedPair], bool]:
    """Read judged pairs: two words, then the judgement, then anything.

    Fields are separated by tabs, semicolons, commas or white space, whichever the first line has
    two of. The judgement is the first number after the two words, always in the same column; a
    first line that has none there is a header. Lines that begin with `#` are comments. If every
    word has a tag as in the lemma form of MEN (`-n`, `-v`, `-j`), the tags are removed.

    These are the layouts of WordSim-353 (Finkelstein et al. 2002), SimLex-999 (Hill et al. 2015),
    MEN (Bruni et al. 2014), SimVerb-3500, RG-65, MTurk-771, RareWords.

    Returned are the pairs, in order, and whether tags were removed.
    """
    lines = [one for one in numbered_lines(path, encoding) if not one[1].startswith("#")]
    if not lines:
        raise SourceFormatError(path, "holds no pairs; a line has two words and a number")
    delimiter = next((sign for sign in "\t;," if lines[0][1].count(sign) > 1), None)
    table = [_Line(number, _fields(line, delimiter, path, number)) for number, line in lines]
    column = _score_column(table[min(1, len(table) - 1)], path)
    if len(table) > 1 and _number_in(table[0].fields, column) is None:
        del table[0]
    pairs = [_pair(line, column, path) for line in table]
    tagged = all(_TAGGED.fullmatch(word) for pair in pairs for word in pair[:2])
    if tagged:
        pairs = [JudgedPair(one[:-2], other[:-2], score) for one, other, score in pairs]
    return pairs, tagged


def _fields(line: str, delimiter: str | None, path: str | Path, number: int) -> list[str]:
    if delimiter in (None, "\t"):
        return [field.strip() for field in line.split(delimiter)]
    try:
        # The csv module undoes quotes.
        fields = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise SourceFormatError(path, f"is not separated values: {error}", number) from error
    return [field.strip() for field in fields]


def _score_column(line: _Line, path: str | Path) -> int:
    columns = range(2, len(line.fields))
    found = next((one for one in columns if _number_in(line.fields, one) is not None), None)
    if found is None:
        reason = (
            "no number follows two words; the layouts are `word word number`, separated by tabs"
        )
        raise SourceFormatError(path, f"{reason}, semicolons, commas or white space", line.number)
    return found


def _number_in(fields: Sequence[str], column: int) -> float | None:
    # Python would read `1_000` as a number.
    if column >= len(fields) or "_" in fields[column]:
        return None
    try:
        return float(fields[column])
    except ValueError:
        return None


def _pair(line: _Line, column: int, path: str | Path) -> JudgedPair:
    score = _number_in(line.fields, column)
    if score is None or not isfinite(score):
        got = repr(line.fields[column]) if column < len(line.fields) else "nothing"
        reason = f"column {column + 1} must be a number, the judgement, got {got}"
        raise SourceFormatError(path, f"{reason}; correct the line, or remove it", line.number)
    first, second = line.fields[:2]
    if not first or not second:
        raise SourceFormatError(path, "a word is empty; correct the line", line.number)
    return JudgedPair(first, second, score)


class Correlation(NamedTuple):
    """A coefficient and its two-sided p-value; None if they are not defined."""

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
        notes: What was left out or assumed, a line each.
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
        path: Judged pairs; the layouts are those of `read_pairs`.
        restrict_vocab: Use only so many of the first words; None uses all.
        case_insensitive: Take words that differ only in case for the same, the first of them.
        dummy4unknown: Count pairs with an unknown word as of similarity 0; otherwise they are
            left out.
        encoding: Of the file.

    Raises:
        ParameterError: A setting out of range.
        SourceError: The file is missing, cannot be read or is not in such a layout; names the line.
    """
    check("dummy4unknown", dummy4unknown, BOOLEAN)
    vocabulary = RestrictedVocabulary(vectors, restrict_vocab, case_insensitive)
    judged, tagged = read_pairs(path, encoding)
    rows = [(vocabulary.row(pair.first), vocabulary.row(pair.second)) for pair in judged]
    is_known = np.array([None not in pair for pair in rows])
    cosines = np.zeros(len(judged), np.float32)
    cosines[is_known] = _cosines(vectors.vectors, [pair for pair in rows if None not in pair])
    human = np.array([pair.score for pair in judged])
    used = slice(None) if dummy4unknown else is_known
    spearman, pearson, undefined = _correlations(human[used], cosines[used])
    words = dict.fromkeys(word for pair in judged for word in pair[:2])
    unknown = "counted as similarity 0" if dummy4unknown else "left out"
    return PairReport(
        source=str(path),
        spearman=spearman,
        pearson=pearson,
        pairs=len(judged),
        known=int(is_known.sum()),
        unknown_words=tuple(word for word in words if vocabulary.row(word) is None),
        unknown=unknown,
        restrict_vocab=vocabulary.limit,
        case_insensitive=case_insensitive,
        notes=(*_notes(int((~is_known).sum()), unknown, tagged), *undefined),
    )


def _cosines(vectors: FloatMatrix, rows: Sequence[tuple[int | None, int | None]]) -> FloatVector:
    """Return cosines of pairs of rows, of float64 but rounded, so that equal pairs tie: `(n,)`."""
    X = vectors[np.array(rows, np.int64).reshape(-1, 2)].astype(np.float64)
    lengths = np.sqrt(np.square(X).sum(axis=2).prod(axis=1))
    products = X.prod(axis=1).sum(axis=1)
    cosines: FloatVector = np.where(lengths > 0, products / np.where(lengths > 0, lengths, 1), 0)
    return cosines.astype(np.float32)


def _correlations(
    human: NDArray[np.float64], ours: NDArray[np.floating]
) -> tuple[Correlation, Correlation, tuple[str, ...]]:
    """Return Spearman's and Pearson's correlation, and a note if they are not defined."""
    if len(ours) < 2:
        known = "one is" if len(ours) else "none is"
        return _NONE, _NONE, (f"a correlation needs two pairs, here {known} known",)
    if not np.ptp(human) or not np.ptp(ours):
        whose = "judgements" if not np.ptp(human) else "cosines"
        return _NONE, _NONE, (f"all {whose} are equal: there is no correlation",)
    return *_defined_correlations(human, ours), ()


def _defined_correlations(
    human: NDArray[np.float64], ours: NDArray[np.floating]
) -> tuple[Correlation, Correlation]:
    from scipy import stats

    with warnings.catch_warnings():
        # Nearly equal values: the coefficient is given all the same.
        warnings.simplefilter("ignore")
        found = stats.spearmanr(human, ours), stats.pearsonr(human, ours)
    spearman, pearson = (Correlation(number(one.statistic), number(one.pvalue)) for one in found)
    return spearman, pearson


def _notes(unknown_pairs: int, unknown: str, tagged: bool) -> tuple[str, ...]:
    notes = []
    if unknown_pairs:
        notes.append(
            f"pairs with a word that the vectors do not have, {unknown}: {unknown_pairs:,}"
        )
    if tagged:
        notes.append("the tags of the words (-n, -v, -j) were removed")
    return tuple(notes)


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
    if not callable(encode):
        raise ParameterError("encode", "a function of texts", encode)
    texts, human = _corpus()
    X, norms = as_measured_matrix(encode(texts), "the document vectors")
    if len(X) != len(texts):
        raise VectorError(
            f"encode must return {len(texts)} vectors for as many texts, not {len(X)}"
        )
    upper = np.triu_indices(len(texts), 1)
    unit = unit_rows(X, norms).astype(np.float64)
    cosines, judged = (unit @ unit.T)[upper], human[upper]
    spearman, pearson = _NONE, _NONE
    # Below the precision of float32 there is only noise to correlate.
    if np.ptp(cosines) >= 1e-6:
        spearman, pearson = _defined_correlations(judged, cosines)
    notes = []
    if not norms.all():
        notes.append(f"documents with a vector of zeros, whose cosines are 0: {(norms == 0).sum()}")
    if pearson.value is None:
        notes.append("all cosines are the same, so that nothing correlates with them")
    return LeeReport(pearson.value, spearman.value, len(texts), len(judged), tuple(notes))


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
