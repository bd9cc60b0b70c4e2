"""The frames of SQLite's write-ahead log, read without SQLite.

SQLite stops at the first frame whose checksum is wrong, and silently drops all after it: after
a crash that is a transaction that was never finished, after damage it is one that was.
Source: "The WAL File Format", https://www.sqlite.org/fileformat2.html, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_HEADER, _FRAME_HEADER = 32, 24
_MAGIC = {0x377F0682: "<u4", 0x377F0683: ">u4"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One page as a transaction left it."""

    page: int
    # Whether it ends a transaction.
    commits: bool
    # Where its content begins in the file.
    start: int
    # Whether its salts are those of the log; others are left from before.
    current: bool
    # Whether its checksum follows from the checksum before it.
    intact: bool


def log_page_size(path: Path) -> int | None:
    """Return the bytes of a page; None if the header of the log is damaged."""
    with path.open("rb") as file:
        header = file.read(_HEADER)
    words = np.frombuffer(header[: len(header) // 4 * 4], ">u4")
    if len(words) < 8 or int(words[0]) not in _MAGIC:
        return None
    sums = _sums(header[:24], _MAGIC[int(words[0])], (0, 0))
    return int(words[2]) if sums == (int(words[6]), int(words[7])) else None


def frames(path: Path) -> Iterator[Frame]:
    """Yield all complete frames in the file, including those left from before."""
    size = log_page_size(path)
    if size is None:
        return
    with path.open("rb") as file:
        header = file.read(_HEADER)
        order = _MAGIC[int.from_bytes(header[:4], "big")]
        salts, before = header[16:24], _pair(header[24:32])
        while len(frame := file.read(_FRAME_HEADER + size)) == _FRAME_HEADER + size:
            sums = _sums(frame[:8] + frame[_FRAME_HEADER:], order, before)
            before = _pair(frame[16:24])
            yield Frame(
                page=int.from_bytes(frame[:4], "big"),
                commits=any(frame[4:8]),
                start=file.tell() - size,
                current=frame[8:16] == salts,
                intact=sums == before,
            )


def has_lost(path: Path) -> bool:
    """Whether SQLite would drop a transaction that was finished.

    What was never finished, or was undone, may be left in the file and is no loss.
    """
    if not path.exists() or path.stat().st_size <= _HEADER:
        return False
    if log_page_size(path) is None:
        return True
    broken = False
    for frame in frames(path):
        if not broken and frame.current and frame.intact:
            continue
        if frame.commits and (frame.current or (not broken and frame.intact)):
            return True
        broken = True
    return False


def last_images(path: Path) -> dict[int, int]:
    """Return where the last committed content of each page begins, damaged frames included."""
    images, pending = dict[int, int](), dict[int, int]()
    broken = False
    for frame in frames(path):
        slipped = not broken and frame.intact and not frame.current
        broken = broken or not (frame.current and frame.intact)
        if frame.current or slipped:
            pending[frame.page] = frame.start
            if frame.commits:
                images |= pending
                pending = {}
    return images


def _pair(eight: bytes) -> tuple[int, int]:
    return int.from_bytes(eight[:4], "big"), int.from_bytes(eight[4:], "big")


def _sums(content: bytes, order: str, before: tuple[int, int]) -> tuple[int, int]:
    """Continue the checksum: s0 += x0 + s1; s1 += x1 + s0, for each pair of words."""
    words = np.frombuffer(content, order).astype(np.uint32)
    weights, powers = _weights(len(words) // 2)
    start = powers @ np.array(before, np.uint32)
    # Unsigned numbers wrap around, as the sums do.
    first, second = start + weights @ words
    return int(first), int(second)


@cache
def _weights(pairs: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return what each word adds to the sums, `(2, 2 · pairs)`, and the old sums, `(2, 2)`."""
    step = np.array([[1, 1], [1, 2]], np.uint32)
    power, columns = np.eye(2, dtype=np.uint32), []
    for _ in range(pairs):
        columns.append(power @ np.array([[1, 0], [1, 1]], np.uint32))
        power = power @ step
    return np.concatenate(columns[::-1], axis=1), power
