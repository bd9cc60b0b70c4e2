"""The trainers by name, and from a token stream to word vectors."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from embedsearch._checks import Choice, check
from embedsearch.text.vocabulary import select
from embedsearch.training.base import Hooks, TrainingReport
from embedsearch.training.corpus import Corpus
from embedsearch.training.settings import LITTLE_TEXT, default_workers, fit_auto, fit_to_corpus
from embedsearch.training.warm_start import extend_vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch.text.stream import TokenStream
    from embedsearch.training.base import TrainedModel, Trainer
    from embedsearch.training.settings import TrainingSettings

TRAINERS = ("auto", "word2vec", "fasttext", "ppmi", "gensim", "gensim-fasttext")


def _trainer(name: str, settings: TrainingSettings) -> Trainer:
    # Imported by name, so that none pays for gensim or kernels that it does not use.
    match name:
        case "auto":
            from embedsearch.training.auto import Auto

            return Auto(settings)
        case "word2vec":
            from embedsearch.training.word2vec import Word2Vec

            return Word2Vec(settings)
        case "fasttext":
            from embedsearch.training.word2vec import FastText

            return FastText(settings)
        case "ppmi":
            from embedsearch.training.ppmi import Ppmi

            return Ppmi(settings)
        case _:
            from embedsearch.training.gensim import GensimTrainer

            return GensimTrainer(settings, ngrams=name == "gensim-fasttext")


def resolve_trainer(name: str) -> str:
    """Return the trainer that `name` stands for."""
    check("trainer", name, Choice(TRAINERS))
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
    """Train word vectors on a stream; `folder` is for temporary files."""
    name, hooks = resolve_trainer(trainer), hooks or Hooks()
    settings, chosen = _complete(name, settings, stream)
    fitted = _trainer(name, settings)
    corpus = _corpus(stream, settings, folder, hooks)
    words = len(corpus.vocabulary)
    kind = _kind(name, settings, from_counts=hooks.start is None and stream.total < LITTLE_TEXT)
    choices = f"training {kind} on {stream.total:,} tokens, {words:,} words"
    choices += _shown(name, settings, chosen)
    progress.note(choices)
    wall, cpu = time.perf_counter(), time.process_time()
    model = fitted.fit(corpus, progress, hooks)
    report = TrainingReport(
        trainer=name,
        parameters=settings.to_json(),
        documents=len(stream),
        tokens=stream.total,
        vocabulary=words,
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        choices=choices,
        losses=tuple(fitted.losses),
    )
    return model, report


def _complete(
    name: str, settings: TrainingSettings, stream: TokenStream
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Fill in what was left open; return the names of what the size of the corpus decided."""
    chosen: tuple[str, ...] = ()
    if name.startswith("gensim") and settings.workers is None:
        # It takes minutes for what our own take seconds.
        settings = replace(settings, workers=default_workers())
    if name == "auto":
        settings, chosen = fit_auto(settings, stream.counts)
    settings, others = fit_to_corpus(settings, stream.counts)
    return settings, (*chosen, *others)


def _corpus(stream: TokenStream, settings: TrainingSettings, folder: Path, hooks: Hooks) -> Corpus:
    types, counts, least = stream.types, stream.counts, settings.min_count or 1
    if hooks.start is None:
        vocabulary, rows = select(types, counts, least, settings.max_final_vocab)
    else:
        vocabulary, rows = extend_vocabulary(hooks.start.vectors, types, counts, least)
    return Corpus(stream, vocabulary, rows, folder)


def _kind(name: str, settings: TrainingSettings, *, from_counts: bool) -> str:
    if name == "ppmi":
        return "PPMI with SVD"
    kind = "fastText" if name.endswith("fasttext") else "word2vec"
    kind += " (skip-gram)" if settings.sg else " (CBOW)"
    if name == "auto" and from_counts:
        kind += " from PPMI vectors, as text is scarce,"
    return kind


def _shown(name: str, settings: TrainingSettings, chosen: tuple[str, ...]) -> str:
    names = ["vector_size", "min_count", "window", "epochs", "alpha", "sample"]
    if name == "ppmi":
        names.remove("epochs")
    values = [f"{name}={getattr(settings, name):g}" for name in names if name in chosen]
    return f"; chosen for a corpus of this size: {', '.join(values)}" if values else ""
