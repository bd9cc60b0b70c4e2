"""How many analogies word vectors complete: king - man + woman is queen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embedsearch._checks import Choice, check
from embedsearch._errors import SourceFormatError
from embedsearch._progress import SilentProgress
from embedsearch.evaluation.analogy_scoring import METHODS, right_answers
from embedsearch.evaluation.base import Report
from embedsearch.evaluation.files import numbered_lines
from embedsearch.evaluation.word_sets import RestrictedVocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector
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
        """Return plain values."""
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
        """Return plain values."""
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
    with (progress or SilentProgress()).task("analogies", len(questions), "questions") as task:
        right = right_answers(vectors.vectors, vocabulary, questions, method, task)
    counts = [len(part) for part in rows]
    parts = np.split(right, np.cumsum(counts)[:-1])
    scores = tuple(
        AnalogyScore(section.name, int(part.sum()), count, len(section.questions) - count)
        for section, part, count in zip(sections, parts, counts, strict=True)
    )
    notes = _notes(_sum("total", scores), vocabulary.limit)
    return AnalogyReport(str(path), method, scores, vocabulary.limit, case_insensitive, notes)


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
