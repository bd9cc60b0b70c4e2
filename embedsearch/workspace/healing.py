"""Of a damaged file, what is still what was written: block by block, with a flipped bit undone.

The manifest has a checksum of each block of the files that nothing else follows from, so that
damage costs its own block, not the file. Where a single bit of a block was flipped, the bit is
found by trying all.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._io import (
    CHECKSUM,
    MOST_BYTES,
    canonical,
    checksum_holds,
    looks_like_a_checksum,
    sha256 as sha256_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_BLOCK, _MOST_BLOCKS, _DIGITS = 256, 2048, 16
# What trying all bits may cost: seconds, for a block of 32 KiB.
_TRIED_BYTES, _TRIED_BLOCKS = 32 << 10, 8
_TRIED_JSON, _TRIED_RAW = 64 << 10, 8 << 10
# How far the bit may be from where the text stops to be JSON.
_NEAR, _AFTER = 300, 40
_HASH = re.compile(rb'"[0-9a-f]{16,}"')


@dataclass(frozen=True, slots=True)
class Healed:
    """What is known of the content of a file.

    Attributes:
        path: The file, or a copy in which flipped bits are undone and missing bytes are zeros.
        damaged: Where bytes are not what was written, `(begin, end)` each, ascending.
        compared: Whether there was anything to compare the content with.
    """

    path: Path
    damaged: list[tuple[int, int]] = field(default_factory=list)
    compared: bool = True

    @property
    def whole(self) -> bool:
        """Whether every byte is what was written."""
        return self.compared and not self.damaged

    def sound(self, begin: int, size: int, count: int) -> NDArray[np.bool_]:
        """Say of `count` pieces of `size` bytes each, from `begin` on, which are not damaged."""
        sound = np.ones(count, np.bool_)
        for start, end in self.damaged:
            if end > begin and size:
                sound[max(start - begin, 0) // size : -(-(end - begin) // size)] = False
        return sound


def block_checksums(path: Path) -> dict[str, Any]:
    """Return the entry `blocks` of a file in a manifest."""
    size = _BLOCK
    while size * _MOST_BLOCKS < path.stat().st_size:
        size *= 2
    with path.open("rb") as file:
        sums = map(_checksum, iter(lambda: file.read(size), b""))
        return {"bytes": size, "blake2b": "".join(sums)}


def healed(path: Path, facts: Mapping[str, Any] | None, copy: Path) -> Healed | None:
    """Find out what of a file is what was written.

    Args:
        path: The file; it may be missing.
        facts: What the manifest says of it; None where nothing does.
        copy: Where a copy is made, if one must be.

    Returns:
        None if there is no file, and nobody knows how long it was.
    """
    facts = as_object(facts)
    there, size = path.is_file(), facts.get("size")
    if there and sha256_of(path) == facts.get("sha256"):
        return Healed(path)
    if type(size) is not int or not 0 <= size <= _most_of(path, facts):
        return Healed(path, compared=False) if there else None
    _copy(path, copy, size)
    sums = _sums(facts.get("blocks"), size)
    if sums is None:
        # Nothing tells where the damage is.
        return Healed(copy, [(0, size)])
    return Healed(copy, list(_damaged(copy, *sums, path.stat().st_size if there else 0)))


def read_facts(path: Path) -> tuple[dict[str, Any], bool]:
    """Read a small file of ours as far as it can be read, with a flipped bit undone.

    Returns:
        Its values, and whether they are what was written.
    """
    try:
        content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    except OSError:
        return {}, False
    values, place = _parsed(content)
    if values is None:
        mended = _tried(content, range(max(place - _NEAR, 0), min(place + _AFTER, len(content))))
    elif checksum_holds(values) is not False:
        return values, True
    else:
        # In canonical text a flip of a name may be elsewhere, and one to a space is not there.
        mended = _mended(values) or _tried(content, _outside_hashes(content))
    return (values or {}, False) if mended is None else (mended, True)


def as_object(value: object) -> dict[str, Any]:
    """Return an object of a damaged JSON file; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def _parsed(content: bytes) -> tuple[dict[str, Any] | None, int]:
    """Return a JSON object, or None and where it stops to be one."""
    try:
        values = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        return None, error.start
    except json.JSONDecodeError as error:
        return None, len(error.doc[: error.pos].encode())
    except (ValueError, RecursionError):
        return None, 0
    return (values, 0) if isinstance(values, dict) else (None, 0)


