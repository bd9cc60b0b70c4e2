"""How a generation, or a state of the user's own vectors, comes into being, and goes.

The files are written in the workspace's temporary folder, flushed, and listed with size and
hash in a manifest; the folder is renamed into place; only then does `workspace.json` name it.
A crash at any point leaves the old generation or the new one.

The manifest has a hash of each file, and of the blocks of files that are not made again: damage
then costs its own blocks, not the file (see `maintenance.file_recovery`).
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import EmbedSearchError, WorkspaceDamagedError
from embedsearch._io import (
    flush_file,
    flush_folder,
    read_json,
    sha256,
    storage_errors,
    what_is_wrong,
    write_json,
)
from embedsearch.index.lexical.storage import STATE as LEXICAL_STATE
from embedsearch.workspace.layout import (
    FORMAT_VERSION,
    IRREPLACEABLE,
    MANIFEST,
    GenerationLayout,
    Layout,
    VectorsLayout,
    is_litter,
)
from embedsearch.workspace.locks import is_held
from embedsearch.workspace.schemas import GENERATION, VECTORS, fault_of, version_fault
from embedsearch.workspace.state import State, load_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


# A block is about one row of vectors, the least that can be lost; 2,048 blocks keep the manifest
# below 40 KB a file, and a bit flipped in 32 KiB is still found by trying all in seconds.
_BLOCK_BYTES, _MOST_BLOCKS = 256, 2048
_DIGITS = 16
block_hash = partial(blake2b, digest_size=_DIGITS // 2)


def publish(layout: Layout, write: Callable[[GenerationLayout], dict[str, Any]]) -> int:
    """Make a generation and return its number; the caller names it in `workspace.json`.

    `write` writes the files and returns what the manifest says of them. The lock must be held.
    """
    return _publish(layout, layout.generations, lambda root: write(GenerationLayout(root)))


def publish_vectors(layout: Layout, write: Callable[[VectorsLayout], dict[str, Any]]) -> int:
    """Make a state of the user's own vectors, as `publish` does a generation."""
    return _publish(layout, layout.vectors, lambda root: write(VectorsLayout(root)))


def _publish(layout: Layout, folder: Path, write: Callable[[Path], dict[str, Any]]) -> int:
    with storage_errors(layout.root), undone_on_failure(layout):
        number = _next_number(folder)
        root = temporary_folder(layout, f"{folder.name}-{number:04d}")
        manifest = write(root)
        _write_manifest(root, number, manifest)
        # All is on the disk by now; should the folder have been moved meanwhile, nothing is named.
        layout.check_in_place()
        if not folder.exists():
            folder.mkdir()
            flush_folder(layout.root)
        place = folder / f"{number:04d}"
        root.rename(place)
        try:
            # Its name must be on the disk before `workspace.json` has its number.
            flush_folder(folder)
        except OSError:
            # Nobody has named it.
            shutil.rmtree(place, ignore_errors=True)
            raise
    return number


def temporary_folder(layout: Layout, name: str) -> Path:
    """Make a folder for work under way."""
    layout.check_in_place()
    layout.temporary.mkdir(exist_ok=True)
    folder = layout.temporary / name
    folder.mkdir()
    return folder


def clear_temporary(layout: Layout) -> None:
    """Remove the work of a step that is over, or failed; not that of another workspace."""
    if layout.in_place:
        shutil.rmtree(layout.temporary, ignore_errors=True)


def reuse(old: Path, new: Path) -> None:
    """Let a new generation share an unchanged file of an old one."""
    try:
        os.link(old, new)
    except OSError:
        # Some file systems have no hard links (FAT, several network disks).
        shutil.copyfile(old, new)


def remove_unused(layout: Layout, state: State) -> None:
    """Remove what is no longer named and no reader holds, and what a crash has left."""
    if not layout.in_place:
        return
    clear_temporary(layout)
    # Files that were to replace others when a process died.
    for path in (layout.state, layout.preferences, layout.lexical / LEXICAL_STATE):
        _remove_file(path.with_name(f"{path.name}.new"))
    _remove_file(layout.checkpoint.with_suffix(".new"))
    _remove_others(layout.generations, state.generation)
    _remove_others(layout.vectors, state.vectors)


def _remove_file(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def remove_unnamed(layout: Layout) -> None:
    """Remove what a failed step has left; if the disk cannot be read now, it stays."""
    with suppress(EmbedSearchError, OSError):
        # Not what the caller takes for the state: its renaming may have come to the disk.
        remove_unused(layout, load_state(layout))


@contextmanager
def temporary_work(layout: Layout) -> Iterator[None]:
    """Start a step with an empty temporary folder; errors of the disk become ours."""
    with storage_errors(layout.root), undone_on_failure(layout):
        clear_temporary(layout)
        yield


@contextmanager
def undone_on_failure(layout: Layout) -> Iterator[None]:
    """If a step fails, remove at once what it has written.

    Other generations stay: `repair` may need them.
    """
    try:
        yield
    except BaseException:
        clear_temporary(layout)
        raise


def _remove_others(parent: Path, current: int | None) -> None:
    for number, folder in numbered(parent):
        # Readers lock the manifest; without one, nobody can have opened the folder.
        manifest = folder / MANIFEST
        if number != current and not (manifest.exists() and is_held(manifest)):
            shutil.rmtree(folder, ignore_errors=True)


def _next_number(parent: Path) -> int:
    # Above all that are there: a reader that has just read a number must not find another
    # generation under it.
    return max((number for number, _ in numbered(parent)), default=0) + 1


def numbered(parent: Path) -> list[tuple[int, Path]]:
    """List the published folders with their numbers; none if `parent` is no folder."""
    if not parent.is_dir():
        return []
    return [(int(f.name), f) for f in parent.iterdir() if f.name.isdecimal()]


def _write_manifest(root: Path, number: int, manifest: dict[str, Any]) -> None:
    listed = {}
    for path in sorted(root.iterdir()):
        flush_file(path)
        listed[path.name] = {"size": path.stat().st_size, "sha256": sha256(path)}
        if path.name in IRREPLACEABLE:
            listed[path.name]["blocks"] = block_checksums(path)
    # The manifest comes last: what it lists is on the disk.
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    head = {"format": FORMAT_VERSION, "generation": number, "created": created}
    write_json(root / MANIFEST, {**head, **manifest, "files": listed})


# Whether a folder is what was published


def folder_faults(
    folder: Path, workspace: Path, needed: tuple[str, ...], *, quick: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield (file name, what is wrong) of a generation, or of the user's own vectors.

    `needed` are the files that it cannot be without; `quick` compares sizes, but not contents.
    """
    try:
        manifest = read_json(folder / MANIFEST, workspace)
    except (WorkspaceDamagedError, OSError) as error:
        yield MANIFEST, what_is_wrong(error)
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
