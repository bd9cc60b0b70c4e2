"""How good topics are, judged by their words alone: coherence and diversity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import COUNT, check
from embedsearch._errors import InputError
from embedsearch.vectors.sparse import with_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedsearch._types import IntVector

# As in gensim: what a probability of 0 counts as.
_EPSILON = 1e-12
_WINDOW = 110


def npmi(topics: Sequence[IntVector], counts: Any) -> NDArray[np.float64]:
    """Return the coherence of topics by normalized pointwise mutual information: (k).

    The mean over pairs of a topic's words of ln(p(a, b) / p(a) p(b)) / -ln p(a, b), -1 to 1, where
    p is the share of documents that have them (Bouma 2009; Lau, Newman and Baldwin 2014, "Machine
    Reading Tea Leaves"). A pair of which a word never occurs counts 0; so does a single word.

    Args:
        topics: The columns of `counts` that are the words of each topic.
        counts: (n, V) sparse, how often documents have terms.
    """
    values = []
    for columns in topics:
        own = counts[:, _distinct(columns)]
        present = with_data(own, np.ones(own.nnz))
        joint = (present.T @ present).toarray()
        matrix = npmi_matrix(joint, counts.shape[0])
        above = np.triu_indices(len(matrix), 1)
        values.append(matrix[above].mean() if len(matrix) > 1 else 0.0)
    return np.array(values)


def c_v(
    topics: Sequence[IntVector],
    ids: NDArray[np.integer[Any]],
    bounds: IntVector,
    window: int = _WINDOW,
) -> NDArray[np.float64]:
    """Return the coherence C_V of topics: (k).

    Röder, Both and Hinneburg 2015, "Exploring the Space of Topic Coherence Measures": each word's
    vector of NPMI with all words of its topic, over sliding windows of 110 tokens, is compared by
    cosine with their sum. As gensim's `CoherenceModel` has it, with two differences: a word that
    never occurs has a vector of zeros and counts 0, where gensim's answer is NaN; and a word that
    is in a window twice stays there when one of the two leaves it, where gensim loses it.

    Args:
        topics: The terms of each topic.
        ids: The terms of all documents in order.
        bounds: (n + 1) where each document starts and ends in `ids`.
        window: Tokens of a window; a shorter document is one window.
    """
    check("window", window, COUNT)
    if not len(topics):
        return np.zeros(0)
    words = np.unique(np.concatenate([_distinct(each) for each in topics]))
    joint, windows = window_counts(words, ids, bounds, window)
    values = []
    for each in topics:
        own = np.searchsorted(words, _distinct(each))
        vectors = npmi_matrix(joint[np.ix_(own, own)], windows)
        total = vectors.sum(axis=0)
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(total)
        cosines = vectors @ total / np.where(lengths > 0, lengths, 1)
        values.append(cosines.mean() if len(own) else 0.0)
    return np.array(values)


def diversity(topics: Sequence[IntVector]) -> float:
    """Return the share of different words among the words of all topics (Dieng et al. 2020)."""
    words = [word for each in topics for word in each.tolist()]
    return len(set(words)) / len(words) if words else 1.0


def npmi_matrix(joint: NDArray[np.float64], total: int) -> NDArray[np.float64]:
    """Return NPMI given how many of `total` units hold both of two words: (w, w)."""
    both = joint / max(total, 1)
    chance = np.outer(np.diagonal(both), np.diagonal(both))
    known = chance > 0
    logs = np.log((both + _EPSILON) / np.where(known, chance, 1))
    # Words in every unit: their logarithm is 0, and so is what they say of each other.
    information = -np.log(np.minimum(both + _EPSILON, 1 - _EPSILON))
    values: NDArray[np.float64] = np.where(known, logs / information, 0.0)
    return values


def window_counts(
    words: IntVector, ids: NDArray[np.integer[Any]], bounds: IntVector, window: int
) -> tuple[NDArray[np.float64], int]:
    """Count the sliding windows that hold both of two words `(w,)`, which rise: (w, w).

    Also returns how many windows there are. Windows are not looked at one by one: a word is in
    runs of them, and between the ends of runs nothing changes.
    """
    lengths = np.diff(bounds)
    each = np.maximum(lengths - window, 0) + 1
    offsets = np.concatenate(([0], np.cumsum(each)))
    places = np.searchsorted(words, ids)
    places[places == len(words)] = 0
    kept = np.flatnonzero(words[places] == ids)
    document = np.searchsorted(bounds, kept, side="right") - 1
    position, word = kept - bounds[document], places[kept]
    first = offsets[document] + np.maximum(position - window + 1, 0)
    stop = offsets[document] + np.minimum(position + 1, each[document])
    first, stop, word = _runs(first, stop, word)
    cuts = np.unique(np.concatenate((first, stop)))
    start, end = np.searchsorted(cuts, first), np.searchsorted(cuts, stop)
    return _joint(start, end, word, cuts, words), int(offsets[-1])


def _runs(
    first: IntVector, stop: IntVector, word: IntVector
) -> tuple[IntVector, IntVector, IntVector]:
    """Join the runs of windows of a word that touch."""
    order = np.lexsort((first, word))
    first, stop, word = first[order], stop[order], word[order]
    new = np.ones(len(word), bool)
    new[1:] = (word[1:] != word[:-1]) | (first[1:] > stop[:-1])
    start = np.flatnonzero(new)
    last = np.append(start[1:], len(word)) - 1
    return first[start], stop[last] if len(start) else stop, word[start]


def _joint(
    start: IntVector, stop: IntVector, word: IntVector, cuts: IntVector, words: IntVector
) -> NDArray[np.float64]:
    from scipy.sparse import csr_matrix

    spans = stop - start
    before = np.cumsum(spans) - spans
    segment = np.repeat(start - before, spans) + np.arange(spans.sum())
    shape = (len(cuts), len(words))
    held = csr_matrix((np.ones(len(segment)), (segment, np.repeat(word, spans))), shape=shape)
    widths = np.append(np.diff(cuts), 0).astype(np.float64)
    weighted = with_data(held, np.repeat(widths, np.diff(held.indptr)))
    joint: NDArray[np.float64] = (held.T @ weighted).toarray()
    return joint


def _distinct(columns: IntVector) -> IntVector:
    columns = np.asarray(columns)
    if columns.ndim != 1 or columns.dtype.kind not in "iu":
        raise InputError("topics must be arrays of the numbers of terms, one for each topic")
    return columns
