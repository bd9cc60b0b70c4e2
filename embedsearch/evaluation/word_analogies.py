"""How many analogies word vectors complete: king - man + woman is queen.

A question needs the cosines of every word with its three words only. So the cosines with the
distinct words of the questions are computed once, for a block of the vocabulary at a time, and
each question combines three rows of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embedsearch._checks import BOOLEAN, Choice, check
from embedsearch._errors import SourceFormatError
from embedsearch._progress import SilentProgress, listener_of
from embedsearch.evaluation.base import Report
from embedsearch.evaluation.files import numbered_lines
from embedsearch.evaluation.word_sets import RestrictedVocabulary
from embedsearch.search.analogy import EPSILON
from embedsearch.search.options import METHODS
from embedsearch.vectors.arrays import unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Progress, Task
    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.vectors.word_vectors import WordVectors


Question = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """Questions of one relation: a is to b as c is to d."""

    name: str
    questions: list[Question] = field(default_factory=list)


def read_analogies(path: str | Path, encoding: str = "utf-8") -> list[Section]:
    """Read a file of analogies: `: name` begins a section, a question is four words on a line.

    Source of the layout: Mikolov et al., "Efficient Estimation of Word Representations in Vector
    Space", 2013. A name that comes twice makes two sections.
    """
    sections: list[Section] = []
    for number, line in numbered_lines(path, encoding):
        if line.startswith(":"):
            sections.append(Section(line.lstrip(": ").strip()))
        elif not sections:
            reason = "a question comes before the first section; begin the file with `: a name`"
            raise SourceFormatError(path, reason, number)
        else:
            sections[-1].questions.append(_question(line, path, number))
    if not any(section.questions for section in sections):
        raise SourceFormatError(path, "holds no questions; a line has four words, `a b c d`")
    return sections


def _question(line: str, path: str | Path, number: int) -> Question:
    words = line.split()
    if len(words) != 4:
        reason = f"a question has four words, here are {len(words)}; correct the line, or remove it"
        raise SourceFormatError(path, reason, number)
    one, two, three, four = words
    return one, two, three, four


@dataclass(frozen=True, slots=True)
class AnalogyScore:
    """The outcome of the questions of a section, or of several together.

    Attributes:
        name: The section.
        right: Questions that were answered rightly.
        asked: Questions whose four words are known.
        left_out: Questions with an unknown word.
    """

    name: str
    right: int
    asked: int
    left_out: int

    @property
    def accuracy(self) -> float | None:
        """The share of right answers among the questions asked; None if none was."""
        return self.right / self.asked if self.asked else None

    @property
    def coverage(self) -> float | None:
        """The share of questions asked; None if there are none."""
        questions = self.asked + self.left_out
        return self.asked / questions if questions else None

    def to_json(self) -> dict[str, Any]:
        counts = {"right": self.right, "asked": self.asked, "left_out": self.left_out}
        return {"accuracy": self.accuracy, **counts, "coverage": self.coverage}


@dataclass(frozen=True, slots=True)
class AnalogyReport(Report):
    """How many analogies were completed rightly.

    Attributes:
        source: The file of questions.
        method: "3cosadd" or "3cosmul".
        sections: The outcome of each section, in the order of the file.
        restrict_vocab: How many of the first words could be answers.
        case_insensitive: Whether words that differ only in case were the same.
        notes: What was left out or assumed, a line each.
    """

    kind: ClassVar[str] = "analogies"
    source: str
    method: str
    sections: tuple[AnalogyScore, ...]
    restrict_vocab: int
    case_insensitive: bool
    notes: tuple[str, ...]

    @property
    def total(self) -> AnalogyScore:
        """All sections together."""
        return _sum("total", self.sections)

    @property
    def semantic(self) -> AnalogyScore:
        """The sections that are not syntactic."""
        return _sum("semantic", (one for one in self.sections if not _is_syntactic(one)))

    @property
    def syntactic(self) -> AnalogyScore:
        """The sections whose name begins with "gram", as in Google's set."""
        return _sum("syntactic", (one for one in self.sections if _is_syntactic(one)))

    @property
    def accuracy(self) -> float | None:
        """The share of right answers among the questions asked; None if none was."""
        return self.total.accuracy

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "source": self.source,
            "method": self.method,
            **self.total.to_json(),
            "semantic": self.semantic.to_json(),
            "syntactic": self.syntactic.to_json(),
            "sections": [{"section": one.name, **one.to_json()} for one in self.sections],
            "restrict_vocab": self.restrict_vocab,
            "case_insensitive": self.case_insensitive,
            "notes": list(self.notes),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return a line for each section, then the totals."""
        lines = (*self.sections, self.semantic, self.syntactic, self.total)
        return [{"section": one.name, **one.to_json()} for one in lines]


def analogies(
    vectors: WordVectors,
    path: str | Path,
    *,
    method: str = "3cosadd",
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
    encoding: str = "utf-8",
    progress: Progress | None = None,
) -> AnalogyReport:
    """Complete the analogies of a file: a is to b as c is to what?

    By 3CosAdd the outcome of every section is that of gensim's `evaluate_word_analogies`: the
    answer is the best word that is no form of a, b or c, and is right in any form of d. gensim
    has no 3CosMul here; the scores are those of its `most_similar_cosmul`.

    Args:
        vectors: Word vectors, the most frequent words first.
        path: Questions in the layout of Google's `questions-words.txt` (Mikolov et al., "Efficient
            Estimation of Word Representations in Vector Space", 2013); may be compressed.
        method: "3cosadd", the cosine with `b - a + c`, or "3cosmul", the product of cosines (Levy
            and Goldberg, "Linguistic Regularities in Sparse and Explicit Word Representations",
            2014, equation 4).
        restrict_vocab: Use only so many of the first words; None uses all. Questions with
            another word are left out.
        case_insensitive: Take words that differ only in case for the same, the first of them.
        encoding: Of the file.
        progress: A listener.

    Raises:
        ParameterError: A setting out of range.
        SourceError: The file is missing, cannot be read or is not in the layout; names the line.
    """
    check("method", method, Choice(METHODS))
    vocabulary = RestrictedVocabulary(vectors, restrict_vocab, case_insensitive)
    sections = read_analogies(path, encoding)
    rows = [question_rows(vocabulary, section) for section in sections]
    questions = np.concatenate(rows)
    with listener_of(progress).task("analogies", len(questions), "questions") as task:
        right = right_answers(vectors.vectors, vocabulary, questions, method, task)
    counts = [len(part) for part in rows]
    parts = np.split(right, np.cumsum(counts)[:-1])
    scores = tuple(
        AnalogyScore(section.name, int(part.sum()), count, len(section.questions) - count)
        for section, part, count in zip(sections, parts, counts, strict=True)
    )
    notes = _notes(_sum("total", scores), vocabulary.limit)
    return AnalogyReport(str(path), method, scores, vocabulary.limit, case_insensitive, notes)


def answered_sections(
    vectors: WordVectors,
    path: str | Path,
    *,
    method: str = "3cosadd",
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
) -> list[dict[str, Any]]:
    """Return the questions of each section by how they were answered, as gensim does.

    A section has its name ("section"), and lists of questions ("correct", "incorrect"), in
    capitals where case does not count. With `dummy4unknown`, those with an unknown word are wrong.
    """
    check("dummy4unknown", dummy4unknown, BOOLEAN)
    vocabulary = RestrictedVocabulary(vectors, restrict_vocab, case_insensitive)
    answered: list[dict[str, Any]] = []
    for section in read_analogies(path):
        rows = question_rows(vocabulary, section)
        with SilentProgress().task("analogies") as task:
            right = iter(right_answers(vectors.vectors, vocabulary, rows, method, task).tolist())
        correct: list[tuple[str, ...]] = []
        incorrect: list[tuple[str, ...]] = []
        for question in section.questions:
            forms = tuple(map(vocabulary.form, question))
            if all(vocabulary.row(word) is not None for word in question):
                (correct if next(right) else incorrect).append(forms)
            elif dummy4unknown:
                incorrect.append(forms)
        answered.append({"section": section.name, "correct": correct, "incorrect": incorrect})
    return answered


def question_rows(vocabulary: RestrictedVocabulary, section: Section) -> IntVector:
    """Return the rows of the words of those questions whose words are all known, `(n, 4)`."""
    found = [[vocabulary.row(word) for word in question] for question in section.questions]
    return np.array([rows for rows in found if None not in rows], np.int64).reshape(-1, 4)


def _is_syntactic(score: AnalogyScore) -> bool:
    return score.name.startswith("gram")


def _sum(name: str, scores: Iterable[AnalogyScore]) -> AnalogyScore:
    some = list(scores)
    return AnalogyScore(
        name,
        sum(one.right for one in some),
        sum(one.asked for one in some),
        sum(one.left_out for one in some),
    )


def _notes(total: AnalogyScore, limit: int) -> tuple[str, ...]:
    if not total.asked:
        return (f"no question has all its words among the first {limit:,} of the vocabulary",)
    if total.left_out:
        words = f"with a word that is not among the first {limit:,} of the vocabulary"
        return (f"questions left out, {words}: {total.left_out:,}",)
    return ()


# gensim looks at five words besides a, b and c themselves.
_LOOKED_AT = 5


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
    right = np.zeros(len(questions), np.bool_)
    for start in range(0, len(questions), blocks.questions):
        portion = questions[start : start + blocks.questions]
        best = BestScores(vocabulary, portion, method)
        has_empty = best.compare(vectors[: vocabulary.limit], blocks, task)
        found = best.wanted > best.others
        unsure = best.is_odd | best.is_close(tolerance)
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


class BestScores:
    """For each question the score of its own answer and the best score of any other word.

    "Queen" is as right an answer as "queen", and no variant of a, b or c is an answer.

    Questions are `(nq, 4)`, the first rows of the forms of a, b, c and d.
    """

    def __init__(self, vocabulary: RestrictedVocabulary, questions: IntVector, method: str) -> None:
        self._questions, self._method = questions, method
        nq = len(questions)
        self.wanted, self.others = np.full((2, nq), -np.inf, np.float32)
        # The words that occur in questions, in all forms, by question; the fourth is the answer.
        owners, self._rows = vocabulary.variants(questions.ravel())
        self._asked, self._is_answer = owners // 4, owners % 4 == 3
        # gensim's choice depends on more than two scores if d is one of a, b and c, or if these
        # have so many forms that they may be all that gensim looks at.
        own_forms = np.bincount(self._asked[~self._is_answer], minlength=nq)
        is_own = (questions[:, :3] == questions[:, 3:]).any(axis=1)
        self.is_odd = is_own | (own_forms >= 3 + _LOOKED_AT)

    def is_close(self, tolerance: float) -> NDArray[np.bool_]:
        """Where the two scores differ by no more than rounding may explain, `(nq,)`."""
        largest = np.maximum(abs(self.wanted), abs(self.others))
        with np.errstate(invalid="ignore"):
            scale = largest if self._method == "3cosmul" else 1.0
            close: NDArray[np.bool_] = abs(self.wanted - self.others) <= tolerance * scale
        return close

    def compare(self, vectors: FloatMatrix, blocks: Blocks, task: Task) -> NDArray[np.bool_]:
        """Score all words, block by block; return which questions have a vector of zeros."""
        rows, places = np.unique(self._questions[:, :3], return_inverse=True)
        places = places.reshape(-1, 3)
        U = unit_rows(vectors[rows])
        width = min(max(blocks.cosines // len(U), 1), blocks.width)
        for start in range(0, len(vectors), width):
            X = unit_rows(vectors[start : start + width])
            S = U @ X.T
            if self._method == "3cosmul":
                S = (1 + S) / 2
            self._update(S, places, start, _empty(X), blocks.batch)
            task.advance(len(places) * len(X) / len(vectors))
        has_empty: NDArray[np.bool_] = np.logical_or.reduce(_empty(U)[places], axis=1)
        return has_empty

    def _update(
        self,
        S: FloatMatrix,
        places: IntVector,
        start: int,
        empty: NDArray[np.bool_],
        batch: int,
    ) -> None:
        """Combine the cosines `(nw, w)` of a block for every question; empty words never win."""
        inside = np.flatnonzero((self._rows >= start) & (self._rows < start + len(empty)))
        asked, columns = self._asked[inside], self._rows[inside] - start
        is_answer = self._is_answer[inside]
        combine = _added if self._method == "3cosadd" else _multiplied
        scores, spare = np.empty((2, batch, len(empty)), np.float32)
        for first in range(0, len(places), batch):
            some = places[first : first + batch]
            T = scores[: len(some)]
            combine(S, some, T, spare[: len(some)])
            T[:, empty] = -np.inf
            # They are in the order of questions.
            part = slice(*np.searchsorted(asked, [first, first + len(some)]))
            cells, answers = (asked[part] - first, columns[part]), is_answer[part]
            np.maximum.at(self.wanted, asked[part][answers], T[cells][answers])
            T[cells] = -np.inf
            others = self.others[first : first + len(some)]
            np.maximum(others, T.max(axis=1), out=others)


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
    divisor += EPSILON
    T /= divisor


def _take(S: FloatMatrix, rows: IntVector, out: FloatMatrix) -> FloatMatrix:
    # Any other mode would copy through a buffer, to leave `out` alone in case of an error.
    return S.take(rows, axis=0, out=out, mode="clip")


def _empty(X: FloatMatrix) -> NDArray[np.bool_]:
    empty: NDArray[np.bool_] = (X == 0).all(axis=1)
    return empty
