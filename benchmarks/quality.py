"""How good word vectors are: Google's analogies and human similarities, which gensim ships.

Source: Mikolov et al. 2013 (questions-words), Finkelstein et al. 2002 (WordSim-353), Hill et
al. 2015 (SimLex-999). The accuracy equals that of gensim's `evaluate_word_analogies`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from gensim.test.utils import datapath
from scipy.stats import spearmanr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_BATCH = 2_000


def quality(
    words: Sequence[str], vectors: NDArray[np.float32], restrict_vocab: int = 30_000
) -> dict[str, float]:
    """Return the accuracy of analogies and the rank correlations of word pairs."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(norms, 1e-12)
    return {
        "accuracy": analogies(words[:restrict_vocab], unit[:restrict_vocab]),
        "wordsim353": pairs(words, unit, Path(datapath("wordsim353.tsv"))),
        "simlex999": pairs(words, unit, Path(datapath("simlex999.txt"))),
    }


def analogies(words: Sequence[str], unit: NDArray[np.float32]) -> float:
    """Return the share of known questions that 3CosAdd answers rightly, case ignored."""
    upper = [word.upper() for word in words]
    index = {word: row for row, word in reversed(list(enumerate(upper)))}
    lines = Path(datapath("questions-words.txt")).read_text(encoding="utf-8").upper().split("\n")
    asked = [line.split() for line in lines if line and not line.startswith(":")]
    questions = np.array([[index[w] for w in q] for q in asked if all(w in index for w in q)])
    if not len(questions):
        return float("nan")
    right = 0
    for start in range(0, len(questions), _BATCH):
        a, b, c, d = questions[start : start + _BATCH].T
        scores = (unit[b] - unit[a] + unit[c]) @ unit.T
        place = np.arange(len(a))
        for known in (a, b, c):
            scores[place, known] = -np.inf
        right += int((scores.argmax(axis=1) == d).sum())
    return right / len(questions)


def pairs(words: Sequence[str], unit: NDArray[np.float32], path: Path) -> float:
    """Return Spearman's correlation with human judgements, over the pairs that are known."""
    index = {word: row for row, word in reversed(list(enumerate(words)))}
    human, ours = [], []
    for line in path.read_text(encoding="utf-8").split("\n"):
        fields = line.lower().split("\t")
        if len(fields) < 3 or line.startswith("#"):
            continue
        a, b = index.get(fields[0]), index.get(fields[1])
        if a is not None and b is not None:
            human.append(float(fields[2]))
            ours.append(float(unit[a] @ unit[b]))
    return float(spearmanr(human, ours).statistic)
