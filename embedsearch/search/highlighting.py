"""Words of a text that answer words of a query: the same ones, and those near in meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._types import Highlight
from embedsearch.search.sentences import in_lower_case
from embedsearch.text.folding import fold_aligned
from embedsearch.vectors.arrays import unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from embedsearch._types import FloatMatrix
    from embedsearch.index.lexical import LexicalAnalyzer
    from embedsearch.index.lexical.analysis import Term
    from embedsearch.search.space import LatentSpace

NEAR = 0.45
"""Words count as near in meaning from this mean cosine of their vectors on."""

_FEWEST_DOCUMENTS = 3


class Match(NamedTuple):
    """What a term stands for in the query.

    Attributes:
        query_word: A word of the query.
        score: How near the two are; 1 for the same word.
    """

    query_word: str
    score: float


def near_terms(
    space: LatentSpace, terms: Iterable[str], query: Mapping[str, str], documents: int
) -> dict[str, Match]:
    """Find the word of the query that each term is nearest to, where it is near enough.

    The score is the mean, over the linear encoders, of the cosine of the vectors of two terms,
    less the directions that the encoder removes. Numbers, and terms of fewer than three documents,
    are left out: their vectors are those of the few texts that they stand in.

    Args:
        space: Knows the terms.
        terms: To look at.
        query: The words of the query by their terms.
        documents: How many documents there are.
    """
    columns = space.terms.columns
    asked = [term for term in query if term in columns]
    rarest = np.log((documents + 1) / (_FEWEST_DOCUMENTS + 0.5)) + 1e-6
    looked = [
        term
        for term in terms
        if term in columns
        and term not in query
        and _is_word(term)
        and space.statistics.idf[columns[term]] <= rarest
    ]
    if not (asked and looked and space.linear):
        return {}
    scores = _similarities(space, [columns[t] for t in asked], [columns[t] for t in looked])
    best = scores.argmax(axis=0)
    return {
        term: Match(query[asked[place]], float(scores[place, column]))
        for column, (term, place) in enumerate(zip(looked, best.tolist(), strict=True))
        if scores[place, column] >= NEAR
    }


def highlights(
    text: str, analyzer: LexicalAnalyzer, matches: Mapping[str, Match]
) -> tuple[Highlight, ...]:
    """Find the words in a text whose terms match.

    Args:
        text: The text.
        analyzer: Cuts the text.
        matches: By terms.
    """
    found = list[Highlight]()
    # Terms are spelled as in the folded text, which may be shorter or longer.
    folded, places = fold_aligned(text)
    for term, first in _located(folded, analyzer.terms(folded)):
        match = matches.get(term.text)
        if match is None:
            continue
        start, stop = places[first][0], places[first + len(term.spelling) - 1][1]
        if found and start < found[-1].stop:
            # Pairs of Chinese characters overlap.
            start, match = found[-1].start, max(match, _match(found.pop()), key=lambda m: m.score)
        found.append(Highlight(start, stop, *match))
    return tuple(found)


def _is_word(term: str) -> bool:
    return term.isalpha() and (len(term) > 1 or not term.isascii())


def _similarities(space: LatentSpace, asked: list[int], looked: list[int]) -> FloatMatrix:
    total = np.zeros((len(asked), len(looked)), np.float32)
    for encoder in space.linear:
        one, other = (
            unit_rows(encoder.cleared(encoder.projection[columns])) for columns in (asked, looked)
        )
        total += one @ other.T
    mean: FloatMatrix = total / np.float32(len(space.linear))
    return mean


def _located(text: str, terms: Iterable[Term]) -> Iterable[tuple[Term, int]]:
    """Find where terms stand in the folded text that they were cut from."""
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


def _match(highlight: Highlight) -> Match:
    return Match(highlight.query_word, highlight.score)
