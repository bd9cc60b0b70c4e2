"""Words of a vocabulary that are spelled like one that it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

if TYPE_CHECKING:
    from embedsearch.vectors.word_vectors import WordVectors

# Longer words are no slips of the finger.
_LONGEST = 48


def suggest(word: str, vectors: WordVectors, topn: int = 5) -> list[str]:
    """List up to `topn` words of a vocabulary that are spelled like one it lacks, best first.

    One letter may differ in words of up to three letters, two in words of up to eight, and three in
    longer ones. Letters are inserted, left out, replaced or swapped with the next one (optimal
    string alignment); case is ignored. Frequent words come before rare ones.
    """
    target, keys = word.lower(), vectors.index_to_key
    if not target or len(target) > _LONGEST:
        return []
    reach = 1 if len(target) <= 3 else 2 if len(target) <= 8 else 3
    near = extract(
        target, keys, scorer=OSA.distance, processor=str.lower, score_cutoff=reach, limit=None
    )

    def cost(found: tuple[str, int, int]) -> float:
        key, distance, row = found
        # Without counts, the vocabulary is taken to be ordered by falling frequency.
        count = len(keys) - row if vectors.counts is None else int(vectors.counts[row])
        # Frequency can outweigh a first letter that differs, but hardly ever a whole edit.
        same_start = key[:1].lower() == target[0]
        return distance - 0.3 * same_start - 0.1 * float(np.log10(max(count, 1)))

    ordered = sorted((found for found in near if found[0]), key=lambda f: (cost(f), f[2]))
    return [key for key, _, _ in ordered[:topn]]
