"""Networks in training: their matrices, the plan of a training, its threads and its loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch.kernels import word2vec
from embedsearch.kernels._simd import aligned, compacted, fresh_vectors, unroll
from embedsearch.kernels.ngrams import hashed_ngrams
from embedsearch.kernels.rounds import RoundWorker
from embedsearch.kernels.sampling import Piece, Text, keep_table, noise_table, stream_key
from embedsearch.kernels.word2vec import Cbow, SkipGram, Step, SubwordCbow, SubwordSkipGram
from embedsearch.text.stream import release
from embedsearch.training.base import EpochReport
from embedsearch.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._progress import Progress, Task
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.kernels.word2vec import Model
    from embedsearch.training.base import EncodedCorpus, Hooks
    from embedsearch.training.settings import TrainingSettings


_LARGEST_PIECE = 16_384
_SMALLEST_PIECE = 1_024
# So few words that no worker waits long for the others at the end of an epoch.
_PIECES_PER_WORKER = 32
# Workers that do not see each other drift apart on longer pieces, and analogies suffer.
_ROUND_PIECE = 2_048
# Many short ranges, so that the loss is of the whole corpus and not of a few documents.
_HELD_OUT_RANGE = 500
_MOST_HELD_OUT = 20_000
_LEAST_HELD_OUT = 200
# Between two rounds nothing trains: progress is reported, and a checkpoint can be written.
_WORDS_PER_ROUND = 2_000_000
_HELD_OUT_STREAM = 0x5EED
# The rate falls linearly, as in word2vec, but that of CBOW in the second half of training only: it
# makes one step for a window, where skip-gram makes one for each word of it, and learns too little.
# gensim's rate is higher, too: each of its threads expects to read the whole file.
# Vectors that have learned already, from counts or other text, lose by it.
_HOLD_CBOW = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class NgramRows:
    """Which rows words and their n-grams have; buckets that no word has are not trained."""

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

    def train(
        self, start: int, stop: int, rate: float, key: int, worker: RoundWorker | None = None
    ) -> object:
        """Train on words start .. stop, in place or by a worker, whose changes are merged later."""
        step = self._step._replace(alpha=np.float32(rate))
        piece = Piece(start, stop, np.uint64(key))
        if worker is not None:
            return worker.train(self._text, piece, step)
        return word2vec.train(self.model, self._text, piece, step)

    def loss(self, start: int, stop: int, key: int) -> tuple[float, int]:
        """Return the summed loss, without training, and over how many terms it is."""
        piece = Piece(start, stop, np.uint64(key))
        return word2vec.loss(self.model, self._text, piece, self._step)

    def compose(self) -> FloatMatrix:
        """Return (V, d) the vectors of words from their n-grams."""
        model = self.model
        if not isinstance(model, SubwordSkipGram | SubwordCbow):
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
    mean = bool(settings.cbow_mean)
    if ngrams is None:
        return SkipGram(x, y) if settings.sg else Cbow(x, y, mean)
    if settings.sg:
        return SubwordSkipGram(x, y, ngrams.first, ngrams.rows)
    return SubwordCbow(x, y, ngrams.first, ngrams.rows, mean)


class Plan:
    """A corpus of `total` words, cut into pieces that threads take one by one.

    The draws of a piece depend on seed, epoch and place alone, and not on who trains it.
    """

    def __init__(
        self,
        total: int,
        settings: TrainingSettings,
        piece: int | None = None,
        *,
        untrained: bool = True,
    ) -> None:
        self._alpha, self._min_alpha = settings.alpha or 0.0, settings.min_alpha
        self._seed, self.epochs = settings.seed, settings.epochs or 1
        self._hold = _HOLD_CBOW if untrained and not settings.sg else 0.0
        share = total // ((settings.workers or 1) * _PIECES_PER_WORKER)
        size = piece or min(_LARGEST_PIECE, max(_SMALLEST_PIECE, share))
        # (h, 2) ranges that are never trained.
        self.held_out = _held_out(total)
        bounds = np.concatenate(([0], self.held_out.ravel(), [total])).reshape(-1, 2)
        starts = [np.arange(first, last, size) for first, last in bounds]
        stops = [
            np.append(cut[1:], last)
            for cut, (_, last) in zip(starts, bounds, strict=True)
            if len(cut)
        ]
        self.starts = np.concatenate(starts).astype(np.int64)
        # (p,) where each piece of an epoch begins and ends.
        self.stops = np.concatenate(stops).astype(np.int64) if stops else self.starts
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
        """Return start, stop, learning rate and key of the draws of a piece."""
        epoch, place = divmod(position, len(self.starts))
        done = self.words_before(position) / max(self.words * self.epochs, 1)
        falling = max(0.0, done - self._hold) / (1 - self._hold)
        rate = self._alpha - (self._alpha - self._min_alpha) * falling
        start = int(self.starts[place])
        return start, int(self.stops[place]), rate, stream_key(self._seed, epoch, start)

    def epoch_end(self, position: int) -> int:
        """Return the position at which the epoch of a piece ends."""
        return (position // len(self.starts) + 1) * len(self.starts)


def _held_out(total: int) -> IntVector:
    """Return evenly spaced ranges as (h, 2); none of a corpus too small for a steady loss."""
    size = min(_MOST_HELD_OUT, total // 100)
    if size < _LEAST_HELD_OUT:
        return np.empty((0, 2), np.int64)
    ranges = max(1, size // _HELD_OUT_RANGE)
    # In the middle of equal parts.
    starts = (np.arange(ranges) * 2 + 1) * total // (2 * ranges)
    return np.stack((starts, starts + size // ranges), axis=1).astype(np.int64)


TrainPiece = Callable[[int, int, float, int], object]
"""Trains start .. stop at a rate, with a key for the draws; lets go of the GIL."""


class Hogwild:
    """Threads write to the same matrices without locks; between two runs nothing is trained.

    Source: Recht et al. 2011, "Hogwild!: A Lock-Free Approach to Parallelizing Stochastic
    Gradient Descent".
    """

    def __init__(self, train: TrainPiece, plan: Plan, workers: int) -> None:
        self._train, self._plan, self._workers = train, plan, workers
        self._pool = _threads(workers)
        # The first piece that is not trained yet, and the end of the run.
        self.position, self._last = 0, 0
        self._lock = Lock()

    def run(self, first: int, last: int) -> None:
        """Train the pieces; an interrupt waits for those that are being trained."""
        self.position, self._last = first, last
        futures = [self._pool.submit(self._work) for _ in range(self._workers)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            # The others stop after the piece that they train.
            self._last = 0
            raise
        finally:
            wait(futures)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _work(self) -> None:
        while (piece := self._take()) is not None:
            self._train(*self._plan.piece(piece))

    def _take(self) -> int | None:
        with self._lock:
            if self.position >= self._last:
                return None
            self.position += 1
            return self.position - 1


class Rounds:
    """Each worker trains a piece against the same state; the changes are added in order.

    The result is the same on every run with as many workers. `merge(part, parts, n)` adds the
    changes of the first n workers in their order; a thread calls it for each part.
    """

    def __init__(
        self, train: Sequence[TrainPiece], merge: Callable[[int, int, int], object], plan: Plan
    ) -> None:
        self._train, self._merge, self._plan = train, merge, plan
        self._pool = _threads(len(train))
        self.position = 0

    def run(self, first: int, last: int) -> None:
        """Train the pieces; an interrupt loses the round that is being trained, or comes after."""
        self.position = first
        workers = len(self._train)
        while self.position < last:
            active = min(workers, last - self.position)
            pieces = [self._plan.piece(self.position + i) for i in range(active)]
            work = zip(self._train, pieces, strict=False)
            _finish([self._pool.submit(train, *piece) for train, piece in work])
            # Once some changes are merged the round cannot be trained again.
            self.position += active
            parts = range(workers)
            _finish([self._pool.submit(self._merge, part, workers, active) for part in parts])

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def _threads(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="embedsearch-training")


def _finish(futures: Sequence[Future[object]]) -> None:
    """Wait for all, also when interrupted, and raise what one of them raised."""
    try:
        for future in futures:
            future.result()
    finally:
        wait(futures)


def train_network(
    net: Network,
    words: Sequence[str],
    settings: TrainingSettings,
    progress: Progress,
    hooks: Hooks,
    *,
    untrained: bool = True,
) -> list[float]:
    """Train a network, from its checkpoint if it has one; return the loss after each epoch.

    Unless it is `untrained`, it begins from vectors that have learned already.
    """
    loop = _Loop(net, words, settings, hooks, untrained=untrained)
    loop.run(progress)
    return loop.losses


class _Loop:
    def __init__(
        self,
        net: Network,
        words: Sequence[str],
        settings: TrainingSettings,
        hooks: Hooks,
        *,
        untrained: bool,
    ) -> None:
        self._net, self._words, self._settings, self._hooks = net, words, settings, hooks
        self.losses: list[float] = []
        workers = settings.workers or 1
        apart = bool(settings.deterministic) and workers > 1
        piece = _ROUND_PIECE if apart else None
        self._plan = Plan(len(net.corpus.ids), settings, piece, untrained=untrained)
        self._crew: Hogwild | Rounds = (
            _rounds(net, self._plan, workers) if apart else Hogwild(net.train, self._plan, workers)
        )
        facts = {**hooks.facts, "text": _digest(words, net.corpus)}
        self._checkpoint = Checkpoint(hooks.checkpoint, facts, hooks.seconds)

    def run(self, progress: Progress) -> None:
        position = self._resume(progress)
        total = self._plan.words * self._plan.epochs
        with progress.task("training", total, "words") as task:
            task.advance(self._plan.words_before(position))
            try:
                self._train(position, task)
            except KeyboardInterrupt:
                # Every piece before the position was finished, as `run` waits for its threads.
                self._save(self._crew.position)
                raise
            finally:
                self._crew.close()
        self._checkpoint.remove()

    def _train(self, position: int, task: Task) -> None:
        plan, began, start = self._plan, time.perf_counter(), position
        while position < plan.pieces:
            last = plan.epoch_end(position)
            while position < last:
                position = self._round(position, last, task)
            words = plan.words_before(position) - plan.words_before(start)
            rate = words / (time.perf_counter() - began)
            if self._epoch_done(position // len(plan.starts), rate, task):
                return

    def _round(self, position: int, last: int, task: Task) -> int:
        plan = self._plan
        size = max(1, _WORDS_PER_ROUND * len(plan.starts) // max(plan.words, 1))
        end = min(last, position + size)
        self._crew.run(position, end)
        # Otherwise the mapped corpus counts as memory of the process.
        release(self._net.corpus.ids)
        task.advance(plan.words_before(end) - plan.words_before(position))
        if self._checkpoint.due:
            self._save(end)
        return end

    def _epoch_done(self, epoch: int, rate: float, task: Task) -> bool:
        """Report an epoch; return whether it is the last."""
        loss = self._held_out_loss()
        if loss is not None:
            self.losses.append(loss)
        shown = "" if loss is None else f", loss {loss:.3f}"
        task.describe(f"epoch {epoch}/{self._plan.epochs}{shown}")
        vectors = self._net.x[: len(self._words)]
        # One number that is not finite makes the sum so.
        if not math.isfinite(float(vectors.sum())):
            allowed = "lower, as training diverged: vectors are no longer finite"
            raise ParameterError("alpha", allowed, self._settings.alpha)
        report = EpochReport(epoch, self._plan.epochs, loss, rate, self._words, vectors)
        stops = [callback(report) is True for callback in self._hooks.callbacks]
        return any(stops) or self._out_of_patience()

    def _held_out_loss(self) -> float | None:
        total, terms = 0.0, 0
        for place, (start, stop) in enumerate(self._plan.held_out):
            key = stream_key(self._settings.seed, _HELD_OUT_STREAM, place)
            part, count = self._net.loss(int(start), int(stop), key)
            total, terms = total + part, terms + count
        return total / terms if terms else None

    def _out_of_patience(self) -> bool:
        patience = self._settings.patience
        if patience is None or not self.losses:
            return False
        best = self.losses.index(min(self.losses))
        return len(self.losses) - 1 - best >= patience

    def _resume(self, progress: Progress) -> int:
        x, y = self._net.x, self._net.y
        saved = self._checkpoint.load(len(x), len(y), progress)
        if saved is None:
            return 0
        x[:], y[:] = saved.x, saved.y
        self.losses = saved.losses
        share = saved.position / max(self._plan.pieces, 1)
        progress.note(f"continuing from a checkpoint: {share:.0%} of the training was done")
        return saved.position

    def _save(self, position: int) -> None:
        self._checkpoint.save(self._net.x, self._net.y, position, self.losses)


def _rounds(net: Network, plan: Plan, count: int) -> Rounds:
    workers = [RoundWorker(net.model) for _ in range(count)]

    def merge(part: int, parts: int, active: int) -> None:
        for worker in workers[:active]:
            worker.merge(part, parts)

    return Rounds([partial(net.train, worker=worker) for worker in workers], merge, plan)


def _digest(words: Sequence[str], corpus: EncodedCorpus) -> str:
    """Digest what distinguishes one corpus from another without reading it all again."""
    digest = blake2b("\n".join(words).encode(), digest_size=16)
    digest.update(corpus.counts.tobytes())
    digest.update(corpus.offsets.tobytes())
    return digest.hexdigest()
