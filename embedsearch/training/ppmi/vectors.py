"""Word vectors of a corpus from its counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError
from embedsearch.training.ppmi.factorising import factorise
from embedsearch.training.ppmi.runs import Runs
from embedsearch.training.ppmi.weighting import MOST_PAIRS, shifted_ppmi

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from embedsearch._types import FloatMatrix, IntVector


def ppmi_vectors(
    ids: npt.NDArray[np.int32],
    offsets: IntVector,
    counts: IntVector,
    *,
    vector_size: int,
    window: int,
    shift: float = 1.0,
    smoothing: float = 0.75,
    power: float = 0.5,
    sum_contexts: bool = True,
    seed: int,
    folder: Path,
    most_pairs: int = MOST_PAIRS,
) -> tuple[FloatMatrix, FloatMatrix]:
    """Factorise the shifted positive mutual information of words that stand near each other.

    One thread does it, so the result does not depend on the number of workers. Besides the two
    results it takes at most about 300 MB: 8 bytes for each of `most_pairs`, and buffers.

    Args:
        ids: (n,) the words of the corpus, from 0 to V - 1; may be a memory map.
        offsets: (documents + 1,) where each document begins in `ids`, and the end.
        counts: (V,) occurrences of each word; it says how many words there are.
        vector_size: Dimensions of a vector.
        window: The largest distance between two words, within a document.
        shift: What the ratio of probabilities must exceed to count: the k of Levy and Goldberg.
        smoothing: The power of a context's count.
        power: The power of the singular values that word vectors get; contexts get the rest.
        sum_contexts: Whether the context vector of a word is added to its word vector.
        seed: Of the factorisation.
        folder: For temporary files of 8 bytes a pair; they are deleted in the end.
        most_pairs: The largest number of pairs factorised, see `shifted_ppmi`.

    Returns:
        Words and contexts, (V, vector_size) float32 each.

    Raises:
        ParameterError: A parameter is out of its range.
        OSError: The folder cannot be written to.

    Source: Levy and Goldberg 2014; Levy, Goldberg and Dagan 2015.
    """
    _check(window=window, vector_size=vector_size, most_pairs=most_pairs)
    if not shift > 0:
        raise ParameterError("shift", "above 0", shift)
    runs = Runs(folder, len(counts), window)
    try:
        runs.count(ids, offsets)
        matrix = shifted_ppmi(runs, shift, smoothing, most_pairs)
    finally:
        runs.remove()
    words, contexts = factorise(matrix, vector_size, power, seed)
    if sum_contexts:
        words += contexts
    return words, contexts


def _check(**sizes: int) -> None:
    for name, value in sizes.items():
        if value < 1:
            raise ParameterError(name, "1 or more", value)
