"""Rows read from the pages of an SQLite file and of its log, without SQLite and without its tree.

A page that is damaged then costs its own rows, and none of those that hang below it. In the
write-ahead log SQLite stops at the first frame whose checksum is wrong, and silently drops all
after it: after a crash that is a transaction that was never finished, after damage it is one
that was.
Source: "Database File Format", https://www.sqlite.org/fileformat2.html, sections 1.5, 1.6, 2.1
and 4.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.store.connection import wal_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

Value = int | float | str | bytes | None
TABLE_LEAF, INDEX_LEAF, INDEX_INTERIOR, TABLE_INTERIOR = 13, 10, 2, 5
_CELLS_AT = {TABLE_LEAF: 8, INDEX_LEAF: 8, INDEX_INTERIOR: 12, TABLE_INTERIOR: 12}
_MAGIC = b"SQLite format 3\0"
_DEFAULT_SIZE, _FILE_HEADER = 4096, 100
_LOG_HEADER, _FRAME_HEADER = 32, 24
_LOG_MAGIC = {0x377F0682: "<u4", 0x377F0683: ">u4"}
# Of values of the kinds 0 to 9, in bytes (section 2.1 of the format).
_SIZES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)


class BrokenText(bytes):
    """A text that is not valid UTF-8, as it was stored."""


class BrokenCellError(Exception):
    """A cell does not hold a row. Never leaves this module."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of a table, or one entry of an index, whose `rowid` is 0."""

    kind: int
    rowid: int
    values: tuple[Value, ...]


