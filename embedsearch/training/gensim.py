"""gensim's Word2Vec and FastText: as trainers, and their models as ours and back, in memory."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError, VectorError
from embedsearch.training.base import TrainedModel, start_from
from embedsearch.vectors.formats.gensim import (
    copy_matrix,
    from_keyed,
    full_table,
    own_side,
    to_keyed,
)
from embedsearch.vectors.subwords import active_ngrams
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.training.base import Corpus, Hooks
    from embedsearch.training.settings import TrainingSettings
    from embedsearch.vectors.subwords import Subwords

# gensim cuts a longer line off without a word (MAX_WORDS_IN_BATCH).
_LONGEST_LINE = 10_000
# The settings that gensim has under the same names.
_SHARED = (
    "vector_size", "window", "epochs", "sg", "hs", "negative", "ns_exponent", "cbow_mean",
    "sample", "alpha", "min_alpha", "workers", "seed",
)  # fmt: skip
# What `to_gensim` takes from the model.
_FIXED = frozenset({"vector_size", "min_count", "min_n", "max_n", "bucket"})


def from_gensim(model: Any, *, all_ngrams: bool = True) -> TrainedModel:
    """Take what a model of gensim has; see the public function of this name."""
    vectors, inputs = from_keyed(model, all_ngrams=all_ngrams)
    return TrainedModel(vectors, _context(model, vectors), inputs)


def to_gensim(model: TrainedModel | WordVectors, **parameters: Any) -> Any:
    """Make a model of gensim that can train further, or from word vectors alone `KeyedVectors`.

    A `TrainedModel` becomes a `Word2Vec`, and with n-grams a `FastText`; `WordVectors` become
    `KeyedVectors`, and with n-grams `FastTextKeyedVectors`. The words keep their order. Rows of
    the table of n-grams that ours does not have are zeros in gensim's: if an unknown word has such
    n-grams, its vector is shorter there than here, and points the same way.

    Args:
        model: Ours. Without a context side (PPMI) gensim's begins with zeros.
        **parameters: gensim's own, such as `window` and `negative`; only for a model.

    Raises:
        ParameterError: It is neither, or a parameter is not gensim's to choose.
        VectorError: A word that has no UTF-8, in a model with n-grams.
    """
    if isinstance(model, WordVectors):
        if parameters:
            raise ParameterError("parameters", "given with a TrainedModel", sorted(parameters))
        return to_keyed(model)
    if not isinstance(model, TrainedModel):
        raise ParameterError("model", "a TrainedModel or WordVectors", type(model))
    for name in _FIXED.intersection(parameters):
        raise ParameterError(name, "left out, as the model has it", parameters[name])
    subwords = active_ngrams(model.vectors.subwords)
    if subwords is None:
        return _to_word2vec(model, parameters)
    return _to_fasttext(model, subwords, parameters)


def _to_word2vec(model: TrainedModel, parameters: dict[str, Any]) -> Any:
    from gensim.models import Word2Vec

    theirs = Word2Vec(**_settings(model, parameters))
    rows = _fill(theirs, model)
    theirs.wv.vectors[rows] = model.start
    return theirs


def _to_fasttext(model: TrainedModel, subwords: Subwords, parameters: dict[str, Any]) -> Any:
    from gensim.models import FastText

    own = own_side(model.vectors, model.inputs)
    shape = {"min_n": subwords.min_n, "max_n": subwords.max_n, "bucket": subwords.bucket}
    theirs = FastText(**_settings(model, parameters), **shape)
    rows = _fill(theirs, model)
    theirs.wv.vectors[rows] = model.vectors.vectors
    theirs.wv.vectors_vocab[rows] = own
    theirs.wv.vectors_ngrams = full_table(subwords)
    return theirs


def _settings(model: TrainedModel, parameters: dict[str, Any]) -> dict[str, Any]:
    size = model.vectors.vector_size
    return {"sg": 1, "sorted_vocab": 0, **parameters, "vector_size": size, "min_count": 1}


def _fill(theirs: Any, model: TrainedModel) -> list[int]:
    words, counts = model.vectors.index_to_key, model.vectors.counts
    # gensim leaves out words that were never seen.
    seen = np.ones(len(words), np.int64) if counts is None else np.maximum(counts, 1)
    theirs.build_vocab_from_freq(dict(zip(words, seen.tolist(), strict=True)))
    rows = [theirs.wv.key_to_index[word] for word in words]
    if model.context is not None and theirs.negative:
        theirs.syn1neg[rows] = model.context
    return rows


def _context(model: Any, vectors: WordVectors) -> FloatMatrix | None:
    found = getattr(model, "syn1neg", None)
    if found is None:
        return None
    context = copy_matrix(found, "syn1neg")
    if context.shape != vectors.vectors.shape:
        raise VectorError(f"syn1neg {context.shape} does not fit {vectors.vectors.shape} vectors")
    return context


class GensimTrainer:
    """gensim's `Word2Vec` or `FastText`, trained from a file as that is its fastest way."""

    def __init__(self, settings: TrainingSettings, *, ngrams: bool = False) -> None:
        self.settings, self._ngrams = settings, ngrams
        # Stays empty: gensim has no held-out text.
        self.losses: list[float] = []

    def fit(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> TrainedModel:
        """Train; the seed with one worker gives the same vectors on every run."""
        self._check(hooks)
        model = self._train(corpus, progress, hooks)
        words, counts = corpus.vocabulary.words, corpus.vocabulary.counts
        trained = from_gensim(model, all_ngrams=False)
        # gensim sorts by count as we do, but leaves ties in an order of its own.
        rows = [trained.vectors.key_to_index[word] for word in words]
        context = None if trained.context is None else trained.context[rows]
        inputs = None if trained.inputs is None else trained.inputs[rows]
        vectors, subwords = trained.vectors.vectors[rows], trained.vectors.subwords
        return TrainedModel(WordVectors(vectors, list(words), counts, subwords), context, inputs)

    def _check(self, hooks: Hooks) -> None:
        if hooks.callbacks:
            raise ParameterError("callbacks", "used with our own trainers", "a trainer of gensim")
        if self.settings.patience is not None:
            raise ParameterError("patience", "used with our own trainers", self.settings.patience)
        if self.settings.deterministic and (self.settings.workers or 1) > 1:
            raise ParameterError("deterministic", "used with our own trainers, or workers=1", 1)

    def _untrained(self) -> Any:
        from gensim.models import FastText, Word2Vec

        settings = self.settings
        shared = {name: getattr(settings, name) for name in _SHARED}
        if not self._ngrams:
            return Word2Vec(**shared, min_count=1)
        ngrams = {"min_n": settings.min_n, "max_n": settings.max_n, "bucket": settings.bucket}
        return FastText(**shared, **ngrams, min_count=1)

    def _train(self, corpus: Corpus, progress: Progress, hooks: Hooks) -> Any:
        model, vocabulary = self._untrained(), corpus.vocabulary
        total, epochs = vocabulary.total, model.epochs
        with (
            tempfile.TemporaryDirectory(prefix="embedsearch-") as folder,
            progress.task("training", total * epochs, "words") as task,
        ):
            path = Path(folder) / "corpus.txt"
            lines = _write_lines(corpus, path)
            frequencies = dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True))
            model.build_vocab_from_freq(frequencies, corpus_count=lines)
            if hooks.start is not None:
                words = model.wv.index_to_key
                context = model.syn1neg if model.negative else np.zeros_like(model.wv.vectors)
                start_from(hooks.start, words, model.wv.vectors, context, progress)
            model.train(
                corpus_file=str(path),
                total_examples=lines,
                total_words=total,
                epochs=epochs,
                callbacks=[epoch_end(lambda: task.advance(total))],
            )
        return model


def _write_lines(corpus: Corpus, path: Path) -> int:
    """Write a line for each document, or for each 10,000 words of one; return how many."""
    words = np.array(corpus.vocabulary.words, dtype=object)
    lines = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for _, tokens, bounds in corpus.stream.blocks():
            rows = corpus.rows[tokens]
            for start, end in pairwise(bounds):
                known = rows[start:end]
                known = known[known >= 0]
                for first in range(0, len(known), _LONGEST_LINE):
                    file.write(" ".join(words[known[first : first + _LONGEST_LINE]]) + "\n")
                    lines += 1
    return lines


def epoch_end(call: Callable[[], None]) -> Any:
    """Make a callback of gensim's that calls `call` after each epoch."""
    from gensim.models.callbacks import CallbackAny2Vec

    class EpochEnd(CallbackAny2Vec):  # type: ignore[misc]
        def on_epoch_end(self, model: Any) -> None:  # noqa: ARG002 - gensim's signature
            call()

    return EpochEnd()
