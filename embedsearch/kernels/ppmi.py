"""Co-occurrence counts, their PPMI weights, and products of that sparse matrix.

The weight of a pair falls with its distance as word2vec's reduced windows do on average:
`window` for neighbours, 1 at the distance `window`, in units of 1/window. Weights are whole
numbers, so the order of adding does not matter. Products are the same to the last bit on any
number of cores: BLAS divides its sums by the number of threads; these loops do not.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch.kernels._jit import jit

if TYPE_CHECKING:
    import numpy.typing as npt

    from embedsearch.kernels._simd import Floats, Ids, Offsets


# Between two documents, which no window crosses.
GAP = -1


class Places(NamedTuple):
    """Where each word occurs: the places of w are `places[starts[w]:starts[w + 1]]`."""

    starts: Offsets
    places: Ids


class Pairs(NamedTuple):
    """Room for counted pairs."""

    columns: Ids  # the other word of each pair, row after row
    counts: npt.NDArray[Any]  # its weight, in units of 1/window
    sizes: Offsets  # `(V,)` the pairs of each word


class PairBlock(NamedTuple):
    """The pairs of a few words in all runs, in units of 1/window as in `Pairs`."""

    first: int  # the first word
    starts: Offsets  # `(runs, words + 1)` where the pairs of a word begin in the two arrays
    columns: Ids
    counts: npt.NDArray[Any]


class Scratch(NamedTuple):
    """Room to add up one row: `sums` is `(V,)` zeros before and after; `seen` lists its words."""

    sums: Offsets
    seen: Ids


class Logs(NamedTuple):
    """`(V,)` each, such that log(count) - words[w] - contexts[c] is the information."""

    words: npt.NDArray[np.float64]
    contexts: npt.NDArray[np.float64]


class Sparse(NamedTuple):
    """A square matrix by rows."""

    starts: Offsets  # `(V + 1,)` int64, where the row of a word begins
    columns: Ids  # `(nnz,)` int32
    values: Floats  # `(nnz,)` float32


def scratch_for(words: int) -> Scratch:
    """Return scratch for a vocabulary."""
    return Scratch(np.zeros(words, np.int64), np.empty(words, np.int32))


def text_room(tokens: int, window: int) -> int:
    """Return the size of `text` that holds a chunk if every token is a document of its own."""
    return 2 * (tokens + 2 * window) + 2


@jit()
def lay_out(
    ids: Ids, offsets: Offsets, first: int, last: int, window: int, text: Ids
) -> tuple[int, int]:
    """Copy tokens `first` to `last` and their windows to `text`, with a gap between documents.

    Returns where in `text` the tokens `first` to `last` begin and end.
    """
    begin, end = max(0, first - window), min(ids.size, last + window)
    document = np.searchsorted(offsets, begin, side="right") - 1
    text[0] = GAP
    size, start, stop = 1, 1, 1
    for token in range(begin, end):
        if token == offsets[document + 1]:
            text[size] = GAP
            size += 1
        while token == offsets[document + 1]:
            document += 1
        if token == first:
            start = size
        text[size] = ids[token]
        size += 1
        if token == last - 1:
            stop = size
    text[size] = GAP
    return start, stop


@jit()
def sort_places(text: Ids, start: int, stop: int, out: Places) -> None:
    """Sort the places from `start` to `stop` by their words."""
    starts = out.starts
    starts[:] = 0
    for place in range(start, stop):
        if text[place] != GAP:
            starts[text[place] + 1] += 1
    for word in range(starts.size - 1):
        starts[word + 1] += starts[word]
    for place in range(start, stop):
        word = text[place]
        if word != GAP:
            out.places[starts[word]] = place
            starts[word] += 1
    # Each entry was moved on to where the next word begins.
    for word in range(starts.size - 1, 0, -1):
        starts[word] = starts[word - 1]
    starts[0] = 0


@jit()
def count_rows(
    text: Ids, places: Places, row: int, window: int, scratch: Scratch, out: Pairs
) -> tuple[int, int]:
    """Count the neighbours of the words from `row` on, until a row might not fit.

    Returns the first word that was not counted, and how many pairs were written.
    """
    sums, seen = scratch
    written, words = 0, sums.size
    while row < words and written + words <= out.columns.size:
        found = 0
        for i in range(places.starts[row], places.starts[row + 1]):
            for step in (-1, 1):
                place = places.places[i] + step
                weight = window
                while weight > 0 and text[place] != GAP:
                    word = text[place]
                    if sums[word] == 0:
                        seen[found] = word
                        found += 1
                    sums[word] += weight
                    weight -= 1
                    place += step
        for i in range(found):
            out.columns[written + i] = seen[i]
            out.counts[written + i] = sums[seen[i]]
            sums[seen[i]] = 0
        out.sizes[row] = found
        written += found
        row += 1
    return row, written


@jit()
def _merge(row: int, block: PairBlock, scratch: Scratch) -> int:
    """Add up a row of all runs; return how many words it has."""
    sums, seen = scratch
    found = 0
    for run in range(block.starts.shape[0]):
        for i in range(block.starts[run, row], block.starts[run, row + 1]):
            word = block.columns[i]
            if sums[word] == 0:
                seen[found] = word
                found += 1
            sums[word] += np.int64(block.counts[i])
    return found


@jit()
def tally(block: PairBlock, logs: Logs, scratch: Scratch, histogram: Offsets) -> None:
    """Count the pairs above zero by their weight; the last bin is for all heavier ones."""
    sums, seen = scratch
    for row in range(block.starts.shape[1] - 1):
        for i in range(_merge(row, block, scratch)):
            word = seen[i]
            if log(sums[word]) > logs.words[block.first + row] + logs.contexts[word]:
                histogram[min(sums[word], histogram.size - 1)] += 1
            sums[word] = 0


@jit()
def weigh(block: PairBlock, logs: Logs, least: int, scratch: Scratch, out: Sparse, end: int) -> int:
    """Write the pairs above zero of at least a weight, from `end` on; return where they end.

    For each row, `out.starts` receives how many they are.
    """
    sums, seen = scratch
    for row in range(block.starts.shape[1] - 1):
        begin = end
        for i in range(_merge(row, block, scratch)):
            word = seen[i]
            value = np.float32(
                log(sums[word]) - logs.words[block.first + row] - logs.contexts[word]
            )
            if value > 0 and sums[word] >= least:
                out.columns[end] = word
                out.values[end] = value
                end += 1
            sums[word] = 0
        out.starts[block.first + row + 1] = end - begin
    return end


@jit(fastmath=True)
def times(m: Sparse, q: Floats, out: Floats) -> None:
    """Write M q to `out`; `q` and `out` are (V, k)."""
    for row in range(m.starts.size - 1):
        target = out[row]
        for k in range(target.size):
            target[k] = 0
        for i in range(m.starts[row], m.starts[row + 1]):
            source, value = q[m.columns[i]], m.values[i]
            for k in range(target.size):
                target[k] += value * source[k]


@jit(fastmath=True)
def transposed_times(m: Sparse, q: Floats, out: Floats) -> None:
    """Write the product of M transposed and `q` to `out`; both are (V, k)."""
    out[:] = 0
    for row in range(m.starts.size - 1):
        source = q[row]
        for i in range(m.starts[row], m.starts[row + 1]):
            target, value = out[m.columns[i]], m.values[i]
            for k in range(source.size):
                target[k] += value * source[k]
