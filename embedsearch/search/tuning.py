"""Weights of search that suit queries which a person has judged."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.search.model import Fusion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Gains = NDArray[np.float64]
    """How good each of S choices is for each of Q queries: (S, Q); the first is the default."""

FEWEST = 20
"""How many judged queries are needed."""

_FOLDS = 5
# With 1, tuning on 20 queries costs 0.004 in nDCG@10 on SciFact; with 1.5, at most 0.0013 on any of
# five collections.
_SURE = 1.5
# Less is no gain that anybody sees; of judgements at random some are surely better by a trace.
_LEAST = 0.005
# How much meaning weighs, times what it does by default; and how many documents move the query.
_MEANING, _FEEDBACK = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), (0, 3)


def choices() -> list[Fusion]:
    """Return the weights to choose from, the default first."""
    usual = Fusion()
    others = [
        replace(usual, latent=usual.latent * m, plugged=usual.plugged * m, feedback=f)
        for m, f in product(_MEANING, _FEEDBACK)
    ]
    return [usual, *(other for other in others if other != usual)]


def choose(gains: Gains) -> int:
    """Return the choice whose mean gain over the default is most above its standard error.

    It is the default, 0, if none is above it.
    """
    differences = gains - gains[0]
    errors = differences.std(axis=1, ddof=1) / np.sqrt(gains.shape[1])
    return int(np.argmax(differences.mean(axis=1) - errors))


def cross_validated(gains: Gains, seed: int = 0) -> NDArray[np.float64]:
    """Return what each query gains over the default by the choice of the others: `(Q,)`.

    The queries are dealt into five parts; the choice for a part is made on the other four.
    """
    n = gains.shape[1]
    parts = np.random.default_rng(seed).permutation(n) % _FOLDS
    found = np.zeros(n)
    for part in range(_FOLDS):
        inside = parts == part
        found[inside] = (gains[choose(gains[:, ~inside])] - gains[0])[inside]
    return found


def is_gain(differences: NDArray[np.float64]) -> bool:
    """Whether a mean difference is above 1.5 standard errors of its own, and above 0.005."""
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return bool(differences.mean() > max(_SURE * error, _LEAST))
