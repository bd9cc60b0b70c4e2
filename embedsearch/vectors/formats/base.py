"""What a file format of word vectors is to the rest of the program, and how a file is opened."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import COUNT, Choice, Optional, check_fields
from embedsearch._errors import SourceError, SourceFormatError, SourceNotFoundError, VectorError
from embedsearch.text.byte_streams import (
    HEAD as COMPRESSION_HEAD,
    compression_of,
    decompress,
    read_up_to,
)
from embedsearch.text.source_files import unreadable
from embedsearch.text.stream import release
from embedsearch.vectors import ENCODING_ERRORS

if TYPE_CHECKING:
    import io
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedsearch._checks import Constraint
    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.subwords import Subwords
    from embedsearch.vectors.word_vectors import WordVectors

LONGEST_VECTOR = 2**20
"""Dimensions that a vector may have; what claims more is taken for damage."""

_CONSTRAINTS: dict[str, Constraint] = {
    "limit": Optional(COUNT),
    "encoding_errors": Choice(ENCODING_ERRORS),
}
# Half a character, which UTF-8 does not have, ends up here from JSON and broken file names.
_UNUSABLE = re.compile("[\t\n\r\ud800-\udfff]")
_ADVICE = "rename the word, or leave it out"
# 2 MB of float32: large enough that the work of each block is NumPy's, and small for any memory.
_NUMBERS_IN_BLOCK = 2**19


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How a file of vectors is read."""

    limit: int | None = None  # read only so many rows
    # What to do with a word that is not UTF-8: "strict" raises, "replace" puts U+FFFD in place of
    # what is wrong, "skip" leaves the word out.
    encoding_errors: str = "strict"
    allow_pickle: bool = False  # read formats that run code from the file

    def __post_init__(self) -> None:
        check_fields(self, _CONSTRAINTS)


class Block(NamedTuple):
    """Some rows of a file, in its order, as they are there."""

    words: list[bytes]  # their words, as bytes that should be UTF-8
    vectors: FloatMatrix  # `(len(words), d)` float32, not yet checked; the receiver may keep it
    first: int  # the number of the first row, or with `Reading.by_line` of its line


@dataclass(slots=True)
class Rest:
    """What a file holds besides words and vectors; complete when all blocks were read."""

    # `(V,)` int64, how often each word was seen, in the order of the blocks.
    counts: IntVector | None = None
    subwords: Subwords | None = None  # the n-gram vectors of a subword model
    # `(V, d)` float32, the words' own rows if `vectors` are composed with n-grams.
    inputs: FloatMatrix | None = None
    # Lines that the user should read: what was left out, what was assumed.
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file of vectors, opened: its head was read and checked, its rows come in blocks."""

    vector_size: int
    count: int | None  # how many rows it has, if the head says so and fits the size of the file
    blocks: Iterator[Block]  # to be read once, and to the end
    rest: Rest
    by_line: bool = False  # rows are lines of text, and errors name the line


Reader = Callable[[Path, LoadOptions], Reading]
Writer = Callable[[Path, "WordVectors", "Progress", "FloatMatrix | None"], None]


@dataclass(frozen=True, slots=True)
class VectorFormat:
    """A file format."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    # Opens a file. Raises `SourceFormatError`, naming the place, for whatever is wrong with it, at
    # once or while its blocks are read.
    read: Reader
    # Writes word vectors, and the words' own rows (`Rest.inputs`) if there are any, to a new file,
    # after `check_writable`; None if the format can only be read.
    write: Writer | None = None
    # Whether a file is of this format, by its path and its first bytes; they are without
    # compression, and empty for a folder.
    recognises: Callable[[Path, bytes], bool] = lambda _path, _head: False
    compressed: bool = False  # whether `read` undoes gzip, bzip2, xz and zstd
    spaces: bool = True  # whether a written file can hold words with spaces
    # Which of "counts", "subwords" and "inputs" a written file holds.
    keeps: frozenset[str] = frozenset()


def is_usable(word: str) -> bool:
    """Whether a workspace can hold a word: not empty, no tab, no line break, valid Unicode."""
    return bool(word) and _UNUSABLE.search(word) is None


def are_usable(words: Sequence[str]) -> bool:
    """Whether a workspace can hold all words."""
    return "" not in words and _UNUSABLE.search("".join(words)) is None


