"""Documents that the lexical index does not have yet, scored by their words as it would."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.index.lexical import Contribution
from embedsearch.index.lexical._tantivy import STOPS, TEXT
from embedsearch.index.lexical.analysis import HOLE
from embedsearch.index.lexical.scoring import Clause, clauses_of
from embedsearch.index.lexical.writing import indexed_fields
from embedsearch.vectors.sparse import K1, B

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedsearch._types import Document, IntVector
    from embedsearch.index.lexical import LexicalAnalyzer, LexicalIndex, LexicalQuery
    from embedsearch.index.lexical.analysis import Term
    from embedsearch.index.lexical.query import Phrase
    from embedsearch.store.documents import DocumentStore

Places = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Where the terms of one document stand, field by field."""

    places: Mapping[tuple[str, str], Places]
    lengths: Mapping[str, int]

    @classmethod
    def of(cls, document: Document, analyzer: LexicalAnalyzer) -> Words:
        """Cut a document as the index does."""
        places, lengths = defaultdict[tuple[str, str], list[int]](list), dict[str, int]()
        for field, text in indexed_fields(document, analyzer).items():
            terms = [(i, term) for i, term in enumerate(text.split(" ")) if term not in ("", HOLE)]
            lengths[field] = len(terms)
            for place, term in terms:
                places[field, term].append(place)
        return cls({key: tuple(found) for key, found in places.items()}, lengths)


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """The terms of all later documents.

    Attributes:
        documents: For each field and term, where it stands in each document.
        lengths: For each field the number of terms of each document.
        means: Their mean.
    """

    documents: Mapping[tuple[str, str], Mapping[int, Places]]
    lengths: Mapping[str, Mapping[int, int]]
    means: Mapping[str, float]

    @classmethod
    def of(cls, words: Mapping[int, Words], mean_length: float) -> Postings:
        """Gather them; the mean length of texts is that of the whole collection."""
        documents = defaultdict[tuple[str, str], dict[int, Places]](dict)
        lengths = defaultdict[str, dict[int, int]](dict)
        for number, own in words.items():
            for key, places in own.places.items():
                documents[key][number] = places
            for field, length in own.lengths.items():
                lengths[field][number] = length
        means = {field: sum(found.values()) / len(found) for field, found in lengths.items()}
        return cls(documents, lengths, {**means, TEXT: mean_length})

    def frequency(self, field: str, term: str) -> int:
        """Count the documents that have a term in a field."""
        return len(self.documents.get((field, term), ()))

    def occurrences(self, field: str, phrase: Phrase) -> dict[int, int]:
        """Count how often each document has a term, or terms that stand together."""
        each = [self.documents.get((field, term), {}) for _, term in phrase.terms]
        shared = set(each[0]).intersection(*each[1:])
        offsets = [offset for offset, _ in phrase.terms]
        counts = {
            number: _together([places[number] for places in each], offsets) for number in shared
        }
        return {number: count for number, count in counts.items() if count}


class LaterDocuments:
    """What changed in the record after the lexical index: texts to add, and texts to forget.

    Args:
        since: The change of the record that the index has reached.
        mean_length: Terms in a document of the index, on average.

    Attributes:
        change: The last change of the record that is in here.
        words: The documents that came or changed, by number.
        stale: Numbers whose documents in the index no longer hold.
    """

    def __init__(self, since: int, mean_length: float) -> None:
        self.since = self.change = since
        self._mean_length = mean_length
        self.words: Mapping[int, Words] = {}
        self.stale: frozenset[int] = frozenset()

    def followed(self, store: DocumentStore, analyzer: LexicalAnalyzer) -> LaterDocuments:
        """Return them after all later changes of the record."""
        latest = store.change
        if latest == self.change:
            return self
        gone = set(store.removed_since(self.change))
        changed = {n: Words.of(d, analyzer) for n, d in store.changed_since(self.change)}
        followed = LaterDocuments(self.since, self._mean_length)
        followed.change, followed.stale = latest, self.stale.union(gone, changed)
        followed.words = {n: w for n, w in self.words.items() if n not in gone} | changed
        return followed

    @cached_property
    def numbers(self) -> IntVector:
        """The numbers of those that came or changed, ascending."""
        return np.array(sorted(self.words), np.int64)

    @cached_property
    def postings(self) -> Postings:
        """Their terms."""
        return Postings.of(self.words, self._mean_length)

    def explain(self, query: LexicalQuery, index: LexicalIndex) -> dict[int, list[Contribution]]:
        """Return what each word of a query adds to the score of each document that it finds.

        The formula is that of the index (see `LexicalIndex`), idf is that of both together.
        """
        admitted, parts = self.admitted(query), defaultdict[int, list[Contribution]](list)
        for clause in clauses_of(query, index.title_weight):
            for number, score in self._scores(clause, index).items():
                if number in admitted:
                    parts[number].append(Contribution(clause.field, clause.word, score))
        return parts

    def admitted(self, query: LexicalQuery) -> set[int]:
        """Return the numbers of those that have all that is required, and nothing excluded."""
        found = set(self.words)
        for phrase in query.required:
            found &= set(self._holders(phrase))
        for phrase in query.excluded:
            found -= set(self._holders(phrase))
        return found

    def frequency_of(self, terms: Sequence[Term]) -> int:
        """Count the documents that have the rarest of these terms."""
        fields = [(STOPS if term.stop else TEXT, term.text) for term in terms if term.text != HOLE]
        return min((self.postings.frequency(*each) for each in fields), default=0)

    def _holders(self, phrase: Phrase) -> dict[int, int]:
        return self.postings.occurrences(STOPS if phrase.stop else TEXT, phrase)

    def _scores(self, clause: Clause, index: LexicalIndex) -> dict[int, float]:
        field, postings = clause.field, self.postings
        occurrences = postings.occurrences(field, clause.phrase)
        if not occurrences:
            return {}
        n, idf = len(index) + len(self.words), 0.0
        for _, term in clause.phrase.terms:
            df = index.frequency(field, term) + postings.frequency(field, term)
            idf += float(np.log1p((n - min(df, n) + 0.5) / (df + 0.5)))
        mean, lengths = postings.means[field] or 1.0, postings.lengths[field]
        return {
            number: clause.weight * idf * _saturated(count, lengths[number] / mean)
            for number, count in occurrences.items()
        }


def _saturated(count: int, length: float) -> float:
    return count * (K1 + 1) / (count + K1 * (1 - B + B * length))


def _together(places: list[Places], offsets: list[int]) -> int:
    if len(places) == 1:
        return len(places[0])
    starts = [{p - offset for p in found} for found, offset in zip(places, offsets, strict=True)]
    return len(set.intersection(*starts))
