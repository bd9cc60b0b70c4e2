"""The part of a generation that follows from the documents: their encoder and their vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.index.flat import FlatIndex
from embedsearch.search.document_vectors import DocumentVectors
from embedsearch.vectors.sif import SifEncoder, zipf_counts
from embedsearch.vectors.tensors import save_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector
    from embedsearch.text.stream import TokenStream
    from embedsearch.vectors.sif import RowBlock
    from embedsearch.vectors.word_vectors import WordVectors
    from embedsearch.workspace.layout import GenerationLayout


@dataclass(frozen=True, slots=True, eq=False)
class DocumentPart:
    """What was learned from all documents, and their vectors.

    Attributes:
        encoder: Encodes documents and queries.
        documents: The vectors of all documents of the record.
    """

    encoder: SifEncoder
    documents: DocumentVectors

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {"change": self.documents.change, "fitted_documents": len(self.documents.numbers)}

    def save(self, files: GenerationLayout) -> None:
        """Write the files of this part."""
        save_tensors(files.encoder, self.encoder.to_tensors(), {})
        write_document_vectors(files, self.documents)


def fit_documents(
    stream: TokenStream, vectors: WordVectors, change: int, progress: Progress
) -> DocumentPart:
    """Fit the encoder to the documents, and encode them.

    Args:
        stream: The tokens of all documents.
        vectors: The word vectors. Where their counts are not known, words weigh by how often
            the documents have them; without documents, by Zipf's law.
        change: The change number of the record that the stream has reached.
        progress: A listener.
    """
    index = vectors.key_to_index
    rows = np.fromiter((index.get(t, -1) for t in stream.types), np.int64, len(stream.types))
    encoder = SifEncoder(vectors.vectors, _counts(vectors, rows, stream.counts))

    def blocks() -> Iterator[RowBlock]:
        for places, tokens, bounds in stream.blocks():
            yield rows[tokens], bounds
            task.advance(places.stop - places.start)

    with progress.task("encoding documents", len(stream), "documents") as task:
        encoded = encoder.fit_transform(blocks())
    return DocumentPart(encoder, DocumentVectors(stream.numbers, encoded, change))


def write_document_vectors(files: GenerationLayout, documents: DocumentVectors) -> None:
    """Write the vectors of documents, and their index."""
    tensors: dict[str, NDArray[Any]] = {"numbers": documents.numbers, "vectors": documents.vectors}
    save_tensors(files.documents, tensors, {})
    FlatIndex.build(np.asarray(documents.vectors)).save(files.document_index)


def _counts(vectors: WordVectors, rows: IntVector, occurrences: IntVector) -> IntVector:
    if vectors.counts is not None:
        return vectors.counts
    known = rows >= 0
    if not known.any():
        return zipf_counts(len(vectors))
    counts = np.zeros(len(vectors), np.int64)
    np.add.at(counts, rows[known], occurrences[known])
    return counts
