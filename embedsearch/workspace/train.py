"""Training and indexing: what is asked for, and the steps to a published generation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import CorpusTooSmallError, InputError, ParameterError, StorageError
from embedsearch._io import bytes_of, check_space
from embedsearch.index.settings import IndexSettings, changed_index, index_options
from embedsearch.search.drift import expected_share
from embedsearch.search.latent_space import full_text
from embedsearch.search.options import SearchSettings, changed_search
from embedsearch.text.languages import settle_elision
from embedsearch.text.lexicon import LEAST_TEXT, learn_lexicon, unspaced_tokens
from embedsearch.text.phrases import PhraseTable, with_phrases
from embedsearch.text.settings import FOLDING, TokenizerSettings, apply_options
from embedsearch.text.stream import Vocabulary
from embedsearch.text.stream_writer import write_texts
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.training import sides
from embedsearch.training.base import Hooks, TrainedModel, TrainingReport
from embedsearch.training.checkpoint import read_state
from embedsearch.training.settings import TrainingSettings, training_settings
from embedsearch.training.trainers import check_trainer, train_word_vectors
from embedsearch.vectors.encoders import check_available, check_encoder
from embedsearch.vectors.tensors import save_tensors
from embedsearch.workspace.fitted_search import (
    FitSettings,
    FittedSearch,
    fit_search,
    write_document_vectors,
)
from embedsearch.workspace.generation import Generation, word_tensors
from embedsearch.workspace.indexing import build_index
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.lexical_sync import language_of
from embedsearch.workspace.publishing import publish, reuse, temporary_folder, temporary_work
from embedsearch.workspace.state import State
from embedsearch.workspace.vector_import import index_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from embedsearch._progress import Progress
    from embedsearch.search.document_index import DocumentVectors
    from embedsearch.store.documents import DocumentStore
    from embedsearch.text.stream import TokenStream
    from embedsearch.training.base import Callback
    from embedsearch.vectors.word_vectors import WordVectors
    from embedsearch.workspace.layout import GenerationLayout
    from embedsearch.workspace.session import Session

# When there are so many times as many documents, search is fitted again: idf and clusters of the
# old ones would describe less than half of them.
_GROWN = 2


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What the user gave to `Workspace.train`, unchecked."""

    trainer: str = "auto"
    tokenizer: TokenizerSettings | str | None = None
    callbacks: Sequence[Callback] = ()
    update: bool = False
    # Settings of training, tokenizing, search and index by their names.
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """A training that can be done: settings that were checked, and complete each other."""

    tokenizer: TokenizerSettings
    trainer: str
    # Those that are None are fitted to the corpus.
    settings: TrainingSettings
    callbacks: Sequence[Callback] = ()
    update: bool = False
    search: SearchSettings = field(default_factory=SearchSettings)
    index: IndexSettings = field(default_factory=IndexSettings)

    def facts(self, change: int) -> dict[str, Any]:
        """Return what must be the same for a checkpoint to fit."""
        # Another number of threads changes the speed, not what is trained.
        settings = {**self.settings.to_json(), "workers": None}
        facts = {"trainer": self.trainer, "settings": settings, "update": self.update}
        return {**facts, "tokenizer": self.tokenizer.to_json(), "change": change}


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """What the user gave to `Workspace.index`; `index` has its settings."""

    refit: bool = False
    encoders: Sequence[str] | None = None
    language: str | None = None
    index: Mapping[str, Any] = field(default_factory=dict)


def check_options(trainer: str, tokenizer: TokenizerSettings, options: Mapping[str, Any]) -> None:
    """Raise `ParameterError` for what a training would refuse, before anything is read."""
    search, rest = _search_options(options, SearchSettings())
    _, rest = index_options(rest, IndexSettings())
    check_search(search, tokenizer)
    check_trainer(trainer)
    training_settings(**rest)


def check_search(settings: SearchSettings, tokenizer: TokenizerSettings) -> None:
    """Raise `ParameterError` for an encoder or a language that is not known; load nothing."""
    from embedsearch.index.lexical import LexicalAnalyzer

    for spec in settings.encoders:
        check_encoder(spec)
    if len(set(settings.encoders)) < len(settings.encoders):
        raise ParameterError("encoders", "different ones", list(settings.encoders))
    if settings.language != "auto":
        LexicalAnalyzer.for_language(settings.language, tokenizer)


