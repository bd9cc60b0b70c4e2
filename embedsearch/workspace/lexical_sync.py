"""The lexical index follows the record: it is caught up, or made anew, when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._errors import (
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceLockedError,
    WorkspaceNotFoundError,
    WorkspaceReadOnlyError,
)
from embedsearch._progress import Progress, SilentProgress
from embedsearch.index.lexical import LexicalIndex
from embedsearch.index.lexical.files import read_state, unreadable_files
from embedsearch.workspace.locks import lock_for_writing
from embedsearch.workspace.state import load_state
from embedsearch.workspace.trust import check_lexical, note_lexical

if TYPE_CHECKING:
    from embedsearch.index.lexical import LexicalAnalyzer
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.layout import Layout


def open_lexical(
    layout: Layout,
    store: DocumentStore,
    analyzer: LexicalAnalyzer,
    *,
    writable: bool,
    generation: int | None = None,
    progress: Progress | None = None,
) -> LexicalIndex:
    """Open the lexical index in the state of the record.

    A reader catches it up too, where nobody else is writing and the folder allows it. Otherwise
    it gets what there is, and has to see to what changed since; where there is nothing that it
    can use, it makes an index of its own in a temporary folder, which takes time.

    Args:
        layout: The workspace.
        store: The record.
        analyzer: How the index must cut text; one that does otherwise is made anew.
        writable: Whether the lock is held.
        generation: That of a reader. Only for the current one it changes what others use: an
            older one may want another language.
        progress: A listener.
    """
    index, change = _opened(layout, analyzer, writable), store.change
    if index is not None and index.change == change:
        return index
    if writable:
        return sync(layout, store, analyzer, index, progress)
    shared = _caught_up_for_all(layout, store, analyzer, generation, progress)
    if shared is not None:
        return shared
    # One that is ahead follows from another record: an older one was restored.
    if index is not None and index.change < change:
        return index
    return _applied(LexicalIndex.temporary(analyzer), store, progress)


def reopen(layout: Layout, store: DocumentStore, index: LexicalIndex) -> LexicalIndex:
    """Return the index that others have caught up meanwhile, or the same."""
    try:
        if read_state(layout.lexical).change <= index.change:
            return index
    except (WorkspaceDamagedError, OSError):
        return index
    found = _opened(layout, index.analyzer, False)
    ahead = found is not None and index.change < found.change <= store.change
    return found if found is not None and ahead else index


def sync(
    layout: Layout,
    store: DocumentStore,
    analyzer: LexicalAnalyzer,
    index: LexicalIndex | None,
    progress: Progress | None = None,
) -> LexicalIndex:
    """Bring a writable index to the state of the record; make one where there is none."""
    layout.check_in_place()
    if index is None or index.change > store.change:
        if index is not None:
            index.close()
        if layout.lexical.is_file():
            layout.lexical.unlink()
        index = LexicalIndex.create(layout.lexical, analyzer)
    store.flush()
    applied = _applied(index, store, progress)
    note_lexical(layout)
    return applied


def _applied(
    index: LexicalIndex, store: DocumentStore, progress: Progress | None = None
) -> LexicalIndex:
    change = store.change
    if index.change < change:
        removed = store.removed_since(index.change)
        documents = store.changed_since(index.change)
        listener = progress or SilentProgress()
        index.apply(documents, removed, change=change, progress=listener)
    return index


def _caught_up_for_all(
    layout: Layout,
    store: DocumentStore,
    analyzer: LexicalAnalyzer,
    generation: int | None,
    progress: Progress | None,
) -> LexicalIndex | None:
    """Catch up the index of the workspace, if a reader may; else None."""
    try:
        lock = lock_for_writing(layout.lock, layout.root)
    except (WorkspaceLockedError, WorkspaceNotFoundError, WorkspaceReadOnlyError, OSError):
        return None
    try:
        # Another workspace may have taken the place of the one that is being read.
        if not layout.in_place or generation not in (None, load_state(layout).generation):
            return None
        sync(layout, store, analyzer, _opened(layout, analyzer, True), progress).close()
    except (WorkspaceError, OSError):
        return None
    finally:
        lock.release()
    return _opened(layout, analyzer, False)


def open_checked(layout: Layout, writable: bool = False) -> LexicalIndex:
    """Open the lexical index of a workspace that may come from somebody else.

    Raises:
        WorkspaceDamagedError: It is missing or damaged, or a process that read it died.
        WorkspaceVersionError: A newer embedsearch wrote it.
    """
    if broken := unreadable_files(layout.lexical):
        raise WorkspaceDamagedError(layout.root, f"damaged or missing {', '.join(broken)}")
    check_lexical(layout)
    return LexicalIndex.open(layout.lexical, writable)


def _opened(layout: Layout, analyzer: LexicalAnalyzer, writable: bool) -> LexicalIndex | None:
    if not layout.in_place:
        # It is that of another workspace.
        return None
    try:
        index = open_checked(layout, writable)
    except (WorkspaceDamagedError, OSError):
        return None
    if index.analyzer.to_json() != analyzer.to_json():
        index.close()
        return None
    return index
