"""NumPy's `.npy` with the words in a text beside it.

The words of `NAME.npy` are looked for in the same folder, as `NAME.vocab.txt`, `NAME.words.txt`,
`NAME.vocab`, `NAME.txt`, `vocab.txt` and `words.txt`, in this order; `NAME.vocab.txt` is
written. Each line is a word, or a word, a tab and its count; line n belongs to row n. The array
is `(V, d)`, of any real type; it is never unpickled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import SourceNotFoundError
from embedsearch.vectors.formats.base import Reading, Rest, VectorFormat
from embedsearch.vectors.formats.npy_header import MAGIC, map_array
from embedsearch.vectors.formats.opening import check_file, reading_errors
from embedsearch.vectors.formats.stored import check_matrix, stored_blocks
from embedsearch.vectors.formats.word_lists import read_lines, split_counts
from embedsearch.vectors.formats.words import check_writable

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors

_OWN_WORDS = (".vocab.txt", ".words.txt", ".vocab", ".txt")
_SHARED_WORDS = ("vocab.txt", "words.txt")


def read(path: Path, options: LoadOptions) -> Reading:
    """Open an array and its words; see `base.Reader`."""
    with reading_errors(path):
        check_file(path)
        matrix = map_array(path)
    beside = _words_beside(path)
    words, counts = split_counts(beside, read_lines(beside))
    check_matrix(path, matrix, len(words))
    rest = Rest(counts=counts)
    blocks = stored_blocks(path, words, matrix, options, rest)
    return Reading(matrix.shape[1], len(words), blocks, rest)


def write(
    path: Path, vectors: WordVectors, progress: Progress, _inputs: FloatMatrix | None = None
) -> None:
    """Write an array and its words; see `base.Writer`."""
    words = vectors.index_to_key
    check_writable(words, spaces=True)
    counts = vectors.counts
    with progress.task("writing vectors", len(words), "words") as task:
        with path.open("wb") as file:
            np.save(file, vectors.vectors, allow_pickle=False)
        if counts is not None:
            lines = (f"{word}\t{n}\n" for word, n in zip(words, counts.tolist(), strict=True))
        else:
            lines = (f"{word}\n" for word in words)
        beside = path.with_name(path.stem + _OWN_WORDS[0])
        with beside.open("w", encoding="utf-8", newline="\n") as text:
            text.writelines(lines)
        task.advance(len(words))


def recognises(_path: Path, head: bytes) -> bool:
    """Tell an array by its magic string."""
    return head.startswith(MAGIC)


def _words_beside(path: Path) -> Path:
    names = [path.stem + ending for ending in _OWN_WORDS] + list(_SHARED_WORDS)
    for name in names:
        if (beside := path.with_name(name)).is_file():
            return beside
    wanted = f"{', '.join(names[:-1])} or {names[-1]}"
    reason = f"its words are not beside it; put them, one on each line, into {wanted}"
    raise SourceNotFoundError(path, reason)


FORMAT = VectorFormat(
    "npy",
    "NumPy array with its words beside it",
    (".npy",),
    read,
    write,
    recognises,
    keeps=frozenset({"counts"}),
)
