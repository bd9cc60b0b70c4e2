"""The facade: one workspace, opened for reading or writing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from embedsearch._errors import ParameterError
from embedsearch._io import checked_path
from embedsearch._progress import Progress, SilentProgress
from embedsearch._types import Document, Explanation, FloatVector, Hits, html_table
from embedsearch.search.options import SearchOptions
from embedsearch.workspace.collection import Documents
from embedsearch.workspace.contents import check_contents
from embedsearch.workspace.info import (
    Info,
    facts_of_use,
    generation_facts,
    size_on_disk,
    vector_facts,
)
from embedsearch.workspace.keeping import KeptWorkspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from embedsearch.search.words import Words
    from embedsearch.store.documents import Changes
    from embedsearch.text.settings import ReadSettings, TokenizerSettings
    from embedsearch.training.base import TrainedModel
    from embedsearch.vectors.word_vectors import WordVectors
    from embedsearch.workspace.evaluating import Evaluation
    from embedsearch.workspace.locks import WriterLock


class Workspace(KeptWorkspace):
    """Documents, word vectors and indexes in one folder. Made by `open`, `create` or `build`.

    A reader keeps the generation that it opened, whatever a writer publishes meanwhile; changes
    of documents it sees at once. There is one writer at a time. Several threads may ask one
    workspace questions at the same time; while one changes it, the others must wait.

    Args:
        path: The folder.
        mode: "r" reads, "w" also writes.
        wait: For writing, where another process has it: wait so many seconds for it to end.
            None gives up at once.
        durability: When documents are acknowledged. With "full" they are on the disk by then.
            With "relaxed", a death of the process loses nothing, but when the system crashes or
            the power fails, the last changes of documents may be lost; never a part of one, and
            nothing is damaged. Word vectors and indexes are flushed in either case.

    Attributes:
        changes: What `build` or the last `add_sources` did with the documents; None otherwise.

    Raises:
        WorkspaceNotFoundError: There is no workspace at the path.
        WorkspaceLockedError: It is opened for writing, and another writer has it.
        WorkspaceDamagedError: A part of it is missing or damaged.
        WorkspaceVersionError: A newer embedsearch wrote it.
    """

    def __init__(
        self,
        path: str | Path,
        mode: str = "r",
        *,
        wait: float | None = None,
        durability: str = "full",
        _lock: WriterLock | None = None,
    ) -> None:
        check_contents(checked_path(path))
        super().__init__(path, mode, wait=wait, durability=durability, _lock=_lock)
        self.changes: Changes | None = None
        self.documents = Documents(self._store, self._document_search)

    @property
    def words(self) -> Words:
        """Word queries: neighbours, analogies, similarities.

        Raises:
            NotTrainedError: The workspace has no vectors yet.
        """
        return self._trained().words

    def search(
        self,
        text: str,
        topn: int = 10,
        mode: str = "auto",
        where: str | None = None,
        *,
        explain: bool = False,
        expand: bool = False,
        feedback: int | None = None,
    ) -> Hits:
        """Find the documents that answer a text.

        Args:
            text: The query: words, "phrases in quotes", +required, -excluded.
            topn: How many hits.
            mode: "lexical" goes by words (BM25), "latent" by meaning, "hybrid" by both with
                usual weights, "auto" by both with weights learned from the documents, "rrf" by
                the ranks in the lists of both (reciprocal rank fusion).
            where: A condition on metadata, such as `year > 1990 and lang = 'en'`.
            explain: Say of each hit what its score is made of: `Hit.explanation`.
            expand: Look for words near rare ones of the query, too: `Hits.expanded` has them.
            feedback: Move the query in meaning towards the first so many hits, and search once
                more (pseudo-relevance feedback, Rocchio 1971); 0 for none. None takes what
                `info().feedback` says in the mode "auto", and in "latent" where weights were
                learned, and none in "hybrid".

        Raises:
            ParameterError: `feedback` is not 0 or more, or there is some in the modes "lexical" or
                "rrf".
            QueryError: The text has no words, or the condition does not parse.
            UnknownWordError: No document and no vector has any of its words.
            NotTrainedError: The workspace has no vectors yet.
        """
        options = SearchOptions(topn, mode, where, explain, expand, feedback)
        return self._document_search().answer(text, options)

    def search_batch(
        self,
        texts: Sequence[str],
        topn: int = 10,
        mode: str = "auto",
        where: str | None = None,
        *,
        explain: bool = False,
        expand: bool = False,
        feedback: int | None = None,
    ) -> list[Hits]:
        """Answer several texts at once; see `search`."""
        options = SearchOptions(topn, mode, where, explain, expand, feedback)
        search = self._document_search()
        return [search.answer(text, options) for text in texts]

    def explain(
        self, text: str, id: str, mode: str = "auto", pairs: int | None = 100
    ) -> Explanation:
        """Say what the score of a document for a text is made of, whether it is found or not.

        The score is the sum of what the words add: by BM25, and by each linear encoder what a
        word of the text shares with a word of the document; in the mode "rrf", of what each
        list adds by the rank of the document in it.

        Args:
            text: The query, as for `search`.
            id: The document.
            mode: As for `search`.
            pairs: List the parts of so many pairs of words, the strongest; None lists all.

        Raises:
            UnknownDocumentError: There is none of this id.
            QueryError: The text has no words.
        """
        return self._document_search().explain(text, id, mode, pairs)

    def vector_of(self, text: str) -> FloatVector:
        """Return the (d,) vector of a text as a query: float32, unit length."""
        return self._trained().encoder.query(text)

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
        prune: bool = False,
        progress: Progress | None = None,
        stdin: BinaryIO | None = None,
        **settings: Any,
    ) -> Changes:
        """Read files, folders, "-" or "corpus:NAME", and add their documents.

        A file that was read before updates the documents that it made then, by whatever name
        it is called now. All are kept and flushed to the disk when this returns; if anything
        fails, none is.

        Args:
            sources: What to read.
            read: How sources become documents, and what happens where an id is taken.
            prune: Delete documents of these sources whose files or rows are gone. What could
                not be read, or was passed over, is not gone.
            progress: A listener.
            stdin: What "-" reads, if not the standard input.
            **settings: Any of `ReadSettings` by its name, where `read` is not given:
                `on_conflict="error"`, `id_prefix="feb-"`.

        Returns:
            What was done, and which files could not be read.

        Raises:
            InputError: A source cannot be read, or a setting is wrong.
            DuplicateIdError: An id is taken, and `on_conflict` is "error".
        """
        from embedsearch.store.ingestion import ingest
        from embedsearch.text.settings import ReadSettings, extract_settings
        from embedsearch.workspace.sources import Sources

        self._check_writable()
        read, rest = extract_settings(ReadSettings, read, settings)
        if rest:
            raise ParameterError("settings", "those of ReadSettings", sorted(rest))
        listener = progress or SilentProgress()
        reading = Sources(sources, read, listener, stdin)
        self.changes = ingest(self._store, reading, read, listener, prune=prune)
        return self.changes

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents and return how many.

        Raises:
            UnknownDocumentError: One of them is not there; then none is deleted.
        """
        self._check_writable()
        return self._store.delete([ids] if isinstance(ids, str) else ids)

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
                `encoding_errors`, `allow_pickle`), those of `TokenizerSettings`, and `spec`,
                `recall` and `memory` as for `index`.

        Raises:
            SourceError: The file cannot be read; the workspace stays as it was.
            ParameterError: There is no such format.
        """
        from embedsearch.workspace.exchange import take_vectors

        self._check_writable()
        number, cutting = take_vectors(
            self._layout,
            self._store,
            source,
            tokenizer,
            self._search_settings,
            self._index_settings,
            progress or SilentProgress(),
            **options,
        )
        self._name(replace(self._state, tokenizer=cutting, generation=number), progress)

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

    def indexes(self) -> dict[str, dict[str, Any]]:
        """Say what kind of index the words and the user's own vectors have, and why.

        Returns:
            By "words" and "vectors", as far as there are such: `settings` (what was asked),
            `spec`, `vectors`, `dimension`, `parameters`, `recall` (measured; None where it is
            not known), `bytes` (in memory), `reasons`, and `choice`: what "auto" measured, as
            in `VectorIndex.choice`; None where there was nothing to measure.
        """
        from embedsearch.workspace.index_report import index_reports

        return index_reports(self._generation, self._stored)

    def info(self) -> Info:
        """Return the facts about this workspace."""
        generation = self._generation
        facts = {}
        if generation is not None:
            facts = generation_facts(generation)
            facts |= facts_of_use(generation, self._layout, self._store)
        if self._stored is not None:
            facts["vectors"] = vector_facts(self._stored, len(self.vectors))
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
        if self._stored is not None:
            documents += f", {len(self.vectors):,} vectors × {self._stored.dimension}"
        if self.goes_by_vectors:
            return documents
        if self._generation is None:
            return f"{documents}, not trained"
        training = self._generation.training
        size = training["parameters"]["vector_size"]
        return f"{documents}, {training['vocabulary']:,} words × {size}"
