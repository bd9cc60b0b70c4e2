"""The sizes that the pages of a Parquet file claim, read before anything is allocated for them.

A page begins with a header in Thrift's compact protocol
(https://github.com/apache/parquet-format, "PageHeader"; fields 2 and 3 are the size of the page
without and with compression). pyarrow allocates what a header claims before it finds that the
page is shorter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedsearch._errors import SourceFormatError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_HEADER, _LONGEST_FOOTER = 1 << 16, 1 << 24
# Of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_ROW_GROUPS, _COLUMNS, _CHUNK = 4, 1, 3
_PATH, _VALUES, _CHUNK_SIZE, _DATA_PAGE, _DICTIONARY_PAGE = 3, 5, 7, 9, 11
_UNPACKED, _PACKED = 2, 3
_STRUCT, _LIST, _SET, _BINARY, _DOUBLE, _BYTE = 12, 9, 10, 8, 7, 3
_DEEPEST = 12
# Real pages hold about a megabyte; compression seldom makes a hundredth of one.
_ALWAYS_FINE = 1 << 28
_RATIO = 100


def check_pages(path: Path, columns: tuple[str, ...]) -> None:
    """Look through the page headers of some columns.

    pyarrow's own objects for columns are not used: some damaged files end the process when
    they are made.

    Args:
        path: The file.
        columns: Names of columns, the first part of their paths.

    Raises:
        SourceFormatError: A header is damaged, or claims more than the file could hold.
    """
    wanted, size = {name.encode() for name in columns}, path.stat().st_size
    with path.open("rb") as file:
        try:
            for group in _footer(path, file, size)[_ROW_GROUPS]:
                for column in group[_COLUMNS]:
                    chunk = column[_CHUNK]
                    if chunk[_VALUES] and chunk[_PATH][0] in wanted:
                        _check_chunk(path, file, chunk, size)
        except (IndexError, KeyError, TypeError, RecursionError) as error:
            raise SourceFormatError(path, "the Parquet file is damaged: its footer") from error


def _footer(path: Path, file: BinaryIO, size: int) -> dict[int, Any]:
    file.seek(max(size - 8, 0))
    length = int.from_bytes(file.read(4), "little")
    if length > min(size - 8, _LONGEST_FOOTER):
        raise SourceFormatError(path, f"the Parquet file is damaged: a footer of {length:,} bytes")
    file.seek(size - 8 - length)
    return _Compact(file.read(length)).struct()


def _check_chunk(path: Path, file: BinaryIO, chunk: dict[int, Any], size: int) -> None:
    start = min(chunk[_DATA_PAGE], chunk.get(_DICTIONARY_PAGE) or chunk[_DATA_PAGE])
    stop = start + chunk[_CHUNK_SIZE]
    if not 0 <= start <= stop <= size:
        raise SourceFormatError(path, "the Parquet file is damaged: a column lies outside of it")
    while start < stop:
        file.seek(start)
        unpacked, packed, length = _sizes(path, file.read(_HEADER))
        if unpacked > max(_ALWAYS_FINE, _RATIO * size) or packed > stop - start:
            reason = f"a page claims {max(unpacked, packed):,} bytes"
            raise SourceFormatError(path, f"the Parquet file is damaged: {reason}")
        start += length + packed


def _sizes(path: Path, header: bytes) -> tuple[int, int, int]:
    """Return the size of a page without and with compression, and that of its header."""
    reader = _Compact(header)
    try:
        found = reader.struct()
        unpacked, packed = found[_UNPACKED], found[_PACKED]
    except (IndexError, KeyError, RecursionError) as error:
        raise SourceFormatError(path, "the Parquet file is damaged: no page header") from error
    if not isinstance(unpacked, int) or not isinstance(packed, int) or min(unpacked, packed) < 0:
        raise SourceFormatError(path, "the Parquet file is damaged: a page without a size")
    return unpacked, packed, reader.place


class _Compact:
    """Reads structs: fields by their numbers, whose values are int, bytes, list, dict or None.

    Args:
        data: Begins with the struct. Running out of it is an `IndexError`.
    """

    def __init__(self, data: bytes) -> None:
        self._data, self.place = data, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Read a struct."""
        if depth > _DEEPEST:
            raise RecursionError
        found, field = dict[int, Any](), 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            field = field + step if step else self._zigzag()
            # The value of a boolean field is in its kind.
            found[field] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_LIST, _SET):
            return self._list(depth + 1)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind == _BINARY:
            return self._take(self._varint())
        if _BYTE < kind < _DOUBLE:
            return self._zigzag()
        if kind in (1, 2, _BYTE, _DOUBLE):
            return self._take(8 if kind == _DOUBLE else 1)
        raise KeyError(kind)

    def _list(self, depth: int) -> list[Any]:
        if depth > _DEEPEST:
            raise RecursionError
        head = self._byte()
        count, kind = head >> 4, head & 15
        count = self._varint() if count == 15 else count
        return [self._value(kind, depth) for _ in range(count)]

    def _byte(self) -> int:
        value = self._data[self.place]
        self.place += 1
        return value

    def _take(self, count: int) -> bytes:
        self.place += count
        if self.place > len(self._data):
            raise IndexError
        return self._data[self.place - count : self.place]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128 or shift > 63:
                return value

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
