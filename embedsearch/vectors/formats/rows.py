"""Rows as they come out of a file: checked, their words decoded, made into blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.base import Block

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import LoadOptions, Rest

Number = TypeVar("Number", bound=np.generic)
_NUMBERS_IN_BLOCK = 2**19


class RowChecker:
    """Makes blocks of rows, whatever the format.

    Args:
        path: The file, for messages.
        options: What to do with words that are not UTF-8.
        by_line: Whether rows are lines of text, and errors name the line.

    Attributes:
        skipped: The numbers of rows that were left out, as their words are not UTF-8.
    """

    def __init__(self, path: Path, options: LoadOptions, *, by_line: bool = False) -> None:
        self._path, self._errors, self._by_line = path, options.encoding_errors, by_line
        self._replaced = 0
        self.skipped: list[int] = []

    def block(self, words: list[bytes], vectors: FloatMatrix, first: int) -> Block:
        """Check rows and decode their words.

        Args:
            words: The words, in UTF-8.
            vectors: `(len(words), d)`.
            first: The number of the first row or line.

        Raises:
            SourceFormatError: NaN, infinity, or, by the options, a word that is not UTF-8.
        """
        self._check_numbers(words, vectors, first)
        try:
            texts = b"\n".join(words).decode().split("\n")
        except UnicodeDecodeError:
            return self._with_broken_words(words, vectors, first)
        if len(texts) != len(words):
            texts = [word.decode() for word in words]
        return Block(texts, vectors)

    def finish(self, rest: Rest) -> None:
        """Note how many words were not UTF-8."""
        if self._replaced:
            done = "read with U+FFFD in place of what is wrong"
            rest.notes.append(f"{self._replaced:,} words are not UTF-8 and were {done}")
        if self.skipped:
            rest.notes.append(f"{len(self.skipped):,} words are not UTF-8 and were left out")

    def error(self, reason: str, number: int) -> SourceFormatError:
        """Return the error for a row, or a line, of this file."""
        if self._by_line:
            return SourceFormatError(self._path, reason, number)
        return SourceFormatError(self._path, f"row {number:,}: {reason}")

    def _check_numbers(self, words: list[bytes], vectors: FloatMatrix, first: int) -> None:
        finite = np.isfinite(vectors)
        if not finite.all():
            row = int(finite.all(axis=1).argmin())
            word = words[row].decode(errors="replace")
            reason = f"the vector of {word!r} holds NaN, infinity or a number beyond float32"
            raise self.error(f"{reason}; remove the row, or make the vectors again", first + row)

    def _with_broken_words(self, words: list[bytes], vectors: FloatMatrix, first: int) -> Block:
        texts: list[str] = []
        kept: list[int] = []
        for row, word in enumerate(words):
            text = self._decoded(word, first + row)
            if text is not None:
                texts.append(text)
                kept.append(row)
        return Block(texts, vectors[np.array(kept, dtype=np.int64)])

    def _decoded(self, word: bytes, number: int) -> str | None:
        try:
            return word.decode()
        except UnicodeDecodeError as error:
            if self._errors == "strict":
                reason = f"the word {word!r} is not UTF-8"
                advice = "encoding_errors='replace' or 'skip' reads on"
                raise self.error(f"{reason}; {advice}", number) from error
        if self._errors == "skip":
            self.skipped.append(number)
            return None
        self._replaced += 1
        return word.decode(errors="replace")


def row_slices(rows: int, vector_size: int) -> Iterator[slice]:
    """Cut rows into stretches of a few megabytes of numbers."""
    step = max(1, _NUMBERS_IN_BLOCK // vector_size)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def without_rows(array: NDArray[Number], dropped: list[int]) -> NDArray[Number]:
    """Return an array without some of its rows; the same array where there are none."""
    return np.delete(array, dropped, axis=0) if dropped else array
