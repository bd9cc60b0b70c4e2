"""word2vec's text, which fastText's `.vec` is too.

The first line holds the number of words and of dimensions; each other line holds a word and its
numbers, with spaces or tabs between. Text is UTF-8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch.vectors.formats.base import Reading, Rest, VectorFormat
from embedsearch.vectors.formats.headers import read_header, rows_are_text, text_header
from embedsearch.vectors.formats.text_rows import read_text
from embedsearch.vectors.formats.text_writing import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors


def read(path: Path, options: LoadOptions) -> Reading:
    """Open a text; see `base.Reader`."""
    # A row is at least a line end, and each number a space and a digit.
    header, compared = read_header(path, row_bytes=1, number_bytes=2)
    rest = Rest()
    blocks = read_text(path, header.vector_size, header.count, options, rest)
    return Reading(header.vector_size, header.count if compared else None, blocks, rest)


def write(
    path: Path, vectors: WordVectors, progress: Progress, _inputs: FloatMatrix | None = None
) -> None:
    """Write a text; see `base.Writer`."""
    header = f"{len(vectors)} {vectors.vector_size}\n"
    write_text(path, vectors, progress, header)


def recognises(_path: Path, head: bytes) -> bool:
    """Tell such a text by its first line and the row that follows."""
    header = text_header(head)
    return header is not None and rows_are_text(head, header)


FORMAT = VectorFormat(
    "word2vec", "word2vec or fastText text", (".vec", ".w2v", ".txt"), read, write, recognises, True
)
