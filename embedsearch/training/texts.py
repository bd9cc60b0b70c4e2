"""Word vectors of texts, without a workspace."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from embedsearch._progress import Progress, SilentProgress
from embedsearch.text.phrases import PhraseTable, with_phrases
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import TokenizerSettings, apply_options
from embedsearch.text.stream_writer import write_texts
from embedsearch.training.base import Callback, Hooks, TrainedModel
from embedsearch.training.settings import training_settings
from embedsearch.training.trainers import train_word_vectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from embedsearch.training.settings import TrainingSettings


def train_texts(
    texts: Iterable[str],
    trainer: str = "auto",
    *,
    tokenizer: TokenizerSettings | str | None = None,
    progress: Progress | None = None,
    callbacks: Sequence[Callback] = (),
    start: TrainedModel | None = None,
    **parameters: Any,
) -> TrainedModel:
    """Train word vectors on texts; only the result stays.

    Args:
        texts: Documents, read once; an open text file is one document a line.
        trainer: One of `embedsearch.TRAINERS`.
        tokenizer: How text becomes tokens: settings, or the name of a tokenizer.
        progress: A listener.
        callbacks: Called with an `EpochReport` after every epoch.
        start: A model to continue from, such as that of `from_gensim`.
        **parameters: gensim's, see `TrainingSettings`, and those of `TokenizerSettings`.

    Raises:
        CorpusTooSmallError: Fewer than two words are frequent enough.
        ParameterError: A parameter is unknown or out of range.
    """
    cutting, options = apply_options(tokenizer or "unicode", parameters, TokenizerSettings())
    hooks = Hooks(callbacks=callbacks, start=start)
    listener = progress or SilentProgress()
    return learn_texts(texts, trainer, cutting, training_settings(**options), listener, hooks)[0]


def learn_texts(
    texts: Iterable[str],
    trainer: str,
    tokenizer: TokenizerSettings,
    settings: TrainingSettings,
    progress: Progress,
    hooks: Hooks | None = None,
) -> tuple[TrainedModel, PhraseTable]:
    """Train word vectors on texts; return them, and the phrases that were joined."""
    processor, phrases = TextProcessor(tokenizer), PhraseTable()
    with TemporaryDirectory(prefix="embedsearch-") as name:
        folder = Path(name)
        stream = write_texts(folder, enumerate(texts), processor, progress)
        if tokenizer.phrase_settings is not None:
            stream, phrases = with_phrases(stream, tokenizer.phrase_settings, folder, progress)
        model, _ = train_word_vectors(
            stream, trainer, settings, progress, folder=folder, hooks=hooks
        )
    return model, phrases
