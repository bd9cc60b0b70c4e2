"""What every file format of word vectors is to the rest of the program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.subwords import Subwords
    from embedsearch.vectors.word_vectors import WordVectors

ENCODING_ERRORS = ("strict", "replace", "skip")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How a file of vectors is read.

    Attributes:
        limit: Read only the first so many words; None reads all.
        encoding_errors: What to do with a word that is not UTF-8: "strict" raises, "replace"
            puts U+FFFD in place of what is wrong, "skip" leaves the word out.
        allow_pickle: Read formats that run code from the file. Only for files that you made.
    """

    limit: int | None = None
    encoding_errors: str = "strict"
    allow_pickle: bool = False

    def __post_init__(self) -> None:
        if self.limit is not None and (isinstance(self.limit, bool) or self.limit < 1):
            raise ParameterError("limit", "a whole number, 1 or more", self.limit)
        if self.encoding_errors not in ENCODING_ERRORS:
            raise ParameterError(
                "encoding_errors", f"one of {', '.join(ENCODING_ERRORS)}", self.encoding_errors
            )


class Block(NamedTuple):
    """Some rows of a file, in its order.

    Attributes:
        words: Their words.
        vectors: `(len(words), d)` float32; the receiver may keep it.
    """

    words: list[str]
    vectors: FloatMatrix


@dataclass(slots=True)
class Rest:
    """What a file holds beside words and vectors; filled while its blocks are read.

    Attributes:
        counts: `(V,)` int64, how often each word was seen, in the order of the blocks.
        subwords: The n-gram vectors of a subword model.
        inputs: `(V, d)` float32, the words' own rows where `vectors` are composed with n-grams.
        notes: Lines that the user should read: what was left out, what was assumed.
    """

    counts: IntVector | None = None
    subwords: Subwords | None = None
    inputs: FloatMatrix | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file of vectors, opened: its head has been read and checked, its rows come in blocks.

    Attributes:
        vector_size: The number of dimensions, d.
        count: How many rows it has, where the head says so; believed only after a comparison
            with the size of the file.
        blocks: The rows; to be read once, and to its end.
        rest: Complete when `blocks` has ended.
    """

    vector_size: int
    count: int | None
    blocks: Iterator[Block]
    rest: Rest


Reader = Callable[[Path, LoadOptions], Reading]
Writer = Callable[[Path, "WordVectors", "Progress", "FloatMatrix | None"], None]


@dataclass(frozen=True, slots=True)
class VectorFormat:
    """A file format.

    Attributes:
        name: What users choose it by.
        title: What it is, for people.
        suffixes: Endings of file names that stand for it.
        read: Opens a file. Raises `SourceFormatError`, naming the place, for whatever is wrong
            with it, at once or while its blocks are read.
        write: Writes word vectors, and the words' own rows (see `Rest.inputs`) where there are
            any, to a new file; None where the format can only be read.
        recognises: Tells from the first bytes whether a file is of this format; they are without
            compression, and none for a folder.
        compressed: Whether `read` undoes gzip, bzip2, xz and zstd.
        keeps: Which of "counts", "subwords" and "inputs" a written file holds.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    read: Reader
    write: Writer | None = None
    recognises: Callable[[Path, bytes], bool] = lambda _path, _head: False
    compressed: bool = False
    keeps: frozenset[str] = frozenset()
