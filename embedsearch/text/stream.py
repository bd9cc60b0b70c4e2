"""A corpus as integers on disk: tokenized once, read by every epoch and every encoder.

`tokens.i32` holds one little-endian int32 for each token: its place among the distinct tokens
(`TokenStream.types`). The bounds of the documents and the types stay in memory.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from embedsearch._types import IntVector

TokenArray = NDArray[np.int32]
# Tokens: a megabyte of them.
_BLOCK = 1 << 18


class TokenStream:
    """The tokens of a corpus, document by document.

    Attributes:
        types: Distinct tokens in the order of their first appearance; an empty string, of
            count 0, is the type of tokens that were too rare to be remembered.
        counts: (len(types),) how often each occurs.
        numbers: (n,) the internal key of each document in the store.
        ends: (n,) where the tokens of each document end.
        tokens: (total,) int32 indexes into `types`, mapped from disk.
    """

    def __init__(
        self, folder: Path, types: Sequence[str], counts: IntVector, documents: IntVector
    ) -> None:
        self.types, self.counts = types, counts
        self.numbers, self.ends = documents[:, 0], documents[:, 1]
        self.tokens = _mapped(tokens_path(folder))

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

    def blocks(self, size: int = _BLOCK) -> Iterator[tuple[slice, TokenArray, IntVector]]:
        """Yield runs of complete documents, of about `size` tokens.

        Yields:
            The places of the documents, their tokens, and the (m + 1,) bounds of each
            document within those tokens.
        """
        first = start = 0
        while first < len(self):
            last = max(int(np.searchsorted(self.ends, start + size, side="right")), first + 1)
            bounds = np.concatenate(([start], self.ends[first:last]))
            yield slice(first, last), self.tokens[start : bounds[-1]], bounds - start
            release(self.tokens)
            first, start = last, int(bounds[-1])


def tokens_path(folder: Path) -> Path:
    """Return where the tokens of a stream are."""
    return folder / "tokens.i32"


def release(array: NDArray[Any]) -> None:
    """Free the pages of a mapped file that were read; a later read loads them again.

    Otherwise a process holds as much of a file as memory allows, and looks as large.
    """
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _mapped(path: Path) -> TokenArray:
    # An empty file cannot be mapped.
    if path.stat().st_size == 0:
        return np.empty(0, dtype=np.int32)
    return np.memmap(path, dtype="<i4", mode="r")
