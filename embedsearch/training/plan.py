"""Which piece of the corpus is trained when, at which rate; and what is kept out of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.kernels.sampling import stream_key

if TYPE_CHECKING:
    from embedsearch._types import IntVector
    from embedsearch.training.settings import TrainingSettings

LARGEST_PIECE = 16_384
# Workers that do not see each other drift apart on longer pieces, and analogies suffer.
ROUND_PIECE = 2_048
_SMALLEST_PIECE = 1_024
_PIECES_A_WORKER = 32
_RANGE = 500
_MOST_HELD_OUT = 20_000
_LEAST_HELD_OUT = 200


class Plan:
    """A corpus of `total` words, cut into pieces that threads take one by one.

    Every epoch has the same pieces in the same order; the draws of a piece depend on the seed,
    the epoch and the place alone, so that they do not depend on who trains it.

    Attributes:
        starts: (p,) where each piece of an epoch begins.
        stops: (p,) where it ends.
        held_out: (h, 2) ranges that are never trained: about 1 % of the corpus, 20,000 words
            at most, and none where that would be less than 200.
    """

    def __init__(self, total: int, settings: TrainingSettings, piece: int | None = None) -> None:
        self._alpha, self._min_alpha = settings.alpha or 0.0, settings.min_alpha
        self._seed, self.epochs = settings.seed, settings.epochs or 1
        size = piece or piece_size(total, settings.workers or 1)
        self.held_out = _held_out(total)
        bounds = np.concatenate(([0], self.held_out.ravel(), [total])).reshape(-1, 2)
        cuts = [np.arange(first, last, size) for first, last in bounds]
        ends = [
            np.append(cut[1:], last)
            for cut, (_, last) in zip(cuts, bounds, strict=True)
            if len(cut)
        ]
        self.starts = np.concatenate(cuts).astype(np.int64)
        self.stops = np.concatenate(ends).astype(np.int64) if ends else self.starts
        self._before = np.concatenate(([0], np.cumsum(self.stops - self.starts)))

    @property
    def pieces(self) -> int:
        """Pieces of all epochs."""
        return len(self.starts) * self.epochs

    @property
    def words(self) -> int:
        """Words of one epoch."""
        return int(self._before[-1])

    def words_before(self, position: int) -> int:
        """Words trained when the pieces before `position` are done."""
        epoch, piece = divmod(position, max(len(self.starts), 1))
        return epoch * self.words + int(self._before[piece])

    def piece(self, position: int) -> tuple[int, int, float, int]:
        """Return start, stop, learning rate and key of the draws of a piece.

        The rate falls linearly from alpha to min_alpha, as in word2vec.
        """
        epoch, place = divmod(position, len(self.starts))
        done = self.words_before(position) / max(self.words * self.epochs, 1)
        rate = self._alpha - (self._alpha - self._min_alpha) * done
        start = int(self.starts[place])
        return start, int(self.stops[place]), rate, stream_key(self._seed, epoch, start)

    def epoch_end(self, position: int) -> int:
        """Return the position at which the epoch of a piece ends."""
        return (position // len(self.starts) + 1) * len(self.starts)


def piece_size(total: int, workers: int) -> int:
    """Return the words of a piece: few enough that no worker waits long at the end of an epoch."""
    return min(LARGEST_PIECE, max(_SMALLEST_PIECE, total // (workers * _PIECES_A_WORKER)))


def _held_out(total: int) -> IntVector:
    """Return evenly spaced ranges as (h, 2)."""
    size = min(_MOST_HELD_OUT, total // 100)
    if size < _LEAST_HELD_OUT:
        return np.empty((0, 2), np.int64)
    ranges = max(1, size // _RANGE)
    starts = (np.arange(ranges) * 2 + 1) * total // (2 * ranges)
    return np.stack((starts, starts + size // ranges), axis=1).astype(np.int64)
