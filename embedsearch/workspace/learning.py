"""What a workspace learns from its documents: word vectors, and how documents are found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from embedsearch._errors import StorageError
from embedsearch._progress import Progress, SilentProgress
from embedsearch.index.settings import IndexSettings, changed_index, index_options
from embedsearch.search.options import SearchSettings, changed_search
from embedsearch.text.settings import FOLDING, apply_options
from embedsearch.vectors.encoders import check_available
from embedsearch.workspace.state import State
from embedsearch.workspace.vectors_part import VectorWorkspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from embedsearch._types import Document
    from embedsearch.search.document_index import DocumentVectors
    from embedsearch.store.documents import DocumentStore
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.training.base import Callback, TrainingReport
    from embedsearch.workspace.generation import Generation

# Documents may become so many times as many before it is learned anew how they are found.
_GROWN = 2


class LearningWorkspace(VectorWorkspace):
    """Trains and indexes; see `Workspace`."""

    @property
    def tokenizer(self) -> TokenizerSettings:
        """How the next training cuts text into tokens."""
        return self._state.tokenizer

    @property
    def _search_settings(self) -> SearchSettings:
        return SearchSettings() if self._generation is None else self._generation.search_settings

    @property
    def _index_settings(self) -> IndexSettings:
        return IndexSettings() if self._generation is None else self._generation.index_settings

    def train(
        self,
        trainer: str = "auto",
        *,
        tokenizer: TokenizerSettings | str | None = None,
        progress: Progress | None = None,
        callbacks: Sequence[Callback] = (),
        update: bool = False,
        **parameters: Any,
    ) -> TrainingReport:
        """Train word vectors on all documents, encode and index them, publish the result.

        An interrupted training goes on from its last checkpoint when it is asked for again
        with the same settings, or with none.

        Args:
            trainer: One of `embedsearch.TRAINERS`.
            tokenizer: How to cut text from now on: settings, or the name of a tokenizer; None
                leaves it as it is.
            progress: A listener.
            callbacks: Called with an `EpochReport` after every epoch; one that returns True
                stops the training.
            update: Go on from the word vectors that there are, on the documents that were
                added or changed since; new words join the vocabulary, and words that the new
                text does not have keep their vectors.
            **parameters: gensim's, see `TrainingSettings`; None fits one to the corpus. Those
                of `TokenizerSettings` change one way of cutting text, such as `stem="english"`;
                `encoders`, `language`, `spec`, `recall` and `memory` are as for `index`.

        Raises:
            CorpusTooSmallError: Fewer than two words are frequent enough.
            ParameterError: A parameter is unknown or out of range.
        """
        self._check_writable()
        number, report, tokenizer = self._train(
            trainer, tokenizer, progress, callbacks, update, **parameters
        )
        state = replace(self._state, tokenizer=tokenizer, generation=number)
        self._name(state, progress)
        return report

    def replace_all(
        self, documents: Iterable[Document], *, trainer: str = "auto", **settings: Any
    ) -> TrainingReport:
        """Replace every document and train anew; see `train`.

        If reading or training fails, the workspace stays as it was.

        Raises:
            StorageError: The disk failed at the last step, when the documents were replaced; the
                words are still the old ones then.
        """
        return self.refill(lambda store: store.add(documents), trainer=trainer, **settings)

    def refill(
        self, fill: Callable[[DocumentStore], object], *, trainer: str = "auto", **settings: Any
    ) -> TrainingReport:
        """Replace every document by what `fill` adds to the record; see `replace_all`."""
        self._check_writable()
        with self._store.transaction():
            self._store.clear()
            fill(self._store)
            number, report, tokenizer = self._train(trainer, **settings)
        state = State(tokenizer, number)
        try:
            self._save(state)
        except StorageError as error:
            # No two files change at once, and the record comes first.
            reason = (
                f"the documents were replaced, but not the words learned from them "
                f"({error.reason}); run `embedsearch train`"
            )
            raise StorageError(self.path, reason) from error
        self._adopt(state)
        return report

    def index(
        self,
        *,
        refit: bool = False,
        encoders: Sequence[str] | None = None,
        language: str | None = None,
        spec: str | None = None,
        recall: float | None = None,
        memory: int | str | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Store the vectors of documents changed since; return how many changes that were.

        How documents are found is learned anew when their number has doubled, when other
        settings are given, or when that is asked for. The index of words, and that of the
        user's own vectors, are made anew when other settings of theirs are given; these are
        kept, and used by later trainings.

        Args:
            refit: Learn anew how documents are found.
            encoders: Encoders to plug in beside our own, `NAME` or `NAME:ARGUMENT` each; see
                `embedsearch.Encoder`. None leaves them as they are, an empty list has none.
            language: Whose stop words and stems words are looked up by; "auto", "none" or a
                name such as "english". None leaves it as it is.
            spec: What kind of index words and vectors have, as for `VectorIndex.build`; "auto"
                is exact for up to 100 million numbers, unless a recall is asked for. None
                leaves it as it is.
            recall: What "auto" promises, from 10 million numbers on. None leaves it as it is.
            memory: The most that "auto" may use: bytes, "500MB", or "none" for no limit. None
                leaves it as it is.
            progress: A listener.

        Raises:
            ParameterError: There is no such encoder, language or kind of index.
            MissingExtraError: An encoder needs a package that is not installed.
        """
        from embedsearch.workspace.pipeline import index_generation, refit_generation

        self._check_writable()
        listener = progress or SilentProgress()
        if self.goes_by_vectors:
            return self._index_vectors(spec, recall, memory, listener)
        generation = self._trained()
        behind = self._store.count_since(generation.change)
        wanted = changed_index(generation.index_settings, spec, recall, memory)
        grown = len(self._store) > _GROWN * generation.fitted_documents
        settings = changed_search(generation.search_settings, encoders, language)
        if refit or grown or settings != generation.search_settings:
            number = refit_generation(
                self._layout, self._store, generation, settings, wanted, listener
            )
            self._name(replace(self._state, generation=number), listener)
        elif behind or wanted != generation.index_settings:
            vectors = self._encoded(generation, behind, listener) if behind else None
            number = index_generation(self._layout, generation, vectors, wanted, listener)
            self._name(replace(self._state, generation=number), listener)
        self._index_vectors(spec, recall, memory, listener)
        return behind

    def _encoded(self, generation: Generation, behind: int, progress: Progress) -> DocumentVectors:
        check_available(generation.search_model.space.external)
        with progress.task("encoding documents", behind, "documents") as task:
            vectors = self._document_search().current()
            task.advance(behind)
        return vectors

    def _train(
        self,
        trainer: str,
        tokenizer: TokenizerSettings | str | None = None,
        progress: Progress | None = None,
        callbacks: Sequence[Callback] = (),
        update: bool = False,
        **parameters: Any,
    ) -> tuple[int, TrainingReport, TokenizerSettings]:
        from embedsearch.workspace.pipeline import train_generation
        from embedsearch.workspace.requests import search_options, training_request

        # An update goes on from words that were folded as they were.
        before = self.tokenizer if update else replace(self.tokenizer, folding=FOLDING)
        tokenizer, options = apply_options(tokenizer or before, parameters, before)
        search, options = search_options(options, self._search_settings)
        index, options = index_options(options, self._index_settings)
        request = training_request(
            self._layout,
            self._store.change,
            trainer,
            tokenizer,
            options,
            callbacks,
            self._trained() if update else None,
            search,
            index,
        )
        listener = progress or SilentProgress()
        trained = train_generation(self._layout, self._store, request, self._generation, listener)
        return *trained, tokenizer
