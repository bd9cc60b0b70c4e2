"""Documents that the lexical index does not have yet, and the index together with them.

A reader may not bring the index up to date itself. What changed since is kept in memory, as small
inverted indexes, and is scored by the same formula.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.index.lexical.analysis import GAP, STOPS, TEXT, TITLE
from embedsearch.index.lexical.index import Contribution, rarest
from embedsearch.index.lexical.query import Clause, clauses_of
from embedsearch.vectors.arrays import best_first, places_of
from embedsearch.vectors.sparse import length_norm, saturated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from numpy.typing import NDArray

    from embedsearch._types import Document, FloatVector, IntVector
    from embedsearch.index.lexical.analysis import LexicalAnalyzer
    from embedsearch.index.lexical.index import LexicalIndex, LexicalSnapshot
    from embedsearch.index.lexical.query import LexicalQuery, Phrase
    from embedsearch.store.documents import DocumentStore

Positions = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """The positions of each field's terms in one document, and the lengths of its fields."""

    positions: Mapping[tuple[str, str], Positions]
    lengths: Mapping[str, int]

    @classmethod
    def of(cls, document: Document, analyzer: LexicalAnalyzer) -> IndexedDocument:
        """Cut a document as the index does."""
        positions, lengths = defaultdict[tuple[str, str], list[int]](list), dict[str, int]()
        for field, text in analyzer.document_fields(document).items():
            terms = [(i, term) for i, term in enumerate(text.split(" ")) if term not in ("", GAP)]
            lengths[field] = len(terms)
            for i, term in terms:
                positions[field, term].append(i)
        return cls({key: tuple(found) for key, found in positions.items()}, lengths)


@dataclass(frozen=True, eq=False)
class Segment:
    """Documents that came together, inverted; use `of`."""

    documents: Mapping[int, IndexedDocument]  # by number
    # For each field and term, its positions in each document.
    postings: Mapping[tuple[str, str], Mapping[int, Positions]]
    deleted: frozenset[int] = frozenset()  # those that have changed again or were deleted

    @classmethod
    def of(cls, documents: Mapping[int, IndexedDocument]) -> Segment:
        """Invert documents."""
        postings = defaultdict[tuple[str, str], dict[int, Positions]](dict)
        for number, document in documents.items():
            for key, positions in document.positions.items():
                postings[key][number] = positions
        return cls(documents, dict(postings))

    def __len__(self) -> int:
        return len(self.documents) - len(self.deleted)

    @property
    def live(self) -> dict[int, IndexedDocument]:
        """The documents that are not deleted."""
        return {n: document for n, document in self.documents.items() if n not in self.deleted}

    def without(self, numbers: Collection[int]) -> Segment:
        """Return it with these documents deleted."""
        deleted = self.deleted.union(number for number in numbers if number in self.documents)
        return self if len(deleted) == len(self.deleted) else replace(self, deleted=deleted)

    def frequency(self, field: str, term: str) -> int:
        """Count the documents that have a term in a field."""
        found = self.postings.get((field, term), {})
        return len(found) if not self.deleted else len(found.keys() - self.deleted)

    def occurrences(self, field: str, phrase: Phrase) -> dict[int, int]:
        """Count how often each document has a term, or terms that stand together."""
        each = [self.postings.get((field, term), {}) for _, term in phrase.terms]
        shared = set(each[0]).intersection(*each[1:]) - self.deleted
        offsets = [offset for offset, _ in phrase.terms]
        counts = {
            number: _together([positions[number] for positions in each], offsets)
            for number in shared
        }
        return {number: count for number, count in counts.items() if count}

    def total_length(self, field: str) -> int:
        """Return how many terms the documents have in a field."""
        deleted = sum(self.documents[number].lengths[field] for number in self.deleted)
        return self._total_lengths[field] - deleted

    @cached_property
    def _total_lengths(self) -> Mapping[str, int]:
        documents = self.documents.values()
        return {f: sum(d.lengths[f] for d in documents) for f in (TITLE, TEXT, STOPS)}


