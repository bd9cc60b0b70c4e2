"""The lexical index: an inverted index of documents on disk (tantivy), brought to a change."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import as_count
from embedsearch._errors import ParameterError, WorkspaceDamagedError, WorkspaceReadOnlyError
from embedsearch._progress import listener_of
from embedsearch.index.lexical.analysis import GAP, STOPS, TEXT, TITLE
from embedsearch.index.lexical.bulk import fields_of
from embedsearch.index.lexical.query import (
    Clause,
    LexicalQuery,
    Phrase,
    QueryBuilder,
    check_query,
    clauses_of,
    limit_query,
    parse_query,
)
from embedsearch.index.lexical.storage import (
    MOST_CHECKED,
    NUMBER,
    State,
    clear,
    load_tantivy,
    make_mirror,
    make_schema,
    missing_files,
    prepare,
    read_commit,
    read_state,
    reading_errors,
    unreadable_files,
    write_state,
    writing,
    writing_errors,
)
from embedsearch.vectors.arrays import best_first, distinct, places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from numpy.typing import ArrayLike, NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import Document, FloatVector, IntVector
    from embedsearch.index.lexical.analysis import LexicalAnalyzer

    Numbers = range | ArrayLike


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


class LexicalSnapshot:
    """The index as it was at one commit; it stays the same while others write."""

    def __init__(self, folder: Path, index: Any, analyzer: LexicalAnalyzer) -> None:
        self.analyzer, self._folder, self._schema = analyzer, folder, index.schema
        self._queries = QueryBuilder(self._schema)
        with reading_errors(folder):
            index.reload()
            self._searcher = index.searcher()
            self._count = int(self._searcher.num_docs)

    def __len__(self) -> int:
        return self._count

    def parse(self, text: str) -> LexicalQuery:
        """Read what a user typed; see `parse_query`.

        Of more than 256 different words those that weigh most here are kept; see `limit_query`.
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
            clauses = clauses_of(query)
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
            clauses = clauses_of(query)
            most = self._most_hits(clauses)
            if not most or not len(wanted):
                return np.zeros(len(wanted), np.float32)
            each = distinct(wanted)
            scores, found = self._found_among(self._queries.scored(clauses, query), most, each)
        spread = np.zeros(len(each), np.float32)
        places, known = places_of(each, found)
        spread[places[known]] = scores[known]
        return spread[np.searchsorted(each, wanted)]

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
            ordered = _ascending(wanted)
            _, found = self._found_among(rule, min(most, len(self)), ordered)
        _, matched = places_of(np.sort(found), wanted)
        return matched if query.required else ~matched

    def explain(self, query: LexicalQuery | str, numbers: Numbers) -> list[list[Contribution]]:
        """Return what each word adds to the scores of given documents, the largest first.

        The parts of a document add up to its score within 1e-6 of it, the rounding of float32;
        one that the query does not find has none.
        """
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        each = distinct(wanted)
        parts: dict[int, list[Contribution]] = {number: [] for number in each.tolist()}
        with reading_errors(self._folder):
            for clause in clauses_of(query):
                scored = self._queries.scored([clause], query)
                for score, number in zip(*self._looked_up(scored, each), strict=True):
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
            _, among = places_of(allowed, numbers)
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


def _ascending(numbers: IntVector) -> IntVector:
    # To sort 63,000 numbers takes a millisecond, in order or not.
    return numbers if (np.diff(numbers) > 0).all() else distinct(numbers)


def _best(scores: FloatVector, numbers: IntVector, topn: int) -> tuple[FloatVector, IntVector]:
    best = best_first(scores, numbers, topn)
    return scores[best], numbers[best]


def _nothing() -> tuple[FloatVector, IntVector]:
    return np.empty(0, np.float32), np.empty(0, np.int64)


