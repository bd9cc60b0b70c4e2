"""Our own fastText: skip-gram on words and their character n-grams.

Source: Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError
from embedsearch.kernels.matrices import aligned, compacted
from embedsearch.kernels.subword import compose
from embedsearch.training.base import TrainedModel
from embedsearch.training.encoded import encode
from embedsearch.training.nets import SubwordSkipGram
from embedsearch.training.ngrams import ngram_rows
from embedsearch.training.word2vec import check_settings, run_net
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.training.base import Corpus, Hooks
    from embedsearch.training.settings import TrainingSettings


class FastText:
    """Skip-gram whose words are the means of their own row and the rows of their n-grams.

    Attributes:
        losses: The held-out loss after each epoch.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        check_settings(settings)
        if not settings.sg:
            raise ParameterError("sg", '1, or used with trainer="gensim-fasttext"', settings.sg)
        self.settings = settings
        self.losses: list[float] = []

    def fit(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> TrainedModel:
        """Train on the corpus, or go on from a checkpoint.

        Raises:
            ParameterError: There is a model to go on from: its n-grams are not kept.
        """
        if hooks.start is not None:
            raise ParameterError("update", "used with a trainer without n-grams", "fasttext")
        settings, words = self.settings, corpus.vocabulary.words
        encoded, ngrams = encode(corpus), ngram_rows(words, settings)
        net = SubwordSkipGram(encoded, settings, ngrams)
        self.losses = run_net(net, encoded, settings, words, progress, hooks)
        size, count = settings.vector_size or 1, len(words)
        means = aligned(count, size)
        compose(net.x, ngrams.first, ngrams.rows, means)
        x = compacted(net.x, size)
        subwords = Subwords(
            settings.min_n, settings.max_n, settings.bucket or 1, ngrams.used, x[count:]
        )
        counts = corpus.vocabulary.counts
        vectors = WordVectors(compacted(means, size), list(words), counts, subwords)
        return TrainedModel(vectors, compacted(net.y, size), x[:count])
