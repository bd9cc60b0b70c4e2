"""The passage of each hit that answers the query best, and its words to highlight."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from itertools import accumulate, chain, pairwise, takewhile
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._types import Highlight
from embedsearch.search.latent_space import products
from embedsearch.text.folding import fold, in_lower_case
from embedsearch.vectors.arrays import best_first, distinct, unit_rows
from embedsearch.vectors.sparse import length_norm, saturated

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from embedsearch._types import FloatVector, IntVector
    from embedsearch.index.lexical import LexicalAnalyzer, LexicalQuery
    from embedsearch.search.hybrid import HybridSearch, Ranking
    from embedsearch.search.latent_space import LatentSpace
    from embedsearch.search.model import SearchModel

# A snippet has about so many characters.
LENGTH = 240

# Texts up to this length are searched as a whole.
SHORT = 2_000

# Words count as near in meaning from this mean cosine of their vectors on.
NEAR = 0.45

# All ways begin with one set of characters: so a text is read ten times as fast.
_SENTENCE_END = re.compile(
    r"""([.!?\n。！？](?:(?<=[.!?])(?:["')\]]?\s+(?=["'(\[]?[^\Wa-z_])|(?<=\s.)\s+)"""
    r"|(?<=\n)(?:\s*\n|(?=[^a-z]))|(?<=[。！？])))"
)
# A heading is a line of at most so many bytes without a mark at its end.
_LONGEST_HEADING, _AFTER_HEADING = 60, " -"
# Of so many passages of a document, those with most of the query's words, the meaning is compared.
_CONTENDERS = 3
# A term has about so many characters, with the blank behind it and the stop words between.
_TERM_LENGTH = 10
# No sum of idf is so small.
_TINY = 1e-9
_EAST_ASIAN = (
    "\u3000\u30ff",
    "\u3400\u9fff",
    "\uf900\ufaff",
    "\uff00\uffef",
    "\U00020000\U000323af",
)
_LONGEST_SENTENCE = LENGTH * 3 // 2
# Of a long text: places of each word, windows in which words meet, windows spread evenly.
_MOST_PLACES, _WINDOWS, _SPREAD = 50, 3, 3
# Characters around a window, so that whole sentences are left of it.
_BEFORE, _AFTER = 240, 480
# Words that are only near in meaning are not worth going through a book for.
_MOST_FOR_NEAR = 200_000
# Vectors of terms of fewer documents are those of the few texts that they stand in.
FEWEST_DOCUMENTS = 3
# Of how many frequent terms the nearest to the query are looked for, too, and how many.
_FREQUENT, _RELATED = 20_000, 10
# Shorter beginnings of words are found everywhere.
_SHORTEST_NEEDLE = 3


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text, with single spaces; long ones are cut at a space.

    Behind a heading comes a dash, which sets it off from what follows.
    """
    before, at_line_start = "", True
    parts = [*_SENTENCE_END.split(text), ""]
    for body, mark in zip(parts[::2], parts[1::2], strict=True):
        left = (body + mark).strip()
        if "  " in left or not left.isprintable():
            left = " ".join(left.split())
        if at_line_start and mark.startswith("\n") and _is_heading(left):
            left += _AFTER_HEADING
        at_line_start = "\n" in mark
        # A title is often repeated at the head of its text.
        if left == before:
            continue
        before = left
        while len(left) > _LONGEST_SENTENCE:
            cut = left.rfind(" ", LENGTH // 2, LENGTH)
            cut = LENGTH if cut < 0 else cut
            yield left[:cut]
            left = left[cut:].strip()
        if left:
            yield left


def _is_heading(line: str) -> bool:
    return line[-1:].isalnum() and len(line.encode("utf-8", "replace")) <= _LONGEST_HEADING


def joined(pieces: Sequence[str]) -> str:
    """Return sentences that follow each other as one text."""
    text = " ".join(pieces)
    if not text.isascii():
        parts = list(pieces[:1])
        for before, piece in pairwise(pieces):
            unspaced = _is_east_asian(before[-1]) and _is_east_asian(piece[0])
            parts.append(piece if unspaced else f" {piece}")
        text = "".join(parts)
    return text.removesuffix(_AFTER_HEADING)


def _is_east_asian(character: str) -> bool:
    """Whether it is of Chinese or Japanese, which have no blank between sentences."""
    return any(ends[0] <= character <= ends[1] for ends in _EAST_ASIAN)


def runs(lengths: IntVector, ends: IntVector) -> IntVector:
    """Return the runs of neighbours that are as long as a snippet may be: `(r, 2)`.

    They say at which of the sentences, of lengths `(s,)`, each starts and stops; it lies within one
    of the parts, which stop at `ends` `(p,)`. One starts at each sentence, unless it would be a
    part of the one before.
    """
    starts, places = np.arange(len(lengths)), np.concatenate(([0], np.cumsum(lengths + 1)))
    fitting = np.searchsorted(places, places[:-1] + LENGTH + 1, side="right") - 1
    stops = np.clip(fitting, starts + 1, ends[np.searchsorted(ends, starts, side="right")])
    found: IntVector = np.stack((starts, stops), axis=1)[np.diff(stops, prepend=0) > 0]
    return found


def promising(
    text: str,
    needles: Mapping[str, float],
    near: Callable[[], Mapping[str, float]] = dict,
) -> list[list[str]]:
    """Return parts of a text that may answer a query, as sentences; all of it if it is short.

    In a long text they are where most words of the query meet, and if that is not often, where
    words near in meaning meet, too, the start, and some parts spread evenly: the time grows with
    the length only as finding a string does. `needles` are beginnings of the query's words, in
    lower case, with weights; `near` returns the same of words near in meaning.
    """
    if len(text) <= SHORT:
        return [list(sentences(text))]
    folded = fold(text)
    starts = _densest(folded, needles, {})
    if len(starts) < _WINDOWS:
        starts = _densest(folded, needles, near())
    if len(folded) != len(text):
        # A window has room for what it is off by.
        starts = [start * len(text) // len(folded) for start in starts]
    if len(starts) < _WINDOWS:
        starts += [len(text) * i // _SPREAD for i in range(_SPREAD)]
    return [_around(text, start) for start in sorted(set(starts))]


def _densest(text: str, needles: Mapping[str, float], near: Mapping[str, float]) -> list[int]:
    """Return the starts of the windows in which most words meet, the best first."""
    lowered = in_lower_case(text)
    met: dict[int, dict[str, float]] = {}
    for words, size in ((needles, len(text)), (near, _MOST_FOR_NEAR)):
        for word, weight in words.items():
            for window in _windows(lowered, word, size):
                # Windows overlap by half, so that no border separates two words.
                met.setdefault(window, {})[word] = weight
                met.setdefault(window - 1, {})[word] = weight
    chosen = list[int]()
    for _, window in sorted([(-sum(weights.values()), window) for window, weights in met.items()]):
        if not {window - 1, window, window + 1}.intersection(chosen):
            chosen.append(window)
        if len(chosen) == _WINDOWS:
            break
    return [max(window, 0) * LENGTH for window in chosen]


def _windows(text: str, needle: str, size: int) -> list[int]:
    found = list[int]()
    place = text.find(needle, 0, size)
    while place >= 0 and len(found) < _MOST_PLACES:
        found.append(place // LENGTH)
        place = text.find(needle, (found[-1] + 1) * LENGTH, size)
    return found


def _around(text: str, start: int) -> list[str]:
    """Return the sentences around a place, without those that are cut off at either end."""
    begin, end = max(start - _BEFORE, 0), min(start + _AFTER, len(text))
    part = text[begin:end]
    if begin:
        found = _SENTENCE_END.search(part, 0, _BEFORE)
        part = part[found.end() if found else part.find(" ") + 1 :]
    pieces = list(sentences(part))
    return pieces[:-1] if end < len(text) and len(pieces) > 1 else pieces


class Match(NamedTuple):
    """What a term stands for in the query."""

    query_word: str
    score: float  # how near the two are; 1 for the same word


class Nearness:
    """How near terms are in meaning to a query, and to each of its words.

    The nearness to a word is the mean, over the linear encoders, of the cosine of the vectors of
    two terms, without the directions that the encoder removes; that to the query is the sum of the
    products with its vector. `query` has the spellings of its terms; `columns` `(t,)` are those of
    the terms.
    """

    def __init__(
        self,
        space: LatentSpace,
        columns: IntVector,
        query: Mapping[str, str],
        latent: FloatVector,
    ) -> None:
        asked = [term for term in query if term in space.terms.columns]
        own = np.array([space.terms.columns[term] for term in asked], np.int64)
        self._words, self._query = [query[term] for term in asked], query
        self._columns, self._terms = columns, space.terms.terms
        self._idf = space.statistics.idf[columns]
        self._to_query = np.zeros(len(columns), np.float32)
        self._to_words = np.zeros((len(asked), len(columns)), np.float32)
        # Only the rows of these terms are read: the projection may be large, and mapped. Encoders
        # of one kind are the first columns of the widest.
        widest = {e.kind: e for e in sorted(space.linear, key=lambda e: e.dimension)}
        rows = {kind: e.projection[np.concatenate((columns, own))] for kind, e in widest.items()}
        for encoder, block in zip(space.linear, space.blocks, strict=False):
            both = rows[encoder.kind][:, : encoder.dimension]
            X, A = both[: len(columns)], unit_rows(encoder.cleared(both[len(columns) :]))
            # What is removed from the query has no product, and only shortens the terms.
            squares = np.einsum("ij,ij->i", X, X)
            if len(encoder.removed):
                squares -= np.square(X @ encoder.removed.T).sum(axis=1)
            lengths = np.sqrt(np.maximum(squares, _TINY))
            self._to_query += products(X, latent[block.columns]) / lengths
            self._to_words += (A @ X.T) / (lengths * np.float32(len(space.linear)))

    def mean(self, places: IntVector, ends: IntVector) -> FloatVector:
        """Return the mean nearness of the terms of n passages, weighted by their idf: `(n,)`.

        `places` are those of their terms among the columns, and `ends` `(n + 1,)` where those of
        each begin and end.
        """
        row = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        weights, nearness = self._idf[places], self._to_query[places]
        total = np.bincount(row, weights * nearness, len(ends) - 1)
        mean = total / np.maximum(np.bincount(row, weights, len(ends) - 1), _TINY)
        return mean.astype(np.float32)

    def matches(self, documents: int) -> dict[str, Match]:
        """Return the word of the query that each term is nearest to, if it is near enough.

        Numbers and terms of very few of the `documents` are left out.
        """
        if not self._words or not len(self._columns):
            return {}
        rarest = np.log((documents + 1) / (FEWEST_DOCUMENTS + 0.5)) + 1e-6
        best, scores = self._to_words.argmax(axis=0), self._to_words.max(axis=0)
        near = np.flatnonzero((scores >= NEAR) & (self._idf <= rarest))
        terms = [self._terms[column] for column in self._columns[near].tolist()]
        return {
            term: Match(self._words[best[place]], float(scores[place]))
            for term, place in zip(terms, near.tolist(), strict=True)
            if term not in self._query and _is_word(term)
        }


def highlights(
    text: str,
    analyzer: LexicalAnalyzer,
    matches: Mapping[str, Match],
    among: Container[str] | None = None,
) -> tuple[Highlight, ...]:
    """Find the words in a text whose terms match, looking only at parts `among` some."""
    found = list[Highlight]()
    for term, start, stop, _ in analyzer.located(text, among):
        match = matches.get(term)
        if match is None:
            continue
        if found and start < found[-1].stop:
            # Pairs of Chinese characters overlap.
            before = found.pop()
            start, other = before.start, Match(before.query_word, before.score)
            match = max(match, other, key=lambda match: match.score)
        found.append(Highlight(start, stop, *match))
    return tuple(found)


def _is_word(term: str) -> bool:
    return term.isalpha() and (len(term) > 1 or not term.isascii())


class Snippet(NamedTuple):
    """About 240 characters of a document, in whole sentences, and words to highlight in them."""

    text: str
    highlights: tuple[Highlight, ...]


class _Passages(NamedTuple):
    """Runs of sentences of several documents."""

    texts: list[str]  # of s sentences
    runs: IntVector  # `(r, 2)` where each starts and stops among the sentences
    bounds: IntVector  # `(n + 1,)` where those of each document begin and end among the runs


class SnippetFinder:
    """Finds in documents the passage that a search would have put first.

    A passage scores by BM25 of the query's words; to those of a document that score best by them,
    or to all if none has any, the mean nearness of its terms to the query is added. Without
    `latent` it goes by words alone; without a `query` by vectors alone. `expanded` has the words of
    the query that others were added for, by the terms of these.
    """

    def __init__(
        self,
        model: SearchModel,
        latent: FloatVector,
        lexical: float = 0.0,
        query: LexicalQuery | None = None,
        expanded: Mapping[str, Match] | None = None,
        documents: int = 0,
    ) -> None:
        self._model, self._latent, self._lexical = model, latent, lexical
        self._expanded, self._documents = expanded or {}, documents
        self._words = {} if query is None else dict(query.words or query.stops)
        spellings = {} if query is None else query.spellings
        self._asked = {term: spellings.get(term, term) for term in self._words}
        self._found_near: dict[str, float] | None = None

    @classmethod
    def of(
        cls,
        search: HybridSearch,
        query: LexicalQuery,
        ranking: Ranking,
        expanded: Mapping[str, Match] | None = None,
    ) -> SnippetFinder:
        """Make one for the hits of a search."""
        documents = len(search.latent)
        return cls(search.model, ranking.latent, ranking.lexical, query, expanded, documents)

    def find(self, texts: Sequence[str]) -> list[Snippet]:
        """Return the best passage of each text; an empty one for a text without words."""
        passages = self._cut(texts)
        scores: FloatVector = np.zeros(len(passages.runs), np.float32)
        if self._lexical:
            scores = self._lexical * self._bm25(passages)
        near = dict[str, Match]()
        if len(self._latent) and self._model.space.linear:
            scores, near = self._with_nearness(passages, scores)
        best = [
            passages.runs[start + scores[start:stop].argmax()].tolist() if stop > start else (0, 0)
            for start, stop in pairwise(passages.bounds.tolist())
        ]
        matches = near | {term: Match(word, 1.0) for term, word in self._asked.items()}
        matches |= self._expanded
        chosen = [joined(passages.texts[start:stop]) for start, stop in best]
        return self._marked(chosen, matches)

    def _marked(self, texts: Sequence[str], matches: Mapping[str, Match]) -> list[Snippet]:
        analyzer, terms = self._model.analyzer, self._model.part_terms
        numbers = {terms.number(term, stop=stop) for term in matches for stop in (False, True)}
        parts = set(chain.from_iterable(map(analyzer.parts, texts)))
        among = {part for part in parts if not numbers.isdisjoint(terms.of_part(part))}
        return [Snippet(text, highlights(text, analyzer, matches, among)) for text in texts]

    def _cut(self, texts: Sequence[str]) -> _Passages:
        needles = self._needles()
        pieces, ends, documents = list[str](), list[int](), [0]
        for text in texts:
            for part in promising(text, needles, self._near):
                pieces += part
                ends.append(len(pieces))
            documents.append(len(pieces))
        lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
        found = runs(lengths, np.array(ends, np.int64))
        return _Passages(pieces, found, np.searchsorted(found[:, 0], documents))

    def _bm25(self, passages: _Passages) -> FloatVector:
        """Score all runs by words: `(r,)`."""
        lengths = [[(len(text) + 1) / _TERM_LENGTH] for text in passages.texts]
        rows = np.hstack((self._counts(passages.texts), np.reshape(lengths, (-1, 1))))
        sums = np.vstack((np.zeros(rows.shape[1]), np.cumsum(rows, axis=0)))
        sums = sums[passages.runs[:, 1]] - sums[passages.runs[:, 0]]
        norms = length_norm(sums[:, -1:], self._model.space.statistics.mean_length)
        scores: FloatVector = saturated(sums[:, :-1], norms) @ self._weights()
        return scores

    def _counts(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Count the query's words in sentences `(s, w)`, without cutting all of them into terms."""
        terms = self._model.part_terms
        columns = {terms.number(word): column for column, word in enumerate(self._words)}
        # In these accents may be missing, or marks of their own.
        whole = {place for place, text in enumerate(texts) if not text.isascii()}
        parts: list[tuple[int, Sequence[int]]] = [(i, terms.of(texts[i])) for i in whole]
        text, ends = " ".join(texts), list(accumulate(len(text) + 1 for text in texts))
        for start, part in _parts_with(self._needles(), text).items():
            place = bisect_right(ends, start)
            if place not in whole:
                parts.append((place, terms.of_part(part)))
        counts = np.zeros((len(texts), len(columns)))
        for place, numbers in parts:
            for number in numbers:
                if number in columns:
                    counts[place, columns[number]] += 1
        return counts

    def _with_nearness(
        self, passages: _Passages, scores: FloatVector
    ) -> tuple[FloatVector, dict[str, Match]]:
        """Add what is near in meaning to the best scores `(r,)`; the others become minus infinity.

        With them come the terms that are near, too.
        """
        space, chosen = self._model.space, _contenders(scores, passages.bounds)
        terms, bounds = self._terms(passages, chosen)
        columns = distinct(terms)
        places = np.searchsorted(columns, terms)
        asked = {term: word for term, word in self._asked.items() if term not in self._expanded}
        nearness = Nearness(space, columns, asked, self._latent)
        found = np.full(len(scores), -np.inf)
        found[chosen] = scores[chosen] + nearness.mean(places, bounds)
        return found, nearness.matches(self._documents)

    def _terms(self, passages: _Passages, chosen: IntVector) -> tuple[IntVector, IntVector]:
        """Return the columns of the terms of some runs, and `(k + 1,)` where those of each end."""
        size, numbers_of = len(self._model.space.terms), self._model.part_terms
        # Runs overlap: most sentences are in several.
        own_terms = cache(
            lambda place: [n for n in numbers_of.of(passages.texts[place]) if n < size]
        )
        terms = [
            list(chain.from_iterable(map(own_terms, range(*run))))
            for run in passages.runs[chosen].tolist()
        ]
        flat = np.fromiter(chain.from_iterable(terms), np.int64)
        return flat, np.cumsum([0, *map(len, terms)])

    def _weights(self) -> FloatVector:
        # A word that no encoder knows is as rare as can be.
        idf, columns = self._model.space.statistics.idf, self._model.space.terms.columns
        most = float(idf.max()) if len(idf) else 1.0
        weights = [w * (idf[columns[t]] if t in columns else most) for t, w in self._words.items()]
        return np.array(weights, np.float32)

    def _needles(self) -> dict[str, float]:
        """Return the beginnings of the query's words, and how rare they are."""
        space = self._model.space
        columns, idf = space.terms.columns, space.statistics.idf
        needles = dict[str, float]()
        for term, weight in self._words.items():
            rarity = float(idf[columns[term]]) if term in columns else 1.0
            spelling = self._asked[term].lower()
            needles |= dict.fromkeys(_beginnings(term, spelling), weight * rarity)
        return needles

    def _near(self) -> dict[str, float]:
        """Return the frequent terms that are nearest to the query in the last encoder."""
        if self._found_near is None:
            self._found_near = self._nearest()
        return self._found_near

    def _nearest(self) -> dict[str, float]:
        space = self._model.space
        if not (len(self._latent) and space.linear):
            return {}
        encoder, block = space.linear[-1], space.blocks[len(space.linear) - 1]
        scores = products(encoder.first_terms(_FREQUENT), self._latent[block.columns])
        best = best_first(scores, np.arange(len(scores)), _RELATED)
        return {
            space.terms.terms[column]: float(space.statistics.idf[column]) / 2
            for column in best.tolist()
            if scores[column] > 0 and space.terms.terms[column] not in self._words
        }


def _beginnings(term: str, spelling: str) -> list[str]:
    """Return the common prefix of a stem and the word that it was made of; both if it is short."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(term, spelling, strict=False))
    shared = "".join(character for character, _ in pairs)
    return [shared] if len(shared) >= _SHORTEST_NEEDLE else [term, spelling]


def _contenders(scores: FloatVector, bounds: IntVector) -> IntVector:
    """Return the runs with the best scores of each document; all if none has any.

    `scores` are `(r,)`; `bounds` `(n + 1,)` say which runs are of which document.
    """
    document = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    order = np.lexsort((-scores, document))
    place = np.arange(len(scores)) - bounds[document]
    scored = np.bincount(document, scores > 0, len(bounds) - 1) > 0
    chosen: IntVector = order[(place < _CONTENDERS) | ~scored[document]]
    return chosen


def _parts_with(needles: Iterable[str], text: str) -> dict[int, str]:
    """Return what stands between blanks and may have a word that begins with one of the needles.

    The keys are where it starts.
    """
    lowered, parts = in_lower_case(text), dict[int, str]()
    for needle in needles:
        # A stem may have changed the last letter.
        needle = needle[:-1] if len(needle) > 2 else needle
        found = lowered.find(needle)
        while found >= 0:
            start, stop = text.rfind(" ", 0, found) + 1, text.find(" ", found)
            stop = len(text) if stop < 0 else stop
            parts[start] = text[start:stop]
            found = lowered.find(needle, stop + 1)
    return parts
