"""The same training again, with other seeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from embedsearch._errors import CorpusTooSmallError
from embedsearch.training.settings import training_settings
from embedsearch.training.trainers import train_word_vectors
from embedsearch.workspace.imported import IMPORTED
from embedsearch.workspace.layout import Layout
from embedsearch.workspace.tokenized import TokenizedRecord

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.store.documents import DocumentStore
    from embedsearch.vectors.word_vectors import WordVectors
    from embedsearch.workspace.generation import Generation


def trained_with_seeds(
    store: DocumentStore, generation: Generation, seeds: int, progress: Progress
) -> list[WordVectors]:
    """Train on the record with seeds 1, 2, ..., with the settings of a generation.

    Args:
        store: The record.
        generation: Whose settings are used; if its vectors were imported, those of "auto".
        seeds: How many models.
        progress: A listener.

    Raises:
        CorpusTooSmallError: There are no documents to train on.
    """
    if not len(store):
        raise CorpusTooSmallError("there are no documents to train on again")
    trainer, settings = generation.training["trainer"], training_settings()
    if trainer == IMPORTED:
        trainer = "auto"
    else:
        settings = training_settings(**generation.training["parameters"])
    with TemporaryDirectory(prefix="embedsearch-") as name:
        layout, phrases = Layout(Path(name)), generation.phrases
        stream = TokenizedRecord(layout, store, generation.tokenizer, phrases, progress).since(0)
        models = []
        for seed in range(1, seeds + 1):
            folder = layout.root / f"seed-{seed}"
            folder.mkdir()
            model, _ = train_word_vectors(
                stream, trainer, replace(settings, seed=seed), progress, folder=folder
            )
            models.append(model.vectors)
    return models
