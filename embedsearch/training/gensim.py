"""gensim's Word2Vec and FastText as trainers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch.training.base import TrainedModel
from embedsearch.training.conversion import from_gensim
from embedsearch.training.line_file import write_line_file
from embedsearch.training.starting import begin_from
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector
    from embedsearch.training.base import Corpus, Hooks
    from embedsearch.training.settings import TrainingSettings

_SHARED = (
    "vector_size",
    "window",
    "epochs",
    "sg",
    "hs",
    "negative",
    "ns_exponent",
    "cbow_mean",
    "sample",
    "alpha",
    "min_alpha",
    "workers",
    "seed",
)


class GensimWord2Vec:
    """gensim's `Word2Vec`, trained from a file as that is its fastest way.

    Source: Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their
    Compositionality"; implementation by gensim.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings
        self.losses: list[float] = []

    def fit(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> TrainedModel:
        """Train; the seed with one worker gives the same vectors on every run.

        Callbacks and checkpoints are those of our own trainers; gensim has none in this mode.

        Raises:
            ParameterError: There are callbacks, or settings that gensim does not have.
        """
        self._check(hooks)
        model = self._train(corpus, progress, hooks)
        words, counts = corpus.vocabulary.words, corpus.vocabulary.counts
        trained = from_gensim(model, all_ngrams=False)
        order = _order(trained.vectors.key_to_index, words)
        vectors = trained.vectors.vectors[order]
        context = None if trained.context is None else trained.context[order]
        inputs = None if trained.inputs is None else trained.inputs[order]
        subwords = trained.vectors.subwords
        return TrainedModel(WordVectors(vectors, list(words), counts, subwords), context, inputs)

    def _check(self, hooks: Hooks) -> None:
        if hooks.callbacks:
            raise ParameterError("callbacks", "used with our own trainers", "a trainer of gensim")
        if self.settings.patience is not None:
            raise ParameterError("patience", "used with our own trainers", self.settings.patience)
        if self.settings.deterministic and (self.settings.workers or 1) > 1:
            raise ParameterError("deterministic", "used with our own trainers, or workers=1", 1)

    def _model(self, **parameters: Any) -> Any:
        from gensim.models import Word2Vec

        return Word2Vec(**parameters)

    def _train(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> Any:
        parameters = {name: getattr(self.settings, name) for name in _SHARED}
        model = self._model(**parameters, min_count=1)
        vocabulary = corpus.vocabulary
        total, epochs = vocabulary.total, model.epochs
        with (
            tempfile.TemporaryDirectory(prefix="embedsearch-") as folder,
            progress.task("training", total * epochs, "words") as task,
        ):
            path = Path(folder) / "corpus.txt"
            lines = write_line_file(corpus, path)
            frequencies = dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True))
            model.build_vocab_from_freq(frequencies, corpus_count=lines)
            if hooks.start is not None:
                words = model.wv.index_to_key
                context = model.syn1neg if model.negative else np.zeros_like(model.wv.vectors)
                begin_from(hooks.start, words, model.wv.vectors, context, progress)
            model.train(
                corpus_file=str(path),
                total_examples=lines,
                total_words=total,
                epochs=epochs,
                callbacks=[epoch_end(lambda: task.advance(total))],
            )
        return model


class GensimFastText(GensimWord2Vec):
    """gensim's `FastText`: vectors of words from their character n-grams, unknown ones too.

    Source: Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information".
    """

    def _model(self, **parameters: Any) -> Any:
        from gensim.models import FastText

        settings = self.settings
        return FastText(
            **parameters, min_n=settings.min_n, max_n=settings.max_n, bucket=settings.bucket
        )


def epoch_end(call: Callable[[], None]) -> Any:
    """Make a callback of gensim's that calls `call` after each epoch."""
    from gensim.models.callbacks import CallbackAny2Vec

    class EpochEnd(CallbackAny2Vec):  # type: ignore[misc]
        def on_epoch_end(self, model: Any) -> None:  # noqa: ARG002 - gensim's signature
            call()

    return EpochEnd()


def _order(key_to_index: Mapping[str, int], words: Any) -> IntVector:
    # gensim sorts by count as we do, but leaves ties in an order of its own.
    return np.fromiter((key_to_index[word] for word in words), np.int64, len(words))