def training_request(session: Session, options: TrainingOptions) -> TrainingRequest:
    """Check and complete what the user gave; if that was nothing, go on as last interrupted."""
    updated = session.trained() if options.update else None
    before = session.state.tokenizer
    if updated is not None and before.elision == "auto":
        before = replace(before, elision=updated.tokenizer.elision)
    if updated is None:
        # Only an update continues from words that an older folding made.
        before = replace(before, folding=FOLDING)
    tokenizer, rest = apply_options(options.tokenizer or before, options.parameters, before)
    current = session.generation
    search, rest = _search_options(
        rest, SearchSettings() if current is None else current.search_settings
    )
    index, rest = index_options(
        rest, IndexSettings() if current is None else current.index_settings
    )
    check_search(search, tokenizer)
    given = {name: value for name, value in rest.items() if value is not None}
    asked: dict[str, Any] = {"callbacks": options.callbacks, "search": search, "index": index}
    if updated is None and options.trainer == "auto" and not given:
        interrupted = _interrupted(session.layout, session.store.change)
        if interrupted is not None and interrupted.tokenizer == tokenizer:
            return replace(interrupted, **asked)
    trainer = options.trainer
    if updated is not None:
        trainer = _trainer_of_update(updated, trainer, tokenizer)
        given = {"vector_size": updated.vectors.vector_size, **given}
    settings = training_settings(**given)
    index.check(settings.vector_size)
    check_trainer(trainer)
    return TrainingRequest(
        tokenizer=tokenizer,
        trainer=trainer,
        settings=settings,
        update=options.update,
        **asked,
    )


def _search_options(
    options: Mapping[str, Any], before: SearchSettings
) -> tuple[SearchSettings, dict[str, Any]]:
    """Complete the settings of search by options; return them and the other options."""
    rest = dict(options)
    given = {name: rest.pop(name, None) for name in ("encoders", "language", "search")}
    return changed_search(before, **given), rest


def _trainer_of_update(updated: Generation, trainer: str, tokenizer: TokenizerSettings) -> str:
    if tokenizer != updated.tokenizer:
        raise ParameterError("tokenizer", "as before in an update", tokenizer.describe())
    if trainer != "auto":
        return trainer
    return "word2vec" if updated.imported else str(updated.training["trainer"])


def _interrupted(layout: Layout, change: int) -> TrainingRequest | None:
    """Return what an interrupted training was asked for, if its checkpoint still fits."""
    if not layout.checkpoint.exists():
        return None
    try:
        facts = read_state(layout.checkpoint)["facts"]
        check_trainer(facts["trainer"])
        request = TrainingRequest(
            tokenizer=TokenizerSettings.from_json(facts["tokenizer"]),
            trainer=facts["trainer"],
            settings=training_settings(**facts["settings"]),
            update=facts["update"],
        )
    except (InputError, KeyError, ValueError, TypeError):
        return None
    return request if facts["change"] == change and not request.update else None


@dataclass(frozen=True, slots=True, eq=False)
class GenerationContent:
    """All that a new generation is made of; `facts` are what else the manifest says."""

    model: TrainedModel
    phrases: PhraseTable
    search: FittedSearch
    facts: Mapping[str, Any]

    def publish(self, layout: Layout, index: IndexSettings, progress: Progress) -> int:
        """Publish the generation; the caller names it in `workspace.json`."""

        def write(files: GenerationLayout) -> dict[str, Any]:
            indexed = write_words(files, self.model, index, progress)
            self.phrases.save(files.phrases)
            self.search.save(files)
            return {**self.search.facts, "word_index": indexed, **self.facts}

        return publish(layout, write)


# Below this part of a text, names in another script are no reason for a message.
_FEW_UNSPACED = 20


