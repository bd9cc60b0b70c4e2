"""Documents by their words: BM25 over one state of the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import as_count
from embedsearch._errors import ParameterError
from embedsearch.index.lexical.analysis import GAP, STOPS, TEXT, TITLE
from embedsearch.index.lexical.query import (
    LexicalQuery,
    Phrase,
    check_query,
    limit_query,
    parse_query,
)
from embedsearch.index.lexical.storage import NUMBER, load_tantivy, reading_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import FloatVector, IntVector
    from embedsearch.index.lexical.analysis import LexicalAnalyzer

    Numbers = range | ArrayLike

# nDCG@10 on SciFact: 0 gives 0.699, 0.1 and 0.2 0.702, 0.3 0.700, 0.5 0.691, 1 0.668. The title
# next to a text without it gives 0.696 at best, with 0.5.
TITLE_WEIGHT = 0.2

# Looking up a document by its number costs what going through eight hits costs.
_LOOKUP = 8
# Beyond some hundreds of numbers in one query the cost of each grows.
_CHUNK = 256
# With a filter, how many more hits than `topn` are read at first, and how many more then.
_SPARE, _GROWTH = 1.5, 8


class Contribution(NamedTuple):
    """A part of a document's score."""

    field: str  # "text" (title and text together), "title" or "stops"
    word: str  # the word as it was typed; a phrase in quotes
    score: float


class Clause(NamedTuple):
    """One thing that is scored in one field."""

    field: str
    phrase: Phrase
    weight: float  # the factor of its BM25 score
    word: str  # what it is called in an explanation


def clauses_of(query: LexicalQuery, title_weight: float) -> list[Clause]:
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
    for field, factor in ((TEXT, 1.0), (TITLE, title_weight)):
        if factor:
            clauses += [of_word(field, word, w * factor) for word, w in query.words.items()]
            clauses += [
                of_phrase(field, phrase, w * factor)
                for phrase, w in query.phrases.items()
                if not phrase.stop
            ]
    return clauses + [of_phrase(STOPS, p, w) for p, w in query.phrases.items() if p.stop]


