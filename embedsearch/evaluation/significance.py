"""What a difference between two means over queries is worth.

All functions take the values of several measures at once, `(n queries, m measures)`, and use the
same samples for each; the samples depend on `n` and the seed alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

RESAMPLES = 10_000
CONFIDENCE = 0.95

_BLOCK = 1 << 20
# Means that are equal may differ in their last digits, as their sums are in another order.
_ROUNDING = 1e-12


def bootstrap_interval(
    values: NDArray[np.float64],
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> NDArray[np.float64]:
    """Return a confidence interval for the mean over queries, by the percentile bootstrap.

    Queries are drawn with replacement, as many as there are, and their mean is taken, many
    times; the interval lies between two percentiles of these means (Efron and Tibshirani 1993,
    chapter 13; for queries: Sakai 2006).

    Args:
        values: The value of each query, `(n, m)`.
        confidence: How often such an interval holds the true mean.
        resamples: How many means are drawn.
        seed: Of the samples.

    Returns:
        The lower and the upper end, `(m, 2)`. NaN for fewer than two queries, of which nothing
        can be said.
    """
    n, m = values.shape
    if n < 2:
        return np.full((m, 2), np.nan)
    rng = np.random.default_rng(seed)
    means = [_drawn_counts(rng, size, n) @ values / n for size in _blocks(resamples, n)]
    tail = (1 - confidence) / 2
    ends: NDArray[np.float64] = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    return np.ascontiguousarray(ends.T)


def randomisation_test(
    differences: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = 1
) -> NDArray[np.float64]:
    """Test whether two searches differ in the mean, by Fisher's paired randomisation test.

    If they did not differ, each query could as well have its two values swapped. The p-value is
    the share of such swaps whose mean difference is at least as far from 0 as the observed one
    (Smucker, Allan and Carterette 2007, who advise it for retrieval). Where there are at most
    `resamples` ways to swap, all are tried and the p-value is exact; otherwise it is estimated
    from as many random ones, the observed one added, so that it is never 0.

    Args:
        differences: One search less the other, query by query, `(n, m)`.
        resamples: How many ways to swap are tried.
        seed: Of the random ones.

    Returns:
        A two-sided p-value for each measure, `(m,)`.
    """
    n, m = differences.shape
    observed = np.abs(differences.sum(axis=0)) - _ROUNDING * np.abs(differences).sum(axis=0)
    exact = n < 63 and 2**n <= resamples
    reached = np.zeros(m)
    for signs in _all_signs(n) if exact else _random_signs(n, resamples, seed):
        reached += (np.abs(signs @ differences) >= observed).sum(axis=0)
    share: NDArray[np.float64] = reached / 2**n if exact else (reached + 1) / (resamples + 1)
    return share


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for there being several, by Holm's method (1979).

    The smallest of `k` is multiplied by `k`, the next by `k - 1`, and so on; none falls below
    one before it, or rises above 1. Rejecting those below a level keeps the chance of any false
    rejection below that level.
    """
    order = np.argsort(p_values, kind="stable")
    adjusted, floor = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = floor
    return adjusted


def _blocks(total: int, width: int) -> Iterator[int]:
    size = max(1, _BLOCK // width)
    for start in range(0, total, size):
        yield min(size, total - start)


def _drawn_counts(rng: np.random.Generator, size: int, n: int) -> NDArray[np.float64]:
    """Return how often each of `n` queries is drawn in each of `size` samples, `(size, n)`."""
    drawn = rng.integers(0, n, (size, n)) + n * np.arange(size)[:, np.newaxis]
    return np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def _all_signs(n: int) -> Iterator[NDArray[np.float64]]:
    bits = np.arange(2**n)[:, np.newaxis] >> np.arange(n) & 1
    yield _as_signs(bits)


def _random_signs(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    for size in _blocks(resamples, n):
        yield _as_signs(rng.integers(0, 2, (size, n)))


def _as_signs(bits: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(bits, -1.0, 1.0)
