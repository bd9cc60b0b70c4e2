"""What must not be in a workspace: names that lead out of it.

A workspace may come from somebody else. Through a link, opening it would read, and changing it
would write or remove, what is elsewhere; and to read a pipe is to wait for ever.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from embedsearch._errors import WorkspaceDamagedError
from embedsearch.workspace.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def check_links(root: Path) -> None:
    """Raise for a workspace in which something is neither a file nor a folder.

    The folder of the workspace itself may be a link.

    Raises:
        WorkspaceDamagedError: There is such a thing, and it is named.
    """
    layout = Layout(root)
    if not any(map(os.path.lexists, (layout.state, layout.record, layout.generations))):
        # It is no workspace, as opening says, and its links are nobody's business here.
        return
    for name in foreign_names(root):
        reason = (
            f"{name} is a link, or neither a file nor a folder; a workspace has none, since "
            "others may send it: remove it, or move there what it stands for"
        )
        raise WorkspaceDamagedError(root, reason)


def foreign_names(root: Path) -> Iterator[str]:
    """Yield what is neither a file nor a folder, in all places that are ever used."""
    layout = Layout(root)
    folders = (layout.lexical, layout.reports, layout.temporary)
    yield from _foreign(root, root)
    for folder in folders:
        yield from _foreign(root, folder)
    for parent in (layout.generations, layout.vectors):
        yield from _foreign(root, parent)
        for entry in _entries(parent):
            yield from _foreign(root, parent / entry.name)


def _foreign(root: Path, folder: Path) -> Iterator[str]:
    for entry in _entries(folder):
        is_file = entry.is_file(follow_symlinks=False)
        if not is_file and not entry.is_dir(follow_symlinks=False):
            yield str((folder / entry.name).relative_to(root))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        # Opening says what is wrong with it.
        return []
