"""`trainer="auto"`: skip-gram fitted to the corpus, started from counts if text is scarce.

Little text has too few pairs of words for a network to find its way from random numbers, but
enough to count; so below some millions of tokens the network starts from factorised counts
(PPMI), and fine-tunes them. A word's vector is the sum of its input and output side, each at
length 1: what a word is like and what it occurs near (Levy, Goldberg and Dagan 2015, "w+c").
The figures behind the choices are in docs/benchmarks.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.training.base import TrainedModel
from embedsearch.training.corpus import encode
from embedsearch.training.loop import train_network
from embedsearch.training.network import Network
from embedsearch.training.ppmi import PpmiSettings, ppmi_vectors
from embedsearch.training.settings import LITTLE_TEXT
from embedsearch.training.warm_start import start_from
from embedsearch.training.word2vec import check_supported
from embedsearch.vectors.arrays import row_norms, unit_rows
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.training.base import Hooks
    from embedsearch.training.corpus import Corpus
    from embedsearch.training.settings import TrainingSettings

# Counts gain from a wide view even if training has a narrow one.
_COUNT_WINDOW = 10
_ROWS = 4_096


class Auto:
    """Skip-gram with the settings of `fit_auto`, as far as the user set none."""

    def __init__(self, settings: TrainingSettings) -> None:
        check_supported(settings)
        self.settings = settings
        self.losses: list[float] = []

    def fit(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> TrainedModel:
        """Train on the corpus, or continue from `hooks.start` or a checkpoint."""
        words, counts = corpus.vocabulary.words, corpus.vocabulary.counts
        net = Network(encode(corpus), self.settings)
        if hooks.start is not None:
            start_from(hooks.start, words, net.x, net.y, progress)
        elif corpus.stream.total < LITTLE_TEXT:
            self._start_from_counts(net, corpus.folder, progress)
        self.losses = train_network(net, words, self.settings, progress, hooks)
        inputs, context = net.take()
        vectors = WordVectors(_unit_sums(inputs, context), list(words), counts)
        return TrainedModel(vectors, context, inputs)

    def _start_from_counts(self, net: Network, folder: Path, progress: Progress) -> None:
        settings, total = self.settings, len(net.corpus.ids)
        counting = PpmiSettings(
            vector_size=settings.vector_size or 1,
            window=max(settings.window or 1, _COUNT_WINDOW),
            seed=settings.seed,
        )
        with progress.task("counting", total, "words") as task:
            words, contexts = ppmi_vectors(net.corpus, counting, folder)
            task.advance(total)
        # To length 1 in the mean, so that sigmoids are not saturated.
        scale = np.float32(1 / np.sqrt(max(float((words**2).sum(axis=1).mean()), 1e-12)))
        net.x[:], net.y[:] = words * scale, contexts * scale


def _unit_sums(inputs: FloatMatrix, context: FloatMatrix) -> FloatMatrix:
    """Add the two sides at length 1, a block of rows at a time to spare the memory."""
    vectors = np.empty_like(inputs)
    for first in range(0, len(inputs), _ROWS):
        block = slice(first, first + _ROWS)
        vectors[block] = sum(unit_rows(x[block], row_norms(x[block])) for x in (inputs, context))
    return vectors