@dataclass(frozen=True, eq=False)
class PendingDocuments:
    """What changed in the store after the lexical index: documents to add, numbers to ignore.

    Each state is immutable, and the next one costs what changed: documents are in segments, of
    which those of nearly the same size are merged.
    """

    since: int  # the change of the store that the index has reached
    mean_length: float  # terms in a document of the index, on average
    in_index: Callable[[int], bool]  # whether the index may have a document of this number
    change: int  # the last change of the store that is in here
    segments: tuple[Segment, ...] = ()  # what was added or changed, the oldest segment first
    stale: frozenset[int] = frozenset()  # numbers whose documents in the index no longer hold

    @classmethod
    def after(cls, index: LexicalIndex, mean_length: float) -> PendingDocuments:
        """Return those of the state of an index: none yet."""
        return cls(index.change, mean_length, index.snapshot.may_contain, index.change)

    def updated(self, store: DocumentStore, analyzer: LexicalAnalyzer) -> PendingDocuments:
        """Return them after all later changes of the store."""
        latest = store.change
        if latest == self.change:
            return self
        gone = set(store.removed_since(self.change))
        changed = {n: IndexedDocument.of(d, analyzer) for n, d in store.changed_since(self.change)}
        gone |= changed.keys()
        stale = self.stale.union(filter(self.in_index, gone - self.stale))
        segments = [segment.without(gone) for segment in self.segments]
        if changed:
            segments.append(Segment.of(changed))
        return replace(self, change=latest, segments=tuple(_merged(segments)), stale=stale)

    def __len__(self) -> int:
        return sum(map(len, self.segments))

    @cached_property
    def numbers(self) -> IntVector:
        """The numbers of those that were added or changed, ascending."""
        return np.array(sorted(n for segment in self.segments for n in segment.live), np.int64)

    def explain(
        self, query: LexicalQuery, snapshot: LexicalSnapshot
    ) -> dict[int, list[Contribution]]:
        """Return what each word of a query adds to the score of each document that it finds.

        The formula is that of the index (see `LexicalIndex`), idf is that of both together.
        """
        admitted = self.admitted(query) if query.constrained else None
        parts = defaultdict[int, list[Contribution]](list)
        for clause in clauses_of(query):
            for number, score in self._scores(clause, snapshot).items():
                if admitted is None or number in admitted:
                    parts[number].append(Contribution(clause.field, clause.word, score))
        return parts

    def admitted(self, query: LexicalQuery) -> set[int]:
        """Return the numbers of those that have all that is required, and nothing excluded."""
        numbers = set(self.numbers.tolist())
        for phrase in query.required:
            numbers &= self._matching(phrase)
        for phrase in query.excluded:
            numbers -= self._matching(phrase)
        return numbers

    def frequency(self, field: str, term: str) -> int:
        """Count the documents that have a term in a field."""
        return sum(segment.frequency(field, term) for segment in self.segments)

    def _matching(self, phrase: Phrase) -> set[int]:
        return {n for segment in self.segments for n in segment.occurrences(phrase.field, phrase)}

    def _scores(self, clause: Clause, snapshot: LexicalSnapshot) -> dict[int, float]:
        field = clause.field
        found = [(segment, segment.occurrences(field, clause.phrase)) for segment in self.segments]
        if not any(occurrences for _, occurrences in found):
            return {}
        n, idf = len(snapshot) + len(self), 0.0
        for _, term in clause.phrase.terms:
            df = snapshot.frequency(field, term) + self.frequency(field, term)
            idf += float(np.log1p((n - min(df, n) + 0.5) / (df + 0.5)))
        mean = self._mean_lengths[field]
        return {
            number: clause.weight
            * idf
            * saturated(count, length_norm(segment.documents[number].lengths[field], mean))
            for segment, occurrences in found
            for number, count in occurrences.items()
        }

    @cached_property
    def _mean_lengths(self) -> Mapping[str, float]:
        """The mean length of each field; tantivy tells none, but the model knows that of texts."""

        def mean(field: str) -> float:
            return sum(s.total_length(field) for s in self.segments) / max(len(self), 1)

        return {TEXT: self.mean_length, TITLE: mean(TITLE), STOPS: mean(STOPS)}