class LexicalIndex:
    """Finds documents, named by their numbers, by the words that they have.

    The score is BM25 (Robertson and Zaragoza 2009) with k1 = 1.2 and b = 0.75, over title and
    text together, plus 0.2 times the BM25 of the title alone:

    `idf · f · (k1 + 1) / (f + k1 · (1 - b + b · length / mean length))`, where idf is
    `ln(1 + (N - n + ½) / (n + ½))`, f counts the word in the document, n the documents with the
    word, and N all documents. Lengths count words without stop words. tantivy keeps a length in
    one byte: exact up to 40 words, beyond that rounded down by up to 1/9, which raises a score by
    at most 1/8, and by 5 % at the mean length. A deleted document counts in n, N and the mean
    length until tantivy merges its segment.

    An index is made by `create` or `open`, and is a context manager.
    """

    def __init__(self, folder: Path, index: Any, state: State, writable: bool) -> None:
        """Wrap an opened tantivy index; use `create` or `open` instead."""
        self.folder, self.writable = folder, writable
        # Larger files get a hash of samples, by which they are compared when the index is opened.
        self.most_checked = MOST_CHECKED
        self._index = index
        # Plain attributes, as each query asks for them. After a crash within `apply` the index may
        # have a later change than this says; applying that again does no harm.
        self.change, self.analyzer = state.change, state.analyzer
        self.own_folder: TemporaryDirectory[str] | None = None
        # The state at opening; a writer sees its own changes at once.
        self.snapshot = self._last_commit()

    @classmethod
    def create(cls, folder: Path, analyzer: LexicalAnalyzer) -> LexicalIndex:
        """Make an empty index, open for writing; one that is in the folder is replaced."""
        clear(folder)
        with writing_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            index = load_tantivy().Index(make_schema(), path=str(folder))
            prepare(index)
            state = State(analyzer, 0, read_commit(folder).opstamp)
            write_state(folder, state)
        return cls(folder, index, state, True)

    @classmethod
    def temporary(cls, analyzer: LexicalAnalyzer) -> LexicalIndex:
        """Make an empty index in a folder that is removed when it is closed."""
        folder = TemporaryDirectory(prefix="embedsearch-", ignore_cleanup_errors=True)
        index = cls.create(Path(folder.name), analyzer)
        index.own_folder = folder
        return index

    @classmethod
    def open(cls, folder: Path, writable: bool = False) -> LexicalIndex:
        """Open an index that `create` made.

        Of files above 16 MiB only samples are compared with what was written; damage between them
        shows in `damaged_files`, or when a search meets it.
        """
        state = read_state(folder)
        _check_files(folder)
        with reading_errors(folder):
            mirror = (
                make_mirror(folder) if not writable and not os.access(folder, os.W_OK) else None
            )
            index = load_tantivy().Index.open(str(folder if mirror is None else mirror.name))
            prepare(index)
        opened = cls(folder, index, state, writable)
        opened.own_folder = mirror
        _check_commit(folder, state)
        return opened

    def __len__(self) -> int:
        return len(self.snapshot)

    def apply(
        self,
        documents: Iterable[tuple[int, Document]],
        removed: Iterable[int] = (),
        *,
        change: int,
        count: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Bring the index to a change: all of it, or, if anything fails, none of it.

        `removed` are deleted before any documents are added, of which there are `count`.
        """
        self._check_writable(change)
        with (
            listener_of(progress).task("index words", count, "documents") as task,
            writing(self._index, self.folder) as writer,
        ):
            for number in removed:
                writer.delete(number)
            for number, fields in fields_of(documents, self.analyzer):
                writer.put(number, fields)
                task.advance(1)
        # A crash before this leaves an index newer than its state: see `change`.
        with writing_errors(self.folder):
            state = State(self.analyzer, change, read_commit(self.folder).opstamp)
            write_state(self.folder, state, self.most_checked)
        self.change = change
        self.snapshot = self._last_commit()

    def close(self) -> None:
        """Release the files; the index cannot be used any more."""
        del self.snapshot, self._index
        if self.own_folder is not None:
            self.own_folder.cleanup()

    def __enter__(self) -> LexicalIndex:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LexicalIndex({len(self):,} documents, {self.analyzer.language})"

    def _last_commit(self) -> LexicalSnapshot:
        return LexicalSnapshot(self.folder, self._index, self.analyzer)

    def _check_writable(self, change: int) -> None:
        if not self.writable:
            reason = "the lexical index was opened for reading; open it for writing"
            raise WorkspaceReadOnlyError(self.folder, reason)
        if change < self.change:
            raise ParameterError("change", f"{self.change} or more", change)


def _check_commit(folder: Path, state: State) -> None:
    if read_commit(folder).opstamp < state.opstamp:
        reason = "the lexical index is older than its own state says; build it again"
        raise WorkspaceDamagedError(folder, reason)
    _refuse(folder, "missing", missing_files(folder))


def _check_files(folder: Path) -> None:
    with reading_errors(folder):
        broken = unreadable_files(folder)
    _refuse(folder, "damaged or missing", broken)


def _refuse(folder: Path, what: str, names: list[str]) -> None:
    if names:
        reason = f"the lexical index must be built again: {what} {', '.join(names)}"
        raise WorkspaceDamagedError(folder, reason)
