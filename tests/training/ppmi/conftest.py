from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

Corpus = tuple[Any, Any]


def naive_counts(corpus: Corpus, words: int, window: int) -> Any:
    """The weights of all pairs of places, one after the other."""
    ids, offsets = corpus
    total = np.zeros((words, words), np.int64)
    for start, stop in pairwise(offsets):
        for i in range(start, stop):
            for j in range(max(start, i - window), min(stop, i + window + 1)):
                if i != j:
                    total[ids[i], ids[j]] += window + 1 - abs(i - j)
    return total


def random_corpus(seed: int, words: int = 30, documents: int = 40) -> Corpus:
    """Documents of 0 to 24 words, the first words far more frequent than the last."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate(([0], np.cumsum(rng.integers(0, 25, documents)))).astype(np.int64)
    ids = (words * rng.random(offsets[-1]) ** 3).astype(np.int32)
    return ids, offsets


@pytest.fixture
def counted() -> Callable[..., Any]:
    return naive_counts


@pytest.fixture
def corpus() -> Callable[..., Corpus]:
    return random_corpus
