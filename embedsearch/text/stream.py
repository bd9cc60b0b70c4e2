"""A corpus as integers on disk, tokenized once and read by every epoch and encoder; its vocabulary.

`tokens.i32` holds one little-endian int32 for each token: its place among the distinct tokens
(`TokenStream.types`). The bounds of the documents and the types stay in memory.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedsearch._errors import CorpusTooSmallError, VectorError

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


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Words in the order of their rows: most frequent first, ties by first appearance."""

    words: Sequence[str]
    counts: IntVector

    def __len__(self) -> int:
        return len(self.words)

    @property
    def total(self) -> int:
        """Occurrences of all words together."""
        return int(self.counts.sum())

    def save(self, path: Path) -> None:
        """Write `word<TAB>count` lines; the line number is the row."""
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(
                f"{word}\t{count}\n" for word, count in zip(self.words, self.counts, strict=True)
            )

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read what `save` wrote."""
        # Not read as text, which would take a carriage return in a word for the end of a line.
        text = path.read_bytes().decode("utf-8")
        cells = text.replace("\n", "\t").split("\t")
        words, numbers = cells[:-1:2], cells[1::2]
        lines = text.count("\n")
        # Cells pair up only if every line has one tab; then one pass over the text does.
        paired = text.endswith("\n") and len(cells) == 2 * lines + 1 == 2 * text.count("\t") + 1
        if not (paired and all(map(str.isdecimal, numbers)) and all(words)) and text:
            raise VectorError(f"{path}, line {_bad_line(text)}: not a word and a count")
        return cls(words, np.fromiter(map(int, numbers), np.int64, lines))


def _bad_line(text: str) -> int:
    for number, line in enumerate(text.split("\n"), 1):
        word, _, count = line.partition("\t")
        if not word or not count.isdecimal():
            return number
    return text.count("\n") + 1


def select(
    tokens: Sequence[str], counts: IntVector, min_count: int, max_final_vocab: int | None = None
) -> tuple[Vocabulary, IntVector]:
    """Return the frequent words as a vocabulary, and for each token its row in it, or -1."""
    order = np.argsort(-counts, kind="stable")
    kept = order[counts[order] >= min_count][:max_final_vocab]
    if len(kept) < 2:
        raise CorpusTooSmallError(_too_small(tokens, counts, min_count, len(kept)))
    rows = np.full(len(tokens), -1, dtype=np.int64)
    rows[kept] = np.arange(len(kept))
    return Vocabulary([tokens[i] for i in kept], counts[kept]), rows


def _too_small(tokens: Sequence[str], counts: IntVector, min_count: int, words: int) -> str:
    if len(tokens) == 0:
        return "the corpus has no words: nothing was read, or the tokenizer kept nothing"
    if len(tokens) == 1:
        return f"the corpus has one distinct word, {tokens[0]!r}; vectors need at least two"
    left = "no word" if words == 0 else "a single word"
    return (
        f"min_count={min_count} leaves {left} of {len(tokens):,}; the most frequent occurs "
        f"{int(counts.max()):,} times: lower min_count or add text"
    )
