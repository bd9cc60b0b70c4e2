"""The steps from the record to a published generation."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.index.flat import FlatIndex
from embedsearch.search.document_vectors import DocumentVectors
from embedsearch.search.encoding import full_text
from embedsearch.text.processing import TextProcessor
from embedsearch.text.stream import TokenStream, write_stream
from embedsearch.text.vocabulary import Vocabulary
from embedsearch.training.fitting import train_word_vectors
from embedsearch.vectors.sif import SifEncoder
from embedsearch.vectors.tensors import save_tensors
from embedsearch.workspace.files import storage_errors
from embedsearch.workspace.generation import Generation, word_tensors
from embedsearch.workspace.publishing import publish, reuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch.store.documents import DocumentStore
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.training.base import TrainingReport
    from embedsearch.training.settings import TrainingSettings
    from embedsearch.vectors.sif import RowBlock
    from embedsearch.vectors.word_vectors import WordVectors
    from embedsearch.workspace.layout import GenerationLayout, Layout


def train_generation(
    layout: Layout,
    store: DocumentStore,
    tokenizer: TokenizerSettings,
    trainer: str,
    settings: TrainingSettings,
    progress: Progress,
) -> tuple[int, TrainingReport]:
    """Tokenize the record, train on it, encode its documents, index both, publish."""
    change = store.change
    with storage_errors(layout.root):
        shutil.rmtree(layout.temporary, ignore_errors=True)
        work = layout.temporary / "stream"
        work.mkdir(parents=True)
        stream = write_stream(work, _tokens(store, TextProcessor(tokenizer), progress))
        vectors, report = train_word_vectors(stream, trainer, settings, progress)
        encoder = SifEncoder(vectors.vectors, _counts(vectors))
        documents = _encode(stream, vectors, encoder, progress)

    def write(files: GenerationLayout) -> dict[str, Any]:
        _write_words(files, vectors)
        save_tensors(files.encoder, encoder.to_tensors(), {})
        _write_documents(files, DocumentVectors(stream.numbers, documents, change))
        return {
            "change": change,
            "trained_change": change,
            "tokenizer": tokenizer.to_json(),
            "training": report.to_json(),
        }

    return publish(layout, write), report


def index_generation(layout: Layout, generation: Generation, vectors: DocumentVectors) -> int:
    """Publish the same word vectors with document vectors that are up to date."""
    old = generation.files

    def write(files: GenerationLayout) -> dict[str, Any]:
        for path in (old.vocabulary, old.words, old.encoder, old.word_index):
            reuse(path, files.root / path.name)
        _write_documents(files, vectors)
        kept = ("trained_change", "tokenizer", "training")
        return {"change": vectors.change, **{name: generation.manifest[name] for name in kept}}

    return publish(layout, write)


def _tokens(
    store: DocumentStore, processor: TextProcessor, progress: Progress
) -> Iterator[tuple[int, list[str]]]:
    with progress.task("tokenizing", len(store), "documents") as task:
        for number, document in store.changed_since(0):
            yield number, processor.process(full_text(document))
            task.advance(1)


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


def _write_words(files: GenerationLayout, vectors: WordVectors) -> None:
    Vocabulary(vectors.index_to_key, _counts(vectors)).save(files.vocabulary)
    save_tensors(files.words, word_tensors(vectors), {})
    FlatIndex.build(vectors.vectors).save(files.word_index)


def _write_documents(files: GenerationLayout, documents: DocumentVectors) -> None:
    tensors: dict[str, NDArray[Any]] = {"numbers": documents.numbers, "vectors": documents.vectors}
    save_tensors(files.documents, tensors, {})
    FlatIndex.build(np.asarray(documents.vectors)).save(files.document_index)
