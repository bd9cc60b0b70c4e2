"""A workspace that is open: its lock, its state, and the parts that the state names."""

from __future__ import annotations

import shlex
import time
import weakref
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
from embedsearch._io import checked_path, stamp_of, storage_errors
from embedsearch.workspace.generation import ArtifactFolder, Generation
from embedsearch.workspace.layout import Layout, check_contents
from embedsearch.workspace.locks import (
    OpenFolder,
    WriterLock,
    check_wait,
    is_locked,
    lock_for_writing,
    named_writer,
)
from embedsearch.workspace.state import State, load_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch.index.lexical import LexicalIndex
    from embedsearch.search.documents import DocumentSearch
    from embedsearch.search.options import SearchOptions
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.keyed_vectors import KeyedVectors
    from embedsearch.workspace.vectors import StoredVectors, VectorCollection

P = TypeVar("P", bound=ArtifactFolder)

# Between reading the state and opening what it names, a writer may publish and remove: then the
# state is read again. It cannot be outrun for ever, as a generation takes seconds to make.
_ATTEMPTS = 3
# Seconds between two looks at a workspace that is being built.
_PAUSE = 0.2


class Session:
    """An open workspace, which is handed to the parts that do the work.

    The generation is opened, and held, at once: a reader keeps it whatever is published later.
    The documents and their search are opened when they are first asked for, and only then
    imported, as a question about words needs neither; a writer opens the documents at once.
    A `lock` that is given is the writer's, which the caller has taken already.
    """

    def __init__(
        self,
        path: str | Path,
        mode: str = "r",
        *,
        wait: float | None = None,
        durability: str = "full",
        lock: WriterLock | None = None,
    ) -> None:
        self.path = checked_path(path)
        check_contents(self.path)
        _check_options(mode, wait, durability)
        self.mode, self.writable, self._durability = mode, mode == "w", durability
        if not self.writable and wait:
            _await_build(Layout(self.path), wait)
        self._lock = lock
        if self.writable and lock is None:
            load_state(Layout(self.path))
            with storage_errors(self.path):
                self._lock = lock_for_writing(Layout(self.path).lock, self.path, wait)
        self._opening = RLock()
        self._store: DocumentStore | None = None
        self._search: DocumentSearch | None = None
        self._lexical: LexicalIndex | None = None
        self._tuned_by: tuple[int, ...] | None = None
        try:
            self._open()
        except BaseException:
            # What was opened closes with the object, but the lock would outlive the error. One
            # that was given is the caller's until this succeeds.
            if lock is None:
                self._unlock()
            raise

    def _open(self) -> None:
        self.layout = Layout(self.path, self._opened_folder())
        self.state = load_state(self.layout)
        if self.writable:
            self._store = self._opened_store()
        self.generation = self._open_generation()
        self.stored_vectors = self._open_vectors()
        self._collection: VectorCollection | None = None
        if self.writable:
            from embedsearch.workspace.publishing import remove_unused

            self._note_own(self.state)
            # What is left where a process was killed, or a disk was full.
            remove_unused(self.layout, self.state)

    def close(self) -> None:
        """Let go of files and locks; safe to call twice."""
        self.close_search()
        if self._store is not None:
            self._store.close()
        for folder in self.artifacts:
            folder.close()
        self._unlock()
        if self.layout.opened is not None:
            self.layout.opened.close()

    @property
    def artifacts(self) -> list[ArtifactFolder]:
        """The published folders that are open."""
        return [each for each in (self.generation, self.stored_vectors) if each is not None]

    @property
    def store(self) -> DocumentStore:
        """The documents; opening them may fail, or find that the folder is another by now."""
        with self._opening:
            if self._store is None:
                self._store = self._opened_store()
            return self._store

    def trained(self) -> Generation:
        """Return the current generation, or raise `NotTrainedError`."""
        if self.generation is None:
            advice = f"train it with: embedsearch train -w {self.path}"
            if not self.writable and is_locked(self.layout.lock):
                who = named_writer(self.layout.lock)
                advice = f"{who} is working on it: try again when that is done (--wait SECONDS)"
            raise NotTrainedError(self.path, f"has no word vectors yet; {advice}")
        return self.generation

    def words(self) -> KeyedVectors:
        """Return the word queries of the current generation, or raise `NotTrainedError`."""
        words = self.trained().words
        if words.why_missing is not None:
            return words
        opened = weakref.ref(self)

        # It must not keep the session: one that is forgotten lets go of its files.
        def why_missing(word: str) -> str | None:
            from embedsearch.workspace import missing_words

            session = opened()
            if session is None or session.generation is None:
                return None
            return missing_words.why_missing(
                session.layout, session.store, session.generation, word
            )

        words.why_missing = why_missing
        return words

    def vectors(self) -> VectorCollection:
        """Return the user's own vectors, or raise `NotTrainedError`."""
        from embedsearch.workspace.vectors import VectorCollection

        if self.stored_vectors is None:
            advice = f"embedsearch import --vectors FILE -w {self.path}"
            raise NotTrainedError(self.path, f"has no vectors of its own; import some: {advice}")
        collection = self._collection
        if collection is None:
            collection = self._collection = VectorCollection(self.store, self.stored_vectors)
        return collection

    def search(self, progress: Progress | None = None) -> DocumentSearch:
        """Return the search of documents; a writer's lexical index is up to date."""
        with self._opening:
            if self.trained().words_alone:
                advice = f"embedsearch index -w {shlex.quote(str(self.path))}"
                reason = f"has learned words alone; to find documents by meaning, too: {advice}"
                raise NotTrainedError(self.path, reason)
            return self._current_search(progress)

    def search_texts(self, options: SearchOptions) -> tuple[DocumentSearch, SearchOptions]:
        """Return the search for texts, and the options for it.

        If nothing was fitted to documents, the mode "auto" goes by words alone.
        """
        options = options.settled
        with self._opening:
            by_words = options.mode in ("auto", "lexical") and not (options.expand or options.lean)
            if by_words and (self.generation is None or self.generation.words_alone):
                return self._current_search(), replace(options, mode="lexical")
            return self.search(), options

    def _current_search(self, progress: Progress | None = None) -> DocumentSearch:
        if self._search is None:
            self._search = self._opened_search(progress)
        elif self.writable and self._lexical is not None:
            self._catch_up(self._search, self._lexical)
        if self.generation is not None and not self.generation.words_alone:
            self._take_tuning(self._search)
        return self._search

    def _take_tuning(self, search: DocumentSearch) -> None:
        """Take the weights that were tuned, by another process too, since the last question."""
        stamp = stamp_of(self.layout.preferences)
        if stamp == self._tuned_by:
            return
        from embedsearch.search.model import Fusion
        from embedsearch.workspace.preferences import load_preferences

        fusion, warnings = Fusion(), tuple[str, ...]()
        try:
            if (tuning := load_preferences(self.layout).tuning) is not None:
                fusion = tuning.fusion
        except WorkspaceDamagedError as error:
            warnings = (f"search goes by the usual weights: {error}",)
        search.model, search.warnings = replace(search.model, fusion=fusion), warnings
        self._tuned_by = stamp

    def close_search(self) -> None:
        """Close the lexical index; the next search opens it again."""
        if self._lexical is not None:
            self._lexical.close()
        self._lexical = self._search = self._tuned_by = None

    def check_writable(self) -> None:
        """Raise unless this may change the workspace, and the folder is still in its place."""
        if not self.writable:
            message = 'was opened for reading; open it with mode="w"'
            raise WorkspaceReadOnlyError(self.path, message)
        self.layout.check_in_place()

    def commit(self, state: State, progress: Progress | None = None) -> None:
        """Write a state that names a new generation, open that, and make it searchable."""
        self.write_state(state)
        self.switch_to(state, progress)

    def commit_vectors(self, number: int) -> None:
        """Write a state that names new vectors of the user, and open these."""
        state = replace(self.state, vectors=number)
        self.write_state(state)
        # What nobody else uses any more closes here, and is removed.
        self._forget_vectors(state)
        self.stored_vectors = self._open_vectors()
        self._remove_unused(state)

    def write_state(self, state: State) -> None:
        """Make a state the one of the workspace; if that fails, remove what it would name."""
        try:
            with storage_errors(self.path):
                self.store.flush()
                # Readers may open it as soon as it has its name.
                self._note_own(state)
                state.save(self.layout)
        except BaseException:
            from embedsearch.workspace.publishing import remove_unnamed

            remove_unnamed(self.layout)
            raise

    def switch_to(self, state: State, progress: Progress | None = None) -> None:
        """Open what a state that was written names."""
        self.close_search()
        self._forget_vectors(state)
        self.generation = None
        self.generation = self._open_generation()
        self.stored_vectors = self._open_vectors()
        self._remove_unused(state)
        # Words alone are asked for to save the time that an index of documents takes.
        if not self.trained().words_alone:
            self.search(progress)

    def _forget_vectors(self, state: State) -> None:
        self.state, self.stored_vectors, self._collection = state, None, None

    def _remove_unused(self, state: State) -> None:
        from embedsearch.workspace.publishing import remove_unused

        remove_unused(self.layout, state)

    def _opened_folder(self) -> OpenFolder | None:
        if self._lock is not None:
            return self._lock.folder
        try:
            return OpenFolder(self.path)
        except OSError:
            # Reading the state says what is wrong.
            return None

    def _opened_store(self) -> DocumentStore:
        from embedsearch.store.documents import DocumentStore

        self.layout.check_in_place()
        store = DocumentStore(
            self.layout.documents, writable=self.writable, durability=self._durability
        )
        try:
            # SQLite goes by the path, where another folder may have come in this moment.
            self.layout.check_in_place()
        except BaseException:
            store.close()
            raise
        return store

    def _open_generation(self) -> Generation | None:
        found = self._named(Generation, lambda state: state.generation)
        if self.state.generation is not None and found is None:
            name = self.layout.generation(self.state.generation).root
            raise WorkspaceDamagedError(self.path, f"{name} is missing; train again")
        return found

    def _open_vectors(self) -> StoredVectors | None:
        if self.state.vectors is None:
            return None
        from embedsearch.workspace.vectors import StoredVectors

        found = self._named(StoredVectors, lambda state: state.vectors)
        if self.state.vectors is not None and found is None:
            name = self.layout.vectors_of(self.state.vectors).root
            raise WorkspaceDamagedError(self.path, f"{name} is missing; import the vectors again")
        return found

    def _named(
        self, kind: Callable[[Layout, int], P], number_in: Callable[[State], int | None]
    ) -> P | None:
        """Open what the state names; None if it names nothing, or what is not there."""
        for _ in range(_ATTEMPTS):
            number = number_in(self.state)
            if number is None:
                return None
            try:
                return kind(self.layout, number)
            except FileNotFoundError:
                # A writer has published a newer one and removed this one meanwhile.
                self.state = load_state(self.layout)
        return None

    def _opened_search(self, progress: Progress | None) -> DocumentSearch:
        from embedsearch.search.documents import DocumentSearch
        from embedsearch.workspace.lexical_sync import analyzer_of, open_lexical, reopen

        generation, store = self.generation, self.store
        if generation is None or generation.words_alone:
            from embedsearch.search.document_index import DocumentVectors
            from embedsearch.search.model import SearchModel

            own = None if generation is None else generation.analyzer
            model = SearchModel.unfitted(own or analyzer_of(store, self.state.tokenizer))
            generation, vectors, number = None, DocumentVectors.empty(), None
        else:
            model = generation.search_model
            vectors, number = generation.document_vectors, generation.number
        self._lexical = open_lexical(
            self.layout,
            store,
            model.analyzer,
            writable=self.writable,
            generation=number,
            progress=progress,
        )
        return DocumentSearch(
            store,
            None if generation is None else partial(getattr, generation, "encoder"),
            vectors,
            model,
            self._lexical,
            (lambda: None) if generation is None else generation.candidates,
            None if self.writable else partial(reopen, self.layout, store),
        )

    def _catch_up(self, search: DocumentSearch, lexical: LexicalIndex) -> None:
        from embedsearch.workspace.lexical_sync import sync

        if lexical.change != self.store.change and not self.store.in_transaction:
            self._lexical = sync(self.layout, self.store, lexical.analyzer, lexical)
            search.lexical = self._lexical

    def _note_own(self, state: State) -> None:
        """Spare other processes the trial of what this one has written; see `trust`."""
        from embedsearch.workspace.trust import mark_own

        paths = {}
        if state.generation is not None:
            files = self.layout.generation(state.generation)
            paths = {"words": files.word_index, "documents": files.document_index}
        if state.vectors is not None:
            paths["vectors"] = self.layout.vectors_of(state.vectors).index
        mark_own(self.layout, paths)

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _await_build(layout: Layout, wait: float) -> None:
    """Wait as long as another process makes a workspace, or trains it for the first time."""
    until = time.monotonic() + wait
    while _is_being_built(layout) and (left := until - time.monotonic()) > 0:
        time.sleep(min(_PAUSE, left))


def _is_being_built(layout: Layout) -> bool:
    if not layout.state.exists():
        from embedsearch.workspace.staging import under_construction

        return under_construction(layout.root) is not None
    state = load_state(layout)
    return state.generation is None and state.vectors is None and is_locked(layout.lock)


def _check_options(mode: str, wait: float | None, durability: str) -> None:
    if mode not in ("r", "w"):
        raise ParameterError("mode", '"r" or "w"', mode)
    check_wait(wait)
    if durability != "full":
        # A reader has no use for it, and should not pay for the import.
        from embedsearch.store.connection import check_durability

        check_durability(durability)
