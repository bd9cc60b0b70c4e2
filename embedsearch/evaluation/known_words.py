"""Which words of a test set the vectors know."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._checks import as_count

if TYPE_CHECKING:
    from embedsearch._types import IntVector
    from embedsearch.vectors.word_vectors import WordVectors


class KnownWords:
    """Finds words as gensim's evaluations do: in capitals, and the first of equals is taken.

    Args:
        vectors: The vocabulary, most frequent words first.
        restrict_vocab: Know only so many of its first words; None knows all.
        case_insensitive: Whether words that differ only in case are the same.

    Attributes:
        limit: How many rows of the vocabulary are known.

    Raises:
        ParameterError: `restrict_vocab` is not a whole number of 1 or more.
    """

    def __init__(
        self, vectors: WordVectors, restrict_vocab: int | None, case_insensitive: bool
    ) -> None:
        wanted = (
            len(vectors) if restrict_vocab is None else as_count("restrict_vocab", restrict_vocab)
        )
        self.limit = min(wanted, len(vectors))
        self._case_insensitive = case_insensitive
        self._forms = [self.form(word) for word in vectors.index_to_key[: self.limit]]
        self._row_of = {form: row for row, form in reversed(list(enumerate(self._forms)))}

    def form(self, word: str) -> str:
        """Return what a word is compared by."""
        return word.upper() if self._case_insensitive else word

    def row(self, word: str) -> int | None:
        """Return the row of a word; None where it is not known."""
        return self._row_of.get(self.form(word))

    def variants(self, rows: IntVector) -> tuple[IntVector, IntVector]:
        """Find all words that have the same form as those of `rows` `(n,)`.

        Returns:
            For each word found, which of `rows` it belongs to, and its own row.
        """
        starts = np.searchsorted(self._sorted_firsts, rows)
        counts = np.searchsorted(self._sorted_firsts, rows, side="right") - starts
        owners = np.repeat(np.arange(len(rows)), counts)
        before = np.repeat(np.cumsum(counts) - counts, counts)
        places = np.arange(len(owners)) - before + starts[owners]
        return owners, self._by_first[places]

    @cached_property
    def first_rows(self) -> IntVector:
        """For each row the first row of the same form, `(limit,)`."""
        return np.fromiter(map(self._row_of.__getitem__, self._forms), np.int64, self.limit)

    @cached_property
    def _by_first(self) -> IntVector:
        return np.argsort(self.first_rows, kind="stable")

    @cached_property
    def _sorted_firsts(self) -> IntVector:
        return self.first_rows[self._by_first]
