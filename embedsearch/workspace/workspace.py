"""The facade: one workspace, opened for reading or writing.

Each method hands the open workspace to the module that does the work, which is imported only
then.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, overload

from embedsearch._checks import as_strings
from embedsearch._errors import ParameterError
from embedsearch._io import checked_path
from embedsearch._progress import Progress, SilentProgress, listener_of
from embedsearch._types import Explanation, FloatVector, Hits, html_table
from embedsearch.workspace.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from embedsearch._types import Metric
    from embedsearch.search.options import SearchOptions
    from embedsearch.store.documents import Changes
    from embedsearch.text.settings import ReadSettings, TokenizerSettings
    from embedsearch.training.base import Callback, TrainingReport
    from embedsearch.vectors.word_vectors import WordVectors
    from embedsearch.workspace.documents import Documents
    from embedsearch.workspace.evaluate import Evaluation
    from embedsearch.workspace.info import Info
    from embedsearch.workspace.inputs import Given
    from embedsearch.workspace.keyed_vectors import KeyedVectors
    from embedsearch.workspace.maintenance.backup import BackupReport
    from embedsearch.workspace.maintenance.compact import CompactReport
    from embedsearch.workspace.maintenance.verify import VerifyReport
    from embedsearch.workspace.models import TrainedModel
    from embedsearch.workspace.preferences import Judgement, Tuning
    from embedsearch.workspace.space import Space
    from embedsearch.workspace.texts import Texts
    from embedsearch.workspace.vector_import import Rows
    from embedsearch.workspace.vectors import VectorCollection


def open(
    path: str | Path,
    mode: str = "r",
    *,
    wait: float | None = None,
    durability: str = "full",
) -> Workspace:
    """Open a workspace, for reading ("r") or writing ("w"); see `Workspace`."""
    return Workspace(path, mode, wait=wait, durability=durability)


class Workspace:
    """Documents, word vectors and indexes in one folder. Made by `open`, `create` or `build`.

    A reader keeps the generation that it opened, whatever a writer publishes meanwhile; changes
    of documents it sees at once. There is one writer at a time. Several threads may ask one
    workspace questions at the same time; while one changes it, the others must wait.

    Args:
        path: The folder.
        mode: "r" reads, "w" also writes.
        wait: If another process is writing, wait so many seconds for it to end; a reader waits
            only for one that makes the workspace or trains it for the first time. None gives up
            at once.
        durability: When documents are acknowledged. With "full" they are on the disk by then.
            With "relaxed", a death of the process loses nothing, but when the system crashes or
            the power fails, the last changes of documents may be lost; never a part of one, and
            nothing is damaged. Word vectors and indexes are flushed in either case.

    Attributes:
        path: The folder.
        mode: "r" or "w".
        changes: What `build` or the last `add_sources` did with the documents; None otherwise.

    Raises:
        WorkspaceNotFoundError: There is no workspace at the path.
        WorkspaceLockedError: It is opened for writing, and another writer has it.
        WorkspaceDamagedError: A part of it is missing or damaged. A reader opens the documents,
            and says what is wrong with them, when it is first asked for one.
        WorkspaceVersionError: A newer embedsearch wrote it.
    """

    def __init__(
        self,
        path: str | Path,
        mode: str = "r",
        *,
        wait: float | None = None,
        durability: str = "full",
        _session: Session | None = None,
    ) -> None:
        self._session = _session or Session(path, mode, wait=wait, durability=durability)
        self.path, self.mode = self._session.path, self._session.mode
        self.changes: Changes | None = None

    @classmethod
    def of(cls, session: Session) -> Workspace:
        """Return the workspace of a session, which closes with it."""
        return cls(session.path, session.mode, _session=session)

    def close(self) -> None:
        """Let go of files and locks; safe to call twice."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def tokenizer(self) -> TokenizerSettings:
        """How the next training cuts text into tokens."""
        return self._session.state.tokenizer

    @cached_property
    def documents(self) -> Documents:
        """The documents by their ids."""
        from embedsearch.workspace.documents import Documents

        return Documents(self._session)

    @cached_property
    def texts(self) -> Texts:
        """The words of the documents: counts, keywords, concordance."""
        from embedsearch.workspace.texts import Texts

        return Texts(self._session)

    @cached_property
    def space(self) -> Space:
        """The latent space: its points, and what they say in words."""
        from embedsearch.workspace.space import Space

        return Space(self._session)

    @property
    def words(self) -> KeyedVectors:
        """Word queries: neighbours, analogies, similarities.

        Raises:
            NotTrainedError: The workspace has no vectors yet.
        """
        return self._session.words()

    @overload
    def search(
        self,
        text: str,
        topn: int = ...,
        mode: str = ...,
        where: str | None = ...,
        *,
        explain: bool = ...,
        expand: bool = ...,
        feedback: int | None = ...,
        lean: int = ...,
        min_relevance: float = ...,
        snippets: bool = ...,
    ) -> Hits: ...

    @overload
    def search(
        self,
        text: list[str] | tuple[str, ...],
        topn: int = ...,
        mode: str = ...,
        where: str | None = ...,
        *,
        explain: bool = ...,
        expand: bool = ...,
        feedback: int | None = ...,
        lean: int = ...,
        min_relevance: float = ...,
        snippets: bool = ...,
    ) -> list[Hits]: ...

    def search(
        self,
        text: str | list[str] | tuple[str, ...],
        topn: int = 10,
        mode: str = "auto",
        where: str | None = None,
        *,
        explain: bool = False,
        expand: bool = False,
        feedback: int | None = None,
        lean: int = 0,
        min_relevance: float = 0.0,
        snippets: bool = True,
    ) -> Hits | list[Hits]:
        """Find the documents that answer a text, or each of several, as `search_batch`.

        Args:
            text: The query: words, "phrases in quotes", +required, -excluded; or a list of these.
            topn: How many hits.
            mode: "lexical" goes by words (BM25), "latent" by meaning, "hybrid" by both. "auto" is
                "hybrid"; in a workspace without word vectors "lexical", and `Hits.mode` says so.
            where: A condition on metadata, such as `year > 1990 and lang = 'en'`.
            explain: Explain the score of each hit: `Hit.explanation`.
            expand: Look for words near rare ones of the query, too: `Hits.expanded` has them.
            feedback: Move the query in meaning towards the first so many hits, and search once
                more (pseudo-relevance feedback, Rocchio 1971); none by default.
            lean: How far to lean from words, -2 (BM25 alone), to meaning, 2 (meaning alone), in
                the modes "auto" and "hybrid"; 0 is the balance that is good on average, at -1
                all but BM25 weighs half, at 1 all that goes by words does.
            min_relevance: Leave out hits whose `relevance` is less, from 0 to 1.
            snippets: Show the passage of each hit that answers best, and its words to highlight;
                leaving them out takes half of the time or less.

        Raises:
            ParameterError: `feedback` is not 0 or more, or there is some in the mode "lexical";
                `lean` is not between -2 and 2, or not 0 in the modes "lexical" and "latent".
            QueryError: The text has no words, or the condition does not parse.
            UnknownWordError: No document and no vector has any of its words.
            NotTrainedError: The workspace has no vectors yet, and the mode, or `expand`, needs
                some.
        """
        from embedsearch.search.options import SearchOptions

        options = SearchOptions(
            topn,
            mode,
            where,
            explain=explain,
            expand=expand,
            feedback=feedback,
            lean=lean,
            min_relevance=min_relevance,
            snippets=snippets,
        )
        if isinstance(text, list | tuple):
            return self._answer_all(text, options, SilentProgress())
        search, options = self._session.search_texts(options)
        return search.answer(text, options)

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
        lean: int = 0,
        min_relevance: float = 0.0,
        snippets: bool = True,
        progress: Progress | None = None,
    ) -> list[Hits]:
        """Answer several texts, in their order; `progress` is a listener, the rest as `search`.

        A text that `search` would refuse, or of which no word is known, does not stop the others:
        its answer has no hits, and `Hits.warnings` say why.
        """
        from embedsearch.search.options import SearchOptions

        options = SearchOptions(
            topn,
            mode,
            where,
            explain=explain,
            expand=expand,
            feedback=feedback,
            lean=lean,
            min_relevance=min_relevance,
            snippets=snippets,
        )
        return self._answer_all(texts, options, listener_of(progress))

    def _answer_all(
        self, texts: Sequence[str], options: SearchOptions, progress: Progress
    ) -> list[Hits]:
        texts = as_strings("texts", texts)
        search, options = self._session.search_texts(options)
        with progress.task("searching", len(texts), "queries") as task:
            return search.answers(texts, options, task.advance)

    def explain(
        self, text: str, id: str, mode: str = "auto", pairs: int | None = 100, *, lean: int = 0
    ) -> Explanation:
        """Explain the score of a document for a text, whether it is found or not.

        The score is the sum of what the words add: by BM25, and by each linear encoder what a
        word of the text shares with a word of the document.

        Args:
            text: The query, as for `search`.
            id: The document.
            mode: As for `search`.
            pairs: List the parts of so many pairs of words, the strongest; None lists all.
            lean: As for `search`.

        Raises:
            ParameterError: `lean` is not between -2 and 2, or not 0 in the modes "lexical" and
                "latent".
            UnknownDocumentError: There is none of this id.
            QueryError: The text has no words.
        """
        from embedsearch.search.options import SearchOptions

        search, options = self._session.search_texts(SearchOptions(1, mode, lean=lean))
        return search.explain(text, id, options, pairs)

    def judge(self, query: str, id: str, relevant: bool | None = True) -> None:
        """Say whether a document answers a query; `tune` chooses the weights of search by that.

        It is on the disk when this returns.

        Args:
            query: The text of the query; blanks around it do not count.
            id: The document.
            relevant: Whether it does; None forgets what was said of both.

        Raises:
            UnknownDocumentError: There is none of this id.
            WorkspaceReadOnlyError: Opened for reading.
        """
        from embedsearch.workspace.tuning import judge

        self._session.check_writable()
        judge(self._session, query, id, relevant)

    @property
    def judgements(self) -> list[Judgement]:
        """What was judged, in the order in which it was: (query, id, relevant) each."""
        from embedsearch.workspace.preferences import load_preferences

        return list(load_preferences(self._session.layout).judgements)

    def tune(
        self,
        judgements: Mapping[str, Mapping[str, int]] | None = None,
        *,
        queries: str | Path | None = None,
        qrels: str | Path | None = None,
        progress: Progress | None = None,
    ) -> Tuning:
        """Choose how much meaning weighs, and whether there is feedback, by judged queries.

        A few weights are tried. Those are chosen whose mean gain in nDCG@10 over the usual ones is
        most above its standard error, and kept only if queries gain 0.005, and more than 1.5
        standard errors, by weights that were chosen on others (cross-validation in five parts).
        They are stored in the workspace, and hold after another training, too, until `untune`.

        Args:
            judgements: The grades of documents by the text of the query, above 0 for relevant
                ones: {"wings": {"a1": 1, "a7": 0}}. None takes those of `judge`.
            queries: A file of queries instead, as for `evaluate.retrieval`.
            qrels: The file of judgements that goes with it.
            progress: A listener.

        Raises:
            ParameterError: There are fewer than 20 queries with a relevant document.
            WorkspaceReadOnlyError: Opened for reading.
            NotTrainedError: There are no vectors yet.
        """
        from embedsearch.workspace.tuning import tune

        self._session.check_writable()
        return tune(self._session, judgements, queries, qrels, listener_of(progress))

    def untune(self) -> None:
        """Let search go by the usual weights again.

        Raises:
            WorkspaceReadOnlyError: Opened for reading.
        """
        from embedsearch.workspace.tuning import untune

        self._session.check_writable()
        untune(self._session)

    def vector_of(self, text: str) -> FloatVector:
        """Return the (d,) vector of a text as a query: float32, unit length."""
        return self._session.trained().encoder.query(text)

    def add(self, documents: Given | Iterable[Given]) -> Changes:
        """Add documents; one with a known id and other content replaces the old one.

        All are stored and flushed to the disk when this returns; if anything fails, none is.
        Queries find them at once, by the present word vectors.

        Args:
            documents: One or many of: an `es.Document`; a mapping with "text" or "title", "id",
                and metadata, in "metadata" or beside them; a text. Or a table with such columns:
                a frame of pandas or polars, a dataset of Hugging Face. What is missing in a table
                is left out. Without an id a document gets a digest of its content, so that the
                same one is added once.

        Raises:
            InputError: One of them cannot be used; it says which.
        """
        from embedsearch.workspace.inputs import as_documents

        self._session.check_writable()
        return self._session.store.add(as_documents(documents))

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

        Raises:
            InputError: A source cannot be read, or a setting is wrong.
            DuplicateIdError: An id is taken, and `on_conflict` is "error".
        """
        from embedsearch.store.ingestion import ingest
        from embedsearch.text.settings import ReadSettings, extract_settings
        from embedsearch.workspace.sources import Sources

        self._session.check_writable()
        read, rest = extract_settings(ReadSettings, read, settings)
        if rest:
            raise ParameterError("settings", "those of ReadSettings", sorted(rest))
        listener = listener_of(progress)
        reading = Sources(sources, read, listener, stdin)
        self.changes = ingest(self._session.store, reading, read, listener, prune=prune)
        return self.changes

    def delete(
        self,
        ids: Iterable[str] | None = None,
        *,
        where: str | None = None,
        source: str | Path | None = None,
        dry_run: bool = False,
    ) -> int:
        """Delete documents and return how many. Give ids, a condition or a source.

        Args:
            ids: The ids of the documents.
            where: A condition on metadata, as for `search`.
            source: Where the documents come from: a file, a folder for all files in it, "-" for
                standard input, or "corpus:NAME". The file need not exist any more. A document
                that comes from another source, too, stays.
            dry_run: Only count what would be deleted.

        Raises:
            UnknownDocumentError: An id does not exist; then nothing is deleted.
            QueryError: The condition does not parse, or names a field that no document has.
            InputError: No document comes from the source; or none of the three is given, or more
                than one.
        """
        from embedsearch.workspace.documents import delete

        self._session.check_writable()
        return delete(self._session, ids, where, source, dry_run=dry_run)

    def model(self) -> TrainedModel:
        """Return the word vectors with what is needed to continue training them elsewhere.

        `embedsearch.to_gensim` makes a model of gensim of it. The output side of the network was
        rounded to 255 steps in each row when it was stored.
        """
        from embedsearch.workspace.models import TrainedModel
        from embedsearch.workspace.train import trained_model

        generation = self._session.trained()
        model = trained_model(generation)
        return TrainedModel(generation.words, model.context, model.inputs)

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

        An interrupted training continues from its last checkpoint if it is started again with
        the same settings, or with none.

        Args:
            trainer: One of `embedsearch.TRAINERS`.
            tokenizer: How to cut text from now on: settings, or the name of a tokenizer; None
                leaves it as it is.
            progress: A listener.
            callbacks: Called with an `EpochReport` after every epoch; one that returns True
                stops the training.
            update: Continue from the present word vectors, on the documents that were added or
                changed since; new words join the vocabulary, and words that the new
                text does not have keep their vectors. If there are no such documents, nothing is
                trained or published, and the report says so: it has 0 documents.
            **parameters: gensim's, see `TrainingSettings`; None fits one to the corpus. Those
                of `TokenizerSettings` change one way of cutting text, such as `stem="english"`;
                `encoders`, `language`, `spec`, `recall`, `memory` and `for_` are as for `index`,
                `search` as for `embedsearch.build`.

        Raises:
            CorpusTooSmallError: Fewer than two words are frequent enough.
            ParameterError: A parameter is unknown or out of range.
        """
        from embedsearch.workspace.train import TrainingOptions, train

        self._session.check_writable()
        options = TrainingOptions(trainer, tokenizer, callbacks, update, parameters)
        return train(self._session, options, listener_of(progress))

    def replace_all(
        self,
        documents: Given | Iterable[Given],
        *,
        trainer: str = "auto",
        tokenizer: TokenizerSettings | str | None = None,
        progress: Progress | None = None,
        callbacks: Sequence[Callback] = (),
        **parameters: Any,
    ) -> TrainingReport:
        """Replace every document and train on the new ones; see `add` and `train`.

        If reading or training fails, the workspace stays as it was.

        Raises:
            StorageError: The disk failed at the last step, when the documents were replaced; the
                words are still the old ones then.
        """
        from embedsearch.workspace.inputs import as_documents
        from embedsearch.workspace.train import TrainingOptions, refill

        self._session.check_writable()
        options = TrainingOptions(trainer, tokenizer, callbacks, parameters=parameters)
        listener = listener_of(progress)
        return refill(
            self._session, lambda store: store.add(as_documents(documents)), options, listener
        )

    def index(
        self,
        *,
        refit: bool = False,
        encoders: Sequence[str] | None = None,
        language: str | None = None,
        spec: str | None = None,
        recall: float | None = None,
        memory: int | str | None = None,
        for_: str | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Store the vectors of documents changed since; return how many changes that were.

        How documents are found is learned again when their number has doubled, when other
        settings are given, or when that is asked for. The index of words, and that of the
        user's own vectors, are built again when other settings of theirs are given; these are
        kept, and used by later trainings.

        Args:
            refit: Learn again how documents are found.
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
            for_: What "auto" makes fast: "single" queries, one at a time, or a "batch" of many.
                None leaves it as it is.
            progress: A listener.

        Raises:
            ParameterError: There is no such encoder, language or kind of index.
            MissingExtraError: An encoder needs a package that is not installed.
        """
        from embedsearch.workspace import train

        self._session.check_writable()
        asked = {"spec": spec, "recall": recall, "memory": memory, "for_": for_}
        request = train.IndexRequest(refit, encoders, language, asked)
        return train.index(self._session, request, listener_of(progress))

    def import_vectors(
        self,
        source: str | Path | WordVectors | TrainedModel,
        *,
        tokenizer: TokenizerSettings | str | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> None:
        """Replace the word vectors by others that were trained elsewhere.

        The documents are encoded by them. `train(update=True)` continues from them on documents
        that are added later.

        Args:
            source: A file or folder of any format of `embedsearch.VECTOR_FORMATS`, or vectors
                in memory: `embedsearch.from_gensim` makes some of a model of gensim.
            tokenizer: How documents and queries are cut; None folds case, unless the words
                have upper and lower case.
            progress: A listener.
            **options: As for `embedsearch.load_vectors` (`format`, `limit`,
                `encoding_errors`, `allow_pickle`), those of `TokenizerSettings`, and `spec`,
                `recall`, `memory` and `for_` as for `index`.

        Raises:
            SourceError: The file cannot be read; the workspace stays as it was.
            ParameterError: There is no such format.
        """
        from embedsearch.workspace.exchange import import_word_vectors

        self._session.check_writable()
        listener = listener_of(progress)
        import_word_vectors(self._session, source, tokenizer, listener, **options)

    @property
    def vectors(self) -> VectorCollection:
        """The user's own vectors, which `add_vectors` added.

        Raises:
            NotTrainedError: There are none.
        """
        return self._session.vectors()

    @property
    def is_trained(self) -> bool:
        """Whether words were learned or imported."""
        return self._session.generation is not None

    @property
    def goes_by_vectors(self) -> bool:
        """Whether documents are like others by the user's own vectors: there is nothing else."""
        return self._session.stored_vectors is not None and self._session.generation is None

    def add_vectors(
        self,
        X: ArrayLike | str | Path,
        rows: Rows = None,
        *,
        update: bool = False,
        metric: Metric | str | None = None,
        spec: str | None = None,
        recall: float | None = None,
        memory: int | str | None = None,
        for_: str | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Add vectors that were made elsewhere, of images, texts or anything.

        Each belongs to a document, which is added if it does not exist: it may have a title, a
        text and metadata, or nothing but its id. All are added, or, if anything fails, none.
        Returns how many vectors there are now.

        Args:
            X: `(n, d)`: an array, or a file (`.npy`, `.safetensors`); see `VectorIndex.build`.
            rows: What goes with each vector: a file of JSON lines, in which "id" (or "_id"),
                "title" and "text" are the document's, and all else is metadata; or documents or
                ids. None numbers the rows from 0. A row with nothing but its id leaves an existing
                document as it is.
            update: Add to the present vectors; one with the id of another replaces it.
            metric: "cosine" (None), "ip" or "euclidean"; with `update`, as before.
            spec: What kind of index; as `recall` and `memory`, see `index`.
            recall: See `index`.
            memory: See `index`.
            for_: See `index`.
            progress: A listener.

        Raises:
            WorkspaceExistsError: There are vectors, and `update` is off.
            VectorError: The wrong shape or dimension, NaN or infinity.
            InputError: There are more rows than vectors, or fewer, or two have one id.
            SourceError: A file cannot be read.
            ParameterError: A setting is out of its range.
        """
        from embedsearch.workspace.vector_import import VectorRequest, add_vectors

        self._session.check_writable()
        asked = {"spec": spec, "recall": recall, "memory": memory, "for_": for_}
        request = VectorRequest(update, metric, asked)
        add_vectors(self._session, X, rows, request, listener_of(progress))
        return len(self.vectors)

    def export(self, path: str | Path, what: str = "words", **options: Any) -> int:
        """Write vectors to a file that other programs read, and return how many.

        Args:
            path: The file; or the folder, for formats that are one.
            what: "words", or "documents": their vectors, with ids in place of words.
            **options: As for `embedsearch.save_vectors`: `format`, `overwrite`, `progress`.

        Raises:
            ParameterError: There is no such format, or the name of the file does not tell which.
            FileExistsError: The file exists, and `overwrite` is off.
        """
        from embedsearch.workspace.exchange import export_vectors

        return export_vectors(self._session, path, what, **options)

    @property
    def evaluate(self) -> Evaluation:
        """Measures of how good the vectors, the search and the index are."""
        from embedsearch.workspace.evaluate import Evaluation

        return Evaluation(self._session)

    def indexes(self) -> dict[str, dict[str, Any]]:
        """Describe the index of the words and that of the user's own vectors, and why they are so.

        By "words" and "vectors", as far as there are such: `settings` (what was asked), `spec`,
        `vectors`, `dimension`, `parameters`, `recall` (measured; None where it is not known),
        `bytes` (in memory), `reasons`, and `choice`: what "auto" measured, as in
        `VectorIndex.choice`; None if nothing was measured.
        """
        from embedsearch.workspace.info import index_reports

        return index_reports(self._session)

    def info(self) -> Info:
        """Return the facts about this workspace."""
        from embedsearch.workspace.info import workspace_info

        return workspace_info(self._session)

    def backup(
        self, file: str | Path, *, overwrite: bool = False, progress: Progress | None = None
    ) -> BackupReport:
        """Copy the workspace to one file, while other processes may read and write it.

        The file has one state of the documents, and the word vectors and vectors of your own that
        this object has opened. `embedsearch.restore` makes a workspace of it. It is written
        beside its place, flushed and renamed.

        Raises:
            WorkspaceExistsError: The file exists, and `overwrite` is off.
            ParameterError: The file would be in the workspace, or is a folder.
            WorkspaceDamagedError: A file of the workspace is not what was written.
            StorageError: There is too little room, or the disk fails.
        """
        from embedsearch.workspace.maintenance.backup import write_backup

        session = self._session
        return write_backup(
            session.layout,
            session.state,
            session.artifacts,
            checked_path(file, "file"),
            overwrite=overwrite,
            progress=progress,
        )

    def compact(self, *, progress: Progress | None = None) -> CompactReport:
        """Free the space of deletions and changes.

        What changed since is indexed first (see `index`); then the lexical index and the documents
        are written again without what was deleted. Readers may continue meanwhile.

        Raises:
            WorkspaceReadOnlyError: Opened for reading.
            StorageError: There is too little room for the new before the old goes.
        """
        from embedsearch.workspace.maintenance.compact import compact

        self._session.check_writable()
        return compact(self._session, listener_of(progress))

    def verify(self, *, quick: bool = False, progress: Progress | None = None) -> VerifyReport:
        """Compare every part with what was written, and with the others; see `verify`.

        With `quick`, sizes, the pages of the database and the states are, but not contents.
        """
        from embedsearch.workspace.maintenance.verify import verify

        return verify(self.path, quick=quick, held=self._session.writable, progress=progress)

    def __repr__(self) -> str:
        return f"Workspace({str(self.path)!r}, {self._summary()})"

    def _repr_html_(self) -> str:
        facts = self.info().to_json()
        shown = ("path", "documents", "vocabulary", "tokens", "vector_size", "trainer", "tokenizer")
        return html_table(("workspace", ""), ((name, facts[name]) for name in shown))

    def _summary(self) -> str:
        documents = f"{len(self.documents):,} documents"
        if self._session.stored_vectors is not None:
            documents += f", {len(self.vectors):,} vectors × {self.vectors.vector_size}"
        if self.goes_by_vectors:
            return documents
        if self._session.generation is None:
            return f"{documents}, not trained"
        training = self._session.generation.training
        size = training["parameters"]["vector_size"]
        return f"{documents}, {training['vocabulary']:,} words × {size}"
