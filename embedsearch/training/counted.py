"""Word vectors from counts instead of epochs: the better way for little text.

Sources: Levy and Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization"; Levy,
Goldberg and Dagan 2015, "Improving Distributional Similarity with Lessons Learned from Word
Embeddings".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError
from embedsearch.training.base import TrainedModel
from embedsearch.training.encoded import encode
from embedsearch.training.ppmi.vectors import ppmi_vectors
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.training.base import Corpus, Hooks
    from embedsearch.training.settings import TrainingSettings


class Ppmi:
    """Positive pointwise mutual information with a truncated singular value decomposition.

    Of the settings it knows `vector_size`, `window`, `min_count`, `max_final_vocab`,
    `ns_exponent` (the smoothing of contexts) and `seed`. The result is the same on every run,
    with any number of workers.

    Attributes:
        losses: Always empty: there are no epochs.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings
        self.losses: list[float] = []

    def fit(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> TrainedModel:
        """Count, weigh and factorise.

        Raises:
            ParameterError: There are callbacks, or a model to go on from.
        """
        if hooks.start is not None:
            raise ParameterError("update", "used with a trainer that has epochs", "ppmi")
        if hooks.callbacks:
            raise ParameterError("callbacks", "used with a trainer that has epochs", "ppmi")
        settings, words = self.settings, corpus.vocabulary
        encoded = encode(corpus)
        with progress.task("counting and factorising", encoded.total, "words") as task:
            vectors, _ = ppmi_vectors(
                encoded.ids,
                encoded.offsets,
                encoded.counts,
                vector_size=settings.vector_size or 1,
                window=settings.window or 1,
                smoothing=settings.ns_exponent,
                seed=settings.seed,
                folder=corpus.folder,
            )
            task.advance(encoded.total)
        return TrainedModel(WordVectors(vectors, list(words.words), words.counts))
