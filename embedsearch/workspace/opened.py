"""A workspace as an open thing: its record, its current generation, its lock."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, TypeVar

from embedsearch._errors import (
    NotTrainedError,
    ParameterError,
    WorkspaceDamagedError,
    WorkspaceReadOnlyError,
)
from embedsearch._io import checked_path, storage_errors
from embedsearch.search.documents import DocumentSearch
from embedsearch.store.connection import check_durability
from embedsearch.store.documents import DocumentStore
from embedsearch.workspace.following import caught_up, open_lexical, reopened
from embedsearch.workspace.generation import Generation
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.locks import OpenFolder, WriterLock, check_wait, lock_for_writing
from embedsearch.workspace.publishing import remove_unnamed, remove_unused
from embedsearch.workspace.state import State, load_state
from embedsearch.workspace.stored_vectors import StoredVectors
from embedsearch.workspace.trust import mark_own

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from embedsearch._progress import Progress
    from embedsearch.index.lexical import LexicalIndex
    from embedsearch.workspace.vector_collection import VectorCollection

P = TypeVar("P")


class OpenWorkspace:
    """Opens and closes, names new generations, refuses what cannot be done; see `Workspace`."""

    def __init__(
        self,
        path: str | Path,
        mode: str = "r",
        *,
        wait: float | None = None,
        durability: str = "full",
        _lock: WriterLock | None = None,
    ) -> None:
        if mode not in ("r", "w"):
            raise ParameterError("mode", '"r" or "w"', mode)
        check_wait(wait)
        check_durability(durability)
        self.path, self.mode = checked_path(path), mode
        self._lock = _lock
        if mode == "w" and _lock is None:
            load_state(Layout(self.path))
            with storage_errors(self.path):
                self._lock = lock_for_writing(Layout(self.path).lock, self.path, wait)
        try:
            self._layout = Layout(self.path, self._opened_folder())
            self._state = load_state(self._layout)
            self._store = DocumentStore(
                self._layout.record, writable=mode == "w", durability=durability
            )
            self._generation = self._open_generation()
            self._stored = self._open_vectors()
            if mode == "w":
                self._note_own(self._state)
                # What is left where a process was killed, or a disk was full.
                remove_unused(self._layout, self._state)
        except BaseException:
            # What was opened closes with the object, but the lock would outlive the error. One
            # that was given is the caller's until this succeeds.
            if _lock is None:
                self._unlock()
            raise
        self._collected: tuple[StoredVectors, VectorCollection] | None = None
        self._search: DocumentSearch | None = None
        self._lexical: LexicalIndex | None = None
        self._opening = RLock()

    def close(self) -> None:
        """Let go of files and locks; safe to call twice."""
        self._forget_search()
        self._store.close()
        if self._generation is not None:
            self._generation.close()
        if self._stored is not None:
            self._stored.close()
        self._unlock()
        if self._layout.opened is not None:
            self._layout.opened.close()

    def _opened_folder(self) -> OpenFolder | None:
        if self._lock is not None:
            return self._lock.folder
        try:
            return OpenFolder(self.path)
        except OSError:
            # Reading the state says what is wrong.
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open_generation(self) -> Generation | None:
        found = self._opened(Generation, lambda state: state.generation)
        if self._state.generation is not None and found is None:
            name = self._layout.generation(self._state.generation).root
            raise WorkspaceDamagedError(self.path, f"{name} is missing; train again")
        return found

    def _open_vectors(self) -> StoredVectors | None:
        found = self._opened(StoredVectors, lambda state: state.vectors)
        if self._state.vectors is not None and found is None:
            name = self._layout.vectors_of(self._state.vectors).root
            raise WorkspaceDamagedError(self.path, f"{name} is missing; import the vectors again")
        return found

    def _opened(
        self, kind: Callable[[Layout, int], P], named: Callable[[State], int | None]
    ) -> P | None:
        """Open what the state names; None where it names nothing, or what is not there."""
        for _ in range(3):
            number = named(self._state)
            if number is None:
                return None
            try:
                return kind(self._layout, number)
            except FileNotFoundError:
                # A writer has published a newer one and removed this one meanwhile.
                self._state = load_state(self._layout)
        return None

    def _name(self, state: State, progress: Progress | None = None) -> None:
        """Make a published generation the current one, and its documents searchable."""
        self._save(state)
        self._adopt(state, progress)

    def _adopt(self, state: State, progress: Progress | None = None) -> None:
        """Open what a state that was saved names."""
        self._forget_search()
        self._state, self._generation = state, None
        self._generation = self._open_generation()
        self._stored = self._collected = None
        self._stored = self._open_vectors()
        remove_unused(self._layout, state)
        self._document_search(progress)

    def _name_vectors(self, number: int) -> None:
        """Make published vectors the current ones."""
        state = replace(self._state, vectors=number)
        self._save(state)
        # What nobody else uses any more closes here, and is removed.
        self._state, self._stored, self._collected = state, None, None
        self._stored = self._open_vectors()
        remove_unused(self._layout, state)

    def _note_own(self, state: State) -> None:
        """Spare other processes the trial of what this one has written; see `trust`."""
        paths = {}
        if state.generation is not None:
            files = self._layout.generation(state.generation)
            paths = {"words": files.word_index, "documents": files.document_index}
        if state.vectors is not None:
            paths["vectors"] = self._layout.vectors_of(state.vectors).index
        mark_own(self._layout, paths)

    def _save(self, state: State) -> None:
        try:
            with storage_errors(self.path):
                self._store.flush()
                # Readers may open it as soon as it has its name.
                self._note_own(state)
                state.save(self._layout)
        except BaseException:
            remove_unnamed(self._layout)
            raise

    def _trained(self) -> Generation:
        if self._generation is None:
            advice = f"train it with: embedsearch train -w {self.path}"
            raise NotTrainedError(self.path, f"has no word vectors yet; {advice}")
        return self._generation

    def _document_search(self, progress: Progress | None = None) -> DocumentSearch:
        """Return the search of documents; a writer's words are up to date with the record."""
        with self._opening:
            return self._opened_search(self._trained(), progress)

    def _opened_search(self, generation: Generation, progress: Progress | None) -> DocumentSearch:
        if self._search is None:
            model = generation.search_model
            self._lexical = open_lexical(
                self._layout,
                self._store,
                model.analyzer,
                writable=self.mode == "w",
                generation=generation.number,
                progress=progress,
            )
            self._search = DocumentSearch(
                self._store,
                generation.encoder,
                generation.document_vectors,
                model,
                self._lexical,
                generation.proposer,
                partial(reopened, self._layout, self._store) if self.mode == "r" else None,
            )
        elif self.mode == "w" and self._lexical is not None:
            self._follow(self._search, self._lexical)
        return self._search

    def _follow(self, search: DocumentSearch, lexical: LexicalIndex) -> None:
        if lexical.change != self._store.change and not self._store.in_transaction:
            self._lexical = caught_up(self._layout, self._store, lexical.analyzer, lexical)
            search.lexical = self._lexical

    def _forget_search(self) -> None:
        if self._lexical is not None:
            self._lexical.close()
        self._lexical = self._search = None

    def _check_writable(self) -> None:
        if self.mode != "w":
            message = 'was opened for reading; open it with mode="w"'
            raise WorkspaceReadOnlyError(self.path, message)
        self._layout.check_in_place()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
