"""Queries kept to what can be searched in milliseconds, and to what makes sense."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from embedsearch._errors import QueryError
from embedsearch.index.lexical._tantivy import STOPS, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from embedsearch.index.lexical.query import LexicalQuery, Phrase
    from embedsearch.index.lexical.searching import Snapshot

MOST_WORDS = 256
MOST_PHRASES = 32


def bounded(query: LexicalQuery, snapshot: Snapshot) -> LexicalQuery:
    """Return the query with its heaviest words; `dropped` counts what was left out.

    Of more than 32 phrases, as pasted text may have, the later ones become words, and so do
    phrases of more than 256 words.

    Raises:
        QueryError: More than 32 words or phrases are required, or excluded, or one of these has
            more than 256 words; leaving one out would change what the query means.
    """
    for name in ("required", "excluded"):
        phrases: tuple[Phrase, ...] = getattr(query, name)
        if (count := len(phrases)) > MOST_PHRASES:
            raise QueryError(f"a query has at most {MOST_PHRASES} {name}, this one has {count}")
        if (longest := max((len(phrase.terms) for phrase in phrases), default=0)) > MOST_WORDS:
            reason = f"a phrase that is {name} has at most {MOST_WORDS} words"
            raise QueryError(f"{reason}, this one has {longest:,}")
    query = _with_fewer_phrases(query)
    words = _heaviest(query.words, TEXT, snapshot)
    stops = _heaviest(query.stops, STOPS, snapshot)
    dropped = len(query.words) - len(words) + len(query.stops) - len(stops)
    if not dropped:
        return query
    return replace(query, words=words, stops=stops, dropped=query.dropped + dropped)


def _with_fewer_phrases(query: LexicalQuery) -> LexicalQuery:
    short = {phrase: w for phrase, w in query.phrases.items() if len(phrase.terms) <= MOST_WORDS}
    kept = dict(list(short.items())[:MOST_PHRASES])
    if len(kept) == len(query.phrases):
        return query
    words, stops = dict(query.words), dict(query.stops)
    for phrase, weight in query.phrases.items():
        if phrase in kept:
            continue
        counts = stops if phrase.stop else words
        for _, term in phrase.terms:
            counts[term] = counts.get(term, 0) + weight
    return replace(query, words=words, stops=stops, phrases=kept)


def checked(query: LexicalQuery) -> LexicalQuery:
    """Return a query that was made by hand.

    Raises:
        QueryError: It has nothing to look for, or a weight that is not above 0.
    """
    if not (query.words or query.phrases or query.stops):
        raise QueryError("the query is empty; give at least one word")
    weights: Iterable[tuple[str | Phrase, float]] = [
        *query.words.items(),
        *query.phrases.items(),
        *query.stops.items(),
    ]
    for term, weight in weights:
        if not 0 < weight < math.inf:
            raise QueryError(f"the weight of {term!r} must be above 0, got {weight}")
    return query


def _heaviest(words: Mapping[str, float], field: str, snapshot: Snapshot) -> Mapping[str, float]:
    if len(words) <= MOST_WORDS:
        return words

    def weight(word: str) -> float:
        frequency = snapshot.frequency(field, word)
        return words[word] * math.log1p(snapshot.count / frequency) if frequency else 0.0

    return {word: words[word] for word in sorted(words, key=weight, reverse=True)[:MOST_WORDS]}
