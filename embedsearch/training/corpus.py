"""The corpus as trainers read it, a stream and its vocabulary, and as kernels do: rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._types import IntVector
    from embedsearch.text.stream import TokenStream
    from embedsearch.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """What a trainer reads: the stream, and the words of it that get a vector."""

    stream: TokenStream
    vocabulary: Vocabulary
    rows: IntVector  # (types,) the row of each distinct token in the vocabulary, or -1
    folder: Path  # for temporary files of the trainer


@dataclass(frozen=True, slots=True, eq=False)
class EncodedCorpus:
    """Words of the vocabulary, in order; other tokens are gone."""

    ids: NDArray[np.int32]  # (n,) int32 rows of the vocabulary, mapped from disk
    offsets: IntVector  # (documents + 1,) int64, where each document begins; the last is n
    counts: IntVector  # (V,) int64 occurrences


def encode(corpus: Corpus) -> EncodedCorpus:
    """Write the rows of all known words into the corpus's folder, and map them."""
    path = corpus.folder / "rows.i32"
    rows = corpus.rows.astype(np.int32)
    lengths = [np.zeros(1, np.int64)]
    with path.open("wb") as file:
        for _, tokens, bounds in corpus.stream.blocks():
            block = rows[tokens]
            known = block >= 0
            file.write(block[known].tobytes())
            ends = np.concatenate(([0], np.cumsum(known)))[bounds]
            lengths.append(np.diff(ends))
    offsets = np.cumsum(np.concatenate(lengths))
    # An empty file cannot be mapped.
    ids = np.memmap(path, dtype=np.int32, mode="r") if offsets[-1] else np.empty(0, np.int32)
    return EncodedCorpus(ids, offsets, corpus.vocabulary.counts)
