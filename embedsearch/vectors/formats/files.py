"""Word vectors from files and to files, of any format.

What is read is checked row by row, and each word is kept once; what is written is whole or absent.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._errors import ParameterError, SourceFormatError, StorageError
from embedsearch._io import flush_file, flush_folder
from embedsearch._messages import counted
from embedsearch._progress import listener_of
from embedsearch.text.byte_streams import without_suffix
from embedsearch.vectors.formats import WRITABLE_FORMATS, by_suffix, detect, vector_format
from embedsearch.vectors.formats.base import (
    LoadOptions,
    are_usable,
    check_writable,
    is_compressed,
    is_usable,
)
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import Block, Reading, Rest, VectorFormat, Writer

# Without a header: how many rows there are is known only in the end.
_RAW = "imported.float32"
_UNUSABLE = "left out: empty, or with a tab or a line break"


class Imported(NamedTuple):
    """What `read_into` read."""

    format: str
    words: list[str]
    vectors: FloatMatrix  # `(V, d)` float32, mapped from a file in the folder
    rest: Rest  # row for row with the words


def load_vectors(
    path: str | Path,
    format: str = "auto",
    *,
    limit: int | None = None,
    encoding_errors: str = "strict",
    allow_pickle: bool = False,
    progress: Progress | None = None,
) -> WordVectors:
    """Read word vectors into memory; see the public function of this name."""
    options = LoadOptions(limit=limit, encoding_errors=encoding_errors, allow_pickle=allow_pickle)
    path = Path(path)
    _, reading = _open(path, format, options)
    blocks: list[FloatMatrix] = []
    words = _collect(path, reading, options, blocks.append, progress)
    rest = reading.rest
    return WordVectors(_joined(blocks), words, rest.counts, rest.subwords, check=False)


def read_into(
    folder: Path,
    path: Path,
    format: str = "auto",
    options: LoadOptions | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Read word vectors into a file of bare float32 in `folder`, and map it.

    Memory is bounded by the words and a few megabytes, whatever the vectors take; n-gram vectors
    and `Rest.inputs` come as their format has them. The file is the caller's to remove.
    """
    options = options or LoadOptions()
    found, reading = _open(path, format, options)
    raw = folder / _RAW
    try:
        with raw.open("wb") as file:

            def write(vectors: FloatMatrix) -> None:
                file.write(np.ascontiguousarray(vectors).data)

            words = _collect(path, reading, options, write, progress)
        shape = len(words), reading.vector_size
        # A plain array: the memmap type makes every slice and sum slower.
        vectors = np.memmap(raw, np.float32, mode="r", shape=shape).view(np.ndarray)
    except BaseException:
        # Also when interrupted: it may have gigabytes.
        raw.unlink(missing_ok=True)
        raise
    return Imported(found.name, words, vectors, reading.rest)


def _open(path: Path, format: str, options: LoadOptions) -> tuple[VectorFormat, Reading]:
    found = detect(path) if format == "auto" else vector_format(format)
    if not found.compressed and is_compressed(path):
        reason = f"{found.title} cannot be read from compressed data; unpack the file first"
        raise SourceFormatError(path, reason)
    return found, found.read(path, options)


def _collect(
    path: Path,
    reading: Reading,
    options: LoadOptions,
    add: Callable[[FloatMatrix], None],
    progress: Progress | None,
) -> list[str]:
    """Give `add` the vectors of the rows that are kept, cut `reading.rest` to them: the words."""
    progress = listener_of(progress)
    rows = _RowCollector(path, options.encoding_errors, by_line=reading.by_line)
    with progress.task("reading vectors", reading.count, "words") as task:
        for block in reading.blocks:
            add(rows.take(block))
            task.advance(len(block.words))
    if not rows.words:
        raise SourceFormatError(path, "holds no words that can be kept")
    rest = reading.rest
    if rest.counts is not None:
        rest.counts = rows.select(rest.counts)
    if rest.inputs is not None:
        rest.inputs = rows.select(rest.inputs)
    rest.notes += rows.notes()
    for note in rest.notes:
        progress.note(note)
    return list(rows.words)


def _joined(blocks: list[FloatMatrix]) -> FloatMatrix:
    """Concatenate blocks, and empty the list."""
    rows = sum(map(len, blocks))
    joined = np.empty((rows, blocks[0].shape[1]), dtype=np.float32)
    while blocks:
        # Each block goes as its copy comes, so that there never are two of everything.
        block = blocks.pop()
        joined[rows - len(block) : rows] = block
        rows -= len(block)
    return joined


