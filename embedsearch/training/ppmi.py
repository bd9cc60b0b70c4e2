"""Word vectors from counts instead of epochs: the better way for little text.

Words that occur near each other are counted, the counts become positive pointwise mutual
information (PPMI), and a truncated singular value decomposition makes vectors of it.

Sources: Levy and Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization"; Levy,
Goldberg and Dagan 2015, "Improving Distributional Similarity with Lessons Learned from Word
Embeddings" (smoothed contexts); Halko, Martinsson and Tropp 2011, "Finding Structure with
Randomness" (algorithms 4.4 and 5.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import COUNT, check_fields
from embedsearch._errors import ParameterError
from embedsearch._processes import one_blas_thread
from embedsearch.kernels.ppmi import (
    Logs,
    PairBlock,
    Pairs,
    Places,
    Sparse,
    count_rows,
    lay_out,
    scratch_for,
    sort_places,
    tally,
    text_room,
    times,
    transposed_times,
    weigh,
)
from embedsearch.training.base import TrainedModel, encode
from embedsearch.vectors.arrays import row_blocks
from embedsearch.vectors.lsa import gram
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from embedsearch._progress import Progress, Task
    from embedsearch._types import FloatMatrix
    from embedsearch.training.base import Corpus, EncodedCorpus, Hooks
    from embedsearch.training.settings import TrainingSettings

_CHUNK_TOKENS = 8_000_000
# 8 bytes each: with two float32 matrices of the vocabulary below what a training may take.
_BUFFER_PAIRS = 4_000_000
_MOST_PAIRS = 20_000_000
# Heavier pairs share the last bin of a histogram, which takes half a megabyte.
_HEAVIEST = 2**16
# More columns and iterations than the usual 10 and 2, as the singular values of PPMI fall slowly.
_EXTRA = 28
_ITERATIONS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PpmiSettings:
    """How counts become vectors."""

    vector_size: int
    window: int
    seed: int
    smoothing: float = 0.75  # the power of a context's count
    # Pairs that are factorised at most, 8 bytes each; see `ppmi_matrix`.
    most_pairs: int = _MOST_PAIRS

    def __post_init__(self) -> None:
        check_fields(self, dict.fromkeys(("vector_size", "window", "most_pairs"), COUNT))


class Ppmi:
    """PPMI with a truncated singular value decomposition, the same on every run.

    Of the settings it knows `vector_size`, `window`, `min_count`, `max_final_vocab`,
    `ns_exponent` (the smoothing of contexts) and `seed`.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings
        # Stays empty: there are no epochs.
        self.losses: list[float] = []

    def fit(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> TrainedModel:
        """Count, weigh and factorise."""
        if hooks.start is not None:
            raise ParameterError("update", "used with a trainer that has epochs", "ppmi")
        if hooks.callbacks:
            raise ParameterError("callbacks", "used with a trainer that has epochs", "ppmi")
        encoded, vocabulary = encode(corpus), corpus.vocabulary
        settings = PpmiSettings(
            vector_size=self.settings.vector_size or 1,
            window=self.settings.window or 1,
            seed=self.settings.seed,
            smoothing=self.settings.ns_exponent,
        )
        total = len(encoded.ids)
        with progress.task("counting and factorising", total, "words") as task:
            vectors, contexts = ppmi_vectors(encoded, settings, corpus.folder, task)
        vectors += contexts
        return TrainedModel(WordVectors(vectors, list(vocabulary.words), vocabulary.counts))


def ppmi_vectors(
    corpus: EncodedCorpus, settings: PpmiSettings, folder: Path, task: Task | None = None
) -> tuple[FloatMatrix, FloatMatrix]:
    """Factorise the positive mutual information of words that occur near each other.

    One thread does it, so the result does not depend on the number of workers. Besides the two
    results, (V, vector_size) float32 each, it takes at most about 300 MB of memory.
    """
    runs = CountRuns(folder, len(corpus.counts), settings.window)
    try:
        runs.count(corpus, task)
        matrix = ppmi_matrix(runs, settings.smoothing, settings.most_pairs)
    finally:
        runs.remove()
    return factorise(matrix, settings.vector_size, settings.seed)


class CountRuns:
    """Co-occurrence counts in a folder; a run is the counts of one chunk, sorted by word.

    A pair of words takes 8 bytes of disk in each run that has it.
    """

    def __init__(
        self,
        folder: Path,
        words: int,
        window: int,
        chunk_tokens: int = _CHUNK_TOKENS,
        buffer_pairs: int = _BUFFER_PAIRS,
    ) -> None:
        self.words, self._window = words, window
        self._chunk_tokens, self._buffer_pairs = chunk_tokens, buffer_pairs
        # If a chunk is one word alone, each token has 2 * (1 + ... + window) of weight.
        heaviest = chunk_tokens * window * (window + 1)
        self._type: type[Any] = np.uint32 if heaviest < 2**32 else np.uint64
        self._files = {name: folder / f"pairs.{name}" for name in ("columns", "counts", "sizes")}
        # (V,) the weight of all pairs of each word, and how many pairs all runs have.
        self.totals, self.pairs = np.zeros(words, np.int64), np.zeros(words, np.int64)
        self._run_sizes: list[int] = []
        # A process that was killed leaves its files.
        self.remove()

    def count(self, corpus: EncodedCorpus, task: Task | None = None) -> None:
        """Count the whole corpus."""
        ids = corpus.ids
        # With any other a kernel would write beyond its arrays.
        for extreme in (int(ids.min(initial=0)), int(ids.max(initial=0))):
            if not 0 <= extreme < self.words:
                raise ParameterError("ids", f"from 0 to {self.words - 1}", extreme)
        chunk = min(self._chunk_tokens, ids.size)
        text = np.empty(text_room(chunk, self._window), np.int32)
        places = Places(np.empty(self.words + 1, np.int64), np.empty(chunk, np.int32))
        for first in range(0, ids.size, chunk or 1):
            last = min(ids.size, first + chunk)
            start, stop = lay_out(ids, corpus.offsets, first, last, self._window, text)
            sort_places(text, start, stop, places)
            self._write_run(text, places)
            if task is not None:
                task.advance(last - first)

    def _write_run(self, text: Any, places: Places) -> None:
        room = max(self._buffer_pairs, self.words)
        pairs = Pairs(
            np.empty(room, np.int32), np.empty(room, self._type), np.zeros(self.words, np.int64)
        )
        scratch, row = scratch_for(self.words), 0
        while row < self.words:
            begin = row
            row, written = count_rows(text, places, row, self._window, scratch, pairs)
            counts = pairs.counts[:written]
            self._append(columns=pairs.columns[:written], counts=counts)
            self._add_totals(begin, pairs.sizes[begin:row], counts)
        self._append(sizes=pairs.sizes)
        self._run_sizes.append(int(pairs.sizes.sum()))
        self.pairs += pairs.sizes

    def _add_totals(self, begin: int, sizes: Any, counts: Any) -> None:
        before = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        ends = np.cumsum(sizes)
        self.totals[begin : begin + len(sizes)] += before[ends] - before[ends - sizes]

    def _append(self, **arrays: Any) -> None:
        for name, array in arrays.items():
            with self._files[name].open("ab") as file:
                array.tofile(file)

    def blocks(self) -> Iterator[PairBlock]:
        """Yield all pairs, a few words at a time, in the order of the words."""
        if not self._run_sizes:
            return
        # Where to read on in each run; runs lie one behind the other in the files.
        starts = [0, *np.cumsum(self._run_sizes[:-1], dtype=np.int64).tolist()]
        sizes = [self._sizes(run) for run in range(len(self._run_sizes))]
        for first, last in pairwise(self._bounds()):
            yield self._read(first, [each[first:last] for each in sizes], starts)
            for run, each in enumerate(sizes):
                starts[run] += int(each[first:last].sum())

    def remove(self) -> None:
        """Delete the files."""
        for path in self._files.values():
            path.unlink(missing_ok=True)

    def _sizes(self, run: int) -> Any:
        path, offset = self._files["sizes"], run * self.words * 8
        return np.memmap(path, np.int64, mode="r", offset=offset, shape=(self.words,))

    def _bounds(self) -> list[int]:
        """Return the first word of each block, and how many words there are."""
        bounds, held = [0], 0
        for word, size in enumerate(self.pairs.tolist()):
            # A word with more pairs than the buffer is read alone.
            if held and held + size > self._buffer_pairs:
                bounds.append(word)
                held = 0
            held += size
        return [*bounds, self.words]

    def _read(self, first: int, sizes: list[Any], starts: list[int]) -> PairBlock:
        amounts = [int(each.sum()) for each in sizes]
        begins = np.concatenate(([0], np.cumsum(amounts[:-1], dtype=np.int64)))
        inner = np.array([np.concatenate(([0], np.cumsum(each))) for each in sizes], np.int64)
        return PairBlock(
            first,
            begins[:, None] + inner,
            self._gather("columns", np.int32, starts, amounts),
            self._gather("counts", self._type, starts, amounts),
        )

    def _gather(self, name: str, kind: Any, starts: list[int], amounts: list[int]) -> Any:
        size = np.dtype(kind).itemsize
        parts = [
            np.fromfile(self._files[name], kind, amount, offset=start * size)
            for start, amount in zip(starts, amounts, strict=True)
        ]
        return np.concatenate(parts)


def ppmi_matrix(runs: CountRuns, smoothing: float = 0.75, most_pairs: int = _MOST_PAIRS) -> Sparse:
    """Return max(0, log(P(w, c) / (P(w) P'(c)))) for all pairs of words.

    P'(c) is the count of c to the power `smoothing`, divided by the sum of these. If more than
    `most_pairs` (8 bytes each) are above zero, the pairs of the least weight are left out, all
    of one weight together: in large corpora these are chance meetings.
    """
    logs = _logs(runs, smoothing)
    least, room = 1, int(runs.pairs.sum())
    if room > most_pairs:
        least, room = _least_weight(runs, logs, most_pairs)
    starts = np.zeros(runs.words + 1, np.int64)
    matrix = Sparse(starts, np.empty(room, np.int32), np.empty(room, np.float32))
    scratch, end = scratch_for(runs.words), 0
    for block in runs.blocks():
        end = weigh(block, logs, least, scratch, matrix, end)
    return Sparse(np.cumsum(starts), matrix.columns[:end], matrix.values[:end])


def _logs(runs: CountRuns, smoothing: float) -> Logs:
    totals = np.maximum(runs.totals, 1).astype(np.float64)
    smooth = np.where(runs.totals > 0, totals**smoothing, 0.0)
    contexts = smoothing * np.log(totals) - np.log(max(smooth.sum(), 1.0))
    return Logs(np.log(totals), contexts)


def _least_weight(runs: CountRuns, logs: Logs, most_pairs: int) -> tuple[int, int]:
    """Return the least weight that keeps at most `most_pairs`, and how many that are."""
    histogram = np.zeros(_HEAVIEST + 1, np.int64)
    scratch = scratch_for(runs.words)
    for block in runs.blocks():
        tally(block, logs, scratch, histogram)
    kept = np.cumsum(histogram[::-1])[::-1]
    least = min(int(np.searchsorted(-kept, -most_pairs)), _HEAVIEST)
    return least, int(kept[least])


@one_blas_thread()
def factorise(
    m: Sparse, size: int, seed: int, iterations: int = _ITERATIONS
) -> tuple[FloatMatrix, FloatMatrix]:
    """Return U S^½ and V S^½ of M = U S V^T, cut to the `size` largest of S.

    The same seed gives the same bytes, on any number of cores. Two (V, size) float32 matrices are
    all the memory it takes; columns beyond the rank of M are zero.
    """
    n = m.starts.size - 1
    k = min(size + _EXTRA, n)
    z = np.random.default_rng(seed).standard_normal((n, k), dtype=np.float32)
    y = np.empty_like(z)
    times(m, z, y)
    for _ in range(iterations):
        _orthonormalise(y)
        transposed_times(m, y, z)
        times(m, z, y)
    # Once is not exact enough: a Gram matrix squares the errors (CholeskyQR2).
    _orthonormalise(y)
    _orthonormalise(y)
    transposed_times(m, y, z)
    squares, w = _eigenvectors(z)
    s = np.sqrt(squares[:size])
    # Beyond the rank of M there is only noise of float32.
    inverse = np.divide(1.0, s, out=np.zeros_like(s), where=s > s.max(initial=0.0) * 1e-6)
    words = _multiply(y, w[:, :size] * s**0.5, size)
    contexts = _multiply(z, w[:, :size] * (inverse * s**0.5), size)
    return words, contexts


def _eigenvectors(a: FloatMatrix) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the squared singular values of `a`, falling, and its right singular vectors."""
    values, vectors = np.linalg.eigh(gram(a))
    values, vectors = values[::-1], vectors[:, ::-1]
    # Which sign an eigenvector has depends on the library.
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(np.take_along_axis(vectors, largest[None], 0)[0] < 0, -1.0, 1.0)
    return np.maximum(values, 0.0), vectors * signs


def _orthonormalise(a: FloatMatrix) -> None:
    """Give the columns of `a` the length 1 and right angles, in place; excess ones are zero."""
    squares, w = _eigenvectors(a)
    least = squares.max(initial=0.0) * 1e-12
    scale = np.divide(1.0, np.sqrt(squares), out=np.zeros_like(squares), where=squares > least)
    _multiply(a, w * scale, a.shape[1])


def _multiply(a: FloatMatrix, b: npt.NDArray[np.float64], size: int) -> FloatMatrix:
    """Return `a` (n, k) times `b` (k, at most `size`) with zero columns up to `size`.

    It takes the memory of `a`, which is overwritten, if `size` is at most k.
    """
    n, fits = len(a), size <= a.shape[1]
    # Row i of the result ends before row i + 1 of `a` begins.
    out = (a.reshape(-1)[: n * size] if fits else np.empty(n * size, np.float32)).reshape(n, size)
    padded = np.zeros((a.shape[1], size), np.float32)
    padded[:, : b.shape[1]] = b
    for block in row_blocks(n):
        out[block] = a[block] @ padded
    return out
