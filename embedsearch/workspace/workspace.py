"""The facade: one workspace, opened for reading or writing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from embedsearch._progress import Progress, SilentProgress
from embedsearch._types import Document, FloatVector, Hits, html_table
from embedsearch.search.settings import SearchSettings, changed_search
from embedsearch.text.settings import changed
from embedsearch.workspace.choices import check_mode
from embedsearch.workspace.collection import Documents
from embedsearch.workspace.info import Info, generation_facts, size_on_disk
from embedsearch.workspace.opened import OpenWorkspace
from embedsearch.workspace.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from embedsearch.search.words import Words
    from embedsearch.store.documents import Changes
    from embedsearch.text.settings import ReadSettings, TokenizerSettings
    from embedsearch.training.base import Callback, TrainedModel, TrainingReport
    from embedsearch.vectors.word_vectors import WordVectors
    from embedsearch.workspace.evaluating import Evaluation

# Documents may become so many times as many before it is learned anew how they are found.
_GROWN = 2


class Workspace(OpenWorkspace):
    """Documents, word vectors and indexes in one folder. Made by `open`, `create` or `build`.

    A reader keeps the generation that it opened, whatever a writer publishes meanwhile. There
    is one writer at a time.

    Args:
        path: The folder.
        mode: "r" reads, "w" also writes.

    Raises:
        WorkspaceNotFoundError: There is no workspace at the path.
        WorkspaceLockedError: It is opened for writing, and another writer has it.
        WorkspaceDamagedError: A part of it is missing or damaged.
        WorkspaceVersionError: A newer embedsearch wrote it.
    """

    def __init__(self, path: str | Path, mode: str = "r") -> None:
        super().__init__(path, mode)
        self.documents = Documents(self._store, self._document_search)

    @property
    def tokenizer(self) -> TokenizerSettings:
        """How the next training cuts text into tokens."""
        return self._state.tokenizer

    @property
    def words(self) -> Words:
        """Word queries: neighbours, analogies, similarities.

        Raises:
            NotTrainedError: The workspace has no vectors yet.
        """
        return self._trained().words

    def search(
        self, text: str, topn: int = 10, mode: str = "auto", where: str | None = None
    ) -> Hits:
        """Find the documents that answer a text.

        Args:
            text: The query: words, "phrases in quotes", +required, -excluded.
            topn: How many hits.
            mode: "lexical" goes by words (BM25), "latent" by meaning, "hybrid" by both with
                usual weights, "auto" by both with weights learned from the documents.
            where: A condition on metadata, such as `year > 1990 and lang = 'en'`.

        Raises:
            QueryError: The text has no words, or the condition does not parse.
            UnknownWordError: No document and no vector has any of its words.
            NotTrainedError: The workspace has no vectors yet.
        """
        return self.search_batch([text], topn, mode, where)[0]

    def search_batch(
        self,
        texts: Sequence[str],
        topn: int = 10,
        mode: str = "auto",
        where: str | None = None,
    ) -> list[Hits]:
        """Answer several texts at once; see `search`."""
        check_mode(mode)
        return self._document_search().search(texts, topn, mode, where)

    def vector_of(self, text: str) -> FloatVector:
        """Return the (d,) vector of a text as a query: float32, unit length."""
        return self._trained().encoder.query(text).vector

    def add(self, documents: Iterable[Document]) -> Changes:
        """Add documents; one with a known id and other content replaces the old one.

        All are kept and flushed to the disk when this returns; if anything fails, none is.
        Queries see them at once, by the word vectors that there are.
        """
        self._check_writable()
        return self._store.add(documents)

    def add_sources(
        self,
        sources: str | Path | Sequence[str | Path],
        *,
        read: ReadSettings | None = None,
        progress: Progress | None = None,
        stdin: BinaryIO | None = None,
    ) -> Changes:
        """Read files, folders, "-" or "corpus:NAME", and add their documents; see `add`."""
        from embedsearch.workspace.sources import documents_of

        return self.add(documents_of(sources, read, progress or SilentProgress(), stdin))

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents and return how many.

        Raises:
            UnknownDocumentError: One of them is not there; then none is deleted.
        """
        self._check_writable()
        return self._store.delete([ids] if isinstance(ids, str) else ids)

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
                `encoders` and `language` are as for `index`.

        Raises:
            CorpusTooSmallError: Fewer than two words are frequent enough.
            ParameterError: A parameter is unknown or out of range.
        """
        self._check_writable()
        number, report, tokenizer = self._train(
            trainer, tokenizer, progress, callbacks, update, **parameters
        )
        self._name(State(tokenizer, number), progress)
        return report

    def model(self) -> TrainedModel:
        """Return the word vectors with what is needed to go on training them elsewhere.

        `embedsearch.to_gensim` makes a model of gensim of it.
        """
        return self._trained().model

    def import_vectors(
        self,
        source: str | Path | WordVectors | TrainedModel,
        *,
        tokenizer: TokenizerSettings | str | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> None:
        """Take word vectors that were trained elsewhere in place of those that there are.

        The documents are encoded by them. `train(update=True)` goes on from them on documents
        that are added later.

        Args:
            source: A file or folder of any format of `embedsearch.VECTOR_FORMATS`, or vectors
                in memory: `embedsearch.from_gensim` makes some of a model of gensim.
            tokenizer: How documents and queries are cut; None folds case, unless the words
                have upper and lower case.
            progress: A listener.
            **options: As for `embedsearch.load_vectors` (`format`, `limit`,
                `encoding_errors`, `allow_pickle`), and those of `TokenizerSettings`.

        Raises:
            SourceError: The file cannot be read; the workspace stays as it was.
            ParameterError: There is no such format.
        """
        from embedsearch.workspace.exchange import take_vectors

        self._check_writable()
        number, cutting = take_vectors(
            self._layout, self._store, source, tokenizer, progress or SilentProgress(), **options
        )
        self._name(State(cutting, number), progress)

    def export(self, path: str | Path, what: str = "words", **options: Any) -> int:
        """Write vectors to a file that other programs read, and return how many.

        Args:
            path: The file; or the folder, for formats that are one.
            what: "words", or "documents": their vectors, with ids in place of words.
            **options: As for `embedsearch.save_vectors`: `format`, `overwrite`, `progress`.

        Raises:
            ParameterError: There is no such format, or it does not say which by the name.
            FileExistsError: The file is there, and `overwrite` is off.
        """
        from embedsearch.workspace.exchange import export_vectors

        return export_vectors(self, path, what, **options)

    @property
    def evaluate(self) -> Evaluation:
        """Measures of how good the vectors, the search and the index are."""
        from embedsearch.workspace.evaluating import Evaluation

        generation = self._trained()
        return Evaluation(self._layout, self._store, generation, self._document_search)

    def replace_all(
        self, documents: Iterable[Document], *, trainer: str = "auto", **settings: Any
    ) -> TrainingReport:
        """Replace every document and train anew; see `train`.

        If reading or training fails, the workspace stays as it was.
        """
        self._check_writable()
        with self._store.transaction():
            self._store.clear()
            self._store.add(documents)
            number, report, tokenizer = self._train(trainer, **settings)
        self._name(State(tokenizer, number))
        return report

    def index(
        self,
        *,
        refit: bool = False,
        encoders: Sequence[str] | None = None,
        language: str | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Store the vectors of documents changed since; return how many changes that were.

        How documents are found is learned anew when their number has doubled, when other
        settings are given, or when that is asked for.

        Args:
            refit: Learn anew how documents are found.
            encoders: Encoders to plug in beside our own, `NAME` or `NAME:ARGUMENT` each; see
                `embedsearch.Encoder`. None leaves them as they are.
            language: Whose stop words and stems words are looked up by; "auto", "none" or a
                name such as "english". None leaves it as it is.
            progress: A listener.

        Raises:
            ParameterError: There is no such encoder or language.
            MissingExtraError: An encoder needs a package that is not installed.
        """
        from embedsearch.workspace.pipeline import index_generation, refit_generation

        self._check_writable()
        generation = self._trained()
        behind = self._store.count_since(generation.change)
        listener = progress or SilentProgress()
        grown = len(self._store) > _GROWN * generation.fitted_documents
        settings = changed_search(generation.search_settings, encoders, language)
        if refit or grown or settings != generation.search_settings:
            number = refit_generation(self._layout, self._store, generation, settings, listener)
            self._name(State(self.tokenizer, number), listener)
        elif behind:
            with listener.task("encoding documents", behind, "documents") as task:
                vectors = self._document_search().current()
                task.advance(behind)
            number = index_generation(self._layout, generation, vectors)
            self._name(State(self.tokenizer, number), listener)
        return behind

    def info(self) -> Info:
        """Return the facts about this workspace."""
        generation = self._generation
        facts = {} if generation is None else generation_facts(generation)
        change = 0 if generation is None else generation.change
        tokenizer = self.tokenizer if generation is None else generation.tokenizer
        return Info(
            path=str(self.path),
            documents=len(self._store),
            change=self._store.change,
            tokenizer=tokenizer.describe(),
            size_bytes=size_on_disk(self._layout),
            behind=self._store.count_since(change),
            **facts,
        )

    def __repr__(self) -> str:
        return f"Workspace({str(self.path)!r}, {self._summary()})"

    def _repr_html_(self) -> str:
        facts = self.info().to_json()
        shown = ("path", "documents", "vocabulary", "tokens", "vector_size", "trainer", "tokenizer")
        return html_table(("workspace", ""), ((name, facts[name]) for name in shown))

    def _summary(self) -> str:
        documents = f"{len(self._store):,} documents"
        if self._generation is None:
            return f"{documents}, not trained"
        training = self._generation.training
        size = training["parameters"]["vector_size"]
        return f"{documents}, {training['vocabulary']:,} words × {size}"

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
        from embedsearch.workspace.requests import training_request

        tokenizer, options = changed(tokenizer or self.tokenizer, parameters, self.tokenizer)
        before = SearchSettings() if self._generation is None else self._generation.search_settings
        search = changed_search(
            before, options.pop("encoders", None), options.pop("language", None)
        )
        request = training_request(
            self._layout,
            self._store.change,
            trainer,
            tokenizer,
            options,
            callbacks,
            self._trained() if update else None,
            search,
        )
        listener = progress or SilentProgress()
        trained = train_generation(self._layout, self._store, request, self._generation, listener)
        return *trained, tokenizer
