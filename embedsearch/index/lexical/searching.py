"""Finding documents with one state of the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.index.lexical._tantivy import NUMBER, STOPS, TEXT, TITLE, load_tantivy
from embedsearch.index.lexical.analysis import HOLE
from embedsearch.index.lexical.numbers import ascending, places_among
from embedsearch.index.lexical.scoring import Clause, Contribution, Queries, clauses_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedsearch._types import FloatVector, IntVector
    from embedsearch.index.lexical.analysis import Term
    from embedsearch.index.lexical.query import LexicalQuery, Phrase

# Looking up a document by its number costs what going through eight hits costs.
LOOKUP = 8
# Beyond some hundreds of numbers in one query the cost of each grows.
CHUNK = 256
# Of the hits read, by how much more than enough are read at first, and how much more then.
SPARE, GROWTH = 1.5, 8


class Snapshot:
    """The index as it was at one commit; it stays the same while others write.

    Args:
        searcher: tantivy's searcher.
        schema: The fields.
        title_weight: What a word in the title adds, as a multiple of its BM25 there.
    """

    def __init__(self, searcher: Any, schema: Any, title_weight: float) -> None:
        self._searcher, self._schema, self._title_weight = searcher, schema, title_weight
        self._queries = Queries(schema)
        self.count = int(searcher.num_docs)

    def numbers(self) -> IntVector:
        """Return the numbers of all documents, ascending."""
        _, found = self._hits(load_tantivy().Query.all_query(), max(self.count, 1))
        return np.sort(found)

    def read_all(self) -> None:
        """Read the documents and the positions of every term, and what is stored of documents.

        Raises:
            ValueError: A document has no number.
        """
        query = load_tantivy().Query
        for field in (TEXT, TITLE, STOPS):
            for term in self._terms(field):
                # To find a term that follows itself, all of its positions are read.
                twice = query.phrase_query(self._schema, field, [term, term])
                self._searcher.search(twice, 1)
                once = query.term_query(self._schema, field, term, "freq")
                self._searcher.search(once, 10, count=False)
        every = self._searcher.search(query.all_query(), max(self.count, 1), count=False)
        if len(every.hits) != self.count:
            raise ValueError(f"{len(every.hits)} documents of {self.count}")
        for _, address in every.hits:
            self._searcher.doc(address)

    def _terms(self, field: str) -> list[str]:
        if hasattr(self._searcher, "terms_with_prefix"):
            return [term for term, _ in self._searcher.terms_with_prefix(field, "")]
        # tantivy before 0.27 lists none; all of them are read to find what has any.
        anything = load_tantivy().Query.regex_query(self._schema, field, ".*")
        self._searcher.search(anything, 1)
        return []

    def frequency(self, field: str, term: str | int) -> int:
        """Count the documents that have a term, or a number, in a field."""
        return int(self._searcher.doc_freq(field, term))

    def frequency_of(self, terms: Sequence[Term]) -> int:
        """Count the documents that have the rarest of these terms."""
        fields = [(STOPS if term.stop else TEXT, term.text) for term in terms if term.text != HOLE]
        return min((self.frequency(field, text) for field, text in fields), default=0)

    def search(
        self, query: LexicalQuery, topn: int, allowed: IntVector | None
    ) -> tuple[FloatVector, IntVector]:
        """Find the `topn` documents with the highest scores; see `LexicalIndex.search`.

        A set of allowed numbers is looked up one by one where it is small. For a large one the
        list of all hits is read until enough of them are allowed: there is no other fast way
        into tantivy from Python, and the answer is the same.
        """
        clauses = clauses_of(query, self._title_weight)
        reach = self._reach(clauses)
        if not reach or (allowed is not None and not len(allowed)):
            return _nothing()
        if allowed is None:
            return self._read(query, clauses, min(topn, reach), topn, None, reach)
        allowed = ascending(allowed)
        limit = min(max(topn, int(topn * SPARE * self.count / len(allowed))), reach)
        return self._read(query, clauses, limit, topn, allowed, reach)

    def scores_of(self, query: LexicalQuery, numbers: IntVector) -> FloatVector:
        """Return the score of each of these documents, 0 where the query does not find it."""
        clauses = clauses_of(query, self._title_weight)
        reach = self._reach(clauses)
        if not reach or not len(numbers):
            return np.zeros(len(numbers), dtype=np.float32)
        wanted, inverse = np.unique(numbers, return_inverse=True)
        found = self._constrained(query, clauses)
        if LOOKUP * len(wanted) <= reach:
            return _spread(*self._looked_up(found, wanted), wanted)[inverse]
        return _spread(*self._hits(found, reach), wanted)[inverse]

    def admits(self, query: LexicalQuery, numbers: IntVector) -> NDArray[np.bool_]:
        """Tell which of these documents have all that is required and nothing excluded."""
        if not query.constrained:
            return np.ones(len(numbers), dtype=bool)
        _, found = self._looked_up(self._queries.admitting(query), np.unique(numbers))
        return places_among(numbers, np.sort(found))[1]

    def narrowed(self, query: LexicalQuery, numbers: IntVector) -> IntVector:
        """Return those of many documents that the query does not rule out."""
        if query.required:
            most = min(self._matches(*_field(phrase)) for phrase in query.required)
            _, found = self._hits(self._queries.admitting(query), most) if most else _nothing()
            return numbers[places_among(numbers, np.sort(found))[1]]
        most = min(sum(self._matches(*_field(p)) for p in query.excluded), self.count)
        _, found = self._hits(self._queries.ruled_out(query), most) if most else _nothing()
        return numbers[~places_among(numbers, np.sort(found))[1]]

    def explain(self, query: LexicalQuery, numbers: IntVector) -> list[list[Contribution]]:
        """Return what each word adds to the scores of these documents."""
        wanted = np.unique(numbers)
        found: dict[int, list[Contribution]] = {int(number): [] for number in wanted}
        for clause in clauses_of(query, self._title_weight):
            one = self._constrained(query, [clause])
            for score, number in zip(*self._looked_up(one, wanted), strict=True):
                part = Contribution(clause.field, clause.word, float(score))
                found[int(number)].append(part)
        return [sorted(found[int(n)], key=lambda part: -part.score) for n in numbers]

    def _read(
        self,
        query: LexicalQuery,
        clauses: list[Clause],
        limit: int,
        topn: int,
        allowed: IntVector | None,
        reach: int,
    ) -> tuple[FloatVector, IntVector]:
        found = self._constrained(query, clauses)
        while True:
            if allowed is not None and LOOKUP * len(allowed) <= limit:
                return _best(*self._looked_up(found, allowed), topn)
            scores, numbers = self._hits(found, limit)
            exhausted = len(scores) < limit or limit == reach
            if allowed is not None:
                _, kept = places_among(numbers, allowed)
                scores, numbers = scores[kept], numbers[kept]
            if exhausted or len(scores) >= topn:
                return _best(scores, numbers, topn)
            limit = min(limit * GROWTH, reach)

    def _constrained(self, query: LexicalQuery, clauses: list[Clause]) -> Any:
        return self._queries.constrained(self._queries.scored(clauses), query)

    def _looked_up(self, query: Any, numbers: IntVector) -> tuple[FloatVector, IntVector]:
        parts = []
        for start in range(0, len(numbers), CHUNK):
            some = numbers[start : start + CHUNK].tolist()
            parts.append(self._hits(self._queries.among(query, some), len(some)))
        if not parts:
            return _nothing()
        return np.concatenate([s for s, _ in parts]), np.concatenate([n for _, n in parts])

    def _hits(self, query: Any, limit: int) -> tuple[FloatVector, IntVector]:
        hits = self._searcher.search(query, limit, count=False).hits
        addresses = [address for _, address in hits]
        numbers = self._searcher.fast_field_values(NUMBER, addresses) if hits else []
        scores = np.array([score for score, _ in hits], dtype=np.float32)
        return scores, np.array(numbers, dtype=np.int64)

    def _reach(self, clauses: list[Clause]) -> int:
        """Bound the number of hits from above."""
        # What is in the title is in the text too.
        counts = [self._matches(c.field, c.phrase) for c in clauses if c.field != TITLE]
        return min(sum(counts), self.count)

    def _matches(self, field: str, phrase: Phrase) -> int:
        return min(self.frequency(field, term) for _, term in phrase.terms)


def open_snapshot(index: Any, title_weight: float) -> Snapshot:
    """Take the state of the last commit."""
    index.reload()
    return Snapshot(index.searcher(), index.schema, title_weight)


def _field(phrase: Phrase) -> tuple[str, Phrase]:
    return STOPS if phrase.stop else TEXT, phrase


def _best(scores: FloatVector, numbers: IntVector, topn: int) -> tuple[FloatVector, IntVector]:
    order = np.lexsort((numbers, -scores))[:topn]
    return scores[order], numbers[order]


def _spread(scores: FloatVector, numbers: IntVector, wanted: IntVector) -> FloatVector:
    """Return the scores of the wanted numbers, which are sorted; 0 for those not found."""
    spread = np.zeros(len(wanted), dtype=np.float32)
    places, known = places_among(numbers, wanted)
    spread[places[known]] = scores[known]
    return spread


def _nothing() -> tuple[FloatVector, IntVector]:
    return np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)
