"""From a token stream to word vectors: settings completed, vocabulary chosen, trainer run."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError
from embedsearch.text.vocabulary import select
from embedsearch.training.base import Corpus, Hooks, TrainingReport
from embedsearch.training.settings import LITTLE_TEXT, default_workers, fit_auto, fit_to_corpus
from embedsearch.training.starting import grown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch._types import IntVector
    from embedsearch.text.stream import TokenStream
    from embedsearch.text.vocabulary import Vocabulary
    from embedsearch.training.base import TrainedModel, Trainer
    from embedsearch.training.settings import TrainingSettings


def _gensim(settings: TrainingSettings) -> Trainer:
    from embedsearch.training.gensim import GensimWord2Vec

    return GensimWord2Vec(settings)


def _gensim_fasttext(settings: TrainingSettings) -> Trainer:
    from embedsearch.training.gensim import GensimFastText

    return GensimFastText(settings)


def _word2vec(settings: TrainingSettings) -> Trainer:
    from embedsearch.training.word2vec import Word2Vec

    return Word2Vec(settings)


def _fasttext(settings: TrainingSettings) -> Trainer:
    from embedsearch.training.fasttext import FastText

    return FastText(settings)


def _auto(settings: TrainingSettings) -> Trainer:
    from embedsearch.training.auto import Auto

    return Auto(settings)


def _ppmi(settings: TrainingSettings) -> Trainer:
    from embedsearch.training.counted import Ppmi

    return Ppmi(settings)


_FACTORIES: dict[str, Callable[[TrainingSettings], Trainer]] = {
    "auto": _auto,
    "word2vec": _word2vec,
    "fasttext": _fasttext,
    "ppmi": _ppmi,
    "gensim": _gensim,
    "gensim-fasttext": _gensim_fasttext,
}
TRAINERS = tuple(_FACTORIES)


def resolve_trainer(name: str) -> str:
    """Return the trainer that `name` stands for.

    Raises:
        ParameterError: There is no such trainer.
    """
    if name not in TRAINERS:
        raise ParameterError("trainer", f"one of {', '.join(TRAINERS)}", name)
    return name


def train_word_vectors(
    stream: TokenStream,
    trainer: str,
    settings: TrainingSettings,
    progress: Progress,
    *,
    folder: Path,
    hooks: Hooks | None = None,
) -> tuple[TrainedModel, TrainingReport]:
    """Train word vectors on a stream.

    Args:
        stream: The tokens.
        trainer: One of `TRAINERS`.
        settings: Those that are None are fitted to the corpus.
        progress: A listener.
        folder: Where files may be put meanwhile.
        hooks: Callbacks, a model to go on from, a checkpoint.

    Raises:
        CorpusTooSmallError: Fewer than two words are frequent enough.
        ParameterError: There is no such trainer, or it cannot do what the settings say.
    """
    name, hooks = resolve_trainer(trainer), hooks or Hooks()
    if name.startswith("gensim") and settings.workers is None:
        settings = replace(settings, workers=default_workers())
    settings, chosen = _complete(name, settings, stream)
    fitted = _FACTORIES[name](settings)
    vocabulary, rows = _vocabulary(stream, settings, hooks)
    choices = _explain(
        name, settings, chosen, stream.total, len(vocabulary), going_on=hooks.start is not None
    )
    progress.note(choices)
    wall, cpu = time.perf_counter(), time.process_time()
    model = fitted.fit(Corpus(stream, vocabulary, rows, folder), progress, hooks)
    report = TrainingReport(
        trainer=name,
        parameters=settings.to_json(),
        documents=len(stream),
        tokens=stream.total,
        vocabulary=len(vocabulary),
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        choices=choices,
        losses=tuple(fitted.losses),
    )
    return model, report


def _complete(
    name: str, settings: TrainingSettings, stream: TokenStream
) -> tuple[TrainingSettings, tuple[str, ...]]:
    chosen: tuple[str, ...] = ()
    if name == "auto":
        settings, chosen = fit_auto(settings, stream.counts)
    settings, others = fit_to_corpus(settings, stream.counts)
    return settings, (*chosen, *others)


def _vocabulary(
    stream: TokenStream, settings: TrainingSettings, hooks: Hooks
) -> tuple[Vocabulary, IntVector]:
    least, most = settings.min_count or 1, settings.max_final_vocab
    if hooks.start is None:
        return select(stream.types, stream.counts, least, most)
    return grown(hooks.start.vectors, stream.types, stream.counts, least)


_KINDS = {"fasttext": "fastText", "gensim-fasttext": "fastText", "ppmi": "PPMI with SVD"}


def _explain(
    name: str,
    settings: TrainingSettings,
    chosen: tuple[str, ...],
    tokens: int,
    words: int,
    *,
    going_on: bool,
) -> str:
    architecture = "" if name == "ppmi" else " (skip-gram)" if settings.sg else " (CBOW)"
    kind = _KINDS.get(name, "word2vec") + architecture
    if name == "auto" and tokens < LITTLE_TEXT and not going_on:
        kind += " from PPMI vectors, as text is scarce,"
    sentence = f"training {kind} on {tokens:,} tokens, {words:,} words"
    told = ("vector_size", "min_count", "window", "epochs", "alpha", "sample")
    shown = [n for n in told if n in chosen and not (name == "ppmi" and n == "epochs")]
    if not shown:
        return sentence
    values = ", ".join(f"{n}={getattr(settings, n):g}" for n in shown)
    return f"{sentence}; chosen for a corpus of this size: {values}"
