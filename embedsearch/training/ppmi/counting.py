"""How often words stand near each other: whole numbers, so that no order of adding matters.

The weight of a pair falls with its distance as word2vec's reduced windows do on average:
`window` for neighbours, 1 at the distance `window`, in units of 1/window.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from embedsearch.kernels._jit import jit

GAP = -1


def room_for(tokens: int, window: int) -> int:
    """Return the size of `text` that holds a chunk if every token is a document of its own."""
    return 2 * (tokens + 2 * window) + 2


@jit()
def out_of_range(ids: Any, first: int, last: int, words: int) -> int:
    """Return the first of the tokens that is no word from 0 to `words` - 1, or `last`."""
    for token in range(first, last):
        if ids[token] < 0 or ids[token] >= words:
            return token
    return last


@jit()
def lay_out(
    ids: Any, offsets: Any, first: int, last: int, window: int, text: Any
) -> tuple[int, int]:
    """Copy tokens `first` to `last` and their windows, with a gap between documents.

    Returns:
        Where in `text` the tokens `first` to `last` begin and end.
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
def places_of_words(text: Any, start: int, stop: int, firsts: Any, places: Any) -> None:
    """Sort the places of `text` by word: those of w are `places[firsts[w]:firsts[w + 1]]`."""
    firsts[:] = 0
    for place in range(start, stop):
        if text[place] != GAP:
            firsts[text[place] + 1] += 1
    for word in range(firsts.size - 1):
        firsts[word + 1] += firsts[word]
    for place in range(start, stop):
        word = text[place]
        if word != GAP:
            places[firsts[word]] = place
            firsts[word] += 1
    # Each entry was moved on to where the next word begins.
    for word in range(firsts.size - 1, 0, -1):
        firsts[word] = firsts[word - 1]
    firsts[0] = 0


@jit()
def count_rows(
    text: Any,
    firsts: Any,
    places: Any,
    row: int,
    window: int,
    sums: Any,
    met: Any,
    columns: Any,
    counts: Any,
    sizes: Any,
) -> tuple[int, int]:
    """Count the neighbours of the words from `row` on, until a row might not fit.

    Args:
        text: Words, with gaps.
        firsts: (V + 1,), see `places_of_words`.
        places: The places of each word.
        row: The first word to count for.
        window: The largest distance.
        sums: (V,) zeros, and zeros again afterwards.
        met: (V,) scratch.
        columns: Receives the neighbours, row after row.
        counts: Receives their weights.
        sizes: (V,), receives the number of neighbours of each word.

    Returns:
        The first word that was not counted, and how much was written.
    """
    written, words = 0, sums.size
    while row < words and written + words <= columns.size:
        found = 0
        for i in range(firsts[row], firsts[row + 1]):
            for step in (-1, 1):
                place = places[i] + step
                weight = window
                while weight > 0 and text[place] != GAP:
                    word = text[place]
                    if sums[word] == 0:
                        met[found] = word
                        found += 1
                    sums[word] += weight
                    weight -= 1
                    place += step
        for i in range(found):
            columns[written + i] = met[i]
            counts[written + i] = sums[met[i]]
            sums[met[i]] = 0
        sizes[row] = found
        written += found
        row += 1
    return row, written
