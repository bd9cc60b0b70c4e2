"""A lexical index that is behind the record, completed by what changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.index.lexical.numbers import as_numbers, places_among

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from embedsearch._types import FloatVector, IntVector
    from embedsearch.index.lexical import Contribution, LexicalIndex, LexicalQuery
    from embedsearch.index.lexical.numbers import Numbers
    from embedsearch.search.later_documents import LaterDocuments


class CompletedLexical:
    """Answers as the index will when it has caught up, but for the rounding of lengths and idf.

    Its methods are those of `LexicalIndex`.

    Args:
        index: The index.
        later: What changed in the record since.
    """

    def __init__(self, index: LexicalIndex, later: LaterDocuments) -> None:
        self.index, self.later = index, later
        self.analyzer, self.title_weight = index.analyzer, index.title_weight
        self._stale = np.array(sorted(later.stale), np.int64)

    def __len__(self) -> int:
        return len(self.index) + len(self.later)

    def parse(self, text: str) -> LexicalQuery:
        """See `LexicalIndex.parse`."""
        return self.index.parse(text)

    def search(
        self, query: LexicalQuery | str, topn: int = 10, allowed: Numbers | None = None
    ) -> tuple[FloatVector, IntVector]:
        """See `LexicalIndex.search`."""
        query = self._parsed(query)
        among = None if allowed is None else as_numbers("allowed", allowed)
        scores, numbers = self.index.search(query, topn + len(self._stale), among)
        holds = ~np.isin(numbers, self._stale)
        own, found = self._later(query)
        if among is not None:
            kept = np.isin(found, among)
            own, found = own[kept], found[kept]
        scores = np.concatenate((scores[holds], own))
        numbers = np.concatenate((numbers[holds], found))
        best = np.lexsort((numbers, -scores))[:topn]
        return scores[best], numbers[best]

    def scores_of(self, query: LexicalQuery | str, numbers: Numbers) -> FloatVector:
        """See `LexicalIndex.scores_of`."""
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        scores = self.index.scores_of(query, wanted)
        scores[np.isin(wanted, self._stale)] = 0
        found, own = self._later(query)
        order = np.argsort(own)
        places, known = places_among(wanted, own[order])
        scores[known] = found[order][places[known]]
        return scores

    def admits(self, query: LexicalQuery | str, numbers: Numbers) -> NDArray[np.bool_]:
        """See `LexicalIndex.admits`."""
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        admitted = self.index.admits(query, wanted)
        return self._corrected(query, wanted, admitted) if query.constrained else admitted

    def narrowed(self, query: LexicalQuery | str, numbers: Numbers) -> IntVector:
        """See `LexicalIndex.narrowed`."""
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        admitted = np.isin(wanted, self.index.narrowed(query, wanted))
        narrowed: IntVector = wanted[self._corrected(query, wanted, admitted)]
        return narrowed

    def explain(self, query: LexicalQuery | str, numbers: Numbers) -> list[list[Contribution]]:
        """See `LexicalIndex.explain`."""
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        own = self.later.explain(query, self.index)
        found, changed = self.index.explain(query, wanted), self.later.stale | own.keys()
        return [
            sorted(own.get(n, []), key=lambda part: -part.score) if n in changed else parts
            for n, parts in zip(wanted.tolist(), found, strict=True)
        ]

    def document_frequencies(self, words: Iterable[str]) -> list[int]:
        """See `LexicalIndex.document_frequencies`."""
        words = list(words)
        terms = [self.analyzer.terms(word) for word in words]
        counts = self.index.document_frequencies(words)
        return [
            count + self.later.frequency_of(own) for count, own in zip(counts, terms, strict=True)
        ]

    def frequency(self, field: str, term: str) -> int:
        """See `LexicalIndex.frequency`."""
        return self.index.frequency(field, term) + self.later.frequency(field, term)

    def _parsed(self, query: LexicalQuery | str) -> LexicalQuery:
        return self.parse(query) if isinstance(query, str) else query

    def _later(self, query: LexicalQuery) -> tuple[FloatVector, IntVector]:
        found = self.later.explain(query, self.index)
        sums = [sum(part.score for part in parts) for parts in found.values()]
        return np.array(sums, np.float32), np.array(list(found), np.int64)

    def _corrected(
        self, query: LexicalQuery, numbers: IntVector, admitted: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        own = np.array(sorted(self.later.admitted(query)), np.int64)
        changed = np.concatenate((self._stale, self.later.numbers))
        corrected: NDArray[np.bool_] = admitted & ~np.isin(numbers, changed)
        return corrected | np.isin(numbers, own)
