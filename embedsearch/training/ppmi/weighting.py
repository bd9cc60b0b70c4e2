"""From counts to shifted positive pointwise mutual information.

Source: Levy and Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization"; the
smoothing of contexts: Levy, Goldberg and Dagan 2015, "Improving Distributional Similarity with
Lessons Learned from Word Embeddings".
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.kernels._jit import jit
from embedsearch.training.ppmi.matrix import Sparse

if TYPE_CHECKING:
    from embedsearch.training.ppmi.runs import Runs

MOST_PAIRS = 20_000_000
HEAVIEST = 2**16


def shifted_ppmi(
    runs: Runs, shift: float = 1.0, smoothing: float = 0.75, most_pairs: int = MOST_PAIRS
) -> Sparse:
    """Return max(0, log(P(w, c) / (P(w) P'(c))) - log shift) for all pairs of words.

    P'(c) is the count of c to the power `smoothing`, divided by the sum of these. Where more
    than `most_pairs` (8 bytes each) are above zero, the pairs of the least weight are left out,
    all of one weight together: in large corpora these are chance meetings.
    """
    logs = _logs(runs, shift, smoothing)
    least, room = 1, int(runs.pairs.sum())
    if room > most_pairs:
        least, room = _least_weight(runs, logs, most_pairs)
    columns, values = np.empty(room, np.int32), np.empty(room, np.float32)
    sizes = np.zeros(runs.words, np.int64)
    sums, met = _scratch(runs)
    end = 0
    for rows in runs.blocks():
        end = _weigh(*rows, *logs, least, sums, met, columns, values, end, sizes)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    return Sparse(starts, columns[:end], values[:end])


def _logs(runs: Runs, shift: float, smoothing: float) -> tuple[Any, Any]:
    """Logarithms such that log(count) - words[w] - contexts[c] is the shifted information."""
    totals = np.maximum(runs.totals, 1).astype(np.float64)
    smooth = np.where(runs.totals > 0, totals**smoothing, 0.0)
    contexts = smoothing * np.log(totals) - np.log(max(smooth.sum(), 1.0))
    return np.log(totals) + log(shift), contexts


def _scratch(runs: Runs) -> tuple[Any, Any]:
    return np.zeros(runs.words, np.int64), np.empty(runs.words, np.int32)


def _least_weight(runs: Runs, logs: Any, most_pairs: int) -> tuple[int, int]:
    """Return the least weight that keeps at most `most_pairs`, and how many that are."""
    histogram = np.zeros(HEAVIEST + 1, np.int64)
    sums, met = _scratch(runs)
    for rows in runs.blocks():
        _tally(*rows, *logs, sums, met, histogram)
    kept = np.cumsum(histogram[::-1])[::-1]
    least = min(int(np.searchsorted(-kept, -most_pairs)), HEAVIEST)
    return least, int(kept[least])


@jit()
def _merge(row: int, starts: Any, columns: Any, counts: Any, sums: Any, met: Any) -> int:
    """Add up a row of all runs: the words met, and the sum of each."""
    found = 0
    for run in range(starts.shape[0]):
        for i in range(starts[run, row], starts[run, row + 1]):
            word = columns[i]
            if sums[word] == 0:
                met[found] = word
                found += 1
            sums[word] += np.int64(counts[i])
    return found


@jit()
def _tally(
    first: int,
    starts: Any,
    columns: Any,
    counts: Any,
    words: Any,
    contexts: Any,
    sums: Any,
    met: Any,
    histogram: Any,
) -> None:
    for row in range(starts.shape[1] - 1):
        for i in range(_merge(row, starts, columns, counts, sums, met)):
            word = met[i]
            if log(sums[word]) > words[first + row] + contexts[word]:
                histogram[min(sums[word], histogram.size - 1)] += 1
            sums[word] = 0


@jit()
def _weigh(
    first: int,
    starts: Any,
    columns: Any,
    counts: Any,
    words: Any,
    contexts: Any,
    least: int,
    sums: Any,
    met: Any,
    columns_out: Any,
    values_out: Any,
    end: int,
    sizes: Any,
) -> int:
    for row in range(starts.shape[1] - 1):
        begin = end
        for i in range(_merge(row, starts, columns, counts, sums, met)):
            word = met[i]
            value = np.float32(log(sums[word]) - words[first + row] - contexts[word])
            if value > 0 and sums[word] >= least:
                columns_out[end] = word
                values_out[end] = value
                end += 1
            sums[word] = 0
        sizes[first + row] = end - begin
    return end
