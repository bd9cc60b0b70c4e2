"""Vectors of terms: what the encoder of words makes of a collection."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import CorpusTooSmallError
from embedsearch._progress import SilentProgress
from embedsearch._types import FloatMatrix
from embedsearch.search.terms import TermDocuments

if TYPE_CHECKING:
    from embedsearch._types import IntVector

TermVectors = Callable[[TermDocuments], FloatMatrix]
"""Documents to the vectors of their terms, `(V, d)`; zeros for terms that have none."""

_SIZE, _WINDOW = 100, 10


def trained_vectors(documents: TermDocuments, seed: int = 1) -> FloatMatrix:
    """Train term vectors on the documents.

    Every term gets one, however rare, as rare words are what queries are about; and the window
    is wide, as what stands in one passage is about one thing.
    """
    from embedsearch.text.stream_writer import write_stream
    from embedsearch.training.settings import training_settings
    from embedsearch.training.trainers import train_word_vectors

    vectors = np.zeros((documents.size, _SIZE), np.float32)
    settings = training_settings(
        vector_size=_SIZE, window=_WINDOW, min_count=1, seed=seed, workers=1
    )
    names = np.array([str(term) for term in range(documents.size)], object)
    bounds = documents.bounds.tolist()
    tokens = (
        (place, names[documents.ids[start:stop]].tolist())
        for place, (start, stop) in enumerate(pairwise(bounds))
    )
    with TemporaryDirectory(prefix="embedsearch-") as name:
        folder = Path(name)
        stream = write_stream(folder, tokens)
        try:
            model, _ = train_word_vectors(stream, "auto", settings, SilentProgress(), folder=folder)
        except CorpusTooSmallError:
            return vectors
    rows = np.fromiter(map(int, model.vectors.index_to_key), np.int64)
    vectors[rows] = model.vectors.vectors
    return vectors


def known_vectors(vectors: FloatMatrix) -> TermVectors:
    """Return vectors that were learned before, whatever the documents."""
    return lambda _: vectors


def sampled(documents: TermDocuments, most: int, seed: int) -> TermDocuments:
    """Return at most so many documents, drawn at random, in their order."""
    n = len(documents)
    if n <= most:
        return documents
    rows: IntVector = np.sort(np.random.default_rng(seed).permutation(n)[:most])
    return documents.take(rows)
