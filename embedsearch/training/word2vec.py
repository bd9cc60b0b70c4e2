"""Our own networks, trained by negative sampling in compiled loops: word2vec, fastText, auto.

`trainer="auto"` is skip-gram fitted to the corpus. Little text has too few pairs of words for a
network to find its way from random numbers, but enough to count; so below some millions of tokens
it starts from factorised counts (PPMI), and fine-tunes them. A word's vector is the sum of its
input and output side, each at length 1: what a word is like and what it occurs near (Levy,
Goldberg and Dagan 2015, "w+c"). The figures behind the choices are in docs/benchmarks.md; other
sources are named in `embedsearch.kernels.word2vec`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch.kernels._simd import MOST_NEGATIVE
from embedsearch.training.base import TrainedModel, encode, start_from
from embedsearch.training.network import Network, ngram_rows, train_network
from embedsearch.training.ppmi import PpmiSettings, ppmi_vectors
from embedsearch.training.settings import LITTLE_TEXT
from embedsearch.training.sides import unit_sums
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.text.stream import Vocabulary
    from embedsearch.training.base import Corpus, Hooks
    from embedsearch.training.settings import TrainingSettings

# Counts gain from a wide view even if training has a narrow one.
_COUNT_WINDOW = 10


class Word2Vec:
    """Skip-gram (`sg=1`) or CBOW with negative sampling.

    With one worker a seed gives the same bytes on every run; with `deterministic=1` also with
    several, at about a third of their speed.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        _check_supported(settings)
        self.settings = settings
        self.losses: list[float] = []

    def fit(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> TrainedModel:
        """Train on the corpus, or continue from `hooks.start` or a checkpoint."""
        words = corpus.vocabulary.words
        net = Network(encode(corpus), self.settings)
        if hooks.start is not None:
            start_from(hooks.start, words, net.x, net.y, progress)
        untrained = hooks.start is None and not self._start(net, corpus, progress)
        self.losses = train_network(net, words, self.settings, progress, hooks, untrained=untrained)
        return self._model(*net.take(), corpus.vocabulary)

    def _start(self, _net: Network, _corpus: Corpus, _progress: Progress) -> bool:
        """Return whether vectors have learned already: these are the random ones of a network."""
        return False

    def _model(self, x: FloatMatrix, y: FloatMatrix, words: Vocabulary) -> TrainedModel:
        return TrainedModel(WordVectors(x, list(words.words), words.counts), y)


class Auto(Word2Vec):
    """Skip-gram with the settings of `fit_auto`, as far as the user set none."""

    def _start(self, net: Network, corpus: Corpus, progress: Progress) -> bool:
        if corpus.stream.total >= LITTLE_TEXT:
            return False
        counting = PpmiSettings(
            vector_size=self.settings.vector_size or 1,
            window=max(self.settings.window or 1, _COUNT_WINDOW),
            seed=self.settings.seed,
        )
        total = len(net.corpus.ids)
        with progress.task("counting", total, "words") as task:
            words, contexts = ppmi_vectors(net.corpus, counting, corpus.folder, task)
        # To length 1 in the mean, so that sigmoids are not saturated.
        scale = np.float32(1 / np.sqrt(max(float((words**2).sum(axis=1).mean()), 1e-12)))
        net.x[:], net.y[:] = words * scale, contexts * scale
        return True

    def _model(self, x: FloatMatrix, y: FloatMatrix, words: Vocabulary) -> TrainedModel:
        vectors = WordVectors(unit_sums(x, y), list(words.words), words.counts)
        return TrainedModel(vectors, y, x)


class FastText:
    """Word2vec whose words are the means of their own row and the rows of their n-grams."""

    def __init__(self, settings: TrainingSettings) -> None:
        _check_supported(settings)
        self.settings = settings
        self.losses: list[float] = []

    def fit(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> TrainedModel:
        """Train on the corpus, or continue from a checkpoint."""
        if hooks.start is not None:
            raise ParameterError("update", "used with a trainer without n-grams", "fasttext")
        settings, words = self.settings, corpus.vocabulary.words
        ngrams = ngram_rows(words, settings)
        net = Network(encode(corpus), settings, ngrams)
        self.losses = train_network(net, words, settings, progress, hooks)
        # First, as `take` uses the matrices up.
        vectors = net.compose()
        x, context = net.take()
        own, rest = x[: len(words)], x[len(words) :]
        subwords = Subwords(settings.min_n, settings.max_n, settings.bucket or 1, ngrams.used, rest)
        counts = corpus.vocabulary.counts
        return TrainedModel(WordVectors(vectors, list(words), counts, subwords), context, own)


def _check_supported(settings: TrainingSettings) -> None:
    """Refuse what only gensim's trainers can do."""
    if settings.hs:
        raise ParameterError("hs", '0, or used with trainer="gensim"', settings.hs)
    if (settings.negative or 0) > MOST_NEGATIVE:
        raise ParameterError("negative", f"at most {MOST_NEGATIVE}", settings.negative)
