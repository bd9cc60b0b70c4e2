"""Models in the binary format of Facebook's fastText (`.bin`), with their n-grams.

The layout, little-endian: a header (`Header`); a dictionary (`Dictionary`); a byte that says
whether the input side is compressed; the input side, whose first rows are the words' own and whose
others are those of the table of n-grams; a byte for the output side; the output side. A matrix is
its two dimensions (int64) and its float32 numbers, row by row.

Unknown words get the vectors that fastText and gensim give them: for that, all rows of the table
are kept, also those that no word of the vocabulary has, which training never touched.
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from embedsearch._errors import SourceFormatError, VectorError
from embedsearch.vectors.formats.base import (
    Block,
    Reading,
    Rest,
    VectorFormat,
    reading,
    row_slices,
)
from embedsearch.vectors.subwords import END_OF_LINE, Subwords, active_ngrams, compose, own_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from embedsearch._progress import Progress, Task
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.formats.base import LoadOptions
    from embedsearch.vectors.word_vectors import WordVectors

_MAGIC = (793712314).to_bytes(4, "little")
_VERSION, _OLD_VERSION = 12, 11
_SETTINGS = "12id"
_CLASSIFIER = 3
# No language needs more; without a bound a long word and a wrong number would fill the memory.
_LONGEST_NGRAM = 64
_COMPRESSED = (
    "a compressed model (.ftz), whose vectors are only approximations; "
    "take the .bin file that it was made from"
)
_NOT_COMPRESSED = b"\0"
# The NUL of an empty text, a count and a kind.
_SHORTEST_ENTRY = 1 + 8 + 1
_LONGEST_WORD = 1 << 16
_WORD, _LABEL = 0, 1
# Composing takes memory for all n-grams of so many words, and each byte begins up to `maxn`.
_BLOCK_WORDS, _BLOCK_BYTES = 2048, 1 << 16
# Tables of n-grams are large and mostly zeros: they are made a few rows at a time.
_ROWS_WRITTEN = 4096


class MappedFile:
    """A mapped file, read from its beginning to its end; nothing is copied.

    What the file claims is compared with its size before it is believed.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.position = path, 0
        with reading(path), path.open("rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    @property
    def left(self) -> int:
        """The number of bytes that have not been read."""
        return len(self.data) - self.position

    def take(self, layout: str, what: str) -> tuple[Any, ...]:
        """Read a few numbers; `layout` is that of `struct`, little-endian."""
        layout = f"<{layout}"
        self.need(struct.calcsize(layout), what)
        values = struct.unpack_from(layout, self.data, self.position)
        self.position += struct.calcsize(layout)
        return values

    def take_text(self, longest: int, what: str) -> bytes:
        """Read the bytes before the next NUL, and pass over it."""
        end = self.data.find(b"\0", self.position, self.position + longest + 1)
        if end < 0:
            reason = f"{what} does not end" if self.left <= longest else f"{what} is too long"
            raise self.error(reason)
        text = self.data[self.position : end]
        self.position = end + 1
        return text

    def take_matrix(self, columns: int, what: str) -> FloatMatrix:
        """Map a matrix that follows its two dimensions; pages are read when used."""
        rows, found = self.take("qq", f"the size of {what}")
        if rows < 0 or found != columns:
            raise self.error(f"{what} is {rows:,} × {found:,}, of {columns:,} dimensions")
        self.need(rows * columns * 4, f"{what}, {rows:,} × {columns:,}")
        flat = np.frombuffer(self.data, "<f4", rows * columns, self.position)
        self.position += flat.nbytes
        return flat.reshape(rows, columns)

    def release(self) -> None:
        """Let go of the pages that were read; reading on brings them back."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.data.madvise(mmap.MADV_DONTNEED)

    def need(self, size: int, what: str) -> None:
        """Refuse a file that is too short for `size` more bytes."""
        if size > self.left:
            raise self.error(f"{what} needs {size:,} bytes, {max(self.left, 0):,} are left")

    def error(self, reason: str) -> SourceFormatError:
        """Make the error that says where reading stopped."""
        return SourceFormatError(
            self.path, f"not an intact fastText model: at byte {self.position:,}: {reason}"
        )


class Header(NamedTuple):
    """The settings, in the order of the file; the defaults are fastText's.

    They follow a magic number and the version. The layout is that of `Args::save` in Facebook's
    fastText: int32 but for `t`. Version 12 differs from 11 only in that classifiers may have
    character n-grams.
    """

    dim: int
    ws: int = 5  # words on each side that are context
    epoch: int = 5
    min_count: int = 1
    neg: int = 5
    word_ngrams: int = 1  # the longest run of words that a classifier takes as one
    loss: int = 2  # 1 hierarchical softmax, 2 negative sampling, 3 softmax, 4 one against all
    model: int = 2  # 1 CBOW, 2 skip-gram, 3 a classifier
    bucket: int = 0  # rows of the table of n-grams
    minn: int = 0  # the shortest n-gram, in characters
    maxn: int = 0  # the longest; 0 for none
    lr_update_rate: int = 100  # words between two changes of the learning rate
    t: float = 1e-4  # the threshold above which frequent words are subsampled

    @property
    def is_classifier(self) -> bool:
        """Whether it was trained to predict labels."""
        return self.model == _CLASSIFIER

    @property
    def has_ngrams(self) -> bool:
        """Whether words are composed with their character n-grams."""
        return self.bucket > 0 and self.maxn >= max(self.minn, 1)

    def to_bytes(self) -> bytes:
        """Return what a file begins with."""
        try:
            return _MAGIC + struct.pack(f"<i{_SETTINGS}", _VERSION, *self)
        except struct.error as error:
            raise VectorError(f"a fastText model has no room for {self}: {error}") from error


class Dictionary(NamedTuple):
    """The words that are wanted, from the first row on, as bytes that should be UTF-8.

    The layout is that of `Dictionary::save` in Facebook's fastText: the number of entries, of
    words and of labels (int32); of tokens, and of pruned n-grams or -1 (int64); then for each
    entry its text, a NUL, its count (int64) and its kind (int8: 0 a word, 1 a label). Words come
    first.
    """

    words: list[bytes]
    counts: IntVector
    total: int  # words of the file; the rows of the n-grams begin after them
    labels: int


def _read(path: Path, options: LoadOptions) -> Reading:
    """Open a model; its matrices are mapped, and stay so while anything of them is in use.

    Labels of a classifier are left out, and so is the output side. Files of versions 11 and 12
    are read; compressed ones (`.ftz`) are not.
    """
    file = MappedFile(path)
    header = _read_header(file)
    words = _read_dictionary(file, options.limit)
    inputs = _read_matrices(file, header, words.total)
    own, subwords = inputs[: len(words.words)], _subwords(header, inputs[words.total :])
    rest = Rest(words.counts, subwords, own if subwords else None, _notes(header, words))
    blocks = _blocks(file, words.words, own, subwords)
    return Reading(header.dim, len(words.words), blocks, rest)


def _read_header(file: MappedFile) -> Header:
    if file.data[: len(_MAGIC)] != _MAGIC:
        raise file.error("no magic number of fastText (models from before 2017 have none)")
    file.position = len(_MAGIC)
    (version,) = file.take("i", "the version")
    if version not in (_OLD_VERSION, _VERSION):
        raise file.error(f"version {version} is not known, only 11 and 12 are")
    header = Header(*file.take(_SETTINGS, "the settings"))
    if header.dim < 1 or header.bucket < 0:
        raise file.error(f"{header.dim} dimensions and {header.bucket} n-grams are impossible")
    if version == _OLD_VERSION and header.is_classifier:
        header = header._replace(maxn=0)
    if header.maxn > _LONGEST_NGRAM:
        raise file.error(f"n-grams of {header.maxn:,} characters; {_LONGEST_NGRAM} is the most")
    return header


def _read_dictionary(file: MappedFile, limit: int | None) -> Dictionary:
    """Read the first `limit` words, or all, and pass over what follows them."""
    size, total, labels, _, pruned = file.take("3i2q", "the dictionary's size")
    if total < 1:
        raise file.error("it has no words")
    if labels < 0 or size != total + labels:
        raise file.error(f"{total:,} words and {labels:,} labels are not {size:,} entries")
    if pruned >= 0:
        raise SourceFormatError(file.path, _COMPRESSED)
    file.need(size * _SHORTEST_ENTRY, f"a dictionary of {size:,} entries")
    wanted = min(total, limit or total)
    entries = [_read_entry(file, number, _WORD) for number in range(wanted)]
    # The matrices begin after the last entry, wherever that is.
    for number in range(wanted, size):
        _read_entry(file, number, _WORD if number < total else _LABEL)
    counts = np.fromiter((count for _, count in entries), np.int64, wanted)
    return Dictionary([word for word, _ in entries], counts, total, labels)


def _read_entry(file: MappedFile, number: int, expected: int) -> tuple[bytes, int]:
    text = file.take_text(_LONGEST_WORD, f"entry {number:,} of the dictionary")
    count, kind = file.take("qb", f"entry {number:,} of the dictionary")
    if kind != expected or count < 0:
        raise file.error(f"entry {number:,} of the dictionary, {text[:40]!r}, makes no sense")
    return text, count


def _read_matrices(file: MappedFile, header: Header, words: int) -> FloatMatrix:
    (compressed,) = file.take("b", "the kind of the input side")
    if compressed:
        raise SourceFormatError(file.path, _COMPRESSED)
    inputs = file.take_matrix(header.dim, "the input side")
    if len(inputs) != words + header.bucket:
        announced = f"{words:,} words and {header.bucket:,} n-grams were announced"
        raise file.error(f"{announced}, not {len(inputs):,} rows")
    file.take("b", "the kind of the output side")
    file.take_matrix(header.dim, "the output side")
    if file.left:
        raise file.error(f"{file.left:,} bytes follow its end")
    return inputs


def _subwords(header: Header, table: FloatMatrix) -> Subwords | None:
    if not header.has_ngrams:
        return None
    ids = np.arange(header.bucket)
    return Subwords(max(header.minn, 1), header.maxn, header.bucket, ids, table)


def _notes(header: Header, words: Dictionary) -> list[str]:
    if header.is_classifier:
        return ["a classifier: its words were read, what it learnt of its labels was not"]
    if words.labels:
        return [f"{words.labels:,} words that it took for labels have no vectors"]
    return []


def _blocks(
    file: MappedFile, words: list[bytes], own: FloatMatrix, subwords: Subwords | None
) -> Iterator[Block]:
    if subwords is not None:
        _check_table(file, subwords.vectors)
    for part in word_slices(words):
        rows = np.array(own[part], np.float32)
        vectors = rows if subwords is None else compose(rows, words[part], subwords)
        yield Block(words[part], vectors, part.start + 1)


def word_slices(words: Sequence[bytes], most_bytes: int = _BLOCK_BYTES) -> Iterator[slice]:
    """Cut words into stretches of at most `most_bytes`, but for a single long word."""
    start = 0
    while start < len(words):
        ends = np.cumsum([len(word) for word in words[start : start + _BLOCK_WORDS]])
        stop = start + max(1, int(np.searchsorted(ends, most_bytes, side="right")))
        yield slice(start, stop)
        start = stop


def _check_table(file: MappedFile, table: FloatMatrix) -> None:
    # Of unknown words any row may be used, so that all have to be sound.
    for part in row_slices(*table.shape):
        finite = np.isfinite(table[part]).all(axis=1)
        if not finite.all():
            row = part.start + int(finite.argmin())
            raise SourceFormatError(file.path, f"n-gram {row:,} holds NaN or infinity")
        file.release()


def _write(
    path: Path, vectors: WordVectors, progress: Progress, inputs: FloatMatrix | None
) -> None:
    """Write a model of version 12, described as skip-gram with negative sampling.

    Without n-grams it is one of `maxn` 0 and no table. With them the table is written in full,
    as the format wants it: a row that ours does not have is zeros there, so that the vector
    which fastText gives to an unknown word may be shorter than ours, but points the same way.
    The output side, which is not part of word vectors, is zeros; a count of 0, or of a
    vocabulary that has none, becomes 1, as the readers need.

    Without `inputs` the words' own rows are found from the vectors; what fastText composes then
    agrees to about 1e-7 of the largest number that is summed.
    """
    if inputs is not None and inputs.shape != vectors.vectors.shape:
        raise VectorError(f"own rows {inputs.shape} do not fit vectors {vectors.vectors.shape}")
    subwords = active_ngrams(vectors.subwords)
    header = _header(vectors, subwords).to_bytes()
    dictionary = _dictionary_bytes(vectors)
    rows, size = vectors.vectors.shape
    bucket = subwords.bucket if subwords else 0
    with (
        path.open("wb") as file,
        progress.task("writing vectors", 2 * rows + bucket, "rows") as task,
    ):
        file.write(header + dictionary + _NOT_COMPRESSED)
        file.write(struct.pack("<2q", rows + bucket, size))
        _write_rows(file, task, _own(vectors, subwords, inputs))
        if subwords is not None:
            _write_rows(file, task, _table(subwords))
        file.write(_NOT_COMPRESSED + struct.pack("<2q", rows, size))
        _write_rows(file, task, (np.zeros((n, size), np.float32) for n in map(len, _parts(rows))))


def _header(vectors: WordVectors, subwords: Subwords | None) -> Header:
    if subwords is None:
        return Header(vectors.vector_size)
    return Header(
        vectors.vector_size, bucket=subwords.bucket, minn=subwords.min_n, maxn=subwords.max_n
    )


def _dictionary_bytes(vectors: WordVectors) -> bytes:
    words = vectors.index_to_key
    counts = [1] * len(words)
    if vectors.counts is not None:
        counts = np.maximum(vectors.counts, 1).tolist()
    head = struct.pack("<3i2q", len(words), len(words), 0, sum(counts), -1)
    tails = (struct.pack("<qb", count, _WORD) for count in counts)
    return head + b"".join(_packed(word) + tail for word, tail in zip(words, tails, strict=True))


def _packed(word: str) -> bytes:
    text = word.encode()
    if b"\0" in text or len(text) > _LONGEST_WORD:
        raise VectorError(
            f"a fastText model cannot hold the word {word[:40]!r}: it has a NUL character, or "
            f"more than {_LONGEST_WORD:,} bytes; leave it out"
        )
    return text + b"\0"


def _own(
    vectors: WordVectors, subwords: Subwords | None, inputs: FloatMatrix | None
) -> Iterator[FloatMatrix]:
    for part in _parts(len(vectors)):
        rows = vectors.vectors[part.start : part.stop]
        if subwords is not None:
            texts = [vectors.index_to_key[row].encode() for row in part]
            if inputs is None:
                rows = own_rows(rows, texts, subwords)
            else:
                # fastText does not compose this word, whoever trained it may have done so.
                ends = np.array([text == END_OF_LINE for text in texts])
                rows = np.where(ends[:, np.newaxis], rows, inputs[part.start : part.stop])
        yield rows


def _table(subwords: Subwords) -> Iterator[FloatMatrix]:
    for part in _parts(subwords.bucket):
        first, last = np.searchsorted(subwords.ids, (part.start, part.stop))
        rows = np.zeros((len(part), subwords.vectors.shape[1]), np.float32)
        rows[subwords.ids[first:last] - part.start] = subwords.vectors[first:last]
        yield rows


def _parts(rows: int) -> Iterator[range]:
    for start in range(0, rows, _ROWS_WRITTEN):
        yield range(start, min(start + _ROWS_WRITTEN, rows))


def _write_rows(file: BinaryIO, task: Task, blocks: Iterator[FloatMatrix]) -> None:
    for rows in blocks:
        file.write(np.ascontiguousarray(rows, "<f4").data)
        task.advance(len(rows))


FORMAT = VectorFormat(
    "fasttext",
    "fastText model",
    (".bin",),
    _read,
    _write,
    lambda _path, head: head.startswith(_MAGIC),
    keeps=frozenset({"counts", "subwords", "inputs"}),
)
