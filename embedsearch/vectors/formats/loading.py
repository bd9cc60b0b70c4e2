"""Word vectors from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._errors import SourceFormatError
from embedsearch._progress import SilentProgress
from embedsearch.vectors.formats.base import LoadOptions
from embedsearch.vectors.formats.collecting import FileSink, MemorySink, collect
from embedsearch.vectors.formats.opening import is_compressed
from embedsearch.vectors.formats.registry import detect, vector_format
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import Reading, Rest, VectorFormat

_RAW = "imported.float32"


class Imported(NamedTuple):
    """What `read_into` read.

    Attributes:
        format: The name of the format.
        words: The words, each once.
        vectors: `(V, d)` float32, mapped from a file in the folder.
        rest: What else the file holds, row for row with the words.
    """

    format: str
    words: list[str]
    vectors: FloatMatrix
    rest: Rest


def load_vectors(
    path: str | Path,
    format: str = "auto",
    *,
    limit: int | None = None,
    encoding_errors: str = "strict",
    allow_pickle: bool = False,
    progress: Progress | None = None,
) -> WordVectors:
    """Read word vectors into memory.

    Of a word that stands twice the first is kept; empty words and those with a tab or a line
    break are left out. `progress` is told of both.

    Args:
        path: A file or a folder. Texts and word2vec's binary may be compressed with gzip,
            bzip2, xz or zstd.
        format: One of `VECTOR_FORMATS`; "auto" looks at the first bytes, then at the name.
        limit: Read only the first so many rows; None reads all.
        encoding_errors: What to do with a word that is not UTF-8: "strict" raises, "replace"
            puts U+FFFD in place of what is wrong, "skip" leaves the word out.
        allow_pickle: Read formats that run code from the file. Only for files that you made.
        progress: A listener.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceFormatError: It is damaged, holds NaN or infinity, or is of no known format.
        ParameterError: A setting is not what it may be.
        MissingExtraError: The format needs an optional package.
    """
    path, progress = Path(path), progress or SilentProgress()
    options = LoadOptions(limit=limit, encoding_errors=encoding_errors, allow_pickle=allow_pickle)
    _, reading = _opened(path, format, options)
    sink = MemorySink()
    words = collect(path, reading, sink, progress)
    rest = reading.rest
    return WordVectors(sink.joined(), words, rest.counts, rest.subwords, check=False)


def read_into(
    folder: Path,
    path: Path,
    format: str = "auto",
    options: LoadOptions | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Read word vectors into a file of bare float32, and map it.

    Memory is bounded by the words and a few megabytes, whatever the vectors take; n-gram vectors
    and `Rest.inputs` come as their format gives them.

    Args:
        folder: Where the file is made; it is the caller's to remove.
        path: See `load_vectors`.
        format: See `load_vectors`.
        options: See `LoadOptions`.
        progress: A listener.

    Raises:
        EmbedSearchError: See `load_vectors`.
        OSError: The folder cannot be written to.
    """
    found, reading = _opened(path, format, options or LoadOptions())
    raw = folder / _RAW
    try:
        with raw.open("wb") as file:
            words = collect(path, reading, FileSink(file), progress or SilentProgress())
        shape = len(words), reading.vector_size
        vectors = np.memmap(raw, np.float32, mode="r", shape=shape).view(np.ndarray)
    except BaseException:
        raw.unlink(missing_ok=True)
        raise
    return Imported(found.name, words, vectors, reading.rest)


def _opened(path: Path, format: str, options: LoadOptions) -> tuple[VectorFormat, Reading]:
    found = detect(path) if format == "auto" else vector_format(format)
    if not found.compressed and is_compressed(path):
        reason = f"{found.title} cannot be read from compressed data; unpack the file first"
        raise SourceFormatError(path, reason)
    return found, found.read(path, options)
