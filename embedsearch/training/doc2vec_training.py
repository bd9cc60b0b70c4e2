"""gensim's Doc2Vec trained on the words of a corpus."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._progress import SilentProgress
from embedsearch.training.doc2vec_state import Doc2VecState, in_pieces
from embedsearch.training.gensim import epoch_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.training.base import Corpus
    from embedsearch.training.doc2vec_state import Doc2VecSettings


def train(
    corpus: Corpus, settings: Doc2VecSettings, workers: int, progress: Progress | None = None
) -> tuple[Doc2VecState, FloatMatrix]:
    """Train on the words of the corpus's vocabulary.

    Returns:
        The state, and `(n, d)` the vectors of the documents; zeros where no word is known.
    """
    # Among few words all are frequent: none is thinned out that is rarer than the mean.
    sample = max(settings.sample, 1 / len(corpus.vocabulary))
    settings, documents = replace(settings, sample=sample), _TaggedDocuments(corpus)
    model = settings.untrained(workers)
    model.build_vocab(documents)
    total, epochs = corpus.vocabulary.total, settings.epochs
    with (progress or SilentProgress()).task(
        "training document vectors", total * epochs, "words"
    ) as task:
        model.train(
            documents,
            total_examples=model.corpus_count,
            epochs=epochs,
            callbacks=[epoch_end(lambda: task.advance(total))],
        )
    words = list(model.wv.index_to_key)
    counts = np.array([model.wv.get_vecattr(word, "count") for word in words], np.int64)
    inputs = model.wv.vectors[: len(words) * settings.dm].copy()
    vectors: FloatMatrix = model.dv.vectors
    vectors[known_words(corpus) == 0] = 0
    return Doc2VecState(words, counts, model.syn1neg, inputs, settings), vectors


def known_words(corpus: Corpus) -> IntVector:
    """Count the words of each document that are in the vocabulary: `(n,)`."""
    lengths = [np.zeros(0, np.int64)]
    for _, tokens, bounds in corpus.stream.blocks():
        ends = np.concatenate(([0], np.cumsum(corpus.rows[tokens] >= 0)))
        lengths.append(np.diff(ends[bounds]))
    return np.concatenate(lengths)


class _TaggedDocuments:
    """The known words of each document, in pieces; every pass reads them from disk."""

    # Nothing of the user's runs in it: gensim reads in a thread of its own, and waits for ever
    # where that thread fails.

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus

    def __iter__(self) -> Iterator[Any]:
        from gensim.models.doc2vec import TaggedDocument

        words = np.array(self._corpus.vocabulary.words, dtype=object)
        for places, tokens, bounds in self._corpus.stream.blocks():
            rows = self._corpus.rows[tokens]
            for place, (start, end) in enumerate(pairwise(bounds), places.start):
                document = rows[start:end]
                kept = words[document[document >= 0]].tolist()
                for piece in in_pieces(kept) or [[]]:
                    yield TaggedDocument(piece, [place])
