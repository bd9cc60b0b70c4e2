"""Phrases joined in a stream, stretch by stretch, with numbers in place of words."""

from __future__ import annotations

from array import array
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedsearch.text.stream import TokenStream, tokens_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from embedsearch._types import IntVector
    from embedsearch.text.phrases import Phrase, PhraseTable

TokenArray = NDArray[np.int32]
STRETCH = 1 << 20


class Rewriter:
    """Joins the phrases of a table in a stream.

    Args:
        table: The phrases.
        stream: The stream, unchanged.

    Attributes:
        types: Those of the stream, and the phrases behind them.
    """

    def __init__(self, table: PhraseTable, stream: TokenStream) -> None:
        self._stream = stream
        numbers = {token: number for number, token in enumerate(stream.types) if token}
        types = list(stream.types)
        for phrase in chain.from_iterable(table.passes):
            if phrase.joined not in numbers:
                numbers[phrase.joined] = len(types)
                types.append(phrase.joined)
        self.types: Sequence[str] = types
        self._known = np.fromiter(map(bool, types), bool, len(types))
        self._passes = [_Pass(phrases, numbers, len(types)) for phrases in table.passes]
        self._cuts = np.ones(len(types), bool)
        for joining in self._passes:
            self._cuts &= joining.kinds < 0

    def stretches(self, size: int = STRETCH) -> Iterator[tuple[TokenArray, IntVector]]:
        """Yield the joined tokens of about `size` tokens at a time, and where documents end."""
        ends, start, first = self._stream.ends, 0, 0
        while start < self._stream.total or first < len(ends):
            stop = self._cut(start, size)
            last = int(np.searchsorted(ends, stop, side="right"))
            yield self._joined(np.array(self._stream.tokens[start:stop]), ends[first:last] - start)
            start, first = stop, last

    def counted(self, counts: IntVector, tokens: TokenArray) -> None:
        """Add the tokens of a stretch to `counts`; those that were forgotten count nothing."""
        found = np.bincount(tokens, minlength=len(counts))
        counts += np.where(self._known, found, 0)

    def _cut(self, start: int, size: int) -> int:
        """Return where a stretch may end: at a document's end, or after a word of no phrase."""
        stream = self._stream
        stop = start + size
        while stop < stream.total:
            outside = np.flatnonzero(self._cuts[stream.tokens[start:stop]])
            place = int(np.searchsorted(stream.ends, stop, side="right"))
            end = int(stream.ends[place - 1]) if place else 0
            cut = max(end, start + int(outside[-1]) + 1 if len(outside) else 0)
            if cut > start:
                return cut
            stop += size
        return stream.total

    def _joined(self, tokens: TokenArray, ends: IntVector) -> tuple[TokenArray, IntVector]:
        for joining in self._passes:
            tokens = joining.join(tokens, ends)
        return tokens, ends


class _Pass:
    """The phrases of one pass, by number."""

    def __init__(self, phrases: Sequence[Phrase], numbers: dict[str, int], types: int) -> None:
        known = [p for p in phrases if all(word in numbers for word in p.words)]
        between = sorted({word for phrase in known for word in phrase.words[1:-1]})
        connectors = {word: place for place, word in enumerate(between, start=1)}
        self.base = len(connectors) + 1
        self.kinds = np.full(types, -1, np.int16)
        for phrase in known:
            self.kinds[[numbers[phrase.words[0]], numbers[phrase.words[-1]]]] = 0
        for word, place in connectors.items():
            self.kinds[numbers[word]] = place
        keys = [self._key(phrase, numbers, connectors) for phrase in known]
        self._fill(np.asarray(keys, np.int64), [numbers[phrase.joined] for phrase in known])

    def _key(self, phrase: Phrase, numbers: dict[str, int], connectors: dict[str, int]) -> int:
        gap = 0
        for word in phrase.words[1:-1]:
            gap = gap * self.base + connectors[word]
        first, second = numbers[phrase.words[0]], numbers[phrase.words[-1]]
        return (first * len(self.kinds) + second) * self.base**2 + gap

    def _fill(self, keys: IntVector, joined: Sequence[int]) -> None:
        from embedsearch.kernels.phrases import fill

        size = 1 << (2 * len(keys) + 1).bit_length()
        self._keys, self._types = np.zeros(size, np.int64), np.zeros(size, np.int32)
        fill(keys, np.asarray(joined, np.int32), self._keys, self._types)

    def join(self, tokens: TokenArray, ends: IntVector) -> TokenArray:
        """Join phrases in place; `ends` moves along."""
        from embedsearch.kernels.phrases import join

        size = join(tokens, ends, self.kinds, self.base, self._keys, self._types)
        return tokens[:size]


def rewrite(table: PhraseTable, stream: TokenStream, folder: Path) -> TokenStream:
    """See `PhraseTable.rewrite`."""
    rewriter = Rewriter(table, stream)
    counts = np.zeros(len(rewriter.types), np.int64)
    ends, total = array("q"), 0
    with tokens_path(folder).open("wb") as file:
        for tokens, places in rewriter.stretches():
            file.write(tokens.astype("<i4", copy=False).data)
            rewriter.counted(counts, tokens)
            ends.frombytes((places + total).astype(np.int64).tobytes())
            total += len(tokens)
    documents = np.stack((stream.numbers, np.asarray(ends, np.int64)), axis=1)
    return TokenStream(folder, rewriter.types, counts, documents)
