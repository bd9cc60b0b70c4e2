"""Arrays in one file, in the safetensors layout, opened by mapping and not by reading.

The layout (https://github.com/huggingface/safetensors, "Format"): eight bytes with the length
of the header, little-endian; the header, JSON that gives each tensor its dtype, its shape and
where its bytes begin and end; then the bytes of the tensors without gaps.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.vectors._tensor_header import METADATA, NAME_OF_DTYPE, Header, parse_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """An array that is made while it is written, a block of rows at a time.

    Attributes:
        dtype: Of its numbers.
        shape: Of all of it.
        rows: Its blocks in turn, gone through once.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    rows: Iterable[NDArray[Any]]

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return self.dtype.itemsize * math.prod(self.shape)


def save_tensors(
    path: str | Path,
    tensors: Mapping[str, NDArray[Any] | Blocks],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write arrays to a file; the same arrays always give the same bytes.

    The file is written in place and neither flushed to the disk nor renamed: the caller does so.

    Args:
        path: The file; replaced if it exists.
        tensors: Arrays by name: float16/32/64, signed or unsigned integers, or bool; whole, or
            in `Blocks`.
        metadata: Short texts kept in the header.

    Raises:
        VectorError: A dtype or a name that the format does not have.
        OSError: The file cannot be written.
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
    """Map the arrays of a file into memory, read-only; pages are read when they are used.

    Args:
        path: A file of `save_tensors` or of any other safetensors writer.

    Returns:
        The arrays by name, in the order of their place in the file.

    Raises:
        VectorError: The file is damaged or holds a dtype that NumPy does not have.
        OSError: The file cannot be opened.
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
    """Read the texts that `save_tensors` was given as metadata.

    Raises:
        VectorError: The file is damaged.
        OSError: The file cannot be opened.
    """
    return _read_header(path).metadata


def restore_header(path: Path, shapes: Mapping[str, tuple[str, tuple[int, ...]]]) -> bool:
    """Write the header that `save_tensors` wrote, if arrays of these shapes fill the file.

    Args:
        path: A file whose header is damaged.
        shapes: The dtype and shape of each array.

    Returns:
        Whether they fill it; if not, it is left as it is.
    """
    empty = {n: np.broadcast_to(np.zeros((), dtype), shape) for n, (dtype, shape) in shapes.items()}
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
    return sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))


def _header_bytes(
    ordered: list[tuple[str, NDArray[Any] | Blocks]], metadata: Mapping[str, str] | None
) -> bytes:
    header: dict[str, Any] = {METADATA: dict(sorted(metadata.items()))} if metadata else {}
    begin = 0
    for name, array in ordered:
        dtype = NAME_OF_DTYPE.get(array.dtype.newbyteorder("<"))
        if dtype is None or name == METADATA:
            raise VectorError(f"a tensor {name!r} of dtype {array.dtype} cannot be saved")
        end = begin + array.nbytes
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    # Spaces up to a multiple of eight, so that mapped numbers lie where processors want them.
    return text + b" " * (-len(text) % 8)


def _read_header(path: str | Path) -> Header:
    path = Path(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        start = _LENGTH_BYTES + length
        if size < _LENGTH_BYTES or start > size:
            raise VectorError(f"{path}: damaged: {size} bytes are too few for its header")
        text = file.read(length)
    try:
        return parse_header(text, start, size - start)
    except VectorError as error:
        raise VectorError(f"{path}: damaged: {error}") from error