def _mended(values: dict[str, Any]) -> dict[str, Any] | None:
    """Undo a flipped bit in the values of a file, or in its checksum."""
    rest = {name: value for name, value in values.items() if not looks_like_a_checksum(value)}
    if len(rest) != len(values) - 1:
        return None
    (wanted,) = (value for value in values.values() if looks_like_a_checksum(value))
    text = canonical(rest).encode("ascii")
    found = sha256(text).hexdigest()
    if sum(a != b for a, b in zip(found, wanted, strict=True)) <= 1:
        return {**rest, CHECKSUM: found}
    if len(text) > _TRIED_JSON:
        return None
    right = _one_bit_back(text, sha256, bytes.fromhex(wanted))
    return None if right is None else {**json.loads(right), CHECKSUM: wanted}


def _tried(content: bytes, places: Iterable[int]) -> dict[str, Any] | None:
    """Try the bits of some places of a file until its checksum holds."""
    changed = bytearray(content)
    for place in places:
        for bit in range(8):
            changed[place] ^= 1 << bit
            values = _parsed(bytes(changed))[0]
            changed[place] ^= 1 << bit
            if values and checksum_holds(values):
                return values
    return None


def _outside_hashes(content: bytes) -> list[int]:
    """Return all places of a small file but those of hexadecimal strings."""
    rest = _HASH.sub(lambda found: b"\0" * len(found[0]), content)
    places = [place for place, byte in enumerate(rest) if byte]
    return places if len(places) <= _TRIED_RAW else []


def _one_bit_back(content: bytes, hashing: Any, wanted: bytes, **options: Any) -> bytes | None:
    """Find the flipped bit of a content whose hash was another."""
    before = hashing(**options)
    for place in range(len(content)):
        for bit in range(8):
            byte, tried = bytes([content[place] ^ 1 << bit]), before.copy()
            tried.update(byte + content[place + 1 :])
            if tried.digest() == wanted:
                return content[:place] + byte + content[place + 1 :]
        before.update(content[place : place + 1])
    return None


def _checksum(block: bytes) -> str:
    return blake2b(block, digest_size=_DIGITS // 2).hexdigest()


def _sums(blocks: Any, size: int) -> tuple[int, list[str]] | None:
    """Return the bytes of a block and the checksums, where a manifest has them."""
    if not isinstance(blocks, dict):
        return None
    step, text = blocks.get("bytes"), blocks.get("blake2b")
    if type(step) is not int or step < 1 or not isinstance(text, str):
        return None
    sums = [text[at : at + _DIGITS] for at in range(0, len(text), _DIGITS)]
    return (step, sums) if len(sums) == -(-size // step) else None


def _damaged(copy: Path, step: int, sums: list[str], there: int) -> Iterator[tuple[int, int]]:
    """Undo flipped bits, and yield where that does not help; `there` bytes are no padding."""
    tries = _TRIED_BLOCKS if step <= _TRIED_BYTES else 0
    with copy.open("r+b") as file:
        for number, wanted in enumerate(sums):
            file.seek(number * step)
            block = file.read(step)
            if _checksum(block) == wanted:
                continue
            tried = tries > 0 and file.tell() <= there
            right = _block_back(block, wanted) if tried else None
            tries -= tried
            if right is None:
                yield number * step, number * step + len(block)
            else:
                file.seek(number * step)
                file.write(right)


def _block_back(block: bytes, wanted: str) -> bytes | None:
    try:
        digest = bytes.fromhex(wanted)
    except ValueError:
        return None
    return _one_bit_back(block, blake2b, digest, digest_size=_DIGITS // 2)


def _most_of(path: Path, facts: Mapping[str, Any]) -> int:
    """Return the most bytes that a file may have had, so that a lie cannot fill the disk."""
    sums = _sums(facts.get("blocks"), int(facts["size"]))
    here = path.stat().st_size if path.is_file() else 0
    return max(2 * here, _BLOCK, 0 if sums is None else sums[0] * len(sums[1]))


def _copy(path: Path, copy: Path, size: int) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file():
        shutil.copyfile(path, copy)
    with copy.open("ab") as file:
        file.truncate(size)
