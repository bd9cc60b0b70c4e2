"""Compaction: freeing the space of deletions and small changes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from embedsearch._errors import WorkspaceError
from embedsearch._io import bytes_of, check_space, flush_folder, storage_errors
from embedsearch._messages import counted
from embedsearch.index.lexical import LexicalIndex
from embedsearch.index.lexical.storage import read_commit
from embedsearch.search.options import SearchOptions
from embedsearch.workspace.layout import MANIFEST
from embedsearch.workspace.lexical_sync import open_checked
from embedsearch.workspace.locks import is_held
from embedsearch.workspace.publishing import clear_temporary, remove_unused, undone_on_failure
from embedsearch.workspace.train import IndexRequest, index
from embedsearch.workspace.trust import mark_lexical

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.index.lexical import LexicalAnalyzer
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.generation import ArtifactFolder
    from embedsearch.workspace.layout import Layout
    from embedsearch.workspace.session import Session

# tantivy merges by itself when there are eight of about the same size.
_MANY_SEGMENTS = 8


@dataclass(slots=True)
class CompactReport:
    """What a compaction freed.

    Attributes:
        path: The workspace.
        before: Its size in bytes, before.
        after: Its size in bytes now.
        done: What was done, a sentence each.
    """

    path: str
    before: int = 0
    after: int = 0
    done: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def compact(session: Session, progress: Progress) -> CompactReport:
    """Give back what deletions and changes have left; see `Workspace.compact`."""
    layout, store = session.layout, session.store
    # VACUUM writes the documents to a temporary file, then to the log, then taken over.
    needed = 2 * layout.documents_bytes + bytes_of([layout.lexical])
    check_space(layout.root, needed, layout.root, "compacting")
    report = CompactReport(str(session.path), before=layout.total_bytes)
    # Deletions that the vectors have not seen yet could not be forgotten.
    alone = session.generation is not None and session.generation.words_alone
    if session.artifacts and not alone and (behind := index(session, IndexRequest(), progress)):
        report.done.append(f"the vectors of {counted(behind, 'change')} were stored")
    if session.generation is not None:
        session.search_texts(SearchOptions())
        analyzer = session.generation.analyzer
        # Nothing may hold what is replaced.
        session.close_search()
        if _compact_lexical(layout, store, analyzer, progress):
            report.done.append("the lexical index was written again")
    if forgotten := _forget_deletions(layout, store, session.artifacts):
        report.done.append(f"old deletions were forgotten: {forgotten:,}")
    with progress.task("compacting documents", None, "steps") as task:
        store.compact()
        task.advance(1)
    remove_unused(layout, session.state)
    report.after = layout.total_bytes
    return report


def _compact_lexical(
    layout: Layout, store: DocumentStore, analyzer: LexicalAnalyzer, progress: Progress
) -> bool:
    """Make the lexical index again if it holds deleted documents; return whether it was made.

    tantivy's Python package cannot merge segments on request. The old index stays until the new
    one is complete; readers that have opened it keep it.
    """
    try:
        committed = read_commit(layout.lexical)
    except (WorkspaceError, OSError):
        return False
    if not committed.deleted and len(committed.segments) <= _MANY_SEGMENTS:
        return False
    new, old = layout.temporary / "lexical", layout.temporary / "lexical-before"
    with storage_errors(layout.root), undone_on_failure(layout):
        clear_temporary(layout)
        layout.temporary.mkdir()
        with LexicalIndex.create(new, analyzer) as lexical:
            lexical.apply(store.changed_since(0), change=store.change, progress=progress)
        flush_folder(new)
        # If the process dies between the two, the next opening makes the index again.
        layout.lexical.rename(old)
        new.rename(layout.lexical)
        flush_folder(layout.root)
        clear_temporary(layout)
        mark_lexical(layout)
    return True


def _forget_deletions(layout: Layout, store: DocumentStore, published: list[ArtifactFolder]) -> int:
    """Forget deletions that nothing asks for any more; return how many.

    A reader of an older lexical index may still ask for them: then nothing is forgotten.
    `published` are the generation and the vectors that the state names.
    """
    named = {each.folder for each in published}
    for parent in (layout.generations, layout.vectors):
        for folder in parent.iterdir() if parent.is_dir() else ():
            if folder not in named and is_held(folder / MANIFEST):
                return 0
    if any(each.held_by_others() for each in published):
        return 0
    reached = [store.change, *(int(each.manifest["change"]) for each in published)]
    if layout.lexical.exists():
        try:
            with open_checked(layout) as lexical:
                reached.append(lexical.change)
        except (WorkspaceError, OSError):
            return 0
    return store.forget_deletions(min(reached))
