"""Warm starts: training that continues a model, perhaps with more words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import CorpusTooSmallError, ParameterError
from embedsearch._messages import counted
from embedsearch.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.training.base import TrainedModel
    from embedsearch.vectors.word_vectors import WordVectors


def extend_vocabulary(
    vectors: WordVectors, types: Sequence[str], counts: IntVector, min_count: int
) -> tuple[Vocabulary, IntVector]:
    """Add the words of more text, at least `min_count` times in it, to a vocabulary.

    All old words stay. Returns the vocabulary with the counts of old and new text together, and
    for each type its row, or -1.
    """
    old = vectors.key_to_index
    new = [t for t, count in zip(types, counts, strict=True) if count >= min_count and t not in old]
    words = [*vectors.index_to_key, *new]
    totals = np.zeros(len(words), np.int64)
    if vectors.counts is not None:
        totals[: len(old)] = vectors.counts
    place = {word: row for row, word in enumerate(words)}
    where = np.fromiter((place.get(t, -1) for t in types), np.int64, len(types))
    if not (where >= 0).any():
        raise CorpusTooSmallError("the new text has no known word, and no new one often enough")
    np.add.at(totals, where[where >= 0], counts[where >= 0])
    order = np.argsort(-totals, kind="stable")
    # One row more than words, for the types whose place is -1.
    rows = np.full(len(words) + 1, -1)
    rows[order] = np.arange(len(words))
    return Vocabulary([words[i] for i in order], totals[order]), rows[where]


def start_from(
    model: TrainedModel, words: Sequence[str], x: FloatMatrix, y: FloatMatrix, progress: Progress
) -> None:
    """Copy the rows of the words that the model knows into both sides of a network."""
    size = model.start.shape[1]
    if size != x.shape[1]:
        raise ParameterError("vector_size", f"{size}, as in the model to continue from", x.shape[1])
    known = model.vectors.key_to_index
    rows = np.fromiter((known.get(word, -1) for word in words), np.int64, len(words))
    here = np.flatnonzero(rows >= 0)
    x[here] = model.start[rows[here]]
    if model.context is not None:
        y[here] = model.context[rows[here]]
    progress.note(f"continuing from {counted(len(here), 'word')}, {len(words) - len(here):,} new")
