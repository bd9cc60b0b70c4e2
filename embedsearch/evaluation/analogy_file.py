"""Reading analogies in the layout of Google's `questions-words.txt`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.evaluation.lines import numbered_lines

if TYPE_CHECKING:
    from pathlib import Path

Question = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """Questions of one relation: a is to b as c is to d.

    Attributes:
        name: What follows the colon.
        questions: Their words a, b, c, d.
    """

    name: str
    questions: list[Question] = field(default_factory=list)


def read_analogies(path: str | Path, encoding: str = "utf-8") -> list[Section]:
    """Read a file of analogies: `: name` begins a section, a question is four words on a line.

    Source of the layout: Mikolov et al., "Efficient Estimation of Word Representations in Vector
    Space", 2013.

    Args:
        path: The file, which may be compressed.
        encoding: Of its text.

    Returns:
        The sections in order. A name that stands twice makes two sections.

    Raises:
        SourceError: The file is missing, is not text in the encoding, has a line of another
            layout or has no question.
        ParameterError: No such encoding.
    """
    sections: list[Section] = []
    for number, line in numbered_lines(path, encoding):
        if line.startswith(":"):
            sections.append(Section(line.lstrip(": ").strip()))
        elif not sections:
            reason = "a question stands before the first section; begin the file with `: a name`"
            raise SourceFormatError(path, reason, number)
        else:
            sections[-1].questions.append(_question(line, path, number))
    if not any(section.questions for section in sections):
        raise SourceFormatError(path, "holds no questions; a line has four words, `a b c d`")
    return sections


def _question(line: str, path: str | Path, number: int) -> Question:
    words = line.split()
    if len(words) != 4:
        reason = f"a question has four words, here are {len(words)}; mend the line, or remove it"
        raise SourceFormatError(path, reason, number)
    one, two, three, four = words
    return one, two, three, four
