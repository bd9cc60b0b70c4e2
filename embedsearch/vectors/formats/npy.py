"""NumPy's `.npy` with the words in a text next to it.

The words of `NAME.npy` are looked for in the same folder, as `NAME.vocab.txt`, `NAME.words.txt`,
`NAME.vocab`, `NAME.txt`, `vocab.txt` and `words.txt`, in this order; `NAME.vocab.txt` is
written. Each line is a word, or a word, a tab and its count; line n belongs to row n. The array
is `(V, d)`, of any real type; it is never unpickled.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import SourceFormatError, SourceNotFoundError
from embedsearch._messages import cut
from embedsearch.vectors.formats.base import (
    Reading,
    Rest,
    VectorFormat,
    check_matrix,
    matrix_blocks,
    reading,
)
from embedsearch.vectors.formats.text_table import read_lines, split_counts, write_words

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors

_OWN_WORDS = (".vocab.txt", ".words.txt", ".vocab", ".txt")
_SHARED_WORDS = ("vocab.txt", "words.txt")


def map_array(path: Path) -> NDArray[Any]:
    """Map a matrix of real numbers."""
    try:
        with warnings.catch_warnings():
            # Files of Python 2, and sizes that overflow.
            warnings.simplefilter("ignore")
            array = np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except Exception as error:
        # Headers are parsed as Python, and damaged ones fail in many ways.
        cause = cut(str(error).partition("\n")[0], 120)
        reason = f"must be a matrix of real numbers, in an undamaged file ({cause})"
        raise SourceFormatError(path, f"{reason}; fetch or save it again") from error
    if array.dtype.kind not in "fiu" or array.ndim != 2 or not array.size:
        shown = f"an array of {array.dtype} and shape {array.shape}"
        raise SourceFormatError(path, f"must be a matrix of real numbers, not {shown}")
    extra = path.stat().st_size - array.offset - array.nbytes
    if extra:
        raise SourceFormatError(path, f"{extra:,} bytes follow its array; fetch or save it again")
    return array


def _read(path: Path, options: LoadOptions) -> Reading:
    with reading(path):
        matrix = map_array(path)
    words_file = _words_file(path)
    words, counts = split_counts(words_file, read_lines(words_file))
    check_matrix(path, matrix, len(words))
    blocks = matrix_blocks(words, matrix, options.limit)
    return Reading(matrix.shape[1], len(words), blocks, Rest(counts=counts))


def _write(
    path: Path, vectors: WordVectors, progress: Progress, _inputs: FloatMatrix | None
) -> None:
    words = vectors.index_to_key
    with progress.task("writing vectors", len(words), "words") as task:
        with path.open("wb") as file:
            np.save(file, vectors.vectors, allow_pickle=False)
        write_words(path.with_name(path.stem + _OWN_WORDS[0]), words, vectors.counts)
        task.advance(len(words))


def _words_file(path: Path) -> Path:
    names = [path.stem + ending for ending in _OWN_WORDS] + list(_SHARED_WORDS)
    for name in names:
        if (words_file := path.with_name(name)).is_file():
            return words_file
    expected = f"{', '.join(names[:-1])} or {names[-1]}"
    reason = f"its words are not there; put them, one on each line, into {expected}, next to it"
    raise SourceNotFoundError(path, reason)


FORMAT = VectorFormat(
    "npy",
    "NumPy array with its words next to it",
    (".npy",),
    _read,
    _write,
    lambda _path, head: head.startswith(b"\x93NUMPY"),
    keeps=frozenset({"counts"}),
)
