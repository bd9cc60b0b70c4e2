"""Counts of one part of a corpus after the other, on disk, so that memory stays bounded."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch.training.ppmi import counting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

CHUNK_TOKENS = 8_000_000
BUFFER_PAIRS = 4_000_000


class Rows(NamedTuple):
    """The pairs of a few words in all runs.

    Attributes:
        first: The first word.
        starts: (runs, words + 1) where the pairs of a word begin in the two arrays.
        columns: The other word of a pair.
        counts: Its weight, in units of 1/window.
    """

    first: int
    starts: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    counts: npt.NDArray[Any]


class Runs:
    """Co-occurrence counts in a folder; a run is the counts of one chunk, sorted by word.

    A word that stands near another in several chunks is in several runs: `blocks` reads the
    same words of all runs together. A pair takes 8 bytes of disk in each run that has it.

    Args:
        folder: Where the files go; it must exist.
        words: V, the size of the vocabulary.
        window: The largest distance between two words.
        chunk_tokens: Tokens counted before a run is written.
        buffer_pairs: Pairs held in memory between two writes or reads, if a word has no more.
    """

    def __init__(
        self,
        folder: Path,
        words: int,
        window: int,
        chunk_tokens: int = CHUNK_TOKENS,
        buffer_pairs: int = BUFFER_PAIRS,
    ) -> None:
        self.words, self.window = words, window
        self.chunk_tokens, self.buffer_pairs = chunk_tokens, buffer_pairs
        heaviest = chunk_tokens * window * (window + 1)
        self._type: type[Any] = np.uint32 if heaviest < 2**32 else np.uint64
        self._files = {name: folder / f"pairs.{name}" for name in ("columns", "counts", "sizes")}
        self.totals = np.zeros(words, np.int64)
        self.pairs = np.zeros(words, np.int64)
        self._run_sizes: list[int] = []
        # Those of a process that was killed.
        self.remove()

    def count(self, ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> None:
        """Count the whole corpus: `ids` (n,) of the words, `offsets` (documents + 1,).

        Raises:
            ParameterError: There is an id outside of the vocabulary.
        """
        self._check(ids)
        chunk = min(self.chunk_tokens, ids.size)
        text = np.empty(counting.room_for(chunk, self.window), np.int32)
        places = np.empty(chunk, np.int32)
        firsts = np.empty(self.words + 1, np.int64)
        for first in range(0, ids.size, chunk or 1):
            last = min(ids.size, first + chunk)
            start, stop = counting.lay_out(ids, offsets, first, last, self.window, text)
            counting.places_of_words(text, start, stop, firsts, places)
            self._write_run(text, firsts, places)

    def _check(self, ids: npt.NDArray[np.int32]) -> None:
        # A kernel would write beyond its arrays.
        wrong = counting.out_of_range(ids, 0, ids.size, self.words)
        if wrong < ids.size:
            raise ParameterError("ids", f"from 0 to {self.words - 1}", int(ids[wrong]))

    def _write_run(self, text: Any, firsts: Any, places: Any) -> None:
        room = max(self.buffer_pairs, self.words)
        columns, counts = np.empty(room, np.int32), np.empty(room, self._type)
        sums, met = np.zeros(self.words, np.int64), np.empty(self.words, np.int32)
        sizes = np.zeros(self.words, np.int64)
        row = 0
        while row < self.words:
            begin = row
            row, written = counting.count_rows(
                text, firsts, places, row, self.window, sums, met, columns, counts, sizes
            )
            self._append(columns=columns[:written], counts=counts[:written])
            self._add_totals(begin, row, sizes, counts[:written])
        self._append(sizes=sizes)
        self._run_sizes.append(int(sizes.sum()))
        self.pairs += sizes

    def _add_totals(self, begin: int, end: int, sizes: Any, counts: Any) -> None:
        before = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        ends = np.cumsum(sizes[begin:end])
        self.totals[begin:end] += before[ends] - before[ends - sizes[begin:end]]

    def _append(self, **arrays: Any) -> None:
        for name, array in arrays.items():
            with self._files[name].open("ab") as file:
                array.tofile(file)

    def blocks(self) -> Iterator[Rows]:
        """Yield all pairs, a few words at a time, in the order of the words."""
        if not self._run_sizes:
            return
        starts = self._run_starts()
        sizes = [self._sizes(run) for run in range(len(self._run_sizes))]
        for first, last in pairwise(self._bounds()):
            yield self._read(first, [each[first:last] for each in sizes], starts)
            for run, each in enumerate(sizes):
                starts[run] += int(each[first:last].sum())

    def remove(self) -> None:
        """Delete the files."""
        for path in self._files.values():
            path.unlink(missing_ok=True)

    def _run_starts(self) -> list[int]:
        return [0, *np.cumsum(self._run_sizes, dtype=np.int64).tolist()][: len(self._run_sizes)]

    def _sizes(self, run: int) -> Any:
        offset = run * self.words * 8
        shape = (self.words,)
        return np.memmap(self._files["sizes"], np.int64, mode="r", offset=offset, shape=shape)

    def _bounds(self) -> list[int]:
        bounds, held = [0], 0
        for word, size in enumerate(self.pairs.tolist()):
            if held and held + size > self.buffer_pairs:
                bounds.append(word)
                held = 0
            held += size
        return [*bounds, self.words]

    def _read(self, first: int, sizes: list[Any], starts: list[int]) -> Rows:
        amounts = [int(each.sum()) for each in sizes]
        begins = np.concatenate(([0], np.cumsum(amounts[:-1], dtype=np.int64)))
        inner = np.array([np.concatenate(([0], np.cumsum(each))) for each in sizes], np.int64)
        return Rows(
            first,
            begins[:, None] + inner,
            self._gather("columns", np.int32, starts, amounts),
            self._gather("counts", self._type, starts, amounts),
        )

    def _gather(self, name: str, kind: Any, starts: list[int], amounts: list[int]) -> Any:
        size = np.dtype(kind).itemsize
        parts = [
            np.fromfile(self._files[name], kind, amount, offset=start * size)
            for start, amount in zip(starts, amounts, strict=True)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
