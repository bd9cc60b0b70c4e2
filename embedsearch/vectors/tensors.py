"""Arrays in one file, in the safetensors layout, opened by mapping and not by reading.

The layout (https://github.com/huggingface/safetensors, "Format"): eight bytes with the length
of the header, little-endian; the header, JSON that gives each tensor its dtype, its shape and
where its bytes begin and end; then the bytes of the tensors without gaps.

The package of that name copies what it reads; a workspace needs arrays that are mapped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import NATURAL
from embedsearch._errors import VectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray


_LENGTH_BYTES = 8
_METADATA = "__metadata__"
# Little-endian on every machine, as the format has it.
_DTYPES: dict[str, np.dtype[Any]] = {
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (8, 4, 2)},
    **{f"I{8 * size}": np.dtype(f"<i{size}") for size in (8, 4, 2, 1)},
    **{f"U{8 * size}": np.dtype(f"<u{size}") for size in (8, 4, 2, 1)},
    "BOOL": np.dtype("?"),
}
_NAME_OF_DTYPE = {dtype: name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One tensor: `begin` and `end` count bytes from the first byte after the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class _Header:
    """What a file holds, and where its data begin and how long they are, in bytes."""

    entries: dict[str, _Entry]
    metadata: dict[str, str]
    data_start: int
    data_size: int


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """An array that is made while it is written, a block of rows at a time."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    rows: Iterable[NDArray[Any]]  # iterated once

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return self.dtype.itemsize * prod(self.shape)


def save_tensors(
    path: str | Path,
    tensors: Mapping[str, NDArray[Any] | Blocks],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write arrays to a file; the same arrays always give the same bytes.

    The file is written in place and neither flushed to the disk nor renamed: the caller does so.
    """
    ordered = _ordered(tensors)
    header = _header_bytes(ordered, metadata)
    with Path(path).open("wb") as file:
        file.write(len(header).to_bytes(_LENGTH_BYTES, "little"))
        file.write(header)
        for _, array in ordered:
            for rows in array.rows if isinstance(array, Blocks) else (array,):
                little = np.ascontiguousarray(rows, dtype=array.dtype.newbyteorder("<"))
                file.write(little.reshape(-1).view(np.uint8).data)


def open_tensors(path: str | Path) -> dict[str, NDArray[Any]]:
    """Map the arrays of a file, read-only, in their order there; pages are read when they are used.

    Raises:
        VectorError: The file is damaged or holds a dtype that NumPy does not have.
    """
    header = _read_header(path)
    data: NDArray[np.uint8] = np.empty(0, np.uint8)
    if header.data_size:
        mapped = np.memmap(path, np.uint8, mode="r", offset=header.data_start)
        # A plain array: the memmap type makes every slice and sum slower.
        data = mapped.view(np.ndarray)
    tensors = {}
    for name, entry in header.entries.items():
        array = data[entry.begin : entry.end].view(entry.dtype).reshape(entry.shape)
        array.flags.writeable = False
        tensors[name] = array
    return tensors


def read_metadata(path: str | Path) -> dict[str, str]:
    """Return the metadata that `save_tensors` was given; VectorError if the file is damaged."""
    return _read_header(path).metadata


def restore_header(path: Path, shapes: Mapping[str, tuple[str, tuple[int, ...]]]) -> bool:
    """Write the header that `save_tensors` wrote again, if arrays of these shapes fill the file.

    Returns whether they do; if not, the file is left as it is.
    """
    empty = {name: Blocks(np.dtype(d), shape, ()) for name, (d, shape) in shapes.items()}
    header = _header_bytes(_ordered(empty), {})
    size = _LENGTH_BYTES + len(header) + sum(array.nbytes for array in empty.values())
    if path.stat().st_size != size:
        return False
    with path.open("r+b") as file:
        file.write(len(header).to_bytes(_LENGTH_BYTES, "little") + header)
    return True


def data_start(path: Path) -> int:
    """Return where the first array of a file begins, in bytes."""
    return _read_header(path).data_start


def _ordered(
    tensors: Mapping[str, NDArray[Any] | Blocks],
) -> list[tuple[str, NDArray[Any] | Blocks]]:
    # The widest numbers first: then all begin at a multiple of their size.
    return sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))


def _header_bytes(
    ordered: list[tuple[str, NDArray[Any] | Blocks]], metadata: Mapping[str, str] | None
) -> bytes:
    header: dict[str, Any] = {_METADATA: dict(sorted(metadata.items()))} if metadata else {}
    begin = 0
    for name, array in ordered:
        dtype = _NAME_OF_DTYPE.get(array.dtype.newbyteorder("<"))
        if dtype is None or name == _METADATA:
            raise VectorError(f"a tensor {name!r} of dtype {array.dtype} cannot be saved")
        end = begin + array.nbytes
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    # Padded to a multiple of eight, so that mapped numbers are aligned.
    return text + b" " * (-len(text) % 8)


def _read_header(path: str | Path) -> _Header:
    path = Path(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        start = _LENGTH_BYTES + length
        if size < _LENGTH_BYTES or start > size:
            raise VectorError(f"{path}: damaged: {size} bytes are too few for its header")
        text = file.read(length)
    try:
        return _parse_header(text, start, size - start)
    except VectorError as error:
        raise VectorError(f"{path}: damaged: {error}") from error


def _parse_header(text: bytes, data_start: int, data_size: int) -> _Header:
    """Parse the header's JSON; the tensors must fill exactly the bytes that follow it."""
    items = _load(text)
    metadata = items.pop(_METADATA, {})
    if not isinstance(metadata, dict):
        raise VectorError("the metadata are not texts by name")
    entries = sorted(
        ((name, _entry(name, value)) for name, value in items.items()),
        key=lambda item: (item[1].begin, item[1].end),
    )
    _check_cover([entry for _, entry in entries], data_size)
    texts = {str(key): str(value) for key, value in metadata.items()}
    return _Header(dict(entries), texts, data_start, data_size)


def _load(text: bytes) -> dict[str, Any]:
    try:
        items = json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise VectorError(f"the header is not JSON ({error})") from error
    if not isinstance(items, dict):
        raise VectorError("the header is not a JSON object")
    return items


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise VectorError("the header repeats a name")
    return result


def _entry(name: str, value: Any) -> _Entry:
    try:
        dtype, shape = _DTYPES[value["dtype"]], value["shape"]
        begin, end = value["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise VectorError(f"tensor {name!r} is not described as it must be") from error
    if not isinstance(shape, list) or not all(map(NATURAL.allows, (*shape, begin, end))):
        raise VectorError(f"tensor {name!r} has a shape or an offset that is no whole number")
    if end - begin != prod(shape) * dtype.itemsize:
        raise VectorError(f"tensor {name!r} has {end - begin} bytes, not what its shape needs")
    return _Entry(dtype, tuple(shape), begin, end)


def _check_cover(entries: list[_Entry], data_size: int) -> None:
    position = 0
    for entry in entries:
        if entry.begin != position:
            raise VectorError(f"the tensors leave a gap or overlap at byte {position}")
        position = entry.end
    if position != data_size:
        raise VectorError(f"{position} bytes of tensors were promised, {data_size} are there")