class _RowCollector:
    """Checks the rows of a file, decodes their words, and keeps each usable word once."""

    def __init__(self, path: Path, encoding_errors: str, *, by_line: bool) -> None:
        self._path, self._errors, self._by_line = path, encoding_errors, by_line
        self.words: dict[str, None] = {}
        self._seen = self._replaced = self._skipped = 0
        self._dropped: list[int] = []
        self._repeated: list[str] = []
        self._unusable: list[str] = []

    def take(self, block: Block) -> FloatMatrix:
        """Return the vectors that are kept."""
        self._check_numbers(block)
        start, self._seen = self._seen, self._seen + len(block.words)
        texts: Sequence[str | None]
        try:
            texts = decoded = [word.decode() for word in block.words]
        except UnicodeDecodeError:
            texts = [self._decoded(word, block.first + n) for n, word in enumerate(block.words)]
        else:
            # Most blocks are without fault, which is cheap to see for all words at once.
            new = dict.fromkeys(decoded)
            is_new = len(new) == len(decoded) and self.words.keys().isdisjoint(new)
            if is_new and are_usable(decoded):
                self.words.update(new)
                return block.vectors
        kept = [n for n, text in enumerate(texts) if self._add(text, start + n)]
        return block.vectors[np.array(kept, dtype=np.int64)]

    def select(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return those rows of an array with a row for each of the file that are kept."""
        seen = array[: self._seen]
        return np.delete(seen, self._dropped, axis=0) if self._dropped else seen

    def notes(self) -> list[str]:
        """Say what was changed or left out."""
        return [
            *_note(self._replaced, "read with U+FFFD in place of what is not UTF-8"),
            *_note(self._skipped, "left out: not UTF-8"),
            *_note(len(self._repeated), "left out: repeated in the file", self._repeated),
            *_note(len(self._unusable), _UNUSABLE, self._unusable),
        ]

    def _add(self, word: str | None, row: int) -> bool:
        if word is None:
            self._skipped += 1
        elif word in self.words:
            self._repeated.append(word)
        elif not is_usable(word):
            self._unusable.append(word)
        else:
            self.words[word] = None
            return True
        self._dropped.append(row)
        return False

    def _check_numbers(self, block: Block) -> None:
        finite = np.isfinite(block.vectors)
        if not finite.all():
            row = int(finite.all(axis=1).argmin())
            word = block.words[row].decode(errors="replace")
            reason = f"the vector of {word!r} holds NaN, infinity or a number beyond float32"
            advice = "remove the row, or make the vectors again"
            raise self._error(f"{reason}; {advice}", block.first + row)

    def _decoded(self, word: bytes, number: int) -> str | None:
        try:
            return word.decode()
        except UnicodeDecodeError as error:
            if self._errors == "strict":
                reason = f"the word {word!r} is not UTF-8"
                advice = "encoding_errors='replace' or 'skip' reads on"
                raise self._error(f"{reason}; {advice}", number) from error
        if self._errors == "skip":
            return None
        self._replaced += 1
        return word.decode(errors="replace")

    def _error(self, reason: str, number: int) -> SourceFormatError:
        if self._by_line:
            return SourceFormatError(self._path, reason, number)
        return SourceFormatError(self._path, f"row {number:,}: {reason}")


def _note(count: int, what: str, words: Sequence[str] = ()) -> list[str]:
    example = f", {words[0]!r} for example" if words else ""
    return [f"{counted(count, 'word')} {what}{example}"] if count else []


_TITLES = {"counts": "counts", "subwords": "n-gram vectors"}


def save_vectors(
    vectors: WordVectors,
    path: str | Path,
    format: str = "auto",
    *,
    inputs: FloatMatrix | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Write word vectors to a file and return the files; see the public function of this name."""
    path, progress = Path(path), listener_of(progress)
    found = _format_for(path) if format == "auto" else vector_format(format)
    write = _writer(found)
    with _storage_errors(path):
        _check_place(path, overwrite=overwrite)
        _note_losses(found, vectors, progress)
        check_writable(vectors.index_to_key, spaces=found.spaces)
        # In the same file system, so that renaming is atomic; names may have 255 bytes.
        prefix = f".{path.name[:100]}."
        with TemporaryDirectory("", prefix, path.parent, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            write(folder / path.name, vectors, progress, inputs)
            return _move(folder, path.parent, overwrite=overwrite)


def _format_for(path: Path) -> VectorFormat:
    writable = [found for found in by_suffix(path.name) if found.write]
    if len(writable) == 1:
        return writable[0]
    names = " or ".join(found.name for found in writable)
    names = names or f"one of {', '.join(WRITABLE_FORMATS)}"
    raise ParameterError("format", f"named for a file called {path.name!r}: {names}", "auto")


def _writer(target: VectorFormat) -> Writer:
    if target.write is None:
        allowed = f"one that can be written: {', '.join(WRITABLE_FORMATS)}"
        raise ParameterError("format", allowed, target.name)
    return target.write


def _check_place(path: Path, *, overwrite: bool) -> None:
    if path.name != without_suffix(path.name):
        raise ParameterError("path", "a name without .gz and the like; compress it later", path)
    if not path.parent.is_dir():
        raise ParameterError("path", "in a folder that exists", path)
    _check_free(path, overwrite=overwrite)


def _check_free(path: Path, *, overwrite: bool) -> None:
    if path.exists() and not path.is_file():
        raise ParameterError("path", "a file, not a folder, a device or a pipe", path)
    if not overwrite and os.path.lexists(path):
        raise ParameterError(
            "path", "a new file (--overwrite, overwrite=True replaces it)", str(path)
        )


def _note_losses(target: VectorFormat, vectors: WordVectors, progress: Progress) -> None:
    present = {"counts": vectors.counts, "subwords": vectors.subwords}
    lost = [name for name, value in present.items() if value is not None]
    if lost := [_TITLES[name] for name in lost if name not in target.keeps]:
        reason = f"{target.title} has no place for {' and '.join(lost)}"
        progress.note(f"{reason}; 'safetensors' keeps everything")


def _move(folder: Path, target: Path, *, overwrite: bool) -> list[Path]:
    files = sorted(folder.iterdir())
    # Some formats write a second file, whose name is known only now.
    for file in files:
        _check_free(target / file.name, overwrite=overwrite)
    # Else a crash could leave the new name with an empty file.
    for file in files:
        flush_file(file)
    moved = [file.replace(target / file.name) for file in files]
    flush_folder(target)
    return moved


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(path, f"cannot be written ({error.strerror or error})") from error