class LexicalSnapshot:
    """The index as it was at one commit; it stays the same while others write."""

    def __init__(
        self, folder: Path, index: Any, analyzer: LexicalAnalyzer, title_weight: float
    ) -> None:
        self.analyzer, self.title_weight = analyzer, title_weight
        self._folder, self._schema = folder, index.schema
        self._queries = _QueryBuilder(self._schema)
        with reading_errors(folder):
            index.reload()
            self._searcher = index.searcher()
            self._count = int(self._searcher.num_docs)

    def __len__(self) -> int:
        return self._count

    def parse(self, text: str) -> LexicalQuery:
        """Read what a user typed; see `embedsearch.index.lexical.query.parse_query`.

        Of more than 256 different words those that weigh most here are kept (idf times how often
        the word was typed); `dropped` counts the others.
        """
        return limit_query(parse_query(text, self.analyzer), len(self), self.frequency)

    def search(
        self, query: LexicalQuery | str, topn: int = 10, allowed: Numbers | None = None
    ) -> tuple[FloatVector, IntVector]:
        """Find the documents with the highest scores.

        A small set of allowed numbers is looked up one by one. For a large one the list of all
        hits is read until enough of them are allowed: tantivy offers Python no other fast way,
        and the answer is the same.

        Scores are above 0, best first, and equal ones are ordered by number. `allowed` is a range
        of numbers, an array, or a mask whose place i stands for document i.
        """
        topn, query = as_count("topn", topn), self._parsed(query)
        among = None if allowed is None else _ascending(as_numbers("allowed", allowed))
        with reading_errors(self._folder):
            clauses = clauses_of(query, self.title_weight)
            most = self._most_hits(clauses)
            if not most or (among is not None and not len(among)):
                return _nothing()
            scored = self._queries.scored(clauses, query)
            if among is None:
                return _best(*self._hits(scored, min(topn, most)), topn)
            return self._search_among(scored, topn, among, most)

    def scores_of(self, query: LexicalQuery | str, numbers: Numbers) -> FloatVector:
        """Return the scores `(n,)` of given documents, equal to those of `search` within 1e-6.

        A document that the query does not find, or that is not in the index, has 0.
        """
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        with reading_errors(self._folder):
            clauses = clauses_of(query, self.title_weight)
            most = self._most_hits(clauses)
            if not most or not len(wanted):
                return np.zeros(len(wanted), np.float32)
            distinct, inverse = np.unique(wanted, return_inverse=True)
            scores, found = self._found_among(self._queries.scored(clauses, query), most, distinct)
        spread = np.zeros(len(distinct), np.float32)
        places, known = places_among(found, distinct)
        spread[places[known]] = scores[known]
        return spread[inverse]

    def admits(self, query: LexicalQuery | str, numbers: Numbers) -> NDArray[np.bool_]:
        """Return which documents have all that is required and nothing that is excluded.

        For documents that were found in another way, for example by their vectors. One that is
        not in the index has nothing at all.
        """
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        if not query.constrained:
            return np.ones(len(wanted), bool)
        with reading_errors(self._folder):
            # The query that fewer documents match: what is required, or else what is excluded.
            if query.required:
                rule = self._queries.admitted(query)
                most = min(self._matches(phrase.field, phrase) for phrase in query.required)
            else:
                rule = self._queries.ruled_out(query)
                most = sum(self._matches(phrase.field, phrase) for phrase in query.excluded)
            distinct = _ascending(wanted)
            _, found = self._found_among(rule, min(most, len(self)), distinct)
        _, matched = places_among(wanted, np.sort(found))
        return matched if query.required else ~matched

    def explain(self, query: LexicalQuery | str, numbers: Numbers) -> list[list[Contribution]]:
        """Return what each word adds to the scores of given documents, the largest first.

        The parts of a document add up to its score within 1e-6 of it, the rounding of float32;
        one that the query does not find has none.
        """
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        distinct = np.unique(wanted)
        parts: dict[int, list[Contribution]] = {number: [] for number in distinct.tolist()}
        with reading_errors(self._folder):
            for clause in clauses_of(query, self.title_weight):
                scored = self._queries.scored([clause], query)
                for score, number in zip(*self._looked_up(scored, distinct), strict=True):
                    part = Contribution(clause.field, clause.word, float(score))
                    parts[int(number)].append(part)
        return [sorted(parts[n], key=lambda part: -part.score) for n in wanted.tolist()]

    def frequency(self, field: str, term: str) -> int:
        """Count the documents that have a term in a field, deleted ones until merged."""
        with reading_errors(self._folder):
            return self._frequency(field, term)

    def document_frequencies(self, words: Iterable[str]) -> list[int]:
        """Count the documents that have each word, deleted ones among them until merged.

        A word that is cut into several has the count of the rarest; one that is nothing, 0.
        """
        return [rarest(self.frequency, self.analyzer, word) for word in words]

    def may_contain(self, number: int) -> bool:
        """Whether there is a document of this number, or was until its segment is merged."""
        with reading_errors(self._folder):
            return self._frequency(NUMBER, number) > 0

    def numbers(self) -> IntVector:
        """Return the numbers of all documents, `(n,)`, ascending."""
        with reading_errors(self._folder):
            _, found = self._hits(load_tantivy().Query.all_query(), max(len(self), 1))
        return np.sort(found)

    def read_all(self) -> None:
        """Read the postings and positions of every term, and what is stored of documents.

        For a process that may die of a file that somebody else has made.
        """
        query, count = load_tantivy().Query, len(self)
        with reading_errors(self._folder):
            for field in (TEXT, TITLE, STOPS):
                for term in self._terms(field):
                    # To find a term that follows itself, all of its positions are read.
                    twice = query.phrase_query(self._schema, field, [term, term])
                    self._searcher.search(twice, 1)
                    once = query.term_query(self._schema, field, term, "freq")
                    self._searcher.search(once, 10, count=False)
            every = self._searcher.search(query.all_query(), max(count, 1), count=False)
            if len(every.hits) != count:
                raise ValueError(f"{len(every.hits)} documents of {count}")
            for _, address in every.hits:
                self._searcher.doc(address)

    def _parsed(self, query: LexicalQuery | str) -> LexicalQuery:
        if isinstance(query, str):
            return self.parse(query)
        check_query(query)
        return query

    def _search_among(
        self, scored: Any, topn: int, allowed: IntVector, most: int
    ) -> tuple[FloatVector, IntVector]:
        limit = min(max(topn, int(topn * _SPARE * len(self) / len(allowed))), most)
        while _LOOKUP * len(allowed) > limit:
            scores, numbers = self._hits(scored, limit)
            exhausted = len(scores) < limit or limit == most
            _, among = places_among(numbers, allowed)
            scores, numbers = scores[among], numbers[among]
            if exhausted or len(scores) >= topn:
                return _best(scores, numbers, topn)
            limit = min(limit * _GROWTH, most)
        return _best(*self._looked_up(scored, allowed), topn)

    def _found_among(
        self, query: Any, most: int, numbers: IntVector
    ) -> tuple[FloatVector, IntVector]:
        """Return hits of a query, at least those of these numbers; there are `most` in all."""
        if not most:
            return _nothing()
        if _LOOKUP * len(numbers) <= most:
            return self._looked_up(query, numbers)
        return self._hits(query, most)

    def _looked_up(self, query: Any, numbers: IntVector) -> tuple[FloatVector, IntVector]:
        parts = [_nothing()]
        for start in range(0, len(numbers), _CHUNK):
            some = numbers[start : start + _CHUNK].tolist()
            parts.append(self._hits(self._queries.among(query, some), len(some)))
        return np.concatenate([s for s, _ in parts]), np.concatenate([n for _, n in parts])

    def _hits(self, query: Any, limit: int) -> tuple[FloatVector, IntVector]:
        hits = self._searcher.search(query, limit, count=False).hits
        addresses = [address for _, address in hits]
        numbers = self._searcher.fast_field_values(NUMBER, addresses) if hits else []
        scores = np.array([score for score, _ in hits], np.float32)
        return scores, np.array(numbers, np.int64)

    def _most_hits(self, clauses: list[Clause]) -> int:
        # What is in the title is in the text too.
        counts = [self._matches(c.field, c.phrase) for c in clauses if c.field != TITLE]
        return min(sum(counts), len(self))

    def _matches(self, field: str, phrase: Phrase) -> int:
        return min(self._frequency(field, term) for _, term in phrase.terms)

    def _frequency(self, field: str, term: str | int) -> int:
        return int(self._searcher.doc_freq(field, term))

    def _terms(self, field: str) -> list[str]:
        if hasattr(self._searcher, "terms_with_prefix"):
            return [term for term, _ in self._searcher.terms_with_prefix(field, "")]
        # tantivy before 0.27 lists none; all of them are read to find documents that have any.
        anything = load_tantivy().Query.regex_query(self._schema, field, ".*")
        self._searcher.search(anything, 1)
        return []


