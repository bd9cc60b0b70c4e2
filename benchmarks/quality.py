"""How good word vectors are: Google's analogies and human similarities, which gensim ships.

Source: Mikolov et al. 2013 (questions-words), Finkelstein et al. 2002 (WordSim-353), Hill et
al. 2015 (SimLex-999). The accuracy equals that of gensim's `evaluate_word_analogies`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gensim.test.utils import datapath

from embedsearch.evaluation import analogies, pairs
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


def quality(
    words: Sequence[str], vectors: NDArray[np.float32], restrict_vocab: int = 30_000
) -> dict[str, float]:
    """Return the accuracy of analogies and the rank correlations of word pairs."""
    known = WordVectors(vectors, words)
    accuracy = analogies(
        known, datapath("questions-words.txt"), restrict_vocab=restrict_vocab
    ).accuracy
    return {
        "accuracy": _or_nan(accuracy),
        "wordsim353": _rank_correlation(known, "wordsim353.tsv"),
        "simlex999": _rank_correlation(known, "simlex999.txt"),
    }


def _rank_correlation(vectors: WordVectors, name: str) -> float:
    return _or_nan(pairs(vectors, datapath(name), restrict_vocab=None).spearman.value)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
