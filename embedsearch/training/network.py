"""The networks that are trained: their matrices, and how a piece of the corpus moves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.kernels import word2vec
from embedsearch.kernels._simd import unroll
from embedsearch.kernels.matrices import aligned, compacted, fresh_vectors
from embedsearch.kernels.ngrams import hashed_ngrams
from embedsearch.kernels.rounds import RoundWorker
from embedsearch.kernels.sampling import keep_table, noise_table
from embedsearch.kernels.windows import Piece, Text
from embedsearch.kernels.word2vec import Cbow, SkipGram, Step, SubwordSkipGram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.kernels.word2vec import Model
    from embedsearch.training.corpus import EncodedCorpus
    from embedsearch.training.settings import TrainingSettings


@dataclass(frozen=True, slots=True, eq=False)
class NgramRows:
    """Which rows the words of a vocabulary and their n-grams have, as in fastText.

    Buckets that no word of the vocabulary has are never trained, and get no row.
    """

    # (V + 1,) rows[first[w] : first[w + 1]] are those of word w: its own, then its n-grams'.
    first: IntVector
    rows: NDArray[np.int32]  # int32; row V + i belongs to bucket `used[i]`
    used: IntVector  # the buckets, ascending


def ngram_rows(words: Sequence[str], settings: TrainingSettings) -> NgramRows:
    """Hash the n-grams of all words."""
    pieces = [f"<{word}>".encode() for word in words]
    hashes, sizes = hashed_ngrams(pieces, settings.min_n, settings.max_n)
    flat = hashes.astype(np.int64) % (settings.bucket or 1)
    first = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes + 1)))
    used, index = np.unique(flat, return_inverse=True)
    rows = np.empty(first[-1], np.int32)
    own = np.zeros(len(rows), bool)
    own[first[:-1]] = True
    rows[own] = np.arange(len(words))
    rows[~own] = len(words) + index
    return NgramRows(first, rows, used)


class Network:
    """A model in training; several threads may train it at once. With n-grams it is fastText."""

    def __init__(
        self, corpus: EncodedCorpus, settings: TrainingSettings, ngrams: NgramRows | None = None
    ) -> None:
        self.corpus = corpus
        # Its rows are padded to whole cache lines.
        self.model = _untrained(len(corpus.counts), settings, ngrams)
        self._size = settings.vector_size or 1
        keep = keep_table(corpus.counts, settings.sample or 0.0)
        noise = noise_table(corpus.counts, settings.ns_exponent)
        self._text = Text(corpus.ids, corpus.offsets, keep, noise)
        # Kernels are compiled for a number of negatives: it is part of a type.
        negative = unroll(settings.negative or 1)
        self._step = Step(settings.window or 1, np.float32(0.0), False, negative)

    @property
    def x(self) -> FloatMatrix:
        """(rows, d) the input side, without its padding."""
        return self.model.x[:, : self._size]

    @property
    def y(self) -> FloatMatrix:
        """(V, d) the output side, without its padding."""
        return self.model.y[:, : self._size]

    def train(self, start: int, stop: int, rate: float, key: int) -> object:
        """Train on words start .. stop, in place."""
        step = self._step._replace(alpha=np.float32(rate))
        return word2vec.train(self.model, self._text, Piece(start, stop, np.uint64(key)), step)

    def loss(self, start: int, stop: int, key: int) -> tuple[float, int]:
        """Return the summed loss, without training, and over how many terms it is."""
        piece = Piece(start, stop, np.uint64(key))
        return word2vec.loss(self.model, self._text, piece, self._step)

    def round_worker(self) -> RoundWorker:
        """Return a worker that trains on rows of its own."""
        return RoundWorker(self.model)

    def train_apart(
        self, worker: RoundWorker, start: int, stop: int, rate: float, key: int
    ) -> object:
        """Train with such a worker; its changes wait to be merged."""
        step = self._step._replace(alpha=np.float32(rate))
        return worker.train(self._text, Piece(start, stop, np.uint64(key)), step)

    def compose(self) -> FloatMatrix:
        """Return (V, d) the vectors of words from their n-grams."""
        model = self.model
        if not isinstance(model, SubwordSkipGram):
            return self.x
        out = aligned(len(model.y), self._size)
        word2vec.compose(model, out)
        return compacted(out, self._size)

    def take(self) -> tuple[FloatMatrix, FloatMatrix]:
        """Return both sides without padding, in their own memory: the network is used up."""
        return compacted(self.model.x, self._size), compacted(self.model.y, self._size)


def _untrained(words: int, settings: TrainingSettings, ngrams: NgramRows | None) -> Model:
    size, rows = settings.vector_size or 1, words + (0 if ngrams is None else len(ngrams.used))
    x, y = fresh_vectors(rows, size, settings.seed), aligned(words, size)
    if ngrams is not None:
        return SubwordSkipGram(x, y, ngrams.first, ngrams.rows)
    return SkipGram(x, y) if settings.sg else Cbow(x, y, bool(settings.cbow_mean))
