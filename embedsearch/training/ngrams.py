"""Which rows a word's character n-grams have, with fastText's conventions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.kernels.ngrams import hashed_ngrams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedsearch._types import IntVector
    from embedsearch.training.settings import TrainingSettings


@dataclass(frozen=True, slots=True, eq=False)
class NgramRows:
    """The rows of the words of a vocabulary.

    Buckets that no word of the vocabulary has are never trained, and get no row.

    Attributes:
        first: (V + 1,) rows[first[w] : first[w + 1]] are those of word w: its own, then its
            n-grams'.
        rows: int32; row V + i belongs to bucket `used[i]`.
        used: the buckets, ascending.
    """

    first: IntVector
    rows: NDArray[np.int32]
    used: IntVector


def ngram_rows(words: Sequence[str], settings: TrainingSettings) -> NgramRows:
    """Hash the n-grams of all words."""
    hashes, sizes = hashed_ngrams(words, settings.min_n, settings.max_n)
    flat = hashes.astype(np.int64) % (settings.bucket or 1)
    first = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes + 1)))
    used, index = np.unique(flat, return_inverse=True)
    rows = np.empty(first[-1], np.int32)
    own = np.zeros(len(rows), bool)
    own[first[:-1]] = True
    rows[own] = np.arange(len(words))
    rows[~own] = len(words) + index
    return NgramRows(first, rows, used)
