"""The steps from the record to a published generation."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.index.flat import FlatIndex
from embedsearch.search.document_vectors import DocumentVectors
from embedsearch.text.vocabulary import Vocabulary
from embedsearch.training.base import Hooks
from embedsearch.training.fitting import train_word_vectors
from embedsearch.vectors.sif import SifEncoder
from embedsearch.vectors.tensors import save_tensors
from embedsearch.workspace.files import storage_errors
from embedsearch.workspace.generation import Generation, word_tensors
from embedsearch.workspace.publishing import publish, reuse
from embedsearch.workspace.tokenized import TokenizedRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch.store.documents import DocumentStore
    from embedsearch.text.stream import TokenStream
    from embedsearch.training.base import TrainedModel, TrainingReport
    from embedsearch.vectors.sif import RowBlock
    from embedsearch.vectors.word_vectors import WordVectors
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
    change = store.change
    start = previous if request.update else None
    with storage_errors(layout.root):
        shutil.rmtree(layout.temporary, ignore_errors=True)
        phrases = start.phrases if start else None
        corpus = TokenizedRecord(layout, store, request.tokenizer, phrases, progress)
        stream = corpus.since(start.trained_change if start else 0)
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
        everything = corpus.since(0) if start else stream
        encoder = SifEncoder(model.vectors.vectors, _counts(model.vectors))
        documents = _encode(everything, model.vectors, encoder, progress)

    def write(files: GenerationLayout) -> dict[str, Any]:
        _write_words(files, model)
        corpus.phrases.save(files.phrases)
        save_tensors(files.encoder, encoder.to_tensors(), {})
        _write_documents(files, DocumentVectors(everything.numbers, documents, change))
        return {
            "change": change,
            "trained_change": change,
            "tokenizer": request.tokenizer.to_json(),
            "training": report.to_json(),
        }

    return publish(layout, write), report


def index_generation(layout: Layout, generation: Generation, vectors: DocumentVectors) -> int:
    """Publish the same word vectors with document vectors that are up to date."""
    old = generation.files

    def write(files: GenerationLayout) -> dict[str, Any]:
        for path in old.of_the_model:
            reuse(path, files.root / path.name)
        _write_documents(files, vectors)
        kept = ("trained_change", "tokenizer", "training")
        return {"change": vectors.change, **{name: generation.manifest[name] for name in kept}}

    return publish(layout, write)


def _encode(
    stream: TokenStream, vectors: WordVectors, encoder: SifEncoder, progress: Progress
) -> Any:
    index = vectors.key_to_index
    rows = np.fromiter((index.get(t, -1) for t in stream.types), np.int64, len(stream.types))

    def blocks() -> Iterator[RowBlock]:
        for places, tokens, bounds in stream.blocks():
            yield rows[tokens], bounds
            task.advance(places.stop - places.start)

    with progress.task("encoding documents", len(stream), "documents") as task:
        return encoder.fit_transform(blocks())


def _counts(vectors: WordVectors) -> Any:
    return np.ones(len(vectors)) if vectors.counts is None else vectors.counts


def _write_words(files: GenerationLayout, model: TrainedModel) -> None:
    vectors = model.vectors
    Vocabulary(vectors.index_to_key, _counts(vectors)).save(files.vocabulary)
    save_tensors(files.words, word_tensors(vectors), {})
    FlatIndex.build(vectors.vectors).save(files.word_index)
    sides = {"context": model.context, "inputs": model.inputs}
    save_tensors(files.training, {k: v for k, v in sides.items() if v is not None}, {})


def _write_documents(files: GenerationLayout, documents: DocumentVectors) -> None:
    tensors: dict[str, NDArray[Any]] = {"numbers": documents.numbers, "vectors": documents.vectors}
    save_tensors(files.documents, tensors, {})
    FlatIndex.build(np.asarray(documents.vectors)).save(files.document_index)
