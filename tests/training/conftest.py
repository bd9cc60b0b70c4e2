from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedsearch._progress import SilentProgress
from embedsearch.text.corpora import PlantedCorpus
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.stream import TokenStream
from embedsearch.text.stream_writer import write_stream
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.training.base import Hooks, TrainedModel, TrainingReport
from embedsearch.training.settings import training_settings
from embedsearch.training.trainers import train_word_vectors

Train = Callable[..., tuple[TrainedModel, TrainingReport]]


@pytest.fixture(scope="session")
def stream(tmp_path_factory: pytest.TempPathFactory) -> TokenStream:
    """The planted corpus as a stream: 200,000 tokens whose relations are known."""
    process = TextProcessor(TokenizerSettings()).process
    texts = ((number, process(d.text)) for number, d in enumerate(PlantedCorpus()))
    return write_stream(tmp_path_factory.mktemp("stream"), texts)


@pytest.fixture
def train(stream: TokenStream, tmp_path: Path) -> Train:
    """Train on the planted corpus; keywords are settings."""

    def train(
        trainer: str = "word2vec",
        hooks: Hooks | None = None,
        progress: SilentProgress | None = None,
        **settings: Any,
    ) -> tuple[TrainedModel, TrainingReport]:
        asked = training_settings(**{"vector_size": 32, "epochs": 3, "workers": 1, **settings})
        listener = progress or SilentProgress()
        return train_word_vectors(stream, trainer, asked, listener, folder=tmp_path, hooks=hooks)

    return train
