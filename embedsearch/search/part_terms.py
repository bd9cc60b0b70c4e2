"""The terms of what stands between blanks, as numbers: so texts are compared fast."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedsearch.index.lexical import LexicalAnalyzer

CACHED = 1 << 17
# Of words with the punctuation around them: about 250 bytes each. Longer parts, as a sentence in
# Chinese, take more, and hardly occur again.
_LONGEST, _MOST = 40, 4
_HASH = (1 << 61) - 1


class PartTerms(dict[str, tuple[int, ...]]):
    """The numbers of the terms in each part of a text between blanks, remembered.

    The number of a term that has a column is that one; other terms and stop words have higher ones.
    """

    def __init__(self, analyzer: LexicalAnalyzer, columns: Mapping[str, int]) -> None:
        super().__init__()
        self._analyzer, self._columns = analyzer, columns

    def __missing__(self, part: str) -> tuple[int, ...]:
        terms = self._analyzer.terms_of_part(part)
        found = tuple([self.number(term, stop=stop) for term, stop in terms])
        if len(part) <= _LONGEST and len(found) <= _MOST:
            if len(self) >= CACHED:
                self.clear()
            self[part] = found
        return found

    def of_part(self, part: str) -> tuple[int, ...]:
        """Return the numbers of the terms of a part."""
        return self[self._analyzer.plain_part(part)]

    def number(self, term: str, *, stop: bool = False) -> int:
        """Return the number of a term, or of a stop word."""
        column = None if stop else self._columns.get(term)
        if column is not None:
            return column
        # No state to be shared by threads; that two terms meet is out of the question.
        return len(self._columns) + (hash((term, stop)) & _HASH)

    def of(self, text: str) -> list[int]:
        """Return the numbers of the terms of a text, in order."""
        return list(chain.from_iterable(map(self.__getitem__, self._analyzer.plain_parts(text))))
