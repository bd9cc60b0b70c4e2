"""The steps from the record to a published generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._io import storage_errors
from embedsearch._progress import SilentProgress
from embedsearch.text.phrases import PhraseTable
from embedsearch.text.vocabulary import Vocabulary
from embedsearch.training.base import Hooks
from embedsearch.training.trainers import train_word_vectors
from embedsearch.vectors.tensors import save_tensors
from embedsearch.workspace.document_part import (
    fit_documents,
    write_document_vectors,
)
from embedsearch.workspace.drifting import share_to_expect, unknown_share
from embedsearch.workspace.generation import Generation, word_tensors
from embedsearch.workspace.imported import IMPORTED
from embedsearch.workspace.indexing import measured_recall, save_index
from embedsearch.workspace.plugged import check_search, load_encoders
from embedsearch.workspace.publishing import clear_temporary, publish, reuse, undone_on_failure
from embedsearch.workspace.space import check_room_to_index, check_room_to_learn
from embedsearch.workspace.tokenized import TokenizedRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.index.settings import IndexSettings
    from embedsearch.search.document_index import DocumentVectors
    from embedsearch.search.options import SearchSettings
    from embedsearch.store.documents import DocumentStore
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.training.base import TrainedModel, TrainingReport
    from embedsearch.workspace.imported import ImportedVectors
    from embedsearch.workspace.layout import GenerationLayout, Layout
    from embedsearch.workspace.requests import TrainingRequest


def train_generation(
    layout: Layout,
    store: DocumentStore,
    request: TrainingRequest,
    previous: Generation | None,
    progress: Progress,
) -> tuple[int, TrainingReport]:
    """Tokenize the record, train on it, encode its documents, index both, publish.

    Args:
        layout: The workspace, whose lock is held.
        store: The record.
        request: What is asked.
        previous: What an update goes on from.
        progress: A listener.
    """
    # What cannot be loaded is to be told before the training, not after it.
    plugged = load_encoders(request.search)
    change = store.change
    start = previous if request.update else None
    with storage_errors(layout.root), undone_on_failure(layout):
        clear_temporary(layout)
        check_room_to_learn(layout, None if previous is None else previous.number)
        phrases = start.phrases if start else None
        corpus = TokenizedRecord(layout, store, request.tokenizer, phrases, progress)
        since = start.trained_change if start else 0
        stream = corpus.since(since)
        hooks = Hooks(
            callbacks=request.callbacks,
            start=start.model if start else None,
            checkpoint=layout.checkpoint,
            facts=request.facts(change),
        )
        folder = layout.temporary
        model, report = train_word_vectors(
            stream, request.trainer, request.settings, progress, folder=folder, hooks=hooks
        )
        everything = corpus.since(0) if since else stream
        part = fit_documents(
            everything,
            store,
            model.vectors,
            request.tokenizer,
            request.search,
            progress,
            learned=True,
            plugged=plugged,
        )

    def write(files: GenerationLayout) -> dict[str, Any]:
        indexed = write_words(files, model, request.index, progress)
        corpus.phrases.save(files.phrases)
        part.save(files)
        return {
            **part.facts,
            "word_index": indexed,
            "trained_change": change,
            "tokenizer": request.tokenizer.to_json(),
            "training": report.to_json(),
            "expected_share": share_to_expect(everything, model.vectors, report),
        }

    return publish(layout, write), report


def index_generation(
    layout: Layout,
    generation: Generation,
    vectors: DocumentVectors | None,
    index: IndexSettings,
    progress: Progress,
) -> int:
    """Publish the same word vectors with document vectors that are up to date.

    Args:
        layout: The workspace, whose lock is held.
        generation: What is published again.
        vectors: The document vectors; None leaves them as they are.
        index: What kind of index the words are to have.
        progress: A listener.
    """
    facts = {
        "change": generation.change if vectors is None else vectors.change,
        "fitted_documents": generation.fitted_documents,
        "search": generation.manifest["search"],
    }

    if vectors is not None:
        growth = len(vectors) / max(generation.fitted_documents, 1)
        check_room_to_index(layout, generation.number, growth)

    def write(files: GenerationLayout) -> None:
        if vectors is not None:
            write_document_vectors(files, vectors)
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
    """Publish the same word vectors with search fitted anew to all documents."""
    check_search(settings, generation.tokenizer)
    plugged = load_encoders(settings)
    with storage_errors(layout.root), undone_on_failure(layout):
        clear_temporary(layout)
        check_room_to_learn(layout, None)
        tokenizer, phrases = generation.tokenizer, generation.phrases
        stream = TokenizedRecord(layout, store, tokenizer, phrases, progress).since(0)
        learned = generation.training["trainer"] != IMPORTED
        part = fit_documents(
            stream,
            store,
            generation.vectors,
            tokenizer,
            settings,
            progress,
            learned=learned,
            plugged=plugged,
        )
    return _republish(layout, generation, part.facts, part.save, index, progress)


def import_generation(
    layout: Layout,
    store: DocumentStore,
    imported: ImportedVectors,
    tokenizer: TokenizerSettings,
    search: SearchSettings,
    index: IndexSettings,
    progress: Progress,
) -> int:
    """Publish word vectors that were trained elsewhere, with the documents encoded by them."""
    plugged = load_encoders(search)
    # There is nothing to tell of no documents.
    listener = progress if len(store) else SilentProgress()
    with storage_errors(layout.root), undone_on_failure(layout):
        corpus = TokenizedRecord(layout, store, tokenizer, PhraseTable(), listener)
        stream = corpus.since(0)
        vectors = imported.model.vectors
        part = fit_documents(
            stream, store, vectors, tokenizer, search, listener, learned=False, plugged=plugged
        )

    def write(files: GenerationLayout) -> dict[str, Any]:
        indexed = write_words(files, imported.model, index, progress)
        PhraseTable().save(files.phrases)
        part.save(files)
        return {
            **part.facts,
            "word_index": indexed,
            "trained_change": store.change,
            "tokenizer": tokenizer.to_json(),
            "training": imported.report(len(stream)).to_json(),
            "expected_share": unknown_share(stream, vectors),
        }

    return publish(layout, write)


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
        kept = {"trained_change", "tokenizer", "training", "expected_share", "word_index"}
        same = {name: value for name, value in generation.manifest.items() if name in kept}
        if index != generation.index_settings:
            X = generation.vectors.vectors
            same["word_index"] = _write_index(files, X, index, progress)
        for path in generation.files.of_the_model:
            new = files.root / path.name
            if not new.exists():
                reuse(path, new)
        return {**facts, **same}

    return publish(layout, write)


def write_words(
    files: GenerationLayout, model: TrainedModel, index: IndexSettings, progress: Progress
) -> dict[str, Any]:
    """Write word vectors, their index, and what a training goes on from.

    Returns:
        What the manifest says of the index.
    """
    vectors = model.vectors
    counts = np.zeros(len(vectors), np.int64) if vectors.counts is None else vectors.counts
    Vocabulary(vectors.index_to_key, counts).save(files.vocabulary)
    save_tensors(files.words, word_tensors(vectors), {})
    sides = {"context": model.context, "inputs": model.inputs}
    save_tensors(files.training, {k: v for k, v in sides.items() if v is not None}, {})
    return _write_index(files, vectors.vectors, index, progress)


def _write_index(
    files: GenerationLayout, X: FloatMatrix, settings: IndexSettings, progress: Progress
) -> dict[str, Any]:
    index = settings.build(X, progress)
    recall = measured_recall(index, X) if index.recall is None else index.recall
    return save_index(index, settings, files.word_index, recall)
