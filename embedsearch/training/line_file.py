"""The corpus as gensim reads it fastest: a text file with a space between words."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch.training.base import Corpus

# gensim cuts a longer line off without a word (MAX_WORDS_IN_BATCH).
LONGEST_LINE = 10_000


def write_line_file(corpus: Corpus, path: Path) -> int:
    """Write the words of the vocabulary, a line for each document or piece of 10,000 words.

    Returns:
        The number of lines.
    """
    words = np.array(corpus.vocabulary.words, dtype=object)
    lines = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for _, tokens, bounds in corpus.stream.blocks():
            rows = corpus.rows[tokens]
            for start, end in pairwise(bounds):
                kept = rows[start:end]
                kept = kept[kept >= 0]
                for first in range(0, len(kept), LONGEST_LINE):
                    file.write(" ".join(words[kept[first : first + LONGEST_LINE]]) + "\n")
                    lines += 1
    return lines
