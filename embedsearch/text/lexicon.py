"""Words of scripts without spaces: found in a corpus without a dictionary, and cut out of text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch.text.unspaced import parts, runs, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embedsearch._types import IntVector
    from embedsearch.text.stream import TokenStream

LONGEST = 6
"""Units of a word, at most."""
LEAST_TEXT = 20_000
"""Units below which too little is known of what follows what."""
MOST_TEXT = 1_500_000
"""Units that are looked at; of longer text, every second document, or every fourth, ..."""
_LEAST_COUNT = 2
# Measured against dictionaries on Chinese reviews, Japanese manuals and Thai interfaces: F1 of
# words is .731, .646 and .710; with a power of 1 and no price it is .708, .657 and .648.
_POWER, _PRICE = 1.2, 1.0


@dataclass(frozen=True, slots=True)
class LexiconWord:
    """A word, its count in the sample, and what it costs to cut it out: minus log probability."""

    text: str
    count: int
    cost: float


class Lexicon:
    """The words that a corpus was cut by; the cheapest cut of a text is taken (Viterbi)."""

    def __init__(self, words: Iterable[LexiconWord] = ()) -> None:
        self.words = tuple(words)
        self._costs = {word.text: word.cost for word in self.words}
        self._longest = max((len(units(word.text)) for word in self.words), default=1)
        # A unit that was never seen is as likely as one that was seen half a time.
        self._unknown = max(self._costs.values(), default=0.0) + np.log(2)

    def __len__(self) -> int:
        return len(self.words)

    def cut(self, run: str) -> list[str]:
        """Return the words of a run of text in scripts without spaces."""
        return [word for part in parts(run) for word in self._cut(part)]

    def _cut(self, part: str) -> list[str]:
        pieces = units(part)
        places = [0]
        for piece in pieces:
            places.append(places[-1] + len(piece))
        costs, best, starts = self._costs, [0.0], [0]
        for end in range(1, len(places)):
            stop = places[end]
            lowest, chosen = best[-1] + self._unknown, end - 1
            for start in range(max(0, end - self._longest), end):
                cost = costs.get(part[places[start] : stop])
                if cost is not None and best[start] + cost < lowest:
                    lowest, chosen = best[start] + cost, start
            best.append(lowest)
            starts.append(chosen)
        words, end = [], len(pieces)
        while end:
            words.append(part[places[starts[end]] : places[end]])
            end = starts[end]
        return words[::-1]


def learn_lexicon(
    texts: Iterable[str], *, least: int = LEAST_TEXT, most: int = MOST_TEXT
) -> Lexicon:
    """Find the words of scripts without spaces in texts; none if there is little such text.

    What begins or ends at a word's border is followed or preceded by many different units. The
    score of a piece is by how much its branching entropy on both sides exceeds that of the piece
    without its last or first unit, less the mean of pieces of its length (Magistry and Sagot
    2012, "Unsupervized word segmentation: the case for Mandarin Chinese"); the text is cut so
    that the scores add up to the most. The words of that cut, with their counts, are the lexicon.
    """
    sample = _sample(texts, most)
    if sum(len(units(part)) for part in sample) < least:
        return Lexicon()
    scored = Lexicon(_scored(sample))
    counts = Counter(word for part in sample for word in scored.cut(part))
    frequent = [
        (word, count)
        for word, count in counts.items()
        if count >= _LEAST_COUNT or len(units(word)) == 1
    ]
    total = sum(count for _, count in frequent)
    # Rounded as in the file, so that queries are cut as the corpus was.
    return Lexicon(
        LexiconWord(word, count, float(f"{-np.log(count / total):.6g}"))
        for word, count in sorted(frequent, key=lambda each: (-each[1], each[0]))
    )


def unspaced_tokens(stream: TokenStream) -> int:
    """Count the tokens of scripts without spaces."""
    counts = zip(stream.types, stream.counts.tolist(), strict=True)
    return sum(count for token, count in counts if runs(token))


def _sample(texts: Iterable[str], most: int) -> list[str]:
    """Return the parts of one script of about `most` characters, from documents evenly spread."""
    kept, size, step, place = dict[int, list[str]](), 0, 1, 0
    for text in texts:
        found = [part for run in runs(text) for part in parts(run)]
        if not found:
            continue
        if place % step == 0:
            kept[place] = found
            size += sum(map(len, found))
        place += 1
        while size > most and len(kept) > 1:
            step *= 2
            kept = {number: found for number, found in kept.items() if number % step == 0}
            size = sum(len(part) for found in kept.values() for part in found)
    return [part for found in kept.values() for part in found]


class _Grams(NamedTuple):
    """The pieces of one length: which begins at each place (or -1), counts, and a place of each."""

    ids: IntVector
    counts: IntVector
    places: IntVector


def _scored(sample: Sequence[str]) -> Iterator[LexiconWord]:
    """Yield all pieces of the sample that occur twice, with their scores as negative costs."""
    spelled = list[str]()
    for part in sample:
        spelled += units(part)
        spelled.append("")
    numbers = {"": 0}
    symbols = np.array([numbers.setdefault(unit, len(numbers)) for unit in spelled], np.int64)
    grams = [_single(symbols)]
    while len(grams) <= LONGEST:
        grams.append(_longer(grams[-1], symbols, len(grams)))
    right, left = _entropies(grams)
    apart = np.zeros(len(symbols) + 1)
    for n, gram in enumerate(grams[:LONGEST], start=1):
        known = np.flatnonzero((gram.counts >= _LEAST_COUNT) | (n == 1))
        gains = _gain(grams, right, n, known, 0) + _gain(grams, left, n, known, 1)
        scores, places = n**_POWER * gains - _PRICE, gram.places[known]
        if n == 1:
            apart[1:] = np.cumsum(np.append(scores, 0)[gram.ids])
        else:
            # What is better cut into its units is in no best cut.
            better = scores > apart[places + n] - apart[places]
            known, scores, places = known[better], scores[better], places[better]
        columns = (gram.counts[known].tolist(), places.tolist(), scores.tolist())
        for count, place, score in zip(*columns, strict=True):
            yield LexiconWord("".join(spelled[place : place + n]), count, -score)


def _single(symbols: IntVector) -> _Grams:
    _, places, ids, counts = np.unique(
        symbols, return_index=True, return_inverse=True, return_counts=True
    )
    # The first is what separates parts.
    return _Grams(ids - 1, counts[1:], places[1:])


def _longer(shorter: _Grams, symbols: IntVector, length: int) -> _Grams:
    """Return the pieces that are longer by one: of those that occur twice, as others cannot."""
    ids = np.full(len(symbols), -1, np.int64)
    starts = np.flatnonzero(shorter.ids[:-length] >= 0)
    starts = starts[shorter.counts[shorter.ids[starts]] >= _LEAST_COUNT]
    starts = starts[symbols[starts + length] > 0]
    keys = shorter.ids[starts] * (int(symbols.max(initial=0)) + 1) + symbols[starts + length]
    _, firsts, found, counts = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    ids[starts] = found
    return _Grams(ids, counts, starts[firsts])


Entropies = list["NDArray[np.float64]"]


def _entropies(grams: Sequence[_Grams]) -> tuple[Entropies, Entropies]:
    """Return the branching entropy of the pieces of each length, to the right and to the left.

    The end of a part counts as a new unit each time: it adds nothing to the sum.
    """
    sides: tuple[Entropies, Entropies] = ([], [])
    counts = grams[0].counts
    whole = np.log(counts.sum()) - _information(counts).sum() / max(counts.sum(), 1)
    for offset, side in enumerate(sides):
        side.append(np.array([whole]))
        for shorter, longer in pairwise(grams):
            parents = shorter.ids[longer.places + offset]
            inner = parents >= 0
            sums = np.bincount(
                parents[inner], _information(longer.counts)[inner], len(shorter.counts)
            )
            side.append(np.log(shorter.counts) - sums / shorter.counts)
    return sides


def _information(counts: IntVector) -> NDArray[np.float64]:
    return counts.astype(np.float64) * np.log(counts)


def _gain(
    grams: Sequence[_Grams], entropies: Entropies, n: int, known: IntVector, offset: int
) -> NDArray[np.float64]:
    """Return by how much the entropy of known pieces exceeds that of the piece inside, centred."""
    places = grams[n - 1].places[known]
    inside = grams[n - 2].ids[places + offset] if n > 1 else np.zeros(len(known), np.int64)
    gains: NDArray[np.float64] = entropies[n][known] - entropies[n - 1][inside]
    if len(gains):
        gains -= gains.mean()
    return gains
