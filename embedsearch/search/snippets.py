"""The passage of each hit that answers the query best, and its words to highlight."""

from __future__ import annotations

import re
from collections import Counter
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._types import Highlight
from embedsearch.index.lexical.analysis import GAP
from embedsearch.search.latent_space import products
from embedsearch.text.folding import fold, fold_aligned
from embedsearch.vectors.arrays import unit_rows
from embedsearch.vectors.sparse import length_norm, saturated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.index.lexical import LexicalAnalyzer, LexicalQuery
    from embedsearch.index.lexical.analysis import Term
    from embedsearch.search.hybrid import HybridSearch, Ranking
    from embedsearch.search.latent_space import LatentSpace
    from embedsearch.search.model import SearchModel

# A snippet has about so many characters.
LENGTH = 240

# Texts up to this length are searched as a whole.
SHORT = 2_000

# Words count as near in meaning from this mean cosine of their vectors on.
NEAR = 0.45

_SENTENCE_END = re.compile(
    r"""(?:(?<=[.!?])|(?<=[.!?]["')\]]))\s+(?=["'(\[]?[^\Wa-z_])"""
    r"|(?<=\s[.!?])\s+|(?<=[。！？])|\n\s*\n|\n(?=[^a-z])"
)
_LONGEST_SENTENCE = LENGTH * 3 // 2
# Of a long text: places of each word, windows in which words meet, windows spread evenly.
_MOST_PLACES, _WINDOWS, _SPREAD = 50, 3, 3
# Characters around a window, so that whole sentences are left of it.
_BEFORE, _AFTER = 240, 480
# Words that are only near in meaning are not worth going through a book for.
_MOST_FOR_NEAR = 200_000
# Vectors of terms of fewer documents are those of the few texts that they stand in.
_FEWEST_DOCUMENTS = 3
# Of how many frequent terms the nearest to the query are looked for, too, and how many.
_FREQUENT, _RELATED = 20_000, 10
# Shorter beginnings of words are found everywhere.
_SHORTEST_NEEDLE = 3


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text, with single spaces; long ones are cut at a space."""
    before = ""
    for sentence in _SENTENCE_END.split(text):
        left = " ".join(sentence.split())
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


def runs(pieces: Sequence[str]) -> list[tuple[int, int]]:
    """Return the runs of neighbours, as (start, stop), that are as long as a snippet may be.

    One starts at each piece, unless it would be a part of the one before.
    """
    found, stop, length = list[tuple[int, int]](), 0, -1
    for start in range(len(pieces)):
        before = stop
        while stop < len(pieces) and (stop <= start or length + 1 + len(pieces[stop]) <= LENGTH):
            length += 1 + len(pieces[stop])
            stop += 1
        if stop > before:
            found.append((start, stop))
        length -= 1 + len(pieces[start])
    return found


def promising(
    text: str,
    needles: Mapping[str, float],
    near: Mapping[str, float] | None = None,
) -> list[list[str]]:
    """Return parts of a text that may answer a query, as sentences; all of it if it is short.

    In a long text they are where most words of the query meet, and if that is not often, the start
    and some parts spread evenly: the time grows with the length only as finding a string does.
    `needles` are beginnings of the query's words, in lower case, with weights; `near` the same of
    words near in meaning.
    """
    if len(text) <= SHORT:
        return [list(sentences(text))]
    folded = fold(text)
    starts = _densest(folded, needles, near or {})
    if len(folded) != len(text):
        # A window has room for what it is off by.
        starts = [start * len(text) // len(folded) for start in starts]
    if len(starts) < _WINDOWS:
        starts += [len(text) * i // _SPREAD for i in range(_SPREAD)]
    return [_around(text, start) for start in sorted(set(starts))]


def in_lower_case(text: str) -> str:
    """Return a text in lower case, of the same length."""
    # The dotted capital I is the only character that becomes two.
    return (text.replace("\u0130", "I") if "\u0130" in text else text).lower()


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


def near_terms(
    space: LatentSpace, terms: Iterable[str], query: Mapping[str, str], documents: int
) -> dict[str, Match]:
    """Find the word of the query that each term is nearest to, if it is near enough.

    The score is the mean, over the linear encoders, of the cosine of the vectors of two terms,
    without the directions that the encoder removes. Numbers and very rare terms are left out.
    """
    columns = space.terms.columns
    asked = [term for term in query if term in columns]
    rarest = np.log((documents + 1) / (_FEWEST_DOCUMENTS + 0.5)) + 1e-6
    compared = [
        term
        for term in terms
        if term in columns
        and term not in query
        and _is_word(term)
        and space.statistics.idf[columns[term]] <= rarest
    ]
    if not (asked and compared and space.linear):
        return {}
    scores = _similarities(space, [columns[t] for t in asked], [columns[t] for t in compared])
    best = scores.argmax(axis=0)
    return {
        term: Match(query[asked[place]], float(scores[place, column]))
        for column, (term, place) in enumerate(zip(compared, best.tolist(), strict=True))
        if scores[place, column] >= NEAR
    }


def highlights(
    text: str, analyzer: LexicalAnalyzer, matches: Mapping[str, Match]
) -> tuple[Highlight, ...]:
    """Find the words in a text whose terms match."""
    found = list[Highlight]()
    for term, start, stop in located_terms(text, analyzer):
        match = matches.get(term.text)
        if match is None:
            continue
        if found and start < found[-1].stop:
            # Pairs of Chinese characters overlap.
            before = found.pop()
            start, other = before.start, Match(before.query_word, before.score)
            match = max(match, other, key=lambda match: match.score)
        found.append(Highlight(start, stop, *match))
    return tuple(found)


def located_terms(text: str, analyzer: LexicalAnalyzer) -> Iterator[tuple[Term, int, int]]:
    """Yield the terms of a text in order, and where the word of each starts and stops in it."""
    # Most texts are folded as they are, and need no place for each character.
    if fold(text) == text:
        for term, first in _located(text, analyzer.terms(text)):
            yield term, first, first + len(term.spelling)
        return
    # Terms are spelled as in the folded text, which may be shorter or longer.
    folded, places = fold_aligned(text)
    for term, first in _located(folded, analyzer.terms(folded)):
        yield term, places[first][0], places[first + len(term.spelling) - 1][1]


def _is_word(term: str) -> bool:
    return term.isalpha() and (len(term) > 1 or not term.isascii())


def _similarities(space: LatentSpace, asked: list[int], compared: list[int]) -> FloatMatrix:
    total = np.zeros((len(asked), len(compared)), np.float32)
    for encoder in space.linear:
        one, other = (
            unit_rows(encoder.cleared(encoder.projection[columns])) for columns in (asked, compared)
        )
        total += one @ other.T
    mean: FloatMatrix = total / np.float32(len(space.linear))
    return mean


def _located(text: str, terms: Iterable[Term]) -> Iterable[tuple[Term, int]]:
    """Yield terms and where they stand in the folded text that they were cut from."""
    lowered = in_lower_case(text)
    start, stop = -1, 0
    for term in terms:
        spelling = term.spelling.lower()
        place = lowered.find(spelling, stop)
        jumps = place < 0 or any(map(str.isalnum, lowered[stop:place]))
        if jumps and lowered.startswith(spelling, start + 1):
            place = start + 1
        if place >= 0:
            start, stop = place, place + len(spelling)
            yield term, place


class Snippet(NamedTuple):
    """About 240 characters of a document, in whole sentences, and words to highlight in them."""

    text: str
    highlights: tuple[Highlight, ...]


class _Passages(NamedTuple):
    """Runs of sentences of several documents."""

    texts: list[str]
    terms: list[Counter[str]]  # its terms and their counts
    runs: list[tuple[int, int]]  # (start, stop) of each run among the sentences
    bounds: list[int]  # where those of each document begin and end among the runs


class SnippetFinder:
    """Finds in documents the passage that a search would have put first.

    A passage scores as a document does: BM25 of the query's words, plus the weighted cosines of the
    linear encoders. Without `latent` it goes by words alone; without a `query` by vectors alone.
    `expanded` has the words of the query that others were added for, by the terms of these.
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
        self._spellings = {} if query is None else query.spellings

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
        terms = {term for counts in passages.terms for term in counts}
        space = self._model.space.restricted_to([*terms, *self._words])
        scores = self._scores(passages, space)
        best = [
            passages.runs[start + int(scores[start:stop].argmax())] if stop > start else (0, 0)
            for start, stop in zip(passages.bounds, passages.bounds[1:], strict=False)
        ]
        matches = self._matches(space, passages, best)
        chosen = [" ".join(passages.texts[start:stop]) for start, stop in best]
        analyzer = self._model.analyzer
        return [Snippet(text, highlights(text, analyzer, matches)) for text in chosen]

    def _cut(self, texts: Sequence[str]) -> _Passages:
        long = any(len(text) > SHORT for text in texts)
        needles, near = (self._needles(), self._near()) if long else ({}, {})
        fields = self._model.analyzer.fields
        found = _Passages([], [], [], [0])
        for text in texts:
            for part in promising(text, needles, near):
                first = len(found.texts)
                found.texts.extend(part)
                found.terms.extend([Counter(fields(piece).words.split(" ")) for piece in part])
                found.runs.extend([(first + start, first + stop) for start, stop in runs(part)])
            found.bounds.append(len(found.runs))
        return found

    def _scores(self, passages: _Passages, space: LatentSpace) -> FloatVector:
        """Score all runs: `(r,)`."""
        adding = _adding(passages.runs, len(passages.texts))
        scores = self._lexical * self._bm25(passages, adding, space)
        if len(self._latent) and space.linear:
            X = space.linear_documents(adding @ space.terms.matrix(passages.terms))
            scores += products(X, self._latent[: X.shape[1]])
        return scores

    def _bm25(self, passages: _Passages, adding: Any, space: LatentSpace) -> FloatVector:
        counts = np.array([[c[t] for t in self._words] for c in passages.terms], np.float32)
        lengths = np.array([c.total() - c[GAP] for c in passages.terms], np.float32)
        frequencies = adding @ counts.reshape(len(passages.terms), len(self._words))
        norms = length_norm(adding @ lengths, space.statistics.mean_length)
        scores: FloatVector = saturated(frequencies, norms[:, np.newaxis]) @ self._weights(space)
        return scores

    def _weights(self, space: LatentSpace) -> FloatVector:
        # A word that no encoder knows is as rare as can be.
        idf, columns = space.statistics.idf, space.terms.columns
        known = self._model.space.statistics.idf
        most = float(known.max()) if len(known) else 1.0
        weights = [w * (idf[columns[t]] if t in columns else most) for t, w in self._words.items()]
        return np.array(weights, np.float32)

    def _matches(
        self, space: LatentSpace, passages: _Passages, best: list[tuple[int, int]]
    ) -> dict[str, Match]:
        asked = {term: self._spellings.get(term, term) for term in self._words}
        matches = {term: Match(word, 1.0) for term, word in asked.items()} | dict(self._expanded)
        if not len(self._latent):
            return matches
        terms = {t for start, stop in best for c in passages.terms[start:stop] for t in c}
        typed = {term: word for term, word in asked.items() if term not in self._expanded}
        near = near_terms(space, sorted(terms - asked.keys()), typed, self._documents)
        return near | matches

    def _needles(self) -> dict[str, float]:
        """Return the beginnings of the query's words, and how rare they are."""
        space = self._model.space
        columns, idf = space.terms.columns, space.statistics.idf
        needles = dict[str, float]()
        for term, weight in self._words.items():
            rarity = float(idf[columns[term]]) if term in columns else 1.0
            spelling = self._spellings.get(term, term).lower()
            needles[_beginning(term, spelling)] = weight * rarity
        return needles

    def _near(self) -> dict[str, float]:
        """Return the frequent terms that are nearest to the query in the last encoder."""
        space = self._model.space
        if not len(self._latent) or not space.linear:
            return {}
        encoder, block = space.linear[-1], space.blocks[len(space.linear) - 1]
        scores = products(encoder.projection[:_FREQUENT], self._latent[block.columns])
        best = np.argsort(-scores)[: min(_RELATED, len(scores))]
        return {
            space.terms.terms[column]: float(space.statistics.idf[column]) / 2
            for column in best.tolist()
            if scores[column] > 0 and space.terms.terms[column] not in self._words
        }


def _beginning(term: str, spelling: str) -> str:
    """Return the common prefix of a stem and the word that it was made of."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(term, spelling, strict=False))
    shared = "".join(character for character, _ in pairs)
    return shared if len(shared) >= _SHORTEST_NEEDLE else spelling


def _adding(runs: Sequence[tuple[int, int]], size: int) -> Any:
    """Return the sparse matrix that adds up the sentences of each run: `(r, size)`."""
    from scipy.sparse import csr_matrix

    columns = [place for start, stop in runs for place in range(start, stop)]
    ends = np.cumsum([0, *(stop - start for start, stop in runs)])
    return csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=(len(runs), size))
