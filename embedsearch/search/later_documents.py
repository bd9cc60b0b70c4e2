"""Documents that the lexical index does not have yet, scored by their words as it would."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.index.lexical import Contribution
from embedsearch.index.lexical._tantivy import STOPS, TEXT, TITLE
from embedsearch.index.lexical.analysis import HOLE
from embedsearch.index.lexical.scoring import Clause, clauses_of
from embedsearch.index.lexical.writing import indexed_fields
from embedsearch.vectors.sparse import K1, B

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

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


@dataclass(frozen=True, eq=False)
class Batch:
    """Documents that came together, and where their terms stand; use `of`.

    Attributes:
        words: The documents by number.
        postings: For each field and term, where it stands in each document.
        dead: Numbers of those that have changed again or are gone.
    """

    words: Mapping[int, Words]
    postings: Mapping[tuple[str, str], Mapping[int, Places]]
    dead: frozenset[int] = frozenset()

    @classmethod
    def of(cls, words: Mapping[int, Words]) -> Batch:
        """Gather the terms of documents."""
        postings = defaultdict[tuple[str, str], dict[int, Places]](dict)
        for number, own in words.items():
            for key, places in own.places.items():
                postings[key][number] = places
        return cls(words, dict(postings))

    def __len__(self) -> int:
        return len(self.words) - len(self.dead)

    @property
    def live(self) -> dict[int, Words]:
        """The documents that hold."""
        return {n: own for n, own in self.words.items() if n not in self.dead}

    def without(self, numbers: Collection[int]) -> Batch:
        """Return it with these documents marked as dead."""
        dead = self.dead.union(number for number in numbers if number in self.words)
        return self if len(dead) == len(self.dead) else replace(self, dead=dead)

    def frequency(self, field: str, term: str) -> int:
        """Count the documents that have a term in a field."""
        found = self.postings.get((field, term), {})
        return len(found) if not self.dead else len(found.keys() - self.dead)

    def occurrences(self, field: str, phrase: Phrase) -> dict[int, int]:
        """Count how often each document has a term, or terms that stand together."""
        each = [self.postings.get((field, term), {}) for _, term in phrase.terms]
        shared = set(each[0]).intersection(*each[1:]) - self.dead
        offsets = [offset for offset, _ in phrase.terms]
        counts = {
            number: _together([places[number] for places in each], offsets) for number in shared
        }
        return {number: count for number, count in counts.items() if count}

    def lengths(self, field: str) -> tuple[int, int]:
        """Return how many terms the documents have in a field, and how many documents there are."""
        total, count = self._lengths[field]
        return total - sum(self.words[n].lengths[field] for n in self.dead), count - len(self.dead)

    @cached_property
    def _lengths(self) -> Mapping[str, tuple[int, int]]:
        fields = {field for own in self.words.values() for field in own.lengths}
        totals = {f: sum(own.lengths[f] for own in self.words.values()) for f in fields}
        return {field: (total, len(self.words)) for field, total in totals.items()}


@dataclass(frozen=True, eq=False)
class LaterDocuments:
    """What changed in the record after the lexical index: texts to add, and texts to forget.

    Each state is immutable, and the next one costs what changed: documents are in batches, of
    which those of nearly the same size are joined.

    Attributes:
        since: The change of the record that the index has reached.
        mean_length: Terms in a document of the index, on average.
        held: Whether the index may have a document of this number.
        change: The last change of the record that is in here.
        batches: The documents that came or changed, the oldest batch first.
        stale: Numbers whose documents in the index no longer hold.
    """

    since: int
    mean_length: float
    held: Callable[[int], bool]
    change: int
    batches: tuple[Batch, ...] = ()
    stale: frozenset[int] = frozenset()

    @classmethod
    def of(cls, index: LexicalIndex, mean_length: float) -> LaterDocuments:
        """Return those of the state of an index: none yet."""
        return cls(index.change, mean_length, index.may_hold, index.change)

    def followed(self, store: DocumentStore, analyzer: LexicalAnalyzer) -> LaterDocuments:
        """Return them after all later changes of the record."""
        latest = store.change
        if latest == self.change:
            return self
        gone = set(store.removed_since(self.change))
        changed = {n: Words.of(d, analyzer) for n, d in store.changed_since(self.change)}
        gone |= changed.keys()
        stale = self.stale.union(filter(self.held, gone - self.stale))
        batches = [batch.without(gone) for batch in self.batches]
        if changed:
            batches.append(Batch.of(changed))
        return replace(self, change=latest, batches=tuple(_joined(batches)), stale=stale)

    def __len__(self) -> int:
        return sum(map(len, self.batches))

    @cached_property
    def numbers(self) -> IntVector:
        """The numbers of those that came or changed, ascending."""
        return np.array(sorted(n for batch in self.batches for n in batch.live), np.int64)

    def explain(self, query: LexicalQuery, index: LexicalIndex) -> dict[int, list[Contribution]]:
        """Return what each word of a query adds to the score of each document that it finds.

        The formula is that of the index (see `LexicalIndex`), idf is that of both together.
        """
        admitted = self.admitted(query) if query.constrained else None
        parts = defaultdict[int, list[Contribution]](list)
        for clause in clauses_of(query, index.title_weight):
            for number, score in self._scores(clause, index).items():
                if admitted is None or number in admitted:
                    parts[number].append(Contribution(clause.field, clause.word, score))
        return parts

    def admitted(self, query: LexicalQuery) -> set[int]:
        """Return the numbers of those that have all that is required, and nothing excluded."""
        found = set(self.numbers.tolist())
        for phrase in query.required:
            found &= self._holders(phrase)
        for phrase in query.excluded:
            found -= self._holders(phrase)
        return found

    def frequency(self, field: str, term: str) -> int:
        """Count the documents that have a term in a field."""
        return sum(batch.frequency(field, term) for batch in self.batches)

    def frequency_of(self, terms: Sequence[Term]) -> int:
        """Count the documents that have the rarest of these terms."""
        fields = [(STOPS if term.stop else TEXT, term.text) for term in terms if term.text != HOLE]
        return min((self.frequency(*each) for each in fields), default=0)

    def _holders(self, phrase: Phrase) -> set[int]:
        field = STOPS if phrase.stop else TEXT
        return {n for batch in self.batches for n in batch.occurrences(field, phrase)}

    def _scores(self, clause: Clause, index: LexicalIndex) -> dict[int, float]:
        field = clause.field
        found = [(batch, batch.occurrences(field, clause.phrase)) for batch in self.batches]
        if not any(occurrences for _, occurrences in found):
            return {}
        n, idf = len(index) + len(self), 0.0
        for _, term in clause.phrase.terms:
            df = index.frequency(field, term) + self.frequency(field, term)
            idf += float(np.log1p((n - min(df, n) + 0.5) / (df + 0.5)))
        mean = self._means[field] or 1.0
        return {
            number: clause.weight
            * idf
            * _saturated(count, batch.words[number].lengths[field] / mean)
            for batch, occurrences in found
            for number, count in occurrences.items()
        }

    @cached_property
    def _means(self) -> Mapping[str, float]:
        """The mean length of each field; that of texts is that of the whole collection."""
        means = {TEXT: self.mean_length}
        for field in (TITLE, STOPS):
            totals, counts = zip(*(batch.lengths(field) for batch in self.batches), strict=True)
            means[field] = sum(totals) / max(sum(counts), 1)
        return means


def _joined(batches: list[Batch]) -> list[Batch]:
    """Join the last batches while the one before is hardly larger, and drop what is dead.

    So there are few batches, and a document is gathered again few times.
    """
    kept = [b if 2 * len(b.dead) <= len(b.words) else Batch.of(b.live) for b in batches]
    kept = [batch for batch in kept if len(batch)]
    while len(kept) > 1 and len(kept[-2]) <= 2 * len(kept[-1]):
        last = kept.pop()
        kept[-1] = Batch.of(kept[-1].live | last.live)
    return kept


def _saturated(count: int, length: float) -> float:
    return count * (K1 + 1) / (count + K1 * (1 - B + B * length))


def _together(places: list[Places], offsets: list[int]) -> int:
    if len(places) == 1:
        return len(places[0])
    starts = [{p - offset for p in found} for found, offset in zip(places, offsets, strict=True)]
    return len(set.intersection(*starts))
