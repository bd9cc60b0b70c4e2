"""How sure a mean over queries is, and a difference between two of them.

The functions take the values of several measures at once, `(n queries, m measures)`, and use the
same samples for each; the samples depend on `n` and the seed alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.evaluation.base import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RESAMPLES = 10_000

# Values that are in memory at a time.
_BLOCK = 1 << 22
# Means that are equal may differ in their last digits, as their sums are in another order.
_DIGITS = 12


def bootstrap_interval(
    values: NDArray[np.float64],
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> NDArray[np.float64]:
    """Return a confidence interval for the mean over queries, by the percentile bootstrap.

    As many queries are drawn with replacement, and their mean is taken, many times; the
    interval lies between two percentiles of these means (Efron and Tibshirani 1993, chapter 13;
    for queries: Sakai 2006).

    Returned are the lower and the upper ends, `(m, 2)`; NaN for fewer than two queries.
    """
    from scipy import stats

    n, m = values.shape
    if n < 2:
        return np.full((m, 2), np.nan)
    found = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=confidence,
        n_resamples=resamples,
        batch=max(1, _BLOCK // values.size),
        method="percentile",
        random_state=np.random.default_rng(seed),
    )
    ends: NDArray[np.float64] = np.stack(found.confidence_interval, axis=1)
    return ends


def permutation_p_values(
    differences: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = 1
) -> NDArray[np.float64]:
    """Test whether two searches differ in the mean, by Fisher's paired randomisation test.

    If they did not differ, each query could as well have its two values swapped. The p-value is
    twice the share of such swaps whose mean difference is at least as far on the same side of 0
    as the observed one (Smucker, Allan and Carterette 2007, who advise it for retrieval). If
    there are at most `resamples` ways to swap, all are tried and the p-value is exact; otherwise
    it is estimated from as many random ones and the observed one, so that it is never 0.

    Fewer than two queries have the p-value 1.
    """
    from scipy import stats

    if len(differences) < 2:
        return np.ones(differences.shape[1])

    def mean(drawn: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        means: NDArray[np.float64] = drawn.mean(axis=axis).round(_DIGITS)
        return means

    # Of a single sample, SciPy turns the signs.
    found = stats.permutation_test(
        (differences,),
        mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _BLOCK // differences.size),
        random_state=np.random.default_rng(seed),
    )
    p_values: NDArray[np.float64] = found.pvalue
    return p_values


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
