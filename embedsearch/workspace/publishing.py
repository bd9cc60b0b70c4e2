"""How a generation comes into being, and goes.

The files are written in the workspace's temporary folder, flushed, and listed with size and
hash in a manifest; the folder is renamed into place; only then does `workspace.json` name it.
A crash at any point leaves the old generation or the new one.
"""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from embedsearch.workspace.files import flush_file, flush_folder, sha256, storage_errors, write_json
from embedsearch.workspace.layout import FORMAT_VERSION, GenerationLayout, Layout
from embedsearch.workspace.locks import is_held

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def publish(layout: Layout, write: Callable[[GenerationLayout], dict[str, Any]]) -> int:
    """Make a generation.

    Args:
        layout: The workspace, whose lock is held.
        write: Writes the files of the generation and returns what the manifest says of them.

    Returns:
        The number of the new generation. The caller names it in `workspace.json`.
    """
    with storage_errors(layout.root):
        number = _next_number(layout)
        files = GenerationLayout(layout.temporary / f"generation-{number:04d}")
        files.root.mkdir(parents=True)
        try:
            manifest = write(files)
            _write_manifest(files, number, manifest)
            layout.generations.mkdir(exist_ok=True)
            files.root.rename(layout.generation(number).root)
        except BaseException:
            shutil.rmtree(files.root, ignore_errors=True)
            raise
        flush_folder(layout.generations)
    return number


def reuse(old: Path, new: Path) -> None:
    """Let a new generation share an unchanged file of an old one."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)


def remove_unused(layout: Layout, current: int) -> None:
    """Remove older generations that no reader holds, and what a crash has left."""
    shutil.rmtree(layout.temporary, ignore_errors=True)
    for folder in layout.generations.iterdir():
        if folder.name.isdecimal() and int(folder.name) != current:
            manifest = GenerationLayout(folder).manifest
            if not manifest.exists() or not is_held(manifest):
                shutil.rmtree(folder, ignore_errors=True)


def _next_number(layout: Layout) -> int:
    if not layout.generations.exists():
        return 1
    names = [folder.name for folder in layout.generations.iterdir()]
    return max((int(name) for name in names if name.isdecimal()), default=0) + 1


def _write_manifest(files: GenerationLayout, number: int, manifest: dict[str, Any]) -> None:
    listed = {}
    for path in sorted(files.root.iterdir()):
        flush_file(path)
        listed[path.name] = {"size": path.stat().st_size, "sha256": sha256(path)}
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    head = {"format": FORMAT_VERSION, "generation": number, "created": created}
    write_json(files.manifest, {**head, **manifest, "files": listed})