class MergedLexicalIndex:
    """Answers as the snapshot will once it has what is pending, but for rounded lengths and idf."""

    def __init__(self, snapshot: LexicalSnapshot, pending: PendingDocuments) -> None:
        self.snapshot, self.pending = snapshot, pending
        self._stale = np.array(sorted(pending.stale), np.int64)

    def __len__(self) -> int:
        return len(self.snapshot) - len(self._stale) + len(self.pending)

    def search(
        self, query: LexicalQuery, topn: int = 10, allowed: IntVector | None = None
    ) -> tuple[FloatVector, IntVector]:
        """Find the documents with the highest scores."""
        scores, numbers = self.snapshot.search(query, topn + len(self._stale), allowed)
        valid = ~np.isin(numbers, self._stale)
        own, found = self._search_pending(query)
        if allowed is not None:
            among = np.isin(found, allowed)
            own, found = own[among], found[among]
        scores = np.concatenate((scores[valid], own))
        numbers = np.concatenate((numbers[valid], found))
        best = best_first(scores, numbers, topn)
        return scores[best], numbers[best]

    def scores_of(self, query: LexicalQuery, numbers: IntVector) -> FloatVector:
        """Return the scores `(n,)` of given documents."""
        scores = self.snapshot.scores_of(query, numbers)
        scores[np.isin(numbers, self._stale)] = 0
        own, found = self._search_pending(query)
        order = np.argsort(found)
        places, known = places_of(found[order], numbers)
        scores[known] = own[order][places[known]]
        return scores

    def admits(self, query: LexicalQuery, numbers: IntVector) -> NDArray[np.bool_]:
        """Return which documents have all that is required and nothing that is excluded."""
        admitted = self.snapshot.admits(query, numbers)
        if not query.constrained:
            return admitted
        own = np.array(sorted(self.pending.admitted(query)), np.int64)
        admitted &= ~np.isin(numbers, np.concatenate((self._stale, self.pending.numbers)))
        admitted |= np.isin(numbers, own)
        return admitted

    def explain(self, query: LexicalQuery, numbers: IntVector) -> list[list[Contribution]]:
        """Return what each word adds to the scores of given documents, the largest first."""
        own = self.pending.explain(query, self.snapshot)
        found, changed = self.snapshot.explain(query, numbers), self.pending.stale | own.keys()
        return [
            sorted(own.get(n, []), key=lambda part: -part.score) if n in changed else parts
            for n, parts in zip(numbers.tolist(), found, strict=True)
        ]

    def frequency(self, field: str, term: str) -> int:
        """Count the documents that have a term in a field, stale ones among them."""
        return self.snapshot.frequency(field, term) + self.pending.frequency(field, term)

    def document_frequencies(self, words: Iterable[str]) -> list[int]:
        """Count the documents that have each word, stale ones among them."""
        words, analyzer = list(words), self.snapshot.analyzer
        return [
            count + rarest(self.pending.frequency, analyzer, word)
            for count, word in zip(self.snapshot.document_frequencies(words), words, strict=True)
        ]

    def _search_pending(self, query: LexicalQuery) -> tuple[FloatVector, IntVector]:
        found = self.pending.explain(query, self.snapshot)
        sums = [sum(part.score for part in parts) for parts in found.values()]
        return np.array(sums, np.float32), np.array(list(found), np.int64)


def _merged(segments: list[Segment]) -> list[Segment]:
    """Merge the last segments while the one before is hardly larger, and drop deleted documents.

    So there are few segments, and a document is inverted again few times.
    """
    kept = [s if 2 * len(s.deleted) <= len(s.documents) else Segment.of(s.live) for s in segments]
    kept = [segment for segment in kept if len(segment)]
    while len(kept) > 1 and len(kept[-2]) <= 2 * len(kept[-1]):
        last = kept.pop()
        kept[-1] = Segment.of(kept[-1].live | last.live)
    return kept


def _together(positions: list[Positions], offsets: list[int]) -> int:
    if len(positions) == 1:
        return len(positions[0])
    starts = [{p - offset for p in own} for own, offset in zip(positions, offsets, strict=True)]
    return len(set.intersection(*starts))
