"""Long documents as passages: what answers a query is often a small part of one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.search.terms import TermDocuments
from embedsearch.vectors.arrays import unit_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import FloatMatrix, FloatVector, IntVector

LONGEST = 300
"""The most terms of a passage, stop words not counted: about a page and a half.

If eight abstracts are joined to one document, passages take the nDCG@10 of "auto" from 0.296 to
0.347 (Cranfield), 0.438 to 0.445 (CISI) and 0.614 to 0.622 (SciFact).
"""


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
    if owners[-1] == len(documents):
        return documents, owners
    starts = np.repeat(documents.bounds[:-1], pieces)
    place = np.arange(owners[-1]) - np.repeat(owners[:-1], pieces)
    cuts = starts + place * np.repeat(lengths, pieces) // np.repeat(pieces, pieces)
    bounds = np.concatenate((cuts, documents.bounds[-1:]))
    return TermDocuments(documents.ids, bounds, documents.size), owners


def check_owners(owners: IntVector, documents: int, passages: int) -> None:
    """Raise `VectorError` unless every document has a passage, and every passage a document."""
    sound = owners.shape == (documents + 1,) and owners[0] == 0 and owners[-1] == passages
    if not sound or not (np.diff(owners) > 0).all():
        raise VectorError("damaged: passages do not belong to documents one after the other")


def pieces_of(text: str, count: int) -> list[str]:
    """Cut a text into so many pieces with nearly as many words each, for encoders of texts."""
    if count == 1:
        return [text]
    words = text.split()
    ends = [len(words) * place // count for place in range(count + 1)]
    return [" ".join(words[start:stop]) for start, stop in pairwise(ends)]


def all_pieces(texts: Sequence[str], owners: IntVector) -> list[str]:
    """Cut each of n texts into as many pieces as it has passages; `owners` as `split` gives it."""
    counts = np.diff(owners).tolist()
    return [piece for text, n in zip(texts, counts, strict=True) for piece in pieces_of(text, n)]


def passages_of(rows: IntVector, owners: IntVector) -> tuple[IntVector, IntVector]:
    """Return the passages of some documents, and `(k + 1,)` where those of each begin and end."""
    counts = owners[rows + 1] - owners[rows]
    bounds = np.concatenate(([0], np.cumsum(counts)))
    passages = np.repeat(owners[rows] - bounds[:-1], counts) + np.arange(bounds[-1])
    return passages, bounds


def best_scores(scores: FloatMatrix, bounds: IntVector) -> FloatMatrix:
    """Return the score of the best passage of each document.

    Args:
        scores: `(..., p)` of passages.
        bounds: `(n + 1,)` where those of each document begin and end; each has one.

    Returns:
        `(..., n)`.
    """
    if len(bounds) - 1 == scores.shape[-1]:
        return scores
    best: FloatMatrix = np.maximum.reduceat(scores, bounds[:-1], axis=-1)
    return best


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The columns of one encoder in a latent space, and its name."""

    name: str
    columns: slice


@dataclass(frozen=True, slots=True, eq=False)
class PassageVectors:
    """The vectors of the passages of k documents.

    Attributes:
        X: `(p, D)`.
        bounds: `(k + 1,)` where those of each document begin and end.
    """

    X: FloatMatrix
    bounds: IntVector

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def scores(self, query: FloatVector) -> FloatVector:
        """Return the greatest inner product of each document's passages with a query `(D,)`."""
        return best_scores(products(self.X, query), self.bounds)

    def best(self, query: FloatVector) -> IntVector:
        """Return which passage of each document, from 0, has that inner product: `(k,)`."""
        if len(self.X) == len(self):
            return np.zeros(len(self), np.int64)
        scores = products(self.X, query)
        parts = [scores[start:stop].argmax() for start, stop in pairwise(self.bounds.tolist())]
        return np.array(parts, np.int64)

    def at(self, places: IntVector) -> FloatMatrix:
        """Return the vector of one passage of each document, from 0: `(k, D)`."""
        found: FloatMatrix = self.X[self.bounds[:-1] + places]
        return found

    def means(self, blocks: Sequence[Block]) -> FloatMatrix:
        """Return the mean of each document's passages, in each block at length 1: `(k, D)`."""
        if len(self.X) == len(self):
            return self.X
        sums = np.add.reduceat(self.X, self.bounds[:-1], axis=0)
        parts = [unit_rows(sums[:, block.columns]) for block in blocks]
        return np.concatenate(parts, axis=1) if parts else sums


def products(X: FloatMatrix, query: FloatVector) -> FloatVector:
    """Return the inner products of rows `(n, d)` with a query `(d,)`."""
    # BLAS would start threads for it, which costs more than the products if all cores are busy.
    found: FloatVector = np.einsum("ij,j->i", X, query)
    return found
