"""The part of a latent space that a few texts need: their terms alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.search.space import LatentSpace
from embedsearch.search.terms import Terms
from embedsearch.vectors.lsa import LinearEncoder
from embedsearch.vectors.sparse import TermStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from embedsearch._types import IntVector


def narrowed(space: LatentSpace, terms: Iterable[str]) -> LatentSpace:
    """Return a space of these terms alone, those that it knows; without plugged encoders.

    What it encodes is the same; but what it reads and multiplies fits the texts at hand, where
    the whole may be a mapped file of 100,000 terms.
    """
    known = [term for term in dict.fromkeys(terms) if term in space.terms.columns]
    columns: IntVector = np.fromiter(map(space.terms.columns.__getitem__, known), np.int64)
    statistics = TermStatistics(space.statistics.idf[columns], space.statistics.mean_length)
    # np.take would copy all of a projection that is a part of another, or is mapped unaligned.
    linear = [LinearEncoder(e.name, e.projection[columns], e.kind, e.removed) for e in space.linear]
    return LatentSpace(Terms(known), statistics, linear)


def counts_of(texts: Sequence[Mapping[str, int]], terms: Terms) -> Any:
    """Return how often each text has each term: sparse, `(n, V)` float32."""
    from scipy.sparse import csr_matrix

    columns, found, data, ends = terms.columns, list[int](), list[int](), [0]
    for counted in texts:
        for term, count in counted.items():
            if term in columns:
                found.append(columns[term])
                data.append(count)
        ends.append(len(found))
    arrays = np.asarray(data, np.float32), np.asarray(found, np.int32), np.asarray(ends, np.int32)
    return csr_matrix(arrays, shape=(len(texts), len(terms)))
