"""`trainer="auto"`: skip-gram fitted to the corpus, begun from counts where text is scarce.

Little text has too few pairs of words for a network to find its way from random numbers, but
enough to count; so below some millions of tokens the network begins from factorised counts
(PPMI), and fine-tunes them. A word's vector is the sum of its input and output side, each at
length 1: what a word is like and what it stands beside (Levy, Goldberg and Dagan 2015, "w+c").
The figures behind the choices are in docs/benchmarks.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.kernels.matrices import compacted
from embedsearch.training.base import TrainedModel
from embedsearch.training.encoded import encode
from embedsearch.training.nets import Cbow, SkipGram
from embedsearch.training.ppmi.vectors import ppmi_vectors
from embedsearch.training.settings import LITTLE_TEXT
from embedsearch.training.starting import begin_from
from embedsearch.training.word2vec import check_settings, run_net
from embedsearch.vectors.arrays import row_norms, unit_rows
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.training.base import Corpus, Hooks
    from embedsearch.training.encoded import EncodedCorpus
    from embedsearch.training.settings import TrainingSettings

# Counts gain from a wide view even where training has a narrow one.
_COUNTED_WINDOW = 10
_ROWS = 4_096


class Auto:
    """Skip-gram with settings of `choose`; what was given is kept.

    Attributes:
        losses: The held-out loss after each epoch.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        check_settings(settings)
        self.settings = settings
        self.losses: list[float] = []

    def fit(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> TrainedModel:
        """Train on the corpus, or go on from `hooks.start` or a checkpoint."""
        encoded, words = encode(corpus), corpus.vocabulary.words
        settings = self.settings
        net = (SkipGram if settings.sg else Cbow)(encoded, settings)
        if hooks.start is not None:
            begin_from(hooks.start, words, net.x, net.y, progress)
        elif corpus.stream.total < LITTLE_TEXT:
            self._begin_from_counts(net, encoded, corpus, progress)
        self.losses = run_net(net, encoded, settings, words, progress, hooks)
        size = settings.vector_size or 1
        inputs, context = compacted(net.x, size), compacted(net.y, size)
        vectors = _summed(inputs, context)
        counts = corpus.vocabulary.counts
        return TrainedModel(WordVectors(vectors, list(words), counts), context, inputs)

    def _begin_from_counts(
        self, net: SkipGram, encoded: EncodedCorpus, corpus: Corpus, progress: Progress
    ) -> None:
        settings = self.settings
        size = settings.vector_size or 1
        with progress.task("counting", encoded.total, "words") as task:
            sides = ppmi_vectors(
                encoded.ids,
                encoded.offsets,
                encoded.counts,
                vector_size=size,
                window=max(settings.window or 1, _COUNTED_WINDOW),
                sum_contexts=False,
                seed=settings.seed,
                folder=corpus.folder,
            )
            task.advance(encoded.total)
        scale = _inverse_length(sides[0])
        net.x[:, :size], net.y[:, :size] = (side * np.float32(scale) for side in sides)


def _summed(inputs: FloatMatrix, context: FloatMatrix) -> FloatMatrix:
    """Add the two sides at length 1, a block of rows at a time to spare the memory."""
    vectors = np.empty_like(inputs)
    for first in range(0, len(inputs), _ROWS):
        block = slice(first, first + _ROWS)
        vectors[block] = sum(unit_rows(x[block], row_norms(x[block])) for x in (inputs, context))
    return vectors


def _inverse_length(side: FloatMatrix) -> float:
    """Return what brings the vectors to length 1 in the mean: sigmoids then are not saturated."""
    return float(1 / np.sqrt(max(float((side**2).sum(axis=1).mean()), 1e-12)))
