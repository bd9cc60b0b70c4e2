"""Our own word2vec and fastText: negative sampling in compiled loops.

The sources are named in `embedsearch.kernels.word2vec`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError
from embedsearch.kernels._simd import MOST_NEGATIVE
from embedsearch.training.base import TrainedModel
from embedsearch.training.corpus import encode
from embedsearch.training.loop import train_network
from embedsearch.training.network import Network, ngram_rows
from embedsearch.training.warm_start import start_from
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.training.base import Hooks
    from embedsearch.training.corpus import Corpus
    from embedsearch.training.settings import TrainingSettings


class Word2Vec:
    """Skip-gram (`sg=1`) or CBOW with negative sampling.

    With one worker a seed gives the same bytes on every run; with `deterministic=1` also with
    several, at about a third of their speed.
    """

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
        self.losses = train_network(net, words, self.settings, progress, hooks)
        vectors, context = net.take()
        return TrainedModel(WordVectors(vectors, list(words), counts), context)


class FastText:
    """Skip-gram whose words are the means of their own row and the rows of their n-grams."""

    def __init__(self, settings: TrainingSettings) -> None:
        check_supported(settings)
        if not settings.sg:
            raise ParameterError("sg", '1, or used with trainer="gensim-fasttext"', settings.sg)
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


def check_supported(settings: TrainingSettings) -> None:
    """Refuse what only gensim's trainers can do."""
    if settings.hs:
        raise ParameterError("hs", '0, or used with trainer="gensim"', settings.hs)
    if (settings.negative or 0) > MOST_NEGATIVE:
        raise ParameterError("negative", f"at most {MOST_NEGATIVE}", settings.negative)
