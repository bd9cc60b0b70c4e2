"""Whether the disk has room for what is about to be written."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from embedsearch._errors import StorageError
from embedsearch._messages import shown_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from embedsearch.workspace.layout import Layout


def check_space(folder: Path, needed: int, workspace: Path, what: str) -> None:
    """Raise `StorageError` unless a disk has room: better now than after an hour of work.

    `folder` need not exist yet; `what` needs the room, such as "the backup".
    """
    there = next((path for path in (folder, *folder.absolute().parents) if path.exists()), None)
    if there is None:
        return
    free = shutil.disk_usage(there).free
    if needed > free:
        reason = (
            f"{what} needs about {shown_bytes(needed)}, and the disk has {shown_bytes(free)} left"
        )
        raise StorageError(workspace, f"{reason}; free some space and try again")


def check_room_to_learn(layout: Layout, generation: int | None) -> None:
    """Raise unless there is room to learn from the documents again.

    The tokens take about a quarter of what the texts do. What is learned is likely to be as
    large as what was learned before; the first time, nobody knows.
    """
    before = [] if generation is None else [layout.generation(generation).root]
    needed = store_bytes(layout) // 4 + bytes_of(before)
    check_space(layout.root, needed, layout.root, "what is learned")


def check_room_to_index(layout: Layout, generation: int, growth: float) -> None:
    """Raise unless there is room for the vectors of `growth` times as many documents."""
    files = layout.generation(generation).of_the_documents
    needed = int(bytes_of(files) * max(growth, 1))
    check_space(layout.root, needed, layout.root, "the index")


def store_bytes(layout: Layout) -> int:
    """Return how large the documents are, with the log of SQLite."""
    wal = layout.documents.with_name(layout.documents.name + "-wal")
    return bytes_of((layout.documents, wal))


def bytes_of(paths: Iterable[Path]) -> int:
    """Return how large files are together, those in folders with them."""
    total = 0
    for path in paths:
        if path.is_dir():
            total += bytes_of(path.iterdir())
        elif path.exists():
            total += path.stat().st_size
    return total


def size_on_disk(layout: Layout) -> int:
    """Return the bytes of all files; those shared by two generations count once."""
    files = [path.lstat() for path in layout.root.rglob("*") if path.is_file()]
    return sum({(stat.st_dev, stat.st_ino): stat.st_size for stat in files}.values())
