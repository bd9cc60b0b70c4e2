"""The place for a new lexical index."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from embedsearch._errors import WorkspaceExistsError
from embedsearch.index.lexical._tantivy import writing_errors
from embedsearch.index.lexical.files import STATE, are_ours

if TYPE_CHECKING:
    from pathlib import Path


def make_room(folder: Path) -> None:
    """Remove an index that is there, or what damage has left of one; leave anything else.

    Raises:
        WorkspaceExistsError: There is something else in the folder.
    """
    if not folder.exists():
        return
    with writing_errors(folder):
        names = {path.name for path in folder.iterdir()}
    if not are_ours(names):
        raise WorkspaceExistsError(folder, "there is something else than a lexical index in it")
    with writing_errors(folder):
        # Without it, what is left by a crash from here on is taken for damaged.
        (folder / STATE).unlink(missing_ok=True)
        shutil.rmtree(folder)