class TokenizedDocuments:
    """Tokenizes documents; phrases and a lexicon are found once, and used in all later streams.

    Those that are given are of an earlier training, to be used again.
    """

    def __init__(
        self,
        layout: Layout,
        store: DocumentStore,
        settings: TokenizerSettings,
        phrases: PhraseTable | None,
        progress: Progress,
    ) -> None:
        self._layout, self._store, self._progress = layout, store, progress
        self._settings, self._known = settings, phrases
        self.phrases = PhraseTable() if phrases is None else phrases

    def since(self, change: int) -> TokenStream:
        """Tokenize the documents that were added or changed after a change number."""
        folder = temporary_folder(self._layout, f"stream-{change}")
        stream = self._write(folder, change)
        if self._known is None:
            unspaced = unspaced_tokens(stream) if self._settings.finds_words else 0
            if 0 < unspaced < LEAST_TEXT and unspaced > stream.total // _FEW_UNSPACED:
                self._progress.note(
                    "words of scripts without spaces are pairs of characters here, as the text "
                    f"has fewer than {LEAST_TEXT:,} such characters"
                )
            if unspaced >= LEAST_TEXT:
                with self._progress.task("finding words", None, "steps"):
                    texts = (full_text(each) for _, each in self._store.changed_since(change))
                    self.phrases = PhraseTable((), learn_lexicon(texts))
                folder = temporary_folder(self._layout, f"words-{change}")
                stream = self._write(folder, change)
            if (wanted := self._settings.phrase_settings) is not None:
                stream, found = with_phrases(stream, wanted, folder, self._progress)
                self.phrases = PhraseTable(found.passes, self.phrases.lexicon)
            self._known = self.phrases
        return stream

    def _write(self, folder: Path, change: int) -> TokenStream:
        processor = TextProcessor(self._settings, self.phrases)
        return write_texts(folder, self._texts(change), processor, self._progress)

    def _texts(self, change: int) -> Iterator[tuple[int, str]]:
        total = self._store.count_since(change)
        with self._progress.task("tokenizing", total, "documents") as task:
            for number, document in self._store.changed_since(change):
                yield number, full_text(document)
                task.advance(1)


def train(session: Session, options: TrainingOptions, progress: Progress) -> TrainingReport:
    """Train on all documents and make the result the current generation."""
    request = training_request(session, options)
    if options.update and not session.store.numbers_since(session.trained().trained_change):
        return _untouched(session.trained())
    number, report = _train_generation(session, request, progress)
    # An update goes on with the elision that was found, and leaves "auto" to later trainings.
    tokenizer = session.state.tokenizer if options.update else request.tokenizer
    session.commit(replace(session.state, tokenizer=tokenizer, generation=number), progress)
    return report


def _untouched(generation: Generation) -> TrainingReport:
    """Return the report of an update that found nothing new."""
    trainer, parameters, vocabulary = (
        generation.training[name] for name in ("trainer", "parameters", "vocabulary")
    )
    why = "no document is new or changed since the last training"
    return TrainingReport(trainer, parameters, 0, 0, vocabulary, 0.0, 0.0, why)


def refill(
    session: Session,
    fill: Callable[[DocumentStore], object],
    options: TrainingOptions,
    progress: Progress,
) -> TrainingReport:
    """Replace every document by what `fill` adds to the store, and train on these."""
    with session.store.transaction():
        session.store.clear()
        fill(session.store)
        request = training_request(session, options)
        number, report = _train_generation(session, request, progress)
    state = State(request.tokenizer, number)
    try:
        session.write_state(state)
    except StorageError as error:
        # No two files change at once, and the documents come first.
        reason = (
            f"the documents were replaced, but not the words learned from them "
            f"({error.reason}); run `embedsearch train`"
        )
        raise StorageError(session.path, reason) from error
    session.switch_to(state)
    return report


def index(session: Session, request: IndexRequest, progress: Progress) -> int:
    """Store the vectors of documents that changed; see `Workspace.index`."""
    if session.generation is None and session.stored_vectors is not None:
        return index_vectors(session, request.index, progress)
    behind, number = _reindex(session, session.trained(), request, progress)
    if number is not None:
        session.commit(replace(session.state, generation=number), progress)
    index_vectors(session, request.index, progress)
    return behind


def trained_model(generation: Generation) -> TrainedModel:
    """Return the word vectors with what is needed to go on training them."""
    with generation.training_tensors() as tensors:
        return sides.from_tensors(generation.vectors, tensors)


