"""GloVe's text: a word and its numbers on each line, and no header.

The numbers that follow the word of the first line give the size of all vectors.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.base import Reading, Rest, VectorFormat
from embedsearch.vectors.formats.source_file import HEAD
from embedsearch.vectors.formats.text_table import (
    first_line,
    read_text,
    vector_size_of,
    write_text,
)
from embedsearch.vectors.formats.word2vec import text_header

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch.vectors.formats.base import LoadOptions


def _read(path: Path, options: LoadOptions) -> Reading:
    vector_size = vector_size_of(first_line(path))
    if not vector_size:
        raise SourceFormatError(path, "the first line must hold a word and numbers", 1)
    blocks = read_text(path, vector_size, None, options.limit)
    return Reading(vector_size, None, blocks, Rest(), by_line=True)


def _recognises(_path: Path, head: bytes) -> bool:
    """Whether the first line ends with numbers, and is no header of word2vec."""
    line, ended, _ = head.partition(b"\n")
    if not ended and len(head) >= HEAD:
        line = line.rpartition(b" ")[0]
    return text_header(head) is None and b"\0" not in line and vector_size_of(line) > 0


FORMAT = VectorFormat(
    "glove",
    "GloVe text",
    (".glove",),
    _read,
    partial(write_text, header=False),
    _recognises,
    compressed=True,
)
