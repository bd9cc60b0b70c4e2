"""From a token stream, or from texts, to word vectors: the trainers by name."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from embedsearch._checks import Choice, check
from embedsearch._progress import Progress, SilentProgress
from embedsearch.text.languages import settle_elision
from embedsearch.text.lexicon import Lexicon, learn_lexicon
from embedsearch.text.phrases import PhraseTable, with_phrases
from embedsearch.text.settings import TokenizerSettings, apply_options
from embedsearch.text.stream import select
from embedsearch.text.stream_writer import write_texts
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.training.base import (
    Callback,
    Corpus,
    Hooks,
    TrainedModel,
    TrainingReport,
    extend_vocabulary,
)
from embedsearch.training.settings import (
    LITTLE_TEXT,
    default_workers,
    fit_auto,
    fit_to_corpus,
    training_settings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from embedsearch.text.stream import TokenStream
    from embedsearch.training.base import Trainer
    from embedsearch.training.settings import TrainingSettings


# Characters that tell the language and the words of texts that are read only once.
_HEAD = 1 << 24
TRAINERS = ("auto", "word2vec", "fasttext", "ppmi", "gensim", "gensim-fasttext")


def _trainer(name: str, settings: TrainingSettings) -> Trainer:
    # Imported by name, so that none pays for gensim or kernels that it does not use.
    if name.startswith("gensim"):
        from embedsearch.training.gensim import GensimTrainer

        return GensimTrainer(settings, ngrams=name == "gensim-fasttext")
    if name == "ppmi":
        from embedsearch.training.ppmi import Ppmi

        return Ppmi(settings)
    from embedsearch.training.word2vec import Auto, FastText, Word2Vec

    if name == "fasttext":
        return FastText(settings)
    return Auto(settings) if name == "auto" else Word2Vec(settings)


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
) -> tuple[TrainedModel, TextProcessor]:
    """Train word vectors on texts; return them, and what cuts text as these were cut."""
    rest = iter(texts)
    head = _head(rest)
    tokenizer = settle_elision(tokenizer, head)
    phrases = PhraseTable((), learn_lexicon(head) if tokenizer.finds_words else Lexicon())
    with TemporaryDirectory(prefix="embedsearch-") as name:
        folder, processor = Path(name), TextProcessor(tokenizer, phrases)
        stream = write_texts(folder, enumerate(chain(head, rest)), processor, progress)
        if tokenizer.phrase_settings is not None:
            stream, found = with_phrases(stream, tokenizer.phrase_settings, folder, progress)
            phrases = PhraseTable(found.passes, phrases.lexicon)
        model, _ = train_word_vectors(
            stream, trainer, settings, progress, folder=folder, hooks=hooks
        )
    return model, TextProcessor(tokenizer, phrases)


def _head(texts: Iterator[str]) -> list[str]:
    """Take texts of some million characters, as texts can be read only once."""
    head, size = list[str](), 0
    for text in texts:
        head.append(text)
        size += len(text)
        if size >= _HEAD:
            break
    return head
