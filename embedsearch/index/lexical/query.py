"""Queries: words, phrases, what must or must not be in a document; and as tantivy takes them."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from embedsearch._errors import QueryError
from embedsearch.index.lexical.analysis import GAP, STOPS, TEXT, TITLE
from embedsearch.index.lexical.storage import NUMBER, load_tantivy
from embedsearch.text.folding import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike

    from embedsearch.index.lexical.analysis import LexicalAnalyzer

    Numbers = range | ArrayLike

_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02", '"'))
# A quote or a sign has a meaning only where a word could begin: 5" and well-known are words.
_MARKED = re.compile(r'(?<!\S)([+-]?)"([^"]+)"(?!\w)|(?<!\S)([+-])([^\s"+-]\S*)')

_OPEN = re.compile(r'(?<!\S)[+-]?"(?=[^\s"])')

# The weight of phrases that have no words beside them. Documents with one come first by a wide
# margin: alone, its words and their meaning could outweigh it.
_ALONE = 4.0


class Phrase(NamedTuple):
    """Terms that stand together; a single one is a word."""

    terms: tuple[tuple[int, str], ...]  # (offset, term); the offsets jump over stop words
    stop: bool = False  # whether these are stop words, which are in a field of their own
    spelling: str = ""  # as it was typed

    @property
    def field(self) -> str:
        """The field that has all of its terms."""
        return STOPS if self.stop else TEXT


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """A query in the terms of the index.

    One can be made by hand, as feedback does: `LexicalQuery({"layer": 1.0, "flow": 0.4})`.
    """

    # The weight of each term (`LexicalAnalyzer.words`), also of phrases; a word typed twice has 2.
    words: Mapping[str, float]
    # What a phrase adds to its words, as a factor of all of them.
    phrases: Mapping[Phrase, float] = field(default_factory=dict)
    # The weight of each stop word; used only if there is nothing else to look for.
    stops: Mapping[str, float] = field(default_factory=dict)
    required: tuple[Phrase, ...] = ()  # every hit has all of these
    excluded: tuple[Phrase, ...] = ()  # no hit has any of these
    # The word that a term was typed as; a term that is not here is shown itself.
    spellings: Mapping[str, str] = field(default_factory=dict)
    dropped: int = 0  # how many words were left out because there were too many
    open_quote: bool = False  # whether a quote begins that does not end

    @property
    def constrained(self) -> bool:
        """Whether anything is required or excluded."""
        return bool(self.required or self.excluded)


def parse_query(text: str, analyzer: LexicalAnalyzer) -> LexicalQuery:
    """Read what a user typed.

    - Words are looked for separately; a document need not have all of them.
    - `"boundary layer"` is a phrase: its words are looked for like others, and documents in which
      they stand together score more; far more, so that they come first, if the query has no other
      words. A stop word in it stands for any one word; a phrase of stop words alone is exact.
    - `+word` and `+"a phrase"` are required, `-word` and `-"a phrase"` excluded. A word that
      is cut into several, such as `-well-known`, is a phrase here.
    - An unpaired quote, and a sign followed by a space, mean nothing.
    """
    reading = _Reading(analyzer)
    plain = _MARKED.sub(reading.take, fold(text).translate(_QUOTES))
    reading.take_words(plain)
    if not (reading.words or reading.phrases or reading.stops):
        raise QueryError(_complaint(text, bool(reading.excluded)))
    quoted = reading.words.keys() <= {
        term for phrase in reading.phrases for _, term in phrase.terms
    }
    return LexicalQuery(
        words=dict(reading.words),
        phrases={p: w * (_ALONE if quoted else 1) for p, w in reading.phrases.items()},
        stops=dict(reading.stops),
        required=tuple(dict.fromkeys(reading.required)),
        excluded=tuple(dict.fromkeys(reading.excluded)),
        spellings=reading.spellings,
        open_quote=bool(_OPEN.search(plain)),
    )


class _Reading:
    """The parts of a query read so far."""

    def __init__(self, analyzer: LexicalAnalyzer) -> None:
        self._analyzer = analyzer
        self.words: Counter[str] = Counter()
        self.stops: Counter[str] = Counter()
        self.phrases: Counter[Phrase] = Counter()
        self.required: list[Phrase] = []
        self.excluded: list[Phrase] = []
        self.spellings: dict[str, str] = {}

    def take(self, found: re.Match[str]) -> str:
        """Read a phrase or a word with a sign; a space replaces it in the text."""
        quoted = found[2] is not None
        sign = found[1] if quoted else found[3]
        phrase, spellings = _phrase(found[2] if quoted else found[4], self._analyzer)
        if phrase is None:
            return " "
        if sign == "-":
            self.excluded.append(phrase)
            return " "
        if sign == "+":
            self.required.append(phrase)
        self._score(phrase, spellings)
        return " "

    def take_words(self, text: str) -> None:
        """Read the words without quotes and signs."""
        for term in self._analyzer.terms(text):
            if term.text != GAP:
                self._count(term.text, term.stop, term.spelling)

    def _score(self, phrase: Phrase, spellings: Sequence[str]) -> None:
        for (_, term), spelling in zip(phrase.terms, spellings, strict=True):
            self._count(term, phrase.stop, spelling)
        if len(phrase.terms) > 1:
            self.phrases[phrase] += 1

    def _count(self, term: str, stop: bool, spelling: str) -> None:
        (self.stops if stop else self.words)[term] += 1
        self.spellings.setdefault(term, spelling)


def _phrase(text: str, analyzer: LexicalAnalyzer) -> tuple[Phrase | None, list[str]]:
    """Return the words of a text as a phrase, and how each is spelled."""
    terms = [(i, term) for i, term in enumerate(analyzer.terms(text)) if term.text != GAP]
    words = [(i, term) for i, term in terms if not term.stop]
    chosen = words or terms
    spellings = [term.spelling for _, term in chosen]
    if not chosen:
        return None, spellings
    spelling = chosen[0][1].spelling if len(chosen) == 1 else text.strip()
    first = chosen[0][0]
    stands = tuple((i - first, term.text) for i, term in chosen)
    return Phrase(stands, not words, spelling), spellings


def _complaint(text: str, excluding: bool) -> str:
    if excluding:
        return "the query only excludes; add a word to look for"
    if not text.strip():
        return "the query is empty; give at least one word"
    return f"the query {text[:50]!r} has no words in it; give at least one word"


# More words than these take too long to score; typed queries have far fewer, pasted texts more.
MOST_WORDS = 256

# A phrase costs tantivy the positions of all its words in all documents that have them.
MOST_PHRASES = 32


def limit_query(
    query: LexicalQuery, count: int, frequency: Callable[[str, str], int]
) -> LexicalQuery:
    """Return the query with its heaviest words (idf times weight); `dropped` counts the others.

    Of more than 32 phrases, as pasted text may have, the later ones are words alone, and so are
    those of more than 256 words. What is required or excluded cannot be left out without changing
    what the query means: more than 32 of these, or one of more than 256 words, are an error.
    """
    _check_constraints("required", query.required)
    _check_constraints("excluded", query.excluded)
    query = _with_fewer_phrases(query)

    def heaviest(weights: Mapping[str, float], field: str) -> Mapping[str, float]:
        if len(weights) <= MOST_WORDS:
            return weights

        def weight(word: str) -> float:
            df = frequency(field, word)
            return weights[word] * math.log1p(count / df) if df else 0.0

        ordered = sorted(weights, key=weight, reverse=True)
        return {word: weights[word] for word in ordered[:MOST_WORDS]}

    words, stops = heaviest(query.words, TEXT), heaviest(query.stops, STOPS)
    dropped = len(query.words) - len(words) + len(query.stops) - len(stops)
    if not dropped:
        return query
    return replace(query, words=words, stops=stops, dropped=query.dropped + dropped)


def check_query(query: LexicalQuery) -> None:
    """Refuse a query made by hand that looks for nothing, or has a weight that is not above 0."""
    weights: list[tuple[object, float]] = [
        *query.words.items(),
        *query.phrases.items(),
        *query.stops.items(),
    ]
    if not weights:
        raise QueryError("the query is empty; give at least one word")
    for term, weight in weights:
        if not 0 < weight < math.inf:
            raise QueryError(f"the weight of {term!r} must be above 0, got {weight}")


def _check_constraints(name: str, phrases: tuple[Phrase, ...]) -> None:
    if (count := len(phrases)) > MOST_PHRASES:
        raise QueryError(f"a query has at most {MOST_PHRASES} {name}, this one has {count}")
    if (longest := max((len(phrase.terms) for phrase in phrases), default=0)) > MOST_WORDS:
        reason = f"a phrase that is {name} has at most {MOST_WORDS} words"
        raise QueryError(f"{reason}, this one has {longest:,}")


def limited_phrases(phrases: Mapping[Phrase, float]) -> dict[Phrase, float]:
    """Return those that are looked for: not more than 32, and none of more than 256 words."""
    short = {phrase: w for phrase, w in phrases.items() if len(phrase.terms) <= MOST_WORDS}
    return dict(list(short.items())[:MOST_PHRASES])


def _with_fewer_phrases(query: LexicalQuery) -> LexicalQuery:
    phrases = limited_phrases(query.phrases)
    return query if len(phrases) == len(query.phrases) else replace(query, phrases=phrases)


# nDCG@10 on SciFact: 0 gives 0.699, 0.1 and 0.2 0.702, 0.3 0.700, 0.5 0.691, 1 0.668. The title
# next to a text without it gives 0.696 at best, with 0.5.
TITLE_WEIGHT = 0.2


class Clause(NamedTuple):
    """One thing that is scored in one field."""

    field: str
    phrase: Phrase
    weight: float  # the factor of its BM25 score
    word: str  # what it is called in an explanation


def clauses_of(query: LexicalQuery) -> list[Clause]:
    """List all that is scored: each word and phrase, in the text and in the title.

    Stop words are scored only if there is nothing else.
    """

    def of_word(field: str, word: str, weight: float) -> Clause:
        return Clause(field, Phrase(((0, word),)), weight, query.spellings.get(word, word))

    def of_phrase(field: str, phrase: Phrase, weight: float) -> Clause:
        return Clause(field, phrase, weight, f'"{phrase.spelling}"')

    if not query.words and not query.phrases:
        return [of_word(STOPS, word, weight) for word, weight in query.stops.items()]
    clauses = list[Clause]()
    for name, factor in ((TEXT, 1.0), (TITLE, TITLE_WEIGHT)):
        clauses += [of_word(name, word, w * factor) for word, w in query.words.items()]
        clauses += [
            of_phrase(name, phrase, w * factor)
            for phrase, w in query.phrases.items()
            if not phrase.stop
        ]
    return clauses + [of_phrase(STOPS, p, w) for p, w in query.phrases.items() if p.stop]


class QueryBuilder:
    """Makes tantivy's query objects; tantivy never parses text."""

    def __init__(self, schema: Any) -> None:
        tantivy = load_tantivy()
        self._schema, self._query, self._occur = schema, tantivy.Query, tantivy.Occur

    def scored(self, clauses: Sequence[Clause], query: LexicalQuery) -> Any:
        """Return the sum of all clauses, for documents that `query` does not rule out."""
        # One flat union of terms is what tantivy can prune (block-max WAND).
        return self._constrained(self._any(map(self._boosted, clauses)), query)

    def admitted(self, query: LexicalQuery) -> Any:
        """Return the query of all documents that `query` does not rule out."""
        return self._constrained(self._query.all_query(), query)

    def ruled_out(self, query: LexicalQuery) -> Any:
        """Return the query of all documents with anything that `query` excludes."""
        return self._any(self._filter(phrase) for phrase in query.excluded)

    def among(self, query: Any, numbers: Sequence[int]) -> Any:
        """Return `query` for the documents of these numbers alone."""
        # A set query does the same in four times the time.
        term = self._query.term_query
        some = self._any(term(self._schema, NUMBER, number, "basic") for number in numbers)
        silent = self._query.const_score_query(some, 0.0)
        return self._query.boolean_query([(self._occur.Must, silent), (self._occur.Must, query)])

    def _constrained(self, scored: Any, query: LexicalQuery) -> Any:
        if not query.constrained:
            return scored
        must = [(self._occur.Must, self._filter(phrase)) for phrase in query.required]
        must_not = [(self._occur.MustNot, self._filter(phrase)) for phrase in query.excluded]
        return self._query.boolean_query([(self._occur.Must, scored), *must, *must_not])

    def _any(self, queries: Iterator[Any]) -> Any:
        return self._query.boolean_query([(self._occur.Should, query) for query in queries])

    def _boosted(self, clause: Clause) -> Any:
        query = self._phrase(clause.field, clause.phrase)
        return query if clause.weight == 1 else self._query.boost_query(query, clause.weight)

    def _filter(self, phrase: Phrase) -> Any:
        return self._query.const_score_query(self._phrase(phrase.field, phrase), 0.0)

    def _phrase(self, field: str, phrase: Phrase) -> Any:
        if len(phrase.terms) == 1:
            return self._query.term_query(self._schema, field, phrase.terms[0][1], "freq")
        return self._query.phrase_query(self._schema, field, list(phrase.terms))
