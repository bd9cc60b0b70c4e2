"""Which parts of a damaged file are intact, by its blocks; flipped bits are undone."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._io import CHECKSUM, MOST_BYTES, canonical, checksum_holds, sha256 as sha256_of
from embedsearch.workspace.publishing import block_hash, parse_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# Trying all bits costs the square of the bytes: seconds for a block of 32 KiB, as much for the
# canonical text of a manifest of 64 KiB, and for 8 KiB where each try parses JSON, too.
_TRIED_BYTES, _TRIED_BLOCKS = 32 << 10, 8
_TRIED_JSON, _TRIED_RAW = 64 << 10, 8 << 10
# How far the flipped bit may be from where the text stops being JSON.
_BEFORE, _AFTER = 300, 40
_HASH = re.compile(rb'"[0-9a-f]{16,}"')
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RecoveredFile:
    """What is known of the content of a file."""

    # The file, or a copy in which flipped bits are undone and missing bytes are zeros.
    path: Path
    # Where bytes are not what was written, `(begin, end)` each, ascending.
    damaged: list[tuple[int, int]] = field(default_factory=list)
    # Whether there was anything to compare the content with.
    compared: bool = True

    @property
    def intact(self) -> bool:
        """Whether every byte is known to be what was written."""
        return self.compared and not self.damaged

    def sound(self, begin: int, size: int, count: int) -> NDArray[np.bool_]:
        """Return which of `count` pieces of `size` bytes each, from `begin` on, are undamaged."""
        sound = np.ones(count, np.bool_)
        for start, end in self.damaged:
            if end > begin and size:
                sound[max(start - begin, 0) // size : -(-(end - begin) // size)] = False
        return sound


def recover_file(path: Path, facts: Any, copy: Path) -> RecoveredFile | None:
    """Compare a file, which may be missing, with its entry in a manifest, which may be damaged.

    Returns None if there is no file, and its size is not known.
    """
    facts = as_object(facts)
    there, size = path.is_file(), facts.get("size")
    if there and sha256_of(path) == facts.get("sha256"):
        return RecoveredFile(path)
    if type(size) is not int or not 0 <= size <= _largest(path, facts):
        return RecoveredFile(path, compared=False) if there else None
    _copy_padded(path, copy, size)
    blocks = parse_blocks(facts.get("blocks"), size)
    if blocks is None:
        # Where the damage is, is not known.
        return RecoveredFile(copy, [(0, size)])
    held = path.stat().st_size if there else 0
    return RecoveredFile(copy, list(_damaged_blocks(copy, *blocks, held)))


def read_facts(path: Path) -> tuple[dict[str, Any], bool]:
    """Read a small JSON file of ours as far as possible, with a flipped bit undone.

    Also returns whether its values are what was written.
    """
    try:
        content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    except OSError:
        return {}, False
    values, place = _parse(content)
    if values is None:
        near = range(max(place - _BEFORE, 0), min(place + _AFTER, len(content)))
        mended = _try_bits(content, near)
    elif checksum_holds(values):
        return values, True
    else:
        # The canonical text does not show which of two entries a flipped name was, nor a flip
        # between entries.
        mended = _mend_values(values) or _try_bits(content, _outside_hashes(content))
    return (values or {}, False) if mended is None else (mended, True)


@dataclass(frozen=True, slots=True)
class RecoveredManifest:
    """What a manifest says, and whether that is what was written."""

    values: dict[str, Any]
    trusted: bool

    @classmethod
    def read(cls, path: Path) -> RecoveredManifest:
        """Read a manifest as far as possible."""
        return cls(*read_facts(path))

    def section(self, name: str) -> dict[str, Any]:
        """Return one of its objects; an empty one if it is not there."""
        return as_object(self.values.get(name))

    def file(self, path: Path, folder: Path) -> RecoveredFile | None:
        """Compare a file with its entry; see `recover_file`."""
        return recover_file(path, self.section("files").get(path.name), folder / path.name)

    def has_hash(self, name: str, path: Path) -> bool:
        """Whether a file is what was written under a name."""
        entry = as_object(self.section("files").get(name))
        return bool(entry.get("sha256") == sha256_of(path))


def as_object(value: object) -> dict[str, Any]:
    """Return an object of a damaged JSON file; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def _parse(content: bytes) -> tuple[dict[str, Any] | None, int]:
    """Return a JSON object; or None, and where the content stops being one."""
    try:
        values = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        return None, error.start
    except json.JSONDecodeError as error:
        return None, len(error.doc[: error.pos].encode())
    except (ValueError, RecursionError):
        return None, 0
    return (values, 0) if isinstance(values, dict) else (None, 0)


