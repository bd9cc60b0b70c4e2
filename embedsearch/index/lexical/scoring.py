"""What a query's parts are for tantivy, and what each of them is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from embedsearch.index.lexical._tantivy import NUMBER, STOPS, TEXT, TITLE, load_tantivy
from embedsearch.index.lexical.query import Phrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedsearch.index.lexical.query import LexicalQuery

# nDCG@10 on SciFact: 0 gives 0.699, 0.1 and 0.2 0.702, 0.3 0.700, 0.5 0.691, 1 0.668. The title
# beside a text without it gives 0.696 at best, with 0.5.
TITLE_WEIGHT = 0.2


class Contribution(NamedTuple):
    """A part of a document's score.

    Attributes:
        field: "text" (title and text together), "title" or "stops".
        word: The word as it was typed; a phrase in quotes.
        score: What it adds to the score.
    """

    field: str
    word: str
    score: float


class Clause(NamedTuple):
    """One thing that is scored in one field.

    Attributes:
        field: The field that is looked in.
        phrase: A word, or several that stand together.
        weight: What its BM25 score is multiplied by.
        word: What it is called in an explanation.
    """

    field: str
    phrase: Phrase
    weight: float
    word: str


def clauses_of(query: LexicalQuery, title_weight: float) -> list[Clause]:
    """List all that is scored: each word and phrase, in the text and in the title.

    Stop words are scored where there is nothing else.
    """
    if not query.words and not query.phrases:
        return [_clause(query, STOPS, word, weight) for word, weight in query.stops.items()]
    fields = [(TEXT, 1.0), (TITLE, title_weight)] if title_weight else [(TEXT, 1.0)]
    clauses = []
    for field, factor in fields:
        for word, weight in query.words.items():
            clauses.append(_clause(query, field, word, weight * factor))
        for phrase, weight in query.phrases.items():
            if not phrase.stop:
                clauses.append(Clause(field, phrase, weight * factor, f'"{phrase.spelling}"'))
    for phrase, weight in query.phrases.items():
        if phrase.stop:
            clauses.append(Clause(STOPS, phrase, weight, f'"{phrase.spelling}"'))
    return clauses


def _clause(query: LexicalQuery, field: str, word: str, weight: float) -> Clause:
    return Clause(field, Phrase(((0, word),)), weight, query.spellings.get(word, word))


class Queries:
    """Makes tantivy's query objects; text is never parsed by tantivy.

    Args:
        schema: The fields of the index.
    """

    def __init__(self, schema: Any) -> None:
        tantivy = load_tantivy()
        self._schema, self._query, self._occur = schema, tantivy.Query, tantivy.Occur

    def scored(self, clauses: Sequence[Clause]) -> Any:
        """Return the query that finds what any clause finds, and adds up their scores."""
        # One flat union of terms is what tantivy can prune (block-max WAND).
        return self._any(self.boosted(clause) for clause in clauses)

    def boosted(self, clause: Clause) -> Any:
        """Return the query of one clause."""
        found = self._phrase(clause.field, clause.phrase)
        return found if clause.weight == 1 else self._query.boost_query(found, clause.weight)

    def constrained(self, scored: Any, query: LexicalQuery) -> Any:
        """Return `scored`, for those documents alone that the query does not rule out."""
        if not query.constrained:
            return scored
        must = [(self._occur.Must, self._silent(phrase)) for phrase in query.required]
        must_not = [(self._occur.MustNot, self._silent(phrase)) for phrase in query.excluded]
        return self._query.boolean_query([(self._occur.Must, scored), *must, *must_not])

    def admitting(self, query: LexicalQuery) -> Any:
        """Return the query that finds all documents that `query` does not rule out."""
        return self.constrained(self._query.all_query(), query)

    def ruled_out(self, query: LexicalQuery) -> Any:
        """Return the query that finds all documents with anything that `query` excludes."""
        return self._any(self._silent(phrase) for phrase in query.excluded)

    def among(self, query: Any, numbers: Sequence[int]) -> Any:
        """Return `query` for the documents of these numbers alone."""
        # A set query does the same in four times the time.
        term = self._query.term_query
        some = self._any(term(self._schema, NUMBER, number, "basic") for number in numbers)
        silent = self._query.const_score_query(some, 0.0)
        return self._query.boolean_query([(self._occur.Must, silent), (self._occur.Must, query)])

    def _any(self, queries: Iterator[Any]) -> Any:
        return self._query.boolean_query([(self._occur.Should, query) for query in queries])

    def _silent(self, phrase: Phrase) -> Any:
        found = self._phrase(STOPS if phrase.stop else TEXT, phrase)
        return self._query.const_score_query(found, 0.0)

    def _phrase(self, field: str, phrase: Phrase) -> Any:
        if len(phrase.terms) == 1:
            return self._query.term_query(self._schema, field, phrase.terms[0][1], "freq")
        return self._query.phrase_query(self._schema, field, list(phrase.terms))
