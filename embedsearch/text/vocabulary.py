"""Which words there are, and how often each occurs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import CorpusTooSmallError, VectorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedsearch._types import IntVector


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
