"""What is looked for: words, phrases, and what must or must not be there."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._errors import QueryError
from embedsearch.index.lexical.analysis import HOLE
from embedsearch.text.folding import fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedsearch.index.lexical.analysis import LexicalAnalyzer, Term

_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02", '"'))
# A quote or a sign has a meaning only where a word could begin: 5" and well-known are words.
_MARKED = re.compile(r'(?<!\S)([+-]?)"([^"]+)"(?!\w)|(?<!\S)([+-])([^\s"+-]\S*)')


class Phrase(NamedTuple):
    """Terms that stand together; a single one is a word.

    Attributes:
        terms: (offset, term); the offsets jump over stop words.
        stop: Whether these are stop words, which are in a field of their own.
        spelling: As it was typed.
    """

    terms: tuple[tuple[int, str], ...]
    stop: bool = False
    spelling: str = ""


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """A query in the terms of the index.

    One can be made by hand, as feedback does: `LexicalQuery({"layer": 1.0, "flow": 0.4})`.

    Attributes:
        words: The weight of each term (`LexicalAnalyzer.words`); a word typed twice has 2.
        phrases: The weight of each phrase.
        stops: The weight of each stop word; they are looked for only where there is nothing
            else to look for.
        required: Every document found has all of these.
        excluded: No document found has any of these.
        spellings: The word that a term was typed as; a term that is not here is shown itself.
        dropped: How many words were left out because there were too many.
    """

    words: Mapping[str, float]
    phrases: Mapping[Phrase, float] = field(default_factory=dict)
    stops: Mapping[str, float] = field(default_factory=dict)
    required: tuple[Phrase, ...] = ()
    excluded: tuple[Phrase, ...] = ()
    spellings: Mapping[str, str] = field(default_factory=dict)
    dropped: int = 0

    @property
    def meant(self) -> dict[str, float]:
        """The weight of each term, those of phrases among them: what is looked for in meaning."""
        weights = dict(self.words)
        for phrase, weight in self.phrases.items():
            for _, term in () if phrase.stop else phrase.terms:
                weights[term] = weights.get(term, 0.0) + weight
        return weights

    @property
    def constrained(self) -> bool:
        """Whether anything is required or excluded."""
        return bool(self.required or self.excluded)


def parse_query(text: str, analyzer: LexicalAnalyzer) -> LexicalQuery:
    """Read what a user typed.

    - Words are looked for each on its own; a document need not have all of them.
    - `"boundary layer"` is a phrase: it counts as one word does, where its words stand
      together. A stop word in it stands for any one word; one of stop words alone is exact.
    - `+word` and `+"a phrase"` are required, `-word` and `-"a phrase"` excluded. A word that
      is cut into several, such as `-well-known`, is a phrase here.
    - A quote without its partner, and a sign with space behind it, mean nothing.

    Raises:
        QueryError: There is no word in it, or there are only excluded ones.
    """
    reading = _Reading(analyzer)
    plain = _MARKED.sub(reading.take, fold(text).translate(_QUOTES))
    reading.take_words(plain)
    if not (reading.words or reading.phrases or reading.stops):
        raise QueryError(_complaint(text, bool(reading.excluded)))
    return LexicalQuery(
        words=dict(reading.words),
        phrases=dict(reading.phrases),
        stops=dict(reading.stops),
        required=tuple(dict.fromkeys(reading.required)),
        excluded=tuple(dict.fromkeys(reading.excluded)),
        spellings=reading.spellings,
    )


class _Reading:
    """The parts of a query that were read so far."""

    def __init__(self, analyzer: LexicalAnalyzer) -> None:
        self._analyzer = analyzer
        self.words: Counter[str] = Counter()
        self.stops: Counter[str] = Counter()
        self.phrases: Counter[Phrase] = Counter()
        self.required: list[Phrase] = []
        self.excluded: list[Phrase] = []
        self.spellings: dict[str, str] = {}

    def take(self, found: re.Match[str]) -> str:
        """Read a phrase or a word with a sign; what is left of it in the text is a space."""
        quoted = found[2] is not None
        sign = found[1] if quoted else found[3]
        phrase = _phrase(found[2] if quoted else found[4], self._analyzer)
        if phrase is None:
            return " "
        if sign == "-":
            self.excluded.append(phrase)
            return " "
        if sign == "+":
            self.required.append(phrase)
        self._score(phrase)
        return " "

    def take_words(self, text: str) -> None:
        """Read words without signs."""
        for term in self._analyzer.terms(text):
            if term.text != HOLE:
                self._count(term.text, term.stop, term.spelling)

    def _score(self, phrase: Phrase) -> None:
        if len(phrase.terms) == 1:
            self._count(phrase.terms[0][1], phrase.stop, phrase.spelling)
        else:
            self.phrases[phrase] += 1

    def _count(self, term: str, stop: bool, spelling: str) -> None:
        (self.stops if stop else self.words)[term] += 1
        self.spellings.setdefault(term, spelling)


def _phrase(text: str, analyzer: LexicalAnalyzer) -> Phrase | None:
    terms = [(i, term) for i, term in enumerate(analyzer.terms(text)) if term.text != HOLE]
    words = [(i, term) for i, term in terms if not term.stop]
    chosen = words or terms
    if not chosen:
        return None
    spelling = chosen[0][1].spelling if len(chosen) == 1 else text.strip()
    return Phrase(_from_zero(chosen), not words, spelling)


def _from_zero(terms: list[tuple[int, Term]]) -> tuple[tuple[int, str], ...]:
    first = terms[0][0]
    return tuple((i - first, term.text) for i, term in terms)


def _complaint(text: str, excluding: bool) -> str:
    if excluding:
        return "the query only excludes; add a word to look for"
    if not text.strip():
        return "the query is empty; give at least one word"
    return f"the query {text[:50]!r} has no words in it; give at least one word"