def _train_generation(
    session: Session, request: TrainingRequest, progress: Progress
) -> tuple[int, TrainingReport]:
    """Tokenize the documents, train on them, encode and index them, publish."""
    layout, store, previous = session.layout, session.store, session.generation
    change = store.change
    # As it was asked for, which is what the next call is compared with: the same documents have the
    # same language.
    asked = request.facts(change)
    language = language_of(store, request.search.language)
    tokenizer = settle_elision(request.tokenizer, (), language)
    request = replace(request, tokenizer=tokenizer)
    # An encoder that cannot be loaded is an error now, not after an hour of training.
    fit = FitSettings.load(request.tokenizer, request.search, language)
    start = previous if request.update else None
    with temporary_work(layout):
        _check_room(layout, previous)
        phrases = start.phrases if start else None
        documents = TokenizedDocuments(layout, store, request.tokenizer, phrases, progress)
        since = start.trained_change if start else 0
        stream = documents.since(since)
        hooks = Hooks(
            callbacks=request.callbacks,
            start=trained_model(start) if start else None,
            checkpoint=layout.checkpoint,
            facts=asked,
        )
        model, report = train_word_vectors(
            stream,
            request.trainer,
            request.settings,
            progress,
            folder=layout.temporary,
            hooks=hooks,
        )
        # An update trains on what is new, but search is fitted to all documents.
        everything = documents.since(0) if since else stream
        search = fit_search(everything, store, model.vectors, fit, progress)
    # The words know all that they were ever trained on, not only what an update has added.
    total = replace(report, documents=len(everything), tokens=everything.total)
    facts = {
        "trained_change": change,
        "tokenizer": request.tokenizer.to_json(),
        "training": total.to_json(),
        "expected_share": _share_to_expect(everything, model.vectors, report),
    }
    content = GenerationContent(model, documents.phrases, search, facts)
    return content.publish(layout, request.index, progress), report


def _check_room(layout: Layout, previous: Generation | None) -> None:
    """Raise `StorageError` unless there is room to learn from the documents again."""
    # Tokens take about a quarter of what texts do. What is learned is likely to be as large as what
    # was learned before; the first time, nobody knows.
    before = 0 if previous is None else bytes_of([previous.folder])
    needed = layout.documents_bytes // 4 + before
    check_space(layout.root, needed, layout.root, "what is learned")


def _share_to_expect(stream: TokenStream, vectors: WordVectors, report: TrainingReport) -> float:
    """Return the share of words without a vector in new text like that of a training."""
    expected = expected_share(stream.counts, int(report.parameters["min_count"] or 1))
    # A vocabulary may be limited in other ways, or be that of an earlier training.
    return max(expected, unknown_share(stream, vectors) or 0.0)


def unknown_share(stream: TokenStream, vectors: WordVectors) -> float | None:
    """Return the share of words without a vector in documents; None if there are no words."""
    if not stream.total:
        return None
    known = vectors.key_to_index
    counts = zip(stream.types, stream.counts.tolist(), strict=True)
    return 1 - sum(int(count) for word, count in counts if word in known) / stream.total


def _reindex(
    session: Session, generation: Generation, request: IndexRequest, progress: Progress
) -> tuple[int, int | None]:
    """Publish a generation as requested; return how far it was behind, and the new number."""
    layout, store = session.layout, session.store
    behind = store.count_since(generation.change)
    wanted = changed_index(generation.index_settings, **request.index)
    settings = changed_search(
        generation.search_settings, request.encoders, request.language, search=True
    )
    grown = len(store) > _GROWN * generation.fitted_documents
    number = None
    if request.refit or grown or settings != generation.search_settings:
        number = refit_generation(layout, store, generation, settings, wanted, progress)
    elif behind or wanted != generation.index_settings:
        vectors = _encode_changes(session, generation, behind, progress) if behind else None
        number = _index_generation(layout, generation, vectors, wanted, progress)
    return behind, number


def _encode_changes(
    session: Session, generation: Generation, behind: int, progress: Progress
) -> DocumentVectors:
    check_available(generation.search_model.space.external)
    with progress.task("encoding documents", behind, "documents") as task:
        vectors = session.search().current()
        task.advance(behind)
    return vectors


