"""Work that is done in a folder beside its place, so that what is there changes at once."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from embedsearch.workspace.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = ("building", "restoring", "backing")


@contextmanager
def folder_beside(path: Path, kind: str) -> Iterator[Path]:
    """Make a hidden folder beside a path; it goes with what is in it, unless it was renamed.

    What is left of those of processes that were killed goes first.

    Args:
        path: A file or a folder, whose own folder is there.
        kind: One of `KINDS`.
    """
    remove_unfinished(path)
    folder = path.with_name(f".{path.name}.{kind}-{os.getpid()}-{get_ident()}")
    folder.mkdir()
    # Tells others that its process lives.
    lock = FileLock(Layout(folder).lock, thread_local=False)
    try:
        with lock.acquire(timeout=0):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(path: Path) -> None:
    """Remove what processes that were killed have left beside a path."""
    for kind in KINDS:
        prefix = f".{path.name}.{kind}-"
        for folder in _named(path.parent, prefix):
            lock = FileLock(Layout(folder).lock)
            try:
                with lock.acquire(timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
            except Timeout:
                continue


def is_unfinished(path: Path) -> bool:
    """Tell whether a path is that of a folder that `folder_beside` makes."""
    return path.name.startswith(".") and any(f".{kind}-" in path.name for kind in KINDS)


def _named(parent: Path, prefix: str) -> list[Path]:
    # Not by a pattern: the name of a workspace may have brackets.
    return [path for path in parent.iterdir() if path.name.startswith(prefix) and path.is_dir()]
