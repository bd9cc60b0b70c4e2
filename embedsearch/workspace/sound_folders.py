"""Whether a published folder is what was written, to the last byte."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsearch._errors import WorkspaceDamagedError
from embedsearch._io import read_json, sha256
from embedsearch.workspace.contents import is_litter
from embedsearch.workspace.schemas import GENERATION, VECTORS, fault_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MANIFEST = "manifest.json"


def folder_faults(
    folder: Path, workspace: Path, needed: tuple[str, ...], *, quick: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield (name, what is wrong with it) of the files of a generation, or of stored vectors.

    Args:
        folder: Where its manifest is.
        workspace: Its workspace.
        needed: The files that it cannot be without.
        quick: Compare sizes, but not contents.
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
    """Say what is wrong with the manifest itself."""
    schema = VECTORS if folder.parent.name == "vectors" else GENERATION
    if found := fault_of(manifest, schema):
        yield found
    elif manifest["generation"] != int(folder.name):
        yield f"it is that of number {manifest['generation']}"


def _is_entry(item: tuple[object, object]) -> bool:
    name, facts = item
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name:
        return False
    if not isinstance(facts, dict):
        return False
    return type(facts.get("size")) is int and isinstance(facts.get("sha256"), str)


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


def _file_fault(path: Path, facts: dict[str, Any], quick: bool) -> str | None:
    if not path.is_file():
        return "it is missing"
    if (size := path.stat().st_size) != facts["size"]:
        return f"it has {size:,} bytes, {facts['size']:,} were written"
    if not quick and sha256(path) != facts["sha256"]:
        return "it is not what was written: its SHA-256 is another"
    return None
