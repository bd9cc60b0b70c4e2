"""Checksums of published files: of each as a whole, and of the blocks of those not made again.

Damage then costs its own blocks, not the file: see `maintenance.file_recovery`.
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import WorkspaceDamagedError
from embedsearch._io import read_json, sha256
from embedsearch.workspace.contents import is_litter
from embedsearch.workspace.layout import MANIFEST
from embedsearch.workspace.schemas import GENERATION, VECTORS, fault_of, version_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A block is about one row of vectors, the least that can be lost; 2,048 blocks keep the manifest
# below 40 KB a file, and a bit flipped in 32 KiB is still found by trying all in seconds.
_BLOCK_BYTES, _MOST_BLOCKS = 256, 2048
_DIGITS = 16
block_hash = partial(blake2b, digest_size=_DIGITS // 2)


def folder_faults(
    folder: Path, workspace: Path, needed: tuple[str, ...], *, quick: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield (file name, what is wrong) of a generation, or of the user's own vectors.

    `needed` are the files that it cannot be without; `quick` compares sizes, but not contents.
    """
    try:
        manifest = read_json(folder / MANIFEST, workspace)
    except (WorkspaceDamagedError, OSError) as error:
        yield MANIFEST, str(getattr(error, "reason", error))
        return
    yield from ((MANIFEST, what) for what in manifest_faults(folder, manifest))
    files = manifest.get("files")
    if isinstance(files, dict):
        yield from _file_faults(folder, files, needed, quick)


def manifest_faults(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the values of a manifest."""
    schema = VECTORS if folder.parent.name == "vectors" else GENERATION
    if found := version_fault(manifest) or fault_of(manifest, schema):
        yield found
    elif manifest["generation"] != int(folder.name):
        yield f"it is the manifest of number {manifest['generation']}"


def _file_faults(
    folder: Path, files: dict[str, Any], needed: tuple[str, ...], quick: bool
) -> Iterator[tuple[str, str]]:
    there = {path.name for path in folder.iterdir() if not is_litter(path.name)} - {MANIFEST}
    for name in sorted(there - files.keys()):
        yield name, "it is not in the list of the manifest"
    for name in sorted(set(needed) - files.keys()):
        yield name, "the manifest does not list it"
    for name, facts in filter(_is_entry, sorted(files.items())):
        if fault := _file_fault(folder / name, facts, quick):
            yield name, fault


def _is_entry(item: tuple[object, object]) -> bool:
    # The manifest may be damaged: a name must not lead out of the folder.
    name, facts = item
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name:
        return False
    if not isinstance(facts, dict):
        return False
    return type(facts.get("size")) is int and isinstance(facts.get("sha256"), str)


def _file_fault(path: Path, facts: dict[str, Any], quick: bool) -> str | None:
    if not path.is_file():
        return "it is missing"
    if (size := path.stat().st_size) != facts["size"]:
        return f"it has {size:,} bytes, {facts['size']:,} were written"
    if not quick and sha256(path) != facts["sha256"]:
        return "it is not what was written: its SHA-256 does not match"
    return None


def block_checksums(path: Path) -> dict[str, Any]:
    """Return the entry `blocks` of a file in a manifest."""
    size = _BLOCK_BYTES
    while size * _MOST_BLOCKS < path.stat().st_size:
        size *= 2
    with path.open("rb") as file:
        blocks = iter(lambda: file.read(size), b"")
        return {"bytes": size, "blake2b": "".join(block_hash(b).hexdigest() for b in blocks)}


def parse_blocks(blocks: Any, size: int) -> tuple[int, list[str]] | None:
    """Return the bytes of a block and the checksums; None unless they are those of `size` bytes."""
    if not isinstance(blocks, dict):
        return None
    step, text = blocks.get("bytes"), blocks.get("blake2b")
    if type(step) is not int or step < 1 or not isinstance(text, str):
        return None
    sums = [text[at : at + _DIGITS] for at in range(0, len(text), _DIGITS)]
    return (step, sums) if len(sums) == -(-size // step) else None
