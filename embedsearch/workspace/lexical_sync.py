"""The lexical index follows the documents: it is brought up to date when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._errors import (
    WorkspaceDamagedError,
    WorkspaceError,
    WorkspaceLockedError,
    WorkspaceNotFoundError,
    WorkspaceReadOnlyError,
)
from embedsearch._progress import Progress, listener_of
from embedsearch.index.lexical import LexicalAnalyzer, LexicalIndex
from embedsearch.index.lexical.storage import read_state, unreadable_files
from embedsearch.search.latent_space import full_text
from embedsearch.text.languages import detect_language
from embedsearch.workspace.locks import lock_for_writing
from embedsearch.workspace.state import load_state
from embedsearch.workspace.trust import check_lexical, mark_lexical

if TYPE_CHECKING:
    from embedsearch.store.documents import DocumentStore
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.workspace.layout import Layout


def analyzer_of(
    store: DocumentStore, tokenizer: TokenizerSettings, language: str = "auto"
) -> LexicalAnalyzer:
    """Return what cuts the documents into terms; "auto" finds out their language."""
    return LexicalAnalyzer.for_language(language_of(store, language), tokenizer)


def language_of(store: DocumentStore, language: str = "auto") -> str:
    """Return the language of the documents, "auto" being the one that is detected."""
    if language != "auto":
        return language
    return detect_language(full_text(document) for _, document in store.changed_since(0))


def open_lexical(
    layout: Layout,
    store: DocumentStore,
    analyzer: LexicalAnalyzer,
    *,
    writable: bool,
    generation: int | None = None,
    progress: Progress | None = None,
) -> LexicalIndex:
    """Open the lexical index in the state of the documents.

    A reader brings it up to date, too, if nobody else is writing and the folder allows it.
    Otherwise it gets what there is, and has to add what changed since by itself; if there is
    nothing that it can use, it builds an index of its own in a temporary folder, which takes time.
    Only for the current `generation` a reader changes what others use: an older one may want
    another language.
    """
    index, change = _open(layout, analyzer, writable=writable), store.change
    if index is not None and index.change == change:
        return index
    if writable:
        return sync(layout, store, analyzer, index, progress)
    if _sync_as_reader(layout, store, analyzer, generation, progress):
        shared = _open(layout, analyzer, writable=False)
        if shared is not None:
            return shared
    # One that is ahead is of other documents: a backup was restored, which has fewer changes.
    if index is not None and index.change < change:
        return index
    return _applied(LexicalIndex.temporary(analyzer), store, progress)


def reopen(layout: Layout, store: DocumentStore, index: LexicalIndex) -> LexicalIndex:
    """Return the newer index that others have committed meanwhile, or the same."""
    try:
        if read_state(layout.lexical).change <= index.change:
            return index
    except (WorkspaceDamagedError, OSError):
        return index
    found = _open(layout, index.analyzer, writable=False)
    ahead = found is not None and index.change < found.change <= store.change
    return found if found is not None and ahead else index


def sync(
    layout: Layout,
    store: DocumentStore,
    analyzer: LexicalAnalyzer,
    index: LexicalIndex | None,
    progress: Progress | None = None,
) -> LexicalIndex:
    """Bring a writable index to the state of the documents; without one, make it."""
    layout.check_in_place()
    if index is None or index.change > store.change:
        if index is not None:
            index.close()
        if layout.lexical.is_file():
            layout.lexical.unlink()
        index = LexicalIndex.create(layout.lexical, analyzer)
    # The index must not be ahead of the documents when the power fails.
    store.flush()
    applied = _applied(index, store, progress)
    mark_lexical(layout)
    return applied


def _applied(
    index: LexicalIndex, store: DocumentStore, progress: Progress | None = None
) -> LexicalIndex:
    change = store.change
    if index.change < change:
        removed = store.removed_since(index.change)
        documents = store.changed_since(index.change)
        index.apply(
            documents,
            removed,
            change=change,
            count=store.count_since(index.change),
            progress=listener_of(progress),
        )
    return index


def _sync_as_reader(
    layout: Layout,
    store: DocumentStore,
    analyzer: LexicalAnalyzer,
    generation: int | None,
    progress: Progress | None,
) -> bool:
    """Bring the index of the workspace up to date, if a reader may; return whether it was."""
    try:
        lock = lock_for_writing(layout.lock, layout.root)
    except (WorkspaceLockedError, WorkspaceNotFoundError, WorkspaceReadOnlyError, OSError):
        return False
    try:
        # Another workspace may have taken the place of the one that is being read.
        if not layout.in_place or generation not in (None, load_state(layout).generation):
            return False
        index = _open(layout, analyzer, writable=True)
        sync(layout, store, analyzer, index, progress).close()
    except (WorkspaceError, OSError):
        return False
    finally:
        lock.release()
    return True


def open_checked(layout: Layout, writable: bool = False) -> LexicalIndex:
    """Open the lexical index of a workspace that may come from somebody else."""
    if broken := unreadable_files(layout.lexical):
        raise WorkspaceDamagedError(layout.root, f"damaged or missing {', '.join(broken)}")
    check_lexical(layout)
    return LexicalIndex.open(layout.lexical, writable)


def _open(layout: Layout, analyzer: LexicalAnalyzer, *, writable: bool) -> LexicalIndex | None:
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
