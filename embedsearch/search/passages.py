"""Long documents as passages: what answers a query is often a small part of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.search.terms import TermDocuments

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, FloatVector, IntVector

LONGEST = 200
"""The most terms of a passage, stop words not counted: about a page."""


def split(documents: TermDocuments, longest: int = LONGEST) -> tuple[TermDocuments, IntVector]:
    """Cut documents into passages of nearly equal length.

    Args:
        documents: n of them.
        longest: The most terms of a passage.

    Returns:
        The passages, at least one for each document, and `(n + 1,)` where those of each
        document begin and end among them.
    """
    lengths = np.diff(documents.bounds)
    pieces = np.maximum(-(-lengths // longest), 1)
    owners = np.concatenate(([0], np.cumsum(pieces)))
    starts = np.repeat(documents.bounds[:-1], pieces)
    place = np.arange(owners[-1]) - np.repeat(owners[:-1], pieces)
    cuts = starts + place * np.repeat(lengths, pieces) // np.repeat(pieces, pieces)
    bounds = np.concatenate((cuts, documents.bounds[-1:]))
    return TermDocuments(documents.ids, bounds, documents.size), owners


def passages_of(rows: IntVector, owners: IntVector) -> tuple[IntVector, IntVector]:
    """Return the passages of some documents, and `(k + 1,)` where those of each begin and end."""
    counts = np.diff(owners)[rows]
    bounds = np.concatenate(([0], np.cumsum(counts)))
    passages = np.repeat(owners[rows] - bounds[:-1], counts) + np.arange(bounds[-1])
    return passages, bounds


def best_scores(scores: FloatVector, bounds: IntVector) -> FloatVector:
    """Return the score of the best passage of each document: `(n,)`."""
    if len(bounds) < 2:
        return np.zeros(0, np.float32)
    best: FloatVector = np.maximum.reduceat(scores, bounds[:-1])
    return best


def best_rows(scores: FloatMatrix, bounds: IntVector) -> FloatMatrix:
    """As `best_scores`, for many queries at once: `(nq, p)` to `(nq, n)`."""
    if len(bounds) < 2:
        return np.zeros((len(scores), 0), np.float32)
    best: FloatMatrix = np.maximum.reduceat(scores, bounds[:-1], axis=1)
    return best
