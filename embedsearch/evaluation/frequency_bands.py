"""Words drawn from every band of frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import IntVector


class Drawn(NamedTuple):
    """Some words of a band.

    Attributes:
        first: The lowest rank of the band, from 1.
        last: Its highest rank.
        words: How many words it has.
        places: Which words were drawn, `(m,)`.
    """

    first: int
    last: int
    words: int
    places: IntVector


def draw(ranks: IntVector, edges: Sequence[int], most: int, seed: int) -> list[Drawn]:
    """Draw words from bands of ranks, without repetition; bands without words are left out.

    Args:
        ranks: Of each word, from 1, `(n,)`; at least one.
        edges: The last rank of each band, rising; what lies beyond is a band too.
        most: At most so many words of each band.
        seed: Of the draw.
    """
    rng = np.random.default_rng(seed)
    band_of = np.searchsorted(edges, ranks)
    firsts = [1, *(edge + 1 for edge in edges)]
    highest = int(ranks.max())
    drawn = []
    for band in np.unique(band_of).tolist():
        places = np.flatnonzero(band_of == band)
        last = min(edges[band], highest) if band < len(edges) else highest
        some = np.sort(rng.permutation(places)[:most])
        drawn.append(Drawn(firsts[band], last, len(places), some))
    return drawn
