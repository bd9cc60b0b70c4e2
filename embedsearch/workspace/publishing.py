"""How a generation, or a state of the user's own vectors, comes into being, and goes.

The files are written in the workspace's temporary folder, flushed, and listed with size and
hash in a manifest; the folder is renamed into place; only then does `workspace.json` name it.
A crash at any point leaves the old generation or the new one.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from embedsearch._errors import EmbedSearchError
from embedsearch._io import flush_file, flush_folder, sha256, storage_errors, write_json
from embedsearch.index.lexical.storage import STATE as LEXICAL_STATE
from embedsearch.workspace.checksums import block_checksums
from embedsearch.workspace.layout import (
    FORMAT_VERSION,
    IRREPLACEABLE,
    MANIFEST,
    GenerationLayout,
    Layout,
    VectorsLayout,
)
from embedsearch.workspace.locks import is_held
from embedsearch.workspace.state import State, load_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


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
    for path in (layout.state, layout.lexical / LEXICAL_STATE):
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