def check_writable(words: Sequence[str], *, spaces: bool) -> None:
    """Make sure that a file can hold the words, before anything is written."""
    if not words:
        raise VectorError("there are no words to save")
    for row, word in enumerate(words):
        if not is_usable(word):
            what = "tabs, line breaks, halves of characters and empty words cannot be saved"
            raise VectorError(f"the word {word!r} (row {row:,}): {what}; {_ADVICE}")
        if not spaces and " " in word:
            advice = "save as 'safetensors', 'npy', 'projector' or 'parquet', which can"
            reason = "this format cannot hold a word with a space"
            raise VectorError(f"the word {word!r} (row {row:,}): {reason}; {advice}")


def check_size(path: Path, vector_size: int, line: int | None = None) -> None:
    """Refuse vectors without dimensions, or with too many."""
    if not 0 < vector_size <= LONGEST_VECTOR:
        allowed = f"1 to {LONGEST_VECTOR:,} dimensions can be read"
        raise SourceFormatError(path, f"{vector_size:,} dimensions; {allowed}", line)


def row_slices(rows: int, vector_size: int) -> Iterator[slice]:
    """Cut rows into stretches of a few megabytes of numbers."""
    step = max(1, _NUMBERS_IN_BLOCK // vector_size)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def check_matrix(path: Path, matrix: NDArray[Any], words: int) -> None:
    """Refuse an array that cannot be the vectors of so many words."""
    if matrix.dtype.kind not in "fiu" or matrix.ndim != 2:
        shown = f"an array of {matrix.dtype} and shape {matrix.shape}"
        raise SourceFormatError(path, f"the vectors must be a matrix of real numbers, got {shown}")
    check_size(path, matrix.shape[1])
    if len(matrix) != words:
        reason = f"{words:,} words do not fit {len(matrix):,} vectors"
        raise SourceFormatError(path, f"{reason}; one of the two is cut short, or not its own")
    if not words:
        raise SourceFormatError(path, "holds no words")


def matrix_blocks(words: list[bytes], matrix: NDArray[Any], limit: int | None) -> Iterator[Block]:
    """Yield the rows of a matrix of any real type that is mapped from a file."""
    rows = min(len(matrix), limit or len(matrix))
    for part in row_slices(rows, matrix.shape[1]):
        yield Block(words[part], as_float32(matrix[part]), part.start + 1)
        _release(matrix)


def as_float32(part: NDArray[Any]) -> FloatMatrix:
    """Copy some rows; numbers that float32 does not have become infinity."""
    with np.errstate(over="ignore"):
        return part.astype(np.float32, order="C")


def _release(array: Any) -> None:
    # Views of a mapped array have it as their base, some levels down.
    while array is not None:
        if isinstance(array, np.memmap):
            release(array)
            return
        array = getattr(array, "base", None)


HEAD = 2**16
"""Bytes by which formats are recognised."""


class PlainBytes(NamedTuple):
    """The bytes of a file, without compression."""

    stream: io.BufferedReader
    size: int | None  # None for compressed data, which do not say


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Refuse what is empty or no file on a disk; what the system refuses is a `SourceError`."""
    with _system_errors(path):
        _check_file(path)
        yield


def _check_file(path: Path) -> None:
    if not path.exists():
        raise SourceNotFoundError(path, "there is no such file")
    if path.is_dir():
        raise SourceFormatError(path, "is a folder; name the file with the vectors")
    if not path.is_file():
        raise SourceFormatError(path, "is not a file on a disk; save its output, and read that")
    if path.stat().st_size == 0:
        raise SourceFormatError(path, "is empty")


@contextmanager
def open_plain(path: Path) -> Iterator[PlainBytes]:
    """Open a file; gzip, bzip2, xz and zstd are undone as it is read."""
    with reading(path), path.open("rb") as raw:
        kind = compression_of(str(path), raw.peek(COMPRESSION_HEAD)[:COMPRESSION_HEAD])
        if kind:
            yield PlainBytes(decompress(kind, raw, str(path)), None)
        else:
            yield PlainBytes(raw, path.stat().st_size)


@contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except SourceError:
        raise
    except OSError as error:
        raise unreadable(str(path), error) from error


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file, without compression; none for a folder."""
    with _system_errors(path):
        if path.is_dir():
            return b""
        with open_plain(path) as plain:
            return read_up_to(plain.stream, HEAD)


def is_compressed(path: Path) -> bool:
    """Whether a file is compressed, by its first bytes; what is no file is not."""
    with _system_errors(path):
        if not path.is_file() or path.stat().st_size == 0:
            return False
        with open_plain(path) as plain:
            return plain.size is None
