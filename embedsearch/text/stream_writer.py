"""Writes a token stream block by block."""

from __future__ import annotations

from array import array
from collections.abc import Sized
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

    from embedsearch._types import IntVector
    from embedsearch.text.chunks import TokenEncoder

T = TypeVar("T", bound=Sized)
BLOCK = 1 << 18
_BLANKED = 1 << 20


class StreamWriter(Generic[T]):
    """Gathers pieces of documents into blocks, and writes the numbers of their tokens.

    Args:
        path: The file of the tokens.
        encoder: Turns pieces into numbers.

    Attributes:
        total: Tokens written.
    """

    def __init__(self, path: Path, encoder: TokenEncoder[T]) -> None:
        self.path, self.encoder, self.total = path, encoder, 0
        self._pairs = array("q")
        self._waiting: list[T] = []
        self._closing: list[tuple[int, int]] = []

    @property
    def documents(self) -> IntVector:
        """(n, 2): the number of each document, and where its tokens end."""
        return np.asarray(self._pairs, np.int64).reshape(-1, 2)

    def write(self, documents: Iterable[tuple[int, Iterable[T]]]) -> None:
        """Write documents, each its number and its pieces, of which it has at least one."""
        size = 0
        with self.path.open("wb") as file:
            for number, pieces in documents:
                for piece in pieces:
                    if size + len(piece) > BLOCK and self._waiting:
                        self._flush(file)
                        size = 0
                    self._waiting.append(piece)
                    size += len(piece)
                self._closing.append((len(self._waiting) - 1, number))
            self._flush(file)
        self._blank_out_forgotten()

    def _flush(self, file: BinaryIO) -> None:
        ids, ends = self.encoder.encode(self._waiting)
        file.write(np.ascontiguousarray(ids, "<i4").data)
        for place, number in self._closing:
            self._pairs.extend((number, self.total + int(ends[place])))
        self.total += len(ids)
        self._waiting.clear()
        self._closing.clear()
        if self.encoder.numbering.forget(self.total):
            self.encoder.reset()

    def _blank_out_forgotten(self) -> None:
        """Give tokens that were forgotten a number that stands for nothing else."""
        born = self.encoder.numbering.born
        if born is None:
            return
        born = np.append(born, np.zeros(self.encoder.numbering.size - len(born), np.int64))
        # Not mapped: that would bring the whole file into memory.
        with self.path.open("r+b") as file:
            for start in range(0, self.total, _BLANKED):
                block = np.fromfile(file, "<i4", _BLANKED)
                places = np.arange(start, start + len(block))
                block[born[block] > places] = self.encoder.numbering.nothing
                file.seek(4 * start)
                file.write(block.data)
                file.flush()
