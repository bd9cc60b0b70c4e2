"""Word vectors of terms, trained on the documents that search is fitted to."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import CorpusTooSmallError
from embedsearch._progress import SilentProgress

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix
    from embedsearch.search.terms import TermDocuments

_VECTOR_SIZE, _WINDOW = 100, 10


def trained_vectors(documents: TermDocuments, seed: int = 1) -> FloatMatrix:
    """Train term vectors on the documents.

    Every term gets one, however rare, as rare words are what queries are about; and the window
    is wide, as what stands in one passage is about one thing.
    """
    from embedsearch.text.stream_writer import write_stream
    from embedsearch.training.settings import training_settings
    from embedsearch.training.trainers import train_word_vectors

    vectors = np.zeros((documents.size, _VECTOR_SIZE), np.float32)
    settings = training_settings(
        vector_size=_VECTOR_SIZE, window=_WINDOW, min_count=1, seed=seed, workers=1
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
