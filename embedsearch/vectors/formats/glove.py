"""GloVe's text: a word and its numbers on each line, and no header.

The first line tells how many numbers follow a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.base import Reading, Rest, VectorFormat
from embedsearch.vectors.formats.headers import text_header
from embedsearch.vectors.formats.opening import HEAD
from embedsearch.vectors.formats.text_rows import first_line, read_text, vector_size_of
from embedsearch.vectors.formats.text_writing import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors


def read(path: Path, options: LoadOptions) -> Reading:
    """Open a text; see `base.Reader`."""
    vector_size = vector_size_of(first_line(path))
    if not vector_size:
        raise SourceFormatError(path, "the first line must hold a word and numbers", 1)
    rest = Rest()
    return Reading(vector_size, None, read_text(path, vector_size, None, options, rest), rest)


def write(
    path: Path, vectors: WordVectors, progress: Progress, _inputs: FloatMatrix | None = None
) -> None:
    """Write a text; see `base.Writer`."""
    write_text(path, vectors, progress)


def recognises(_path: Path, head: bytes) -> bool:
    """Tell such a text by the numbers at the end of its first line."""
    line, ended, _ = head.partition(b"\n")
    if not ended and len(head) >= HEAD:
        line = line.rpartition(b" ")[0]
    return text_header(head) is None and b"\0" not in line and vector_size_of(line) > 0


FORMAT = VectorFormat("glove", "GloVe text", (".glove",), read, write, recognises, True)
