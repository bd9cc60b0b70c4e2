"""Models in the binary format of Facebook's fastText (`.bin`), with their n-grams.

The layout, little-endian: the header (`fasttext_header`); the dictionary (`fasttext_dictionary`);
a byte that says whether the input side is compressed; the input side, whose first rows are the
words' own and whose others are those of the table of n-grams; a byte for the output side; the
output side. A matrix is its two dimensions (int64) and its float32 numbers, row by row.

Unknown words get the vectors that fastText and gensim give them: for that, all rows of the table
are kept, also those that no word of the vocabulary has, which training never touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.base import Block, Reading, Rest, VectorFormat
from embedsearch.vectors.formats.fasttext_dictionary import COMPRESSED, read_dictionary
from embedsearch.vectors.formats.fasttext_header import MAGIC, read_header
from embedsearch.vectors.formats.fasttext_mapped import MappedFile
from embedsearch.vectors.formats.fasttext_ngrams import composed
from embedsearch.vectors.formats.fasttext_writing import write
from embedsearch.vectors.formats.rows import RowChecker, row_slices, without_rows
from embedsearch.vectors.subwords import Subwords

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.formats.fasttext_dictionary import Dictionary
    from embedsearch.vectors.formats.fasttext_header import Header

_BLOCK_WORDS = 2048
_BLOCK_BYTES = 1 << 16


def read(path: Path, options: LoadOptions) -> Reading:
    """Open a model; its matrices are mapped, and stay so while anything of them is in use.

    Labels of a classifier are left out, and so is the output side. Files of versions 11 and 12
    are read; compressed ones (`.ftz`) are not.

    Raises:
        SourceFormatError: Not such a file, or a damaged one.
    """
    file = MappedFile(path)
    header = read_header(file)
    words = read_dictionary(file, options.limit)
    inputs = _read_matrices(file, header, words.total)
    own, subwords = inputs[: len(words.words)], _subwords(header, inputs[words.total :])
    rest = Rest(words.counts, subwords, own if subwords else None, _notes(header, words))
    blocks = _blocks(file, words, own, rest, RowChecker(path, options))
    return Reading(header.dim, len(words.words), blocks, rest)


def _read_matrices(file: MappedFile, header: Header, words: int) -> FloatMatrix:
    (compressed,) = file.take("b", "the kind of the input side")
    if compressed:
        raise SourceFormatError(file.path, COMPRESSED)
    inputs = file.take_matrix(header.dim, "the input side")
    if len(inputs) != words + header.bucket:
        announced = f"{words:,} words and {header.bucket:,} n-grams were announced"
        raise file.wrong(f"{announced}, not {len(inputs):,} rows")
    file.take("b", "the kind of the output side")
    file.take_matrix(header.dim, "the output side")
    if file.left:
        raise file.wrong(f"{file.left:,} bytes stand behind its end")
    return inputs


def _subwords(header: Header, table: FloatMatrix) -> Subwords | None:
    if not header.has_ngrams:
        return None
    ids = np.arange(header.bucket)
    return Subwords(max(header.minn, 1), header.maxn, header.bucket, ids, table)


def _notes(header: Header, words: Dictionary) -> list[str]:
    notes = []
    if header.is_classifier:
        notes.append("a classifier: its words were read, what it learnt of its labels was not")
    elif words.labels:
        notes.append(f"{words.labels:,} words that it took for labels have no vectors")
    return notes


def _blocks(
    file: MappedFile, words: Dictionary, own: FloatMatrix, rest: Rest, checker: RowChecker
) -> Iterator[Block]:
    subwords = rest.subwords
    if subwords is not None:
        _check_table(file, subwords.vectors)
    start = 0
    while start < len(words.words):
        texts = _next_texts(words.words, start)
        rows = np.array(own[start : start + len(texts)], np.float32)
        vectors = rows if subwords is None else composed(rows, texts, subwords)
        yield checker.block(texts, vectors, start + 1)
        start += len(texts)
    dropped = [number - 1 for number in checker.skipped]
    rest.counts = np.delete(words.counts, dropped)
    if rest.inputs is not None:
        rest.inputs = without_rows(rest.inputs, dropped)
    checker.finish(rest)


def _next_texts(words: list[bytes], start: int) -> list[bytes]:
    texts = words[start : start + _BLOCK_WORDS]
    ends = np.cumsum([len(text) for text in texts])
    return texts[: max(1, int(np.searchsorted(ends, _BLOCK_BYTES, side="right")))]


def _check_table(file: MappedFile, table: FloatMatrix) -> None:
    for part in row_slices(*table.shape):
        finite = np.isfinite(table[part]).all(axis=1)
        if not finite.all():
            row = part.start + int(finite.argmin())
            raise SourceFormatError(file.path, f"n-gram {row:,} holds NaN or infinity")
        file.release()


def recognises(_path: Path, head: bytes) -> bool:
    """Tell a model by its mark."""
    return head.startswith(MAGIC)


FORMAT = VectorFormat(
    "fasttext",
    "fastText model",
    (".bin",),
    read,
    write,
    recognises,
    keeps=frozenset({"counts", "subwords", "inputs"}),
)
