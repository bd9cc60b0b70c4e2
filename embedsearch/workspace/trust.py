"""Which indexes are trusted: this user wrote them, or a process apart has read them without harm.

A workspace may come from somebody else, who can make every checksum in it. The identity of a
trusted index, a hash of all of it, is therefore kept outside of the workspace, in the user's own
folder for the state of programs. Any other index is first read in a process apart
(`embedsearch.index.isolation`), and trusted if that went well.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from embedsearch._errors import EmbedSearchError, WorkspaceDamagedError
from embedsearch.index import storage as index_files

if TYPE_CHECKING:
    from embedsearch.workspace.layout import Layout

# For each part of a workspace: readers of several generations may be at work, and must not
# undo what the others trust.
_MOST_TRUSTED = 16


def mark_trusted(layout: Layout, part: str, identity: str | None) -> None:
    """Trust an index from now on; one without an identity is not.

    `part` is "lexical", "words", "documents" or "vectors".
    """
    from embedsearch.workspace.staging import is_unfinished

    if identity is None:
        return
    index_files.TRUSTED.add(identity)
    root = layout.root.resolve()
    if is_unfinished(root):
        # Its path is not the one that it will have.
        return
    # If it gets lost, the index is read apart once more: nothing needs to be flushed.
    with suppress(OSError, RuntimeError):
        entry = _entry(root, part, identity)
        if not entry.exists():
            # Others must not add entries, which would be trusted.
            entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            entry.touch()
            _forget_oldest(entry.parent, part)


def is_trusted(layout: Layout, part: str, identity: str | None) -> bool:
    """Whether an index is trusted; see `mark_trusted`."""
    if identity is None:
        return False
    if identity in index_files.TRUSTED:
        return True
    with suppress(OSError, RuntimeError):
        return _entry(layout.root.resolve(), part, identity).exists()
    return False


def mark_own(layout: Layout, paths: dict[str, Path]) -> None:
    """Trust those indexes that this process has written, so that other processes do, too.

    `paths` are files of FAISS by their parts; they need not exist.
    """
    with suppress(EmbedSearchError, OSError):
        if (found := _lexical_identity(layout)) in index_files.TRUSTED:
            mark_trusted(layout, "lexical", found)
    for part, path in paths.items():
        with suppress(EmbedSearchError, OSError):
            if (found := index_files.identity(path)) in index_files.TRUSTED:
                mark_trusted(layout, part, found)


def mark_lexical(layout: Layout) -> None:
    """Trust the lexical index, which this process has just written."""
    with suppress(EmbedSearchError, OSError):
        mark_trusted(layout, "lexical", _lexical_identity(layout))


def check_lexical(layout: Layout) -> None:
    """Raise if the lexical index cannot be read, before this process reads it.

    Its files must have been compared with their hashes.
    """
    _check(layout, "lexical", layout.lexical, _lexical_identity(layout))


def check_vectors(layout: Layout, part: str, path: Path) -> None:
    """Raise if an index of FAISS cannot be read, before this process reads it."""
    _check(layout, part, path, index_files.identity(path))


def _lexical_identity(layout: Layout) -> str | None:
    # A question about words needs nothing of the lexical index.
    from embedsearch.index.lexical.storage import identity

    return identity(layout.lexical)


def _check(layout: Layout, part: str, path: Path, identity: str | None) -> None:
    if is_trusted(layout, part, identity):
        return
    # It imports both engines, and what is trusted needs neither.
    from embedsearch.index import isolation as apart

    kind = apart.LEXICAL if part == "lexical" else apart.FAISS
    if fault := apart.fault_of(kind, path):
        reason = f"{path.name} is damaged: {fault}"
        raise WorkspaceDamagedError(layout.root, reason)
    mark_trusted(layout, part, identity)


def _entry(root: Path, part: str, identity: str) -> Path:
    """Return the empty file that stands for an index: making one needs no lock."""
    folder = hashlib.sha256(os.fsencode(root)).hexdigest()[:32]
    name = hashlib.sha256(identity.encode()).hexdigest()[:32]
    return state_folder() / folder / f"{part}-{name}"


def _forget_oldest(folder: Path, part: str) -> None:
    entries = sorted(folder.glob(f"{part}-*"), key=lambda entry: entry.stat().st_mtime_ns)
    for entry in entries[:-_MOST_TRUSTED]:
        entry.unlink(missing_ok=True)


def state_folder() -> Path:
    """Return the folder of entries, which need not exist; `RuntimeError` if there can be none."""
    named = "LOCALAPPDATA" if os.name == "nt" else "XDG_STATE_HOME"
    chosen = Path(os.environ.get(named) or Path.home() / ".local" / "state")
    if not chosen.is_absolute():
        # A relative one would be elsewhere in each current folder, perhaps in a workspace.
        raise RuntimeError(chosen)
    return chosen / "embedsearch"
