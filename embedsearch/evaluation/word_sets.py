"""Test sets of words: the standard ones, and which of their words the vectors know."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._checks import BOOLEAN, PATH, Instance, as_count, check
from embedsearch.text.corpora import Place, locate
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedsearch._types import IntVector


_FILES = {
    "google": "questions-words.txt",
    "wordsim353": "wordsim353.tsv",
    "simlex999": "simlex999.txt",
}
STANDARD_SETS = tuple(_FILES)
"""Names of test sets that gensim ships."""


def resolve_set(path: str | Path) -> Path:
    """Return the file that a path or the name of a standard set stands for.

    Args:
        path: A file; or "google" (Mikolov et al. 2013, analogies), "wordsim353" (Finkelstein
            et al. 2002) or "simlex999" (Hill et al. 2015), unless a file has that name.

    Raises:
        SourceNotFoundError: gensim's test data are missing.
    """
    check("path", path, PATH)
    if str(path) not in _FILES or Path(path).exists():
        return Path(path)
    return locate(Place(kind="gensim", files=(_FILES[str(path)],)))[0]


class RestrictedVocabulary:
    """Finds words as gensim's evaluations do: in capitals, and the first of equals is taken."""

    def __init__(
        self, vectors: WordVectors, restrict_vocab: int | None, case_insensitive: bool
    ) -> None:
        check("vectors", vectors, Instance(WordVectors, "word vectors (es.WordVectors)"))
        check("case_insensitive", case_insensitive, BOOLEAN)
        wanted = (
            len(vectors) if restrict_vocab is None else as_count("restrict_vocab", restrict_vocab)
        )
        self.limit = min(wanted, len(vectors))
        self._case_insensitive = case_insensitive
        self._forms = [self.form(word) for word in vectors.index_to_key[: self.limit]]
        # The first of equal forms is assigned last.
        self._row_of = {form: row for row, form in reversed(list(enumerate(self._forms)))}

    def form(self, word: str) -> str:
        """Return the spelling by which a word is compared."""
        return word.upper() if self._case_insensitive else word

    def row(self, word: str) -> int | None:
        """Return the row of a word, or None."""
        return self._row_of.get(self.form(word))

    def variants(self, rows: IntVector) -> tuple[IntVector, IntVector]:
        """Find the words of the same forms as `rows` `(n,)`: their places there, their rows."""
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
