"""The header of a safetensors file, checked against the size of the file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from embedsearch._errors import VectorError

METADATA = "__metadata__"
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
NAME_OF_DTYPE = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor: `begin` and `end` count bytes from the first byte after the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a file holds, and where its data begin and how long they are, in bytes."""

    entries: dict[str, Entry]
    metadata: dict[str, str]
    data_start: int
    data_size: int


def parse_header(text: bytes, data_start: int, data_size: int) -> Header:
    """Parse the header's JSON; what it promises must fill the data exactly.

    Args:
        text: The JSON.
        data_start: Where the data begin in the file.
        data_size: How many bytes follow the header.

    Raises:
        VectorError: Not such a header, or one that does not fit the data.
    """
    items = _load(text)
    metadata = items.pop(METADATA, {})
    if not isinstance(metadata, dict):
        raise VectorError("the metadata are not texts by name")
    entries = sorted(
        ((name, _entry(name, value)) for name, value in items.items()),
        key=lambda item: (item[1].begin, item[1].end),
    )
    _check_cover([entry for _, entry in entries], data_size)
    texts = {str(key): str(value) for key, value in metadata.items()}
    return Header(dict(entries), texts, data_start, data_size)


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
        raise VectorError("a name stands twice in the header")
    return result


def _entry(name: str, value: Any) -> Entry:
    try:
        dtype, shape = DTYPES[value["dtype"]], value["shape"]
        begin, end = value["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise VectorError(f"tensor {name!r} is not described as it must be") from error
    if not isinstance(shape, list) or not all(_is_count(n) for n in (*shape, begin, end)):
        raise VectorError(f"tensor {name!r} has a shape or a place that is no whole number")
    if end - begin != prod(shape) * dtype.itemsize:
        raise VectorError(f"tensor {name!r} has {end - begin} bytes, not what its shape needs")
    return Entry(dtype, tuple(shape), begin, end)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _check_cover(entries: list[Entry], data_size: int) -> None:
    position = 0
    for entry in entries:
        if entry.begin != position:
            raise VectorError(f"the tensors leave a gap or overlap at byte {position}")
        position = entry.end
    if position != data_size:
        raise VectorError(f"{position} bytes of tensors were promised, {data_size} are there")
