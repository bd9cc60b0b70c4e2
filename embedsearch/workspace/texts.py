"""`Workspace.texts`: the words of the documents, counted and in their context."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._checks import BOOLEAN, COUNT, STRING, Choice, Interval, Optional, as_count, check
from embedsearch._errors import ParameterError, QueryError
from embedsearch.search.concordance import Phrase, concordance
from embedsearch.search.counting import Tally, frequencies, keywords, matcher
from embedsearch.search.latent_space import full_text
from embedsearch.search.options import LINE_ORDERS, WORD_ORDERS, SearchOptions
from embedsearch.search.usage import MOST_GROUPS, grouping, usage
from embedsearch.text.folding import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from embedsearch._types import Document, IntVector
    from embedsearch.index.lexical import LexicalAnalyzer
    from embedsearch.search.concordance import ConcordanceLine
    from embedsearch.search.counting import Keyword, WordCount
    from embedsearch.search.usage import GroupUsage
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.session import Session

REST = "rest"
"""Stands for all documents that are not chosen, as what these are compared with."""
# Documents that are read at once; each may be a book.
_BATCH = 50


class _Compared(NamedTuple):
    """The words of groups, and what they were counted in."""

    change: int
    analyzer: LexicalAnalyzer
    groups: dict[int, set[str]]
    tallies: dict[str, Tally]


class Texts:
    """The words of all documents, titles included; nothing needs to be trained.

    A word is a token as search cuts texts: in lower case, unless the tokenizer keeps case, and
    neither stemmed nor joined to phrases. In scripts without spaces it is one of the words that
    the training found in the text; if it found none, a pair of characters. Counting reads the
    documents one after the other, about a million words a second, and keeps one count for each
    distinct word. What was counted of all documents is remembered until one changes.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._counted: tuple[int, LexicalAnalyzer, Tally] | None = None
        self._compared: _Compared | None = None

    def words(
        self,
        topn: int | None = 20,
        *,
        where: str | None = None,
        pattern: str | None = None,
        sort: str = "count",
    ) -> list[WordCount]:
        """List the words of the documents (a frequency list).

        Args:
            topn: How many; None for all.
            where: Only of documents whose metadata meet this condition, as for
                `Workspace.search`.
            pattern: Only words like this: `*` is any text, `?` any character: `"heat*"`.
            sort: "count" (how often a word occurs), "df" (in how many documents) or "word";
                the highest first, equal ones by the alphabet.

        Returns:
            `WordCount(word, count, df)`.

        Raises:
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
            QueryError: The condition does not parse.
        """
        check("sort", sort, Choice(WORD_ORDERS))
        check("topn", topn, Optional(COUNT))
        fits = self._matcher(pattern)
        with self._store.snapshot():
            tally = self._tally_of(None if where is None else self._store.matching(where))
        return frequencies(tally, sort, fits)[:topn]

    def keywords(
        self,
        ids: str | Iterable[str] = (),
        topn: int | None = 20,
        *,
        where: str | None = None,
        against: str | None = None,
        pattern: str | None = None,
        stop_words: bool = False,
    ) -> list[Keyword]:
        """List the words that are characteristic of some documents (keyness).

        The score is the z-score of the log-odds ratio with an informative Dirichlet prior
        (Monroe, Colaresi and Quinn 2008): the words that these documents have more often than the
        others, the most certain first. Above about 2 it is unlikely to be chance. If there are
        several documents, a word that one of them has n times counts 1 + ln n, so that none
        decides alone; the counts that are returned are the plain ones.

        ```python
        ws.texts.keywords("a1")
        ws.texts.keywords(where="year >= 2000", against="year < 1980")
        ```

        Args:
            ids: The id of a document, or several.
            topn: How many; None for all.
            where: All documents whose metadata meet this condition; with ids, only these are
                compared with.
            against: Compare with those that meet this condition; None, or "rest", with all that
                are not chosen. Chosen ones are never among them.
            pattern: Only words like this, as in `words`.
            stop_words: Also list stop words.

        Returns:
            `Keyword(word, score, count, df, reference_count, reference_df)`.

        Raises:
            UnknownDocumentError: There is none of an id.
            ParameterError: Neither ids nor a condition are given.
            QueryError: A condition does not parse, or nothing is left to compare with.
        """
        check("topn", topn, Optional(COUNT))
        check("stop_words", stop_words, BOOLEAN)
        fits, is_stop_word = self._matcher(pattern), self._analyzer.is_stop_word
        with self._store.snapshot():
            among = None if where is None else self._store.matching(where)
            chosen = self._chosen(ids, among)
            tally = self._tally_of(chosen)
            others = None if chosen is among else among
            if against not in (None, REST):
                meeting = self._store.matching(against)
                others = meeting if others is None else np.intersect1d(others, meeting)
            if others is None:
                reference = self._all().without(tally)
            else:
                reference = self._tally_of(np.setdiff1d(others, chosen))
        if not reference.documents:
            reason = "no other documents are left to compare with"
            raise QueryError(f"{reason}; choose fewer documents, or compare with others")

        def leave_out(word: str) -> bool:
            return not fits(word) or (not stop_words and is_stop_word(word))

        return keywords(tally, reference, leave_out)[:topn]

    def concordance(
        self,
        word: str,
        topn: int | None = 20,
        *,
        width: int = 40,
        where: str | None = None,
        sort: str = "document",
        exact: bool = False,
    ) -> list[ConcordanceLine]:
        """Show a word, or several that follow each other, in context (KWIC).

        Words match as in search: "wing" also finds "wings", and "boundary layer" also
        "boundary-layer". A context is within the title or the text, with runs of white space as
        one blank.

        Args:
            word: The word or words.
            topn: How many occurrences; None for all.
            width: How many characters of context to the left and to the right.
            where: Only in documents whose metadata meet this condition.
            sort: "document" (in the order of the documents), "left" (by the words before it, from
                the nearest outwards) or "right" (by the words behind it).
            exact: Only as the word is spelled, with its hyphens; case does not count, unless the
                tokenizer keeps it.

        Returns:
            `ConcordanceLine(left, match, right, id, field, offset)`.

        Raises:
            QueryError: There is no word in `word`, or the condition does not parse.
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
        """
        check("sort", sort, Choice(LINE_ORDERS))
        check("topn", topn, Optional(COUNT))
        check("exact", exact, BOOLEAN)
        width, phrase = as_count("width", width), Phrase(word, self._analyzer, exact=exact)
        change, found = self._store.change, self._containing(word, phrase)
        with self._store.snapshot():
            numbers = None if where is None else self._store.matching(where)
            # What was added since the index was asked is not among those found.
            if found is not None and self._store.change == change:
                numbers = found if numbers is None else np.intersect1d(found, numbers)
            return concordance(self._documents(numbers), phrase, width, topn, sort)

    def compare(
        self,
        word: str,
        by: str,
        topn: int = 8,
        *,
        bins: int | None = None,
        where: str | None = None,
        window: int = 5,
    ) -> list[GroupUsage]:
        """Compare how groups of documents use a word, or several that follow each other.

        The first comparison by a field reads all documents. Their words are remembered until a
        document changes: the next one by the same field only reads those that have the word, if
        the workspace is trained.

        Args:
            word: The word or words; they match as in `concordance`.
            by: The field whose values make the groups, as for `Documents.facet`: of the metadata,
                or "source". A document with a list of values is in several; one without the field
                is in none.
            topn: How many words of its company to list for each group.
            bins: Cut the range of the field's numbers, or of the years of its dates, into so many
                ranges of equal width, at most 100; None makes a group of each value.
            where: Only documents whose metadata meet this condition.
            window: So many words before and behind are its company.

        Returns:
            `GroupUsage(group, documents, df, count, per_million, company)` for each group, in
            the order of their values. The company are `Keyword`s.

        Raises:
            QueryError: No document has the field, it has more than 100 values, or there is no
                word in `word`.
            ParameterError: A parameter is of a wrong type, or `bins` is given and a value is
                neither a number nor a date.
        """
        check("by", by, STRING)
        check("bins", bins, Optional(Interval(1, MOST_GROUPS, whole=True)))
        topn, window = as_count("topn", topn), as_count("window", window)
        phrase = Phrase(word, self._analyzer)
        change, found = self._store.change, self._containing(word, phrase)
        with self._store.snapshot():
            numbers = None if where is None else self._store.matching(where)
            names, groups = self._groups(by, numbers, bins)
            everything = self._group_tallies(names, groups)
            read = _ordered(groups)
            if found is not None and self._store.change == change:
                read = np.intersect1d(read, found)
            documents = ((full_text(each), groups[number]) for number, each in self._read(read))
            return usage(documents, everything, phrase, window, topn)

    def _group_tallies(self, names: Sequence[str], groups: dict[int, set[str]]) -> dict[str, Tally]:
        """Return the words of each group; `groups` has the names of those of a document."""
        last, state = self._compared, (self._store.change, self._analyzer)
        if last is not None and (last.change, last.analyzer, last.groups) == (*state, groups):
            # A range of values may have no documents.
            return {name: last.tallies.get(name, Tally()) for name in names}
        tallies, tokens = {name: Tally() for name in names}, self._analyzer.tokens
        for number, document in self._read(_ordered(groups)):
            found = tokens(full_text(document))
            for name in groups[number]:
                tallies[name].add(found)
        if self._store.is_settled:
            self._compared = _Compared(*state, groups, tallies)
        return tallies

    def _containing(self, word: str, phrase: Phrase) -> IntVector | None:
        """Return the numbers of all documents that may have it; None if that is not known."""
        if self._session.generation is None or not phrase.is_indexed:
            return None
        search, _ = self._session.search_texts(SearchOptions())
        return search.containing(word)

    @property
    def _store(self) -> DocumentStore:
        return self._session.store

    @property
    def _analyzer(self) -> LexicalAnalyzer:
        """That of search, with the words found in the text; untrained, what it would be."""
        generation = self._session.generation
        return self._untrained if generation is None else generation.word_analyzer

    @cached_property
    def _untrained(self) -> LexicalAnalyzer:
        from embedsearch.workspace.lexical_sync import analyzer_of

        return analyzer_of(self._store, self._session.state.tokenizer)

    def _matcher(self, pattern: str | None) -> Callable[[str], bool]:
        check("pattern", pattern, Optional(STRING))
        if pattern is None:
            return lambda _: True
        folded = fold(pattern)
        return matcher(folded.lower() if self._analyzer.settings.lowercase else folded)

    def _chosen(self, ids: str | Iterable[str], among: IntVector | None) -> IntVector:
        names = [ids] if isinstance(ids, str) else ids
        if not isinstance(names, Iterable):
            raise ParameterError("ids", "the id of a document, or several", ids)
        names = list(names)
        if names:
            return np.unique(np.array([self._store.number(id) for id in names], np.int64))
        if among is None:
            raise ParameterError("ids", "given, or else a condition `where`", names)
        return among

    def _all(self) -> Tally:
        change, analyzer = self._store.change, self._analyzer
        if self._counted is not None and self._counted[:2] == (change, analyzer):
            return self._counted[2]
        tally = self._count(self._documents(None))
        if self._store.is_settled:
            self._counted = change, analyzer, tally
        return tally

    def _tally_of(self, numbers: IntVector | None) -> Tally:
        return self._all() if numbers is None else self._count(self._documents(numbers))

    def _count(self, documents: Iterable[Document]) -> Tally:
        tally, tokens = Tally(), self._analyzer.tokens
        for document in documents:
            tally.add(tokens(full_text(document)))
        return tally

    def _documents(self, numbers: IntVector | None) -> Iterator[Document]:
        return (document for _, document in self._read(numbers))

    def _read(self, numbers: IntVector | None) -> Iterator[tuple[int, Document]]:
        """Yield documents with their numbers, in order; all of them for None."""
        if numbers is None:
            yield from self._store.changed_since(0)
            return
        for start in range(0, len(numbers), _BATCH):
            some = numbers[start : start + _BATCH].tolist()
            yield from sorted(self._store.by_number(some).items())

    def _groups(
        self, by: str, numbers: IntVector | None, bins: int | None
    ) -> tuple[list[str], dict[int, set[str]]]:
        """Return the names of groups in order, and those of each document by its number."""
        known, column = self._store.column(by)
        pairs = [(int(known[place]), value) for place, value in column.pairs()]
        if numbers is not None:
            allowed = set(numbers.tolist())
            pairs = [pair for pair in pairs if pair[0] in allowed]
        names, name_of = grouping(by, [value for _, value in pairs], bins)
        groups = defaultdict[int, set[str]](set)
        for number, value in pairs:
            groups[number].add(name_of(value))
        return names, dict(groups)


def _ordered(numbers: Iterable[int]) -> IntVector:
    return np.array(sorted(numbers), np.int64)
