"""Which indexes were written by this user, or have been read in a process apart already.

A workspace may come from somebody else, who can make every checksum in it. What stands for an
index, a hash of all of it, is therefore noted outside of the workspace, in the user's own folder
for the state of programs. What is noted is read at once; anything else is first read
in a process apart (`embedsearch.index.isolation`), and noted if that went well.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import EmbedSearchError, WorkspaceDamagedError
from embedsearch.index import storage as index_files
from embedsearch.index.lexical import storage as lexical_files
from embedsearch.workspace.staging import is_unfinished

if TYPE_CHECKING:
    from embedsearch.workspace.layout import Layout

# Of each part of a workspace.
_MOST_NOTED = 16
# What this process has written or read; there may be no folder to keep it in.
_known: set[str] = set()


def note(layout: Layout, part: str, identity: str | None) -> None:
    """Note that an index is one that can be read.

    Args:
        layout: The workspace.
        part: "lexical", "words", "documents" or "vectors".
        identity: What stands for all of it; with None nothing is noted.
    """
    if identity is None:
        return
    _known.add(identity)
    root = layout.root.resolve()
    if is_unfinished(root):
        return
    # Without it the index is read apart once more, so nothing needs to be flushed.
    with suppress(OSError, RuntimeError):
        entry = _entry(root, part, identity)
        if not entry.exists():
            entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            entry.touch()
            _forget_oldest(entry.parent, part)


def is_noted(layout: Layout, part: str, identity: str | None) -> bool:
    """Tell whether an index is one that was noted."""
    if identity is None:
        return False
    if identity not in _known and not index_files.was_written_here(identity):
        with suppress(OSError, RuntimeError):
            return _entry(layout.root.resolve(), part, identity).exists()
        return False
    return True


def note_own(layout: Layout, paths: dict[str, Path]) -> None:
    """Note those indexes that this process has written.

    Args:
        layout: The workspace.
        paths: Files of FAISS by their parts; those that are not there are passed over.
    """
    with suppress(EmbedSearchError, OSError):
        if (found := lexical_files.identity(layout.lexical)) in _known:
            note(layout, "lexical", found)
    for part, path in paths.items():
        with suppress(EmbedSearchError, OSError):
            found = index_files.identity(path)
            if found in _known or index_files.was_written_here(found):
                note(layout, part, found)


def note_lexical(layout: Layout) -> None:
    """Note the lexical index, which this process has just written."""
    with suppress(EmbedSearchError, OSError):
        note(layout, "lexical", lexical_files.identity(layout.lexical))


def check_lexical(layout: Layout) -> None:
    """Raise for a lexical index that cannot be read, before it is read.

    Its files must have been compared with their hashes.

    Raises:
        WorkspaceDamagedError: Reading it failed, or ended the process that did.
    """
    _check(layout, "lexical", layout.lexical, lexical_files.identity(layout.lexical))


def check_vectors(layout: Layout, part: str, path: Path) -> None:
    """Raise for an index of FAISS that cannot be read, before it is read; see `check_lexical`.

    Raises:
        WorkspaceDamagedError: Reading it failed, or ended the process that did.
        VectorError: The file is not what was written.
        OSError: It cannot be opened.
    """
    _check(layout, part, path, index_files.identity(path))


def vectors_fault(layout: Layout, part: str, path: Path) -> str | None:
    """Say what is wrong with an index of FAISS; see `check_vectors`."""
    try:
        check_vectors(layout, part, path)
    except (EmbedSearchError, OSError) as error:
        return str(getattr(error, "reason", error))
    return None


def _check(layout: Layout, part: str, path: Path, identity: str | None) -> None:
    if is_noted(layout, part, identity):
        return
    # Imported by few: what is ours is not read apart.
    from embedsearch.index import isolation as apart

    kind = apart.LEXICAL if part == "lexical" else apart.FAISS
    if fault := apart.fault_of(kind, path):
        reason = f"{path.name} is damaged: {fault}"
        raise WorkspaceDamagedError(layout.root, reason)
    note(layout, part, identity)


def _entry(root: Path, part: str, identity: str) -> Path:
    """Return the empty file that stands for an index; processes make theirs without a lock."""
    folder = hashlib.sha256(os.fsencode(root)).hexdigest()[:32]
    name = hashlib.sha256(identity.encode()).hexdigest()[:32]
    return _state_folder() / folder / f"{part}-{name}"


def _forget_oldest(folder: Path, part: str) -> None:
    # Readers of several generations may be at work, and each would note its own again.
    entries = sorted(folder.glob(f"{part}-*"), key=lambda entry: entry.stat().st_mtime_ns)
    for entry in entries[:-_MOST_NOTED]:
        entry.unlink(missing_ok=True)


def _state_folder() -> Path:
    """Return where notes are kept; the folder need not exist.

    Raises:
        RuntimeError: No folder is named and the user has no home, or the name is relative.
    """
    named = "LOCALAPPDATA" if os.name == "nt" else "XDG_STATE_HOME"
    chosen = Path(os.environ.get(named) or Path.home() / ".local" / "state")
    if not chosen.is_absolute():
        # It would be another one in each folder, and a workspace may not have it in itself.
        raise RuntimeError(chosen)
    return chosen / "embedsearch"
