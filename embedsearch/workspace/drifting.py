"""How far the words of the record have moved since the word vectors were trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch.search.drift import Drift, expected_share, vocabulary_drift
from embedsearch.search.latent_space import full_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.store.documents import DocumentStore
    from embedsearch.text.stream import TokenStream
    from embedsearch.training.base import TrainingReport
    from embedsearch.vectors.word_vectors import WordVectors
    from embedsearch.workspace.generation import Generation

MOST_READ = 2_000
"""Of more documents, every second, third and so on is read: that is exact to about a tenth of a
point, and takes less than a second."""


def drift_since(store: DocumentStore, generation: Generation) -> Drift | None:
    """Compare the documents added or changed since the training with its vocabulary.

    Returns:
        What was found; None where the training did not leave what is to be expected.
    """
    expected = generation.manifest.get("expected_share")
    if expected is None:
        return None
    numbers = store.numbers_since(generation.trained_change)
    step = -(-len(numbers) // MOST_READ) or 1
    least = int(generation.training["parameters"].get("min_count") or 1)
    known = generation.vectors.key_to_index
    tokens = _tokens(store, generation, numbers[::step])
    return vocabulary_drift(tokens, known, float(expected), min_count=least)


def share_to_expect(stream: TokenStream, vectors: WordVectors, report: TrainingReport) -> float:
    """Return the share of words without a vector in new text like that of a training.

    Args:
        stream: All documents, as they were cut for the training.
        vectors: What was trained.
        report: Tells the `min_count`.
    """
    told = expected_share(stream.counts, int(report.parameters["min_count"] or 1))
    # A vocabulary may be limited in other ways, or be that of an earlier training.
    return max(told, unknown_share(stream, vectors) or 0.0)


def unknown_share(stream: TokenStream, vectors: WordVectors) -> float | None:
    """Return the share of words without a vector in documents; None where there are no words."""
    if not stream.total:
        return None
    known = vectors.key_to_index
    seen = zip(stream.types, stream.counts.tolist(), strict=True)
    return 1 - sum(int(count) for word, count in seen if word in known) / stream.total


def _tokens(
    store: DocumentStore, generation: Generation, numbers: list[int]
) -> Iterator[list[str]]:
    for start in range(0, len(numbers), 100):
        found = store.by_number(numbers[start : start + 100])
        for document in found.values():
            yield generation.processor.process(full_text(document))
