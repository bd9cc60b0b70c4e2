"""How well a document answers a query, on one scale for all queries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from embedsearch._types import FloatVector
    from embedsearch.index.lexical.query import LexicalQuery
    from embedsearch.search.hybrid import Ranking
    from embedsearch.search.latent_space import Block

# BM25 gives a word at most k1 + 1 = 2.2 times its idf, however often a document has it.
_MOST = 2.2
# How much it counts that no document has some words. With 0, queries that a collection answers and
# those of other collections are told apart less well (area under the ROC .931, not .980). A word
# that none has counts as much as any other: by an idf that is the highest of all, one would bring a
# short query to nothing.
_MISSING = 1.5
# The share of the best possible score at which both are as likely is 0.6 times the cube root of
# 1 / n, n being the number of words, and how fast the odds rise from there. The best document has
# a smaller share of words that have nothing to do with each other, the more they are: 4, 8 and 16
# words that are taken from documents at random reach 0.36, 0.24 and 0.18 at the median, in every
# collection. A document often has all words where they are fewer than four, so that n is at least
# 4. Found on Cranfield, CISI and Simple English Wikipedia.
_EVEN, _SLOPE, _FEWEST = 0.6, 3.0, 4


def relevances(
    ranking: Ranking,
    query: LexicalQuery,
    blocks: Iterable[Block],
    frequencies: Mapping[str, int],
    documents: int,
    vectors: Container[str] = (),
    cosines: Mapping[str, float] | None = None,
) -> FloatVector:
    """Return the relevance `(k,)` of each hit, from 0 to 1; it rises with the score.

    It is n x³ / (n x³ + 0.6³). There n is the number of words, at least 4, and x the share that the
    score has in the best one that a document of these words and phrases could have, by BM25 and by
    cosines of 1; times the share to the power of 1.5 that words which are known have in the query.
    `frequencies` are of documents, by term, `vectors` the terms that have one; `cosines` are those
    of terms that stand for a word that is not known, and count for so much of it. A query needs
    words other than stop words.
    """
    idf = {
        term: weight * math.log((documents + 1) / (min(frequencies[term], documents) + 0.5))
        for term, weight in query.words.items()
    }
    known = sum(
        weight * (cosines or {}).get(term, 1.0)
        for term, weight in query.words.items()
        if frequencies[term] or term in vectors
    )
    by_words = _MOST * sum(value for term, value in idf.items() if frequencies[term])
    together = _MOST * sum(
        weight * sum(idf.get(term, 0.0) for _, term in phrase.terms)
        for phrase, weight in query.phrases.items()
    )
    by_meaning = sum(float(np.linalg.norm(ranking.latent[block.columns])) for block in blocks)
    best = ranking.lexical * (by_words + together) + ranking.expanded * by_words + by_meaning
    if not best or not known:
        return np.zeros_like(ranking.scores)
    shares = np.clip(ranking.scores / best, 0, 1) * (known / sum(query.words.values())) ** _MISSING
    powers = max(len(query.words), _FEWEST) * shares**_SLOPE
    relevant: FloatVector = (powers / (powers + _EVEN**_SLOPE)).astype(np.float32)
    return relevant
