"""Word vectors as a model that Facebook's fastText and gensim can load."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.vectors.formats.fasttext_dictionary import pack_dictionary
from embedsearch.vectors.formats.fasttext_header import Header
from embedsearch.vectors.formats.fasttext_ngrams import END_OF_LINE, in_use, own_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embedsearch._progress import Progress, Task
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.subwords import Subwords
    from embedsearch.vectors.word_vectors import WordVectors

    Rows = Callable[[int, int], FloatMatrix]

_BLOCK = 4096
_NOT_COMPRESSED = b"\0"


def write(
    path: Path, vectors: WordVectors, progress: Progress, inputs: FloatMatrix | None = None
) -> None:
    """Write a model of version 12, described as skip-gram with negative sampling.

    Without n-grams it is one of `maxn` 0 and no table. With them the table is written in full,
    as the format wants it: a row that ours does not have is zeros there, so that the vector
    which fastText gives to an unknown word may be shorter than ours, but points the same way.
    The output side, which is not part of word vectors, is zeros; a count of 0, or of a
    vocabulary that has none, becomes 1, as the readers need.

    Args:
        path: The file; replaced if it exists.
        vectors: What to write.
        progress: A listener.
        inputs: `(V, d)` the words' own rows. Without them they are found from the vectors; what
            fastText composes then agrees to about 1e-7 of the largest number that is summed.

    Raises:
        VectorError: A word that the format cannot hold, or `inputs` of another shape.
    """
    if inputs is not None and inputs.shape != vectors.vectors.shape:
        raise VectorError(f"own rows {inputs.shape} do not fit vectors {vectors.vectors.shape}")
    subwords = in_use(vectors.subwords)
    header = _header(vectors, subwords).to_bytes()
    dictionary = pack_dictionary(vectors.index_to_key, _counts(vectors))
    rows, size = vectors.vectors.shape
    bucket = subwords.bucket if subwords else 0
    with (
        path.open("wb") as file,
        progress.task("writing vectors", 2 * rows + bucket, "rows") as task,
    ):
        file.write(header + dictionary + _NOT_COMPRESSED)
        file.write(struct.pack("<2q", rows + bucket, size))
        _write_rows(file, task, rows, _own(vectors, subwords, inputs))
        if subwords is not None:
            _write_rows(file, task, bucket, _table(subwords))
        file.write(_NOT_COMPRESSED + struct.pack("<2q", rows, size))
        _write_rows(
            file, task, rows, lambda start, stop: np.zeros((stop - start, size), np.float32)
        )


def _header(vectors: WordVectors, subwords: Subwords | None) -> Header:
    if subwords is None:
        return Header(vectors.vector_size)
    return Header(
        vectors.vector_size, bucket=subwords.bucket, minn=subwords.min_n, maxn=subwords.max_n
    )


def _counts(vectors: WordVectors) -> list[int]:
    if vectors.counts is None:
        return [1] * len(vectors)
    counts: list[int] = np.maximum(vectors.counts, 1).tolist()
    return counts


def _own(vectors: WordVectors, subwords: Subwords | None, inputs: FloatMatrix | None) -> Rows:
    def rows(start: int, stop: int) -> FloatMatrix:
        part = vectors.vectors[start:stop]
        if subwords is None:
            return part
        texts = [word.encode() for word in vectors.index_to_key[start:stop]]
        if inputs is None:
            return own_rows(part, texts, subwords)
        # fastText does not compose this word, whoever trained it may have done so.
        ends = np.array([text == END_OF_LINE for text in texts])
        return np.where(ends[:, np.newaxis], part, inputs[start:stop])

    return rows


def _table(subwords: Subwords) -> Rows:
    ids = subwords.ids

    def rows(start: int, stop: int) -> FloatMatrix:
        first, last = np.searchsorted(ids, (start, stop))
        part = np.zeros((stop - start, subwords.vectors.shape[1]), np.float32)
        part[ids[first:last] - start] = subwords.vectors[first:last]
        return part

    return rows


def _write_rows(file: BinaryIO, task: Task, count: int, rows: Rows) -> None:
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        file.write(np.ascontiguousarray(rows(start, stop), "<f4").data)
        task.advance(stop - start)
