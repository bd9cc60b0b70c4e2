"""Finds the phrases of a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch.text.phrase_rewriting import Rewriter
from embedsearch.text.phrases import Phrase, PhraseTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector
    from embedsearch.text.phrase_settings import PhraseSettings
    from embedsearch.text.stream import TokenStream

# 12 bytes each; five of eight are filled at most.
_MOST_SLOTS = 1 << 23
_LEAST_SLOTS = 1 << 10


def find_phrases(
    stream: TokenStream,
    settings: PhraseSettings,
    progress: Progress | None = None,
    *,
    slots: int = _MOST_SLOTS,
) -> PhraseTable:
    """Find the collocations of a corpus.

    Pairs are counted exactly. Where there are more than the table of counts can hold, they are
    counted in parts, each in a reading of the stream of its own.

    Args:
        stream: The corpus; documents part phrases.
        settings: What makes a phrase.
        progress: Is told how many were found.
        slots: Places in the table of counts, at most; a power of 2.

    Returns:
        The phrases of each pass, the most frequent first; passes without any are left out.
    """
    table = PhraseTable()
    for _ in range(settings.passes):
        phrases = _Search(Rewriter(table, stream), settings, stream.total, slots).run()
        if not phrases:
            break
        table = PhraseTable((*table.passes, phrases))
    if progress is not None:
        progress.note(_described(table))
    return table


def with_phrases(
    stream: TokenStream, settings: PhraseSettings, folder: Path, progress: Progress
) -> tuple[TokenStream, PhraseTable]:
    """Find the phrases of a stream, and write it with them joined into a folder of `folder`."""
    table = find_phrases(stream, settings, progress)
    joined = folder / "phrases"
    joined.mkdir()
    return table.rewrite(stream, joined), table


class _Pairs(NamedTuple):
    """Candidates and how often they occur."""

    keys: IntVector
    counts: IntVector


class _Search:
    """One pass: candidates are counted, scored and chosen."""

    def __init__(
        self, rewriter: Rewriter, settings: PhraseSettings, total: int, slots: int
    ) -> None:
        self._rewriter, self._settings = rewriter, settings
        self._slots = min(max(1 << (2 * total).bit_length(), _LEAST_SLOTS), slots)
        self._counts, self._total = _counts(rewriter)
        numbers = {token: number for number, token in enumerate(rewriter.types)}
        self._connectors = sorted(word for word in set(settings.connectors) if word in numbers)
        self._base = len(self._connectors) + 1
        self._kinds = np.where(self._counts >= settings.min_count, 0, -1).astype(np.int16)
        for place, word in enumerate(self._connectors, start=1):
            self._kinds[numbers[word]] = place

    def run(self) -> list[Phrase]:
        """Return the phrases, the most frequent first."""
        chosen: list[Phrase] = []
        parts = [(0, 1)]
        while parts:
            part, of = parts.pop()
            pairs = self._count(part, of)
            if pairs is None:
                parts += [(part, 2 * of), (part + of, 2 * of)]
            else:
                chosen += self._chosen(pairs)
        return sorted(chosen, key=lambda phrase: (-phrase.count, phrase.words))

    def _count(self, part: int, parts: int) -> _Pairs | None:
        """Return the pairs of a part that are frequent enough, or None where it is too large."""
        from embedsearch.kernels.phrases import count

        keys, counts = np.zeros(self._slots, np.int64), np.zeros(self._slots, np.int32)
        state = np.array([-1, 0, 0])
        for tokens, ends in self._rewriter.stretches():
            if not count(tokens, ends, self._kinds, self._base, part, parts, keys, counts, state):
                return None
        frequent = np.flatnonzero(counts >= self._settings.min_count)
        return _Pairs(keys[frequent] - 1, counts[frequent].astype(np.int64))

    def _chosen(self, pairs: _Pairs) -> list[Phrase]:
        firsts, seconds, gaps = self._parted(pairs.keys)
        scores = self._scores(self._counts[firsts], self._counts[seconds], pairs.counts)
        kept = np.flatnonzero(scores > self._settings.least_score)
        types = self._rewriter.types
        return [
            Phrase((types[a], *self._between(gap), types[b]), n, score)
            for a, b, gap, n, score in zip(
                firsts[kept].tolist(),
                seconds[kept].tolist(),
                gaps[kept].tolist(),
                pairs.counts[kept].tolist(),
                scores[kept].tolist(),
                strict=True,
            )
        ]

    def _parted(self, keys: IntVector) -> tuple[IntVector, IntVector, IntVector]:
        words, gaps = np.divmod(keys, self._base**2)
        firsts, seconds = np.divmod(words, len(self._kinds))
        return firsts, seconds, gaps

    def _between(self, gap: int) -> Sequence[str]:
        places = [place for place in divmod(gap, self._base) if place]
        return [self._connectors[place - 1] for place in places]

    def _scores(self, a: IntVector, b: IntVector, ab: IntVector) -> NDArray[np.float64]:
        pa, pb, pab = a / self._total, b / self._total, ab / self._total
        if self._settings.scoring == "default":
            return (ab - self._settings.min_count) / self._total / (pa * pb)
        scores: NDArray[np.float64] = np.log(pab / (pa * pb)) / -np.log(pab)
        return scores


def _counts(rewriter: Rewriter) -> tuple[IntVector, int]:
    counts, total = np.zeros(len(rewriter.types), np.int64), 0
    for tokens, _ in rewriter.stretches():
        rewriter.counted(counts, tokens)
        total += len(tokens)
    return counts, total


def _described(table: PhraseTable) -> str:
    if not table:
        return "no phrases were found"
    examples = ", ".join(phrase.joined for phrase in table.passes[0][:3])
    return f"{len(table):,} phrases were found, such as {examples}"
