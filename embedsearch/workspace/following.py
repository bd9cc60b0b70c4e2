"""The lexical index follows the record: it is caught up, or made anew, when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._errors import (
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceLockedError,
    WorkspaceReadOnlyError,
)
from embedsearch._progress import Progress, SilentProgress
from embedsearch.index.lexical import LexicalIndex
from embedsearch.workspace.locks import lock_for_writing

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
    progress: Progress | None = None,
) -> LexicalIndex | None:
    """Open the lexical index in the state of the record.

    A reader catches it up too, where nobody else is writing and the folder allows it.
    Otherwise it gets what there is: later documents are then found by their meaning alone.

    Args:
        layout: The workspace.
        store: The record.
        analyzer: How the index must cut text; one that does otherwise is made anew.
        writable: Whether the lock is held.
        progress: A listener.

    Returns:
        The index; None where there is none and none can be made.
    """
    index = _opened(layout, analyzer, writable)
    if index is not None and index.change == store.change:
        return index
    if writable:
        return caught_up(layout, store, analyzer, index, progress)
    try:
        lock = lock_for_writing(layout.lock, layout.root)
    except (WorkspaceLockedError, WorkspaceReadOnlyError, OSError):
        return index
    try:
        caught_up(layout, store, analyzer, _opened(layout, analyzer, True), progress).close()
    except (WorkspaceError, OSError):
        return index
    finally:
        lock.release()
    return _opened(layout, analyzer, False)


def caught_up(
    layout: Layout,
    store: DocumentStore,
    analyzer: LexicalAnalyzer,
    index: LexicalIndex | None,
    progress: Progress | None = None,
) -> LexicalIndex:
    """Bring a writable index to the state of the record; make one where there is none."""
    change = store.change
    if index is None or index.change > change:
        if index is not None:
            index.close()
        index = LexicalIndex.create(layout.lexical, analyzer)
    if index.change < change:
        removed = store.removed_since(index.change)
        documents = store.changed_since(index.change)
        listener = progress or SilentProgress()
        index.apply(documents, removed, change=change, progress=listener)
    return index


def _opened(layout: Layout, analyzer: LexicalAnalyzer, writable: bool) -> LexicalIndex | None:
    try:
        index = LexicalIndex.open(layout.lexical, writable)
    except WorkspaceDamagedError:
        return None
    if index.analyzer.to_json() != analyzer.to_json():
        index.close()
        return None
    return index
