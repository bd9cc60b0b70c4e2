"""The networks that are trained: their matrices, and how a piece of the corpus moves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from embedsearch.kernels import cbow, heldout, skipgram, subword
from embedsearch.kernels._simd import unroll
from embedsearch.kernels.matrices import aligned, fresh_vectors
from embedsearch.kernels.rounds import CbowRoundWorker, RoundWorker, SubwordRoundWorker
from embedsearch.kernels.sampling import keep_table, noise_table

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix
    from embedsearch.kernels.matrices import Ids, Keep, Offsets, Table
    from embedsearch.training.encoded import EncodedCorpus
    from embedsearch.training.ngrams import NgramRows
    from embedsearch.training.settings import TrainingSettings

    Place = tuple[Ids, Offsets, int, int, Keep, Table, int]


class Net(Protocol):
    """Two matrices and ways to train them on words start .. stop of a corpus.

    Attributes:
        x: (rows, d padded) the input side.
        y: (V, d padded) the output side.
    """

    x: FloatMatrix
    y: FloatMatrix

    def train(self, start: int, stop: int, rate: float, key: int) -> object:
        """Train in place; several threads may do so at once."""

    def loss(self, start: int, stop: int, key: int) -> tuple[float, int]:
        """Return the summed loss, without training, and over how many terms it is."""

    def round_worker(self) -> RoundWorker:
        """Return a worker that trains on rows of its own."""

    def train_apart(
        self, worker: RoundWorker, start: int, stop: int, rate: float, key: int
    ) -> object:
        """Train with such a worker; its changes wait to be merged."""


class SkipGram:
    """Skip-gram with negative sampling; see `kernels.skipgram`."""

    def __init__(self, corpus: EncodedCorpus, settings: TrainingSettings) -> None:
        self._text = (corpus.ids, corpus.offsets)
        self._tables = (
            keep_table(corpus.counts, settings.sample or 0.0),
            noise_table(corpus.counts, settings.ns_exponent),
            settings.window or 1,
        )
        self._unrolled = unroll(settings.negative or 1)
        size, words = settings.vector_size or 1, len(corpus.counts)
        self.x: FloatMatrix = fresh_vectors(self._input_rows(words), size, settings.seed)
        self.y: FloatMatrix = aligned(words, size)

    def train(self, start: int, stop: int, rate: float, key: int) -> object:
        """See `Net.train`."""
        place = self._place(start, stop)
        return skipgram.train(
            self.x, self.y, *place, np.float32(rate), np.uint64(key), False, self._unrolled
        )

    def loss(self, start: int, stop: int, key: int) -> tuple[float, int]:
        """See `Net.loss`."""
        place = self._place(start, stop)
        return heldout.loss(self.x, self.y, *place, np.uint64(key), self._unrolled)

    def round_worker(self) -> RoundWorker:
        """See `Net.round_worker`."""
        return RoundWorker(self.x, self.y)

    def train_apart(
        self, worker: RoundWorker, start: int, stop: int, rate: float, key: int
    ) -> object:
        """See `Net.train_apart`."""
        place = self._place(start, stop)
        return worker.train(*place, np.float32(rate), np.uint64(key), self._unrolled)

    def _place(self, start: int, stop: int) -> Place:
        return (*self._text, start, stop, *self._tables)

    def _input_rows(self, words: int) -> int:
        return words


class Cbow(SkipGram):
    """The mean or sum of the context predicts the word; see `kernels.cbow`."""

    def __init__(self, corpus: EncodedCorpus, settings: TrainingSettings) -> None:
        super().__init__(corpus, settings)
        self._mean = bool(settings.cbow_mean)

    def train(self, start: int, stop: int, rate: float, key: int) -> object:
        """See `Net.train`."""
        place = self._place(start, stop)
        return cbow.train(
            self.x,
            self.y,
            *place,
            np.float32(rate),
            np.uint64(key),
            self._mean,
            False,
            self._unrolled,
        )

    def loss(self, start: int, stop: int, key: int) -> tuple[float, int]:
        """See `Net.loss`."""
        place = self._place(start, stop)
        return heldout.cbow_loss(self.x, self.y, *place, np.uint64(key), self._mean, self._unrolled)

    def round_worker(self) -> RoundWorker:
        """See `Net.round_worker`."""
        return CbowRoundWorker(self.x, self.y, self._mean)


class SubwordSkipGram(SkipGram):
    """Skip-gram on the means of words and their n-grams; see `kernels.subword`."""

    def __init__(
        self, corpus: EncodedCorpus, settings: TrainingSettings, ngrams: NgramRows
    ) -> None:
        self._ngrams = ngrams
        super().__init__(corpus, settings)
        self._rows = (ngrams.first, ngrams.rows)

    def train(self, start: int, stop: int, rate: float, key: int) -> object:
        """See `Net.train`."""
        place = (*self._rows, *self._place(start, stop))
        return subword.train(
            self.x, self.y, *place, np.float32(rate), np.uint64(key), False, self._unrolled
        )

    def loss(self, start: int, stop: int, key: int) -> tuple[float, int]:
        """See `Net.loss`."""
        place = (*self._rows, *self._place(start, stop))
        return heldout.subword_loss(self.x, self.y, *place, np.uint64(key), self._unrolled)

    def round_worker(self) -> RoundWorker:
        """See `Net.round_worker`."""
        return SubwordRoundWorker(self.x, self.y, *self._rows)

    def _input_rows(self, words: int) -> int:
        return words + len(self._ngrams.used)