class Pages:
    """The pages of a database, which need not be sound, with those of its log laid over them."""

    def __init__(self, path: Path, *, use_log: bool = True) -> None:
        log = wal_path(path)
        self._log = log if use_log and log.exists() else None
        self._file = path.open("rb") if path.exists() else None
        self._log_file = self._log.open("rb") if self._log is not None else None
        self._head = self._read(self._file, 0, _FILE_HEADER)
        self.size = self._page_size()
        self._images = last_images(self._log) if self._log is not None else {}
        inside = path.stat().st_size // self.size if path.exists() else 0
        self.count = max(inside, *self._images, 0)
        reserved = self._head[20] if self._is_sound and self._head[20] < 64 else 0
        self._usable = self.size - reserved

    @property
    def has_log(self) -> bool:
        """Whether pages of a log are laid over those of the file."""
        return bool(self._images)

    def close(self) -> None:
        """Close the files."""
        for file in (self._file, self._log_file):
            if file is not None:
                file.close()

    def __getitem__(self, number: int) -> bytes:
        """Return a page by its number, counted from 1; missing bytes are zeros."""
        if number in self._images:
            found = self._read(self._log_file, self._images[number], self.size)
        else:
            found = self._read(self._file, (number - 1) * self.size, self.size)
        return found.ljust(self.size, b"\0")

    def write_to(self, path: Path) -> None:
        """Write all pages to a new file, which needs no log."""
        with path.open("xb") as file:
            for number in range(1, self.count + 1):
                file.write(self[number])

    @cached_property
    def free(self) -> set[int]:
        """The pages that are in no tree; what they hold was deleted or has moved."""
        found: set[int] = set()
        trunk = int.from_bytes(self[1][32:36], "big") if self._is_sound else 0
        while 0 < trunk <= self.count and trunk not in found:
            found.add(trunk)
            page = self[trunk]
            listed = min(int.from_bytes(page[4:8], "big"), self.size // 4 - 2)
            places = range(8, 8 + 4 * listed, 4)
            found.update(int.from_bytes(page[at : at + 4], "big") for at in places)
            trunk = int.from_bytes(page[:4], "big")
        return found

    def cells(self) -> Iterator[Cell]:
        """Yield the rows and index entries that can be read on all pages in use."""
        for number in range(1, self.count + 1):
            if number not in self.free:
                yield from self._cells_of(number)

    def _cells_of(self, number: int) -> Iterator[Cell]:
        page, start = self[number], _FILE_HEADER if number == 1 else 0
        kind, is_intact = page[start], True
        if kind in (TABLE_LEAF, INDEX_LEAF, INDEX_INTERIOR):
            first = start + _CELLS_AT[kind]
            count = int.from_bytes(page[start + 3 : start + 5], "big")
            if first + 2 * count > self.size:
                count, is_intact = 0, False
            for at in range(first, first + 2 * count, 2):
                cell = self._cell_at(page, kind, int.from_bytes(page[at : at + 2], "big"))
                if cell is None:
                    is_intact = False
                else:
                    # Damage to the lengths shows in texts first.
                    if any(isinstance(value, BrokenText) for value in cell.values):
                        is_intact = False
                    yield cell
        elif kind != TABLE_INTERIOR:
            # Overflow pages begin with the number of the next one.
            is_intact = int.from_bytes(page[:4], "big") <= self.count
        if not is_intact:
            yield from self._any_cells(page, start)

    def _any_cells(self, page: bytes, start: int) -> Iterator[Cell]:
        """Try every place of a damaged page."""
        found = (self._cell_at(page, TABLE_LEAF, at) for at in range(start, self.size - 4))
        yield from (cell for cell in found if cell is not None)

    def _cell_at(self, page: bytes, kind: int, at: int) -> Cell | None:
        try:
            return self._cell(page, kind, at)
        except BrokenCellError:
            return None

    def _cell(self, page: bytes, kind: int, at: int) -> Cell:
        at += 4 if kind == INDEX_INTERIOR else 0
        length, at = _varint(page, at)
        rowid = 0
        if kind == TABLE_LEAF:
            rowid, at = _varint(page, at)
        if length > self.size * self.count or length < 2:
            raise BrokenCellError
        return Cell(kind, rowid, _values(self._payload(page, kind, length, at)))

    def _payload(self, page: bytes, kind: int, length: int, at: int) -> bytes:
        here = self._local(kind, length)
        if at + here > self.size:
            raise BrokenCellError
        found = [page[at : at + here]]
        # Before pages are read that only a flipped bit points to.
        _check_lengths(found[0], length)
        if here < length:
            following = int.from_bytes(page[at + here : at + here + 4], "big")
            found.append(self._rest(following, length - here))
        return b"".join(found)

    def _local(self, kind: int, length: int) -> int:
        """Return how many bytes of a row are on its own page (section 1.6 of the format)."""
        usable = self._usable
        least = (usable - 12) * 32 // 255 - 23
        most = usable - 35 if kind == TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        if length <= most:
            return length
        here = least + (length - least) % (usable - 4)
        return here if here <= most else least

    def _rest(self, number: int, length: int) -> bytes:
        found: list[bytes] = []
        while length > 0:
            if not 0 < number <= self.count:
                raise BrokenCellError
            page = self[number]
            found.append(page[4 : min(4 + length, self._usable)])
            length -= len(found[-1])
            number = int.from_bytes(page[:4], "big")
        return b"".join(found)

    @property
    def _is_sound(self) -> bool:
        return self._head.startswith(_MAGIC)

    def _page_size(self) -> int:
        size = int.from_bytes(self._head[16:18], "big")
        size = 65_536 if size == 1 else size
        if self._is_sound and size >= 512 and not size & (size - 1):
            return size
        found = log_page_size(self._log) if self._log is not None else None
        return found or _DEFAULT_SIZE

    @staticmethod
    def _read(file: BinaryIO | None, start: int, length: int) -> bytes:
        if file is None:
            return b""
        file.seek(start)
        return file.read(length)


def _check_lengths(begin: bytes, length: int) -> None:
    header, kinds = _header(begin)
    if header + sum(map(_size, kinds)) != length:
        raise BrokenCellError


def _values(payload: bytes) -> tuple[Value, ...]:
    place, kinds = _header(payload)
    values = []
    for kind in kinds:
        values.append(_value(kind, payload[place : place + _size(kind)]))
        place += _size(kind)
    return tuple(values)


def _header(payload: bytes) -> tuple[int, list[int]]:
    """Return the length of a row's header, and the kinds of its values."""
    length, at = _varint(payload, 0)
    if not 1 < length <= len(payload):
        raise BrokenCellError
    kinds = []
    while at < length:
        kind, at = _varint(payload, at)
        if kind < 0 or kind in (10, 11):
            raise BrokenCellError
        kinds.append(kind)
    if at != length:
        raise BrokenCellError
    return length, kinds


def _size(kind: int) -> int:
    return _SIZES[kind] if kind < len(_SIZES) else (kind - 12) // 2


def _value(kind: int, content: bytes) -> Value:
    if kind == 0:
        return None
    if kind in (8, 9):
        return kind - 8
    if kind < 7:
        return int.from_bytes(content, "big", signed=True)
    if kind == 7:
        return float(struct.unpack(">d", content)[0])
    if kind % 2 == 0:
        return content
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return BrokenText(content)


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Read a number of one to nine bytes; return it and where it ends."""
    value = 0
    for place in range(at, min(at + 9, len(content))):
        byte = content[place]
        if place == at + 8:
            value = value << 8 | byte
            # Row numbers are signed.
            return value - (1 << 64) if value >> 63 else value, place + 1
        value = value << 7 | byte & 127
        if byte < 128:
            return value, place + 1
    raise BrokenCellError


@dataclass(frozen=True, slots=True)
class Frame:
    """One page as a transaction left it."""

    page: int
    commits: bool  # whether it ends a transaction
    start: int  # where its content begins in the file
    current: bool  # whether its salts are those of the log; others are left from before
    intact: bool  # whether its checksum follows from the checksum before it


def log_page_size(path: Path) -> int | None:
    """Return the bytes of a page; None if the header of the log is damaged."""
    with path.open("rb") as file:
        header = file.read(_LOG_HEADER)
    if len(header) < _LOG_HEADER:
        return None
    magic, _, size, *_, first, second = struct.unpack(">8I", header)
    sums = _sums(header[:24], _LOG_MAGIC[magic], (0, 0)) if magic in _LOG_MAGIC else None
    return int(size) if sums == (first, second) else None


def frames(path: Path) -> Iterator[Frame]:
    """Yield all complete frames in the file, including those left from before."""
    size = log_page_size(path)
    if size is None:
        return
    with path.open("rb") as file:
        magic, salts, *sums = struct.unpack(">I12x8s2I", file.read(_LOG_HEADER))
        before = (sums[0], sums[1])
        while len(frame := file.read(_FRAME_HEADER + size)) == _FRAME_HEADER + size:
            page, pages_after, own_salts, *sums = struct.unpack(">2I8s2I", frame[:_FRAME_HEADER])
            expected = _sums(frame[:8] + frame[_FRAME_HEADER:], _LOG_MAGIC[magic], before)
            before = (sums[0], sums[1])
            yield Frame(
                page,
                commits=pages_after > 0,
                start=file.tell() - size,
                current=own_salts == salts,
                intact=expected == before,
            )


def has_lost(path: Path) -> bool:
    """Whether SQLite would drop a transaction that was finished.

    What was never finished, or was undone, may be left in the file and is no loss.
    """
    if not path.exists() or path.stat().st_size <= _LOG_HEADER:
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