def _mend_values(values: dict[str, Any]) -> dict[str, Any] | None:
    """Undo a flipped bit in the values, in the checksum or in its name."""
    hashes = {name: value for name, value in values.items() if _is_hash(value)}
    if len(hashes) != 1:
        return None
    ((name, wanted),) = hashes.items()
    rest = {other: value for other, value in values.items() if other != name}
    text = canonical(rest).encode("ascii")
    found = sha256(text).hexdigest()
    if sum(a != b for a, b in zip(found, wanted, strict=True)) <= 1:
        return {**rest, CHECKSUM: found}
    if len(text) > _TRIED_JSON:
        return None
    right = _undo_flip(text, sha256, wanted)
    return None if right is None else {**json.loads(right), CHECKSUM: wanted}


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _try_bits(content: bytes, places: Iterable[int]) -> dict[str, Any] | None:
    """Flip each bit of some places until the checksum of the JSON holds."""
    changed = bytearray(content)
    for place in places:
        for bit in range(8):
            changed[place] ^= 1 << bit
            values = _parse(bytes(changed))[0]
            changed[place] ^= 1 << bit
            if values and checksum_holds(values):
                return values
    return None


def _outside_hashes(content: bytes) -> list[int]:
    """Return all places but those in hashes, whose flips `_mend_values` finds; none if too many."""
    rest = _HASH.sub(lambda found: b"\0" * len(found[0]), content)
    places = [place for place, byte in enumerate(rest) if byte]
    return places if len(places) <= _TRIED_RAW else []


def _undo_flip(content: bytes, hashing: Callable[[], Any], wanted: str) -> bytes | None:
    """Find the flipped bit of a content whose hash was `wanted`."""
    try:
        digest = bytes.fromhex(wanted)
    except ValueError:
        return None
    # The state of the hash before each place is kept, so that only what follows is hashed again.
    before = hashing()
    for place in range(len(content)):
        for bit in range(8):
            byte, tried = bytes([content[place] ^ 1 << bit]), before.copy()
            tried.update(byte + content[place + 1 :])
            if tried.digest() == digest:
                return content[:place] + byte + content[place + 1 :]
        before.update(content[place : place + 1])
    return None


def _damaged_blocks(copy: Path, step: int, sums: list[str], held: int) -> Iterator[tuple[int, int]]:
    """Undo flipped bits, and yield what stays damaged; beyond `held` bytes is only padding."""
    tries = _TRIED_BLOCKS if step <= _TRIED_BYTES else 0
    with copy.open("r+b") as file:
        for number, wanted in enumerate(sums):
            file.seek(number * step)
            block = file.read(step)
            if block_hash(block).hexdigest() == wanted:
                continue
            tried = tries > 0 and file.tell() <= held
            right = _undo_flip(block, block_hash, wanted) if tried else None
            tries -= tried
            if right is None:
                yield number * step, number * step + len(block)
            else:
                file.seek(number * step)
                file.write(right)


def _largest(path: Path, facts: Mapping[str, Any]) -> int:
    """Return the most bytes that a file may have had, so that a lie cannot fill the disk."""
    blocks = parse_blocks(facts.get("blocks"), int(facts["size"]))
    here = path.stat().st_size if path.is_file() else 0
    return max(2 * here, 256, 0 if blocks is None else blocks[0] * len(blocks[1]))


def _copy_padded(path: Path, copy: Path, size: int) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file():
        shutil.copyfile(path, copy)
    with copy.open("ab") as file:
        file.truncate(size)
