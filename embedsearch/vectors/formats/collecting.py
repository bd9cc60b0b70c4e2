"""The rows of a file, brought together: each word once, the vectors in memory or on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from embedsearch._errors import SourceFormatError
from embedsearch.vectors.formats.rows import without_rows
from embedsearch.vectors.formats.words import are_usable, is_usable

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.formats.base import Block, Reading


class Sink(Protocol):
    """Where vectors go."""

    def add(self, vectors: FloatMatrix) -> None:
        """Take `(n, d)` more."""


class MemorySink:
    """Keeps vectors in memory."""

    def __init__(self) -> None:
        self._blocks: list[FloatMatrix] = []

    def add(self, vectors: FloatMatrix) -> None:
        """See `Sink.add`."""
        self._blocks.append(vectors)

    def joined(self) -> FloatMatrix:
        """Return all vectors, `(V, d)`; to be called once."""
        rows, blocks = sum(map(len, self._blocks)), self._blocks
        whole = np.empty((rows, blocks[0].shape[1]), dtype=np.float32)
        while blocks:
            # Each block goes as its copy comes, so that there never are two of everything.
            block = blocks.pop()
            whole[rows - len(block) : rows] = block
            rows -= len(block)
        return whole


class FileSink:
    """Appends vectors to a file, as bare float32."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, vectors: FloatMatrix) -> None:
        """See `Sink.add`."""
        self._file.write(np.ascontiguousarray(vectors).data)


def collect(path: Path, reading: Reading, sink: Sink, progress: Progress) -> list[str]:
    """Read all rows.

    Of a word that stands twice the first row is kept. Words that a workspace cannot hold (empty
    ones, those with a tab or a line break) are left out. Notes tell of both.

    Args:
        path: The file, for messages.
        reading: What was opened; its `rest` is cut to the rows that are kept.
        sink: Where the vectors go.
        progress: A listener.

    Returns:
        The words.

    Raises:
        SourceFormatError: The file is damaged, or no word is left.
    """
    sieve = _Sieve()
    with progress.task("reading vectors", reading.count, "words") as task:
        for block in reading.blocks:
            sink.add(sieve.passed(block))
            task.advance(len(block.words))
    if not sieve.words:
        raise SourceFormatError(path, "holds no words that can be kept")
    rest = reading.rest
    if rest.counts is not None:
        rest.counts = without_rows(rest.counts, sieve.dropped)
    if rest.inputs is not None:
        rest.inputs = without_rows(rest.inputs, sieve.dropped)
    rest.notes += sieve.notes()
    for note in rest.notes:
        progress.note(note)
    return list(sieve.words)


class _Sieve:
    """Lets each usable word pass once."""

    def __init__(self) -> None:
        self.words: dict[str, None] = {}
        self.dropped: list[int] = []
        self._seen = 0
        self._again: list[str] = []
        self._unusable: list[str] = []

    def passed(self, block: Block) -> FloatMatrix:
        """Return the vectors of the words that pass."""
        first, self._seen = self._seen, self._seen + len(block.words)
        new = dict.fromkeys(block.words)
        clean = len(new) == len(block.words) and self.words.keys().isdisjoint(new)
        if clean and are_usable(block.words):
            self.words.update(new)
            return block.vectors
        kept = [row for row, word in enumerate(block.words) if self._passes(word, first + row)]
        return block.vectors[np.array(kept, dtype=np.int64)]

    def notes(self) -> list[str]:
        """Say what did not pass."""
        return [
            *_note(self._again, "stand more than once in the file; the first of each is kept"),
            *_note(self._unusable, "are empty or hold a tab or a line break, and were left out"),
        ]

    def _passes(self, word: str, row: int) -> bool:
        if word in self.words:
            self._again.append(word)
        elif not is_usable(word):
            self._unusable.append(word)
        else:
            self.words[word] = None
            return True
        self.dropped.append(row)
        return False


def _note(words: list[str], what: str) -> list[str]:
    return [f"{len(words):,} words {what}: {words[0]!r}, for one"] if words else []