def _index_generation(
    layout: Layout,
    generation: Generation,
    vectors: DocumentVectors | None,
    index: IndexSettings,
    progress: Progress,
) -> int:
    """Publish the same word vectors with other document vectors; None leaves these, too."""
    facts = {
        "change": generation.change if vectors is None else vectors.change,
        "fitted_documents": generation.fitted_documents,
        "search": generation.manifest["search"],
    }
    if vectors is not None:
        growth = len(vectors) / max(generation.fitted_documents, 1)
        needed = int(bytes_of(generation.files.of_the_documents) * max(growth, 1))
        check_space(layout.root, needed, layout.root, "the index")

    def write(files: GenerationLayout) -> None:
        if vectors is not None:
            write_document_vectors(files, vectors, generation.search_model.space.ranks)
            return
        for path in generation.files.of_the_documents:
            if path.exists():
                reuse(path, files.root / path.name)

    return _republish(layout, generation, facts, write, index, progress)


def refit_generation(
    layout: Layout,
    store: DocumentStore,
    generation: Generation,
    settings: SearchSettings,
    index: IndexSettings,
    progress: Progress,
) -> int:
    """Publish the same word vectors with search fitted to all documents again."""
    tokenizer, phrases = generation.tokenizer, generation.phrases
    check_search(settings, tokenizer)
    fit = FitSettings.load(tokenizer, settings, learned=not generation.imported)
    with temporary_work(layout):
        _check_room(layout, None)
        stream = TokenizedDocuments(layout, store, tokenizer, phrases, progress).since(0)
        search = fit_search(stream, store, generation.vectors, fit, progress)
    return _republish(layout, generation, search.facts, search.save, index, progress)


def _republish(
    layout: Layout,
    generation: Generation,
    facts: dict[str, Any],
    write_rest: Callable[[GenerationLayout], None],
    index: IndexSettings,
    progress: Progress,
) -> int:
    def write(files: GenerationLayout) -> dict[str, Any]:
        write_rest(files)
        names = {"trained_change", "tokenizer", "training", "expected_share", "word_index"}
        same = {name: value for name, value in generation.manifest.items() if name in names}
        if index != generation.index_settings:
            X = generation.vectors.vectors
            same["word_index"] = build_index(X, index, files.word_index, progress)
        # Linked, not copied: words of gigabytes cost nothing more.
        for path in generation.files.of_the_model:
            new = files.root / path.name
            if not new.exists():
                reuse(path, new)
        return {**facts, **same}

    return publish(layout, write)


def write_words(
    files: GenerationLayout, model: TrainedModel, index: IndexSettings, progress: Progress
) -> dict[str, Any]:
    """Write word vectors, what a training continues from, and the index; return its facts."""
    vectors = model.vectors
    counts = np.zeros(len(vectors), np.int64) if vectors.counts is None else vectors.counts
    Vocabulary(vectors.index_to_key, counts).save(files.vocabulary)
    save_tensors(files.words, word_tensors(vectors), {})
    save_tensors(files.training, sides.to_tensors(model), {})
    return build_index(vectors.vectors, index, files.word_index, progress)


def train_with_seeds(
    store: DocumentStore, generation: Generation, seeds: int, progress: Progress
) -> list[WordVectors]:
    """Train on the documents with seeds 1, 2, ..., with the settings of a generation."""
    if not len(store):
        raise CorpusTooSmallError("there are no documents to train on again")
    trainer, settings = "auto", training_settings()
    if not generation.imported:
        trainer = generation.training["trainer"]
        settings = training_settings(**generation.training["parameters"])
    # Outside of the workspace, which may be open for reading only.
    with TemporaryDirectory(prefix="embedsearch-") as name:
        layout, phrases = Layout(Path(name)), generation.phrases
        documents = TokenizedDocuments(layout, store, generation.tokenizer, phrases, progress)
        stream = documents.since(0)
        models = []
        for seed in range(1, seeds + 1):
            folder = layout.root / f"seed-{seed}"
            folder.mkdir()
            model, _ = train_word_vectors(
                stream, trainer, replace(settings, seed=seed), progress, folder=folder
            )
            models.append(model.vectors)
    return models
