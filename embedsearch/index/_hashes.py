"""Hashes of files: of all of it, or of enough places to find one that was cut or mixed up."""

from __future__ import annotations

from hashlib import sha256
from typing import BinaryIO

# Larger files are hashed in places when they are opened: this much takes a tenth of a second.
MOST_HASHED = 64 << 20
_BLOCK = 1 << 20
_PLACES, _PLACE_BYTES = 256, 8 << 10


def whole_hash(file: BinaryIO, size: int) -> str:
    """Hash the first `size` bytes of a file."""
    hashed = sha256()
    file.seek(0)
    left = size
    while left and (block := file.read(min(_BLOCK, left))):
        hashed.update(block)
        left -= len(block)
    return hashed.hexdigest()


def hash_of_places(file: BinaryIO, size: int) -> str:
    """Hash the ends of the first `size` bytes of a file, and 256 places between, evenly."""
    hashed = sha256(size.to_bytes(8, "little"))
    last = max(0, size - _BLOCK)
    places = [(0, _BLOCK), *((last * i // _PLACES, _PLACE_BYTES) for i in range(1, _PLACES))]
    for start, length in [*places, (last, _BLOCK)]:
        file.seek(start)
        hashed.update(file.read(min(length, size - start)))
    return hashed.hexdigest()
