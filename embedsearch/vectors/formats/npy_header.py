"""The header of a `.npy` file, compared with the size of the file.

NumPy parses headers as Python, and fails on damaged ones in many ways. After the specification
in `numpy.lib.format`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from embedsearch._errors import SourceFormatError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}
_LONGEST = 10_000
_DTYPE = re.compile(rb"""['"]descr['"]\s*:\s*['"]([<>|=]?[fiu][1248])['"]""")
_SHAPE = re.compile(rb"""['"]shape['"]\s*:\s*\(\s*(\d{1,18})L?\s*,\s*(\d{1,18})L?\s*,?\s*\)""")
_ORDER = re.compile(rb"""['"]fortran_order['"]\s*:\s*(True|False)""")


def map_array(path: Path) -> NDArray[Any]:
    """Map a matrix of real numbers.

    Raises:
        SourceFormatError: The file is damaged, cut short, or holds something else.
        OSError: It cannot be opened.
    """
    with path.open("rb") as file:
        header, start = _header(path, file)
    dtype, shape, order = _DTYPE.search(header), _SHAPE.search(header), _ORDER.search(header)
    if not (dtype and shape and order):
        shown = repr(header[:80].decode(errors="replace"))
        raise SourceFormatError(path, f"must be a matrix of real numbers; its header: {shown}")
    rows, columns = int(shape[1]), int(shape[2])
    kind = _dtype(path, dtype[1].decode())
    needed, there = rows * columns * kind.itemsize, path.stat().st_size - start
    if needed != there:
        reason = f"{there:,} bytes of numbers, not the {needed:,} that its header promises"
        raise SourceFormatError(path, f"has {reason}; fetch or save it again")
    if not needed:
        raise SourceFormatError(path, f"holds no numbers: its shape is ({rows:,}, {columns:,})")
    layout: Any = "F" if order[1] == b"True" else "C"
    return np.memmap(path, kind, mode="r", offset=start, shape=(rows, columns), order=layout)


def _header(path: Path, file: BinaryIO) -> tuple[bytes, int]:
    head = file.read(len(MAGIC) + 2)
    width = _LENGTH_BYTES.get(head[-2]) if len(head) == len(MAGIC) + 2 else None
    if not head.startswith(MAGIC) or width is None:
        raise SourceFormatError(path, "is not a .npy file: its first bytes are others")
    length = int.from_bytes(file.read(width), "little")
    if length > _LONGEST:
        raise SourceFormatError(path, f"is damaged: a header of {length:,} bytes")
    return file.read(length), len(head) + width + length


def _dtype(path: Path, name: str) -> np.dtype[Any]:
    try:
        return np.dtype(name)
    except TypeError as error:
        raise SourceFormatError(path, f"has numbers of an unknown type, {name!r}") from error
