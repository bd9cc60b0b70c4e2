"""Words and phrases in their context."""

from __future__ import annotations

import re
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._checks import STRING, check
from embedsearch._errors import QueryError
from embedsearch.index.lexical.analysis import GAP
from embedsearch.text.folding import fold
from embedsearch.text.tokenizers import CACHED_TYPES, pieces
from embedsearch.text.unspaced import runs, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from embedsearch._types import Document
    from embedsearch.index.lexical import LexicalAnalyzer
    from embedsearch.index.lexical.analysis import Term

_SPACE, _WORD = re.compile(r"\s+"), re.compile(r"\w+")


class ConcordanceLine(NamedTuple):
    """One occurrence of a word or phrase, with its context (KWIC).

    The three texts follow each other as in the document, with runs of white space as one blank.

    Attributes:
        left: What stands before it.
        match: The word or phrase as it is written there.
        right: What stands behind it.
        id: The id of the document.
        field: "text" or "title".
        offset: Where the match starts in that field, in characters.
    """

    left: str
    match: str
    right: str
    id: str
    field: str
    offset: int


class Phrase:
    """A word, or several that follow each other, to be found in texts.

    Words match as in search: by their terms, so in all forms with one stem; or only as they are
    spelled if `exact`, with the same hyphens and signs between them.
    """

    def __init__(self, text: str, analyzer: LexicalAnalyzer, *, exact: bool = False) -> None:
        check("word", text, STRING)
        self.analyzer, self._text, self._exact = analyzer, text, exact
        terms = analyzer.terms(text)
        if all(term.text == GAP for term in terms):
            reason = f"{text[:50]!r} has no words in it" if text.strip() else "the word is empty"
            raise QueryError(f"{reason}; give a word, or several that follow each other")
        self._keys = [self._key(term) for term in terms]
        places = [place for _, *place in analyzer.located_terms(text)] if exact else []
        self._spelling = self._spelled(text, places[0][0], places[-1][1]) if places else None
        # What the terms of each token are compared by, and the tokens that may begin a match.
        self._keys_of: dict[str, list[str]] = {}
        self._starting: set[str] = set()

    @property
    def is_indexed(self) -> bool:
        """Whether search finds all documents that may have it.

        If words of scripts without spaces are counted, search still has pairs of characters: no
        word of one character, and pairs do not follow each other as words do.
        """
        if not (self.analyzer.finds_words and runs(self._text)):
            return True
        tokens = self.analyzer.tokens(self._text)
        return len(tokens) == 1 and len(units(tokens[0])) > 1

    def in_text(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield (start, stop) of each occurrence in a text, in characters."""
        # A place for each character of a book would take a hundred times its size.
        terms, offset = list[tuple[str, int, int]](), 0
        for piece in pieces(text):
            # To find the places of all words takes longer than to see that one is not there.
            if terms or self._may_begin_in(self.analyzer.tokens(piece)):
                terms += [
                    (self._key(term), offset + start, offset + stop)
                    for term, start, stop in self.analyzer.located_terms(piece)
                ]
                end = 0
                for first, end in self._runs([key for key, _, _ in terms]):
                    place = terms[first][1], terms[end - 1][2]
                    if self._spelling in (None, self._spelled(text, *place)):
                        yield place
                # A phrase may go on in the next piece.
                terms = terms[max(end, len(terms) - len(self._keys) + 1) :]
            offset += len(piece)

    def in_tokens(self, tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Yield (start, stop) of each occurrence, as places among the tokens of a text."""
        if not self._may_begin_in(tokens):
            return
        count, end = len(self._keys), 0
        for place in [place for place, token in enumerate(tokens) if token in self._starting]:
            if place < end:
                continue
            near = range(place, min(place + count, len(tokens)))
            keys = [(key, at) for at in near for key in self._keys_of[tokens[at]]]
            for start, stop in self._runs([key for key, _ in keys]):
                if keys[start][1] == place:
                    end = keys[stop - 1][1] + 1
                    yield place, end

    def _may_begin_in(self, tokens: Sequence[str]) -> bool:
        if len(self._keys_of) >= CACHED_TYPES:
            self._keys_of.clear()
            self._starting.clear()
        for token in set(tokens).difference(self._keys_of):
            keys = self._keys_of[token] = list(map(self._key, self.analyzer.terms_of(token)))
            if self._keys[0] in keys:
                self._starting.add(token)
        return not self._starting.isdisjoint(tokens)

    def _runs(self, keys: list[str]) -> Iterator[tuple[int, int]]:
        count, end = len(self._keys), 0
        for place, key in enumerate(keys):
            if place >= end and key == self._keys[0] and keys[place : place + count] == self._keys:
                end = place + count
                yield place, end

    def _spelled(self, text: str, start: int, stop: int) -> str:
        """Return a part of a text as it is compared if it is to be `exact`: with its hyphens."""
        folded = fold(" ".join(text[start:stop].split()))
        return folded.lower() if self.analyzer.settings.lowercase else folded

    def _key(self, term: Term) -> str:
        return term.spelling if self._exact else term.text


def concordance(
    documents: Iterable[Document], phrase: Phrase, width: int, topn: int | None, sort: str
) -> list[ConcordanceLine]:
    """Return the first occurrences by one of `LINE_ORDERS`, `width` characters around each."""
    lines = _lines(documents, phrase, width)
    if sort == "document":
        return list(islice(lines, topn))
    key = _left_words if sort == "left" else _right_words
    return sorted(lines, key=key) if topn is None else nsmallest(topn, lines, key=key)


def _lines(documents: Iterable[Document], phrase: Phrase, width: int) -> Iterator[ConcordanceLine]:
    for document in documents:
        for field, text in (("title", document.title), ("text", document.text)):
            for start, stop in phrase.in_text(text):
                left, right = _context(text, start, stop, width)
                match = _SPACE.sub(" ", text[start:stop])
                yield ConcordanceLine(left, match, right, document.id, field, start)


def _context(text: str, start: int, stop: int, width: int) -> tuple[str, str]:
    # White space may be long, but a document is not read to its end for that.
    reach = 4 * width
    left = _SPACE.sub(" ", text[max(start - reach, 0) : start])
    right = _SPACE.sub(" ", text[stop : stop + reach])
    return left[-width:], right[:width]


def _right_words(line: ConcordanceLine) -> list[str]:
    return _WORD.findall(line.right.casefold())


def _left_words(line: ConcordanceLine) -> list[str]:
    # From the match outwards.
    return _WORD.findall(line.left.casefold())[::-1]
