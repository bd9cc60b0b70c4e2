"""A corpus as integers on disk: tokenized once, read by every epoch and every encoder.

`tokens.i32` holds one little-endian int32 for each token, the number that its word got when
it was first seen; `documents.i64` holds two int64 for each document: its number in the record
and the place where its tokens end.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from embedsearch._types import IntVector

TokenArray = NDArray[np.int32]
_CHUNK = 1 << 20


class _Numbering(dict[str, int]):
    """Gives each new token the next number."""

    def __missing__(self, token: str) -> int:
        number = self[token] = len(self)
        return number


class TokenStream:
    """The tokens of a corpus, document by document.

    Attributes:
        types: Distinct tokens in the order of their first appearance.
        counts: (len(types),) how often each occurs.
        numbers: (n,) the record's number of each document.
        ends: (n,) where the tokens of each document end.
        tokens: (total,) int32 indexes into `types`, mapped from disk.
    """

    def __init__(
        self, folder: Path, types: Sequence[str], counts: IntVector, documents: IntVector
    ) -> None:
        self.types, self.counts = types, counts
        self.numbers, self.ends = documents[:, 0], documents[:, 1]
        self.tokens = _mapped(folder / "tokens.i32")

    @property
    def total(self) -> int:
        """Tokens in the corpus."""
        return len(self.tokens)

    def __len__(self) -> int:
        return len(self.ends)

    def document(self, place: int) -> TokenArray:
        """Return the tokens of the document at `place`."""
        start = self.ends[place - 1] if place else 0
        return self.tokens[start : self.ends[place]]

    def blocks(self, size: int = _CHUNK) -> Iterator[tuple[slice, TokenArray, IntVector]]:
        """Yield runs of whole documents of about `size` tokens.

        Yields:
            The places of the documents, their tokens, and the (m + 1,) bounds of each
            document within those tokens.
        """
        first = start = 0
        while first < len(self):
            last = max(int(np.searchsorted(self.ends, start + size, side="right")), first + 1)
            bounds = np.concatenate(([start], self.ends[first:last]))
            yield slice(first, last), self.tokens[start : bounds[-1]], bounds - start
            first, start = last, int(bounds[-1])


def write_stream(folder: Path, documents: Iterable[tuple[int, list[str]]]) -> TokenStream:
    """Write (number, tokens) pairs into `folder` and return the stream, mapped."""
    index, pairs, counts = _Numbering(), array("q"), np.zeros(0, dtype=np.int64)
    total, waiting = 0, array("i")
    with (folder / "tokens.i32").open("wb") as file:
        for number, tokens in documents:
            waiting.extend([index[token] for token in tokens])
            total += len(tokens)
            pairs.extend((number, total))
            if len(waiting) >= _CHUNK:
                counts = _flush(waiting, counts, len(index), file)
                waiting = array("i")
        counts = _flush(waiting, counts, len(index), file)
    return TokenStream(folder, list(index), counts, np.asarray(pairs, np.int64).reshape(-1, 2))


def _flush(waiting: array[int], counts: IntVector, types: int, file: BinaryIO) -> IntVector:
    block = np.frombuffer(waiting, dtype=np.intc).astype("<i4", copy=False)
    file.write(block.tobytes())
    grown = np.bincount(block, minlength=types).astype(np.int64)
    grown[: len(counts)] += counts
    return grown


def _mapped(path: Path) -> TokenArray:
    if path.stat().st_size == 0:
        return np.empty(0, dtype=np.int32)
    return np.memmap(path, dtype="<i4", mode="r")