class _QueryBuilder:
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


def rarest(frequency: Callable[[str, str], int], analyzer: LexicalAnalyzer, word: str) -> int:
    """Count the documents that have the rarest term of a word, by field and term."""
    terms = [term for term in analyzer.terms(word) if term.text != GAP]
    return min((frequency(STOPS if t.stop else TEXT, t.text) for t in terms), default=0)


def as_numbers(name: str, numbers: Numbers) -> IntVector:
    """Return document numbers as an array, in the order given.

    Place i of a mask stands for document i; `name` is what errors call the numbers.
    """
    if isinstance(numbers, range):
        return np.arange(numbers.start, numbers.stop, numbers.step, dtype=np.int64)
    array = np.asarray(numbers)
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.ndim == 1 and array.dtype == bool:
        return np.flatnonzero(array).astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        got = f"{array.dtype} of shape {array.shape}"
        raise ParameterError(name, "a range, a mask or document numbers", got)
    return array.astype(np.int64)


def places_among(numbers: IntVector, wanted: IntVector) -> tuple[IntVector, NDArray[np.bool_]]:
    """Return the place of each number in `wanted`, which ascends, and whether it is there."""
    if not len(wanted):
        return np.zeros(len(numbers), np.int64), np.zeros(len(numbers), bool)
    places = np.minimum(np.searchsorted(wanted, numbers), len(wanted) - 1)
    return places, wanted[places] == numbers


def _ascending(numbers: IntVector) -> IntVector:
    # `np.unique` takes ten milliseconds for 63,000 numbers, in order or not.
    return numbers if (np.diff(numbers) > 0).all() else np.unique(numbers)


def _best(scores: FloatVector, numbers: IntVector, topn: int) -> tuple[FloatVector, IntVector]:
    order = np.lexsort((numbers, -scores))[:topn]
    return scores[order], numbers[order]


def _nothing() -> tuple[FloatVector, IntVector]:
    return np.empty(0, np.float32), np.empty(0, np.int64)
